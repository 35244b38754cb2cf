"""A run of ``gallery`` as plain data: one entry and one page a class."""

from collections.abc import Mapping, Sequence
from statistics import median

from macoaudit.report.drawn_cards import STATUS_WORDS, build_target_card, finds_it, score_text
from macoaudit.report.drawn_texts import drawn_texts
from macoaudit.report.drawn_view import network_facts
from macoaudit.report.facts import reproduce, settings_sentence, subtitle, volatile
from macoaudit.report.gallery_records import (
    ClassPage,
    Drivers,
    DriverView,
    Entry,
    GalleryView,
    Section,
)
from macoaudit.report.pieces import Picture
from macoaudit.report.records import Fact, FactGroup, Texts
from macoaudit.report.words import DASH, plural, share_text, visible
from macoaudit.results import (
    ClassDrivers,
    NaturalNeighbours,
    PicturePlausibility,
    Run,
    Visualization,
)

Concepts = Mapping[int, tuple[Section, ...]]
"""What is known of a class's concepts, by class."""

DRIVING = Fact(
    "Driving channels",
    "The channels of the network's last layer that add most to the class's logit on the class's "
    "own pictures: weight times activation. For a linear classifier these numbers and the bias add "
    "up to the logit. Each channel is drawn in the direction that it has on the class's pictures.",
)


def class_records(run: Run) -> dict[int, list[Visualization]]:
    """The pictures of each class, in the run's order."""
    found: dict[int, list[Visualization]] = {}
    for one in run.visualizations:
        if len(one.terms) == 1 and one.terms[0].kind == "logit":
            found.setdefault(one.terms[0].index, []).append(one)
    return found


def build_gallery_view(run: Run, source: str, concepts: Concepts | None = None) -> GalleryView:
    """Turn a run of ``gallery`` into the plain data of its site.

    Args:
        run: the record; the only source of numbers.
        source: the command line, for the record.
        concepts: sections on the concepts of classes, shown on their pages.
    """
    classes = class_records(run)
    pictures = {one.id: one for one in run.visualizations}
    drivers = {one.index: one for one in run.drivers}
    pages = tuple(
        ClassPage(
            entry=build_entry(index, records),
            title=visible(class_name(records)),
            cards=tuple(build_target_card(one, f"seed-{one.seed}") for one in records),
            drivers=build_drivers(drivers[index], pictures) if index in drivers else None,
            concepts=(concepts or {}).get(index, ()),
        )
        for index, records in classes.items()
    )
    tool = f"{run.tool.get('name', 'macoaudit')} {run.tool.get('version', '(version unknown)')}"
    complete = run.status == "complete"
    texts = drawn_texts(run)
    n_classes = run.model.num_classes
    shown = "all" if len(classes) == n_classes else f"{len(classes):,} of {n_classes:,}"
    return GalleryView(
        title=f"Class gallery: {visible(run.model.name)}",
        subtitle=subtitle(run),
        tool=visible(tool),
        status="Complete" if complete else "Incomplete",
        complete=complete,
        explanation=_explanation(complete, pages),
        warning="Random weights. This network was never trained."
        if run.model.weights_origin == "random"
        else None,
        tiles=_tiles(run, pages),
        audited=(*network_facts(run), _drawing(run)),
        settings_sentence=settings_sentence(run),
        texts=Texts((*texts.how_to_read, DRIVING), texts.limits, texts.glossary),
        pages=pages,
        note=f"{shown[0].upper()}{shown[1:]} classes of the network are here.",
        has_transfer=any(one.transfer for one in run.visualizations),
        has_plausibility=any(page.entry.as_far_pct for page in pages),
        skipped=tuple(Fact(visible(s.check), visible(s.reason)) for s in run.skipped),
        reproduce=reproduce(run),
        volatile=volatile(run, source),
    )


def class_name(records: Sequence[Visualization]) -> str:
    """Name a class as its target does, without the number."""
    term = records[0].terms[0]
    return term.text.removesuffix(f" (logit {term.index})")


def build_entry(index: int, records: Sequence[Visualization]) -> Entry:
    """Sum one class up for the first page.

    Args:
        index: of the class.
        records: its pictures, one a seed; the first that was drawn is shown.
    """
    drawn = [one for one in records if one.status == "ok"]
    first = (drawn or records)[0]
    name = visible(class_name(records))
    answers = [finds_it(row) for one in drawn for row in one.transfer]
    share = sum(answers) / len(answers) if answers else None
    state = {None: "unasked", 0.0: "none", 1.0: "every"}.get(share, "some")
    far = [
        one.plausibility.percentile
        for one in drawn
        if isinstance(one.plausibility, PicturePlausibility)
    ]
    as_far = sum(far) / len(far) if far else None
    return Entry(
        id=first.id,
        index=str(index),
        name=name,
        status="drawn" if drawn else first.status,
        outcome=STATUS_WORDS[first.status],
        reason=None if drawn else visible(first.reason or "no reason was recorded"),
        picture=Picture(first.files["image"], name, f"What drives {name} up", small=True)
        if drawn
        else None,
        masked=Picture(
            first.files["masked"], name, f"What drives {name} up, behind its mask", small=True
        )
        if drawn
        else None,
        judges=state,
        judges_text=f"judges: {sum(answers)} of {len(answers)} find it" if answers else "",
        judged_frac="" if share is None else f"{share:.4f}",
        as_far_pct="" if as_far is None else f"{100 * as_far:.2f}",
        as_far_text="" if as_far is None else f"natural images as far out: {share_text(as_far)}",
        score="" if first.score is None else repr(first.score),
        score_text=score_text(first.score),
    )


