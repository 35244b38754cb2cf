"""A run of ``visualize`` as plain data: cards of targets, a table, what it cannot tell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from macoaudit.report.drawn_cards import (
    TargetCard,
    TargetRow,
    build_target_card,
    build_target_row,
    finds_it,
)
from macoaudit.report.drawn_texts import drawn_texts
from macoaudit.report.facts import audited, reproduce, settings_sentence, subtitle, volatile
from macoaudit.report.limits import Limits
from macoaudit.report.records import Fact, FactGroup, Problem, Texts
from macoaudit.report.words import plural, share_text, visible
from macoaudit.results import PicturePlausibility, Run, Visualization


@dataclass(frozen=True)
class DrawnBanner:
    """The first thing a reader sees."""

    status: str
    complete: bool
    explanation: str
    warning: str | None
    tiles: tuple[Fact, ...]


@dataclass(frozen=True)
class DrawnView:
    """A report of visualisations as plain data."""

    command: str
    title: str
    subtitle: str
    tool: str
    banner: DrawnBanner
    audited: tuple[FactGroup, ...]
    settings_sentence: str
    texts: Texts
    cards: tuple[TargetCard, ...]
    cards_note: str
    rows: tuple[tuple[TargetRow, ...], ...]
    rows_note: str | None
    has_transfer: bool
    has_plausibility: bool
    problems: tuple[Problem, ...]
    problems_note: str
    skipped: tuple[Fact, ...]
    reproduce: tuple[FactGroup, ...]
    volatile: tuple[FactGroup, ...]


def _count(run: Run, status: str) -> int:
    return sum(one.status == status for one in run.visualizations)


def _banner(run: Run) -> DrawnBanner:
    drawn, n_ok = run.visualizations, _count(run, "ok")
    complete = run.status == "complete"
    if complete and n_ok == len(drawn):
        explanation = "Every target was drawn."
    elif complete:
        bad = plural(len(drawn) - n_ok, "picture")
        explanation = f"The run ended; {bad} could not be drawn (listed below with the reason)."
    else:
        explanation = "The run is not whole: pictures are missing or a number was not finite."
    warning = None
    if run.model.weights_origin == "random":
        warning = (
            "Random weights. This network was never trained: every picture and number below "
            "describes an untrained network."
        )
    tiles = [
        Fact("pictures", f"{len(drawn):,}"),
        Fact("drawn", f"{n_ok:,}"),
        Fact("dead targets", f"{_count(run, 'dead'):,}"),
        Fact("unreachable", f"{_count(run, 'unreachable'):,}"),
        Fact("failed", f"{_count(run, 'failed'):,}"),
    ]
    rows = [row for one in drawn for row in one.transfer]
    if rows:
        found = sum(finds_it(row) for row in rows)
        tiles.append(Fact("judges' answers that find the class", f"{found:,} of {len(rows):,}"))
    tiles += _natural_tiles(run)
    return DrawnBanner(
        status="Complete" if complete else "Incomplete",
        complete=complete,
        explanation=f"{explanation} Visualisation shows; it does not pass or fail a network.",
        warning=warning,
        tiles=tuple(tiles),
    )


def _natural_tiles(run: Run) -> list[Fact]:
    """The median place of the pictures among natural images, and of which class these are."""
    found = sorted(
        one.plausibility.percentile
        for one in run.visualizations
        if isinstance(one.plausibility, PicturePlausibility)
    )
    share = run.summary.get("exemplars_of_class_frac")
    tiles = []
    if found:
        middle = share_text(median(found))
        tiles.append(Fact("natural images at least as far out (median picture)", middle))
    if isinstance(share, float):
        tiles.append(Fact("nearest natural images of the class drawn", share_text(share)))
    return tiles


def network_facts(run: Run) -> tuple[FactGroup, FactGroup]:
    """The network and its input."""
    network, given, *_ = audited(run)
    facts = [
        replace(fact, name="Read at") if fact.name == "Layer inverted" else fact
        for fact in network.facts
        if fact.name != "Activation shape" or run.model.activation_shape
    ]
    return replace(network, facts=tuple(facts)), given


def _audited(run: Run) -> tuple[FactGroup, ...]:
    """The network and its input; the targets by kind."""
    kinds: dict[str, int] = {}
    for one in run.visualizations:
        kind = one.terms[0].kind if len(one.terms) == 1 else "weighted sum"
        kinds[kind] = kinds.get(kind, 0) + 1
    counts = tuple(Fact(kind, plural(count, "picture")) for kind, count in kinds.items())
    return (*network_facts(run), FactGroup("Targets", counts))


def _rows(
    drawn: Sequence[Visualization], anchors: Sequence[str | None], limits: Limits
) -> tuple[tuple[TargetRow, ...], ...]:
    rows = [build_target_row(one, anchor) for one, anchor in zip(drawn, anchors, strict=True)][
        : limits.rows
    ]
    return tuple(
        tuple(rows[start : start + limits.chunk]) for start in range(0, len(rows), limits.chunk)
    )


def _problems_note(bad: Sequence[Visualization], n_shown: int) -> str:
    if not bad:
        return "Every target responded and was drawn."
    note = f"{plural(len(bad), 'picture')} could not be drawn. None is shown as grey."
    return note if n_shown == len(bad) else f"{note} {n_shown:,} listed; all in results.json."


def build_drawn_view(run: Run, limits: Limits, source: str, prefix: str = "card") -> DrawnView:
    """Turn a run of ``visualize`` into the plain data of its report.

    Args:
        run: the record; the only source of numbers.
        limits: how much is shown; cards in the order in which targets were named.
        source: the command line, for the record.
        prefix: start of the cards' anchors.
    """
    drawn = run.visualizations
    n_cards = min(limits.cards, len(drawn))
    anchors = [f"{prefix}-{n + 1}" if n < n_cards else None for n in range(len(drawn))]
    bad = [one for one in drawn if one.status != "ok"]
    listed = bad[: limits.rows]
    tool = f"{run.tool.get('name', 'macoaudit')} {run.tool.get('version', '(version unknown)')}"
    note = f"{plural(len(drawn), 'picture')}, in the order in which targets were named."
    if n_cards < len(drawn):
        note = (
            f"{n_cards:,} of {len(drawn):,} shown, the first ones, so that the report stays small "
            "enough to open. Numbers of all are in results.json; pictures are in the run folder."
        )
    n_rows = min(limits.rows, len(drawn))
    left = None if n_rows == len(drawn) else f"{n_rows:,} of {len(drawn):,} lines shown."
    return DrawnView(
        command=run.command,
        title=f"Visualisations: {visible(run.model.name)}",
        subtitle=subtitle(run),
        tool=visible(tool),
        banner=_banner(run),
        audited=_audited(run),
        settings_sentence=settings_sentence(run),
        texts=drawn_texts(run),
        cards=tuple(
            build_target_card(one, anchor)
            for one, anchor in zip(drawn, anchors, strict=True)
            if anchor is not None
        ),
        cards_note=note,
        rows=_rows(drawn, anchors, limits),
        rows_note=left,
        has_transfer=any(one.transfer for one in drawn),
        has_plausibility=any(isinstance(one.plausibility, PicturePlausibility) for one in drawn),
        problems=tuple(
            Problem(
                visible(f"{one.name}, seed {one.seed}"),
                one.status,
                visible(one.reason or "no reason was recorded"),
            )
            for one in listed
        ),
        problems_note=_problems_note(bad, len(listed)),
        skipped=tuple(Fact(visible(s.check), visible(s.reason)) for s in run.skipped),
        reproduce=reproduce(run),
        volatile=volatile(run, source),
    )
