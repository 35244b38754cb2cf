"""A run of ``invert`` as plain data: cards, the scale, a table, what it cannot tell."""

from collections.abc import Mapping, Sequence

from macoaudit.report.cards import (
    build_card,
    build_problem,
    build_row,
    image_score,
    problems_note,
    weakest_first,
)
from macoaudit.report.depth import depth_view
from macoaudit.report.facts import audited, banner, reproduce, settings_sentence, subtitle, volatile
from macoaudit.report.limits import Limits
from macoaudit.report.records import Fact, Level, Row, View
from macoaudit.report.texts import texts
from macoaudit.report.trust import trust_view
from macoaudit.report.words import SIMILARITY_SCALE, percent_of, plural, scale_range, visible
from macoaudit.results import ImageAudit, Plausibility, Retention, Run


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


def build_inverted_view(run: Run, limits: Limits, source: str, prefix: str = "card") -> View:
    """Turn the inversions of a run into the plain data of their report.

    Args:
        run: the record; the only source of numbers.
        limits: how much is shown.
        source: the command line, for the record.
        prefix: start of the cards' anchors.
    """
    chosen = weakest_first(run.images)[: limits.cards]
    anchors = {image.id: f"{prefix}-{number}" for number, image in enumerate(chosen, start=1)}
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
        volatile=volatile(run, source),
    )
