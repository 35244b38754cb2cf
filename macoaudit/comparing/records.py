"""Frozen records of a comparison of two runs, A and B: plain data, ready for JSON.

Differences are always B minus A. Names of files and classes are as the records hold them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from macoaudit.results import (
    FailOn,
    GateOutcome,
    ImageStatus,
    ModelRecord,
    Prediction,
    Retained,
    RunStatus,
    Severity,
)
from macoaudit.results.verdicts import Verdict

SCHEMA_VERSION = 1

Letter = Literal["A", "B"]
Relation = Literal["same weights", "other weights", "two networks"]
"""Of the two networks: ``other weights`` is one network's name with another digest."""
MatchedBy = Literal["content", "path"]
PairState = Literal[
    "new",
    "worsened",
    "unchanged",
    "weaker",
    "fixed",
    "not tested in A",
    "not tested in B",
]
"""``weaker`` is ``worsened`` seen from B. What one run found in a class that the other did not test
is neither new nor fixed."""
Group = Literal["network", "input", "tool", "machine", "seeds", "settings", "images", "policy"]
CautionAbout = Literal[
    "incomplete",
    "networks",
    "input",
    "images",
    "labels",
    "settings",
    "seeds",
    "versions",
    "policy",
]


@dataclass(frozen=True)
class GateSide:
    """The verdict that one audit came to by its own policy."""

    outcome: GateOutcome
    exit_code: int
    fail_on: FailOn
    policy: str
    policy_sha256: str | None
    baseline_sha256: str | None
    n_failing: int
    """Findings that make it fail."""
    n_suppressed: int


@dataclass(frozen=True)
class Side:
    """One of the two runs."""

    folder: str
    """Name of the run folder, without what it lies in."""
    record_sha256: str
    """Of the bytes of ``results.json``."""
    status: RunStatus
    incomplete: tuple[str, ...]
    """Why the run is not whole."""
    tool: Mapping[str, str]
    started: str | None
    model: ModelRecord
    seeds: tuple[int, ...]
    """Of the inversions."""
    n_images: int
    n_ok: int
    n_inverted: int
    n_classes_tested: int | None
    """None for a run that tests no classes."""
    n_findings: int
    gate: GateSide | None


@dataclass(frozen=True)
class Caution:
    """What makes the two runs unlike, so that a difference may not be the network's."""

    about: CautionAbout
    text: str


@dataclass(frozen=True)
class Difference:
    """One fact or setting that the two records state differently."""

    group: Group
    key: str
    """Dotted, as in ``results.json``."""
    a: Any
    """As recorded; None where it is missing or null."""
    b: Any
    only_in: Letter | None
    """Where the other record does not have the key at all."""


@dataclass(frozen=True)
class ImageSide:
    """One image in one of the runs."""

    id: str
    """Of its record in ``images``."""
    path: str
    label: str | None
    status: ImageStatus
    reason: str | None
    sha256: str | None
    prediction: Prediction | None
    similarity: float | None
    seeds: tuple[int, ...]
    """Of its inversions."""


@dataclass(frozen=True)
class AttributePair:
    """Retention of one attribute of one image in both runs."""

    name: str
    a: Retained | None
    b: Retained | None
    reason_a: str | None
    """Why A has none; None where it has one."""
    reason_b: str | None
    verdict_a: Verdict | None
    verdict_b: Verdict | None
    changed: bool | None
    """Whether the verdicts differ; None where one of them is missing."""
    difference: float | None


@dataclass(frozen=True)
class ImagePair:
    """One image in both runs."""

    matched_by: MatchedBy
    same_content: bool | None
    """Whether the files have one digest; None where a file could not be read."""
    a: ImageSide
    b: ImageSide
    difference: float | None
    """Of the similarities."""
    why_not: str | None
    """Why there is no difference that counts; None when there is."""
    prediction_changed: bool | None
    """None where one of the predictions is missing, or the files differ."""
    attributes: tuple[AttributePair, ...]


@dataclass(frozen=True)
class Alone:
    """An image that only one of the runs has."""

    run: Letter
    image: ImageSide
    reason: str


@dataclass(frozen=True)
class PairedChange:
    """One number over all images that have it in both runs."""

    name: str
    """``similarity`` or an attribute of retention."""
    n: int
    mean_a: float | None
    mean_b: float | None
    mean_difference: float | None
    low: float | None
    """Lower end of the 95 % bootstrap interval over images; None with too few."""
    high: float | None
    n_changed: int
    """Images whose difference is not exactly 0."""
    test: str | None
    """How the p-value was had; None where there is none."""
    statistic: float | None
    p_value: float | None
    """Two-sided."""
    adjusted_p: float | None
    """After Holm over the attributes; None for the similarity, which is one question alone."""
    reason: str | None
    """Why there is no interval or no test."""


@dataclass(frozen=True)
class FindingSide:
    """A finding in one of the runs."""

    id: str
    class_index: int
    fingerprint: str
    severity: Severity
    """As the tests call it, before any policy."""
    margin: float
    counted: Severity | None
    """What its own run's policy makes of it; None where the run was not judged."""
    fails: bool | None
    suppressed: str | None


@dataclass(frozen=True)
class FindingPair:
    """One finding in both runs, or in one of them."""

    class_name: str
    rule: str
    region: str
    """Kind of region: ``place``, ``everywhere`` or the name of a property."""
    state: PairState
    a: FindingSide | None
    b: FindingSide | None
    margin_a: float | None
    """Of the finding, else of its class; None where the class was not tested."""
    margin_b: float | None
    difference: float | None


@dataclass(frozen=True)
class ClassPair:
    """One class in both runs, or in one of them."""

    class_name: str
    index_a: int | None
    """None where A has no such class."""
    index_b: int | None
    n_images_a: int | None
    n_images_b: int | None
    tested_a: bool | None
    tested_b: bool | None
    margin_a: float | None
    margin_b: float | None
    difference: float | None
    severity_a: Severity | None
    """Of its worst finding; None without one."""
    severity_b: Severity | None


@dataclass(frozen=True)
class Comparison:
    """Two runs of one command compared: the document ``compare.json``."""

    schema_version: int
    command: str
    relation: Relation
    headline: str
    a: Side
    b: Side
    cautions: tuple[Caution, ...]
    differences: tuple[Difference, ...]
    images: tuple[ImagePair, ...]
    """Largest difference of similarity first, then those without one."""
    only_in_one: tuple[Alone, ...]
    similarity: PairedChange
    attributes: tuple[PairedChange, ...]
    n_predictions: int
    """Images of one content with a prediction in both runs."""
    n_predictions_changed: int
    n_verdicts: int
    """Attributes of images with a verdict in both runs."""
    n_verdicts_changed: int
    findings: tuple[FindingPair, ...]
    classes: tuple[ClassPair, ...]
