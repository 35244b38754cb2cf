"""One morph as a card: strips, differences, curves, a heat table, numbers."""

from collections.abc import Sequence

from macoaudit.report.morph_charts import MOST_JUDGES, curves
from macoaudit.report.morph_records import (
    HeatEntry,
    HeatRow,
    HeatTable,
    MorphCard,
    MorphFrame,
    MorphStrip,
    NumbersTable,
)
from macoaudit.report.morph_words import (
    EDIT_NOTES,
    EDITS,
    FLAGS,
    FRAME_COLUMNS,
    amount_text,
    class_name,
    distance_text,
    flip_texts,
    frame_cells,
    heat_level,
    judges_text,
    orientation_names,
    scale_name,
    without_empty,
)
from macoaudit.report.pieces import Picture
from macoaudit.report.words import (
    class_text,
    plural,
    probability_text,
    share_text,
    visible,
)
from macoaudit.results import ImageAudit, Morph, MorphTrack


def order_of(track: MorphTrack) -> list[int]:
    """Sort the frames of an edit by their amounts."""
    return sorted(range(len(track.amount)), key=lambda frame: (track.amount[frame], frame))


def build_morph_card(morph: Morph, image: ImageAudit, mode: str, anchor: str) -> MorphCard:
    """Turn one morph into what its card shows.

    Args:
        morph: with status ok.
        image: its source.
        mode: of the lens.
        anchor: of the card.
    """
    lens, title = morph.tracks[0], visible(image.path)
    order = order_of(lens)
    key = order[-1] if morph.key_frame is None else morph.key_frame
    reached = lens.flip_l2 is not None
    scale = 0.0 if morph.difference_scale is None else morph.difference_scale
    return MorphCard(
        anchor=anchor,
        title=title,
        subtitle=f"{visible(morph.source.name)} → {visible(morph.target.name)}",
        outcome="reaches the class" if reached else "does not reach the class",
        level="reached" if reached else "not",
        score=f"L2 {distance_text(lens.flip_l2)}" if reached else "no flip",
        sentences=_sentences(morph, image, key),
        flags=tuple(FLAGS[flag] for flag in morph.flags),
        strips=tuple(_strip(morph, track, title, mode) for track in morph.tracks),
        animation=Picture(
            morph.files.get("animation", ""),
            "There and back: the source and the frames of the strip above, none blended",
            f"Animation of {title} from {visible(morph.source.name)} towards "
            f"{visible(morph.target.name)}: the {len(morph.shown) + 1} pictures of the lens's "
            "strip, forward and backward",
            animated=True,
        ),
        map=_map(morph, title),
        differences=tuple(_difference(morph, track, key, scale, title) for track in morph.tracks),
        differences_note=(
            f"What {_where(morph, key)} is brighter (orange) or darker (blue) than the source, on "
            f"one scale: full colour is a change of ±{scale:.3f} in brightness (0 is black, 1 is "
            "white)."
        ),
        curves=tuple(
            curves(morph, track, order) for track in morph.tracks if track.edit != "random"
        ),
        curves_note=_curves_note(lens),
        heat=heat_table(
            morph.sensitivity_share,
            morph.wavelengths_px,
            f"Where in scale and orientation the score of {title} responds",
        ),
        numbers=_numbers(morph, key),
        details=tuple(_details(morph, track, order, mode) for track in morph.tracks),
        not_checked=tuple(visible(f"{one.check}: {one.reason}") for one in morph.skipped),
    )


def morph_pictures(card: MorphCard) -> list[Picture]:
    """List the pictures that a card shows, in the order shown."""
    frames = [frame.picture for strip in card.strips for frame in strip.frames]
    return [*frames, card.animation, *card.differences, card.map]


def _where(morph: Morph, frame: int) -> str:
    """Name the frame that differences and numbers are of."""
    lens = morph.tracks[0]
    at = f"L2 {distance_text(lens.l2[frame])}"
    if lens.flip_index == frame and lens.amount[frame] > 0:
        return f"the frame of the lens's first flip ({at})"
    return f"the lens's last frame ({at})"


def _sentences(morph: Morph, image: ImageAudit, key: int) -> tuple[str, ...]:
    lens, flips = morph.tracks[0], flip_texts(morph.tracks)
    target = visible(morph.target.name)
    told = [
        f"The network calls the image {class_text(image.prediction)}; it gives {target} "
        f"{probability_text(morph.target_prob)}."
    ]
    start = f"The lens makes {target} its first class at a distance of {flips['lens']}"
    if lens.flip_l2 is None:
        last = order_of(lens)[-1]
        start = (
            f"The lens brings {target} to {probability_text(lens.driver.target_prob[last])} at "
            f"a distance of {distance_text(lens.l2[last])}, and not to the first place"
        )
    rest = [
        f"{EDITS[edit].lower()} {'never do' if flip == 'never' else f'do at {flip}'}"
        for edit, flip in flips.items()
        if edit != "lens"
    ]
    told.append(f"{start}{'; ' if rest else ''}{', '.join(rest)}.")
    told.append(_judged(morph, key))
    shares = ", ".join(
        f"{EDITS[track.edit].lower()} {share_text(track.hf_share[key])}" for track in morph.tracks
    )
    told.append(f"Of the change's energy there lies above half Nyquist: {shares}.")
    return tuple(one for one in told if one)


