"""Whether what an auditor points at is the cue: regions against the true mask.

A region is a set of pixels without an order, so it is asked for its middle. The middle of a frame
lies outside of it, which is why the pixel of the region that is nearest to the centroid counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.shortcuts.roc import Flags, iou, pointing


@dataclass(frozen=True)
class Located:
    """How well the regions of one class cover the cue, over its pictures that carry it."""

    iou: float | None
    """Mean of ``|region and cue| / |region or cue|`` over pictures with a region."""
    pointing: float | None
    """Share of pictures with a region whose middle lies in the cue."""
    n_carrying: int
    n_regions: int
    """Pictures that carry the cue and have a region; the means are None at 0."""


def middle_inside(region: Flags, true: Flags) -> float:
    """Whether the region's pixel nearest to its centroid lies in the mask, with ties their share.

    Args:
        region: (height, width), not empty.
        true: (height, width).
    """
    rows, columns = np.nonzero(region)
    down, across = np.indices(region.shape)
    far = (down - rows.mean()) ** 2 + (across - columns.mean()) ** 2
    # Rounded, because pixels on either side of the centroid differ in the last digit.
    return pointing(np.where(region, -far.round(6), -np.inf), true)


def located(regions: Iterable[tuple[int, Flags]], true: Flags, own: Flags) -> Located:
    """Compare regions with the true masks.

    Args:
        regions: index of a picture and its region, (height, width); at most one a picture.
        true: pixels of the cue, (n, height, width).
        own: (n,), which pictures count: those of the class.
    """
    carrying = own & true.any(axis=(1, 2))
    found = [(region, true[i]) for i, region in regions if carrying[i] and region.any()]
    if not found:
        return Located(None, None, int(carrying.sum()), 0)
    return Located(
        float(np.mean([iou(*pair) for pair in found])),
        float(np.mean([middle_inside(*pair) for pair in found])),
        int(carrying.sum()),
        len(found),
    )
