"""Where a class's cue may lie: windows of its images that turn other images into the class.

MACO's pictures, retained maps and plain windows all propose; what a window does to a few other
images ranks them. The donors of this search are never those of the test.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.shortcuts.candidates import candidates_from_maps, occlusion_maps
from macoaudit.shortcuts.donors import Donors, least_covered
from macoaudit.shortcuts.reading import Classes, Images, log_odds, read_logits

Window = tuple[int, int, int, int]
"""Top, left, bottom, right on the grid of the search; the last two exclusive."""

GRID_PX = 48
"""Shorter side of the grid on which windows are laid and compared."""
WINDOW = "window"


@dataclass(frozen=True)
class SearchSettings:
    """How windows are proposed."""

    sides_frac: tuple[float, ...] = (1 / 4, 1 / 3)
    """Sides of the windows over the shorter side of the image, a third of a side apart."""
    max_sources: int = 6
    """Images of a class that windows are taken from."""
    n_first: int = 1
    """Search donors that every window is pasted on."""
    n_again: int = 10
    """Best windows that are measured again, on more donors."""
    n_donors: int = 4
    """Search donors of that second measurement."""
    n_kept: int = 5
    """Windows kept of an image."""
    part_frac: float = 0.65
    """Sides of the parts that are compared with a window, over its own."""
    overlap: float = 0.25
    """Largest intersection over union of two windows of an image: the object must not fill all
    places and leave none to a mark."""
    pool: int = 16
    """Images set aside as search donors, for all classes together."""


@dataclass(frozen=True)
class Proposal:
    """One window of one image."""

    image: int
    box: Window
    rise: float
    """Mean rise of the class's log-odds, up to 1, on search donors."""
    source: str
    """What proposed it."""


