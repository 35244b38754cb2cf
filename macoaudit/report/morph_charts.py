"""Curves of a morph: probabilities of target and source along an edit, the judges dashed."""

from macoaudit.report.charts import line_chart
from macoaudit.report.morph_records import MorphCurves
from macoaudit.report.morph_words import EDITS, distance_text
from macoaudit.report.pieces import Chart
from macoaudit.report.words import probability_text, visible
from macoaudit.results import Morph, MorphTrack

MOST_JUDGES = 3
_NAME = 14
_MOST_LABELS = 8


def curves(morph: Morph, track: MorphTrack, order: list[int]) -> MorphCurves:
    """Draw the probabilities along one edit.

    Args:
        morph: whose edit it is.
        track: the edit.
        order: the frames, by their amounts.
    """
    return MorphCurves(EDITS[track.edit], _chart(morph, track, order))


def _chart(morph: Morph, track: MorphTrack, order: list[int]) -> Chart:
    flips = [f for f in order if track.driver.top1[f] == morph.target.index]
    first = flips[0] if flips else None
    series: list[tuple[str, list[float | None]]] = [
        ("target", [track.driver.target_prob[frame] for frame in order]),
        ("source", [track.driver.source_prob[frame] for frame in order]),
    ]
    series += [
        (_short(judge.network), [judge.target_prob[frame] for frame in order])
        for judge in track.judges[:MOST_JUDGES]
    ]
    if first is not None:
        at = [track.driver.target_prob[f] if f == first else None for f in order]
        series.append(("first flip", at))
    return line_chart(
        _title(morph, track, order, first),
        _labels([distance_text(track.l2[frame]) for frame in order]),
        series,
        top=1.0,
        width_px=420.0,
        height_px=190.0,
        label_px=104.0,
    )


def _short(name: str) -> str:
    text = visible(name)
    return text if len(text) <= _NAME else f"{text[: _NAME - 1]}…"


def _labels(texts: list[str]) -> list[str]:
    """Leave numbers out where they would not fit beside each other; the last one stays."""
    every = -(-len(texts) // _MOST_LABELS)
    last = len(texts) - 1
    return [text if (last - place) % every == 0 else "" for place, text in enumerate(texts)]


def _title(morph: Morph, track: MorphTrack, order: list[int], first: int | None) -> str:
    numbers = "; ".join(
        f"L2 {distance_text(track.l2[f])}: target {probability_text(track.driver.target_prob[f])}, "
        f"source {probability_text(track.driver.source_prob[f])}"
        + "".join(
            f", {visible(judge.network)} {probability_text(judge.target_prob[f])}"
            for judge in track.judges
        )
        for f in order
    )
    end = "the first class never becomes the target"
    if first is not None:
        end = f"the first class is the target from L2 {distance_text(track.l2[first])} on"
        if any(track.driver.top1[f] != morph.target.index for f in order[order.index(first) :]):
            end = f"the first class first becomes the target at L2 {distance_text(track.l2[first])}"
    return (
        f"{EDITS[track.edit]}: probability of the target ({visible(morph.target.name)}) and the "
        f"source ({visible(morph.source.name)}) by distance; judges: of the target. {numbers}. "
        f"{end[0].upper()}{end[1:]}."
    )
