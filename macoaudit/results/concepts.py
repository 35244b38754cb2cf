"""Frozen records of the concepts of a class: what each weighs, where it lies, what shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

ChosenBy = Literal["label", "prediction"]
NonNegative = Literal["as they are", "halves"]


@dataclass(frozen=True)
class ConceptImage:
    """One of the images in which the concepts of a class were sought."""

    id: str
    """Of the image's record in ``images``."""
    chosen_by: ChosenBy
    """Why it counts as one of the class: its folder's label, or the network's own prediction."""
    measured: bool
    """Whether importance was measured on it."""


@dataclass(frozen=True)
class ConceptCrop:
    """One of the crops in which a concept is strongest."""

    image: str
    """Of the image's record in ``images``."""
    box_px: tuple[int, int, int, int]
    """Top, left, height, width in pixels of the network's input."""
    coefficient: float
    files: Mapping[str, str]
    """``crop``: as the network saw it."""


@dataclass(frozen=True)
class ConceptPlace:
    """Where a concept lies in one image."""

    image: str
    """Of the image's record in ``images``."""
    strength: float
    """Largest coefficient in this image, as a share of the largest in any of them: 0 to 1."""
    region_frac: float
    """Share of the image's area where the coefficient reaches half of this image's largest."""
    centre_frac: tuple[float, float] | None
    """(down, across) middle of that region, as shares of the sides; None where there is none."""
    files: Mapping[str, str]
    """``overlay``: heat over the grey image. ``map``: the coefficients, white for the largest in
    any of the images."""


@dataclass(frozen=True)
class ConceptRecord:
    """One concept of a class."""

    id: str
    rank: int
    """From 1: evidence for the class first, then evidence against it, by importance."""
    importance: float
    """Sobol total index for the class's logit, mean over the measured images: from 0, about the
    share of the logit's variance that the concept takes part in."""
    importance_by_image: tuple[float, ...]
    """In the order of the measured images."""
    effect: float
    """Logit of the class minus the logit without the concept, mean over the measured images."""
    effect_by_image: tuple[float, ...]
    direction_sha256: str
    """Digest of the float32 direction among the layer's channels."""
    visualization: str | None
    """``id`` of its records in ``visualizations``; None for a direction that points nowhere."""
    crops: tuple[ConceptCrop, ...]
    """Strongest first, at most one from each image."""
    places: tuple[ConceptPlace, ...]
    """Where it lies in each image, in the order of the images."""


@dataclass(frozen=True)
class ClassConcepts:
    """The concepts of one class at one layer."""

    class_index: int
    class_name: str
    layer: str
    grid: tuple[int, int]
    """Rows and columns of the layer's output."""
    fine_grid: tuple[int, int]
    """Places at which concepts were located, after moving the image under the grid."""
    images: tuple[ConceptImage, ...]
    n_crops: int
    non_negative: NonNegative
    """``as they are``: no activation was negative. ``halves``: some were, and all were split into
    their positive and negative halves, which the factorisation takes apart."""
    relative_error: float
    """``|A - U W| / |A|`` over the crops: 0 is exact, 1 is nothing explained."""
    converged: bool
    notes: tuple[str, ...]
    """What was done otherwise than asked."""
    concepts: tuple[ConceptRecord, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    """``directions``: safetensors with one row a concept, for ``visualize --directions``."""
