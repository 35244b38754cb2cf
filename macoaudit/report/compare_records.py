"""Frozen records of what a report of a comparison shows: text already rounded and worded."""

from dataclasses import dataclass

from macoaudit.comparing.records import Letter
from macoaudit.report.records import Fact


@dataclass(frozen=True)
class PairPicture:
    """A picture of one of the two run folders, with the words that stand in for it."""

    run: Letter
    path: str
    """Relative to the run folder, as recorded."""
    caption: str
    alt: str
    small: bool = False
    trim: bool = False

    @property
    def key(self) -> tuple[Letter, str, bool]:
        """Under which a renderer finds the encoded picture."""
        return self.run, self.path, self.small


@dataclass(frozen=True)
class DeltaBar:
    """A difference drawn from the middle, with its interval; lengths in per cent of the bar."""

    level: str
    """``up``, ``down`` or ``none``."""
    left_pct: str
    width_pct: str
    low_pct: str | None
    """Where the interval begins; None without one."""
    span_pct: str


@dataclass(frozen=True)
class FactRow:
    """One fact of both runs."""

    name: str
    a: str
    b: str
    differs: bool


@dataclass(frozen=True)
class DifferenceRow:
    """One key that the records state differently."""

    group: str
    key: str
    a: str
    b: str


@dataclass(frozen=True)
class ChangeRow:
    """One number over all common images."""

    name: str
    n: str
    a: str
    b: str
    difference: str
    interval: str
    bar: DeltaBar
    p: str
    adjusted_p: str
    test: str
    """How p was had, or why it was not."""


@dataclass(frozen=True)
class AttributeRow:
    """One attribute of one image in both runs."""

    name: str
    word_a: str
    value_a: str
    interval_a: str
    word_b: str
    value_b: str
    interval_b: str
    difference: str
    bar: DeltaBar
    verdict: str
    """``changed``, ``same`` or a dash."""
    changed: bool


@dataclass(frozen=True)
class PairCard:
    """One image in both runs."""

    anchor: str
    title: str
    label: str | None
    values: str
    """Both similarities."""
    word: str
    """What the similarity did."""
    bar: DeltaBar
    sentences: tuple[str, ...]
    warning: str | None
    pictures: tuple[PairPicture, ...]
    attributes: tuple[AttributeRow, ...]
    not_measured: tuple[str, ...]
    """Why attributes lack a value, each reason once."""


@dataclass(frozen=True)
class FindingHalf:
    """A finding in one run, or why there is none."""

    run: Letter
    severity: str | None
    symbol: str
    margin: str
    facts: tuple[Fact, ...]
    note: str | None
    """Said where there is no finding."""
    regions: tuple[PairPicture, ...]
    regions_note: str | None
    drawing: PairPicture | None
    undrawn: str | None


@dataclass(frozen=True)
class FindingPairCard:
    """One finding in both runs."""

    anchor: str
    title: str
    state: str
    symbol: str
    level: str
    rule: str
    values: str
    """Both margins."""
    sentence: str
    folded: bool
    """Whether its evidence is folded away: nothing in it is more than info."""
    halves: tuple[FindingHalf, FindingHalf]


@dataclass(frozen=True)
class ClassRow:
    """One class in both runs."""

    anchor: str | None
    name: str
    finding: str
    n_images: str
    tested_a: str
    tested_b: str
    untested: bool
    margin_a: str
    margin_b: str
    difference: str
    bar: DeltaBar


@dataclass(frozen=True)
class PairRow:
    """One line of the table of common images."""

    anchor: str | None
    path: str
    matched: str
    a: str
    b: str
    difference: str
    prediction_a: str
    prediction_b: str
    changed: str
    verdicts: str


@dataclass(frozen=True)
class AloneRow:
    """An image that only one run has."""

    path: str
    run: str
    reason: str


@dataclass(frozen=True)
class CompareView:
    """A comparison as plain data."""

    tool: str
    title: str
    subtitle: str
    headline: str
    level: str
    """For the banner's looks: ``high``, ``medium``, ``info`` or ``none``."""
    symbol: str
    bullets: tuple[str, ...]
    tiles: tuple[Fact, ...]
    cautions: tuple[str, ...]
    no_caution: str
    sides: tuple[FactRow, ...]
    is_audit: bool
    findings: tuple[FindingPairCard, ...]
    findings_note: str
    changes: tuple[ChangeRow, ...]
    changes_note: str
    classes: tuple[tuple[ClassRow, ...], ...]
    cards: tuple[PairCard, ...]
    cards_note: str
    rows: tuple[tuple[PairRow, ...], ...]
    rows_note: str | None
    alone: tuple[AloneRow, ...]
    alone_note: str
    differences: tuple[DifferenceRow, ...]
    differences_note: str
    how_to_read: tuple[Fact, ...]
    limits: tuple[str, ...]
    records: tuple[FactRow, ...]
    """What both records are, to make the comparison again."""
