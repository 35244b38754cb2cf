"""Words of a report of morphs: edits, modes, flags, and numbers as they are printed."""

from collections.abc import Mapping, Sequence

from macoaudit.report.morph_records import NumbersTable
from macoaudit.report.words import DASH, fraction_text, probability_text, share_text, visible
from macoaudit.results import Morph, MorphEdit, MorphFlag, MorphTrack

EDITS: Mapping[MorphEdit, str] = {
    "lens": "Lens",
    "pixel": "Pixels",
    "random": "Random phases",
}
EDIT_NOTES: Mapping[MorphEdit, str] = {
    "lens": "what the run was asked for",
    "pixel": "the pixels' own gradient, at the distance of the lens's frames",
    "random": "a direction drawn by chance, at the distance of the lens's frames",
}
MODES = {
    "live": "live: the gradient is taken again at every step, at the image as it is by then",
    "persistent": "persistent: the gradient is taken again at every step, the edit stays anchored "
    "at the source",
    "frozen": "frozen: one gradient at the source, extrapolated",
}
METHODS = {
    "csp_phase": "local phases of a complex steerable pyramid",
    "csp_joint": "local phases and amplitudes of a complex steerable pyramid",
    "fourier_phase": "phases of the whole image's Fourier spectrum",
    "pixel": "pixels",
}
FLAGS: Mapping[MorphFlag, str] = {
    "zero_gradient": "The network does not respond to this image: the gradient is zero, and every "
    "frame is the source.",
    "no_phase_content": "The image has no structure whose phase could move.",
    "no_flip": "The lens does not make the target the first class, at any distance tried.",
    "budget_not_attained": "A distance asked for with --budget was not reached.",
    "wrapped": "In a frame more than 1 % of the strong phases moved by more than half a turn: such "
    "frames smear.",
    "clipped": "In a frame more than 5 % of the values were cut off at black or white.",
}
ANGLES = {0: "upright", 45: "rising", 90: "level", 135: "falling"}
"""Which way structures run that a filter of an angle answers to; y points down."""
_LEVELS = (0.02, 0.05, 0.10, 0.20, 0.40)
"""Shares at which the colour of a heat table changes."""


def distance_text(value: float | None) -> str:
    """Print a distance: three digits that count, at least two decimals below ten."""
    if value is None:
        return DASH
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def amount_text(value: float, mode: str) -> str:
    """Print how far a frame is: an amplification, or a number of steps."""
    return f"t {value:.3g}" if mode == "frozen" else f"step {value:.0f}"


def class_name(morph: Morph, index: int) -> str:
    """Name the first class of a frame."""
    return visible(morph.names.get(str(index), f"class {index}"))


def orientation_names(count: int) -> tuple[str, ...]:
    """Name the orientations of a pyramid by the angle of their waves and of their structures."""
    angles = [180 * place / count for place in range(count)]
    return tuple(
        f"{angle:.3g}° ({ANGLES[int(angle)]})" if angle in ANGLES else f"{angle:.3g}°"
        for angle in angles
    )


def scale_name(scale: int, wavelength_px: float | None) -> str:
    """Name a scale with its wavelength."""
    wave = "" if wavelength_px is None else f": {wavelength_px:.3g} px"
    return f"scale {scale}{wave}"


def heat_level(share: float) -> int:
    """Choose the colour of a share: 0 to 5."""
    return sum(share >= bound for bound in _LEVELS)


def judges_text(track: MorphTrack, frame: int, target: int) -> str:
    """Count the judges whose first class is the target in a frame."""
    if not track.judges:
        return DASH
    agree = sum(judge.top1[frame] == target for judge in track.judges)
    return f"{agree} of {len(track.judges)}"


def warp_text(track: MorphTrack, frame: int) -> str:
    """Print which share of a frame's change a warp explains."""
    return DASH if track.warp_energy is None else share_text(track.warp_energy[frame])


def frame_cells(morph: Morph, track: MorphTrack, frame: int) -> tuple[str, ...]:
    """Print the numbers of one frame: L2, p(target), first class, HF, TV, warp, judges."""
    return (
        distance_text(track.l2[frame]),
        probability_text(track.driver.target_prob[frame]),
        class_name(morph, track.driver.top1[frame]),
        share_text(track.hf_share[frame]),
        fraction_text(track.tv_ratio[frame]),
        warp_text(track, frame),
        judges_text(track, frame, morph.target.index),
    )


FRAME_COLUMNS = (
    "L2",
    "p(target)",
    "First class",
    "Above half Nyquist",
    "Variation ratio",
    "Warp explains",
    "Judges agree",
)


def flip_texts(tracks: Sequence[MorphTrack]) -> Mapping[MorphEdit, str]:
    """Print the distances of the flips."""
    return {
        track.edit: "never" if track.flip_l2 is None else distance_text(track.flip_l2)
        for track in tracks
    }


def without_empty(
    caption: str,
    columns: tuple[str, ...],
    rows: tuple[tuple[str, ...], ...],
    note: str | None = None,
) -> NumbersTable:
    """Make a table without the columns in which nothing was measured."""
    kept = [place for place in range(len(columns)) if any(row[place] != DASH for row in rows)]
    return NumbersTable(
        caption,
        tuple(columns[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in rows),
        note,
    )
