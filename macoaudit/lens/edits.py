"""Edits of a batch of images along one direction, as a function of how far.

An edit is anchored at its images: coefficients become ``c0 exp(eta + i delta)``, never through
an angle of theirs, so zero coefficients stay zero and nothing is wrapped. Because the frame is
linear, the image becomes ``x + S(c0 (exp(eta + i delta) - 1))``: with no edit it is the image
itself, bit for bit.

Source: Mahdisoltani et al. 2025 (arXiv 2506.02300).
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Complex, Float, Int
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.lens.frames import FourierFrame, Frame, PyramidFrame
from macoaudit.lens.settings import PIXEL_UNIT_FRAC, LensConfig

Plane = Float[Tensor, "batch plane height width"]
Members = Int[Tensor, " kept"]

NO_GRADIENT = 1e-12
"""A gradient that is smaller everywhere is none: the network does not respond to the image."""
NO_CONTENT = 1e-5
"""Coefficients below this share of the value range are rounding: the image has no structure."""
LOUD_FRAC = 0.05
"""Wraps are counted where the amplitude is above this share of the band's largest."""


@runtime_checkable
class Edit(Protocol):
    """A direction, and the change of the images that lies a given way along it."""

    peak: Float[Tensor, " batch"]
    """Largest absolute entry of the gradient before it was scaled to 1."""

    def change(self, amount: Float[Tensor, " kept"], members: Members) -> Plane:
        """Compute the change of some images, each by its own amount."""
        ...

    def wrapped(self, amount: Float[Tensor, " kept"], members: Members) -> Float[Tensor, " kept"]:
        """Share of the loud coefficients whose phase would move by more than pi unsaturated."""
        ...


def capped(amount: Tensor, cap: float | None) -> Tensor:
    """Saturate smoothly: ``cap tanh(amount / cap)``; without a cap the amount itself."""
    return amount if cap is None else cap * torch.tanh(amount / cap)


def rotated(
    coefficients: Complex[Tensor, "..."],
    phase: Float[Tensor, "..."],
    log_gain: Float[Tensor, "..."] | None,
) -> Complex[Tensor, "..."]:
    """Compute ``c exp(eta + i delta)``.

    Args:
        coefficients: c.
        phase: delta, in radians.
        log_gain: eta; None leaves the amplitudes.
    """
    size = torch.ones_like(phase) if log_gain is None else log_gain.exp()
    return coefficients * torch.polar(size, phase)


@dataclass(frozen=True)
class Slopes:
    """How the objective changes with the phases and log-amplitudes of the coefficients."""

    phase: Float[Tensor, "batch plane scale orientation height width"]
    gain: Float[Tensor, "batch plane scale orientation height width"] | None


def make_frame(config: LensConfig, images: Tensor) -> Frame | None:
    """Make the frame of a method; None for pixels.

    Raises:
        UsageError: when the pyramid refuses the size, or ``bands`` names a band that is not there.
    """
    size = (int(images.shape[-2]), int(images.shape[-1]))
    if config.method == "pixel":
        return None
    if config.method == "fourier_phase":
        return FourierFrame(size, pad=config.pad)
    return PyramidFrame(
        size,
        pad=config.pad,
        scales=config.scales,
        orientations=config.orientations,
        highpass=config.highpass,
        dtype=images.dtype,
        device=images.device,
    )


def band_mask(config: LensConfig, n_scales: int, n_orientations: int) -> Bool[Tensor, "s k"]:
    """Mark the bands that may move.

    Raises:
        UsageError: when ``bands`` names one that is not there.
    """
    mask = torch.full((n_scales, n_orientations), config.bands == "all")
    if config.bands == "all":
        return mask
    for scale, orientation in config.bands:
        if not (0 <= scale < n_scales and 0 <= orientation < n_orientations):
            raise UsageError(
                f"bands: names scale {scale}, orientation {orientation}; there are scales 0 to "
                f"{n_scales - 1} and orientations 0 to {n_orientations - 1}"
            )
        mask[scale, orientation] = True
    return mask