def grid_size(size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the search's grid for images of a size: at most 48 on the shorter."""
    shorter = min(size)
    if shorter <= GRID_PX:
        return size
    return round(size[0] * GRID_PX / shorter), round(size[1] * GRID_PX / shorter)


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
    return list(dict.fromkeys((y, x, y + side, x + side) for y in axes[0] for x in axes[1]))


def frame(size: tuple[int, int], width_px: int) -> Bool[Tensor, "height width"]:
    """All pixels up to a width from the image's edge."""
    mask = torch.ones(size, dtype=torch.bool)
    mask[width_px:-width_px, width_px:-width_px] = False
    return mask


def filled(size: tuple[int, int], boxes: Sequence[Window]) -> Bool[Tensor, "region height width"]:
    """Masks of windows."""
    masks = torch.zeros(len(boxes), *size, dtype=torch.bool)
    for mask, (top, left, bottom, right) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return masks


def area_px(box: Window) -> int:
    """Area of a window."""
    return (box[2] - box[0]) * (box[3] - box[1])


def enlarged(
    masks: Bool[Tensor, "region rows columns"], size: tuple[int, int]
) -> Bool[Tensor, "region height width"]:
    """Masks on the search's grid at the size of the images, each pixel as the cell it lies in."""
    if tuple(masks.shape[-2:]) == size:
        return masks
    return torch.nn.functional.interpolate(masks[:, None].float(), size=size)[:, 0] > 0.5


class Pasting:
    """Windows of the images of one class pasted on its search donors."""

    def __init__(
        self,
        model: LoadedModel,
        donors: Images,
        evidence: Float[Tensor, "donor height width"],
        index: int,
    ) -> None:
        """Read the donors as they are.

        Args:
            model: the network.
            donors: images of other classes, values 0..1.
            evidence: where each donor's own class lies.
            index: the class whose windows come.
        """
        self._model, self._donors, self._evidence, self._index = model, donors, evidence, index
        self._before = self._read(donors)

    def _read(self, image_01: Images) -> Float[Tensor, " image"]:
        # Beyond better than even more is no better: turning many donors beats convincing one.
        return log_odds(read_logits(self._model, image_01), self._index).clamp_max(1.0)

    def rises(
        self,
        image_01: Float[Tensor, "channel height width"],
        masks: Bool[Tensor, "region height width"],
        count: int,
    ) -> Float[Tensor, " region"]:
        """Mean rise of the class's log-odds, up to 1, for each region of an image.

        Args:
            image_01: values 0..1.
            masks: regions.
            count: donors of each region: those whose own evidence it covers least.
        """
        chosen = least_covered(masks, self._evidence, count)
        both = torch.where(masks[:, None, None], image_01, self._donors[chosen])
        after = self._read(both.flatten(0, 1)).view(chosen.shape)
        return (after - self._before[chosen]).mean(1)


def map_boxes(
    maps: Mapping[str, Float[Tensor, "rows columns"]], grid: tuple[int, int]
) -> dict[Window, str]:
    """Box of the compact region of each map, by what the map shows.

    Args:
        maps: at least 0 where something is shown; any grid.
        grid: of the search.
    """
    found: dict[Window, str] = {}
    for name, values in maps.items():
        shown = candidates_from_maps(values[None], grid, name)
        if bool(shown.found[0]):
            top, left, bottom, right = shown.region(0).box_px
            if min(bottom - top, right - left) >= 3:
                found.setdefault((top, left, bottom, right), name)
    return found


def propose(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    donors: Mapping[int, Donors],
    sources: Mapping[int, Sequence[int]],
    *,
    maps: Mapping[str, Float[Tensor, "image rows columns"]] | None = None,
    settings: SearchSettings = SearchSettings(),
    on_image: Callable[[int, int], None] | None = None,
) -> dict[int, tuple[Proposal, ...]]:
    """Propose windows of each class's images, those that carry the class farthest first.

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        classes: class index of each image.
        donors: of each class; only ``search`` is used.
        sources: images of each class that windows are taken from.
        maps: where to look, by the name of what they show; any grid, at least 0.
        settings: windows.
        on_image: told how many images are done, and of how many.

    Returns:
        Proposals of each class; none where it has no donors.
    """
    size = (int(image_01.shape[-2]), int(image_01.shape[-1]))
    grid = grid_size(size)
    boxes = list(dict.fromkeys(box for side in settings.sides_frac for box in windows(grid, side)))
    plain = enlarged(filled(grid, boxes), size)
    pool = sorted({place for one in donors.values() for place in one.search.tolist()})
    evidence = torch.zeros(len(image_01), *size)
    if pool:
        evidence[pool] = occlusion_maps(model, image_01[pool], classes[pool]).clamp_min(0)
    total, done = sum(len(own) for own in sources.values()), 0
    found: dict[int, tuple[Proposal, ...]] = {}
    for index, own in sources.items():
        chosen = donors[index].search
        if not len(chosen):
            found[index] = ()
            continue
        pasting = Pasting(model, image_01[chosen], evidence[chosen], index)
        rows: list[Proposal] = []
        for image in own:
            shown = map_boxes({name: one[image] for name, one in (maps or {}).items()}, grid)
            rows += _of_image(pasting, image_01[image], image, boxes, plain, shown, grid, settings)
            done += 1
            if on_image is not None:
                on_image(done, total)
        found[index] = tuple(rows)
    return found


def apart(boxes: Sequence[Window], ranked: Sequence[int], overlap: float) -> list[int]:
    """Keep of ranked windows those that overlap no better one too much.

    Args:
        boxes: the windows.
        ranked: places among them, the best first.
        overlap: largest intersection over union.
    """
    kept: list[int] = []
    for place in ranked:
        top, left, bottom, right = boxes[place]
        for other in kept:
            a, b, c, d = boxes[other]
            height, width = min(bottom, c) - max(top, a), min(right, d) - max(left, b)
            shared = max(0, height) * max(0, width)
            if shared > overlap * (area_px(boxes[place]) + area_px(boxes[other]) - shared):
                break
        else:
            kept.append(place)
    return kept


def _of_image(
    pasting: Pasting,
    content: Tensor,
    image: int,
    boxes: Sequence[Window],
    plain: Tensor,
    shown: Mapping[Window, str],
    grid: tuple[int, int],
    settings: SearchSettings,
) -> list[Proposal]:
    """Windows of one image: plain ones by a first, cheap measurement, and all that maps show."""
    size = (int(content.shape[-2]), int(content.shape[-1]))
    first = pasting.rises(content, plain, settings.n_first)
    ranked = first.argsort(descending=True, stable=True).tolist()
    again = apart(boxes, ranked, settings.overlap)[: settings.n_again]
    named = [(boxes[place], WINDOW) for place in again]
    named += [(box, name) for box, name in shown.items() if box not in dict(named)]
    masks = enlarged(filled(grid, [box for box, _ in named]), size)
    values = pasting.rises(content, masks, settings.n_donors)
    order = values.argsort(descending=True, stable=True).tolist()
    # What the maps show stays among the proposals, however it ranks: it is in the report.
    kept = [place for place in order if named[place][1] == WINDOW][: settings.n_kept]
    kept += [place for place in order if named[place][1] != WINDOW]
    return [
        Proposal(image, box, float(values[place]), named[place][1])
        for place in kept
        for box in (named[place][0], *parts(named[place][0], settings.part_frac))
    ]


def parts(box: Window, part_frac: float) -> list[Window]:
    """A window's four corners and its middle, each a share of its sides.

    A mark seldom fills the window that found it; one of its parts holds less of what surrounds it.

    Args:
        box: the window.
        part_frac: side of a part over the window's; 0 for none.
    """
    top, left, bottom, right = box
    height, width = round(part_frac * (bottom - top)), round(part_frac * (right - left))
    if min(height, width) < 3:
        return []
    places = [(y, x) for y in (top, bottom - height) for x in (left, right - width)]
    places.append(((top + bottom - height) // 2, (left + right - width) // 2))
    return [(y, x, y + height, x + width) for y, x in places]
