"""Frozen records of a run and its images: plain data, no tensors, ready for JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from macoaudit.results.classes import ClassDrivers
from macoaudit.results.concepts import ClassConcepts
from macoaudit.results.findings import Finding, ShortcutAudit, ShortcutTest
from macoaudit.results.gate import GateRecord
from macoaudit.results.measures import (
    DepthPoint,
    Exemplar,
    Plausibility,
    Retention,
    Skipped,
    Transfer,
    TrustCheck,
)
from macoaudit.results.morphs import Morph
from macoaudit.results.predictions import Prediction
from macoaudit.results.visualizations import Visualization

SCHEMA_VERSION = 1

ImageStatus = Literal["ok", "skipped", "failed"]
RunStatus = Literal["complete", "incomplete"]
WeightsOrigin = Literal["packaged", "pretrained", "file", "random", "factory"]


@dataclass(frozen=True)
class Inversion:
    """One inversion of one image: one random start, optimised to the end."""

    seed: int
    similarity: float
    """Cosine between the activations of the whole inverted image and of the reference, -1 to 1."""
    start_similarity: float
    """The same cosine for the random-phase image that the optimisation started from."""
    prediction: Prediction | None
    """The audited model's first class for the inverted image; None for a model without classes."""
    n_steps: int
    converged: bool
    """Whether the loop stopped before the last step because the score had settled."""
    files: Mapping[str, str]
    """``image``, ``transparency`` (grey mask) and ``masked`` (RGBA), relative to the run folder."""
    exemplars: tuple[Exemplar, ...] = ()
    """Natural images nearest to the inversion in the audited layer's space, nearest first; the
    reference itself is not among them."""


@dataclass(frozen=True)
class ImageAudit:
    """Everything measured on one reference image."""

    id: str
    """Name of the image's folder in the run: slug and content hash, unique in the run."""
    path: str
    """Path as given by the user, relative to the folder of images, with forward slashes."""
    status: ImageStatus
    reason: str | None
    """Why the image was skipped or failed; None when ok."""
    label: str | None
    """Name of the class subfolder, when there is one."""
    sha256: str | None
    """Digest of the file's bytes; None when the file could not be read."""
    prediction: Prediction | None
    similarity: float | None
    """Mean over seeds of :attr:`Inversion.similarity`."""
    inversions: tuple[Inversion, ...] = ()
    transfer: tuple[Transfer, ...] = ()
    plausibility: Plausibility | Skipped | None = None
    retention: Retention | Skipped | None = None
    depth: tuple[DepthPoint, ...] = ()
    """The depth profile, in the network's order; empty when none was asked for."""
    other_class: tuple[Exemplar, ...] = ()
    """Natural images of another class nearest to the reference, nearest first."""
    skipped: tuple[Skipped, ...] = ()
    """Further checks that were not made on this image."""
    files: Mapping[str, str] = field(default_factory=dict)
    """``reference``: the image as the model sees it (resized and cropped)."""


@dataclass(frozen=True)
class ModelRecord:
    """The audited network, well enough named to load it again."""

    name: str
    architecture: str
    weights_sha256: str
    """Digest of the weights as loaded (names, shapes and values of the state dict)."""
    weights_origin: WeightsOrigin
    layer: str
    activation_shape: tuple[int, ...]
    input_size: tuple[int, int, int]
    """(channel, height, width)."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop_pct: float
    interpolation: str
    num_classes: int


@dataclass(frozen=True)
class Run:
    """One run of one command: the document ``results.json``."""

    command: str
    status: RunStatus
    tool: Mapping[str, str]
    """``name`` and ``version``."""
    model: ModelRecord
    config: Mapping[str, Any]
    """Every setting that changes numbers."""
    images: tuple[ImageAudit, ...]
    skipped: tuple[Skipped, ...]
    summary: Mapping[str, Any]
    volatile: Mapping[str, Any]
    """Facts that differ between equal runs: times, device, versions, command line."""
    trust: tuple[TrustCheck, ...] = ()
    visualizations: tuple[Visualization, ...] = ()
    drivers: tuple[ClassDrivers, ...] = ()
    """Of a gallery: what drives each class that was drawn."""
    concepts: tuple[ClassConcepts, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Shortcuts that were found, high ones first."""
    tests: tuple[ShortcutTest, ...] = ()
    """Every test of every class, made or not, by class."""
    shortcuts: ShortcutAudit | None = None
    """Of an audit: how shortcuts were looked for."""
    gate: GateRecord | None = None
    """Of an audit: its verdict."""
    morphs: tuple[Morph, ...] = ()
    """Images moved towards other classes, in the order of the images."""
