"""Fitting a recurring window to what recurs: edges move while the gap, times a little area, grows."""

import torch
from jaxtyping import Int
from torch import Tensor

from macoaudit.shortcuts.recurring import (
    Grid,
    Kind,
    RecurrenceSettings,
    concordance_maps,
    cut,
    near,
    neighbours,
)
from macoaudit.shortcuts.regions import Window, area_px

MAX_AREA_FRAC = 0.15
_ROUNDS = 8
_FIRST_STEP = 3
# Without it the sharpest part of a mark would stand for the mark.
_AREA_POWER = 0.25
_MAX_OWN, _MAX_OTHERS = 12, 36


def _spread(places: Int[Tensor, " image"], count: int) -> Int[Tensor, " image"]:
    if len(places) <= count:
        return places
    return places[torch.linspace(0, len(places) - 1, count).round().long()]


def tighten(
    grid: Grid,
    image: int,
    box: Window,
    kind: Kind,
    own: Int[Tensor, " own"],
    others: Int[Tensor, " other"],
    settings: RecurrenceSettings,
) -> Window:
    """Move and resize a window to where ``gap area^(1/4)`` is largest nearby.

    It only sharpens the picture: the test's number is the gap before.

    Args:
        grid: the images.
        image: that the window is cut from.
        box: the window.
        kind: free or fixed.
        own: other images of the class, at least one; at most 12 are looked at.
        others: images of other classes; at most 36 are looked at.
        settings: quantiles and shifts.
    """
    own, others = _spread(own, _MAX_OWN), _spread(others, _MAX_OTHERS)
    used = torch.cat([own, others])
    part = Grid(grid.values[used], grid.energy[used])
    max_px = MAX_AREA_FRAC * grid.size[0] * grid.size[1]

    def worth(one: Window) -> float:
        maps = concordance_maps(cut(grid, image, one)[None], part)[:, 0]
        if kind == "fixed":
            maps = near(maps, one, settings.shift_cells)
        best = maps.flatten(1).amax(1)
        gap = best[: len(own)].quantile(settings.own_quantile) - best[len(own) :].quantile(
            settings.other_quantile
        )
        return float(gap) * float(area_px(one) ** _AREA_POWER)

    value, step = worth(box), _FIRST_STEP
    for _ in range(_ROUNDS):
        around = neighbours(box, step, grid.size, max_px)
        values = [worth(one) for one in around]
        top = max(range(len(around)), key=values.__getitem__)
        if values[top] > value:
            box, value = around[top], values[top]
        elif step > 1:
            step //= 2
        else:
            break
    return box
