"""The complex steerable pyramid at full resolution: a Parseval frame for images of any size.

Frequencies are measured with Nyquist at 1: ``r = hypot(fx, fy)``, ``theta = atan2(fy, fx)``. With

    hi_j = sin(pi/2 clamp(log2 r + j + 1, 0, 1)),   lo_j = cos(pi/2 clamp(log2 r + j + 1, 0, 1))

the high residual is ``H0 = hi_0``, band ``j = 1..J`` is ``B_j = lo_0 .. lo_(j-1) hi_j``, the low
residual ``L = lo_0 .. lo_J``; each band is divided into K one-sided orientations

    A_k(theta) = sqrt2 2^n n! / sqrt(K (2n)!) max(cos(theta - pi k / K), 0)^n,   n = K - 1

so that a band's coefficients are complex, with a local amplitude and a local phase. Because
``H0^2 + sum_j B_j^2 + L^2 = 1`` and ``sum_k A_k(theta)^2 + A_k(theta + pi)^2 = 2``, the transform
preserves energy and its adjoint is its inverse.

Sources: Simoncelli & Freeman 1995 (the pyramid); Portilla & Simoncelli 2000 (the complex one);
Wadhwa et al. 2013 (one-sided filters for edits of the phase).
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from macoaudit.errors import UsageError

HighPass = Literal["residual", "oriented"]
MIN_SIDE_PX = 8
"""Below this no band lies between the two residuals."""
MOST_DEFAULT_SCALES = 4
MOST_ORIENTATIONS = 64
"""Beyond this the factorials of the angular filter leave double precision's range."""


@dataclass(frozen=True)
class Coefficients:
    """An image in the pyramid; adding up the squares of all of it gives the image's energy."""

    bands: Complex[Tensor, "*batch scale orientation height width"]
    """Finest scale first; orientation k has its frequencies around ``pi k / K``."""
    high: Float[Tensor, "*batch height width"]
    """Beyond the finest band: detail that has no phase here."""
    low: Float[Tensor, "*batch height width"]
    """Beyond the coarsest band, the mean included."""


def most_scales(size: tuple[int, int]) -> int:
    """Give the largest number of scales for a size: ``floor(log2 min(height, width)) - 2``."""
    return math.floor(math.log2(min(size))) - 2


def chosen_scales(size: tuple[int, int], scales: int | None) -> int:
    """Check a number of octaves for a size, or choose it: the most there are, at most 4.

    Args:
        size: height and width in pixels.
        scales: None to choose.

    Raises:
        UsageError: when there are not so many.
    """
    most = most_scales(size)
    if scales is None:
        return min(MOST_DEFAULT_SCALES, most)
    if not 1 <= scales <= most:
        raise UsageError(f"scales: is {scales}; for {size[0]} x {size[1]} px give 1 to {most}")
    return scales


