"""Results to plain data: what a report shows, in which order, how much of it, in which words.

Text formats are functions of a :class:`~macoaudit.report.records.View` only. Numbers are read from
the record and rounded (:mod:`macoaudit.report.words`); the only arithmetic here is counting.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence

from macoaudit.errors import ReportError
from macoaudit.report.cards import (
    build_card,
    build_problem,
    build_row,
    card_pictures,
    image_score,
    problems_note,
    weakest_first,
)
from macoaudit.report.concept_cards import (
    ConceptCard,
    build_concept_card,
    concept_card_pictures,
)
from macoaudit.report.concept_view import ConceptsView, build_concepts_view
from macoaudit.report.depth import depth_view
from macoaudit.report.drawn_cards import TargetCard, build_target_card, target_pictures
from macoaudit.report.drawn_view import DrawnView, build_drawn_view
from macoaudit.report.facts import audited, banner, reproduce, settings_sentence, subtitle, volatile
from macoaudit.report.limits import Limits
from macoaudit.report.pieces import Picture
from macoaudit.report.records import Card, Fact, Level, Row, View
from macoaudit.report.texts import texts
from macoaudit.report.trust import trust_view
from macoaudit.report.words import SIMILARITY_SCALE, percent_of, plural, scale_range, visible
from macoaudit.results import ImageAudit, Plausibility, Retention, Run

__all__ = [
    "SIMILARITY_SCALE",
    "AnyView",
    "ConceptsView",
    "DrawnView",
    "Limits",
    "View",
    "build_view",
    "cards_in_order",
    "pictures_of",
    "source_of",
]

AnyView = View | DrawnView | ConceptsView
AnyCard = Card | TargetCard | ConceptCard


def _scale(images: Sequence[ImageAudit]) -> tuple[Level, ...]:
    found = [image_score(image).level for image in images if image.status == "ok"]
    return tuple(
        Level(
            level=level,
            word=step.word,
            range=scale_range(level),
            meaning=step.meaning,
            count=f"{found.count(level):,}",
            bar_pct=percent_of(found.count(level), len(found)),
        )
        for level, step in enumerate(SIMILARITY_SCALE)
    )


def _table(images: Sequence[ImageAudit], anchors: Mapping[str, str], limits: Limits) -> list[Row]:
    """Lines in run order; past the limit the images that went worst, still in run order."""
    shown = {image.id for image in images}
    if len(images) > limits.rows:
        bad = [image for image in images if image.status != "ok"]
        shown = {image.id for image in [*bad, *weakest_first(images)][: limits.rows]}
    return [build_row(image, anchors.get(image.id)) for image in images if image.id in shown]


def _rows_note(n_images: int, n_shown: int) -> str | None:
    if n_shown == n_images:
        return None
    return (
        f"{n_shown:,} of {n_images:,} lines shown: images without a result, then the lowest "
        "similarities. All are in results.json."
    )


def _cards_note(n_ok: int, n_shown: int) -> str:
    if n_ok == 0:
        return "No image was inverted, so there is no card."
    if n_shown == n_ok:
        return f"{plural(n_ok, 'image')}, lowest similarity first."
    return (
        f"{n_shown:,} of {n_ok:,} shown: the lowest similarities, weakest first, so that the "
        "report stays small enough to open. Numbers of all images are in the table and in "
        "results.json; their pictures are in the run folder."
    )


def _chunks(rows: Sequence[Row], size: int) -> tuple[tuple[Row, ...], ...]:
    return tuple(tuple(rows[start : start + size]) for start in range(0, len(rows), size))


def source_of(run: Run) -> str:
    """The command line of a run, safe to print."""
    command = run.volatile.get("command_line")
    if isinstance(command, list | tuple):
        return visible(shlex.join(str(part) for part in command))
    return "not recorded" if command is None else visible(command)


def cards_in_order(run: Run) -> Iterator[AnyCard]:
    """Build the cards of a run one by one, those that are shown first first."""
    if run.command == "visualize":
        yield from (build_target_card(one, "") for one in run.visualizations)
    elif run.command == "concepts":
        for found in run.concepts:
            yield from (build_concept_card(run, found, one, "") for one in found.concepts)
    else:
        yield from (build_card(image, "") for image in weakest_first(run.images))


def pictures_of(card: AnyCard) -> list[Picture]:
    """List the pictures that a card shows, in the order shown; one shown twice is there twice."""
    if isinstance(card, ConceptCard):
        return concept_card_pictures(card)
    return target_pictures(card) if isinstance(card, TargetCard) else card_pictures(card)


def build_view(run: Run, limits: Limits) -> AnyView:
    """Turn a run of ``invert``, ``visualize`` or ``concepts`` into the plain data of its report.

    Args:
        run: the record; the only source of numbers.
        limits: how much is shown.

    Returns:
        The view: equal runs give equal views, except for :attr:`View.volatile`.

    Raises:
        ReportError: when the run is of a command whose report this version cannot render.
    """
    if run.command == "visualize":
        return build_drawn_view(run, limits, source_of(run))
    if run.command == "concepts":
        return build_concepts_view(run, limits, source_of(run))
    if run.command not in ("invert", "audit"):
        raise ReportError(
            f"report: results.json is of the command {visible(run.command)!r}; this version of "
            "macoaudit renders runs of 'invert', 'audit', 'visualize' and 'concepts'. Use the "
            "version that wrote the run"
        )
    chosen = weakest_first(run.images)[: limits.cards]
    anchors = {image.id: f"card-{number}" for number, image in enumerate(chosen, start=1)}
    rows = _table(run.images, anchors, limits)
    bad = [image for image in run.images if image.status != "ok"][: limits.rows]
    n_ok = sum(image.status == "ok" for image in run.images)
    tool = f"{run.tool.get('name', 'macoaudit')} {run.tool.get('version', '(version unknown)')}"
    return View(
        command=run.command,
        title=f"Inversion report: {visible(run.model.name)}",
        subtitle=subtitle(run),
        tool=visible(tool),
        banner=banner(run),
        audited=audited(run),
        settings_sentence=settings_sentence(run),
        texts=texts(run),
        scale=_scale(run.images),
        cards=tuple(
            build_card(
                image, anchors[image.id], max_seeds=limits.seeds, max_transfer=limits.transfer
            )
            for image in chosen
        ),
        cards_note=_cards_note(n_ok, len(chosen)),
        rows=_chunks(rows, limits.chunk),
        rows_note=_rows_note(len(run.images), len(rows)),
        has_transfer=any(image.transfer for image in run.images),
        has_labels=any(image.label is not None for image in run.images),
        has_retention=any(isinstance(image.retention, Retention) for image in run.images),
        has_plausibility=any(isinstance(i.plausibility, Plausibility) for i in run.images),
        trust=trust_view(run.trust),
        depth=depth_view(run.images),
        problems=tuple(build_problem(image) for image in bad),
        problems_note=problems_note(run.images, len(bad)),
        skipped=tuple(Fact(visible(s.check), visible(s.reason)) for s in run.skipped),
        reproduce=reproduce(run),
        volatile=volatile(run, source_of(run)),
    )
