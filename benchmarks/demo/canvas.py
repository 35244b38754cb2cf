"""A small painter: shapes in a local frame, soft relief shading, 1/f textures, supersampling."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SUPERSAMPLING = 2
"""Canvas pixels per output pixel; the box filter of the last step is the antialiasing."""

Colour = tuple[float, float, float]
Points = Sequence[tuple[float, float]]
Array = np.ndarray[Any, np.dtype[np.floating[Any]]]


@dataclass(frozen=True)
class Frame:
    """Where a subject stands: local coordinates in about [-1, 1], y down, to canvas fractions."""

    x_frac: float = 0.5
    y_frac: float = 0.5
    scale_frac: float = 0.5
    angle_deg: float = 0.0
    mirror: bool = False

    def place(self, points: Points) -> Array:
        """Return `centre + scale · R(angle) · points`, mirrored first, shape (n, 2)."""
        local = np.asarray(points, dtype=np.float32).reshape(-1, 2).copy()
        if self.mirror:
            local[:, 0] *= -1
        angle = np.deg2rad(self.angle_deg)
        turn = np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], dtype=np.float32
        )
        centre = np.array([self.x_frac, self.y_frac], dtype=np.float32)
        return np.asarray(centre + self.scale_frac * local @ turn.T, dtype=np.float32)


def smooth(points: Points, rounds: int = 3) -> list[tuple[float, float]]:
    """Round a closed polygon by Chaikin's corner cutting (each edge keeps its middle half)."""
    curve = np.asarray(points, dtype=np.float64)
    for _ in range(rounds):
        following = np.roll(curve, -1, axis=0)
        cut = np.stack([0.75 * curve + 0.25 * following, 0.25 * curve + 0.75 * following], axis=1)
        curve = cut.reshape(-1, 2)
    return [(float(x), float(y)) for x, y in curve]


def ellipse(
    x: float, y: float, radius_x: float, radius_y: float, angle_deg: float = 0.0
) -> list[tuple[float, float]]:
    """Return the outline of an ellipse in local coordinates."""
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    turn = np.deg2rad(angle_deg)
    u, v = radius_x * np.cos(t), radius_y * np.sin(t)
    xs = x + u * np.cos(turn) - v * np.sin(turn)
    ys = y + u * np.sin(turn) + v * np.cos(turn)
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


