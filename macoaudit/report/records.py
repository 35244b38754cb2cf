"""Frozen records of what a report shows: text already rounded and worded, no tensors, no bytes.

A template only loops over these records and asks whether a field is there. Text that came from
outside (file names, class names, reasons) has passed :func:`macoaudit.report.words.visible`.
"""

from dataclasses import dataclass, field

from macoaudit.report.pieces import (
    DepthStep,
    DepthView,
    MeanRow,
    Picture,
    PlausibilityView,
    RetentionView,
    TrustView,
)


@dataclass(frozen=True)
class Fact:
    """One line of a list of facts."""

    name: str
    value: str


@dataclass(frozen=True)
class FactGroup:
    """Facts under one heading."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Score:
    """A similarity, rounded, beside its start value and what both mean."""

    value: str
    start: str
    word: str
    """A word of the scale, for a label."""
    level: int
    """0 (no better than the start) to 5 (nearly exact); -1 when there is no similarity."""
    sentence: str
    bar_pct: str
    """Length of the bar, 0 to 100; a negative similarity has length 0."""
    start_pct: str


@dataclass(frozen=True)
class SeedView:
    """One inversion: its pictures and the row of numbers that goes with them."""

    seed: str
    pictures: tuple[Picture, ...]
    score: Score
    prediction: str
    same_class: str
    steps: str
    exemplars: tuple[Picture, ...]
    """Nearest natural images, nearest first."""


@dataclass(frozen=True)
class TransferView:
    """What one judge saw in one inversion."""

    judge: str
    method: str
    seed: str
    verdict: str
    rank: str
    probability: str
    reference_rank: str
    reference_probability: str


@dataclass(frozen=True)
class Card:
    """Everything shown about one image."""

    anchor: str
    title: str
    label: str | None
    score: Score
    reference: Picture | None
    reference_prediction: str | None
    prediction_sentence: str
    seeds: tuple[SeedView, ...]
    transfer: tuple[TransferView, ...]
    transfer_note: str | None
    """Says how many rows or pictures were left out, when some were."""
    retention: RetentionView | None
    plausibility: PlausibilityView | None
    depth: tuple[DepthStep, ...]
    other_class: tuple[Picture, ...]
    """Natural images of another class nearest to the reference."""
    not_checked: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One line of the table of all images."""

    anchor: str | None
    """Anchor of the card; None when the report shows no card for this image."""
    path: str
    label: str
    status: str
    similarity: str
    start: str
    word: str
    level: int
    prediction: str
    kept: str
    transfer: str
    content: str
    """Share of the map that was retained."""
    proof: str
    """Whether the proof by deletion holds."""
    as_far: str
    """Share of natural images at least as far from their neighbours as the inversions."""


@dataclass(frozen=True)
class Problem:
    """An image that gave no result, and why."""

    path: str
    status: str
    reason: str


@dataclass(frozen=True)
class Level:
    """One step of the similarity scale with the number of images on it."""

    level: int
    word: str
    range: str
    meaning: str
    count: str
    bar_pct: str


@dataclass(frozen=True)
class Banner:
    """The first thing a reader sees."""

    status: str
    complete: bool
    explanation: str
    warning: str | None
    """Said loudly: the pictures must not be read as those of a trained network."""
    tiles: tuple[Fact, ...]
    mean: Score
    means: tuple[MeanRow, ...]
    """Retention over all images, where the run recorded it."""


@dataclass(frozen=True)
class Texts:
    """Paragraphs that are the same for every run of a command, or depend on settings only."""

    how_to_read: tuple[Fact, ...]
    limits: tuple[str, ...]
    glossary: tuple[Fact, ...]


@dataclass(frozen=True)
class View:
    """A whole report as plain data."""

    command: str
    title: str
    subtitle: str
    tool: str
    banner: Banner
    audited: tuple[FactGroup, ...]
    settings_sentence: str
    texts: Texts
    scale: tuple[Level, ...]
    cards: tuple[Card, ...]
    cards_note: str
    rows: tuple[tuple[Row, ...], ...]
    """The table of all images in chunks."""
    rows_note: str | None
    has_transfer: bool
    has_labels: bool
    has_retention: bool
    has_plausibility: bool
    trust: TrustView | None
    depth: DepthView | None
    problems: tuple[Problem, ...]
    problems_note: str
    skipped: tuple[Fact, ...]
    reproduce: tuple[FactGroup, ...]
    """Facts that are the same for equal runs."""
    volatile: tuple[FactGroup, ...] = field(default_factory=tuple)
    """Facts that differ between equal runs: time, device, versions, command line."""
