"""From the verdict of the tests to records: findings, every test, and what was covered."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from macoaudit.auditing.labels import Labelled
from macoaudit.auditing.showing import Shown
from macoaudit.results import (
    ClassCoverage,
    Finding,
    NullRecord,
    ShortcutAudit,
    ShortcutTest,
    Visualization,
)
from macoaudit.shortcuts.multiplicity import LEVEL
from macoaudit.shortcuts.records import KINDS, NotTested, NullSummary
from macoaudit.shortcuts.suite import Tested
from macoaudit.shortcuts.verdict import Judged, ShortcutFinding
from macoaudit.visualization.natural import drawn_class

_SLUG_CHARACTERS = 40


def finding_id(index: int, name: str) -> str:
    """Name a class's finding and the folder of its pictures: unique by the index."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_SLUG_CHARACTERS].strip("-")
    return f"{index}-{slug}" if slug else str(index)


def finding_record(
    finding: ShortcutFinding,
    shown: Shown,
    *,
    margin: float | None,
    ids: Sequence[str],
    paths: Sequence[str],
    drawn: Sequence[Visualization],
) -> Finding:
    """Record what was found of one class.

    Args:
        finding: what the tests say.
        shown: its pictures.
        margin: of the class; None where no pair of tests could be made.
        ids: of the images that were tested.
        paths: of the same, for sentences.
        drawn: the pictures of classes.
    """
    ok = [one for one in drawn if one.status == "ok"]
    own = [one.id for one in ok if drawn_class(one) == finding.class_index]
    words = finding.words
    return Finding(
        id=finding_id(finding.class_index, finding.class_name),
        class_index=finding.class_index,
        class_name=finding.class_name,
        severity=finding.severity,
        needs_review=finding.needs_review,
        review_reason=finding.review,
        margin=0.0 if margin is None else margin,
        tests=tuple(dict.fromkeys(one.evidence.test for one in finding.evidence)),
        seen=words.seen,
        strength=words.strength,
        where=_with_paths(words.where, paths),
        false_alarm_if=words.false_alarm_if,
        advice=words.advice,
        images=tuple(ids[image] for image in finding.images),
        regions=shown.regions,
        examples=shown.examples,
        visualization=own[0] if own else None,
    )


def _with_paths(text: str, paths: Sequence[str]) -> str:
    """Put the paths of images in place of their numbers (``#3``), which nobody else knows."""
    return re.sub(r"#(\d+)", lambda found: paths[int(found[1])], text)


def record_tests(tested: Tested, labels: Sequence[str]) -> tuple[ShortcutTest, ...]:
    """Record every test of every class, made or not, by class.

    Args:
        tested: what the tests say.
        labels: the network's class names.
    """
    found = tested.verdict
    missing = {(one.test, one.class_index) for one in found.not_tested}
    # One that had too few draws to decide among so many classes has figures, but says nothing.
    made = [
        _made(one, labels)
        for one in found.judged
        if one.flagged or (one.evidence.test, one.evidence.class_index) not in missing
    ]
    flagged = {(one.test, one.class_index) for one in made}
    unmade = [
        _unmade(one, labels)
        for one in found.not_tested
        if (one.test, one.class_index) not in flagged
    ]
    order = [str(name) for name in KINDS]
    rows = sorted([*made, *unmade], key=lambda row: (row.class_index, order.index(row.test)))
    return tuple(rows)


def _made(one: Judged, labels: Sequence[str]) -> ShortcutTest:
    evidence = one.evidence
    return ShortcutTest(
        test=evidence.test,
        kind=evidence.kind,
        class_index=evidence.class_index,
        class_name=labels[evidence.class_index],
        outcome="flagged" if one.flagged else "passed",
        reason=None,
        effect=evidence.effect,
        effect_name=evidence.effect_name,
        threshold=evidence.threshold,
        p_value=evidence.p_value,
        adjusted_p=one.adjusted_p,
        smallest_p=evidence.smallest_p,
        null=None if evidence.null is None else _null(evidence.null),
        subject=evidence.subject,
        details=dict(evidence.details),
    )


def _null(found: NullSummary) -> NullRecord:
    return NullRecord(found.observed, found.n, found.mean, found.sd, found.high)


def _unmade(one: NotTested, labels: Sequence[str]) -> ShortcutTest:
    return ShortcutTest(
        test=one.test,
        kind=KINDS[one.test],
        class_index=one.class_index,
        class_name=labels[one.class_index],
        outcome="not tested",
        reason=one.reason,
    )


@dataclass(frozen=True)
class Covered:
    """What coverage is counted from."""

    labels: tuple[str, ...]
    """The network's class names."""
    labelled: Labelled
    left_out: Mapping[int, int]
    """By class, images of its folder that were not read."""
    with_masks: int


def coverage_record(tested: Tested, covered: Covered) -> ShortcutAudit:
    """Record how classes were tested, those that have images or that the network predicts.

    Args:
        tested: what the tests say.
        covered: images and their classes.
    """
    verdict, classes = tested.verdict, covered.labelled.classes
    both = {*classes, *verdict.classes_tested, *verdict.classes_untested}
    n_images = Counter(classes)
    n_labelled = Counter(
        index for index, by_folder in zip(classes, covered.labelled.by_folder, strict=True)
        if by_folder
    )  # fmt: skip
    return ShortcutAudit(
        labels_from=covered.labelled.labels_from,
        level=LEVEL,
        n_images=len(classes),
        n_donors=tested.n_donors,
        with_masks=covered.with_masks,
        classes=tuple(
            ClassCoverage(
                class_index=index,
                class_name=covered.labels[index],
                n_images=n_images[index],
                n_labelled=n_labelled[index],
                tested=index in verdict.classes_tested,
                margin=tested.margins[index] if index in verdict.classes_tested else None,
                reasons=_reasons(verdict.not_tested, index, covered.left_out.get(index, 0)),
            )
            for index in sorted(both)
        ),
    )


def _reasons(not_tested: Sequence[NotTested], index: int, left_out: int) -> tuple[str, ...]:
    tests: dict[str, list[str]] = {}
    for one in not_tested:
        if one.class_index == index:
            tests.setdefault(one.reason, []).append(one.test)
    reasons = [f"{', '.join(dict.fromkeys(names))}: {reason}" for reason, names in tests.items()]
    if left_out:
        images = "1 image" if left_out == 1 else f"{left_out} images"
        reasons.append(f"{images} of its folder left out (--max-images)")
    return tuple(reasons)
