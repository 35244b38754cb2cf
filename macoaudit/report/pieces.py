"""Frozen records of a report's measured parts: what was kept, proofs, neighbours, trust, depth.

Like :mod:`macoaudit.report.records`: text already rounded and worded; plots
hold their numbers.
"""

from dataclasses import dataclass

from macoaudit.report.charts import Chart


@dataclass(frozen=True)
class Picture:
    """A picture of the run folder, with the words that stand in for it."""

    path: str
    """Relative to the run folder, as recorded."""
    caption: str
    alt: str
    small: bool = False
    """Shown as a small thumbnail; it is then also encoded small."""
    trim: bool = False
    """Cut to what is not transparent."""
    animated: bool = False
    """Several frames, all of which are shown."""

    @property
    def key(self) -> tuple[str, bool]:
        """Under which a renderer finds the encoded picture."""
        return self.path, self.small


@dataclass(frozen=True)
class AttributeView:
    """How much of one attribute came back, rounded."""

    name: str
    word: str
    """The verdict's word; ``not measured`` with the reason where there is no number."""
    level: str
    """``kept``, ``partly``, ``dropped``, ``chance``, ``open`` or ``skipped``: for the bar's looks.
    """
    value: str
    interval: str
    null: str
    ceiling: str
    p: str
    bar_pct: str
    low_pct: str
    span_pct: str
    """Where the interval begins and how long it is, in per cent of the bar."""
    reason: str | None


@dataclass(frozen=True)
class DeletionRow:
    """Effects of deleting one share of the image."""

    area: str
    retained: str
    moved_retained: str
    dropped: str
    moved_dropped: str


@dataclass(frozen=True)
class ProofView:
    """The proof of the map by deletion."""

    outcome: str
    """``holds``, ``fails`` or ``not made``."""
    symbol: str
    headline: str
    statements: tuple[str, ...]
    numbers: str | None
    """The faithfulness number beside its null."""
    chart: Chart | None
    rows: tuple[DeletionRow, ...]


@dataclass(frozen=True)
class RetentionView:
    """What an image's inversions share with it, in words and numbers."""

    sentence: str
    picture: Picture
    attributes: tuple[AttributeView, ...]
    how: str
    """What was compared with what, and how often."""
    proof: ProofView


@dataclass(frozen=True)
class PlausibilityView:
    """How far from natural images the inversions lie."""

    sentence: str
    reference: str
    how: str
    rows: tuple[tuple[str, str, str, str], ...]
    """Reference and seeds: name, distance, share at least as far, raw distance."""


@dataclass(frozen=True)
class DepthStep:
    """One layer of an image's depth profile."""

    layer: str
    picture: Picture


@dataclass(frozen=True)
class DepthRow:
    """Means over images at one layer, one cell an attribute."""

    layer: str
    n: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class DepthView:
    """The depth profile of a run."""

    note: str
    charts: tuple[Chart, ...]
    names: tuple[str, ...]
    """Column heads of the table."""
    rows: tuple[DepthRow, ...]
    left_out: str | None


@dataclass(frozen=True)
class TrustRow:
    """One control of the run."""

    name: str
    outcome: str
    symbol: str
    level: str
    """``good``, ``bad`` or ``none``: for looks beside word and symbol."""
    value: str
    threshold: str
    n_images: str
    checks: str
    otherwise: str
    """What it would look like if the pictures could not be trusted."""
    reason: str | None


@dataclass(frozen=True)
class TrustDetail:
    """A further number of a control."""

    check: str
    name: str
    value: str


@dataclass(frozen=True)
class TrustView:
    """The controls of a run."""

    summary: str
    rows: tuple[TrustRow, ...]
    details: tuple[TrustDetail, ...]


@dataclass(frozen=True)
class MeanRow:
    """Retention of one attribute over all images of the run, as recorded in its summary."""

    name: str
    value: str
    interval: str
    n: str
    bar_pct: str
    low_pct: str
    span_pct: str
