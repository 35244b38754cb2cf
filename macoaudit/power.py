"""Power spectra of pictures along the radius: how much of a picture is at which frequency.

Frequencies are in cycles per pixel: 0.5 is the finest pattern along an axis, one light and one dark
pixel. With the orthonormal transform of each channel less its mean, the power at a bin is

``P(ky, kx) = mean over channels of |F(image - mean)|^2``,

so that the mean of ``P`` over all bins is the variance of the pixels (Parseval), and white noise of
variance ``s^2`` has power ``s^2`` at every frequency, whatever the size of the picture. Natural
images have about ``1 / f^2``: Field 1987, J. Opt. Soc. Am. A 4(12), 2379-2394.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import SpectrumError
from macoaudit.spectrum import periodic_component

NYQUIST = 0.5
"""The highest frequency along an axis, in cycles per pixel."""
_SMALLEST_PX = 8


def radial_power(
    images_01: Float[Tensor, "image channel height width"], *, border: str = "raw"
) -> tuple[Float[Tensor, " ring"], Float[Tensor, "image ring"]]:
    r"""Average the power of each image over rings of equal frequency.

    Ring ``j = 1, 2, ...`` holds the bins whose radius ``hypot(ky / H, kx / W)`` rounds to
    ``j / min(H, W)``. The last ring is the highest that is below or at 0.5 cycles per pixel; the
    corners beyond hold some directions only and are left out.

    Args:
        images_01: values in [0, 1], each side at least 8 px.
        border: ``raw`` takes each image as it is; ``periodic`` takes its periodic component, which
            has no cross through the origin from the jump between opposite borders.

    Returns:
        The frequency of each ring in cycles per pixel and, for each image, the mean power there,
        both float64. The mean over images is for the caller to take.

    Raises:
        SpectrumError: when an image is too small or a value is not finite.
    """
    power = power_at_bins(images_01, border)
    height, width = images_01.shape[-2:]
    side = min(height, width)
    ring = (bin_radius(height, width) * side).round().long().flatten()
    n_rings = side // 2
    sums = power.new_zeros(len(power), int(ring.max()) + 1)
    sums.index_add_(1, ring, power.flatten(1))
    counts = torch.bincount(ring, minlength=sums.shape[1])
    frequencies = torch.arange(1, n_rings + 1, dtype=torch.float64) / side
    return frequencies, (sums / counts)[:, 1 : n_rings + 1]


def high_frequency_share(
    images_01: Float[Tensor, "image channel height width"], above: float, *, border: str = "raw"
) -> Float[Tensor, " image"]:
    r"""Measure which share of an image's energy is above a frequency.

    ``share = sum of P where hypot(ky / H, kx / W) > above, over the sum of P``; the corners beyond
    0.5 cycles per pixel count. White noise has ``1 - pi above^2``.

    Args:
        images_01: values in [0, 1], each side at least 8 px.
        above: frequency in cycles per pixel, from 0 to below 0.5.
        border: see :func:`radial_power`.

    Returns:
        One share in [0, 1] for each image, float64; NaN for an image of one colour, which has no
        energy to share out.

    Raises:
        SpectrumError: when an image is too small, a value is not finite, or the frequency is
            outside its range.
    """
    if not 0 <= above < NYQUIST:
        raise SpectrumError(f"above: {above} came; give cycles per pixel from 0 to below {NYQUIST}")
    power = power_at_bins(images_01, border)
    outside = bin_radius(*images_01.shape[-2:]) > above
    total = power.sum((1, 2))
    # Rounding leaves a constant image about 1e-30; a step of one in 8 bits of one pixel is 1e-5.
    shares: Tensor = torch.where(total > 1e-12, power[:, outside].sum(1) / total, torch.nan)
    return shares


def bin_radius(height: int, width: int) -> Float[Tensor, "height width"]:
    """Distance of each bin of ``fft2`` from the zero frequency, in cycles per pixel."""
    ky = torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    return torch.hypot(ky, torch.fft.fftfreq(width, dtype=torch.float64)[None, :])


def power_at_bins(images_01: Tensor, border: str = "raw") -> Float[Tensor, "image height width"]:
    """Power at every bin of ``fft2``, the mean over channels; 0 at the zero frequency.

    Args:
        images_01: values in [0, 1], each side at least 8 px.
        border: see :func:`radial_power`.

    Raises:
        SpectrumError: when an image is too small or a value is not finite.
    """
    height, width = images_01.shape[-2:]
    if min(height, width) < _SMALLEST_PX:
        raise SpectrumError(
            f"images_01: {height}x{width} came; a power spectrum needs {_SMALLEST_PX} px or more"
        )
    if border not in ("raw", "periodic"):
        raise SpectrumError(f"border: {border!r} came; use 'raw' or 'periodic'")
    images = images_01.detach().to("cpu", torch.float64)
    if not bool(torch.isfinite(images).all()):
        raise SpectrumError("images_01: a value is not finite; a power spectrum needs finite ones")
    if border == "periodic":
        images = torch.stack([periodic_component(image) for image in images])
    images = images - images.mean((-2, -1), keepdim=True)
    power: Tensor = torch.fft.fft2(images, norm="ortho").abs().square().mean(1)
    return power
