"""Comparisons as plain data for the page: tables, sentences, pictures; rounding is done here."""

from collections.abc import Sequence
from dataclasses import dataclass

from macoaudit.methods.charts import spectrum_chart
from macoaudit.methods.records import Comparison
from macoaudit.methods.tables import (
    Grid,
    details_table,
    drawn_names,
    main_table,
    seconds_table,
    table_1,
    table_2,
)
from macoaudit.methods.texts import HOW_TO_READ, LIMITS
from macoaudit.methods.words import main_measures, method_name, sentence
from macoaudit.report.charts import Chart
from macoaudit.report.records import Fact
from macoaudit.report.words import visible


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


def _sheet(comparison: Comparison) -> tuple[SheetRow, ...]:
    first: dict[tuple[str, int], tuple[str, dict[str, int]]] = {}
    for picture in comparison.pictures:
        key = (picture.method, picture.class_index)
        first.setdefault(key, (picture.path, dict(picture.ranks)))
    rows = []
    for index, label in zip(comparison.classes, comparison.class_names, strict=True):
        pictures = []
        for name in drawn_names(comparison):
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


_FORMS = {
    "auto": "how far the class stands out among the logits (the raw logit below three classes)",
    "standard": "how far the class stands out among the logits",
    "raw": "the raw logit, as in the paper",
}


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
        Fact("Driven up by every method", _FORMS[str(comparison.config["logit_form"])]),
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
        main=main_table(comparison),
        seconds=seconds_table(comparison),
        details=details_table(comparison),
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
        table_1=table_1(comparisons),
        table_2=table_2(comparisons),
        how_to_read=HOW_TO_READ,
        limits=LIMITS,
        networks=tuple(
            _network(one, place, folder)
            for place, (one, folder) in enumerate(zip(comparisons, folders, strict=True))
        ),
    )
