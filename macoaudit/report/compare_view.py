"""A comparison as plain data: what a report of it shows, in which order, in which words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from macoaudit.comparing import Comparison, ImagePair, PairedChange
from macoaudit.comparing.statistics import TEST_PREFIX
from macoaudit.report.compare_cards import build_pair_card, images_of, title_of
from macoaudit.report.compare_facts import difference_rows, record_rows, side_rows
from macoaudit.report.compare_findings import (
    build_finding_pairs,
    class_rows,
    finding_pair_pictures,
)
from macoaudit.report.compare_records import (
    AloneRow,
    ChangeRow,
    ClassRow,
    CompareView,
    FindingPairCard,
    PairCard,
    PairPicture,
    PairRow,
)
from macoaudit.report.compare_summary import (
    bullets_of,
    level_of,
    tiles_of,
    title_of_comparison,
)
from macoaudit.report.compare_texts import how_to_read, limits_of
from macoaudit.report.compare_words import (
    delta_bar,
    difference_text,
    interval_words,
)
from macoaudit.report.retention import attribute_name, ordered
from macoaudit.report.words import (
    DASH,
    class_text,
    p_text,
    plural,
    similarity_text,
    visible,
)
from macoaudit.results import Run


@dataclass(frozen=True)
class CompareLimits:
    """How much of a comparison a format shows; the rest is counted in words."""

    findings: int
    cards: int
    rows: int = 10_000
    """Lines of each table of images."""
    chunk: int = 200


def build_compare_view(
    comparison: Comparison, first: Run, second: Run, limits: CompareLimits
) -> CompareView:
    """Turn a comparison into plain data.

    Args:
        comparison: the record; the only source of numbers.
        first: the record of A, for names of pictures and words of findings.
        second: the same of B.
        limits: how much is shown.

    Returns:
        The view: equal comparisons give equal views.
    """
    findings = build_finding_pairs(comparison, first, second)
    level = level_of(comparison)
    cards = tuple(islice(_cards(comparison, first, second), limits.cards))
    differences, differences_note = difference_rows(comparison)
    rows, rows_note = _rows(comparison, len(cards), limits)
    shown = findings[: limits.findings]
    return CompareView(
        tool=visible(" ".join(str(v) for _, v in sorted(comparison.b.tool.items()))),
        title=title_of_comparison(comparison),
        subtitle=f"A: run {visible(comparison.a.folder)}. B: run {visible(comparison.b.folder)}. "
        "Differences are B minus A.",
        headline=visible(comparison.headline),
        level=level,
        symbol={"high": "▲", "medium": "▲", "info": "●", "none": "="}[level],
        bullets=tuple(bullets_of(comparison)),
        tiles=tuple(tiles_of(comparison)),
        cautions=tuple(visible(one.text) for one in comparison.cautions),
        no_caution="Both runs are complete and state the same network name, layer, input, image "
        "set, labels, settings, seeds, versions and policy.",
        sides=side_rows(comparison),
        is_audit=comparison.command == "audit",
        findings=shown,
        findings_note=_shown_note(len(shown), len(findings), "finding"),
        changes=change_rows(comparison),
        changes_note=_changes_note(comparison),
        classes=_class_chunks(comparison, shown, limits),
        cards=cards,
        cards_note=_cards_note(comparison, len(cards)),
        rows=rows,
        rows_note=rows_note,
        alone=tuple(
            AloneRow(visible(one.image.path), one.run, visible(one.reason))
            for one in comparison.only_in_one[: limits.rows]
        ),
        alone_note=_alone_note(comparison, limits.rows),
        differences=differences,
        differences_note=differences_note,
        how_to_read=how_to_read(comparison),
        limits=limits_of(comparison),
        records=record_rows(comparison, first, second),
    )


def _class_chunks(
    comparison: Comparison, shown: Sequence[FindingPairCard], limits: CompareLimits
) -> tuple[tuple[ClassRow, ...], ...]:
    rows = class_rows(comparison.classes, shown)
    return tuple(rows[at : at + limits.chunk] for at in range(0, len(rows), limits.chunk))


def _shown_note(shown: int, total: int, noun: str) -> str:
    if total == 0:
        return f"Neither run has a {noun}. A class without a finding is not proven clean."
    if shown < total:
        told = f"{shown:,} of {plural(total, noun)} shown, what changed first, by severity"
        return f"{told}; all in compare.json."
    return f"{plural(total, noun)}, what changed first, by severity."


def change_rows(comparison: Comparison) -> tuple[ChangeRow, ...]:
    """List the similarity and every attribute over all common images."""
    by_name = {one.name: one for one in comparison.attributes}
    attributes = [by_name[name] for name in ordered(by_name)]
    own, common = _reach([comparison.similarity]), _reach(attributes)
    return (
        _change_row(comparison.similarity, own),
        *(_change_row(one, common) for one in attributes),
    )


def _reach(changes: Sequence[PairedChange]) -> float:
    """What fills a bar: the furthest end of any interval."""
    return max(
        (
            abs(end)
            for one in changes
            for end in (one.mean_difference, one.low, one.high)
            if end is not None
        ),
        default=1.0,
    )


def _change_row(one: PairedChange, reach: float) -> ChangeRow:
    is_similarity = one.name == "similarity"
    return ChangeRow(
        name="similarity of the activation" if is_similarity else attribute_name(one.name),
        n=f"{one.n:,}",
        a=similarity_text(one.mean_a),
        b=similarity_text(one.mean_b),
        difference=difference_text(one.mean_difference),
        interval=interval_words(one.low, one.high),
        bar=delta_bar(one.mean_difference, reach, one.low, one.high),
        p=DASH if one.p_value is None else p_text(one.p_value),
        adjusted_p=DASH if one.adjusted_p is None else p_text(one.adjusted_p),
        test=visible(
            f"no test: {one.reason}" if one.test is None else one.test.removeprefix(TEST_PREFIX)
        ),
    )


def _changes_note(comparison: Comparison) -> str:
    told = [
        attribute_name(one.name)
        for one in comparison.attributes
        if one.adjusted_p is not None and one.adjusted_p <= 0.05
    ]
    if not comparison.attributes:
        return "Retention was not measured in either run."
    if told:
        return f"After correction for their number, these differ: {', '.join(told)}."
    return "After correction for their number, no attribute differs at the 0.05 level."


def _cards(comparison: Comparison, first: Run, second: Run) -> Iterator[PairCard]:
    a, b = images_of(first), images_of(second)
    reach = max((abs(one.difference) for one in comparison.images if one.difference), default=1.0)
    for number, pair in enumerate(with_cards(comparison), 1):
        yield build_pair_card(pair, a, b, f"image-{number}", reach)


def with_cards(comparison: Comparison) -> list[ImagePair]:
    """List the pairs that have a card: those with an inversion in one run at least."""
    return [one for one in comparison.images if one.a.seeds or one.b.seeds]


def cards_in_order(
    comparison: Comparison, first: Run, second: Run
) -> Iterator[FindingPairCard | PairCard]:
    """Build the cards one by one, those that are shown first first."""
    yield from build_finding_pairs(comparison, first, second)
    yield from _cards(comparison, first, second)


def pair_pictures_of(card: FindingPairCard | PairCard) -> Sequence[PairPicture]:
    """List the pictures that a card shows."""
    return card.pictures if isinstance(card, PairCard) else finding_pair_pictures(card)


def _cards_note(comparison: Comparison, shown: int) -> str:
    total = len(with_cards(comparison))
    by_content = sum(one.matched_by == "content" for one in comparison.images)
    by_path = len(comparison.images) - by_content
    matched = f"{by_content:,} matched by content, {by_path:,} by path alone"
    rest = len(comparison.images) - total
    parts = [f"{plural(len(comparison.images), 'common image')} ({matched})."]
    if rest:
        parts.append(f"{rest:,} inverted in neither run: in the table only.")
    if shown < total:
        parts.append(f"{shown:,} of {plural(total, 'card')} shown, the largest change first.")
    elif total:
        parts.append("The largest change of similarity comes first.")
    return " ".join(parts)


def _rows(
    comparison: Comparison, n_cards: int, limits: CompareLimits
) -> tuple[tuple[tuple[PairRow, ...], ...], str | None]:
    anchors = {
        one.a.id: f"image-{number}"
        for number, one in enumerate(with_cards(comparison)[:n_cards], 1)
    }
    found = comparison.images
    rows = [_pair_row(one, anchors.get(one.a.id)) for one in found[: limits.rows]]
    note = None
    if len(rows) < len(found):
        note = f"{len(rows):,} of {len(found):,} lines shown; all in compare.json."
    chunks = (tuple(rows[at : at + limits.chunk]) for at in range(0, len(rows), limits.chunk))
    return tuple(chunks), note


def _pair_row(pair: ImagePair, anchor: str | None) -> PairRow:
    known = [one.changed for one in pair.attributes if one.changed is not None]
    changed = DASH
    if pair.prediction_changed is not None:
        changed = "CHANGED" if pair.prediction_changed else "same"
    matched = "content" if pair.matched_by == "content" else "path alone"
    return PairRow(
        anchor=anchor,
        path=title_of(pair),
        matched=matched if pair.same_content is not False else "path; OTHER CONTENT",
        a=similarity_text(pair.a.similarity),
        b=similarity_text(pair.b.similarity),
        difference=difference_text(pair.difference),
        prediction_a=class_text(pair.a.prediction),
        prediction_b=class_text(pair.b.prediction),
        changed=changed,
        verdicts=f"{sum(known)} of {len(known)}" if known else DASH,
    )


def _alone_note(comparison: Comparison, most: int) -> str:
    total = len(comparison.only_in_one)
    if not total:
        return "None: both runs have the same images."
    told = f"{plural(total, 'image')} without a partner; compared in nothing."
    return told if total <= most else f"{told} {most:,} of {total:,} shown; all in compare.json."
