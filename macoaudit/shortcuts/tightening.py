"""From a window that recurs to the pixels that recur: where its copies agree with each other."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from macoaudit.shortcuts.recurring import Grid
from macoaudit.shortcuts.regions import Window, filled

# Copies agree where the mean spread of 3 x 3 cells is below this share of the spread of all images:
# above the 3/9 of a cell at a straight edge, below the 6/9 of its neighbour outside.
_AGREEMENT = 0.42
# A cell at a corner has 5/9 around it; it counts by its own spread.
_ALONE, _CORNER = 0.10, 0.60
# Gaps up to twice as many cells are closed.
_CLOSING = 2
# A copy may go on beyond the window that found it, by this share of the window's sides.
_MARGIN = 0.6
MAX_AREA_FRAC = 0.35


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
    """Spread of copies that lie at offsets, see :func:`spread_of`.

    Args:
        grid: the images.
        images: that hold a copy, at least two.
        offsets: (down, across) of each image's copy from the first image's, in cells.
    """
    return spread_of(_aligned(grid, images, offsets), grid)


def spread_of(
    stack: Float[Tensor, "image channel row column"], grid: Grid
) -> Float[Tensor, "row column"]:
    """Spread of aligned images over the spread of all images, cell by cell.

    ``sum_i sum over colours (x_i(u) - mean_k x_k(u))^2 / (n - 1)`` over the variance of the images
    at a place, summed over colours and averaged over places. Not their median: most images agree
    on their background wherever things stand before it only now and then. Infinite where
    fewer than two images have a pixel.

    Args:
        stack: the copies on each other, NaN where an image has no pixel.
        grid: all images.
    """
    there = (~stack[:, :1].isnan()).float()
    count = there.sum(0)[0]
    off = torch.nan_to_num(stack - stack.nanmean(0)).square().sum(1)
    spread = torch.where(count > 1, off.sum(0) / (count - 1).clamp_min(1), torch.inf)
    whole = grid.values.var(0).sum(0).mean().clamp_min(1e-6)
    ratio: Tensor = spread / whole
    return ratio


def agreement(
    grid: Grid, images: Sequence[int], offsets: Sequence[tuple[int, int]]
) -> Bool[Tensor, "row column"]:
    """Cells in which aligned images agree; arguments as of :func:`spread_ratio`."""
    return agrees(spread_ratio(grid, images, offsets))


def agrees(spread: Float[Tensor, "row column"]) -> Bool[Tensor, "row column"]:
    """Cells that spread little, with those around them.

    Args:
        spread: from :func:`spread_of`.
    """
    ratio = spread.clamp_max(4.0)
    wide = torch.nn.functional.pad(ratio[None, None], (1, 1, 1, 1), mode="replicate")
    around = torch.nn.functional.avg_pool2d(wide, 3, 1)[0, 0]
    return (around < _AGREEMENT) | ((ratio < _ALONE) & (around < _CORNER))


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
    if len(images) < 2:
        return filled(grid.size, [box])[0]
    return piece(agreement(grid, images, offsets), box)


def piece(agree: Bool[Tensor, "row column"], box: Window) -> Bool[Tensor, "row column"]:
    """The connected piece of agreeing cells that covers most of a window, or else the window.

    Args:
        agree: cells in which copies agree.
        box: the window.
    """
    size = (int(agree.shape[0]), int(agree.shape[1]))
    window = filled(size, [box])[0]
    down, across = (max(1, round(_MARGIN * side)) for side in (box[2] - box[0], box[3] - box[1]))
    around = (
        max(0, box[0] - down),
        max(0, box[1] - across),
        min(size[0], box[2] + down),
        min(size[1], box[3] + across),
    )
    agree = agree & filled(size, [around])[0]
    labels, count = ndimage.label(agree.numpy(), structure=np.ones((3, 3)))
    if not count:
        return window
    covered = np.bincount(labels[window.numpy()], minlength=count + 1)
    covered[0] = 0
    # Copies that are drawn a fraction of a cell apart disagree along the mark's own edges.
    wide = np.pad(labels == covered.argmax(), _CLOSING + 1)
    closed = ndimage.binary_closing(wide, np.ones((3, 3)), iterations=_CLOSING)
    inner = slice(_CLOSING + 1, -_CLOSING - 1)
    whole = ndimage.binary_fill_holes(closed)[inner, inner]
    if not covered.any() or whole is None or whole.mean() > MAX_AREA_FRAC or whole.sum() < 4:
        return window
    return torch.from_numpy(np.asarray(whole))


def moved(mask: Bool[Tensor, "row column"], down: int, across: int) -> Bool[Tensor, "row column"]:
    """A mask moved; what leaves the image is lost."""
    rows, columns = mask.shape
    result = torch.zeros_like(mask)
    result[max(0, down) : rows + min(0, down), max(0, across) : columns + min(0, across)] = mask[
        max(0, -down) : rows - max(0, down), max(0, -across) : columns - max(0, across)
    ]
    return result
