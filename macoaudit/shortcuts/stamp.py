"""Stamp consistency: do the regions of a class look alike, or lie at one place?

A shortcut recurs. Two statistics: how alike the pixels of two regions are at the best shift, and
how concentrated the class's mean map is. Null: the same statistic of as many images drawn from all
classes. Blind spot: images that were framed alike; so this alone is never more than information.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.shortcuts.candidates import Candidates
from macoaudit.shortcuts.nulls import rank_p
from macoaudit.shortcuts.reading import Classes, Images, check_input, class_generators
from macoaudit.shortcuts.records import Evidence, NotTested, summary

# A little more than the region, so that its outline counts.
_MARGIN = 1.25
# Maps are compared on this many places a side: finer, the entropy would count pixels of noise.
_PLACES = 12
# Least spread of the other classes that a robust z is measured in, so that equal classes do not
# make a hair's breadth infinite.
_LEAST_SPREAD = 0.02
_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class StampSettings:
    """How consistency is measured; the defaults are starting values, not calibrated."""

    threshold: float = 3.0
    """Robust z against the other classes."""
    min_classes: int = 4
    """With usable regions; with fewer there is nothing to measure a z against."""
    max_shift_frac: float = 0.06
    """Of the shorter side, in each direction."""
    n_draws: int = 1999
    max_images: int = 24
    """Of a class."""


def region_windows(
    candidates: Candidates, members: Int[Tensor, " image"], side_px: int
) -> list[tuple[int, int]]:
    """Top left corners of square windows around the middles of regions, inside the image."""
    height, width = candidates.masks.shape[-2:]
    corners = []
    for image in members.tolist():
        top, left, bottom, right = candidates.region(image).box_px
        y, x = (top + bottom - side_px) // 2, (left + right - side_px) // 2
        corners.append((max(0, min(y, height - side_px)), max(0, min(x, width - side_px))))
    return corners


def likeness(
    image_01: Images, corners: Sequence[tuple[int, int]], side_px: int, max_shift_px: int
) -> Float[Tensor, "image image"]:
    r"""Normalised cross-correlation of every window with every other at the best small shift.

    ``max over |shift| <= s of <a - mean a, b - mean b> / (|a - mean a| |b - mean b|)`` with the
    mean of each colour, so that neither brightness nor tint alone is likeness; made symmetric by
    the mean of both directions. A window without any contrast is like nothing (0).

    Args:
        image_01: one image a window.
        corners: top left of each window.
        side_px: of the windows.
        max_shift_px: s, in each direction.

    Returns:
        -1 to 1; 1 on the diagonal where there is contrast.
    """
    pad = torch.nn.functional.pad(image_01, (max_shift_px,) * 4, mode="replicate").double()
    wide = side_px + 2 * max_shift_px
    search = torch.stack(
        [pad[i, :, y : y + wide, x : x + wide] for i, (y, x) in enumerate(corners)]
    )
    inner = slice(max_shift_px, max_shift_px + side_px)
    windows = search[:, :, inner, inner]
    windows = windows - windows.mean((-2, -1), keepdim=True)
    conv = torch.nn.functional.conv2d
    products = conv(search, windows)
    ones = torch.ones(search.shape[1], 1, side_px, side_px, dtype=torch.float64)
    n_colours = search.shape[1]
    sums = conv(search, ones, groups=n_colours)
    squares = conv(search**2, ones, groups=n_colours)
    energy = (squares - sums**2 / side_px**2).sum(1, keepdim=True).clamp_min(0)
    own = (windows**2).flatten(1).sum(1)
    floor = 1e-6 * side_px**2
    norms = (energy * own[None, :, None, None]).sqrt()
    fair = (energy > floor) & (own > floor)[None, :, None, None]
    best = torch.where(fair, products / norms.clamp_min(floor), 0.0).flatten(2).amax(2)
    return (best + best.T) / 2


def concentration(maps: Float[Tensor, "image place"]) -> float:
    """How much of one place the mean map is: ``1 - H(mean) / log(places)``, 0 even, 1 one place.

    Args:
        maps: each sums to 1.
    """
    mean = maps.double().mean(0)
    return 1 + float(torch.special.xlogy(mean, mean).sum()) / math.log(len(mean))


def place_maps(candidates: Candidates) -> Float[Tensor, "image place"]:
    """Share of each region in each of 12 x 12 places; zero where an image has none."""
    coarse = torch.nn.functional.adaptive_avg_pool2d(candidates.masks[:, None].double(), _PLACES)
    flat = coarse.flatten(1)
    return flat / flat.sum(1, keepdim=True).clamp_min(1e-12)


def _median_pair(likenesses: Tensor, rows: Tensor) -> float:
    pairs = torch.triu_indices(len(rows), len(rows), 1)
    block = likenesses[rows][:, rows]
    return float(block[pairs[0], pairs[1]].quantile(0.5))


@dataclass(frozen=True)
class _Measured:
    """Both statistics of one class, and of as many images drawn from all classes."""

    members: Int[Tensor, " image"]
    likeness: float
    concentration: float
    null_likeness: Float[Tensor, " draw"]
    null_concentration: Float[Tensor, " draw"]


def _measure(
    image_01: Images,
    candidates: Candidates,
    used: Int[Tensor, " used"],
    own: Int[Tensor, " own"],
    generator: torch.Generator,
    settings: StampSettings,
) -> _Measured:
    """Measure one class: ``used`` are all images with a region, ``own`` the class's among them."""
    shorter = min(image_01.shape[-2:])
    boxes = [candidates.region(image).box_px for image in own.tolist()]
    extents = torch.tensor([max(b - t, r - x) for t, x, b, r in boxes]).double()
    side = min(shorter, max(4, round(_MARGIN * float(extents.quantile(0.5)))))
    corners = region_windows(candidates, used, side)
    shift = max(1, round(settings.max_shift_frac * shorter))
    alike = likeness(image_01[used], corners, side, shift)
    maps = place_maps(candidates)[used]
    rows = torch.nonzero(torch.isin(used, own)).flatten()
    drawn = [
        torch.randperm(len(used), generator=generator)[: len(rows)] for _ in range(settings.n_draws)
    ]
    return _Measured(
        members=own,
        likeness=_median_pair(alike, rows),
        concentration=concentration(maps[rows]),
        null_likeness=_as_double(_median_pair(alike, one) for one in drawn),
        null_concentration=_as_double(concentration(maps[one]) for one in drawn),
    )