class ComplexSteerablePyramid:
    """The filters for one image size, and the transform in both directions.

    Plain tensor operations throughout: any leading axes, any device, differentiable.

    Args:
        size: height and width in pixels, each at least 8; odd and non-square ones too.
        scales: number of octaves, 1 to ``floor(log2 min) - 2``; None: that, at most 4.
        orientations: number of orientations, 2 to 64.
        highpass: ``residual`` keeps what is finer than half Nyquist without phase, ``oriented``
            divides that too and puts it first among the scales; the rows and columns at Nyquist
            itself stay in the residual.
        dtype: float32 or float64; the filters are made in float64 in either case.
        device: of the filters, and of the images to come.

    Raises:
        UsageError: when an argument is out of range.
    """

    def __init__(
        self,
        size: tuple[int, int],
        *,
        scales: int | None = None,
        orientations: int = 4,
        highpass: HighPass = "residual",
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        _require(size, orientations, highpass, dtype)
        n_octaves = chosen_scales(size, scales)
        self.size, self.orientations, self.highpass = size, orientations, highpass
        self.dtype = dtype
        radial, high, low, wavelengths = _radial(size, n_octaves, highpass)
        angular = _angular(size, orientations)
        filters = radial[:, None] * angular[None]
        self._filters = filters.to(device=device, dtype=dtype)
        self._high = high.to(device=device, dtype=dtype)
        self._low = low.to(device=device, dtype=dtype)
        self.wavelengths_px = wavelengths
        """Wavelength at the middle of each scale, in pixels, finest first."""

    @property
    def scales(self) -> int:
        """Number of scales, the oriented high-pass included."""
        return len(self.wavelengths_px)

    def analyse(self, image: Float[Tensor, "*batch height width"]) -> Coefficients:
        """Take an image apart: ``c = ifft2(fft2(x) G)`` for each band's filter G.

        Args:
            image: real, of the pyramid's size and dtype, on its device.

        Returns:
            The coefficients, at full resolution.

        Raises:
            UsageError: when size or dtype is another.
        """
        self._fits(image)
        spectrum = torch.fft.fft2(image)
        return Coefficients(
            bands=torch.fft.ifft2(spectrum[..., None, None, :, :] * self._filters),
            high=torch.fft.ifft2(spectrum * self._high).real,
            low=torch.fft.ifft2(spectrum * self._low).real,
        )

    def synthesise(self, coefficients: Coefficients) -> Float[Tensor, "*batch height width"]:
        """Put an image together; the adjoint of :meth:`analyse`, hence its inverse.

        ``x = Re ifft2(sum fft2(c) G + fft2(high) H0 + fft2(low) L)``.

        Args:
            coefficients: of the pyramid's size.

        Returns:
            The image.
        """
        spectrum = self._bands_spectrum(coefficients.bands)
        spectrum = spectrum + torch.fft.fft2(coefficients.high) * self._high
        spectrum = spectrum + torch.fft.fft2(coefficients.low) * self._low
        image: Tensor = torch.fft.ifft2(spectrum).real
        return image

    def synthesise_bands(
        self, bands: Complex[Tensor, "*batch scale orientation height width"]
    ) -> Float[Tensor, "*batch height width"]:
        """Put together what the bands alone hold, as for a change of them.

        Args:
            bands: coefficients of the bands; the residuals count as zero.

        Returns:
            The image.
        """
        image: Tensor = torch.fft.ifft2(self._bands_spectrum(bands)).real
        return image

    def _bands_spectrum(self, bands: Tensor) -> Tensor:
        spectrum: Tensor = (torch.fft.fft2(bands) * self._filters).sum(dim=(-4, -3))
        return spectrum

    def _fits(self, image: Tensor) -> None:
        if tuple(image.shape[-2:]) != self.size:
            raise UsageError(
                f"image: is {tuple(image.shape[-2:])} pixels high and wide; this pyramid was made "
                f"for {self.size}. Make one for that size"
            )
        if image.dtype != self.dtype:
            raise UsageError(f"image: is {image.dtype}; this pyramid was made for {self.dtype}")


def _require(
    size: tuple[int, int],
    orientations: int,
    highpass: str,
    dtype: torch.dtype,
) -> None:
    if len(size) != 2 or min(size) < MIN_SIDE_PX:
        raise UsageError(f"size: is {size}; give a height and a width of at least {MIN_SIDE_PX} px")
    if not 2 <= orientations <= MOST_ORIENTATIONS:
        raise UsageError(f"orientations: is {orientations}; give 2 to {MOST_ORIENTATIONS}")
    if highpass not in get_args(HighPass):
        raise UsageError(f"highpass: is {highpass!r}; use {' or '.join(get_args(HighPass))}")
    if dtype not in (torch.float32, torch.float64):
        raise UsageError(f"dtype: is {dtype}; use torch.float32 or torch.float64")


def _grid(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Vertical and horizontal frequencies in float64, Nyquist at 1."""
    fy, fx = (torch.fft.fftfreq(side, dtype=torch.float64) * 2 for side in size)
    down, across = torch.meshgrid(fy, fx, indexing="ij")
    return down, across


def _radial(
    size: tuple[int, int], n_octaves: int, highpass: str
) -> tuple[Tensor, Tensor, Tensor, tuple[float, ...]]:
    """Filters over the radius: bands, high residual, low residual, and the bands' wavelengths."""
    fy, fx = _grid(size)
    radius = torch.hypot(fx, fy)
    radius[0, 0] = 2.0**-64  # any value below all bands: the mean belongs to the low residual
    octave = radius.log2()
    ramps = [(octave + j + 1).clamp(0, 1) * (math.pi / 2) for j in range(n_octaves + 1)]
    high, low = ramps[0].sin(), ramps[0].cos()
    bands, wavelengths = [], []
    for j in range(1, n_octaves + 1):
        bands.append(low * ramps[j].sin())
        low = low * ramps[j].cos()
        wavelengths.append(2.0 * 2**j)
    if highpass == "oriented":
        # A coefficient at Nyquist is real: it is its own mirror image and has no phase to move.
        nyquist = (fy.abs() == 1) | (fx.abs() == 1)
        bands.insert(0, high * ~nyquist)
        wavelengths.insert(0, 2.0)
        high = high * nyquist
    return torch.stack(bands), high, low, tuple(wavelengths)


def _angular(size: tuple[int, int], orientations: int) -> Tensor:
    """One-sided filters over the direction: orientation, height, width."""
    fy, fx = _grid(size)
    theta = torch.atan2(fy, fx)
    n = orientations - 1
    log_gain = 0.5 * math.log(2) + n * math.log(2) + math.lgamma(n + 1)
    log_gain -= 0.5 * (math.log(orientations) + math.lgamma(2 * n + 1))
    centres = torch.arange(orientations, dtype=torch.float64) * (math.pi / orientations)
    cosine = (theta[None] - centres[:, None, None]).cos().clamp(min=0)
    return math.exp(log_gain) * cosine**n
