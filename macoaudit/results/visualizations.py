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
NamedBy = Literal["folder", "network"]


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
class PicturePlausibility:
    """Deep k-NN distance of one picture to natural images, and its rank among theirs."""

    space: str
    """Network and layer whose features are compared."""
    k: int
    n_reference: int
    distance: float
    """Mean Euclidean distance to the k nearest natural images, features of unit length."""
    percentile: float
    """Share of natural images that are at least as far from their own neighbours, the picture
    counted in; small is unusual."""
    raw_distance: float
    """Distance to the nearest natural image, features as they are."""


@dataclass(frozen=True)
class NaturalNeighbour:
    """A natural image near a picture."""

    path: str
    """As given by the user."""
    name: str | None
    """Its folder's name where it has one, else what the drawn network calls it."""
    named_by: NamedBy | None
    """Who says so; None without a name."""
    of_class: bool | None
    """Whether it is of the class that was drawn; None where no class was, or nobody can say."""
    similarity: float
    """Cosine between the activations."""
    file: str
    """Its picture, relative to the run folder."""


@dataclass(frozen=True)
class NaturalNeighbours:
    """The natural images nearest to a picture, nearest first."""

    space: str
    """Network and layer whose activations are compared."""
    images: tuple[NaturalNeighbour, ...]


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
    plausibility: PicturePlausibility | Skipped | None = None
    """None where there is no picture, or no natural images were given to the run."""
    exemplars: NaturalNeighbours | Skipped | None = None
    """None as for :attr:`plausibility`."""
    skipped: tuple[Skipped, ...] = ()
    """Further checks that were not made on this picture."""
    files: Mapping[str, str] = field(default_factory=dict)
    """``image``, ``transparency``, ``masked``, and ``start`` where an image was given."""
    n_starts: int = 1
    """Random starts looked at: more than one where the target was silent at the first."""
