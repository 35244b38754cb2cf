"""Tables of the page as plain data; rounding is done here."""

from collections.abc import Sequence
from dataclasses import dataclass

from macoaudit.methods.config import DrawnSet
from macoaudit.methods.records import Comparison, Measure, Versus
from macoaudit.methods.words import (
    difference_number,
    interval,
    main_measures,
    method_name,
    number,
    ratio_text,
)
from macoaudit.report.words import DASH, plural, visible

_MAIN = "maco"


@dataclass(frozen=True)
class Cell:
    """A number and, smaller, its interval."""

    value: str
    interval: str = ""


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    name: str
    note: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """A table."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""


def _cell(measure: Measure, name: str) -> Cell:
    found = measure.methods.get(name)
    if found is None:
        return Cell(DASH)
    return Cell(number(measure.key, found.value), interval(measure.key, found))


def drawn_names(comparison: Comparison) -> tuple[str, ...]:
    """The methods that have pictures."""
    return tuple(one.name for one in comparison.methods if one.files)


def main_table(comparison: Comparison) -> Grid:
    """One line a method, one column a measure of the main ones."""
    measures = main_measures(comparison)
    arrows = {"lower": "lower is better", "higher": "higher is better", "near 0": "near 0"}
    rows = [
        Row(method_name(name), "", tuple(_cell(measure, name) for measure in measures))
        for name in drawn_names(comparison)
    ]
    natural = tuple(
        Cell("0 %" if m.key.startswith("high") else number(m.key, m.natural)) for m in measures
    )
    rows.append(Row("Natural images", "see below", natural))
    return Grid(
        "Methods side by side",
        tuple(f"{visible(m.name)} ({arrows[m.better]})" for m in measures),
        tuple(rows),
        "Below each number its 95 % interval over classes. "
        + " ".join(f"{m.name}: {visible(m.space)}; natural: {m.natural_note}." for m in measures),
    )


def _difference(measure: Measure, versus: Versus | None) -> Cell:
    if versus is None:
        return Cell(DASH)
    key, found = measure.key, versus.difference
    ends = ""
    if found.low is not None:
        ends = " to ".join(difference_number(key, end) for end in (found.low, found.high))
    if versus.ratio is not None:
        ends = f"{ends}; ratio {ratio_text(versus.ratio)}"
    return Cell(difference_number(key, found.value), ends)


def _natural(measure: Measure) -> Cell:
    ends = ""
    if measure.floor is not None:
        parts = (measure.floor.lowest, measure.floor.highest)
        ends = " to ".join(number(measure.key, end) for end in parts)
    return Cell(number(measure.key, measure.natural), ends)


def details_table(comparison: Comparison) -> Grid:
    """Every measure in every space, with the differences between MACO and the others."""
    names = drawn_names(comparison)
    others = [name for name in names if name != _MAIN]
    rows = []
    for measure in comparison.measures:
        versus = {entry.second: entry for entry in measure.versus}
        cells = (
            _natural(measure),
            *(_cell(measure, name) for name in names),
            *(_difference(measure, versus.get(name)) for name in others),
        )
        rows.append(Row(measure.name, visible(measure.space), cells))
    columns = (
        "Natural images",
        *(method_name(name) for name in names),
        *(f"{method_name(_MAIN)} - {method_name(name)}" for name in others),
    )
    computed = sorted({m.computed_by for m in comparison.measures if m.key == "FID"})
    note = (
        "Differences are paired over classes; those of shares are in percentage points. Under a "
        "distance of sets among natural images stand its least and largest value over the splits."
    )
    if computed:
        note += f" FID computed by {', '.join(computed)}."
    return Grid("All measures", columns, tuple(rows), note)


def seconds_table(comparison: Comparison) -> Grid:
    """Time of a picture by method, and against MACO's."""
    base = next(
        (one.seconds for one in comparison.methods if one.name == _MAIN and one.seconds), None
    )

    def row(one: DrawnSet) -> Row:
        found = one.seconds
        if found is None:
            return Row(method_name(one.name), "not timed", (Cell(DASH),) * 4)
        ratio = cpu_ratio = DASH
        if base is not None:
            ratio = f"{found.wall_s / base.wall_s:.2f}"
            if found.cpu_s and base.cpu_s:
                cpu_ratio = f"{found.cpu_s / base.cpu_s:.2f}"
        cpu = DASH if found.cpu_s is None else f"{found.cpu_s:.2f}"
        cells = (Cell(f"{found.wall_s:.2f}"), Cell(ratio), Cell(cpu), Cell(cpu_ratio))
        note = f"{plural(found.n_pictures, 'picture')} timed"
        return Row(method_name(one.name), note, cells)

    return Grid(
        "Seconds a picture",
        ("Wall clock, s", "against MACO", "Processor, s", "against MACO"),
        tuple(row(one) for one in comparison.methods if one.files),
        "Drawing and writing, without loading. The clock depends on what else the machine does; "
        "the process's processor time does so less, and says nothing of an accelerator's.",
    )


