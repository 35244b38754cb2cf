"""Proof of a map by deletion: what it calls retained must matter more than moved copies of it.

``effect(M) = 1 - cos(f(x), f(x without M))``, mean over the fills. The region is the places with
the highest (retained) or lowest (dropped) values of the map. The control is the *same map* moved
over the image, mirrored and turned, so that area, shape and the way the places hang together are
the same and only the position is by chance.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.results import DeletionPoint, Faithfulness, Skipped

AREAS = (0.1, 0.2, 0.3)
FILLS = ("blur", "surroundings")
# Of the shorter side: wide enough that a blurred object cannot be told, 16 px of 224.
_BLUR_FRAC = 1 / 14
# The surroundings are spread over a picture of this many pixels a side: it has no detail anyway.
_COARSE_PX = 28

Maps = Float[Tensor, "map rows columns"]


def region(maps: Maps, area_frac: float, *, highest: bool) -> Bool[Tensor, "map rows columns"]:
    """Mark the places with the highest or lowest values that make up a share of the map.

    Ties are settled by position, first row first.

    Args:
        maps: values of each place.
        area_frac: share of the places, above 0 and below 1.
        highest: the highest values; otherwise the lowest.
    """
    flat = maps.flatten(1)
    count = max(1, round(area_frac * flat.shape[1]))
    order = flat.argsort(dim=1, descending=highest, stable=True)[:, :count]
    marked = torch.zeros_like(flat, dtype=torch.bool).scatter_(1, order, True)
    return marked.view_as(maps)


def move_maps(
    values: Float[Tensor, "rows columns"], count: int, generator: torch.Generator
) -> Maps:
    """Move a map by chance: a cyclic shift, mirrored or not, turned where it is square.

    Args:
        values: the map.
        count: moved copies; none of them is the map where it was.
        generator: on the CPU.
    """
    rows, columns = values.shape
    turns = 4 if rows == columns else 2
    places = torch.arange(values.numel()).view(rows, columns)
    moved: list[Tensor] = []
    while len(moved) < count:
        dy = int(torch.randint(rows, (), generator=generator))
        dx = int(torch.randint(columns, (), generator=generator))
        mirrored = bool(torch.randint(2, (), generator=generator))
        quarter = int(torch.randint(turns, (), generator=generator)) * (4 // turns)
        shifted = places.roll((dy, dx), (0, 1))
        order = torch.rot90(shifted.flip(1) if mirrored else shifted, quarter)
        # On a narrow map a mirror image may be a shift, and undo it.
        if not torch.equal(order, places):
            moved.append(values.flatten()[order])
    return torch.stack(moved)


def _blurred(images: Tensor, sigma_px: float) -> Tensor:
    """Gaussian blur with zeros beyond the border; divide by the same of ones to renormalise."""
    radius = max(1, min(round(3 * sigma_px), min(images.shape[-2:]) - 1))
    x = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-0.5 * (x / sigma_px) ** 2)
    kernel = kernel / kernel.sum()
    flat = images.reshape(-1, 1, *images.shape[-2:])
    flat = torch.nn.functional.conv2d(flat, kernel.view(1, 1, 1, -1), padding=(0, radius))
    flat = torch.nn.functional.conv2d(flat, kernel.view(1, 1, -1, 1), padding=(radius, 0))
    return flat.view_as(images)


def delete(
    image_01: Float[Tensor, "channel height width"], regions: Bool[Tensor, "mask rows columns"]
) -> Float[Tensor, "fill mask channel height width"]:
    """Delete regions of an image with each fill, without leaving the image's own range of values.

    ``blur``: the image blurred by 1/14 of its shorter side. ``surroundings``: a smooth field of the
    colours that are left around the region (normalised convolution), so nothing of the region
    remains. Both are weighted means of the image's own pixels.

    Args:
        image_01: the image.
        regions: places to delete; each stands for a block of pixels.
    """
    size = (int(image_01.shape[-2]), int(image_01.shape[-1]))
    interpolate = torch.nn.functional.interpolate
    mask = interpolate(regions[:, None].to(image_01), size=size, mode="nearest")
    image = image_01[None]
    ones = torch.ones_like(image[:, :1])
    sigma = _BLUR_FRAC * min(size)
    blurred = _blurred(image, sigma) / _blurred(ones, sigma)
    coarse = (min(_COARSE_PX, size[0]), min(_COARSE_PX, size[1]))
    small = torch.nn.functional.adaptive_avg_pool2d(image, coarse)
    kept = 1 - torch.nn.functional.adaptive_avg_pool2d(mask, coarse)
    kept = torch.where(kept < 1, 0.0, 1.0)  # a pixel of the region must not colour its fill
    # Near colours where there are any, far ones in the middle of a wide region, else the mean.
    # Nothing is left to fill with where no pixel of the coarse picture is free of the region.
    left = torch.where(kept.sum((-2, -1), keepdim=True) > 0, kept, 1.0)
    field = (small * left).sum((-2, -1), keepdim=True) / left.sum((-2, -1), keepdim=True)
    field = field.expand(-1, -1, *coarse)
    for sigma_frac in (0.5, 0.2, 0.07):
        width = sigma_frac * min(coarse)
        weight = _blurred(kept, width)
        near = _blurred(small * kept, width) / weight.clamp_min(1e-6)
        field = torch.where(weight > 0.03, near, field)
    surroundings = interpolate(field, size=size, mode="bilinear", align_corners=False)
    low, high = image.amin((-2, -1), keepdim=True), image.amax((-2, -1), keepdim=True)
    fills = torch.stack([blurred.expand_as(surroundings), surroundings]).clamp(low, high)
    return torch.where(mask.bool(), fills, image)


def faithfulness(
    values: Float[Tensor, "rows columns"],
    effect: Callable[[Bool[Tensor, "mask rows columns"]], Float[Tensor, " mask"]],
    *,
    n_moves: int,
    generator: torch.Generator,
) -> Faithfulness | Skipped:
    """Compare the effect of deleting what a map names with moved copies of the same map.

    Args:
        values: the map.
        effect: mean effect over the fills of deleting each of the given regions.
        n_moves: moved copies; the smallest p-value is ``1 / (1 + n_moves)``.
        generator: on the CPU; draws the moves.

    Returns:
        The proof, or why there can be none: a map without differences, or effects that are not
        finite.
    """
    if float(values.max() - values.min()) <= 1e-6:
        return Skipped("faithfulness", "the map has the same value everywhere")
    maps = torch.cat([values[None], move_maps(values, n_moves, generator)])
    marked = [region(maps, area, highest=highest) for area in AREAS for highest in (True, False)]
    effects = effect(torch.cat(marked)).view(len(AREAS), 2, len(maps)).double()
    if not bool(torch.isfinite(effects).all()):
        return Skipped("faithfulness", "the activation of the image without a region is not finite")
    means = effects.mean(0)
    value = means[0] - means[1]
    null = value[1:]
    points = tuple(
        DeletionPoint(
            area,
            float(row[0, 0]),
            float(row[1, 0]),
            float(row[0, 1:].median()),
            float(row[1, 1:].median()),
        )
        for area, row in zip((*AREAS, sum(AREAS) / len(AREAS)), (*effects, means), strict=True)
    )
    mean = points[-1]
    return Faithfulness(
        value=float(value[0]),
        null_mean=float(null.mean()),
        null_high=float(torch.quantile(null, 0.95)),
        p_value=(1 + int((null >= value[0]).sum())) / (1 + n_moves),
        n_moves=n_moves,
        fills=FILLS,
        mean=mean,
        retained_matters=mean.retained > mean.moved_retained,
        dropped_does_not=mean.dropped < mean.moved_dropped,
        curve=points[:-1],
    )
