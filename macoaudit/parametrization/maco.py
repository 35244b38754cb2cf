"""The MACO parametrization: images of a fixed magnitude, their phases free, gradients closed.

The canvas of MACO is ``image_01 = squash(color_matrix @ irfft2(r e^{i phase}))`` with the magnitude
``r`` fixed. The optimisation loop needs the gradient of the score with respect to the image anyway
(it is the transparency), so only the step from there to the phase is left, and it is one FFT:

    d score / d phase_k = w_k r_k Re(i e^{i phase_k} conj(G_k)),   G = rfft2(d score / d z)

with ``w_k = 2``, because each stored bin stands for itself and its mirror image.

Source: Fel et al. 2023 (arXiv 2306.06805), definition 3.1 and algorithm 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from macoaudit.config import PhaseConfig

# Columns of Lucid's colour_correlation_svd_sqrt divided by 0.4619, transposed: four peers share it.
LUCID_COLOR_MATRIX = (
    (0.56282854, 0.19482528, 0.04329450),
    (0.58447580, 0.0, -0.10823626),
    (0.58447580, -0.19482528, 0.06494176),
)

Phase = Float[Tensor, "batch channel height half_width"]
Image = Float[Tensor, "batch channel height width"]


@dataclass(frozen=True)
class Decoded:
    """An image and what its gradient needs."""

    image_01: Image
    spectrum: Complex[Tensor, "batch channel height half_width"]
    linear: Image
    """The image before the squash, in colours."""


def self_conjugate_columns(width: int) -> tuple[int, ...]:
    """Columns of an rfft2 array that hold both a bin and its mirror image."""
    return (0, width // 2) if width % 2 == 0 else (0,)


def tie_phase(phase: Phase, sign_phase: Phase, width: int) -> Phase:
    """Make a phase the phase of a real image, in place: ``phase(-k) = -phase(k)``.

    In each self-conjugate column the upper half is kept and mirrored; the bins that are their own
    mirror image get their fixed phase, 0 or pi, from ``sign_phase``.

    Args:
        phase: phases in radians, rfft2 layout; changed in place and returned.
        sign_phase: phases of the real bins, same shape; other bins are not read.
        width: width of the image in pixels.
    """
    height = phase.shape[-2]
    half = (height - 1) // 2
    for column in self_conjugate_columns(width):
        phase[..., height - half :, column] = -phase[..., 1 : half + 1, column].flip(-1)
        phase[..., 0, column] = sign_phase[..., 0, column]
        if height % 2 == 0:
            phase[..., height // 2, column] = sign_phase[..., height // 2, column]
    return phase


class MacoParametrization:
    """Images with a fixed magnitude spectrum; the parameters are the phases of a batch.

    With the default :class:`PhaseConfig` the constraint is exact: ``|rfft2(z)|`` of the linear
    image in decorrelated colours equals the template on every bin, for any height and width.
    Self-conjugate bins are real: the zero frequency keeps the sign of the natural mean, the others
    get a random sign once, which is what the uniform law leaves of a real bin.

    Args:
        template: magnitude (channel, height, half width), orthonormal scaling.
        dc: signed zero-frequency coefficient per channel; its magnitude is ``template[:, 0, 0]``.
        color_matrix: decorrelated channels to image channels.
        width: canvas width in pixels.
        config: initial law and quirks.
        generators: one a member, on the CPU: they draw the initial phases.
        device: where to compute.
    """

    def __init__(
        self,
        template: Float[Tensor, "channel height half_width"],
        dc: Float[Tensor, " channel"],
        color_matrix: Float[Tensor, "channel channel"],
        *,
        width: int,
        config: PhaseConfig,
        generators: Sequence[torch.Generator],
        device: torch.device,
    ) -> None:
        self.config = config
        self.size = (int(template.shape[1]), width)
        self.template = template.to(device)
        self.color_matrix = color_matrix.to(device)
        phases, signs = [], []
        for generator in generators:
            if config.init == "uniform":
                phase = torch.rand(template.shape, generator=generator) * 2 * math.pi - math.pi
            else:
                phase = torch.randn(template.shape, generator=generator)
            sign = torch.where(torch.rand(template.shape, generator=generator) < 0.5, 0.0, math.pi)
            sign[:, 0, 0] = torch.where(dc < 0, math.pi, 0.0)
            phases.append(phase)
            signs.append(sign)
        self.parameters: Tensor = torch.stack(phases).to(device)
        self._sign_phase = torch.stack(signs).to(device)
        self._free = torch.ones(template.shape[1:], device=device)
        if config.hermitian:
            height = self.size[0]
            for column in self_conjugate_columns(width):
                self._free[0, column] = 0
                if height % 2 == 0:
                    self._free[height // 2, column] = 0
            tie_phase(self.parameters, self._sign_phase, width)

    def select(self, index: Int[Tensor, " kept"]) -> None:
        """Keep only some members of the batch."""
        self.parameters = self.parameters[index]
        self._sign_phase = self._sign_phase[index]
        if self.template.ndim == 4:
            self.template = self.template[index]

    def take_images(self, image_01: Image) -> None:
        """Start from given images: their phases are free, their own magnitudes are kept.

        Without standardisation the start is the image itself, exactly; with it (a peer's quirk)
        magnitudes and phases are its own up to the rescaling.

        Args:
            image_01: values strictly between 0 and 1, one image a member, the canvas' size.
        """
        spectrum = self._spectrum_of(image_01)
        phase = spectrum.angle()
        self.template = spectrum.abs()
        self.parameters, self._sign_phase = phase, phase.clone()

    def adopt_signs(
        self,
        index: Int[Tensor, " taken"],
        other: "MacoParametrization",
        rows: Int[Tensor, " taken"],
    ) -> None:
        """Take over the fixed phases of another batch's members: see :func:`adopt`."""
        self._sign_phase[index] = other._sign_phase[rows]

    def take_phases(self, image_01: Image) -> None:
        """Take over the phases of images: they come back on the fixed magnitude.

        The zero frequency keeps its sign; the other real bins take the images' own.

        Args:
            image_01: values strictly between 0 and 1, one image a member, the canvas' size.
        """
        phase = self._spectrum_of(image_01).angle()
        phase[..., 0, 0] = self._sign_phase[..., 0, 0]
        self.parameters, self._sign_phase = phase, phase.clone()

    def _spectrum_of(self, image_01: Image) -> Tensor:
        middle = 0.0 if self.config.standardize else 0.5
        linear = image_01.logit() / self.config.squash_slope + middle
        planes = mix_colors(self.color_matrix.inverse(), linear)
        spectrum: Tensor = torch.fft.rfft2(planes, norm="ortho")
        return spectrum

    def decode(self) -> Decoded:
        """Build the images of the current phases, values in [0, 1]."""
        phase = self.parameters
        if self.config.hermitian:
            tie_phase(phase, self._sign_phase, self.size[1])
        if self.config.standardize:
            phase = _standardize(phase)
        # r e^{i phase}, as torch.polar gives it but several times faster on a CPU
        spectrum = torch.complex(phase.cos() * self.template, phase.sin() * self.template)
        z = torch.fft.irfft2(spectrum, s=self.size, norm="ortho")
        if self.config.standardize:
            z = _standardize(z)
        linear = mix_colors(self.color_matrix, z)
        return Decoded(self._squash(linear), spectrum, linear)

    def _squash(self, linear: Image) -> Image:
        middle = 0.0 if self.config.standardize else 0.5
        return (linear - middle).mul_(self.config.squash_slope).sigmoid_()

    def pull_back(self, decoded: Decoded, gradient: Image) -> Phase:
        """Turn ``d score / d image_01`` into ``d score / d phase``.

        Args:
            decoded: what :meth:`decode` returned for the current phases.
            gradient: gradient of the score with respect to ``decoded.image_01``.
        """
        if self.config.standardize:
            return self._pull_back_by_autograd(gradient)
        image = decoded.image_01
        slope = image.square().neg_().add_(image).mul_(self.config.squash_slope)
        gradient = slope.mul_(gradient)
        transform = torch.fft.rfft2(mix_colors(self.color_matrix.mT, gradient), norm="ortho")
        # Re(i s conj(G)) = Im(conj(s) G)
        pulled: Tensor = (decoded.spectrum.conj() * transform).imag * (2 * self._free)
        return pulled

    def _pull_back_by_autograd(self, gradient: Image) -> Phase:
        # The peers' standardisation is a quirk that is reproduced, not one worth a closed form.
        with torch.enable_grad():
            phase = self.parameters.detach().requires_grad_()
            spectrum = torch.polar(self.template.expand_as(phase), _standardize(phase))
            z = _standardize(torch.fft.irfft2(spectrum, s=self.size, norm="ortho"))
            image = self._squash(mix_colors(self.color_matrix, z))
            (result,) = torch.autograd.grad(image, phase, gradient)
        return result


def mix_colors(matrix: Tensor, planes: Tensor) -> Tensor:
    """Apply a colour matrix per pixel."""
    mixed: Tensor = (matrix @ planes.flatten(-2)).view(planes.shape)
    return mixed


def _standardize(values: Tensor) -> Tensor:
    """Rescale each member to mean 0 and standard deviation 1."""
    axes = (-3, -2, -1)
    deviation = values.std(axes, keepdim=True)
    return (values - values.mean(axes, keepdim=True)) / (deviation + 1e-4)


def frequency_step(
    size: tuple[int, int], power: float, knee: float, device: torch.device
) -> Float[Tensor, "height half_width"]:
    """Step size per frequency: ``max(1, cycles / knee) ** -power``, cycles per canvas."""
    height, width = size
    ky = torch.fft.fftfreq(height, d=1 / height, device=device)[:, None]
    kx = torch.arange(width // 2 + 1, device=device)[None, :]
    return (torch.hypot(ky, kx.to(ky.dtype)) / knee).clamp_min(1.0) ** -power
