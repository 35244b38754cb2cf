"""Drawn faces, frowning, neutral or smiling: the class is a structure, and nothing else is."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

SIDE_PX = 64
MOODS = ("frown", "neutral", "smile")
CURVE_PX = (-5.0, 0.0, 5.0)
"""How much lower the middle of the mouth is than its corners."""
_SOFT_PX = 0.8


def draw_faces(
    n_faces: int, seed: int
) -> tuple[Float[Tensor, "face 1 side side"], Int[Tensor, " face"]]:
    """Draw faces whose mood is the curve of the mouth; place, size, tones and noise vary.

    Args:
        n_faces: how many; moods take turns.
        seed: of everything that varies.

    Returns:
        Images in 0..1 and the index of each mood in :data:`MOODS`.
    """
    source = np.random.default_rng(seed)
    moods = np.arange(n_faces) % len(MOODS)
    faces = np.stack([_face(CURVE_PX[mood], source) for mood in moods])
    return torch.from_numpy(faces).float()[:, None], torch.from_numpy(moods)


def _ink(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coverage of a pixel at a signed distance from an edge, negative inside."""
    return 1 / (1 + np.exp(np.clip(distance / _SOFT_PX * 2, -50, 50)))


def _face(curve_px: float, source: np.random.Generator) -> NDArray[np.float64]:
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float64)
    centre_y, centre_x = 32 + source.uniform(-4, 4, 2)
    size = source.uniform(0.85, 1.1)
    tilt = math.radians(source.uniform(-10, 10))
    dy, dx = (y - centre_y) / size, (x - centre_x) / size
    v = math.cos(tilt) * dy - math.sin(tilt) * dx
    u = math.sin(tilt) * dy + math.cos(tilt) * dx
    ground, skin = source.uniform(0.15, 0.45), source.uniform(0.6, 0.85)
    image = np.full_like(y, ground)
    image += (skin - ground) * _ink((np.hypot(u / 22, v / 26) - 1) * 22)
    dark = source.uniform(0.05, 0.25)
    for side in (-1, 1):
        eye = np.hypot(u - side * 8, v + 8) - source.uniform(2.0, 3.0)
        image += (dark - image) * _ink(eye)
    curve = curve_px + source.uniform(-0.7, 0.7)
    half_px = 9.0
    mouth = 11 + curve / 2 - curve * (u / half_px) ** 2
    beyond = np.maximum(np.abs(u) - half_px, 0)
    image += (dark - image) * _ink(np.hypot(np.abs(v - mouth), beyond) - 1.6)
    image += source.normal(0, 0.02, image.shape)
    return np.clip(image, 0, 1)
