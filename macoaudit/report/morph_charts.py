"""Curves of a morph: probabilities of target and source along an edit, the judges dashed."""

from macoaudit.report.charts import Chart, Line
from macoaudit.report.morph_records import MorphCurves
from macoaudit.report.morph_words import EDITS, distance_text
from macoaudit.report.words import probability_text, visible
from macoaudit.results import Morph, MorphTrack

MOST_JUDGES = 3
_NAME = 14


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
    lines = [
        Line("target", tuple(track.driver.target_prob[frame] for frame in order), 0),
        Line("source", tuple(track.driver.source_prob[frame] for frame in order), 1),
    ]
    lines += [
        Line(_short(judge.network), tuple(judge.target_prob[frame] for frame in order), 2 + place)
        for place, judge in enumerate(track.judges[:MOST_JUDGES])
    ]
    return Chart(
        title=_title(morph, track, order, first),
        xs=tuple(track.l2[frame] for frame in order),
        lines=tuple(lines),
        x_label="L2 distance from the source",
        y_ends=(0.0, 1.0),
        marked=None if first is None else (track.l2[first], "first flip"),
        width_px=420.0,
        height_px=190.0,
        label_px=104.0,
    )


def _short(name: str) -> str:
    text = visible(name)
    return text if len(text) <= _NAME else f"{text[: _NAME - 1]}…"


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
