r"""Stamp: does what carries a class recur in its images, pixel for pixel, and not in others?

A shortcut is a copy: the same mark, the same frame, the same place. True objects vary. Windows of a
class's images are compared with all images by their concordance, 1 for identical pixels::

    C(t, x) = 2 <t - mu, x - mu> / (|t - mu|^2 + |x - mu|^2)        mu: mean colour of all images

free (the best place of each image), fixed (the same place, give or take two cells of 48), as a
frame along the edge, or turned (any place and pose: :mod:`macoaudit.shortcuts.turning`). The gap of
a window is how much better it is found in the images of its own class than in others::

    gap = 40 % quantile over own images - 95 % quantile over other images

and that of a class the median over its images of the best window's. Blind spot: images that were
framed alike, and objects that are all of one make; so this alone is never more than information.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from macoaudit.shortcuts.reading import Images
from macoaudit.shortcuts.regions import Proposal, Window, frame, grid_size

Kind = Literal["free", "fixed", "frame", "turned"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Squared distance below which a window and its match are both without contrast: like nothing.
FLOOR = 1e-3
_CHUNK = 64


@dataclass(frozen=True)
class RecurrenceSettings:
    """How recurrence is measured; gaps are those that the benchmark fitted."""

    threshold: float = 1.0
    """Of the effect: the largest gap over the bound of its kind."""
    free_gap: float = 0.13
    fixed_gap: float = 0.03
    frame_gap: float = 0.03
    turned_gap: float = 0.12
    own_quantile: float = 0.40
    other_quantile: float = 0.95
    shift_cells: int = 2
    """Largest shift of a fixed window, in cells of the 48-cell grid."""
    frame_cells: tuple[int, ...] = (2, 3, 4)
    n_turns: int = 8
    """Turns tried of a copy in any pose."""
    max_images: int = 24
    """Of a class, that windows are compared with."""
    n_draws: int = 399
    """At least; more where many classes share the error rate."""

    def bound(self, kind: Kind) -> float:
        """Gap from which a kind of recurrence counts."""
        bounds: dict[Kind, float] = {
            "free": self.free_gap,
            "fixed": self.fixed_gap,
            "frame": self.frame_gap,
            "turned": self.turned_gap,
        }
        return bounds[kind]


@dataclass(frozen=True)
class Grid:
    """All images on the grid of the search, centred on their mean colour."""

    values: Float[Tensor, "image channel row column"]
    energy: Float[Tensor, "image 1 row column"]

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.values.shape[-2]), int(self.values.shape[-1])

    def only(self, images: Sequence[int]) -> "Grid":
        """Some of the images."""
        return Grid(self.values[list(images)], self.energy[list(images)])


def to_grid(image_01: Images) -> Grid:
    """Reduce images to the search's grid by the mean over each cell, and centre them.

    Args:
        image_01: values 0..1.
    """
    size = grid_size((int(image_01.shape[-2]), int(image_01.shape[-1])))
    small = torch.nn.functional.interpolate(image_01.float(), size=size, mode="area")
    values = small - small.mean((0, 2, 3), keepdim=True)
    return Grid(values, values.square().sum(1, keepdim=True))


def concordance_maps(
    templates: Float[Tensor, "template channel height width"], grid: Grid
) -> Float[Tensor, "image template rows columns"]:
    """Concordance of templates of one size with every place of every image, -1 to 1.

    Args:
        templates: centred as the grid is.
        grid: the images.
    """
    size = tuple(templates.shape[-2:])
    products = torch.nn.functional.conv2d(grid.values, templates)
    energy = torch.nn.functional.avg_pool2d(grid.energy, size, 1) * (size[0] * size[1])
    own = templates.square().sum((1, 2, 3))
    # In place: the maps of all templates are far larger than a cache.
    return products.mul_(2).div_((energy + own[None, :, None, None]).clamp_min_(FLOOR))


def by_size(boxes: Sequence[Window], chunk: int = _CHUNK) -> list[list[int]]:
    """Places of boxes of one size, at most a chunk together."""
    groups: dict[tuple[int, int], list[int]] = {}
    for place, (top, left, bottom, right) in enumerate(boxes):
        groups.setdefault((bottom - top, right - left), []).append(place)
    return [
        places[start : start + chunk]
        for places in groups.values()
        for start in range(0, len(places), chunk)
    ]


def cut(grid: Grid, image: int, box: Window) -> Float[Tensor, "channel height width"]:
    """A window of an image."""
    top, left, bottom, right = box
    return grid.values[image, :, top:bottom, left:right]


def near(maps: Tensor, box: Window, shift: int) -> Tensor:
    """Part of concordance maps at most a shift away from a window's own place."""
    top, left = box[0], box[1]
    return maps[..., max(0, top - shift) : top + shift + 1, max(0, left - shift) : left + shift + 1]


