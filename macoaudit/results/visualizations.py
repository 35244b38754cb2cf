"""Frozen records of visualisations: what was asked of the network, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from macoaudit.results.measures import Skipped
from macoaudit.results.predictions import Prediction

TargetKind = Literal["logit", "channel", "neuron", "token", "head", "direction"]
TargetForm = Literal["dot", "cosine", "standard"]
Method = Literal["maco", "fourier", "pixel"]
VisualizationStatus = Literal["ok", "dead", "unreachable", "failed"]


@dataclass(frozen=True)
class TargetTerm:
    """One target with its weight; a score is the weighted sum of its terms."""

    weight: float
    kind: TargetKind
    layer: str
    """``logits`` for a logit, else a layer's name."""
    index: int
    """Class, channel, dimension of the token, head, or row of the directions' file."""
    place: tuple[int, int] | None
    """(row, column) of a neuron, from 0; None for the centre, and where there is no place."""
    part: str | None
    """``cls``, ``mean``, ``reg0``... or a patch's number, where the layer puts out tokens."""
    form: TargetForm
    """``cosine``: with a direction. ``standard``: a logit in standard deviations of the image's
    logits. ``dot``: the number itself."""
    vector_sha256: str | None
    """Digest of the direction's float32 values."""
    text: str
    """The target in words."""


@dataclass(frozen=True)
class TargetTransfer:
    """What a judge with the same classes sees in the visualisation of a class."""

    judge: str
    top1_agrees: bool
    top5_agrees: bool
    rank: int
    """Rank of the class for the judge, 1 is first."""
    n_classes: int
    probability: float
    start_probability: float
    """The judge's probability of the class on the image that the optimisation started from."""


@dataclass(frozen=True)
class Visualization:
    """One picture drawn for one target: one start, optimised to the end."""

    id: str
    """Name of the target's folder in the run."""
    name: str
    """The whole target in words, or as its author named it."""
    terms: tuple[TargetTerm, ...]
    method: Method
    seed: int
    status: VisualizationStatus
    """``dead``: the score does not respond to the image. ``unreachable``: it ended no better than
    it started. ``failed``: a number was not finite. Only ``ok`` has pictures."""
    reason: str | None
    """Why there is no picture; None when ok."""
    score: float | None
    """Of the whole picture as written, in the activation's own units."""
    start_score: float | None
    """Of the image that the optimisation started from."""
    image_score: float | None
    """Of the given image itself, where the search started from one (accentuation)."""
    similarity: float | None
    """Cosine between the layer's activations of the picture and of the given image."""
    prediction: Prediction | None
    n_steps: int
    converged: bool
    transfer: tuple[TargetTransfer, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    """Checks that were not made on this picture."""
    files: Mapping[str, str] = field(default_factory=dict)
    """``image``, ``transparency``, ``masked``, and ``start`` where an image was given."""
    n_starts: int = 1
    """Random starts looked at: more than one where the target was silent at the first."""
