"""The Fourier parametrization: a free complex spectrum, scaled to the 1/f of natural images.

The baseline that MACO is compared with, and an independent way to draw the same activation:

    z = irfft2(s / max(f, 1 / size)) / 4,   image_01 = sigmoid(slope color_matrix @ z)

with frequencies ``f`` in cycles per pixel and ``size`` the longer side. Magnitudes, phases and the
mean colour are all free; the start is nearly grey. Only the part of ``s`` that a real image has is
seen: in the self-conjugate columns that is its Hermitian part, and the gradient stays in it.

Source: Olah et al. 2017, "Feature Visualization", Distill; the constants are those of Lucid
(param/spatial.py, commit 6dcc927), the colours those of the spectrum that MACO keeps.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.parametrization.maco import Decoded, mix_colors, self_conjugate_columns

# Lucid's: standard deviation of the coefficients at the start, and the divisor of the image.
_START_SD = 0.01
_DIVISOR = 4.0

Coefficients = Float[Tensor, "batch channel height half_width 2"]


class FourierParametrization:
    """Images with a free spectrum; the parameters are its scaled coefficients, (real, imaginary).

    Args:
        color_matrix: decorrelated channels to image channels.
        size: canvas height and width in pixels.
        generators: one a member, on the CPU: they draw the initial coefficients.
        device: where to compute.
        squash_slope: slope of the sigmoid, as in :class:`macoaudit.config.PhaseConfig`.
    """

    def __init__(
        self,
        color_matrix: Float[Tensor, "channel channel"],
        *,
        size: tuple[int, int],
        generators: Sequence[torch.Generator],
        device: torch.device,
        squash_slope: float = 4.0,
    ) -> None:
        height, width = size
        self.size = size
        self.squash_slope = squash_slope
        self.color_matrix = color_matrix.to(device)
        ky, kx = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None, :]
        scale = 1 / torch.hypot(ky, kx).clamp_min(1 / max(size)) / _DIVISOR
        shape = (len(color_matrix), *scale.shape, 2)
        drawn = [torch.randn(shape, generator=generator) for generator in generators]
        self.parameters: Tensor = _START_SD * torch.stack(drawn).to(device)
        self.scale = scale[..., None].to(device)
        # every stored bin stands for itself and its mirror image, but in these columns
        self._weight = torch.full((1, scale.shape[1], 1), 2.0, device=device)
        self._weight[:, list(self_conjugate_columns(width))] = 1.0

    def select(self, index: Int[Tensor, " kept"]) -> None:
        """Keep only some members of the batch."""
        self.parameters = self.parameters[index]

    def take_images(self, image_01: Float[Tensor, "batch channel height width"]) -> None:
        """Start from given images: their own spectrum in the coefficients' scaling.

        Args:
            image_01: values strictly between 0 and 1, one image a member, the canvas' size.
        """
        linear = image_01.logit() / self.squash_slope
        spectrum = torch.fft.rfft2(mix_colors(self.color_matrix.inverse(), linear), norm="ortho")
        self.parameters = torch.view_as_real(spectrum) / self.scale

    def decode(self) -> Decoded:
        """Build the images of the current coefficients, values in [0, 1]."""
        spectrum = torch.view_as_complex(self.parameters * self.scale)
        z = torch.fft.irfft2(spectrum, s=self.size, norm="ortho")
        linear = mix_colors(self.color_matrix, z)
        return Decoded((linear * self.squash_slope).sigmoid_(), spectrum, linear)

    def pull_back(
        self, decoded: Decoded, gradient: Float[Tensor, "batch channel height width"]
    ) -> Coefficients:
        """Turn ``d score / d image_01`` into ``d score / d coefficient``.

        ``w_k scale_k G_k`` with ``G = rfft2(d score / d z)``; its real part belongs to the real
        part of the coefficient, its imaginary part to the imaginary one.

        Args:
            decoded: what :meth:`decode` returned for the current coefficients.
            gradient: gradient of the score with respect to ``decoded.image_01``.
        """
        image = decoded.image_01
        slope = image.square().neg_().add_(image).mul_(self.squash_slope)
        planes = mix_colors(self.color_matrix.mT, slope.mul_(gradient))
        transform = torch.fft.rfft2(planes, norm="ortho")
        pulled: Tensor = torch.view_as_real(transform) * (self.scale * self._weight)
        return pulled
