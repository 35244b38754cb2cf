"""The pixel parametrization: every value of the image is free.

The oldest baseline, with nothing that keeps the image natural but the views' transforms:

    image_01 = sigmoid(slope v)

with ``v`` the linear image, N(0, 0.01) at the start as in Lucid's ``pixel_image``, so the start is
nearly grey. Colours are not decorrelated, as in class-model visualisation by pixels.

Source: Olah et al. 2017, "Feature Visualization", Distill; Lucid, param/spatial.py.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.parametrization.maco import Decoded

_START_SD = 0.01

Image = Float[Tensor, "batch channel height width"]


class PixelParametrization:
    """Images whose pixels are free; the parameters are the linear image.

    Args:
        channels: of the image.
        size: canvas height and width in pixels.
        generators: one a member, on the CPU: they draw the start.
        device: where to compute.
        squash_slope: slope of the sigmoid, as in :class:`macoaudit.config.PhaseConfig`.
    """

    def __init__(
        self,
        channels: int,
        *,
        size: tuple[int, int],
        generators: Sequence[torch.Generator],
        device: torch.device,
        squash_slope: float = 4.0,
    ) -> None:
        self.size = size
        self.squash_slope = squash_slope
        drawn = [torch.randn((channels, *size), generator=one) for one in generators]
        self.parameters: Tensor = _START_SD * torch.stack(drawn).to(device)

    def select(self, index: Int[Tensor, " kept"]) -> None:
        """Keep only some members of the batch."""
        self.parameters = self.parameters[index]

    def take_images(self, image_01: Image) -> None:
        """Start from given images.

        Args:
            image_01: values strictly between 0 and 1, one image a member, the canvas' size.
        """
        self.parameters = image_01.logit() / self.squash_slope

    def decode(self) -> Decoded:
        """Build the images of the current values, in [0, 1]."""
        linear = self.parameters
        image = (linear * self.squash_slope).sigmoid_()
        # No spectrum takes part: one without columns stands in its place.
        nothing = torch.zeros((*linear.shape[:3], 0), dtype=torch.complex64, device=linear.device)
        return Decoded(image, nothing, linear)

    def pull_back(self, decoded: Decoded, gradient: Image) -> Image:
        """Turn ``d score / d image_01`` into ``d score / d v = slope x (1 - x) gradient``.

        Args:
            decoded: what :meth:`decode` returned for the current values.
            gradient: gradient of the score with respect to ``decoded.image_01``.
        """
        image = decoded.image_01
        slope = image.square().neg_().add_(image).mul_(self.squash_slope)
        return slope.mul_(gradient)
