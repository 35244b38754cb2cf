"""Frozen records of what drives a class in front of the classifier."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DrivingChannel:
    """One channel of the penultimate layer and what it adds to a class's logit."""

    channel: int
    weight: float
    """Of the channel in the class's logit."""
    activation: float
    """Mean over the class's pictures."""
    contribution: float
    """``weight * activation``, in the logit's units."""
    share: float
    """Of the sum of all positive contributions, 0 to 1."""
    visualization: str
    """Id of the channel's own picture, drawn in the direction that it has on the class's."""


@dataclass(frozen=True)
class ClassDrivers:
    """The channels that add most to a class's logit on the class's own pictures.

    The classifier is linear there, so ``logit = bias + sum of all contributions`` holds exactly.
    """

    index: int
    name: str
    layer: str
    n_pictures: int
    logit: float
    """Mean over the class's pictures."""
    bias: float
    n_channels: int
    """Of the layer."""
    channels: tuple[DrivingChannel, ...]
    """Largest contribution first; only positive ones."""
