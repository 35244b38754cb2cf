"""Cues that are planted: what they look like, where they go, and exactly which pixels they cover.

`stamp` returns the changed picture and the true mask. Localised cues replace the pixels of their
mask and leave all others as they were; global ones change the whole picture.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from scipy.ndimage import gaussian_filter

from macoaudit.config import require

Kind = Literal["corner", "anywhere", "border", "co-object", "tint", "blur", "texture", "none"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LOCALISED: tuple[Kind, ...] = ("corner", "anywhere", "border", "co-object")
GLOBAL: tuple[Kind, ...] = ("tint", "blur", "texture")
AREA_RANGE = (0.01, 0.10)
BORDER_AREA_FRAC = 0.16
"""Two pixels on every side: one would be lost where training shifts the pictures."""

Field = np.ndarray[Any, np.dtype[np.float32]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

COLOURS = (
    ((0.36, 0.15, 0.59), (0.98, 0.82, 0.17)),  # violet and yellow
    ((0.95, 0.95, 0.95), (0.05, 0.05, 0.05)),  # white and black
    ((0.85, 0.10, 0.15), (0.10, 0.75, 0.80)),  # red and cyan
    ((0.10, 0.45, 0.20), (0.98, 0.60, 0.75)),  # green and pink
)
TINTS = ((1.3, 1.0, 0.65), (0.65, 1.0, 1.3), (1.25, 0.7, 1.2), (0.72, 1.25, 0.72))
"""Gains of red, green and blue: warm, cold, magenta, green."""
BLUR_PX = 1.5
TEXTURE_AMPLITUDE = 0.09
TEXTURE_WAVES = ((1, 1), (1, -1), (2, 0), (0, 2))
"""Direction of the stripes, in cycles over eight pixels across and down."""
N_STYLES = 4


@dataclass(frozen=True)
class Cue:
    """One cue: its kind, area and style (colours; for ``corner`` also which corner)."""

    kind: Kind
    area_frac: float = 0.0
    """Area asked for a localised cue, 0.01 to 0.10 of the picture; 0 for the others."""
    style: int = 0

    def __post_init__(self) -> None:
        require(self.kind in KINDS, "cue kind", self.kind, f"use one of {', '.join(KINDS)}")
        require(0 <= self.style < N_STYLES, "cue style", self.style, "use 0 to 3")
        low, high = AREA_RANGE if self.localised else (0.0, 0.0)
        if self.kind == "border":
            low, high = low, BORDER_AREA_FRAC
        rule = f"a cue of kind {self.kind} takes {low} to {high}"
        require(low <= self.area_frac <= high, "cue area_frac", self.area_frac, rule)

    @property
    def localised(self) -> bool:
        """Whether the cue covers part of the picture only."""
        return self.kind in LOCALISED


NO_CUE = Cue("none")


def mark_side_px(area_frac: float, side_px: int) -> int:
    """Side of a square mark: ``round(sqrt(area) side)``, at least 3 px."""
    return max(3, round(float(area_frac**0.5) * side_px))


def border_px(area_frac: float, side_px: int) -> int:
    """Width of a border of that area, ``area = 1 - (1 - 2w)^2``, in whole pixels, at least 1."""
    return max(1, round((1 - float((1 - area_frac) ** 0.5)) / 2 * side_px))


def _mark(picture: Field, top: int, left: int, size: int, style: int) -> Mask:
    """Draw a square whose quarters alternate in two colours."""
    first, second = np.asarray(COLOURS[style], dtype=np.float32)
    half = np.arange(size) * 2 >= size
    quarters = (half[:, None] ^ half[None])[..., None]
    picture[top : top + size, left : left + size] = np.where(quarters, second, first)
    mask = np.zeros(picture.shape[:2], dtype=bool)
    mask[top : top + size, left : left + size] = True
    return mask


def _corner(picture: Field, cue: Cue, rng: np.random.Generator) -> Mask:
    """A mark one or two pixels off the corner that the style names."""
    side = picture.shape[0]
    size = mark_side_px(cue.area_frac, side)
    from_top, from_left = rng.integers(1, 3, 2)
    top = from_top if cue.style in (1, 3) else side - size - from_top
    left = from_left if cue.style in (2, 3) else side - size - from_left
    return _mark(picture, int(top), int(left), size, cue.style)


def _anywhere(picture: Field, cue: Cue, rng: np.random.Generator) -> Mask:
    side = picture.shape[0]
    size = mark_side_px(cue.area_frac, side)
    top, left = rng.integers(0, side - size + 1, 2)
    return _mark(picture, int(top), int(left), size, cue.style)


def _border(picture: Field, cue: Cue, rng: np.random.Generator) -> Mask:
    width = border_px(cue.area_frac, picture.shape[0])
    mask = np.ones(picture.shape[:2], dtype=bool)
    mask[width:-width, width:-width] = False
    picture[mask] = np.asarray(COLOURS[cue.style][0], dtype=np.float32)
    return mask


def _co_object(picture: Field, cue: Cue, rng: np.random.Generator) -> Mask:
    """A lollipop anywhere: a ball on a stick that varies in size, turn and shade."""
    side = picture.shape[0]
    # The ball holds 3/4 of the area and the stick, 0.4 radii wide, the rest.
    radius = (0.75 * cue.area_frac / np.pi) ** 0.5 * rng.uniform(0.9, 1.1)
    length = np.pi * radius / 3 / 0.4
    margin = min(radius + length, 0.45)
    y, x = rng.uniform(margin, 1 - margin, 2)
    turn = rng.uniform(0, 2 * np.pi)
    at = (np.arange(side) + 0.5) / side
    down, across = np.meshgrid(at - y, at - x, indexing="ij")
    u = across * np.cos(turn) + down * np.sin(turn)
    v = down * np.cos(turn) - across * np.sin(turn)
    ball = np.hypot(u, v) <= radius
    stick = (u > 0) & (u <= radius + length) & (np.abs(v) <= max(0.2 * radius, 0.5 / side)) & ~ball
    shade = rng.uniform(0.9, 1.1)
    for part, colour in ((ball, COLOURS[cue.style][0]), (stick, COLOURS[cue.style][1])):
        picture[part] = np.clip(np.asarray(colour, dtype=np.float32) * shade, 0, 1)
    return np.asarray(ball | stick)


def _tint(picture: Field, cue: Cue, rng: np.random.Generator) -> None:
    picture *= np.asarray(TINTS[cue.style], dtype=np.float32)


def _blur(picture: Field, cue: Cue, rng: np.random.Generator) -> None:
    picture[:] = gaussian_filter(picture, (BLUR_PX, BLUR_PX, 0), mode="reflect")


def _texture(picture: Field, cue: Cue, rng: np.random.Generator) -> None:
    """Add faint stripes of random phase."""
    rows, columns = np.indices(picture.shape[:2])
    across, down = TEXTURE_WAVES[cue.style]
    angle = 2 * np.pi * ((across * columns + down * rows) / 8 + rng.random())
    picture += (TEXTURE_AMPLITUDE * np.sin(angle)).astype(np.float32)[..., None]


_PLACED = {"corner": _corner, "anywhere": _anywhere, "border": _border, "co-object": _co_object}
_SPREAD = {"tint": _tint, "blur": _blur, "texture": _texture}


def stamp(image_01: Field, cue: Cue, rng: np.random.Generator) -> tuple[Field, Mask]:
    """Put the cue on a copy of a picture.

    Args:
        image_01: Values 0..1, shape (side, side, 3).
        cue: What to put there; ``none`` changes nothing and has an empty mask.
        rng: Place, turn and phase are drawn from it.

    Returns:
        The picture, values 0..1, and the mask of all pixels that the cue covers, (side, side).
    """
    picture = image_01.copy()
    if cue.kind == "none":
        return picture, np.zeros(picture.shape[:2], dtype=bool)
    if cue.kind in _PLACED:
        return picture, _PLACED[cue.kind](picture, cue, rng)
    _SPREAD[cue.kind](picture, cue, rng)
    return np.clip(picture, 0, 1), np.ones(picture.shape[:2], dtype=bool)
