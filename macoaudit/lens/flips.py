"""The distance at which an edit makes another class of an image."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.lens.canvas import Canvas
from macoaudit.lens.edits import NO_GRADIENT, Edit

_LADDER_LOG2 = range(-8, 8)
"""Amounts that are tried, as powers of two: up to 128 rad, or the whole value range."""
_HALVINGS = 8
"""Steps between the last amount that did not flip and the first that did: to 1/256 of it."""


def flip_distance(
    canvas: Canvas,
    edit: Edit,
    top1: Callable[[Tensor], Tensor],
    target: Int[Tensor, " batch"],
) -> Float[Tensor, " batch"]:
    """Find the least distance along an edit at which the first class is the target.

    Amounts are doubled until the class flips, then the last doubling is halved eight times; a flip
    that comes and goes within one doubling may be missed.

    Args:
        canvas: the images.
        edit: the direction.
        top1: images to first classes.
        target: class of each image.

    Returns:
        ``||x' - x||_2`` at the flip; 0 where the image is of the class already, NaN where no
        amount flips it.
    """
    there = top1(canvas.images) == target
    low, high = torch.zeros_like(edit.peak), torch.zeros_like(edit.peak)
    found = there.clone()
    moving = edit.peak > NO_GRADIENT
    for exponent in _LADDER_LOG2:
        left = (~found & moving).nonzero().flatten()
        if not len(left):
            break
        amount = torch.full((len(left),), 2.0**exponent).to(edit.peak)
        hit = top1(canvas.at(edit, amount, left)) == target[left]
        high[left[hit]], low[left[~hit]] = 2.0**exponent, 2.0**exponent
        found[left[hit]] = True
    between = (found & ~there).nonzero().flatten()
    for _ in range(_HALVINGS if len(between) else 0):
        middle = (low[between] + high[between]) / 2
        hit = top1(canvas.at(edit, middle, between)) == target[between]
        high[between] = torch.where(hit, middle, high[between])
        low[between] = torch.where(hit, low[between], middle)
    distance = torch.full_like(edit.peak, torch.nan)
    distance[there] = 0.0
    if len(between):
        distance[between] = canvas.distance(canvas.at(edit, high[between], between), between)
    return distance
