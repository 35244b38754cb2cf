"""Frozen records of what a report of an audit shows of findings, tests and coverage."""

from dataclasses import dataclass

from macoaudit.report.effect_bar import EffectBar
from macoaudit.report.finding_suppression import SuppressionEntry
from macoaudit.report.pieces import Picture
from macoaudit.report.records import Fact


@dataclass(frozen=True)
class TestRow:
    """One test of one class in a table."""

    __test__ = False  # no test of pytest's

    class_name: str
    name: str
    kind: str
    outcome: str
    symbol: str
    level: str
    """``flagged``, ``passed`` or ``open``: for looks beside word and symbol."""
    carries: bool
    """Whether the severity rests on it."""
    effect_name: str
    effect: str
    threshold: str
    p: str
    adjusted_p: str
    null: str
    bar: EffectBar | None
    reason: str | None


@dataclass(frozen=True)
class RegionView:
    """The region of one image that a finding is about."""

    overlay: Picture
    alone: Picture


@dataclass(frozen=True)
class ExampleView:
    """One image of another class before and after the cue was put there."""

    before: Picture
    after: Picture
    changed: bool
    """Whether the class that the network says became another."""


@dataclass(frozen=True)
class ImageLink:
    """An image that shows a finding; its card, where the report has one."""

    name: str
    anchor: str | None


@dataclass(frozen=True)
class FindingCard:
    """Everything shown about one finding."""

    anchor: str
    title: str
    severity: str
    symbol: str
    review: str
    """Badge; empty where nobody need tell the cue from the class."""
    counted: str | None
    """As what the policy counts it, where that is not its severity."""
    margin: str
    order: str
    """Its place by severity, 0 for high."""
    words: tuple[Fact, ...]
    """Seen, how strong, on which images, what would make it a false alarm, what to do; the gate."""
    suppression: SuppressionEntry | None
    regions: tuple[RegionView, ...]
    more_regions: tuple[RegionView, ...]
    examples: tuple[ExampleView, ...]
    more_examples: tuple[ExampleView, ...]
    left_out: str | None
    """Pictures that the record has and this report does not show, where there are any."""
    drawing: tuple[Picture, ...]
    """The class as MACO draws it."""
    undrawn: str | None
    """Why there is no such picture."""
    drawing_anchor: str | None
    images: tuple[ImageLink, ...]
    images_note: str | None
    tests: tuple[TestRow, ...]
    details: tuple[tuple[str, str, str], ...]
    """Further numbers: test, name, value."""


@dataclass(frozen=True)
class GlanceRow:
    """One finding on one line."""

    anchor: str | None
    """None where the report shows no card for it."""
    title: str
    severity: str
    symbol: str
    review: str
    counted: str | None
    margin: str
    order: str
    state: str
    """Beside the baseline; empty without one."""
    fails: str
    """``yes`` or ``no``; empty without a verdict."""
    tests: str


@dataclass(frozen=True)
class CoverageRow:
    """What could be tested of one class."""

    anchor: str | None
    name: str
    finding: str
    severity: str
    """Of its finding, for looks; empty without one."""
    n_images: str
    n_labelled: str
    tested: str
    is_tested: bool
    margin: str
    made: str
    """Tests made of those that there are."""
    reasons: str


@dataclass(frozen=True)
class NotMadeRow:
    """Tests that were not made for one reason."""

    reason: str
    tests: str
    classes: str


@dataclass(frozen=True)
class AuditBanner:
    """The verdict."""

    status: str
    complete: bool
    level: str
    """``high``, ``medium``, ``info``, ``none`` or ``open``."""
    symbol: str
    explanation: str
    gate: str | None
    """Exit code, policy and baseline; None of a run without a verdict."""
    sentences: tuple[str, ...]
    """What was tested, and what was not."""
    warning: str | None
    tiles: tuple[Fact, ...]