def concordances(
    grid: Grid, images: Sequence[int], boxes: Sequence[Window], shift: int
) -> tuple[Float[Tensor, "template image"], Float[Tensor, "template image"]]:
    """Best concordance of every window with every image: anywhere, and near its own place.

    Args:
        grid: the images.
        images: that each window is cut from.
        boxes: the windows.
        shift: cells a fixed window may be off.
    """
    free = torch.zeros(len(boxes), len(grid.values))
    fixed = torch.zeros_like(free)
    for places in by_size(boxes):
        templates = torch.stack([cut(grid, images[place], boxes[place]) for place in places])
        maps = concordance_maps(templates, grid)
        free[places] = maps.flatten(2).amax(2).T
        for row, place in enumerate(places):
            fixed[place] = near(maps[:, row], boxes[place], shift).flatten(1).amax(1)
    return free, fixed


def frame_concordances(grid: Grid, width: int) -> Float[Tensor, "image image"]:
    """Concordance of the frames of all images with each other.

    Args:
        grid: the images.
        width: of the frame, in cells.
    """
    edge = grid.values[:, :, frame(grid.size, width)].flatten(1)
    products = edge @ edge.T
    own = products.diag()
    return 2 * products / (own[:, None] + own[None]).clamp_min(FLOOR)


@dataclass(frozen=True)
class Table:
    """Concordances of one kind, and where each row comes from."""

    kind: Kind
    values: Float[Tensor, "template image"]
    image: Int[Tensor, " template"]
    row: Int[Tensor, " template"]
    """Of the proposal, or the frame's width."""


def tables(
    grid: Grid, proposals: Sequence[Proposal], settings: RecurrenceSettings
) -> tuple[Table, ...]:
    """Concordances of all proposals as they stand and of the frames of their images.

    Args:
        grid: the images.
        proposals: of all classes.
        settings: shifts and frames.
    """
    images = [one.image for one in proposals]
    free, fixed = concordances(grid, images, [one.box for one in proposals], settings.shift_cells)
    rows = torch.arange(len(proposals))
    places = torch.tensor(images, dtype=torch.long)
    sources = torch.tensor(sorted(set(images)), dtype=torch.long)
    widths = [width for width in settings.frame_cells if 2 * width < min(grid.size)]
    frames = [frame_concordances(grid, width)[sources] for width in widths]
    return (
        Table("free", free, places, rows),
        Table("fixed", fixed, places, rows),
        Table(
            "frame",
            torch.cat(frames) if frames else free[:0],
            sources.repeat(len(widths)),
            torch.tensor(widths, dtype=torch.long).repeat_interleave(len(sources)),
        ),
    )


def gaps(
    table: Table, own: Bool[Tensor, " image"], rows: Int[Tensor, " chosen"], low: float, high: float
) -> Float[Tensor, " chosen"]:
    """Gap of each of the chosen rows; its own image does not count.

    Args:
        table: concordances.
        own: images of the group.
        rows: of the table, all cut from images of the group.
        low: quantile over own images.
        high: quantile over other images.
    """
    values = table.values[rows]
    others = values[:, ~own].quantile(high, dim=1)
    values = values.scatter(1, table.image[rows][:, None], torch.nan)
    return values[:, own].nanquantile(low, dim=1) - others


