"""Edits whose gradient is taken again at every step, and the pixel's own at the same distances."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.lens.canvas import Canvas, scaled
from macoaudit.lens.driver import Driver
from macoaudit.lens.edits import (
    Slopes,
    capped,
    peak_of,
    per_image,
    rotated,
    slopes,
    unit,
)
from macoaudit.lens.frames import Frame
from macoaudit.lens.settings import PIXEL_UNIT_FRAC, LensConfig

Images = Float[Tensor, "batch channel height width"]

LEAST_STEP_FRAC = 0.25
"""A pixel control's step is at least this share of the distance it has to keep."""


@dataclass(frozen=True)
class Visited:
    """Images after one step."""

    images: Images
    peak: Float[Tensor, " batch"]
    """Largest absolute slope at the step's start; 0 where there was none."""


@dataclass(frozen=True)
class Walker:
    """What a walk needs: the images, the network, and the classes."""

    config: LensConfig
    canvas: Canvas
    driver: Driver
    frame: Frame | None
    target: Tensor
    source: Tensor

    def walk(self) -> Iterator[Visited]:
        """Take the steps of the live or the persistent mode; the source is not given again."""
        if self.frame is None:
            return self._pixels()
        return self._live(self.frame) if self.config.mode == "live" else self._held(self.frame)

    def _gradient(self, images: Tensor) -> Tensor:
        return self.canvas.planes.gradient(self.driver.gradient(images, self.target, self.source))

    def _step(self, direction: Tensor, peak: Tensor) -> Tensor:
        return capped(self.config.step_gain * unit(direction, peak), self.config.step_cap)

    def _gain_step(self, direction: Tensor, peak: Tensor) -> Tensor:
        cap = min(self.config.step_cap, self.config.log_gain_cap)
        return capped(self.config.step_gain * unit(direction, peak), cap)

    def _slopes(self, frame: Frame, coefficients: Tensor, images: Tensor) -> tuple[Slopes, Tensor]:
        found = slopes(self.config, frame, coefficients, frame.pull(self._gradient(images)))
        return found, peak_of(found.phase, found.gain)

    def _live(self, frame: Frame) -> Iterator[Visited]:
        """Analyse the current image anew: amplitudes and residuals drift."""
        images = self.canvas.images
        for _ in range(self.config.steps):
            current = frame.analyse(self.canvas.planes.of(images))
            found, peak = self._slopes(frame, current, images)
            eta = None if found.gain is None else self._gain_step(found.gain, peak)
            moved = rotated(current, self._step(found.phase, peak), eta)
            change = self.canvas.planes.spread(frame.change(moved - current), images)
            images = (images + change).clamp(*self.canvas.value_range)
            yield Visited(images, peak)

    def _held(self, frame: Frame) -> Iterator[Visited]:
        """Keep every edit anchored at the source's coefficients, and within the cap in total."""
        canvas, cap = self.canvas, self.config.phase_cap
        base = frame.analyse(canvas.planes.of(canvas.images))
        delta, eta = torch.zeros_like(base.real), None
        if self.config.method == "csp_joint":
            eta = torch.zeros_like(delta)
        images, current = canvas.images, base
        for _ in range(self.config.steps):
            found, peak = self._slopes(frame, current, images)
            delta = delta + self._step(found.phase, peak)
            delta = delta if cap is None else delta.clamp(-cap, cap)
            if eta is not None and found.gain is not None:
                most = self.config.log_gain_cap
                eta = (eta + self._gain_step(found.gain, peak)).clamp(-most, most)
            current = rotated(base, delta, eta)
            images = canvas.put(frame.change(current - base), canvas.members())
            yield Visited(images, peak)

    def _pixels(self) -> Iterator[Visited]:
        low, high = self.canvas.value_range
        total = torch.zeros_like(self.canvas.planes.of(self.canvas.images))
        images = self.canvas.images
        for _ in range(self.config.steps):
            gradient = self._gradient(images)
            peak = peak_of(gradient)
            total = total + self._step(gradient, peak) * (PIXEL_UNIT_FRAC * (high - low))
            images = self.canvas.put(total, self.canvas.members())
            yield Visited(images, peak)

    def pixels_at(self, distances: Sequence[Tensor]) -> Iterator[Tensor]:
        """Follow the pixels' gradient, taken again at every step, at given distances.

        Each step goes along the gradient by the distance still to gain, or a quarter of the whole
        where that is more, and is brought back to the distance: projected gradient ascent on a
        sphere around the source (Madry et al. 2018).

        Args:
            distances: of each step and image, ``||x' - x||_2``.

        Yields:
            Images at those distances; nearer where clipping leaves no room.
        """
        canvas = self.canvas
        total = torch.zeros_like(canvas.planes.of(canvas.images))
        images, before = canvas.images, torch.zeros_like(distances[0])
        for wanted in distances:
            gradient = self._gradient(images)
            length = gradient.flatten(1).norm(dim=1)
            step = torch.maximum(wanted - before, LEAST_STEP_FRAC * wanted)
            step = torch.where(length > 0, step / length.clamp(min=1e-30), torch.zeros_like(step))
            total = total + per_image(step, gradient) * gradient
            images, total = _brought_to(canvas, total, wanted)
            before = wanted
            yield images


def _brought_to(canvas: Canvas, change: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Scale a change so that the clipped image has the distance wanted."""

    class Along:
        peak = torch.ones_like(wanted)

        def change(self, amount: Tensor, members: Tensor) -> Tensor:
            return per_image(amount, change[members]) * change[members]

        def wrapped(self, amount: Tensor, members: Tensor) -> Tensor:
            return torch.zeros_like(amount)

    reached = canvas.reach(Along(), wanted)
    factor = torch.where(reached.attained, reached.amount, torch.ones_like(reached.amount))
    return scaled(canvas, change, factor), change * per_image(factor, change)
