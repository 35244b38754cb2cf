"""One finding's record to its card, and its tests to lines of a table."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from macoaudit.report.effect_bar import compared_text, effect_bar, null_text, number_text
from macoaudit.report.finding_evidence import drawing, examples_of, regions_of
from macoaudit.report.finding_records import FindingCard, ImageLink, TestRow
from macoaudit.report.finding_suppression import suppression_entry
from macoaudit.report.gate_words import counted_as, gate_facts
from macoaudit.report.pieces import Picture
from macoaudit.report.records import Fact
from macoaudit.report.words import DASH, fraction_text, p_text, plural, visible
from macoaudit.results import Finding, Run, Severity, ShortcutTest

SEVERITIES: tuple[Severity, ...] = ("high", "medium", "info")
SYMBOLS = {"high": "▲", "medium": "◆", "info": "●"}
OUTCOMES = {
    "flagged": ("✗", "flagged"),
    "passed": ("✓", "passed"),
    "not tested": ("○", "open"),
}
FIRST_PICTURES, MORE_PICTURES = 4, 8
"""Regions and examples shown at once, and folded away below them."""
MAX_IMAGES = 12
KINDS = {"causal": "causal", "consistency": "consistency", "masks": "with object masks"}
LEAST = "*"
"""Beside a p-value that is the least that the draws could have given."""


def findings_in_order(run: Run) -> list[Finding]:
    """Order findings: high first, within a severity those without a doubt, then by margin."""
    return sorted(
        run.findings,
        key=lambda one: (
            SEVERITIES.index(one.severity),
            one.needs_review,
            -one.margin,
            one.class_index,
            one.id,
        ),
    )


def review_badge(finding: Finding) -> str:
    """Say what kind of evidence a person must look at; empty where none need."""
    return f"{finding.review_reason}, needs review" if finding.review_reason else ""


def finding_anchors(findings: Iterable[Finding]) -> list[str]:
    """Name an anchor for each finding: its id, with what no address can hold left out."""
    anchors: list[str] = []
    for one in findings:
        name = base = "finding-" + re.sub(r"[^A-Za-z0-9._-]+", "-", one.id).strip("-")
        number = 2
        while name in anchors:
            name, number = f"{base}.{number}", number + 1
        anchors.append(name)
    return anchors


def _p(value: float | None, smallest: float | None = None) -> str:
    if value is None:
        return DASH
    text = p_text(value)
    return f"{text}{LEAST}" if smallest is not None and _reached(value, smallest) else text


def _detail(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else number_text(value)


def _reached(value: float, smallest: float) -> bool:
    return value <= smallest or math.isclose(value, smallest, rel_tol=1e-9)


def build_test_row(test: ShortcutTest, carrying: Sequence[str] = ()) -> TestRow:
    """Turn one test's record into its line.

    Args:
        test: the record.
        carrying: names of the tests that a severity rests on.
    """
    symbol, level = OUTCOMES[test.outcome]
    effect, threshold = compared_text(test.effect, test.threshold)
    name = visible(test.test)
    return TestRow(
        class_name=visible(test.class_name),
        name=name if test.subject is None else f"{name}: {visible(test.subject)}",
        kind=KINDS[test.kind],
        outcome="not made" if test.outcome == "not tested" else test.outcome,
        symbol=symbol,
        level=level,
        carries=test.outcome == "flagged" and test.test in carrying,
        effect_name=DASH if test.effect_name is None else visible(test.effect_name),
        effect=effect,
        threshold=threshold,
        p=_p(test.p_value, test.smallest_p),
        adjusted_p=_p(test.adjusted_p),
        null=null_text(test),
        bar=effect_bar(test),
        reason=None if test.reason is None else visible(test.reason),
    )


def tests_of(run: Run, finding: Finding) -> list[ShortcutTest]:
    """List the tests of a finding's class: those it names first, those not made last."""
    names = list(finding.tests)
    return sorted(
        (test for test in run.tests if test.class_index == finding.class_index),
        key=lambda test: (
            test.outcome == "not tested",
            names.index(test.test) if test.test in names else len(names),
        ),
    )


def _words(finding: Finding) -> tuple[Fact, ...]:
    return (
        Fact("Seen", visible(finding.seen)),
        Fact("How strong", visible(finding.strength)),
        Fact("On which images", visible(finding.where)),
        Fact("What would make this a false alarm", visible(finding.false_alarm_if)),
        Fact("What to do", visible(finding.advice)),
    )


def _links(
    run: Run, finding: Finding, anchors: Mapping[str, str]
) -> tuple[tuple[ImageLink, ...], str | None]:
    paths = {image.id: image.path for image in run.images}
    links = tuple(
        ImageLink(visible(paths.get(name, name)), anchors.get(name))
        for name in finding.images[:MAX_IMAGES]
    )
    left = len(finding.images) - len(links)
    return links, f"and {left:,} more in results.json" if left else None


def _left_out(regions: int, examples: int) -> str | None:
    parts = [
        plural(count, noun)
        for count, noun in ((regions, "region"), (examples, "example"))
        if count > 0
    ]
    return f"Not shown here: {' and '.join(parts)} (all in the run folder)." if parts else None


def build_finding_card(
    run: Run,
    finding: Finding,
    anchor: str,
    *,
    max_pictures: int | None = None,
    anchors: Mapping[str, str] | None = None,
) -> FindingCard:
    """Turn one finding's record into its card.

    Args:
        run: the run, for the names of images, the tests and the class's drawing.
        finding: the record.
        anchor: id of the card in the document.
        max_pictures: regions, and examples, that are shown, with none folded away; None for the
            page's own numbers.
        anchors: anchors of the cards of images and drawings, by id.
    """
    known = anchors or {}
    first = FIRST_PICTURES if max_pictures is None else max_pictures
    shown = first + (MORE_PICTURES if max_pictures is None else 0)
    regions = regions_of(run, finding, first)[:shown]
    examples = examples_of(run, finding, first)[:shown]
    pictures, undrawn = drawing(run, finding)
    images, images_note = _links(run, finding, known)
    tests = tests_of(run, finding)
    return FindingCard(
        anchor=anchor,
        title=visible(finding.class_name),
        severity=finding.severity,
        symbol=SYMBOLS[finding.severity],
        review=review_badge(finding),
        counted=counted_as(run, finding),
        margin=fraction_text(finding.margin),
        order=str(SEVERITIES.index(finding.severity)),
        words=(*_words(finding), *gate_facts(run, finding)),
        suppression=suppression_entry(run, finding),
        regions=tuple(regions[:first]),
        more_regions=tuple(regions[first:]),
        examples=tuple(examples[:first]),
        more_examples=tuple(examples[first:]),
        left_out=_left_out(
            len(finding.regions) - len(regions), len(finding.examples) - len(examples)
        ),
        drawing=pictures,
        undrawn=undrawn,
        drawing_anchor=None if finding.visualization is None else known.get(finding.visualization),
        images=images,
        images_note=images_note,
        tests=tuple(build_test_row(test, finding.tests) for test in tests),
        details=tuple(
            (visible(test.test), visible(name), _detail(value))
            for test in tests
            for name, value in test.details.items()
        ),
    )


def finding_pictures(card: FindingCard) -> list[Picture]:
    """List the pictures that a card shows."""
    found = list(card.drawing)
    for region in (*card.regions, *card.more_regions):
        found += [region.overlay, region.alone]
    for example in (*card.examples, *card.more_examples):
        found += [example.before, example.after]
    return found
