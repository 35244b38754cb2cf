"""Morphs of a run summed up: how many flip, how far that is, and what the judges say."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from macoaudit.morphing.frames import last_frame
from macoaudit.results import MORPH_EDITS, ImageAudit, Morph, MorphEdit, MorphTrack

CAUTION = (
    "What the audited network says of these pictures is what the edit was made to raise; it is no "
    "evidence that the change can be recognised. Judge the picture, the judges' answers and the "
    "share of the change that a warp explains each by itself. Mode: {mode}. Examples were chosen "
    "by: {selection}."
)
"""Stands on every report of morphs."""

SELECTION = {
    "class": "every image that was given and could be used, none picked; towards one named class",
    "runner-up": "every image that was given and could be used, none picked; towards the "
    "network's second class of each",
    "each": "every image that was given and could be used, none picked; towards the classes that "
    "the network confuses its class with most on these images",
}


def caution(mode: str, target: str) -> str:
    """Word the caution of a run.

    Args:
        mode: of the lens.
        target: as it was asked for.
    """
    kind = target if target in SELECTION and target != "class" else "class"
    return CAUTION.format(mode=mode, selection=SELECTION[kind])


def track_of(morph: Morph, edit: MorphEdit) -> MorphTrack | None:
    """Find one edit of a morph."""
    return next((track for track in morph.tracks if track.edit == edit), None)


def first_flip(morph: Morph) -> int | None:
    """Find the first frame, besides the source, at which the lens makes another class of it."""
    lens = morph.tracks[0]
    frame = lens.flip_index
    return None if frame is None or lens.amount[frame] <= 0 else frame


def summarise(images: Sequence[ImageAudit], morphs: Sequence[Morph]) -> dict[str, Any]:
    """Count and sum up.

    Args:
        images: all of a run.
        morphs: all of a run.

    Returns:
        Plain data; medians are None where nothing was counted.
    """
    done = [morph for morph in morphs if morph.status == "ok"]
    flipped = [
        {edit: track.flip_l2 for edit in MORPH_EDITS if (track := track_of(morph, edit))}
        for morph in done
    ]
    both = [row for row in flipped if row["lens"] is not None and row.get("pixel") is not None]
    at_flip = [(morph, key) for morph in done if (key := first_flip(morph)) is not None]
    at_end = [(morph, last_frame(morph.tracks[0].amount)) for morph in done]
    return {
        "n_images": len(images),
        **{
            f"n_{status}": sum(image.status == status for image in images)
            for status in ("ok", "skipped", "failed")
        },
        "n_morphs": len(morphs),
        "n_morphed": len(done),
        "flips": {
            edit: {
                "n": sum(row.get(edit) is not None for row in flipped),
                "of": sum(edit in row for row in flipped),
                "l2_median": _median(row.get(edit) for row in flipped),
            }
            for edit in MORPH_EDITS
        },
        "flipped_by_lens_and_pixel": {
            "n": len(both),
            "lens_l2_median": _median(row["lens"] for row in both),
            "pixel_l2_median": _median(row["pixel"] for row in both),
        },
        "at_first_flip": {edit: _at(edit, at_flip) for edit in MORPH_EDITS},
        "at_last_frame": {edit: _at(edit, at_end) for edit in MORPH_EDITS},
        "sensitivity_share_mean": _mean_shares(done),
        "wavelengths_px": list(done[0].wavelengths_px) if done else [],
        "flags": {
            flag: sum(flag in morph.flags for morph in done)
            for flag in sorted({flag for morph in done for flag in morph.flags})
        },
        "verdict": None,
    }


def _median(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return median(found) if found else None


def _at(edit: MorphEdit, places: Sequence[tuple[Morph, int]]) -> dict[str, Any]:
    """Sum up one edit at one frame of each morph."""
    rows = [
        (track, frame, morph.target.index)
        for morph, frame in places
        if (track := track_of(morph, edit)) is not None
    ]
    asked = [judge.top1[frame] == target for track, frame, target in rows for judge in track.judges]
    return {
        "n": len(rows),
        "n_at_distance": sum(track.attained[frame] for track, frame, _ in rows),
        "l2_median": _median(track.l2[frame] for track, frame, _ in rows),
        "target_prob_median": _median(t.driver.target_prob[frame] for t, frame, _ in rows),
        "n_target_first": sum(t.driver.top1[frame] == target for t, frame, target in rows),
        "hf_share_median": _median(track.hf_share[frame] for track, frame, _ in rows),
        "tv_ratio_median": _median(track.tv_ratio[frame] for track, frame, _ in rows),
        "warp_energy_median": _median(
            None if track.warp_energy is None else track.warp_energy[frame]
            for track, frame, _ in rows
        ),
        "judges_agree": sum(asked),
        "judges_asked": len(asked),
        "judges_prob_median": _median(
            judge.target_prob[frame] for track, frame, _ in rows for judge in track.judges
        ),
    }


def _mean_shares(morphs: Sequence[Morph]) -> list[list[float]] | None:
    """Average the shares of sensitivity by scale and orientation."""
    tables = [morph.sensitivity_share for morph in morphs if morph.sensitivity_share is not None]
    if not tables:
        return None
    return [
        [sum(column) / len(tables) for column in zip(*rows, strict=True)]
        for rows in zip(*tables, strict=True)
    ]
