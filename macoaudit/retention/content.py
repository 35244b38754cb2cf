"""Where the content of a reference comes back in its inversions, wherever it comes back.

A pooled activation keeps content and loses layout: the same bird returns in another corner, so
agreement at the same pixel says little. Each place of the reference is compared with *all* places
of an inversion in the features of a mid-depth layer, and the best is kept:

    own(p)  = mean_k max_q cos(t_p, t_q(x_k))
    base(p) = mean_j mean_k max_q cos(t_p, t_q(y_jk))
    R(p)    = (own(p) - base(p)) / (1 - mean_p base(p))

with ``t`` the centred features of a place, ``x_k`` the inversions of the reference and ``y_jk`` the
baseline: inversions of other images, or random-phase images of the same spectrum where there is no
other image. 0: the place comes back no better than there; 1: as in the reference itself, for a
place whose baseline is average. The same headroom for all places keeps the order of the plain
difference, which deletion confirms better than a headroom of each place's own. The maps of several
layers, from mid-depth to the last grid, are averaged (:func:`pooled_map`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.results import DROPPED_TO, KEPT_FROM

Features = Float[Tensor, "image channel rows columns"]

_PATCH_GRID = 14


@dataclass(frozen=True)
class ContentMap:
    """Retention of each place of one reference."""

    values: Float[Tensor, "rows columns"]
    """0: no better than in the baseline; 1: as in the reference itself; may leave 0..1 a little."""
    chance: Float[Tensor, "donor rows columns"]
    """The same number where each baseline image plays the inversions."""

    @property
    def high(self) -> float:
        """95th percentile of chance."""
        return float(torch.quantile(self.chance.flatten(), 0.95))

    @property
    def retained_frac(self) -> float:
        """Share of places at half or more, and above the 95th percentile of chance."""
        kept = (self.values >= KEPT_FROM) & (self.values > self.high)
        return int(kept.sum()) / self.values.numel()

    @property
    def dropped_frac(self) -> float:
        """Share of places at a fifth or less."""
        return int((self.values <= DROPPED_TO).sum()) / self.values.numel()


def _unit(
    features: Features, center: Float[Tensor, " channel"]
) -> Float[Tensor, "image channel place"]:
    """Centre the features, give each place's vector unit length, put the places in a row."""
    flat = (features - center[:, None, None]).flatten(2)
    length = flat.norm(dim=1, keepdim=True)
    unit: Tensor = flat / length.clamp_min(torch.finfo(flat.dtype).tiny)
    return torch.where(length > 0, unit, 0.0)


def _cosines(
    reference: Float[Tensor, "channel rows columns"],
    images: Features,
    center: Float[Tensor, " channel"],
) -> Float[Tensor, "image place match"]:
    own = _unit(reference[None], center)[0]
    return own.T @ _unit(images, center)


def matched_places(
    reference: Float[Tensor, "channel rows columns"],
    images: Features,
    center: Float[Tensor, " channel"],
) -> Int[Tensor, "image place"]:
    """Find, for each place of the reference, the place of each image that is most like it.

    Args:
        reference: features of the reference.
        images: features of the images to search.
        center: mean feature, subtracted from both.

    Returns:
        Index of the best match among the image's places, row by row.
    """
    return _cosines(reference, images, center).argmax(-1)


def content_map(
    reference: Float[Tensor, "channel rows columns"],
    inversions: Features,
    baseline: Float[Tensor, "donor member channel rows columns"],
    center: Float[Tensor, " channel"],
) -> ContentMap:
    """Measure which places of a reference return in its inversions; see the module for the formula.

    Args:
        reference: features of the reference.
        inversions: features of its inversions, one a seed.
        baseline: features of the baseline, grouped by the image that they are inversions of; every
            random-phase image is a group of its own.
        center: mean feature of natural images.
    """
    rows, columns = reference.shape[-2:]
    own = _cosines(reference, inversions, center).amax(-1).mean(0)
    donors = torch.stack(
        [_cosines(reference, group, center).amax(-1).mean(0) for group in baseline]
    )
    base = donors.mean(0)
    # Chance: each donor in the place of the inversions, against the mean of the others.
    count = len(donors)
    others = (
        (donors.sum(0) - donors) / (count - 1) if count > 1 else donors.mean().expand_as(donors)
    )
    return ContentMap(
        _share(own, base).view(rows, columns), _share(donors, others).view(-1, rows, columns)
    )


def _share(
    own: Float[Tensor, "*donor place"], base: Float[Tensor, "*donor place"]
) -> Float[Tensor, "*donor place"]:
    """How far of the way from the baseline to the reference itself, whose cosine is 1."""
    # Where the baseline is as good as the reference there is no way to go: rounding stays small.
    return (own - base) / (1 - base.mean(-1, keepdim=True)).clamp_min(1e-3)


def pooled_map(maps: Sequence[ContentMap]) -> ContentMap:
    """Average the maps of several layers; coarser ones are interpolated to the first one's grid.

    Args:
        maps: of one reference, with the same baseline images; the first has the finest grid.
    """
    size = tuple(maps[0].values.shape)
    pooled = torch.stack(
        [
            torch.nn.functional.interpolate(
                torch.cat([item.values[None], item.chance])[None],
                size=size,
                mode="bilinear",
                align_corners=False,
            )[0]
            for item in maps
        ]
    ).mean(0)
    return ContentMap(pooled[0], pooled[1:])


def patch_features(
    image_01: Float[Tensor, "image channel height width"],
) -> Float[Tensor, "image feature rows columns"]:
    """Describe the places of an image without a network: mean colour and oriented contrast.

    Fourteen places a side (fewer on a small image), each with its mean colour and the mean absolute
    difference along four directions, at two scales. For networks without a layer that keeps places
    apart.
    """
    height, width = image_01.shape[-2:]
    grid = (min(_PATCH_GRID, height // 2), min(_PATCH_GRID, width // 2))
    pool = torch.nn.functional.adaptive_avg_pool2d
    parts = [pool(image_01, grid)]
    luma = image_01.mean(1, keepdim=True)
    for step in (1, 2):
        padded = torch.nn.functional.pad(luma, (step, step, step, step), mode="replicate")
        for dy, dx in ((0, step), (step, 0), (step, step), (step, -step)):
            parts.append(pool((padded.roll((dy, dx), (-2, -1)) - padded).abs(), grid))
    return torch.cat(parts, 1)
