"""What is in the phase of a picture and what in its magnitude: exchange one and look.

Every picture is ``F^-1( |F| e^{i phase} )`` per channel. Here the magnitude or the phase comes from
elsewhere, nothing else is changed, and no value is clipped: that is left to whoever writes the
picture, with :func:`clipped_share` to say how much it cost.

Sources: Oppenheim and Lim 1981, "The importance of phase in signals", Proc. IEEE 69(5), 529-541;
Piotrowski and Campbell 1982, Perception 11(3), 337-346.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.config import PhaseConfig
from macoaudit.errors import UsageError
from macoaudit.parametrization import MacoParametrization, mix_colors
from macoaudit.spectrum import Spectrum, resample, resampled_dc

Picture = Float[Tensor, "channel height width"]
# Values that 8 bits round to black or white anyway are not clipped.
_ROUNDED_AWAY = 0.5 / 255


def swap_phases(first: Picture, second: Picture) -> tuple[Picture, Picture]:
    """Exchange the phases of two pictures, channel by channel.

    The mean colour is a magnitude: its phase is 0 in every picture. Energy is a matter of
    magnitudes alone (Parseval), so each result has exactly that of the picture whose magnitude it
    has. Exchanged again, both come back.

    Args:
        first: values in [0, 1].
        second: the same shape.

    Returns:
        The first's phase on the second's magnitude, and the second's phase on the first's
        magnitude; real, float64, not clipped.
    """
    one, other = _transform(first), _transform(second)
    width = int(first.shape[-1])
    return _compose(other.abs(), one.angle(), width), _compose(one.abs(), other.angle(), width)


def random_phases(picture: Picture, generator: torch.Generator) -> Picture:
    """Give a picture other phases by chance and keep its magnitudes.

    One random angle per frequency, uniform and odd as a real image needs it, is added to the
    phases of all channels alike, so that the colours stay together: Galerne, Gousseau and Morel
    2011, "Random phase textures", IEEE Trans. Image Process. 20(1), 257-267.

    Args:
        picture: values in [0, 1]; its mean colour is kept too.
        generator: draws the angles, on the CPU.

    Returns:
        A real picture, float64, not clipped.
    """
    spectrum, width = _transform(picture), int(picture.shape[-1])
    one = torch.ones(1, 1, dtype=torch.float64)
    drawn = MacoParametrization(
        one[..., None].expand(1, *spectrum.shape[1:]),
        one[0],
        one,
        width=width,
        config=PhaseConfig(),
        generators=[generator],
        device=torch.device("cpu"),
    )
    angle = drawn.decode().spectrum[0].angle()
    return _compose(spectrum.abs(), spectrum.angle() + angle, width)


def natural_magnitude(picture: Picture, spectrum: Spectrum) -> Picture:
    """Draw a picture with its own phases on the mean magnitude of natural images.

    Phases and magnitudes are those of the spectrum's decorrelated channels, and the mean colour is
    that of natural images.

    Args:
        picture: values in [0, 1], each side at least 8 px.
        spectrum: the mean magnitude; it has as many channels as the picture.

    Returns:
        A real picture, float64, not clipped.

    Raises:
        UsageError: when the channels differ.
        SpectrumError: when the picture is too small.
    """
    if len(picture) != len(spectrum.magnitude):
        raise UsageError(
            f"spectrum: it has {len(spectrum.magnitude)} channels, the picture {len(picture)}; "
            "measure one with 'macoaudit spectrum'"
        )
    size = (int(picture.shape[-2]), int(picture.shape[-1]))
    matrix = spectrum.color_matrix.to(torch.float64)
    phase = _transform(mix_colors(matrix.inverse(), picture.to(torch.float64))).angle()
    phase[:, 0, 0] = torch.where(resampled_dc(spectrum, size) < 0, torch.pi, 0.0)
    magnitude = resample(spectrum, size).to(torch.float64)
    return mix_colors(matrix, _compose(magnitude, phase, size[1]))


def natural_noise(
    spectrum: Spectrum, size: tuple[int, int], generator: torch.Generator
) -> Float[Tensor, "channel height width"]:
    """Draw random phases on the mean magnitude of natural images: where MACO starts from.

    Args:
        spectrum: the mean magnitude.
        size: height and width in pixels.
        generator: draws the phases, on the CPU.

    Returns:
        A real picture, float64, not clipped and without the squash that MACO puts on it.
    """
    drawn = MacoParametrization(
        resample(spectrum, size).to(torch.float64),
        resampled_dc(spectrum, size).to(torch.float64),
        spectrum.color_matrix.to(torch.float64),
        width=size[1],
        config=PhaseConfig(),
        generators=[generator],
        device=torch.device("cpu"),
    )
    return drawn.decode().linear[0]


def clipped_share(picture: Picture) -> float:
    """Measure which share of a picture's values black and white cut off.

    Args:
        picture: any finite values.

    Returns:
        The share outside [0, 1] by more than half a step of 8 bits.
    """
    outside = (picture < -_ROUNDED_AWAY) | (picture > 1 + _ROUNDED_AWAY)
    return float(outside.to(torch.float64).mean())


def likeness(first: Picture, second: Picture) -> float:
    """Correlate the values of two pictures of one shape, each channel less its mean.

    Returns:
        From -1 to 1; NaN where a picture has one colour only.
    """
    one, other = (
        (p.to(torch.float64) - p.to(torch.float64).mean((-2, -1), keepdim=True)).flatten()
        for p in (first, second)
    )
    norms = float(one.norm() * other.norm())
    return float(one @ other) / norms if norms > 0 else float("nan")


def _transform(picture: Tensor) -> Tensor:
    spectrum: Tensor = torch.fft.rfft2(picture.to(torch.float64), norm="ortho")
    return spectrum


def _compose(magnitude: Tensor, phase: Tensor, width: int) -> Tensor:
    height = magnitude.shape[-2]
    spectrum = torch.polar(magnitude, phase)
    picture: Tensor = torch.fft.irfft2(spectrum, s=(height, width), norm="ortho")
    return picture
