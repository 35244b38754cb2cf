"""From a window that recurs to the pixels that recur: where its copies agree with each other."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from macoaudit.shortcuts.recurring import Grid
from macoaudit.shortcuts.regions import Window, filled

# Copies agree where their spread is below this share of the spread of all images.
AGREEMENT = 0.28
# A copy may go on beyond the window that found it, by this share of the window's sides.
_MARGIN = 0.6
MAX_AREA_FRAC = 0.35
_FEWEST_FOR_MEDIAN = 4


def _aligned(grid: Grid, images: Sequence[int], offsets: Sequence[tuple[int, int]]) -> Tensor:
    """Images moved so that their copies lie on each other; what came from outside is NaN."""
    rows, columns = grid.size
    stack = torch.full((len(images), *grid.values.shape[1:]), torch.nan)
    for place, (image, (down, across)) in enumerate(zip(images, offsets, strict=True)):
        top, left = max(0, -down), max(0, -across)
        bottom, right = min(rows, rows - down), min(columns, columns - across)
        stack[place, :, top:bottom, left:right] = grid.values[
            image, :, top + down : bottom + down, left + across : right + across
        ]
    return stack


def spread_ratio(
    grid: Grid, images: Sequence[int], offsets: Sequence[tuple[int, int]]
) -> Float[Tensor, "row column"]:
    """Spread of aligned images over the spread of all images, smoothed over 3 x 3 cells.

    ``median_i sum over colours (x_i(u) - median_k x_k(u))^2`` over the variance of the images at a
    place, summed over colours and averaged over places; the mean in place of the medians for fewer
    than four images. Infinite where an image has no pixel there.

    Args:
        grid: the images.
        images: that hold a copy, at least two.
        offsets: (down, across) of each image's copy from the first image's, in cells.
    """
    stack = _aligned(grid, images, offsets)
    few = len(images) < _FEWEST_FOR_MEDIAN
    centre = stack.mean(0) if few else stack.nanmedian(0).values
    off = (stack - centre).square().sum(1)
    # With k copies about their own mean, k - 1 of k parts of the spread are left.
    spread = off.sum(0) / (len(images) - 1) if few else off.nanmedian(0).values
    whole = grid.values.var(0).sum(0).mean().clamp_min(1e-6)
    ratio = torch.nan_to_num(spread / whole, nan=torch.inf)
    big = torch.nn.functional.pad(ratio.clamp_max(4.0)[None, None], (1, 1, 1, 1), mode="replicate")
    return torch.nn.functional.avg_pool2d(big, 3, 1)[0, 0]


def agreeing(
    grid: Grid, images: Sequence[int], offsets: Sequence[tuple[int, int]], box: Window
) -> Bool[Tensor, "row column"]:
    """Pixels of the first image that its copies share: one connected piece at the window.

    Args:
        grid: the images.
        images: that hold a copy, the one that the window is cut from first.
        offsets: (down, across) of each image's copy from the first image's, in cells.
        box: the window.

    Returns:
        The piece that covers most of the window, holes filled; the window itself where there is
        but one copy, no agreement, or agreement over more than a third of the image.
    """
    window = filled(grid.size, [box])[0]
    if len(images) < 2:
        return window
    down, across = (max(1, round(_MARGIN * side)) for side in (box[2] - box[0], box[3] - box[1]))
    around = (
        max(0, box[0] - down),
        max(0, box[1] - across),
        min(grid.size[0], box[2] + down),
        min(grid.size[1], box[3] + across),
    )
    agree = (spread_ratio(grid, images, offsets) < AGREEMENT) & filled(grid.size, [around])[0]
    labels, count = ndimage.label(agree.numpy(), structure=np.ones((3, 3)))
    if not count:
        return window
    covered = np.bincount(labels[window.numpy()], minlength=count + 1)
    covered[0] = 0
    piece = ndimage.binary_fill_holes(labels == covered.argmax())
    if not covered.any() or piece is None or piece.mean() > MAX_AREA_FRAC or piece.sum() < 4:
        return window
    return torch.from_numpy(np.asarray(piece))


def moved(mask: Bool[Tensor, "row column"], down: int, across: int) -> Bool[Tensor, "row column"]:
    """A mask moved; what leaves the image is lost."""
    rows, columns = mask.shape
    result = torch.zeros_like(mask)
    result[max(0, down) : rows + min(0, down), max(0, across) : columns + min(0, across)] = mask[
        max(0, -down) : rows - max(0, down), max(0, -across) : columns - max(0, across)
    ]
    return result
