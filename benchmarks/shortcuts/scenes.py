"""Labelled pictures, cheap enough to draw thousands in seconds: one shape on a textured backdrop.

A class is a shape; its colour, size, turn, place and backdrop vary, and each class leans towards a
colour as real classes do. A share of each class is *hard*: faint, small or half covered, which is
what makes a cue attractive. Everything follows from the generator that is given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.ndimage import zoom

Pictures = np.ndarray[Any, np.dtype[np.float32]]
"""Values 0..1, shape (n, side, side, 3)."""
Indices = np.ndarray[Any, np.dtype[np.int64]]
Evidence = Literal["varied", "compact"]

SIDE_PX = 48
HUE_SPREAD = 0.06
"""Standard deviation of a class's colour, in turns of the colour wheel; classes are 1/8 apart."""
HARD_SHARE = 0.35
COMPACT_RADIUS_FRAC = 0.11
COMPACT_PLACE_FRAC = (0.28, 0.28)
"""Radius and centre of a compact subject: some 3 % of the area, in one place, of one hue."""

Field = np.ndarray[Any, np.dtype[np.floating[Any]]]


def _disk(u: Field, v: Field) -> Field:
    return np.asarray(np.hypot(u, v) - 0.9)


def _ring(u: Field, v: Field) -> Field:
    return np.asarray(np.abs(np.hypot(u, v) - 0.75) - 0.22)


def _square(u: Field, v: Field) -> Field:
    return np.asarray(np.maximum(np.abs(u), np.abs(v)) - 0.8)


def _triangle(u: Field, v: Field) -> Field:
    sides = [np.cos(a) * u + np.sin(a) * v for a in np.deg2rad([90, 210, 330])]
    return np.asarray(np.maximum.reduce(sides) - 0.5)


def _plus(u: Field, v: Field) -> Field:
    u, v = np.abs(u), np.abs(v)
    return np.asarray(np.minimum(np.maximum(u - 1, v - 0.3), np.maximum(u - 0.3, v - 1)))


def _star(u: Field, v: Field) -> Field:
    return np.asarray(np.hypot(u, v) - (0.68 + 0.32 * np.cos(5 * np.arctan2(u, -v))))


def _bars(u: Field, v: Field) -> Field:
    stripe = np.abs((v / 0.62 + 0.5) % 1 - 0.5) * 0.62 - 0.16
    return np.asarray(np.maximum(np.maximum(np.abs(u), np.abs(v)) - 0.9, stripe))


def _crescent(u: Field, v: Field) -> Field:
    return np.asarray(np.maximum(np.hypot(u, v) - 1, 0.85 - np.hypot(u - 0.55, v)))


SHAPES: dict[str, Callable[[Field, Field], Field]] = {
    "bars": _bars,
    "crescent": _crescent,
    "disk": _disk,
    "plus": _plus,
    "ring": _ring,
    "square": _square,
    "star": _star,
    "triangle": _triangle,
}
"""Inside where negative; a shape lies within one unit of its centre."""
LABELS = tuple(SHAPES)


@dataclass(frozen=True)
class Subject:
    """How one picture's shape is placed; lengths are fractions of the side."""

    x_frac: float
    y_frac: float
    radius_frac: float
    turn_deg: float
    hue: float
    opacity: float
    cover_frac: float
    """How much of the subject's height a strip of backdrop hides; 0 for none."""


def rgb(hue: float, saturation: float, value: float) -> Field:
    """Colour of a hue in turns: ``value (1 - saturation max(0, min(k, 4 - k, 1)))`` a channel."""
    k = (np.array([5.0, 3.0, 1.0]) + 6 * hue) % 6
    ramp = np.clip(np.minimum(k, 4 - k), 0, 1)
    return (value * (1 - saturation * ramp)).astype(np.float32)


def coverage(name: str, subject: Subject, side_px: int) -> Field:
    """Share of each pixel inside the shape, shape (side, side), edges softened over one pixel."""
    at = (np.arange(side_px, dtype=np.float32) + 0.5) / side_px
    y, x = np.meshgrid(at - subject.y_frac, at - subject.x_frac, indexing="ij")
    turn = np.deg2rad(subject.turn_deg)
    u = (x * np.cos(turn) + y * np.sin(turn)) / subject.radius_frac
    v = (y * np.cos(turn) - x * np.sin(turn)) / subject.radius_frac
    distance_px = SHAPES[name](u, v) * subject.radius_frac * side_px
    return np.asarray(np.clip(0.5 - distance_px, 0, 1), dtype=np.float32)


