"""The record of a prediction; apart, because images and visualisations both hold one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prediction:
    """A classifier's first class for one image."""

    index: int
    name: str
    probability: float
    """Softmax probability, 0 to 1."""
