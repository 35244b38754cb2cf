"""Findings and classes of a comparison to their cards and lines."""

from collections.abc import Sequence

from macoaudit.comparing import ClassPair, Comparison, FindingPair, FindingSide
from macoaudit.comparing.records import Letter
from macoaudit.report.compare_records import (
    ClassRow,
    FindingHalf,
    FindingPairCard,
    PairPicture,
)
from macoaudit.report.compare_words import STATES, arrow, delta_bar, difference_text, moved
from macoaudit.report.finding_cards import SYMBOLS, review_badge
from macoaudit.report.finding_evidence import regions_of
from macoaudit.report.records import Fact
from macoaudit.report.words import DASH, fraction_text, plural, visible
from macoaudit.results import FindingRegion, Run, Visualization

MAX_REGIONS = 2
"""Of each run on a card."""


def margin_text(value: float | None) -> str:
    """Print a margin, or a dash where there is none."""
    return fraction_text(value)


def build_finding_pairs(
    comparison: Comparison, first: Run, second: Run
) -> tuple[FindingPairCard, ...]:
    """Turn the findings of a comparison into cards.

    Args:
        comparison: the record.
        first: the record of A, for its pictures and words.
        second: the same of B.
    """
    return tuple(
        _card(pair, first, second, f"finding-{number}")
        for number, pair in enumerate(comparison.findings, 1)
    )


def _card(pair: FindingPair, first: Run, second: Run, anchor: str) -> FindingPairCard:
    symbol, words, level = STATES[pair.state]
    sides = [one for one in (pair.b, pair.a) if one is not None]
    if level == "high" and sides[0].severity != "high":
        level = sides[0].severity
    return FindingPairCard(
        anchor=anchor,
        title=visible(pair.class_name),
        state=words,
        symbol=symbol,
        level=level,
        rule=f"{pair.rule}, {visible(pair.region)}",
        values=arrow(margin_text(pair.margin_a), margin_text(pair.margin_b)),
        sentence=_sentence(pair),
        folded=all(one.severity == "info" for one in sides),
        halves=(_half("A", first, pair, pair.a), _half("B", second, pair, pair.b)),
    )


def _sentence(pair: FindingPair) -> str:
    told = {
        "new": "B has this finding and A, which tested the class too, has not.",
        "worsened": "Both runs have it; in B its severity is higher or its margin grew by more "
        "than a quarter (of 1 at least).",
        "not tested in A": "B has this finding; A did not test the class, so it is not known to "
        "be new.",
        "fixed": "A has this finding and B, which tested the class too, has not. That is no proof "
        "that the cue was unlearned.",
        "not tested in B": "A has this finding; B did not test the class, so it is not known to "
        "be gone.",
        "weaker": "Both runs have it; in B its severity is lower or its margin shrank by more than "
        "a quarter (of 1 at least).",
        "unchanged": "Both runs have it, within the band of what repeated audits differ by.",
    }[pair.state]
    if pair.difference is not None:
        told += f" Margin: {moved(pair.difference, 2)}."
    return told


def _half(letter: Letter, run: Run, pair: FindingPair, side: FindingSide | None) -> FindingHalf:
    drawing, undrawn = _drawing(letter, run, pair)
    margin = pair.margin_a if letter == "A" else pair.margin_b
    if side is None:
        told = f"No such finding in {letter}. "
        if margin is None:
            told += "The class was not tested, so this is no all-clear."
        else:
            told += f"The class was tested; its margin is {margin_text(margin)}."
        return FindingHalf(
            letter, None, "", margin_text(margin), (), told, (), None, drawing, undrawn
        )
    finding = next(one for one in run.findings if one.id == side.id)
    facts = [Fact("Seen", visible(finding.seen)), Fact("How strong", visible(finding.strength))]
    if finding.needs_review:
        facts.insert(0, Fact("Review", review_badge(finding)))
    if side.counted is not None:
        facts.append(Fact("In its own gate", _gated(side)))
    views = regions_of(run, finding, MAX_REGIONS)
    shown = [
        PairPicture(
            letter, view.overlay.path, _region_caption(run, region), f"{letter}: {view.overlay.alt}"
        )
        for view, region in zip(views[:MAX_REGIONS], finding.regions, strict=False)
    ]
    note = (
        f"{len(shown)} of {plural(len(views), 'region')} shown" if len(shown) < len(views) else None
    )
    return FindingHalf(
        letter,
        side.severity,
        SYMBOLS[side.severity],
        margin_text(side.margin),
        tuple(facts),
        None if shown else "No region of an image belongs to this finding.",
        tuple(shown),
        note,
        drawing,
        undrawn,
    )


