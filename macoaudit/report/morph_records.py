"""Frozen records of what a report of morphs shows: text rounded and worded, nothing to compute."""

from dataclasses import dataclass

from macoaudit.report.charts import Chart
from macoaudit.report.pieces import Picture
from macoaudit.report.records import Fact, FactGroup, Problem, Texts


@dataclass(frozen=True)
class MorphFrame:
    """One picture of a strip with its numbers."""

    picture: Picture
    lines: tuple[str, ...]
    reached: bool
    """Whether the network's first class is the target."""


@dataclass(frozen=True)
class MorphStrip:
    """Real frames of one edit, the source first."""

    name: str
    note: str
    frames: tuple[MorphFrame, ...]


@dataclass(frozen=True)
class HeatEntry:
    """One share of a heat table."""

    text: str
    level: int
    """0 to 5, for the colour beside the number."""


@dataclass(frozen=True)
class HeatRow:
    """One scale."""

    name: str
    cells: tuple[HeatEntry, ...]


@dataclass(frozen=True)
class HeatTable:
    """Shares of sensitivity by scale and orientation."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    note: str


@dataclass(frozen=True)
class NumbersTable:
    """A table of numbers: names of the columns, then rows that begin with a name."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str | None = None


@dataclass(frozen=True)
class MorphCurves:
    """Probabilities along one edit."""

    name: str
    chart: Chart


@dataclass(frozen=True)
class MorphCard:
    """Everything shown about one image on its way to one class."""

    anchor: str
    title: str
    subtitle: str
    outcome: str
    level: str
    """``reached`` or ``not``: for looks beside the word."""
    score: str
    sentences: tuple[str, ...]
    flags: tuple[str, ...]
    strips: tuple[MorphStrip, ...]
    animation: Picture
    map: Picture
    differences: tuple[Picture, ...]
    differences_note: str
    curves: tuple[MorphCurves, ...]
    curves_note: str
    heat: HeatTable | None
    numbers: NumbersTable
    details: tuple[NumbersTable, ...]
    """Every frame of every edit."""
    not_checked: tuple[str, ...]


@dataclass(frozen=True)
class MorphRow:
    """One line of the table of all morphs."""

    anchor: str | None
    image: str
    cells: tuple[tuple[str, bool], ...]
    """Text, and whether it is a number."""


@dataclass(frozen=True)
class MorphBanner:
    """The first thing a reader sees."""

    status: str
    complete: bool
    explanation: str
    warning: str | None
    tiles: tuple[Fact, ...]


@dataclass(frozen=True)
class MorphView:
    """A report of morphs as plain data."""

    command: str
    title: str
    subtitle: str
    tool: str
    banner: MorphBanner
    caution: str
    totals: tuple[NumbersTable, ...]
    heat: HeatTable | None
    confusions: NumbersTable | None
    audited: tuple[FactGroup, ...]
    settings_sentence: str
    texts: Texts
    cards: tuple[MorphCard, ...]
    cards_note: str
    columns: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[MorphRow, ...], ...]
    rows_note: str | None
    problems: tuple[Problem, ...]
    problems_note: str
    skipped: tuple[Fact, ...]
    reproduce: tuple[FactGroup, ...]
    volatile: tuple[FactGroup, ...]
