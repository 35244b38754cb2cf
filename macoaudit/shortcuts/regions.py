"""Search for the region of an image that carries its class into other images.

Where MACO's pictures, occlusion and plain windows point is where the search begins; what a region
does to a few other images decides. The donors of the search are never those of the test.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.shortcuts.candidates import Candidates, candidates_from_maps, occlusion_maps
from macoaudit.shortcuts.donors import Donors, least_covered
from macoaudit.shortcuts.reading import Classes, Images, log_odds, read_logits

Window = tuple[int, int, int, int]
"""Top, left, bottom, right; the last two exclusive."""


class Rises(Protocol):
    """What regions of one image do to donors; see :class:`_Pasting`."""

    def __call__(
        self,
        masks: Bool[Tensor, "region height width"],
        count: int | None = None,
        same: Bool[Tensor, "height width"] | None = None,
    ) -> Float[Tensor, " region"]: ...


WINDOW = "window"
FRAME = "frame"


@dataclass(frozen=True)
class SearchSettings:
    """How regions are looked for."""

    sides_frac: tuple[float, ...] = (1 / 4, 1 / 3)
    """Sides of the first windows over the shorter side of the image, a third of a side apart."""
    frames_frac: tuple[float, ...] = (1 / 24, 1 / 12)
    """Widths of frames along the image's edge over the shorter side."""
    max_area_frac: float = 0.15
    """Of a window; a frame or a map's region may be what it is."""
    n_starts: int = 2
    """Best windows that are moved and resized."""
    n_rounds: int = 8
    n_again: int = 8
    """Best first windows that are measured again, on all donors of a region."""
    area_price: float = 0.08
    """Share of the largest rise that the area of one small window costs."""
    n_donors: int = 4
    """Search donors that each region is pasted on."""
    n_first: int = 2
    """Search donors that each first window is pasted on."""
    keep_frac: float = 0.9
    """Share of its rise that a window keeps when its edges are drawn in."""


