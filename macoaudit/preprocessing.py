"""What a network expects of an image: size, crop, interpolation, and the normalisation.

A record on the lowest row, so that both :mod:`macoaudit.images` (files to tensors) and
:mod:`macoaudit.models` (tensors to activations) can use it without importing each other.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import UsageError

CROP_MODES = ("center", "squash", "border")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos")


@dataclass(frozen=True)
class Preprocessing:
    """How a photograph becomes a network's input, in the terms of timm's data config.

    Raises:
        UsageError: when a value is outside its range or two values do not fit together.
    """

    input_size: tuple[int, int]
    """(height, width) of the network's input, in pixels."""
    channels: int
    mean: tuple[float, ...]
    """Per channel, of values in 0..1; subtracted first."""
    std: tuple[float, ...]
    """Per channel, of values in 0..1; divided by second."""
    crop_pct: float = 1.0
    """Side of the crop over the short side of the resized photograph, 0 to 1."""
    crop_mode: str = "center"
    """``center`` (crop), ``squash`` (change the aspect) or ``border`` (pad with the mean)."""
    interpolation: str = "bicubic"

    def __post_init__(self) -> None:
        if len(self.input_size) != 2 or min(self.input_size) < 1 or self.channels < 1:
            raise UsageError(
                f"preprocessing: input_size {(self.channels, *self.input_size)} is not three "
                "positive integers; give [channel, height, width]"
            )
        for name in ("mean", "std"):
            values = getattr(self, name)
            if len(values) != self.channels or not all(math.isfinite(value) for value in values):
                raise UsageError(
                    f"preprocessing: {name} = {list(values)} must hold one finite number for each "
                    f"of the {self.channels} channels of input_size"
                )
        if min(self.std) <= 0:
            raise UsageError(f"preprocessing: std = {list(self.std)} must be above 0")
        if not 0 < self.crop_pct <= 1:
            raise UsageError(f"preprocessing: crop_pct = {self.crop_pct} must be in (0, 1]")
        for name, allowed in (("crop_mode", CROP_MODES), ("interpolation", INTERPOLATIONS)):
            value = getattr(self, name)
            if value not in allowed:
                raise UsageError(
                    f"preprocessing: {name} = {value!r} is not one of {', '.join(allowed)}"
                )

    def normalise(
        self, image_01: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Move images from 0..1 to what the network takes: ``(image - mean) / std``.

        Args:
            image_01: shape (batch, channel, height, width), values 0..1; height and width are free.

        Returns:
            The same shape, values between ``-mean / std`` and ``(1 - mean) / std``.

        Raises:
            UsageError: when the number of channels is not the network's.
        """
        if image_01.shape[1] != self.channels:
            raise UsageError(
                f"image_01: {image_01.shape[1]} channels came, the network takes {self.channels}"
            )
        # Not cached: a tensor first made under inference mode could never be used with autograd.
        options: dict[str, Any] = {"dtype": image_01.dtype, "device": image_01.device}
        mean = torch.tensor(self.mean, **options).view(-1, 1, 1)
        std = torch.tensor(self.std, **options).view(-1, 1, 1)
        return (image_01 - mean) / std
