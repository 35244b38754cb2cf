"""Where to look: one compact region an image, from a map of what the network looks at there.

The maps are what the pictures of the report show (retained map times transparency, concept heat),
or an occlusion map computed here. A map only proposes; the tests decide.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.shortcuts.reading import Classes, Images, check_input, log_odds, read_logits
from macoaudit.shortcuts.records import Region

MAX_AREA_FRAC = 0.10
# Shares of the peak at which level sets are cut, the widest first: half of the peak is the usual
# bound of a blurred disc, and higher ones serve peaks too broad for the area.
_LEVELS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98)
_OCCLUDER_FRAC = 0.2


@dataclass(frozen=True)
class Candidates:
    """One region an image, and the maps they were taken from."""

    source: str
    """What the maps are, in words."""
    saliency: Float[Tensor, "image height width"]
    """At least 0, on the CPU."""
    masks: Bool[Tensor, "image height width"]
    """Empty where the map has no compact peak."""
    sources: tuple[str, ...] = ()
    """What each image's region was found by, where that differs; empty otherwise."""

    @property
    def found(self) -> Bool[Tensor, " image"]:
        """Which images have a region."""
        return self.masks.flatten(1).any(1)

    def region(self, image: int) -> Region:
        """The region of one image."""
        return Region(image, self.masks[image])


def compact_region(
    values: Float[Tensor, "height width"], max_area_frac: float = MAX_AREA_FRAC
) -> Bool[Tensor, "height width"]:
    """Mark the connected region with the most mass among level sets that are small enough.

    Level sets of the positive part at 50 to 98 % of its peak, cut into 8-connected pieces; of the
    pieces up to the area the one with the largest sum, the first found when equal.

    Args:
        values: a map; what is below 0 speaks against the class and is not looked at.
        max_area_frac: of the image.

    Returns:
        The region; empty where no piece is small enough (a map without a peak).
    """
    positive = values.double().clamp_min(0).cpu().numpy()
    best, best_mass = np.zeros(positive.shape, dtype=bool), 0.0
    peak = positive.max()
    if not np.isfinite(peak) or peak <= 0:
        return torch.from_numpy(best)
    limit = max_area_frac * positive.size
    for level in _LEVELS:
        labels, count = ndimage.label(positive >= level * peak, structure=np.ones((3, 3)))
        pieces = np.arange(1, count + 1)
        areas = ndimage.sum_labels(np.ones_like(positive), labels, pieces)
        masses = ndimage.sum_labels(positive, labels, pieces)
        for piece, area, mass in zip(pieces, areas, masses, strict=True):
            if area <= limit and mass > best_mass * (1 + 1e-12):
                best, best_mass = labels == piece, float(mass)
    return torch.from_numpy(best)


def candidates_from_maps(
    maps: Float[Tensor, "image rows columns"],
    size: tuple[int, int],
    source: str,
    max_area_frac: float = MAX_AREA_FRAC,
) -> Candidates:
    """Take one region an image from maps, for example the heat of a concept.

    Args:
        maps: any grid; spread over the image bilinearly.
        size: height and width of the images.
        source: what the maps are, in words.
        max_area_frac: of an image.
    """
    fine = torch.nn.functional.interpolate(
        maps[:, None].detach().float().cpu(), size=size, mode="bilinear", align_corners=False
    )[:, 0].clamp_min(0)
    masks = torch.stack([compact_region(one, max_area_frac) for one in fine])
    return Candidates(source, fine, masks)


def occluder_boxes(
    size: tuple[int, int], side_frac: float = _OCCLUDER_FRAC
) -> list[tuple[int, int, int, int]]:
    """Squares (top, left, bottom, right) half a side apart that cover the image to its edges.

    Args:
        size: height and width.
        side_frac: of the shorter side.
    """
    side = max(2, round(side_frac * min(size)))
    axes = []
    for length in size:
        count = max(2, 1 + int(np.ceil((length - side) / (side / 2))))
        axes.append(np.linspace(0, length - side, count).round().astype(int).tolist())
    return [(y, x, y + side, x + side) for y in axes[0] for x in axes[1]]


def occlusion_maps(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    *,
    side_frac: float = _OCCLUDER_FRAC,
) -> Float[Tensor, "image height width"]:
    """Map how far the class falls when a square is filled, averaged over two fills.

    ``map(u) = mean over squares that cover u of [s(x) - mean over fills s(x without square)]``
    with s the log-odds of the image's class. Fills: the mean colour of the image, and the mean of
    the images of *other* classes at that place (the class's own mean would hold a fixed mark).

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        classes: class index of each image.
        side_frac: side of the square over the shorter side of the image.

    Raises:
        UsageError: when the arguments do not fit together.
    """
    check_input(model, image_01, classes)
    size = (int(image_01.shape[-2]), int(image_01.shape[-1]))
    boxes = occluder_boxes(size, side_frac)
    cover = torch.zeros(size, dtype=torch.float64)
    for top, left, bottom, right in boxes:
        cover[top:bottom, left:right] += 1
    maps = torch.zeros(len(image_01), *size, dtype=torch.float64)
    whole = read_logits(model, image_01)
    for image, index in enumerate(classes.tolist()):
        others = image_01[classes != index]
        plain = image_01[image].mean((-2, -1), keepdim=True).expand_as(image_01[image])
        fills = [plain, others.mean(0)] if len(others) else [plain]
        falls = torch.zeros(len(boxes), dtype=torch.float64)
        for fill in fills:
            filled = image_01[image].repeat(len(boxes), 1, 1, 1)
            for row, (top, left, bottom, right) in enumerate(boxes):
                filled[row, :, top:bottom, left:right] = fill[:, top:bottom, left:right]
            after = log_odds(read_logits(model, filled), index)
            falls += (log_odds(whole[image : image + 1], index) - after) / len(fills)
        for fall, (top, left, bottom, right) in zip(falls.tolist(), boxes, strict=True):
            maps[image, top:bottom, left:right] += fall
    return (maps / cover).float()