def build_drivers(found: ClassDrivers, pictures: Mapping[str, Visualization]) -> Drivers:
    """Word what drives a class.

    Args:
        found: the record.
        pictures: every picture of the run by its id.
    """
    channels = []
    for one in found.channels:
        drawn = pictures.get(one.visualization)
        title = f"Channel {one.channel}" + (", downward" if one.activation < 0 else "")
        sentence = (
            f"weight {one.weight:.3g}, activation {one.activation:.3g}, together "
            f"{one.contribution:.3g} of the logit {found.logit:.4g}"
        )
        ok = drawn is not None and drawn.status == "ok"
        alt = f"What drives channel {one.channel} of {visible(found.layer)}"
        picture = Picture(drawn.files["image"], title, alt) if drawn and ok else None
        reason = None if ok else visible((drawn.reason if drawn else None) or "was not drawn")
        channels.append(DriverView(title, sentence, share_text(one.share), picture, reason))
    pushes = sum(one.contribution for one in found.channels)
    sentence = (
        f"The {len(channels)} of {found.n_channels:,} channels of {visible(found.layer)} that add "
        f"most to the class's logit, in {plural(found.n_pictures, 'picture')} of the class: "
        f"{pushes:.4g} together. The logit is {found.logit:.4g}, the bias {found.bias:.3g}."
    )
    if not channels:
        sentence = f"No channel of {visible(found.layer)} adds to the class's logit."
    return Drivers(sentence, tuple(channels))


def _count(pages: Sequence[ClassPage], status: str) -> int:
    return sum(page.entry.status == status for page in pages)


def _explanation(complete: bool, pages: Sequence[ClassPage]) -> str:
    if not complete:
        return "The run is not whole: classes are missing or a number was not finite."
    bad = len(pages) - _count(pages, "drawn")
    if not bad:
        return "Every class was drawn. A gallery shows; it does not pass or fail a network."
    return (
        f"{plural(bad, 'class', 'classes')} could not be drawn; the list says why. A "
        "gallery shows; it does not pass or fail a network."
    )


def _tiles(run: Run, pages: Sequence[ClassPage]) -> tuple[Fact, ...]:
    tiles = [
        Fact("classes", f"{len(pages):,}"),
        Fact("drawn", f"{_count(pages, 'drawn'):,}"),
        Fact("dead", f"{_count(pages, 'dead'):,}"),
        Fact("unreachable", f"{_count(pages, 'unreachable'):,}"),
        Fact("failed", f"{_count(pages, 'failed'):,}"),
    ]
    rows = [row for one in run.visualizations for row in one.transfer]
    if rows:
        found = sum(finds_it(row) for row in rows)
        tiles.append(Fact("judges' answers that find the class", f"{found:,} of {len(rows):,}"))
    far = [float(page.entry.as_far_pct) for page in pages if page.entry.as_far_pct]
    if far:
        tiles.append(Fact("natural images as far out (median)", share_text(median(far) / 100)))
    same = run.summary.get("exemplars_of_class_frac")
    if isinstance(same, float):
        tiles.append(Fact("nearest natural images of the class", share_text(same)))
    return tuple(tiles)


def _drawing(run: Run) -> FactGroup:
    """How the pictures were made, in the words that a reader looks for first."""
    maco = run.config.get("maco")
    steps = maco.get("n_steps", DASH) if isinstance(maco, Mapping) else DASH
    seeds = run.config.get("seeds")
    names = sorted({row.judge for one in run.visualizations for row in one.transfer})
    spaces = {
        one.exemplars.space
        for one in run.visualizations
        if isinstance(one.exemplars, NaturalNeighbours)
    }
    facts = [
        Fact("Method", visible(run.config.get("method", DASH))),
        Fact("Steps", visible(steps)),
        Fact("Seeds", ", ".join(map(str, seeds)) if isinstance(seeds, list | tuple) else DASH),
        Fact("Judges", ", ".join(visible(name) for name in names) or "none"),
        Fact("Channels drawn", f"{run.summary.get('n_channels', 0):,}"),
        Fact("Nearest natural images by", ", ".join(visible(s) for s in sorted(spaces)) or DASH),
    ]
    return FactGroup("Drawing", tuple(facts))