def _region_caption(run: Run, region: FindingRegion) -> str:
    path = next((one.path for one in run.images if one.id == region.image), region.image)
    return f"{visible(path)}: {fraction_text(100 * region.area_frac, 1)} % of it"


def _gated(side: FindingSide) -> str:
    told = "fails the audit" if side.fails else "does not fail the audit"
    if side.counted != side.severity:
        told += f"; counts as {side.counted}"
    return f"{told}; suppressed: {visible(side.suppressed)}" if side.suppressed else told


def _drawing(letter: Letter, run: Run, pair: FindingPair) -> tuple[PairPicture | None, str | None]:
    """The class as the run drew it, whether or not the run has a finding of it."""
    name = visible(pair.class_name)
    fits = [one for one in run.visualizations if _draws(one, run, pair)]
    good = next((one for one in fits if one.status == "ok" and "image" in one.files), None)
    if good is None:
        return None, f"{name} was not drawn in {letter}."
    words = f"{letter}: {name} as MACO draws it, seed {good.seed}"
    alt = f"{words}: an image found by optimisation that drives the class up"
    return PairPicture(letter, good.files["image"], words, alt), None


def _draws(one: Visualization, run: Run, pair: FindingPair) -> bool:
    """Whether a picture is of the pair's class: by a finding's reference, else by its logit."""
    side = pair.a if pair.a is not None else pair.b
    own = [f.visualization for f in run.findings if f.class_name == pair.class_name]
    if any(own):
        return one.id in own
    rows = () if run.shortcuts is None else run.shortcuts.classes
    named = [row.class_index for row in rows if row.class_name == pair.class_name]
    index = side.class_index if side is not None and side.class_index in named else None
    index = named[0] if index is None and named else index
    return len(one.terms) == 1 and one.terms[0].kind == "logit" and one.terms[0].index == index


def finding_pair_pictures(card: FindingPairCard) -> list[PairPicture]:
    """List the pictures that a card shows."""
    found: list[PairPicture] = []
    for half in card.halves:
        found += half.regions
        if half.drawing is not None:
            found.append(half.drawing)
    return found


def class_rows(
    classes: Sequence[ClassPair], cards: Sequence[FindingPairCard]
) -> tuple[ClassRow, ...]:
    """List every class: what was tested, and both margins.

    Args:
        classes: the records.
        cards: of the findings that are shown, to link to.
    """
    anchors: dict[str, str] = {}
    for card in cards:
        anchors.setdefault(card.title, card.anchor)
    reach = max((abs(one.difference) for one in classes if one.difference is not None), default=1.0)
    return tuple(_class_row(one, anchors.get(visible(one.class_name)), reach) for one in classes)


def _tested(tested: bool | None) -> str:
    return "no such class" if tested is None else "yes" if tested else "NO"


def _severity(one: str | None) -> str:
    return DASH if one is None else f"{SYMBOLS[one]} {one}"


def _number(value: int | None) -> str:
    return DASH if value is None else f"{value:,}"


def _class_row(one: ClassPair, anchor: str | None, reach: float) -> ClassRow:
    return ClassRow(
        anchor=anchor,
        name=visible(one.class_name),
        finding=DASH
        if one.severity_a is one.severity_b is None
        else arrow(_severity(one.severity_a), _severity(one.severity_b)),
        n_images=_number(one.n_images_a)
        if one.n_images_a == one.n_images_b
        else arrow(_number(one.n_images_a), _number(one.n_images_b)),
        tested_a=_tested(one.tested_a),
        tested_b=_tested(one.tested_b),
        untested=not (one.tested_a and one.tested_b),
        margin_a=margin_text(one.margin_a),
        margin_b=margin_text(one.margin_b),
        difference=difference_text(one.difference, 2),
        bar=delta_bar(one.difference, reach),
    )
