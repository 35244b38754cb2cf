"""Comparisons as plain data for the page: tables, sentences, pictures; rounding is done here."""

from collections.abc import Sequence
from dataclasses import dataclass

from macoaudit.methods.charts import spectrum_chart
from macoaudit.methods.config import DrawnSet
from macoaudit.methods.records import Comparison, Measure
from macoaudit.methods.words import (
    difference_number,
    interval,
    main_measures,
    method_name,
    number,
    ratio_text,
    sentence,
)
from macoaudit.report.pieces import Chart
from macoaudit.report.records import Fact
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


@dataclass(frozen=True)
class SheetPicture:
    """One picture of the sheet."""

    method: str
    path: str | None
    caption: str
    alt: str


@dataclass(frozen=True)
class SheetRow:
    """The pictures of one class, one a method."""

    name: str
    pictures: tuple[SheetPicture, ...]


@dataclass(frozen=True)
class NetworkView:
    """Everything about one network."""

    anchor: str
    name: str
    folder: str
    """Where its pictures lie, relative to the page."""
    sentences: tuple[str, ...]
    main: Grid
    seconds: Grid
    details: Grid
    chart: Chart
    chart_note: str
    other_chart: Chart
    sheet: tuple[SheetRow, ...]
    sheet_note: str
    facts: tuple[Fact, ...]
    skipped: tuple[Fact, ...]


@dataclass(frozen=True)
class PageView:
    """The whole page."""

    title: str
    subtitle: str
    tool: str
    table_1: Grid
    table_2: Grid
    how_to_read: tuple[Fact, ...]
    limits: tuple[str, ...]
    networks: tuple[NetworkView, ...]


def _cell(measure: Measure, name: str) -> Cell:
    found = measure.methods.get(name)
    if found is None:
        return Cell(DASH)
    return Cell(number(measure.key, found.value), interval(measure.key, found))


def _names(comparison: Comparison) -> tuple[str, ...]:
    return tuple(one.name for one in comparison.methods if one.files)


def _main(comparison: Comparison) -> Grid:
    measures = main_measures(comparison)
    arrows = {"lower": "lower is better", "higher": "higher is better", "near 0": "near 0"}
    rows = [
        Row(method_name(name), "", tuple(_cell(measure, name) for measure in measures))
        for name in _names(comparison)
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


def _details(comparison: Comparison) -> Grid:
    names = _names(comparison)
    others = [name for name in names if name != _MAIN]
    rows = []
    for measure in comparison.measures:
        cells = [Cell(number(measure.key, measure.natural))]
        if measure.floor is not None:
            low, high = measure.floor.lowest, measure.floor.highest
            ends = f"{number(measure.key, low)} to {number(measure.key, high)}"
            cells = [Cell(cells[0].value, ends)]
        cells += [_cell(measure, name) for name in names]
        by_name = {versus.second: versus for versus in measure.versus}
        for name in others:
            versus = by_name.get(name)
            if versus is None:
                cells.append(Cell(DASH))
                continue
            found = versus.difference
            ends = ""
            if found.low is not None:
                parts = (difference_number(measure.key, end) for end in (found.low, found.high))
                ends = " to ".join(parts)
            value = difference_number(measure.key, found.value)
            if versus.ratio is not None:
                ends = f"{ends}; ratio {ratio_text(versus.ratio)}"
            cells.append(Cell(value, ends))
        rows.append(Row(measure.name, visible(measure.space), tuple(cells)))
    columns = (
        "Natural images",
        *(method_name(name) for name in names),
        *(f"{method_name(_MAIN)} - {method_name(name)}" for name in others),
    )
    computed = {m.computed_by for m in comparison.measures if m.key == "FID"}
    note = (
        "Differences are paired over classes; those of shares are in percentage points. Under a "
        "distance of sets among natural images stand its least and largest value over the splits. "
        f"FID computed by {', '.join(sorted(computed))}."
        if computed
        else ""
    )
    return Grid("All measures", columns, tuple(rows), note)


def _seconds(comparison: Comparison) -> Grid:
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


def _sheet(comparison: Comparison) -> tuple[SheetRow, ...]:
    first: dict[tuple[str, int], tuple[str, dict[str, int]]] = {}
    for picture in comparison.pictures:
        key = (picture.method, picture.class_index)
        first.setdefault(key, (picture.path, dict(picture.ranks)))
    rows = []
    for index, label in zip(comparison.classes, comparison.class_names, strict=True):
        pictures = []
        for name in _names(comparison):
            path, ranks = first.get((name, index), (None, {}))
            judged = [rank for judge, rank in ranks.items() if judge in comparison.judges]
            hits = sum(rank == 1 for rank in judged)
            says = f"{hits} of {len(judged)} judges" if judged else "no judge"
            caption = f"{method_name(name)}: {says}" if path else f"{method_name(name)}: not drawn"
            alt = (
                f"Picture of {visible(label)} drawn with {method_name(name)}; {says} find the class"
            )
            pictures.append(SheetPicture(name, path, caption, alt))
        rows.append(SheetRow(f"{visible(label)} ({index})", tuple(pictures)))
    return tuple(rows)


def _facts(comparison: Comparison) -> tuple[Fact, ...]:
    model, natural = comparison.model, comparison.natural
    seeds = comparison.config.get("seeds") or []
    form = (
        "to the nearest natural image of the class, as in the paper"
        if natural["plausibility"] == "class"
        else "to the nearest natural image of any class, because not every class drawn has two "
        "natural images or more (the paper's is to those of the class)"
    )
    return (
        Fact("Network", visible(f"{model['name']} ({model['architecture']})")),
        Fact("Weights", str(model["weights_sha256"])[:16]),
        Fact("Classes drawn", f"{len(comparison.classes)} of {model['num_classes']}"),
        Fact("Pictures per class and method", str(len(seeds))),
        Fact("Judges", visible(", ".join(comparison.judges) or "none")),
        Fact("Natural images", f"{natural['n_used']} ({natural['n_with_class']} of a known class)"),
        Fact("Plausibility", f"Deep-KNN distance, k = 1, {form}"),
        Fact("Space of FID, KID and CMMD in the main table", visible(comparison.set_space)),
        Fact("Device", visible(comparison.volatile.get("device", ""))),
    )


def reading_sentences(comparison: Comparison) -> tuple[str, ...]:
    """Say how MACO compares with every other method by the measures of the main table."""
    said = [
        sentence(measure, versus)
        for measure in main_measures(comparison)
        for versus in measure.versus
    ]
    return tuple(text for text in said if text is not None)


def _network(comparison: Comparison, place: int, folder: str) -> NetworkView:
    drawn = {one.name: one for one in comparison.methods}
    missing = tuple(
        Fact(f"{method_name(one.name)}, not drawn", visible(text))
        for one in drawn.values()
        for text in one.missing
    )
    plain, faded = comparison.spectra
    return NetworkView(
        anchor=f"network-{place + 1}",
        name=visible(comparison.model["name"]),
        folder=folder,
        sentences=reading_sentences(comparison),
        main=_main(comparison),
        seconds=_seconds(comparison),
        details=_details(comparison),
        chart=spectrum_chart(plain),
        chart_note="Radially averaged power of the pictures as they are (log10), by frequency in "
        "cycles a pixel. Natural images are the dash-dotted line.",
        other_chart=spectrum_chart(faded),
        sheet=_sheet(comparison),
        sheet_note="The first seed of every class. Under each picture: how many judges give the "
        "class as their first answer.",
        facts=_facts(comparison),
        skipped=(
            *(Fact(visible(one.check), visible(one.reason)) for one in comparison.skipped),
            *missing,
        ),
    )


def _table_1(comparisons: Sequence[Comparison]) -> Grid:
    """Plausibility and FID by method, one column a network, as in the paper."""
    keys = (("plausibility_paper", "Plausibility"), ("plausibility_percentile", "Percentile"))
    rows = []
    names = tuple(dict.fromkeys(name for one in comparisons for name in _names(one)))
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


def _table_2(comparisons: Sequence[Comparison]) -> Grid:
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
    names = tuple(dict.fromkeys(name for one in comparisons for name in _names(one)))
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
        "Of pictures whose class is known to the network they were drawn for. Wilson intervals for "
        "a single judge, bootstrap over classes for the mean of several.",
    )