def _as_double(values: Iterable[float]) -> Float[Tensor, " draw"]:
    # In single precision a draw of the class itself would seem to fall short of it.
    return torch.tensor(list(values), dtype=torch.float64)


def robust_z(value: float, others: Sequence[float]) -> float:
    """Distance from the median of the others in 1.4826 MAD, at least 0.02 wide."""
    rest = torch.tensor(others, dtype=torch.float64)
    middle = rest.quantile(0.5)
    spread = _MAD_TO_SD * float((rest - middle).abs().quantile(0.5))
    return (value - float(middle)) / max(spread, _LEAST_SPREAD)


def stamp_consistency(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    candidates: Candidates,
    *,
    generator: torch.Generator,
    settings: StampSettings = StampSettings(),
) -> tuple[Evidence | NotTested, ...]:
    """Test every class for regions that look alike or lie at one place.

    The effect is the larger robust z of the two statistics against the other classes; the p-value
    is that of the same statistic, doubled because two were tried.

    Args:
        model: names size and number of classes; it is not run.
        image_01: at the network's size, values 0..1.
        classes: class index of each image.
        candidates: one region an image.
        generator: on the CPU; each class draws from its own stream.
        settings: thresholds and numbers.

    Returns:
        One result for each class that has images, in the order of the classes.

    Raises:
        UsageError: when the arguments do not fit together.
    """
    check_input(model, image_01, classes)
    streams = class_generators(classes, generator)
    own = {
        index: torch.nonzero((classes == index) & candidates.found).flatten()[: settings.max_images]
        for index in streams
    }
    usable = [index for index, members in own.items() if len(members) >= 2]
    if len(usable) < settings.min_classes:
        reason = (
            f"{len(usable)} classes have two images with a compact region, {settings.min_classes} "
            "are needed to compare classes"
        )
        return tuple(NotTested("stamp", index, reason) for index in streams)
    used = torch.cat([own[index] for index in usable]).sort().values
    measured = {
        index: _measure(image_01, candidates, used, own[index], streams[index], settings)
        for index in usable
    }
    return tuple(
        _evidence(index, measured, candidates, settings)
        if index in measured
        else NotTested("stamp", index, "fewer than 2 of its images have a compact region")
        for index in streams
    )


def _evidence(
    index: int, measured: dict[int, _Measured], candidates: Candidates, settings: StampSettings
) -> Evidence:
    own = measured[index]
    rest = [one for other, one in measured.items() if other != index]
    z_like = robust_z(own.likeness, [one.likeness for one in rest])
    z_place = robust_z(own.concentration, [one.concentration for one in rest])
    p_like = rank_p(own.likeness, own.null_likeness)
    p_place = rank_p(own.concentration, own.null_concentration)
    # The statistic with the smaller p-value speaks; the z breaks a tie.
    by_likeness = (p_like, -z_like) <= (p_place, -z_place)
    images = tuple(own.members.tolist())
    return Evidence(
        test="stamp",
        class_index=index,
        effect=z_like if by_likeness else z_place,
        effect_name="likeness of regions in SDs of the other classes"
        if by_likeness
        else "sameness of place in SDs of the other classes",
        threshold=settings.threshold,
        p_value=min(1.0, 2 * min(p_like, p_place)),
        null=summary(own.likeness, own.null_likeness)
        if by_likeness
        else summary(own.concentration, own.null_concentration),
        smallest_p=2 / (1 + settings.n_draws),
        images=images,
        regions=tuple(candidates.region(image) for image in images),
        details={
            "likeness": own.likeness,
            "likeness_z": z_like,
            "likeness_p": p_like,
            "concentration": own.concentration,
            "concentration_z": z_place,
            "concentration_p": p_place,
        },
    )
