r"""Copies in any pose: an object that often comes along stands otherwise in every image.

Discs are compared instead of squares, turned about their centre. With ``m`` the disc inscribed in a
window ``t`` and ``R_k`` the turn by ``2 pi k / n`` ::

    C(t, x) = max over k of 2 <m R_k t, x> / (|m t|^2 + |m x|^2)

at the best place of each image. Sizes are not searched: where copies differ by a tenth in size,
trying three sizes found no more than one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, grid_sample

from macoaudit.shortcuts.recurring import FLOOR, Grid, Table, by_size
from macoaudit.shortcuts.regions import Proposal, Window, filled
from macoaudit.shortcuts.tightening import agrees, piece, spread_of

# Cells of the search's grid on a side of a cell here: turned copies are not that exact.
_COARSE = 2
_SMALLEST_COARSE = 16
# Turns tried where the pose itself is wanted.
_FINE_TURNS = 24
_CHUNK = 4
# Share of a pixel's weight that must come from inside the image.
_INSIDE = 0.999


@dataclass(frozen=True)
class Pose:
    """Where a copy lies, and how it is turned."""

    row: float
    """Of the centre, in cells of the grid from its upper edge."""
    column: float
    turn_rad: float
    """From the window to the copy, as (row, column) = (cos, -sin; sin, cos) (row, column)."""


def disc(side: int) -> Float[Tensor, "side side"]:
    """Cells whose centre lies in the inscribed disc: 1 inside, 0 outside."""
    at = torch.arange(side) + 0.5 - side / 2
    return ((at[:, None].square() + at[None].square()) <= (side / 2) ** 2).float()


def coarsened(grid: Grid) -> tuple[Grid, int]:
    """The grid with cells twice as wide, and how many times; small grids as they are."""
    if min(grid.size) < _COARSE * _SMALLEST_COARSE:
        return grid, 1
    values = avg_pool2d(grid.values, _COARSE)
    return Grid(values, values.square().sum(1, keepdim=True)), _COARSE


def sampled(
    values: Float[Tensor, "image channel row column"],
    centres: Float[Tensor, "image 2"],
    turns_rad: Float[Tensor, " image"],
    size: tuple[int, int],
    origin: tuple[float, float],
) -> Float[Tensor, "image channel height width"]:
    """Look at images about a centre and turned: ``out(u) = values(centre + R (u - origin))``.

    Args:
        values: the images.
        centres: (row, column) in cells.
        turns_rad: of each.
        size: rows and columns of the result.
        origin: the point of the result that shows the centre, (row, column).

    Returns:
        Bilinear samples; zero outside the images.
    """
    down = torch.arange(size[0]) + 0.5 - origin[0]
    across = torch.arange(size[1]) + 0.5 - origin[1]
    dy, dx = torch.meshgrid(down, across, indexing="ij")
    c, s = turns_rad.cos()[:, None, None], turns_rad.sin()[:, None, None]
    y = centres[:, 0, None, None] + c * dy - s * dx
    x = centres[:, 1, None, None] + s * dy + c * dx
    rows, columns = values.shape[-2:]
    where = torch.stack([x / columns * 2 - 1, y / rows * 2 - 1], dim=-1).to(values.dtype)
    result: Tensor = grid_sample(values, where, padding_mode="zeros", align_corners=False)
    return result


def _turns(count: int) -> Tensor:
    return torch.arange(count) * (2 * pi / count)


def _templates(
    grid: Grid, images: Sequence[int], centres: Tensor, side: int, n_turns: int
) -> Tensor:
    """Discs of images in all turns, each window's of one energy, (window turn) x channel x ..."""
    # A copy turned by k is met by a template that looks at the original turned by -k.
    turns = -_turns(n_turns).repeat(len(images))
    seen = sampled(
        grid.values[list(images)].repeat_interleave(n_turns, 0),
        centres.repeat_interleave(n_turns, 0),
        turns,
        (side, side),
        (side / 2, side / 2),
    ) * disc(side)
    energy = seen.square().sum((1, 2, 3)).view(-1, n_turns)
    scale = (energy.mean(1, keepdim=True) / energy.clamp_min(FLOOR)).sqrt()
    return seen * scale.view(-1, 1, 1, 1)


