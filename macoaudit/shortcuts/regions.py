"""Search for the region of an image that carries its class into other images.

Where MACO's pictures, occlusion and plain windows point is where the search begins; what a region
does to a few other images decides. The donors of the search are never those of the test.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.shortcuts.candidates import Candidates, candidates_from_maps
from macoaudit.shortcuts.donors import Donors
from macoaudit.shortcuts.reading import Images, log_odds, read_logits

Window = tuple[int, int, int, int]
"""Top, left, bottom, right; the last two exclusive."""
Rises = Callable[[Bool[Tensor, "region height width"]], Float[Tensor, " region"]]

WINDOW = "window"
FRAME = "frame"


@dataclass(frozen=True)
class SearchSettings:
    """How regions are looked for."""

    sides_frac: tuple[float, ...] = (1 / 4, 1 / 3)
    """Sides of the first windows over the shorter side of the image, half a side apart."""
    frames_frac: tuple[float, ...] = (1 / 24, 1 / 12)
    """Widths of frames along the image's edge over the shorter side."""
    max_area_frac: float = 0.12
    """Of a window; a frame or a map's region may be what it is."""
    n_starts: int = 2
    """Best windows that are moved and resized."""
    n_rounds: int = 5
    area_price: float = 0.25
    """Share of the rise that a region twice as large as the first must win to be preferred."""


def windows(size: tuple[int, int], side_frac: float) -> list[Window]:
    """Squares half a side apart that cover the image to its edges.

    Args:
        size: height and width.
        side_frac: of the shorter side.
    """
    side = max(2, round(side_frac * min(size)))
    axes = []
    for length in size:
        count = max(2, 1 + -(-(length - side) // max(1, side // 2)))
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


def pasted_rises(
    model: LoadedModel,
    image_01: Float[Tensor, "channel height width"],
    donors: Images,
    before: Float[Tensor, " donor"],
    index: int,
) -> Rises:
    """Measure regions of an image: mean rise of the class's log-odds on the donors.

    Args:
        model: the network.
        image_01: values 0..1.
        donors: images of other classes.
        before: their log-odds.
        index: the class.
    """

    def rises(masks: Bool[Tensor, "region height width"]) -> Float[Tensor, " region"]:
        both = torch.where(masks[:, None, None], image_01, donors).flatten(0, 1)
        after = log_odds(read_logits(model, both), index).view(len(masks), len(donors))
        return (after - before).mean(1)

    return rises


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
    first = rises(filled(size, boxes))
    unit_px = (settings.sides_frac[0] * min(size)) ** 2
    price = settings.area_price * max(float(first.max()), 0.0) / unit_px
    best = (-torch.inf, filled(size, boxes[:1])[0], WINDOW)
    step = max(1, round(settings.sides_frac[0] * min(size) / 4))
    for start in first.argsort(descending=True, stable=True)[: settings.n_starts].tolist():
        box = boxes[start]
        value = float(first[start]) - price * area_px(box)
        box, value = _climb(rises, size, box, value, price, step, max_px, settings.n_rounds)
        if value > best[0]:
            best = (value, filled(size, [box])[0], WINDOW)
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


def search_regions(
    model: LoadedModel,
    image_01: Images,
    donors: Mapping[int, Donors],
    members: Mapping[int, Sequence[int]],
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
    for index, own in members.items():
        chosen = image_01[donors[index].search]
        before = log_odds(read_logits(model, chosen), index)
        shown = {
            name: candidates_from_maps(values[list(own)], size, name).masks
            for name, values in (maps or {}).items()
        }
        for place, image in enumerate(own):
            rises = pasted_rises(model, image_01[image], chosen, before, index)
            best = _search(rises, size, {n: m[place] for n, m in shown.items()}, settings)
            masks[image], saliency[image], sources[image] = best.mask, best.saliency, best.source
            done += 1
            if on_image is not None:
                on_image(done, total)
    return Candidates("search", saliency, masks, tuple(sources))
