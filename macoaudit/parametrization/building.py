"""From a measured spectrum and settings to the parametrization of a batch."""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from macoaudit.config import MacoConfig
from macoaudit.parametrization.fourier import FourierParametrization
from macoaudit.parametrization.maco import LUCID_COLOR_MATRIX, MacoParametrization
from macoaudit.parametrization.pixel import PixelParametrization
from macoaudit.spectrum import Spectrum, resample, resample_as_picture, resampled_dc


def _color_matrix(spectrum: Spectrum, config: MacoConfig) -> torch.Tensor:
    return (
        torch.tensor(LUCID_COLOR_MATRIX) if config.phase.color == "lucid" else spectrum.color_matrix
    )


def build_parametrization(
    spectrum: Spectrum,
    config: MacoConfig,
    canvas: tuple[int, int],
    generators: Sequence[torch.Generator],
    device: torch.device,
) -> MacoParametrization:
    """Build the batch's canvas parametrization from a spectrum and settings.

    Args:
        spectrum: the mean magnitude.
        config: phase law and resampling.
        canvas: height and width in pixels.
        generators: one a member, on the CPU.
        device: where to compute.
    """
    by_frequency = config.phase.resample == "frequency"
    template = (resample if by_frequency else resample_as_picture)(spectrum, canvas)
    return MacoParametrization(
        template,
        resampled_dc(spectrum, canvas),
        _color_matrix(spectrum, config),
        width=canvas[1],
        config=config.phase,
        generators=generators,
        device=device,
    )


def build_fourier(
    spectrum: Spectrum,
    config: MacoConfig,
    canvas: tuple[int, int],
    generators: Sequence[torch.Generator],
    device: torch.device,
) -> FourierParametrization:
    """Build the Fourier parametrization in the same colours; the magnitude is not used.

    Args:
        spectrum: its colour matrix is taken.
        config: colours and squash.
        canvas: height and width in pixels.
        generators: one a member, on the CPU.
        device: where to compute.
    """
    return FourierParametrization(
        _color_matrix(spectrum, config),
        size=canvas,
        generators=generators,
        device=device,
        squash_slope=config.phase.squash_slope,
    )


def build_pixels(
    spectrum: Spectrum,
    config: MacoConfig,
    canvas: tuple[int, int],
    generators: Sequence[torch.Generator],
    device: torch.device,
) -> PixelParametrization:
    """Build the pixel parametrization; of the spectrum only the number of channels is used.

    Args:
        spectrum: its channels are the image's.
        config: the squash.
        canvas: height and width in pixels.
        generators: one a member, on the CPU.
        device: where to compute.
    """
    return PixelParametrization(
        int(spectrum.magnitude.shape[0]),
        size=canvas,
        generators=generators,
        device=device,
        squash_slope=config.phase.squash_slope,
    )


Canvas = MacoParametrization | FourierParametrization | PixelParametrization

BUILDERS: Mapping[str, Callable[..., Canvas]] = {
    "maco": build_parametrization,
    "fourier": build_fourier,
    "pixel": build_pixels,
}
"""By method: from spectrum, settings, canvas, generators and device to the parametrization."""


def adopt(
    images: Canvas, index: Int[Tensor, " taken"], other: Canvas, rows: Int[Tensor, " taken"]
) -> None:
    """Replace members of a batch by those of another one, in place.

    Args:
        images: the batch.
        index: places in it.
        other: a batch of the same method and canvas.
        rows: places in the other batch, one for each.
    """
    images.parameters[index] = other.parameters[rows]
    if isinstance(images, MacoParametrization) and isinstance(other, MacoParametrization):
        images.adopt_signs(index, other, rows)