HOW_TO_READ = (
    Fact(
        "Plausibility (Deep-KNN distance)",
        "Euclidean distance of a picture's intermediate activations, as they are, to those of the "
        "nearest natural image; mean over the layers named. Distances of different networks are "
        "not comparable, so the same number for natural images stands beside it.",
    ),
    Fact(
        "Percentile among natural images",
        "Share of natural images that are at least as far from their nearest neighbour as the "
        "picture is from its own (unit vectors in front of the classifier). About 0.5 for natural "
        "images, near 0 for pictures that are farther out than every natural image.",
    ),
    Fact(
        "FID, KID, CMMD",
        "Distances between the set of pictures and the set of natural images in the space named. "
        "FID grows when pictures are few, so it is comparable only within one table and against "
        "the same number for as many natural images. KID and CMMD are unbiased for independent "
        "pictures; one picture a class is more even than that, so they can fall below zero.",
    ),
    Fact(
        "Own features and judges' features",
        "A picture was optimised on the network's own features and may fool them. What counts is "
        "what networks find that took no part.",
    ),
    Fact(
        "High-frequency energy",
        "Share of the energy at 0.25 cycles a pixel or more, against that of natural images. Above "
        "0: more fine detail or noise than photographs have.",
    ),
    Fact(
        "Intervals",
        "95 %, over classes: another choice of classes would have moved the number by about this "
        "much. The natural images are held fixed. Two methods differ where the interval of their "
        "paired difference leaves 0 out.",
    ),
)
LIMITS = (
    "A spurious feature may need an unnatural picture, which then scores worse: plausibility says "
    "how natural pictures look and not how true they are.",
    "Few classes and few pictures: read the intervals, and compare methods, not papers. The "
    "feature space of FID is the one named, and other spaces give other numbers.",
    "MACO keeps the magnitude spectrum of natural images by construction, so that a natural "
    "spectrum is no evidence for it; transfer and plausibility in judges' features are.",
)


def build_page(comparisons: Sequence[Comparison], folders: Sequence[str], tool: str) -> PageView:
    """Turn comparisons into the plain data of the page.

    Args:
        comparisons: one a network.
        folders: where the pictures of each lie, relative to the page.
        tool: name and version.
    """
    names = ", ".join(visible(one.model["name"]) for one in comparisons)
    return PageView(
        title="Drawing methods compared",
        subtitle=f"{names}: MACO, Fourier and pixels on the same classes, seeds and steps",
        tool=visible(tool),
        table_1=_table_1(comparisons),
        table_2=_table_2(comparisons),
        how_to_read=HOW_TO_READ,
        limits=LIMITS,
        networks=tuple(
            _network(one, place, folder)
            for place, (one, folder) in enumerate(zip(comparisons, folders, strict=True))
        ),
    )