def windows(size: tuple[int, int], side_frac: float) -> list[Window]:
    """Squares a third of a side apart that cover the image to its edges.

    Args:
        size: height and width.
        side_frac: of the shorter side.
    """
    side = max(2, round(side_frac * min(size)))
    axes = []
    for length in size:
        count = max(2, 1 + -(-(length - side) // max(1, side // 3)))
        axes.append(torch.linspace(0, length - side, count).round().int().tolist())
    return [(y, x, y + side, x + side) for y in axes[0] for x in axes[1]]


def frame(size: tuple[int, int], width_frac: float) -> Bool[Tensor, "height width"]:
    """All pixels up to a width from the image's edge."""
    width = max(1, round(width_frac * min(size)))
    mask = torch.ones(size, dtype=torch.bool)
    mask[width:-width, width:-width] = False
    return mask


def filled(size: tuple[int, int], boxes: Sequence[Window]) -> Bool[Tensor, "region height width"]:
    """Masks of windows."""
    masks = torch.zeros(len(boxes), *size, dtype=torch.bool)
    for mask, (top, left, bottom, right) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return masks


def neighbours(box: Window, step_px: int, size: tuple[int, int], max_px: float) -> list[Window]:
    """Windows that differ by one step: moved, or one edge moved in or out.

    Args:
        box: the window.
        step_px: how far an edge moves.
        size: height and width of the image.
        max_px: largest area.
    """
    found = []
    moves = [tuple(sign * step_px if edge == k else 0 for k in range(4)) for edge in range(4)
             for sign in (-1, 1)]  # fmt: skip
    moves += [(s, 0, s, 0) for s in (-step_px, step_px)] + [
        (0, s, 0, s) for s in (-step_px, step_px)
    ]
    for move in moves:
        top, left, bottom, right = (int(a + b) for a, b in zip(box, move, strict=True))
        top, left = max(0, top), max(0, left)
        bottom, right = min(size[0], bottom), min(size[1], right)
        new = (top, left, bottom, right)
        if min(bottom - top, right - left) < 2 or new == box:
            continue
        if (bottom - top) * (right - left) <= max_px:
            found.append(new)
    return list(dict.fromkeys(found))


class _Pasting:
    """Regions of the images of one class pasted on its search donors."""

    def __init__(
        self,
        model: LoadedModel,
        donors: Images,
        evidence: Float[Tensor, "donor height width"],
        index: int,
        settings: "SearchSettings",
    ) -> None:
        self._model, self._donors, self._evidence = model, donors, evidence
        self._index, self._settings = index, settings
        self._before = self._read(donors)

    def _read(self, image_01: Images) -> Float[Tensor, " image"]:
        # Beyond an even chance more is no better: turning many donors beats convincing one.
        return log_odds(read_logits(self._model, image_01), self._index).clamp_max(1.0)

    def rises(self, image_01: Float[Tensor, "channel height width"]) -> Rises:
        """Measure regions of an image: mean rise of the class's log-odds, up to 1, on the donors
        whose own evidence the region (or another one, ``same``) covers least.
        """

        def of(
            masks: Bool[Tensor, "region height width"],
            count: int | None = None,
            same: Bool[Tensor, "height width"] | None = None,
        ) -> Float[Tensor, " region"]:
            wanted = masks if same is None else same[None].expand_as(masks)
            chosen = least_covered(wanted, self._evidence, count or self._settings.n_donors)
            both = torch.where(masks[:, None, None], image_01, self._donors[chosen])
            after = self._read(both.flatten(0, 1)).view(chosen.shape)
            return (after - self._before[chosen]).mean(1)

        return of


@dataclass(frozen=True)
class _Best:
    value: float
    mask: Bool[Tensor, "height width"]
    source: str
    saliency: Float[Tensor, "height width"]
    """Mean rise of the first windows over a place, at least 0."""


def _search(
    rises: Rises,
    size: tuple[int, int],
    blobs: Mapping[str, Bool[Tensor, "height width"]],
    settings: SearchSettings,
) -> _Best:
    """Find the best region of one image; see :func:`search_regions`."""
    max_px = settings.max_area_frac * size[0] * size[1]
    boxes = [box for side in settings.sides_frac for box in windows(size, side)]
    boxes = [box for box in boxes if area_px(box) <= max_px]
    every = filled(size, boxes)
    first = rises(every, settings.n_first)
    again = first.argsort(descending=True, stable=True)[: settings.n_again]
    unit_px = (settings.sides_frac[0] * min(size)) ** 2
    price = settings.area_price * max(float(first.max()), 0.0) / unit_px
    best = (-torch.inf, filled(size, boxes[:1])[0], WINDOW)
    box_best: Window | None = None
    step = max(1, round(settings.sides_frac[0] * min(size) / 4))
    values = rises(every[again])
    for place in values.argsort(descending=True, stable=True)[: settings.n_starts].tolist():
        box = boxes[int(again[place])]
        value = float(values[place]) - price * area_px(box)
        box, value = _climb(rises, size, box, value, price, step, max_px, settings.n_rounds)
        if value > best[0]:
            best, box_best = (value, filled(size, [box])[0], WINDOW), box
    if box_best is not None:
        tight = _shrink(rises, size, box_best, settings.keep_frac)
        best = (best[0], filled(size, [tight])[0], WINDOW)
    named = [(FRAME, frame(size, width)) for width in settings.frames_frac]
    named += [(name, mask) for name, mask in blobs.items() if bool(mask.any())]
    values = rises(torch.stack([mask for _, mask in named]))
    for (name, mask), value in zip(named, values.tolist(), strict=True):
        # A frame is priced as a window of the first size: it is thin, however far it goes round.
        area = unit_px if name == FRAME else float(mask.sum())
        if value - price * area > best[0]:
            best = (value - price * area, mask, name)
    return _Best(*best, saliency=_saliency(size, boxes, first))


def area_px(box: Window) -> int:
    """Area of a window."""
    return (box[2] - box[0]) * (box[3] - box[1])


def _saliency(
    size: tuple[int, int], boxes: Sequence[Window], values: Float[Tensor, " window"]
) -> Float[Tensor, "height width"]:
    total, cover = torch.zeros(size), torch.zeros(size)
    for (top, left, bottom, right), value in zip(boxes, values.tolist(), strict=True):
        total[top:bottom, left:right] += max(value, 0.0)
        cover[top:bottom, left:right] += 1
    return total / cover.clamp_min(1)


def _climb(
    rises: Rises,
    size: tuple[int, int],
    box: Window,
    value: float,
    price: float,
    step: int,
    max_px: float,
    n_rounds: int,
) -> tuple[Window, float]:
    """Move and resize a window while its worth, the rise minus the price of its area, grows."""
    for _ in range(n_rounds):
        near = neighbours(box, step, size, max_px)
        worth = rises(filled(size, near)) - price * torch.tensor([area_px(one) for one in near])
        top = int(worth.argmax())
        if float(worth[top]) > value:
            box, value = near[top], float(worth[top])
        elif step == 1:
            break
        else:
            step = max(1, step // 2)
    return box, value


def _shrink(rises: Rises, size: tuple[int, int], box: Window, keep_frac: float) -> Window:
    """Draw in edges, each time the one that costs least, while most of the rise is kept."""
    whole = filled(size, [box])
    floor = keep_frac * float(rises(whole)[0])
    step = max(1, min(box[2] - box[0], box[3] - box[1]) // 6)
    while floor > 0:
        near = []
        for edge in range(4):
            moved = list(box)
            moved[edge] += step if edge < 2 else -step
            top, left, bottom, right = moved
            if min(bottom - top, right - left) >= 2:
                near.append((top, left, bottom, right))
        if not near:
            break
        values = rises(filled(size, near), same=whole[0])
        top_value = int(values.argmax())
        if float(values[top_value]) >= floor:
            box = near[top_value]
        elif step > 1:
            step = 1 if step < 4 else step // 2
        else:
            break
    return box


def search_regions(
    model: LoadedModel,
    image_01: Images,
    donors: Mapping[int, Donors],
    members: Mapping[int, Sequence[int]],
    classes: Classes,
    *,
    maps: Mapping[str, Float[Tensor, "image rows columns"]] | None = None,
    settings: SearchSettings = SearchSettings(),
    on_image: Callable[[int, int], None] | None = None,
) -> Candidates:
    """Find in each image the region that carries its class farthest for its area.

    ``worth(R) = mean over search donors of [s(x_j with x_i[R]) - s(x_j)] - price area(R)`` with s
    the log-odds of the class. Windows of a few sizes are tried everywhere; the best are moved and
    resized pixel by pixel; frames along the edge and one compact region of each map compete.

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        donors: of each class; only ``search`` is used.
        members: images of each class to search in.
        classes: class index of each image.
        maps: where to look, by the name of what they show; any grid, at least 0.
        settings: windows and moves.
        on_image: told how many images are done, and of how many.

    Returns:
        A region for each of the members, empty ones for all other images.
    """
    size = (int(image_01.shape[-2]), int(image_01.shape[-1]))
    masks = torch.zeros(len(image_01), *size, dtype=torch.bool)
    saliency = torch.zeros(len(image_01), *size)
    sources = [""] * len(image_01)
    total, done = sum(len(own) for own in members.values()), 0
    pool = sorted({place for one in donors.values() for place in one.search.tolist()})
    evidence = torch.zeros_like(saliency)
    if pool:
        evidence[pool] = occlusion_maps(model, image_01[pool], classes[pool]).clamp_min(0)
    for index, own in members.items():
        chosen = donors[index].search
        pasting = _Pasting(model, image_01[chosen], evidence[chosen], index, settings)
        shown = {
            name: candidates_from_maps(values[list(own)], size, name).masks
            for name, values in (maps or {}).items()
        }
        for place, image in enumerate(own):
            best = _search(
                pasting.rises(image_01[image]),
                size,
                {n: m[place] for n, m in shown.items()},
                settings,
            )
            masks[image], saliency[image], sources[image] = best.mask, best.saliency, best.source
            done += 1
            if on_image is not None:
                on_image(done, total)
    return Candidates("search", saliency, masks, tuple(sources))
