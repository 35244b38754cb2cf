"""Maps of a concept as pictures: heat over the grey image, and the coefficients alone."""

import torch
from jaxtyping import Float
from torch import Tensor

# Dark violet to pale yellow, brighter all along: five colours of matplotlib's "inferno" (CC0).
_HEAT = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
_GREY_SHARE = 0.75
"""The image under the heat is a little darker, so that heat stands out on white too."""
_MOST_HEAT = 0.85


def heat_colors(values: Float[Tensor, "height width"]) -> Float[Tensor, "3 height width"]:
    """Colour values of 0..1, linearly between five colours of rising brightness."""
    table = torch.tensor(_HEAT, dtype=torch.float32) / 255
    place = values.clamp(0, 1) * (len(table) - 1)
    low = place.floor().long().clamp_max(len(table) - 2)
    share = (place - low)[..., None]
    return ((1 - share) * table[low] + share * table[low + 1]).movedim(-1, 0)


def overlay(
    image_01: Float[Tensor, "channel height width"], values: Float[Tensor, "height width"]
) -> Float[Tensor, "3 height width"]:
    """Lay heat over the grey image: none at 0, 85 % at 1.

    Args:
        image_01: the image, values in 0..1.
        values: the map, 0..1.
    """
    weight = _MOST_HEAT * values.clamp(0, 1)
    grey = _GREY_SHARE * image_01.mean(0, keepdim=True)
    return (1 - weight) * grey + weight * heat_colors(values)
