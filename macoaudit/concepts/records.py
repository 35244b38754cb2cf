"""What was found about the concepts of a class."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class TopCrop:
    """One of the crops in which a concept is strongest."""

    image: int
    """Index among the images of the class."""
    box: tuple[int, int, int, int]
    """Top, left, height, width in pixels of the network's input."""
    coefficient: float


@dataclass(frozen=True)
class Concept:
    """One part of a class's activations: what it weighs, where it lies, what to draw for it."""

    importance: float
    """Sobol total index for the class's logit, mean over images: share of the variance, from 0."""
    importance_by_image: Float[Tensor, " measured_image"]
    effect: float
    """Logit of the class minus the logit without the concept, mean over images: its sign tells
    evidence for the class from evidence against it."""
    effect_by_image: Float[Tensor, " measured_image"]
    part: Float[Tensor, " feature"]
    """Row of W, unit length, non-negative."""
    direction: Float[Tensor, " channel"]
    """The same among the layer's channels: what to maximise in order to draw the concept."""
    maps: Float[Tensor, "image height width"]
    """Coefficient at every pixel of every image, in the layer's units."""
    top_crops: tuple[TopCrop, ...]
    """Strongest first, at most one from each image."""


@dataclass(frozen=True)
class ConceptSet:
    """The concepts of one class at one layer, everything on the CPU.

    Concepts that raise the class's logit come first, then those that do not; the most important
    first in both.
    ``notes`` says what was done otherwise than asked: fewer concepts, fewer images measured.
    """

    class_index: int
    class_name: str
    layer: str
    grid: tuple[int, int]
    """Rows and columns of the layer's output."""
    fine_grid: tuple[int, int]
    """Places at which concepts were located, after moving the image under the grid."""
    concepts: tuple[Concept, ...]
    n_images: int
    measured: tuple[int, ...]
    """Indices of the images on which importance and effect were measured."""
    n_crops: int
    crop_boxes: Int[Tensor, "box 4"]
    """Windows that were cut out of every image: top, left, height, width."""
    signed: bool
    """Whether activations had negative values, and were split into both halves."""
    relative_error: float
    """``|A - U W| / |A|`` over the crops."""
    converged: bool
    seed: int
    notes: tuple[str, ...]
