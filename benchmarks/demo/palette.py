"""Colours and small helpers that backdrops and subjects share."""

import numpy as np

from benchmarks.demo.canvas import Array, Canvas, Colour, Points, ellipse

BRIGHT: list[Colour] = [
    *((0.80, 0.20, 0.16), (0.90, 0.47, 0.13), (0.94, 0.76, 0.22), (0.20, 0.45, 0.70)),
    *((0.16, 0.56, 0.52), (0.56, 0.26, 0.52), (0.88, 0.42, 0.52), (0.92, 0.90, 0.84)),
]


def vary(rng: np.random.Generator, colour: Colour, amount: float = 0.07) -> Colour:
    """Shift a colour at random: a common brightness step and a smaller one per channel."""
    step = rng.normal(0, amount) + rng.normal(0, amount / 2, 3)
    red, green, blue = np.clip(np.asarray(colour) + step, 0.02, 0.98).tolist()
    return red, green, blue


def mix(low: Colour, high: Colour, amount: Array) -> Array:
    """Interpolate between two colours with a field in [0, 1]."""
    t = np.clip(amount, 0, 1)[..., None]
    return np.asarray(np.asarray(low, np.float32) * (1 - t) + np.asarray(high, np.float32) * t)


def pick(canvas: Canvas, options: list[Colour], count: int = 1) -> list[Colour]:
    """Choose distinct colours and vary each a little."""
    chosen = canvas.rng.choice(len(options), size=count, replace=False)
    return [vary(canvas.rng, options[i], 0.04) for i in chosen]


def darker(colour: Colour, factor: float) -> Colour:
    """Scale a colour's brightness."""
    red, green, blue = (min(1.0, channel * factor) for channel in colour)
    return red, green, blue


def mirrored(half: Points) -> list[tuple[float, float]]:
    """Close a left half with its mirror image, so that the outline is symmetric in x."""
    return [*half, *((-x, y) for x, y in reversed(half))]


def contact(canvas: Canvas, width: float, y: float = 0.9) -> None:
    """Shadow on the ground below a standing subject."""
    canvas.shadow(ellipse(0.12, y, width, 0.13), 0.5, 0.09)
