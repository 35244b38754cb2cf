"""Square-ish windows of images at several sizes, resized to what the network sees."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.errors import UsageError

Images = Float[Tensor, "image channel height width"]

# Neighbouring windows share half of their side, so that a part cut by one is whole in another.
OVERLAP_FRAC = 0.5


def _starts(length: int, window: int) -> list[int]:
    """First pixels of evenly spaced windows that cover a length and share half of their side."""
    room = length - window
    count = 1 + math.ceil(room / max(1.0, window * (1 - OVERLAP_FRAC)))
    return [round(room * i / max(1, count - 1)) for i in range(count)]


def crop_boxes(size: tuple[int, int], sides_frac: Sequence[float]) -> Int[Tensor, "box 4"]:
    """Lay windows of the image's own shape over it, at several sizes.

    Args:
        size: height and width of the image in pixels.
        sides_frac: sides of the windows as fractions of the image's, above 0 and at most 1.

    Returns:
        One row a window: top, left, height, width in pixels; size by size, row by row.

    Raises:
        UsageError: when there is no size, or one outside (0, 1].
    """
    if not sides_frac or not all(0 < side <= 1 for side in sides_frac):
        raise UsageError(
            f"crop sides: {tuple(sides_frac)} came; give fractions of the image's side above 0 and "
            "at most 1"
        )
    boxes = []
    for side in sides_frac:
        height, width = (max(1, round(side * length)) for length in size)
        boxes += [
            (top, left, height, width)
            for top in _starts(size[0], height)
            for left in _starts(size[1], width)
        ]
    return torch.tensor(boxes)


def cut(
    image_01: Float[Tensor, "channel height width"], boxes: Int[Tensor, "box 4"]
) -> Float[Tensor, "box channel height width"]:
    """Cut windows out of an image and resize each to the image's size (bilinear).

    Args:
        image_01: values in 0..1.
        boxes: top, left, height, width in pixels, inside the image.
    """
    size = tuple(image_01.shape[-2:])
    return torch.cat(
        [
            torch.nn.functional.interpolate(
                image_01[None, :, top : top + height, left : left + width],
                size=size,
                mode="bilinear",
                antialias=True,
            )
            for top, left, height, width in boxes.tolist()
        ]
    )
