"""The heat table of an audit: how near every class came in every test, the worst classes first."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from macoaudit.report.charts import FLAG, HeatCell, HeatMap
from macoaudit.report.finding_cards import SEVERITIES
from macoaudit.report.words import fraction_text, plural, visible
from macoaudit.results import Run, Severity, ShortcutTest

MAX_ROWS = 20
"""Classes that are drawn; the others are in the tables of coverage and of tests."""
NOT_MADE = HeatCell(None, "not made")


@dataclass(frozen=True)
class HeatView:
    """The heat table with what is said beside it."""

    note: str
    plot: HeatMap
    left_out: str | None
    """Tests that no class has, and classes that are not drawn."""


def ratio(test: ShortcutTest) -> float | None:
    """Divide a test's effect by its threshold; None where that says nothing.

    Args:
        test: of one class; not made, or with a threshold of 0, it has no ratio.
    """
    if test.outcome == "not tested" or test.effect is None or not test.threshold:
        return None
    return test.effect / test.threshold


def _cell(tests: Sequence[ShortcutTest]) -> HeatCell:
    """Show of several tests of one kind the flagged one, or that with the largest ratio."""
    made = [test for test in tests if test.outcome != "not tested"]
    if not made:
        return NOT_MADE
    best = max(made, key=lambda test: (test.outcome == "flagged", ratio(test) or 0.0))
    value, flagged = ratio(best), best.outcome == "flagged"
    text = "no ratio" if value is None else fraction_text(value)
    return HeatCell(value, text, flagged)


def _worst(run: Run, cells: Mapping[int, Sequence[HeatCell]]) -> list[int]:
    """Order classes by the severity of their finding, then by their largest ratio."""
    grave: dict[int, Severity] = {}
    for finding in run.findings:
        now = grave.get(finding.class_index, finding.severity)
        grave[finding.class_index] = min(now, finding.severity, key=SEVERITIES.index)

    def rank(index: int) -> tuple[int, float, int]:
        found = grave.get(index)
        place = len(SEVERITIES) if found is None else SEVERITIES.index(found)
        ratios = [cell.value for cell in cells[index] if cell.value is not None]
        return place, -max(ratios, default=-1e9), index

    return sorted(cells, key=rank)


def heat_view(run: Run) -> HeatView | None:
    """Put every test's effect over its threshold by class; None when no test was made.

    Args:
        run: of ``audit``.
    """
    made = [test for test in run.tests if test.outcome != "not tested"]
    names = list(dict.fromkeys(test.test for test in run.tests))
    columns = [name for name in names if any(test.test == name for test in made)]
    if not columns:
        return None
    classes = {test.class_index: visible(test.class_name) for test in reversed(run.tests)}
    by_cell: dict[tuple[int, str], list[ShortcutTest]] = defaultdict(list)
    for test in run.tests:
        by_cell[test.class_index, test.test].append(test)
    cells = {
        index: tuple(_cell(by_cell.get((index, name), ())) for name in columns)
        for index in sorted(classes)
    }
    order = _worst(run, cells)
    shown = order[:MAX_ROWS]
    plot = HeatMap(
        title=_title(len(shown), columns),
        rows=tuple(classes[index] for index in shown),
        columns=tuple(visible(name) for name in columns),
        cells=tuple(cells[index] for index in shown),
        scale="effect / threshold",
    )
    left = [visible(name) for name in names if name not in columns]
    return HeatView(_note(len(shown), len(order)), plot, _left_out(left))


def _title(n_classes: int, columns: Sequence[str]) -> str:
    tests = ", ".join(visible(name) for name in columns)
    return (
        f"Effect over threshold of {plural(n_classes, 'class', 'classes')} in the tests {tests}; "
        "the numbers are in the table that follows"
    )


def _note(n_shown: int, n_classes: int) -> str:
    which = "The worst class first."
    if n_shown < n_classes:
        which = f"{n_shown:,} of {n_classes:,} classes shown, the worst first."
    return (
        "How far each class stands from the threshold of each test: effect over threshold, so 1 is "
        f"the threshold. Orange and red with {FLAG} are flagged, which also takes a small p-value. "
        f"Crossed out: not made, so not cleared. {which}"
    )


def _left_out(names: Sequence[str]) -> str | None:
    if not names:
        return None
    return f"Made for no class, so without a column: {', '.join(names)}. Reasons below."
