"""What of an image is moved: its brightness, or each channel."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.lens.settings import LensChannels

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in luma (ITU-R BT.601)."""

Images = Float[Tensor, "batch channel height width"]
Plane = Float[Tensor, "batch plane height width"]


@dataclass(frozen=True)
class Planes:
    """The part of an image that is moved, and the way back."""

    channels: LensChannels

    def of(self, images: Images) -> Plane:
        """Take the part that is moved: luma ``[batch, 1, ...]``, or every channel.

        Raises:
            UsageError: for luma of images with neither 1 nor 3 channels.
        """
        n_channels = images.shape[1]
        if self.channels == "rgb" or n_channels == 1:
            return images
        if n_channels != 3:
            raise UsageError(
                f"channels: luma needs 1 or 3 channels, and the images have {n_channels}; "
                "use channels rgb"
            )
        weights = torch.tensor(LUMA, dtype=images.dtype, device=images.device)
        return (images * weights[:, None, None]).sum(dim=1, keepdim=True)

    def gradient(self, gradient: Images) -> Plane:
        """Turn a gradient of the image into one of the part: the adjoint of :meth:`spread`."""
        return gradient if self.channels == "rgb" else gradient.sum(dim=1, keepdim=True)

    def spread(self, change: Plane, like: Images) -> Images:
        """Turn a change of the part into one of the image: the same on every channel for luma."""
        return change.expand_as(like)