def _centres(boxes: Sequence[Window], factor: int) -> Tensor:
    return torch.tensor([((a + c) / 2, (b + d) / 2) for a, b, c, d in boxes]) / factor


def _side(box: Window, factor: int) -> int:
    return max(3, round(min(box[2] - box[0], box[3] - box[1]) / factor))


def turned_concordances(
    grid: Grid, images: Sequence[int], boxes: Sequence[Window], n_turns: int
) -> Float[Tensor, "template image"]:
    """Best concordance of every window's disc with every image, at any place and turn.

    Args:
        grid: the images.
        images: that each window is cut from.
        boxes: the windows, in cells of the grid.
        n_turns: turns tried, evenly over the circle.
    """
    coarse, factor = coarsened(grid)
    found = torch.full((len(boxes), len(grid.values)), -1.0)
    for places in by_size(boxes, _CHUNK):
        side = _side(boxes[places[0]], factor)
        if side > min(coarse.size):
            continue
        inside = conv2d(coarse.energy, disc(side)[None, None])
        centres = _centres([boxes[place] for place in places], factor)
        templates = _templates(coarse, [images[place] for place in places], centres, side, n_turns)
        products = conv2d(coarse.values, templates)
        shape = (len(grid.values), len(places), n_turns, *products.shape[2:])
        own = templates.square().sum((1, 2, 3)).view(-1, n_turns)[:, :1, None]
        # Turns of a window have one energy, so that the best product is the best concordance.
        maps = 2 * products.view(shape).amax(2) / (inside + own).clamp_min(FLOOR)
        found[places] = maps.flatten(2).amax(2).T
    return found


def turned_table(grid: Grid, proposals: Sequence[Proposal], n_turns: int) -> Table:
    """Concordances of the discs of all proposals.

    Args:
        grid: the images.
        proposals: of all classes.
        n_turns: turns tried.
    """
    images = [one.image for one in proposals]
    values = turned_concordances(grid, images, [one.box for one in proposals], n_turns)
    rows = torch.arange(len(proposals))
    return Table("turned", values, torch.tensor(images, dtype=torch.long), rows)


def best_poses(grid: Grid, image: int, box: Window, images: Sequence[int]) -> list[Pose]:
    """Pose of the best copy of a window in each of some images.

    Args:
        grid: the images.
        image: that the window is cut from.
        box: the window.
        images: to look in.
    """
    side = min(_side(box, 1), *grid.size)
    templates = _templates(grid, [image], _centres([box], 1), side, _FINE_TURNS)
    inside = conv2d(grid.energy[list(images)], disc(side)[None, None])
    own = templates[0].square().sum()
    maps = 2 * conv2d(grid.values[list(images)], templates) / (inside + own).clamp_min(FLOOR)
    columns, places = maps.shape[-1], maps.shape[-2] * maps.shape[-1]
    poses = []
    for best in maps.flatten(1).argmax(1).tolist():
        turn, place = divmod(best, places)
        row, column = divmod(place, columns)
        poses.append(Pose(row + side / 2, column + side / 2, turn * 2 * pi / _FINE_TURNS))
    return poses


def turned_pieces(
    grid: Grid, images: Sequence[int], poses: Sequence[Pose], box: Window
) -> Bool[Tensor, "image row column"]:
    """In each image the pixels that copies in any pose share.

    Args:
        grid: the images.
        images: that hold a copy, the one that the window is cut from first.
        poses: of each image's copy.
        box: the window.
    """
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    places = torch.tensor([(pose.row, pose.column) for pose in poses])
    turns = torch.tensor([pose.turn_rad for pose in poses])
    values = grid.values[list(images)]
    with_edge = torch.cat([values, torch.ones_like(values[:, :1])], dim=1)
    seen = sampled(with_edge, places, turns, grid.size, centre)
    stack = seen[:, :-1].masked_fill(seen[:, -1:] < _INSIDE, torch.nan)
    alone = len(images) < 2
    mask = filled(grid.size, [box])[0] if alone else piece(agrees(spread_of(stack, grid)), box)
    back = [
        sampled(
            mask[None, None].float(),
            torch.tensor([centre]),
            -turn[None],
            grid.size,
            (float(place[0]), float(place[1])),
        )[0, 0]
        for place, turn in zip(places, turns, strict=True)
    ]
    return torch.stack(back) > 0.5
