"""Power spectra of pictures against natural images: radial means and the share of fine detail."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.methods.pictures import Pictures
from macoaudit.parametrization import self_conjugate_columns
from macoaudit.power import bin_radius, power_at_bins
from macoaudit.spectrum import Spectrum, resample

HIGH_FROM = 0.25
"""Cycles a pixel from which a frequency counts as high: the upper half of what a row can hold."""
N_BANDS = 32
"""Rings between 0 and 0.5 cycles a pixel."""
Window = Literal["none", "hann"]
_AT_ONCE = 16
"""Images whose spectra are held at once."""


@dataclass(frozen=True)
class Spectra:
    """Spectra of a set of images, one row an image."""

    radial: Float[Tensor, "image band"]
    """Mean power of the frequencies of each ring; 0 where a small image has none there."""
    high_frac: Float[Tensor, " image"]
    """Share of the energy at :data:`HIGH_FROM` or more, all orientations, without the mean."""


def centres() -> Float[Tensor, " band"]:
    """Middle of each ring in cycles a pixel."""
    return (torch.arange(N_BANDS, dtype=torch.float64) + 0.5) * (0.5 / N_BANDS)


def _hann(size: int) -> Tensor:
    return torch.hann_window(size, periodic=False, dtype=torch.float64)


def power_spectra(
    image_01: Float[Tensor, "image channel height width"], window: Window = "none"
) -> Spectra:
    r"""Measure ``|F(x - mean)|^2``, averaged over channels, on rings of equal frequency.

    Args:
        image_01: pictures of one size, values 0..1.
        window: ``hann`` fades the borders out, so that the jump between opposite borders of a
            photograph, which a periodic picture does not have, is not counted as detail.
    """
    height, width = image_01.shape[-2:]
    values = image_01.to(torch.float64)
    if window == "hann":
        values = values - values.mean((-2, -1), keepdim=True)
        values = values * (_hann(height)[:, None] * _hann(width)[None])
    radius = bin_radius(height, width).flatten()
    flat = power_at_bins(values).flatten(1)
    ring = (radius * (N_BANDS / 0.5)).long()
    inside = (ring < N_BANDS) & (radius > 0)
    one_hot = torch.zeros(len(ring), N_BANDS, dtype=torch.float64)
    one_hot[inside, ring[inside]] = 1.0
    radial = (flat @ one_hot) / one_hot.sum(0).clamp_min(1)
    total = flat[:, radius > 0].sum(1)
    high = flat[:, radius >= HIGH_FROM].sum(1)
    # A picture of one colour has no energy at all, and so none that is high.
    share = torch.where(total > 0, high / total.clamp_min(1e-300), 0.0)
    return Spectra(radial, share)


def template_share(spectrum: Spectrum, size: tuple[int, int]) -> float:
    r"""Share of the energy at :data:`HIGH_FROM` or more that a magnitude spectrum prescribes.

    Of an image with this magnitude and independent phases, in the image's own channels:
    ``P(k) = sum_cd M_cd^2 m_d(k)^2`` with the colour matrix ``M`` and the magnitudes ``m``.

    Args:
        spectrum: the magnitude.
        size: height and width in pixels.
    """
    height, width = size
    squared = resample(spectrum, size).to(torch.float64).square()
    power = torch.einsum("cd,dhw->hw", spectrum.color_matrix.to(torch.float64).square(), squared)
    # Every column but the first and, for an even width, the last stands for its mirror image too.
    double = torch.full((width // 2 + 1,), 2.0, dtype=torch.float64)
    double[list(self_conjugate_columns(width))] = 1.0
    power = power * double
    radius = bin_radius(height, width)[:, : width // 2 + 1]
    return float(power[radius >= HIGH_FROM].sum() / power[radius > 0].sum())


def spectra_of(pictures: Pictures, window: Window) -> Spectra:
    """Spectra of a set, a few images at a time."""
    parts = [
        power_spectra(pictures.image_01(slice(start, start + _AT_ONCE)), window)
        for start in range(0, len(pictures.classes), _AT_ONCE)
    ]
    return Spectra(
        torch.cat([part.radial for part in parts]), torch.cat([part.high_frac for part in parts])
    )
