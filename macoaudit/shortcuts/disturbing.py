"""Disturb a part of an image and leave the rest: noise, grey, or a blur within the part."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.shortcuts.reading import Images

FILLS = ("noise", "grey", "blur")
# Of the shorter side, at full strength: an object cannot be told any more.
_BLUR_FRAC = 1 / 8
# Of the noise, at full strength: half of the range of values.
_NOISE_SD = 0.5


def blurred_within(
    image_01: Images, inside: Bool[Tensor, "image height width"], sd_px: float
) -> Images:
    """Gaussian mean over the marked pixels alone, so that nothing from beyond them comes in.

    Args:
        image_01: the images.
        inside: pixels that are averaged over, and that the result is meant for.
        sd_px: of the Gaussian, above 0.
    """
    radius = max(1, round(3 * sd_px))
    x = torch.arange(-radius, radius + 1, dtype=image_01.dtype)
    kernel = torch.exp(-0.5 * (x / sd_px) ** 2)
    weight = inside[:, None].to(image_01)
    both = torch.cat([image_01 * weight, weight], 1).flatten(0, 1)[:, None]
    conv = torch.nn.functional.conv2d
    both = conv(both, kernel.view(1, 1, 1, -1), padding=(0, radius))
    both = conv(both, kernel.view(1, 1, -1, 1), padding=(radius, 0))
    sums = both.view(len(image_01), -1, *image_01.shape[-2:])
    return sums[:, :-1].div(sums[:, -1:].clamp_min(1e-12))


def disturbed(
    image_01: Images,
    inside: Bool[Tensor, "image height width"],
    noise: Images,
    level: float,
) -> Float[Tensor, "fill image channel height width"]:
    """Disturb a part of each image by each of :data:`FILLS`; the rest stays as it is.

    ``noise``: Gaussian, sd half the range of values at full strength, cut to the range. ``grey``:
    mixed with middle grey, which is all that is left at full strength. ``blur``: within the part,
    sd up to an eighth of the shorter side.

    Args:
        image_01: the images.
        inside: the part.
        noise: standard normal, the same for both parts of an image.
        level: strength, above 0 and at most 1.
    """
    sd_px = level * _BLUR_FRAC * min(image_01.shape[-2:])
    fills = torch.stack(
        [
            (image_01 + level * _NOISE_SD * noise).clamp(0, 1),
            (1 - level) * image_01 + level * 0.5,
            blurred_within(image_01, inside, sd_px),
        ]
    )
    return torch.where(inside[:, None], fills, image_01)
