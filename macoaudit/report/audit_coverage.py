"""What an audit covered: classes, every test in numbers, and the tests that were not made."""

from collections.abc import Mapping, Sequence

from macoaudit.report.finding_cards import SYMBOLS, build_test_row
from macoaudit.report.finding_records import CoverageRow, NotMadeRow, TestRow
from macoaudit.report.words import DASH, fraction_text, plural, visible
from macoaudit.results import ClassCoverage, Finding, Run, ShortcutAudit, ShortcutTest

MAX_TESTS = 2000
"""Lines of the table of all tests; past it, tests that flagged nothing are left to the JSON."""
MAX_NAMES = 12


def names_text(names: Sequence[str], total: int | None = None) -> str:
    """List names, the first ones where there are many."""
    if total is not None and total > 1 and len(names) == total:
        return f"all {total:,} classes"
    shown = ", ".join(names[:MAX_NAMES])
    left = len(names) - MAX_NAMES
    return f"{shown} and {left:,} more" if left > 0 else shown


def common_reasons(audit: ShortcutAudit) -> tuple[str, ...]:
    """Find the reasons that every class has, to say them once."""
    if len(audit.classes) < 2:
        return ()
    first, *rest = (one.reasons for one in audit.classes)
    return tuple(reason for reason in first if all(reason in other for other in rest))


def _coverage_row(
    run: Run, one: ClassCoverage, finding: Finding | None, anchor: str | None, hidden: Sequence[str]
) -> CoverageRow:
    tests = [test for test in run.tests if test.class_index == one.class_index]
    n_made = sum(test.outcome != "not tested" for test in tests)
    found = DASH
    if finding is not None:
        found = f"{SYMBOLS[finding.severity]} {finding.severity}"
        if finding.needs_review:
            found += ", needs review"
    reasons = [visible(reason) for reason in one.reasons if reason not in hidden]
    return CoverageRow(
        anchor=anchor,
        name=visible(one.class_name),
        finding=found,
        severity="" if finding is None else finding.severity,
        n_images=f"{one.n_images:,}",
        n_labelled=f"{one.n_labelled:,}",
        tested="yes" if one.tested else "NO",
        is_tested=one.tested,
        margin=DASH if one.margin is None else fraction_text(one.margin),
        made=f"{n_made} of {len(tests)}",
        reasons="; ".join(reasons) if reasons else DASH,
    )


def coverage_rows(
    run: Run, findings: Sequence[Finding], anchors: Mapping[str, str]
) -> tuple[CoverageRow, ...]:
    """List every class: what was there, what was tested, what came of it.

    Args:
        run: the record.
        findings: in the order shown.
        anchors: of the cards shown, by the finding's id.
    """
    if run.shortcuts is None:
        return ()
    hidden = common_reasons(run.shortcuts)
    by_class: dict[int, Finding] = {}
    for finding in findings:
        by_class.setdefault(finding.class_index, finding)
    rows = []
    for one in run.shortcuts.classes:
        found = by_class.get(one.class_index)
        anchor = None if found is None else anchors.get(found.id)
        rows.append(_coverage_row(run, one, found, anchor, hidden))
    return tuple(rows)


def made_rows(run: Run, limit: int) -> tuple[tuple[TestRow, ...], str | None]:
    """List every test that was made, in the run's order.

    Returns:
        The lines, and a sentence when some are left out.
    """
    carrying = {one.class_index: one.tests for one in run.findings}
    made = [test for test in run.tests if test.outcome != "not tested"]
    limit = min(limit, MAX_TESTS)
    shown = made
    if len(made) > limit:
        flagged = [test for test in made if test.outcome == "flagged"]
        others = [test for test in made if test.outcome != "flagged"]
        shown = [*flagged, *others][:limit]
    note = None
    if len(shown) < len(made):
        note = (
            f"{len(shown):,} of {len(made):,} lines shown, flagged ones first. All are in "
            "results.json."
        )
    rows = tuple(build_test_row(test, carrying.get(test.class_index, ())) for test in shown)
    return rows, note


def _class_names(tests: Sequence[ShortcutTest]) -> dict[int, str]:
    return {test.class_index: visible(test.class_name) for test in tests}


def not_made_rows(run: Run) -> tuple[NotMadeRow, ...]:
    """Group the tests that were not made by their reason, the most frequent first."""
    groups: dict[str, list[ShortcutTest]] = {}
    for test in run.tests:
        if test.outcome == "not tested":
            reason = visible(test.reason or "no reason was recorded")
            groups.setdefault(reason, []).append(test)
    total = len(run.shortcuts.classes) if run.shortcuts is not None else None
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return tuple(
        NotMadeRow(
            reason=reason,
            tests=", ".join(dict.fromkeys(visible(test.test) for test in tests)),
            classes=names_text(list(_class_names(tests).values()), total),
        )
        for reason, tests in ordered
    )


def tests_summary(run: Run) -> str:
    """Count the tests by outcome: what passed is said as well, and what was not made."""
    counts = {
        word: sum(test.outcome == outcome for test in run.tests)
        for word, outcome in (
            ("passed", "passed"),
            ("flagged", "flagged"),
            ("not made", "not tested"),
        )
    }
    words = ", ".join(f"{number:,} {word}" for word, number in counts.items())
    return (
        f"Of {plural(len(run.tests), 'test')}: {words}. A test that passed found nothing that "
        "reaches its bounds; it does not prove a class clean."
    )


def coverage_sentences(run: Run) -> tuple[str, ...]:
    """Say what was tested and on what, so that silence means something."""
    audit = run.shortcuts
    if audit is None:
        return ("The run does not record that shortcuts were looked for.",)
    total = plural(len(audit.classes), "class", "classes")
    open_ones = [visible(one.class_name) for one in audit.classes if not one.tested]
    n_made = sum(test.outcome != "not tested" for test in run.tests)
    labels = {
        "folders": "the class folders say which class an image is of",
        "predictions": "the network's own prediction says which class an image is of",
        "folders and predictions": "class folders, and elsewhere the network's own prediction, "
        "say which class an image is of",
    }[audit.labels_from]
    sentences = [
        f"{len(audit.classes) - len(open_ones):,} of {total} had a causal and a consistency test "
        "that together could have made a high finding."
    ]
    if open_ones:
        sentences.append(
            f"Not tested, so not cleared: {names_text(open_ones)}. The table of coverage says why."
        )
    sentences.append(
        f"{n_made:,} of {plural(len(run.tests), 'test')} could be made, on "
        f"{plural(audit.n_images, 'image')}; {labels}. Regions are pasted on at most "
        f"{plural(audit.n_donors, 'image')} of other classes for each class."
    )
    count = f"{audit.with_masks:,} of {plural(audit.n_images, 'image')}"
    sentences.append(f"{count if audit.with_masks else 'No image'} came with an object mask.")
    return tuple(sentences)