def slopes(config: LensConfig, frame: Frame, coefficients: Tensor, gradient: Tensor) -> Slopes:
    """Compute the slopes: ``-Im(conj(D) c)`` and, for ``csp_joint``, ``Re(conj(D) c)``.

    Args:
        config: method, bands and smoothing.
        frame: the transform.
        coefficients: c, of the images.
        gradient: D, of the objective's gradient.
    """
    product = gradient.conj() * coefficients
    n_scales, n_orientations = product.shape[2:4]
    mask = band_mask(config, n_scales, n_orientations).to(product.device)[:, :, None, None]
    phase = -product.imag * mask
    gain = product.real * mask if config.method == "csp_joint" else None
    if config.smoothing > 0:
        weight = coefficients.abs()
        phase = _smooth(frame, phase, weight, config.smoothing)
        gain = None if gain is None else _smooth(frame, gain, weight, config.smoothing)
    return Slopes(phase, gain)


def _smooth(frame: Frame, values: Tensor, weight: Tensor, sigma: float) -> Tensor:
    """Blur with the amplitudes as weights; where there is no amplitude there is no direction."""
    over = frame.blur(weight * values, sigma)
    under = frame.blur(weight, sigma)
    floor = 1e-6 * weight.amax(dim=(-2, -1), keepdim=True).clamp(min=1e-30)
    return torch.where(under > floor, over / under.clamp(min=floor), torch.zeros_like(over))


def peak_of(*values: Tensor | None) -> Float[Tensor, " batch"]:
    """Largest absolute entry of each image over all that is given."""
    return torch.stack([one.abs().flatten(1).amax(1) for one in values if one is not None]).amax(0)


def per_image(values: Tensor, like: Tensor) -> Tensor:
    """Shape one value an image so that it multiplies the image's entries."""
    return values.to(like.dtype).view(-1, *[1] * (like.ndim - 1))


def unit(values: Tensor, peak: Tensor) -> Tensor:
    """Scale to a largest entry of 1; where there is no gradient, zero."""
    scale = torch.where(peak > NO_GRADIENT, 1 / peak.clamp(min=NO_GRADIENT), torch.zeros_like(peak))
    return values * per_image(scale, values)


class PhaseEdit:
    """Phases (and log-amplitudes) moved along their slopes."""

    def __init__(
        self, config: LensConfig, frame: Frame, coefficients: Tensor, direction: Slopes
    ) -> None:
        self._config, self._frame, self._coefficients = config, frame, coefficients
        self.peak = peak_of(direction.phase, direction.gain)
        self._phase = unit(direction.phase, self.peak)
        self._gain = None if direction.gain is None else unit(direction.gain, self.peak)
        largest = coefficients.abs().amax(dim=(-2, -1), keepdim=True)
        self._loud = (coefficients.abs() > LOUD_FRAC * largest) & (largest > 0)

    def change(self, amount: Float[Tensor, " kept"], members: Members) -> Plane:
        """Compute the change of some images, each by its own amount."""
        base, phase = self._coefficients[members], self._phase[members]
        delta = capped(per_image(amount, phase) * phase, self._config.phase_cap)
        eta = None
        if self._gain is not None:
            gain = self._gain[members]
            eta = capped(per_image(amount, gain) * gain, self._config.log_gain_cap)
        return self._frame.change(rotated(base, delta, eta) - base)

    def wrapped(self, amount: Float[Tensor, " kept"], members: Members) -> Float[Tensor, " kept"]:
        """Share of the loud coefficients whose phase would move by more than pi unsaturated."""
        phase, loud = self._phase[members], self._loud[members]
        far = (per_image(amount, phase) * phase).abs() > torch.pi
        n_loud = loud.flatten(1).sum(1)
        return (far & loud).flatten(1).sum(1) / n_loud.clamp(min=1)


class PixelEdit:
    """Pixels moved along a direction of the image; an amount of 1 is a hundredth of the range."""

    def __init__(self, config: LensConfig, direction: Plane) -> None:
        low, high = config.value_range
        self.peak = peak_of(direction)
        self._direction = unit(direction, self.peak) * (PIXEL_UNIT_FRAC * (high - low))

    def change(self, amount: Float[Tensor, " kept"], members: Members) -> Plane:
        """Compute the change of some images, each by its own amount."""
        direction = self._direction[members]
        return per_image(amount, direction) * direction

    def wrapped(self, amount: Float[Tensor, " kept"], members: Members) -> Float[Tensor, " kept"]:
        """Return zeros: a pixel has no phase."""
        return torch.zeros(len(members), dtype=amount.dtype, device=amount.device)