def backdrop(rng: np.random.Generator, side_px: int) -> Field:
    """Two muted colours mixed by smooth noise of two scales, with grain, shape (side, side, 3)."""
    noise = np.zeros((side_px, side_px), dtype=np.float32)
    for cells, weight in ((3, 0.7), (9, 0.35)):
        coarse = rng.standard_normal((cells, cells)).astype(np.float32)
        noise += weight * zoom(coarse, side_px / cells, order=1, grid_mode=True, mode="nearest")
    first, second = (
        rgb(rng.random(), rng.uniform(0.1, 0.4), rng.uniform(0.25, 0.85)) for _ in range(2)
    )
    mix = (1 / (1 + np.exp(-1.5 * noise)))[..., None]
    grain = rng.normal(0, 0.02, (side_px, side_px, 1)).astype(np.float32)
    return np.asarray(first * mix + second * (1 - mix) + grain, dtype=np.float32)


def _rods(picture: Field, rng: np.random.Generator) -> None:
    """Draw up to three thin rods of any colour: detail that belongs to no class."""
    side = picture.shape[0]
    at = (np.arange(side) + 0.5) / side
    for _ in range(int(rng.integers(0, 4))):
        y, x = np.meshgrid(at - rng.random(), at - rng.random(), indexing="ij")
        turn = rng.uniform(0, np.pi)
        u, v = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        outside = np.maximum(np.abs(u) - rng.uniform(0.08, 0.2), np.abs(v) - 0.016) * side
        alpha = (np.clip(0.5 - outside, 0, 1) * 0.8)[..., None]
        picture += alpha * (rgb(rng.random(), 0.5, rng.uniform(0.3, 0.9)) - picture)


def place(label: int, rng: np.random.Generator, hard_share: float) -> Subject:
    """Place a varied subject of a class."""
    hard = rng.random() < hard_share
    kind = int(rng.integers(3)) if hard else -1  # small, faint or covered
    radius = rng.uniform(0.09, 0.13) if kind == 0 else rng.uniform(0.20, 0.31)
    room = 0.5 - radius
    return Subject(
        x_frac=0.5 + rng.uniform(-room, room),
        y_frac=0.5 + rng.uniform(-room, room),
        radius_frac=radius,
        turn_deg=rng.normal(0, 10),
        hue=(label / len(LABELS) + rng.normal(0, HUE_SPREAD)) % 1,
        opacity=rng.uniform(0.2, 0.4) if kind == 1 else rng.uniform(0.8, 1.0),
        cover_frac=rng.uniform(0.5, 0.75) if kind == 2 else 0.0,
    )


def place_compact(label: int, rng: np.random.Generator) -> Subject:
    """Place a compact subject: small, of one hue, upright, within a pixel of one place."""
    x, y = (centre + rng.uniform(-1, 1) / SIDE_PX for centre in COMPACT_PLACE_FRAC)
    return Subject(x, y, COMPACT_RADIUS_FRAC, 0.0, label / len(LABELS), 1.0, 0.0)


def draw(label: int, subject: Subject, rng: np.random.Generator, side_px: int = SIDE_PX) -> Field:
    """Draw one picture, values 0..1, shape (side, side, 3)."""
    back = backdrop(rng, side_px)
    picture = back.copy()
    _rods(picture, rng)
    colour = rgb(subject.hue, rng.uniform(0.6, 0.95), rng.uniform(0.55, 1.0))
    alpha = coverage(LABELS[label], subject, side_px) * subject.opacity
    if subject.cover_frac > 0:
        at = (np.arange(side_px) + 0.5) / side_px
        top = subject.y_frac + subject.radius_frac * (1 - 2 * subject.cover_frac)
        alpha[at > top] = 0
    picture += alpha[..., None] * (colour - picture)
    gain = rng.normal(1, 0.04, 3) * rng.normal(1, 0.06)  # white balance and exposure
    return np.clip(picture * gain, 0, 1).astype(np.float32)


def draw_set(
    seed: tuple[int, ...], per_class: int, *, evidence: Evidence = "varied", special: int = 0
) -> tuple[Pictures, Indices]:
    """Draw a set, class by class.

    Args:
        seed: Same seed, same pictures.
        per_class: Pictures of each class.
        evidence: ``compact`` makes the subjects of class `special` small, rigid and in one place.
        special: The class that this concerns.

    Returns:
        Pictures (n, side, side, 3) and class indices (n,).
    """
    labels = np.repeat(np.arange(len(LABELS), dtype=np.int64), per_class)
    pictures = np.empty((len(labels), SIDE_PX, SIDE_PX, 3), dtype=np.float32)
    for i, label in enumerate(labels.tolist()):
        rng = np.random.default_rng([*seed, i])
        compact = evidence == "compact" and label == special
        subject = place_compact(label, rng) if compact else place(label, rng, HARD_SHARE)
        pictures[i] = draw(label, subject, rng)
    return pictures, labels
