"""The map as a picture over its reference."""

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.results import DROPPED_TO, KEPT_FROM
from macoaudit.retention.content import ContentMap

_PAPER = 0.86


def draw_map(
    image_01: Float[Tensor, "channel height width"], content: ContentMap
) -> Float[Tensor, "channel height width"]:
    """Show the reference in full colour where it is retained, pale and grey where it is dropped.

    The weight of the colours rises from 0 at a retention of 0.2 to 1 at 0.5, the bounds by which
    places are counted; what lies between stays visibly paler than what is retained.

    Args:
        image_01: the reference.
        content: its map.
    """
    weight = ((content.values - DROPPED_TO) / (KEPT_FROM - DROPPED_TO)).clamp(0, 1)
    size = (int(image_01.shape[-2]), int(image_01.shape[-1]))
    weight = torch.nn.functional.interpolate(
        weight[None, None], size=size, mode="bilinear", align_corners=False
    )[0]
    grey = image_01.mean(0, keepdim=True).expand_as(image_01)
    pale = _PAPER + 0.35 * (grey - 0.5)
    return (weight * image_01 + (1 - weight) * pale).clamp(0, 1)