def _judged(morph: Morph, key: int) -> str:
    lens = morph.tracks[0]
    if not lens.judges:
        return "No judge looked at the frames."
    said = ", ".join(
        f"{judges_text(track, key, morph.target.index)} in the frame of "
        f"{'the ' if track.edit == 'lens' else ''}{EDITS[track.edit].lower()}"
        for track in morph.tracks
    )
    where = _where(morph, key)
    return f"At {where}, judges that call it {visible(morph.target.name)}: {said}."


def _strip(morph: Morph, track: MorphTrack, title: str, mode: str) -> MorphStrip:
    small = track.edit != "lens"
    source = MorphFrame(
        Picture(
            morph.files.get("source", ""),
            "source",
            f"{title}, as the network sees it: target {visible(morph.target.name)} "
            f"{probability_text(morph.target_prob)}",
            small=small,
        ),
        ("source", f"target {probability_text(morph.target_prob)}", visible(morph.source.name)),
        False,
    )
    frames = tuple(_frame(morph, track, frame, title, mode, small) for frame in morph.shown)
    at = sum(track.attained[frame] for frame in morph.shown)
    note = EDIT_NOTES[track.edit]
    if track.edit != "lens":
        note += f" ({at} of {len(morph.shown)} frames shown reach it)"
    return MorphStrip(EDITS[track.edit], note, (source, *frames))


def _frame(
    morph: Morph, track: MorphTrack, frame: int, title: str, mode: str, small: bool
) -> MorphFrame:
    first = class_name(morph, track.driver.top1[frame])
    amount = amount_text(morph.tracks[0].amount[frame], mode)
    l2 = distance_text(track.l2[frame])
    target = probability_text(track.driver.target_prob[frame])
    reached = track.driver.top1[frame] == morph.target.index
    return MorphFrame(
        Picture(
            track.files.get(str(frame), ""),
            f"{amount}, L2 {l2}, target {target}, first: {first}",
            f"{EDITS[track.edit]}, {amount} of {title}: L2 {l2}, target "
            f"{visible(morph.target.name)} {target}, first class {first}",
            small=small,
        ),
        (f"{amount}, L2 {l2}", f"target {target}", first),
        reached,
    )


def _difference(morph: Morph, track: MorphTrack, key: int, scale: float, title: str) -> Picture:
    l2 = distance_text(track.l2[key])
    return Picture(
        track.files.get("difference", ""),
        f"{EDITS[track.edit]}, L2 {l2}",
        f"{EDITS[track.edit]}: signed change of brightness of {title} at L2 {l2}, full colour at "
        f"±{scale:.3f}; {share_text(track.hf_share[key])} of its energy above half Nyquist",
    )


def _map(morph: Morph, title: str) -> Picture:
    return Picture(
        morph.files.get("map", ""),
        "Where the slopes lie, at the source",
        f"Map over {title}: orange where small moves change the score most, towards "
        f"{visible(morph.target.name)}",
    )


def _curves_note(lens: MorphTrack) -> str:
    note = (
        "Probability along the frames, in their order; the axis names their L2 distances and is "
        "not to scale. Judges (dashed): their probability of the target."
    )
    left = len(lens.judges) - MOST_JUDGES
    if left > 0:
        note += f" {plural(left, 'further judge')} in the numbers only."
    return note


def heat_table(
    shares: Sequence[Sequence[float]] | None,
    wavelengths_px: Sequence[float | None],
    caption: str,
) -> HeatTable | None:
    """Turn shares of sensitivity into a table; None where there is nothing to compare.

    Args:
        shares: by scale and orientation.
        wavelengths_px: of each scale.
        caption: of the table.
    """
    if shares is None or len(shares) * len(shares[0]) < 2:
        return None
    rows = tuple(
        HeatRow(
            scale_name(scale, wavelengths_px[scale]),
            tuple(HeatEntry(share_text(value), heat_level(value)) for value in (*row, sum(row))),
        )
        for scale, row in enumerate(shares)
    )
    return HeatTable(
        caption,
        (*orientation_names(len(shares[0])), "all"),
        rows,
        "Shares of the sum of squared slopes at the source. Scale 0 is the finest; the angle is "
        "that of the waves, in brackets how their structures run.",
    )


def _numbers(morph: Morph, key: int) -> NumbersTable:
    flips = flip_texts(morph.tracks)
    rows = tuple(
        (
            EDITS[track.edit],
            flips[track.edit],
            *frame_cells(morph, track, key),
            f"{sum(track.attained)} of {len(track.attained)}",
        )
        for track in morph.tracks
    )
    return without_empty(
        f"At {_where(morph, key)}, and the others at the same distance",
        ("Edit", "Flip L2", *FRAME_COLUMNS, "Distance reached"),
        rows,
        "Distance reached: frames of the whole edit that have the distance asked for.",
    )


def _details(morph: Morph, track: MorphTrack, order: Sequence[int], mode: str) -> NumbersTable:
    judges = [visible(judge.network) for judge in track.judges]
    rows = tuple(
        (
            amount_text(track.amount[frame], mode),
            *frame_cells(morph, track, frame),
            probability_text(track.driver.source_prob[frame]),
            *(
                f"{probability_text(judge.target_prob[frame])}, "
                f"{class_name(morph, judge.top1[frame])}"
                for judge in track.judges
            ),
        )
        for frame in order
    )
    columns = (
        "Frame",
        *FRAME_COLUMNS,
        "p(source)",
        *(f"{name}: p(target), first" for name in judges),
    )
    return without_empty(f"Every frame: {EDITS[track.edit]}", columns, rows)
