"""A run of ``concepts`` as plain data: a card a concept, the images, what it cannot tell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from macoaudit.report.concept_cards import (
    ConceptCard,
    MemberRow,
    build_concept_card,
    build_member_row,
)
from macoaudit.report.concept_texts import concept_texts
from macoaudit.report.drawn_view import DrawnBanner
from macoaudit.report.facts import audited, reproduce, settings_sentence, subtitle, volatile
from macoaudit.report.limits import Limits
from macoaudit.report.records import Fact, FactGroup, Problem, Texts
from macoaudit.report.words import plural, share_text, visible
from macoaudit.results import ClassConcepts, Run


@dataclass(frozen=True)
class ConceptsView:
    """A report of concepts as plain data."""

    command: str
    title: str
    subtitle: str
    tool: str
    banner: DrawnBanner
    audited: tuple[FactGroup, ...]
    settings_sentence: str
    texts: Texts
    reading: str
    """One sentence above the first table: how to read it."""
    chosen: str
    """Which images are of the class, and why."""
    cards: tuple[ConceptCard, ...]
    cards_note: str
    rows: tuple[tuple[MemberRow, ...], ...]
    rows_note: str | None
    notes: tuple[str, ...]
    problems: tuple[Problem, ...]
    skipped: tuple[Fact, ...]
    reproduce: tuple[FactGroup, ...]
    volatile: tuple[FactGroup, ...]


def the_concepts(run: Run) -> ClassConcepts | None:
    """Give the concepts of a run, which holds those of one class; None where it was cut short."""
    return run.concepts[0] if run.concepts else None


def _class_name(run: Run) -> str:
    return visible(run.summary.get("class", run.config.get("class", "the class")))


def chosen_sentence(run: Run, found: ClassConcepts | None) -> str:
    """Say which images are of the class, and by which rule."""
    name = _class_name(run)
    if found is None:
        return "The run ended before the concepts were found."
    n, by_label = len(found.images), sum(m.chosen_by == "label" for m in found.images)
    of = f"{plural(n, 'image')} of {name}"
    if by_label == n:
        rule = "the label of their folder decided, whatever the network says"
    elif by_label == 0:
        rule = "the network's own prediction decided, because they have no class folder"
    else:
        rule = (
            f"for {by_label:,} the label of their folder decided, for the others, which have no "
            "class folder, the network's own prediction"
        )
    agree = run.summary.get("n_predicted_as_class")
    seen = f" The network predicts {name} for {agree:,} of them." if isinstance(agree, int) else ""
    return f"{of}: {rule}.{seen}"


def _banner(run: Run, found: ClassConcepts | None) -> DrawnBanner:
    complete = run.status == "complete"
    tiles: list[Fact] = []
    if found is not None:
        n_for = sum(one.effect > 0 for one in found.concepts)
        n_ok = sum(one.status == "ok" for one in run.visualizations)
        tiles = [
            Fact("images of the class", f"{len(found.images):,}"),
            Fact("crops", f"{found.n_crops:,}"),
            Fact("concepts", f"{len(found.concepts):,}"),
            Fact("for the class", f"{n_for:,}"),
            Fact("pictures drawn", f"{n_ok:,} of {len(run.visualizations):,}"),
            Fact("left unexplained", share_text(min(1.0, found.relative_error))),
        ]
    warning = None
    if run.model.weights_origin == "random":
        warning = (
            "Random weights. This network was never trained: every picture and number below "
            "describes an untrained network."
        )
    start = "" if complete else "The run is not whole: something is missing or was not finite. "
    return DrawnBanner(
        status="Complete" if complete else "Incomplete",
        complete=complete,
        explanation=f"{start}{chosen_sentence(run, found)}",
        warning=warning,
        tiles=tuple(tiles),
    )


def _audited(run: Run, found: ClassConcepts | None) -> tuple[FactGroup, ...]:
    network, given, images, *_ = audited(run)
    facts = tuple(
        replace(fact, name="Concepts sought at") if fact.name == "Layer inverted" else fact
        for fact in network.facts
    )
    groups = [replace(network, facts=facts), given, replace(images, facts=images.facts[:1])]
    if found is not None:
        signs = {
            "as they are": "none was negative",
            "halves": "some were negative: split into positive and negative halves",
        }
        rows, columns = found.grid
        fine_rows, fine_columns = found.fine_grid
        groups.append(
            FactGroup(
                "Factorisation",
                (
                    Fact("Grid", f"{rows} × {columns} places"),  # noqa: RUF001
                    Fact("Located at", f"{fine_rows} × {fine_columns} places"),  # noqa: RUF001
                    Fact("Crops", f"{found.n_crops:,}"),
                    Fact("Activations", signs[found.non_negative]),
                    Fact("Settled", "yes" if found.converged else "no"),
                ),
            )
        )
    return tuple(groups)


def _rows(
    run: Run, found: ClassConcepts | None, limits: Limits
) -> tuple[tuple[tuple[MemberRow, ...], ...], str | None]:
    if found is None:
        return (), None
    known = {image.id: image for image in run.images}
    rows = [
        build_member_row(known[member.id], member, found.class_index)
        for member in found.images
        if member.id in known
    ]
    shown = rows[: limits.rows]
    note = None if len(shown) == len(rows) else f"{len(shown):,} of {len(rows):,} lines shown."
    chunk = limits.chunk
    return tuple(tuple(shown[n : n + chunk]) for n in range(0, len(shown), chunk)), note


def _cards(run: Run, found: ClassConcepts | None, limits: Limits) -> Sequence[ConceptCard]:
    if found is None:
        return ()
    return [
        build_concept_card(run, found, one, f"card-{one.rank}", limits.places)
        for one in found.concepts[: limits.cards]
    ]


def build_concepts_view(run: Run, limits: Limits, source: str) -> ConceptsView:
    """Turn a run of ``concepts`` into the plain data of its report.

    Args:
        run: the record; the only source of numbers.
        limits: how much is shown; cards in the order of the concepts.
        source: the command line, for the record.
    """
    found, name = the_concepts(run), _class_name(run)
    cards = tuple(_cards(run, found, limits))
    total = len(found.concepts) if found else 0
    note = "Evidence for the class first, then evidence against it; the most important first."
    if len(cards) < total:
        note = f"{len(cards):,} of {total:,} shown; all are in results.json. {note}"
    rows, rows_note = _rows(run, found, limits)
    bad = [image for image in run.images if image.status != "ok"]
    tool = f"{run.tool.get('name', 'macoaudit')} {run.tool.get('version', '(version unknown)')}"
    return ConceptsView(
        command=run.command,
        title=f"Concepts of {name}: {visible(run.model.name)}",
        subtitle=subtitle(run),
        tool=visible(tool),
        banner=_banner(run, found),
        audited=_audited(run, found),
        settings_sentence=settings_sentence(run),
        texts=concept_texts(run, found),
        reading=(
            f"Each line is one part of what the network sees in {name}: a drawing of it, the crop "
            "that holds it most, where it lies in that image, and how much the score of the class "
            "hangs on it."
        ),
        chosen=chosen_sentence(run, found),
        cards=cards,
        cards_note=note,
        rows=rows,
        rows_note=rows_note,
        notes=tuple(visible(note) for note in found.notes) if found else (),
        problems=tuple(
            Problem(visible(image.path), image.status, visible(image.reason or "no reason"))
            for image in bad[: limits.rows]
        ),
        skipped=tuple(Fact(visible(s.check), visible(s.reason)) for s in run.skipped),
        reproduce=reproduce(run),
        volatile=volatile(run, source),
    )
