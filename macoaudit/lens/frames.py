"""Transforms in which phases are moved: the steerable pyramid, and the Fourier spectrum.

Both are Parseval frames here, so that the adjoint of the synthesis is the analysis: with G the
gradient of the image and D = A G its analysis, moving the coefficient ``c`` by ``c exp(eta + i d)``
changes the objective by ``Re(conj(D) c) eta - Im(conj(D) c) d`` to first order. A border of
reflected pixels is added before and cut off after; the adjoint of the cut is a border of zeros.
"""

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.nn import functional

from macoaudit.pyramid import ComplexSteerablePyramid, HighPass, chosen_scales

Plane = Float[Tensor, "batch plane height width"]
Bands = Complex[Tensor, "batch plane scale orientation padded_height padded_width"]
RealBands = Float[Tensor, "batch plane scale orientation padded_height padded_width"]


@runtime_checkable
class Frame(Protocol):
    """A Parseval frame with complex coefficients."""

    wavelengths_px: tuple[float, ...]

    def analyse(self, plane: Plane) -> Bands:
        """Take an image apart, with a reflected border."""
        ...

    def pull(self, gradient: Plane) -> Bands:
        """Take a gradient apart, with a border of zeros: the adjoint of :meth:`change`."""
        ...

    def change(self, bands: Bands) -> Plane:
        """Put a change of the coefficients together and cut the border off."""
        ...

    def random(self, like: Bands, generator: torch.Generator) -> RealBands:
        """Draw a direction of the phases, standard normal, the same one for every image."""
        ...

    def blur(self, values: RealBands, sigma: float) -> RealBands:
        """Blur each band with a Gaussian of ``sigma 2^scale`` px, around the border."""
        ...


def padding(size: tuple[int, int], pad: int) -> tuple[int, int]:
    """Widths of the border, vertical and horizontal: at most one less than the side."""
    return (min(pad, size[0] - 1), min(pad, size[1] - 1))


def _pad(plane: Tensor, pad: tuple[int, int], mode: str) -> Tensor:
    rows, columns = pad
    return functional.pad(plane, (columns, columns, rows, rows), mode=mode)


def _cut(plane: Tensor, pad: tuple[int, int]) -> Tensor:
    rows, columns = pad
    height, width = plane.shape[-2:]
    return plane[..., rows : height - rows, columns : width - columns]


def _draw(like: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.randn(tuple(like.shape[1:]), generator=generator, dtype=torch.float64)
    return drawn.to(like.real.dtype).to(like.device).expand(like.shape)


class PyramidFrame:
    """The complex steerable pyramid; its residuals stay as they are.

    Args:
        size: height and width of the images in px.
        pad: border in px.
        scales: see :class:`~macoaudit.pyramid.ComplexSteerablePyramid`.
        orientations: likewise.
        highpass: likewise.
        dtype: of the images.
        device: of the images.

    Raises:
        UsageError: when the pyramid refuses the arguments.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        pad: int,
        scales: int | None,
        orientations: int,
        highpass: HighPass,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        self._pad = padding(size, pad)
        padded = (size[0] + 2 * self._pad[0], size[1] + 2 * self._pad[1])
        self._pyramid = ComplexSteerablePyramid(
            padded,
            scales=chosen_scales(size, scales),  # the image's own size decides, not the border's
            orientations=orientations,
            highpass=highpass,
            dtype=dtype,
            device=device,
        )
        self.wavelengths_px = self._pyramid.wavelengths_px

    def analyse(self, plane: Plane) -> Bands:
        """Take an image apart, with a reflected border."""
        return self._pyramid.analyse(_pad(plane, self._pad, "reflect")).bands

    def pull(self, gradient: Plane) -> Bands:
        """Take a gradient apart, with a border of zeros."""
        return self._pyramid.analyse(_pad(gradient, self._pad, "constant")).bands

    def change(self, bands: Bands) -> Plane:
        """Put a change of the bands together and cut the border off."""
        return _cut(self._pyramid.synthesise_bands(bands), self._pad)

    def random(self, like: Bands, generator: torch.Generator) -> RealBands:
        """Draw a direction of the phases."""
        return _draw(like, generator)

    def blur(self, values: RealBands, sigma: float) -> RealBands:
        """Blur each band with a Gaussian of ``sigma 2^scale`` px, around the border."""
        height, width = values.shape[-2:]
        fy = torch.fft.fftfreq(height, dtype=values.dtype, device=values.device)[:, None]
        fx = torch.fft.fftfreq(width, dtype=values.dtype, device=values.device)[None, :]
        square = fy.square() + fx.square()
        sigmas = torch.tensor(
            [sigma * 2.0**scale for scale in range(values.shape[2])],
            dtype=values.dtype,
            device=values.device,
        )
        gain = torch.exp(-2 * (math.pi * sigmas[:, None, None, None]).square() * square)
        blurred: Tensor = torch.fft.ifft2(torch.fft.fft2(values) * gain).real
        return blurred


class FourierFrame:
    """The unitary Fourier transform of the padded image: one scale, one orientation.

    Args:
        size: height and width of the images in px.
        pad: border in px.
    """

    wavelengths_px: tuple[float, ...] = (math.nan,)

    def __init__(self, size: tuple[int, int], *, pad: int) -> None:
        self._pad = padding(size, pad)

    def analyse(self, plane: Plane) -> Bands:
        """Take an image apart, with a reflected border."""
        return self._forward(_pad(plane, self._pad, "reflect"))

    def pull(self, gradient: Plane) -> Bands:
        """Take a gradient apart, with a border of zeros."""
        return self._forward(_pad(gradient, self._pad, "constant"))

    def change(self, bands: Bands) -> Plane:
        """Put a change of the spectrum together and cut the border off."""
        return _cut(torch.fft.ifft2(bands[:, :, 0, 0], norm="ortho").real, self._pad)

    def random(self, like: Bands, generator: torch.Generator) -> RealBands:
        """Draw a direction of the phases that keeps the image real: odd in the frequency."""
        drawn = _draw(like, generator)
        mirrored = drawn.flip((-2, -1)).roll((1, 1), dims=(-2, -1))
        return (drawn - mirrored) / math.sqrt(2)

    def blur(self, values: RealBands, sigma: float) -> RealBands:
        """Return the values as they are: a frequency has no neighbourhood in the image."""
        return values

    def _forward(self, plane: Tensor) -> Tensor:
        spectrum: Tensor = torch.fft.fft2(plane, norm="ortho")
        return spectrum[:, :, None, None]