def table_1(comparisons: Sequence[Comparison]) -> Grid:
    """Plausibility and FID by method, one column a network, as in the paper."""
    keys = (("plausibility_paper", "Plausibility"), ("plausibility_percentile", "Percentile"))
    rows = []
    names = tuple(dict.fromkeys(name for one in comparisons for name in drawn_names(one)))
    for key, words in (*keys, ("FID", "FID"), ("KID", "KID"), ("CMMD", "CMMD")):
        for name in (*names, "natural"):
            cells = []
            for comparison in comparisons:
                found = [m for m in main_measures(comparison) if m.key == key]
                if name == "natural":
                    cells.append(Cell(number(key, found[0].natural) if found else DASH))
                else:
                    cells.append(_cell(found[0], name) if found else Cell(DASH))
            better = "higher is better" if key == "plausibility_percentile" else "lower is better"
            rows.append(Row(f"{words}: {method_name(name)}", better, tuple(cells)))
    return Grid(
        "Plausibility and distance to natural images (the paper's Table 1)",
        tuple(visible(one.model["name"]) for one in comparisons),
        tuple(rows),
        "Spaces: "
        + "; ".join(
            f"{visible(one.model['name'])}: plausibility in "
            f"{visible(next((m.space for m in main_measures(one)), DASH))}, distances of sets in "
            f"{visible(one.set_space)}"
            for one in comparisons
        )
        + ".",
    )


def table_2(comparisons: Sequence[Comparison]) -> Grid:
    """Top-1 by judge and method, one column a network, as in the paper."""
    rows = []
    judges = tuple(
        dict.fromkeys(
            (m.who, m.space)
            for one in comparisons
            for m in one.measures
            if m.key == "top1" and m.who in ("judge", "judges")
        )
    )
    names = tuple(dict.fromkeys(name for one in comparisons for name in drawn_names(one)))
    for who, space in sorted(judges, key=lambda item: item[0] == "judges"):
        found = [
            next((m for m in one.measures if (m.key, m.who, m.space) == ("top1", who, space)), None)
            for one in comparisons
        ]
        for name in names:
            cells = tuple(Cell(DASH) if m is None else _cell(m, name) for m in found)
            rows.append(Row(f"{visible(space)}: {method_name(name)}", "", cells))
        ratios = []
        for measure in found:
            versus = [v for v in measure.versus if v.second == "fourier"] if measure else []
            ratios.append(Cell(ratio_text(versus[0].ratio) if versus else DASH))
        rows.append(Row(f"{visible(space)}: MACO / Fourier", "ratio of the two", tuple(ratios)))
    return Grid(
        "Judges that give the class as their first answer (the paper's Table 2)",
        tuple(visible(one.model["name"]) for one in comparisons),
        tuple(rows),
        "Below each share Wilson's 95 % interval, in which every class counts once; behind each "
        "ratio its bootstrap interval, paired over classes.",
    )