class Canvas:
    """A float RGB picture in [0, 1] that subjects and backdrops paint on."""

    def __init__(self, side_px: int, rng: np.random.Generator) -> None:
        self.rng = rng
        self.side = side_px * SUPERSAMPLING
        self.rgb: Array = np.zeros((self.side, self.side, 3), dtype=np.float32)
        axis = (np.arange(self.side, dtype=np.float32) + 0.5) / self.side
        self.y, self.x = np.meshgrid(axis, axis, indexing="ij")
        self.frame = Frame()
        light = rng.uniform(-0.9, 0.9)
        self.light = np.array([light, -1.0]) / np.hypot(light, 1.0)

    def noise(self, slope: float = 1.0, stretch: float = 1.0) -> Array:
        """Return a Gaussian field with amplitude 1/f^slope, mean 0, deviation 1.

        `stretch` > 1 draws the grain out along x (water, clouds), < 1 along y.
        """
        white = np.fft.rfft2(self.rng.standard_normal((self.side, self.side)))
        f_y = np.fft.fftfreq(self.side)[:, None]
        f_x = np.fft.rfftfreq(self.side)[None, :] * stretch
        frequency = np.sqrt(f_y**2 + f_x**2)
        frequency[0, 0] = np.inf
        field = np.fft.irfft2(white / frequency**slope, s=(self.side, self.side))
        return np.asarray(field / field.std(), dtype=np.float32)

    def mask(self, points: Points) -> Array:
        """Rasterise one polygon of the current frame: 1 inside, 0 outside."""
        picture = Image.new("L", (self.side, self.side))
        corners = (self.frame.place(points) * self.side).ravel().tolist()
        ImageDraw.Draw(picture).polygon(corners, fill=255)
        return np.asarray(picture, dtype=np.float32) / 255

    def line(self, points: Points, width: float) -> Array:
        """Rasterise a polyline; `width` in local units, never under one canvas pixel."""
        picture = Image.new("L", (self.side, self.side))
        corners = (self.frame.place(points) * self.side).ravel().tolist()
        width_px = max(1, round(width * self.frame.scale_frac * self.side))
        ImageDraw.Draw(picture).line(corners, fill=255, width=width_px, joint="curve")
        return np.asarray(picture, dtype=np.float32) / 255

    def blur(self, field: Array, radius_frac: float) -> Array:
        """Gaussian blur of a field in [0, 1]; the radius is a fraction of the canvas side."""
        picture = Image.fromarray((np.clip(field, 0, 1) * 255).astype(np.uint8))
        soft = picture.filter(ImageFilter.GaussianBlur(radius_frac * self.side))
        return np.asarray(soft, dtype=np.float32) / 255

    def relief(self, mask: Array, depth_frac: float) -> Array:
        """Return light minus shade over a mask taken as a rounded body, in about [-1, 1]."""
        height = self.blur(mask, max(depth_frac, 1.5 / self.side))
        g_y, g_x = np.gradient(height)
        slope = -(g_x * self.light[0] + g_y * self.light[1]) * -1.0
        peak = float(np.abs(slope[mask > 0.5]).max(initial=1e-6))
        return np.asarray(slope / peak, dtype=np.float32)

    def paint(
        self,
        mask: Array,
        colour: Colour,
        shade: float = 0.3,
        grain: float = 0.06,
        depth: float = 0.3,
    ) -> None:
        """Lay a colour over a mask, lit as a rounded body and with a 1/f grain.

        `shade` and `grain` are relative brightness amplitudes, `depth` is in local units.
        """
        value = np.ones_like(mask)
        if shade > 0:
            value = value + shade * self.relief(mask, depth * self.frame.scale_frac)
        if grain > 0:
            value = value + grain * self.noise(1.2)
        field = np.asarray(colour, dtype=np.float32) * value[..., None]
        self.blend(mask, np.clip(field, 0, 1))

    def blend(self, mask: Array, field: Array | Colour) -> None:
        """Mix a colour (field) into the picture with the mask as opacity."""
        alpha = mask[..., None]
        self.rgb = self.rgb * (1 - alpha) + np.asarray(field, dtype=np.float32) * alpha

    def shadow(self, points: Points, strength: float = 0.45, softness: float = 0.06) -> None:
        """Darken the picture under a polygon with a blurred edge."""
        soft = self.blur(self.mask(points), softness * self.frame.scale_frac)
        self.rgb = self.rgb * (1 - strength * soft[..., None])

    def strokes(
        self, starts: Array, ends: Array, colours: Array, width_frac: float, opacity: float = 1.0
    ) -> None:
        """Draw many straight strokes at canvas fractions (grass, streaks, rain)."""
        picture = Image.fromarray((np.clip(self.rgb, 0, 1) * 255).astype(np.uint8))
        pen = ImageDraw.Draw(picture)
        width_px = max(1, round(width_frac * self.side))
        for start, end, colour in zip(starts, ends, colours, strict=True):
            rgb = tuple(int(255 * min(max(float(c), 0.0), 1.0)) for c in colour)
            pen.line([*(start * self.side), *(end * self.side)], fill=rgb, width=width_px)
        drawn = np.asarray(picture, dtype=np.float32) / 255
        self.rgb = self.rgb * (1 - opacity) + drawn * opacity

    def finish(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Average each block of canvas pixels and round to 8 bits, shape (side, side, 3)."""
        side = self.side // SUPERSAMPLING
        blocks = self.rgb.reshape(side, SUPERSAMPLING, side, SUPERSAMPLING, 3)
        return np.asarray(np.clip(blocks.mean(axis=(1, 3)), 0, 1) * 255 + 0.5).astype(np.uint8)