@dataclass(frozen=True)
class GroupGap:
    """The best kind of recurrence of a group of images."""

    kind: Kind
    effect: float
    """Gap over the bound of its kind."""
    gap: float
    row: int
    """Of the table of that kind: the window with the largest gap."""


def group_gaps(
    found: Sequence[Table], own: Bool[Tensor, " image"], settings: RecurrenceSettings
) -> dict[Kind, tuple[float, int]]:
    """Gap of a group by kind: the median over its images of the best window, and the best row.

    Args:
        found: tables of all kinds.
        own: images of the group.
        settings: quantiles.
    """
    result: dict[Kind, tuple[float, int]] = {}
    for table in found:
        rows = torch.nonzero(own[table.image]).flatten()
        if not len(rows):
            continue
        values = gaps(table, own, rows, settings.own_quantile, settings.other_quantile)
        images = table.image[rows]
        sources, place = torch.unique(images, return_inverse=True)
        best = torch.full((len(sources),), -torch.inf).scatter_reduce(0, place, values, "amax")
        result[table.kind] = (float(best.quantile(0.5)), int(rows[int(values.argmax())]))
    return result


def strongest(found: Mapping[Kind, tuple[float, int]], settings: RecurrenceSettings) -> GroupGap:
    """The kind whose gap stands highest over its bound.

    A gap below zero is divided as one above: it says how far from recurring the windows are.

    Args:
        found: from :func:`group_gaps`, not empty.
        settings: bounds.
    """
    ratios = {kind: gap / settings.bound(kind) for kind, (gap, _) in found.items()}
    kind = max(ratios, key=ratios.__getitem__)
    gap, row = found[kind]
    return GroupGap(kind, ratios[kind], gap, row)


def null_effects(
    found: Sequence[Table],
    n_images: int,
    size: int,
    n_sources: int,
    settings: RecurrenceSettings,
    generator: torch.Generator,
) -> Float[Tensor, " draw"]:
    """Effects of random groups: as many images, as many of them with windows.

    Args:
        found: tables of all kinds.
        n_images: of all classes.
        size: images of a group.
        n_sources: of these, images that windows were cut from.
        settings: number of draws.
        generator: on the CPU.
    """
    sources = torch.unique(found[0].image)
    is_source = torch.zeros(n_images, dtype=torch.bool)
    is_source[sources] = True
    rest = torch.nonzero(~is_source).flatten()
    effects = []
    for _ in range(settings.n_draws):
        chosen = sources[torch.randperm(len(sources), generator=generator)[:n_sources]]
        more = size - len(chosen)
        extra = rest[torch.randperm(len(rest), generator=generator)[:more]]
        own = torch.zeros(n_images, dtype=torch.bool)
        own[chosen] = own[extra] = True
        effects.append(strongest(group_gaps(found, own, settings), settings).effect)
    return torch.tensor(effects, dtype=torch.float64)


def best_places(
    grid: Grid, kind: Kind, image: int, box: Window, images: Sequence[int], shift: int
) -> list[tuple[int, int]]:
    """Where the copy of a window lies in each of some images, as (down, across) from the window.

    Args:
        grid: the images.
        kind: of recurrence; frames do not move.
        image: that the window is cut from.
        box: the window.
        images: to look in.
        shift: cells a fixed window may be off.
    """
    if kind == "frame":
        return [(0, 0)] * len(images)
    maps = concordance_maps(cut(grid, image, box)[None], grid.only(images))[:, 0]
    if kind == "fixed":
        allowed = torch.zeros_like(maps[0], dtype=torch.bool)
        near(allowed, box, shift).fill_(True)
        maps = maps.masked_fill(~allowed, -torch.inf)
    columns = maps.shape[-1]
    places = maps.flatten(1).argmax(1).tolist()
    return [(place // columns - box[0], place % columns - box[1]) for place in places]
