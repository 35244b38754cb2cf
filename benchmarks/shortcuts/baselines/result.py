"""What every baseline is given and gives back."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.config import require
from macoaudit.models import LoadedModel

Images = Float[Tensor, "batch channel height width"]
Classes = Int[Tensor, " batch"]
Values = np.ndarray[Any, np.dtype[np.float64]]
Regions = np.ndarray[Any, np.dtype[np.bool_]]
Maps = np.ndarray[Any, np.dtype[np.float32]]

LEAST_PER_CLASS = 4
"""Pictures of a class, so that it can be cross-validated and clustered."""
REGION_FRAC = 0.10
"""Area of the region that a heat map points at: the largest cue area of the grid."""


@dataclass(frozen=True)
class BaselineResult:
    """Scores of all classes, and what a baseline points at."""

    scores: Values
    """(classes,), finite; larger is more suspicious."""
    regions: Regions | None
    """(n, height, width), for each picture what is blamed in it; None where a baseline names no
    place. Empty where its map is empty."""
    flagged: tuple[int, ...]
    """Classes that the baseline's own published limit flags, in order."""

    def __post_init__(self) -> None:
        require(self.scores.ndim == 1, "scores", self.scores.shape, "give one for each class")
        require(bool(np.isfinite(self.scores).all()), "scores", "not finite", "give numbers")
        inside = all(0 <= c < len(self.scores) for c in self.flagged)
        require(inside, "flagged", self.flagged, f"there are {len(self.scores)} classes")


Baseline = Callable[[LoadedModel, Images, Classes, torch.Generator], BaselineResult]


def check_pictures(model: LoadedModel, image_01: Images, classes: Int[Tensor, " given"]) -> None:
    """Refuse pictures that the baselines cannot be compared on.

    Raises:
        UsageError: when there is not one class a picture, or a class has fewer than four pictures.
    """
    sizes = (len(image_01), len(classes))
    require(sizes[0] == sizes[1], "image_01 and classes", sizes, "give one class for each picture")
    low, high = int(classes.min()), int(classes.max())
    known = low >= 0 and high < model.num_classes
    require(known, "classes", (low, high), f"the network has classes 0 to {model.num_classes - 1}")
    least = int(torch.bincount(classes, minlength=model.num_classes).min())
    rule = f"give at least {LEAST_PER_CLASS} of every class"
    require(least >= LEAST_PER_CLASS, "pictures of a class", least, rule)


def seed_from(generator: torch.Generator) -> int:
    """Draw a seed for a library that takes numbers only."""
    return int(torch.randint(2**31 - 1, (1,), generator=generator))


def top_region(maps: Maps, area_frac: float = REGION_FRAC) -> Regions:
    """The highest places of each map, (n, height, width).

    Args:
        maps: (n, height, width); places at or below 0 are never chosen.
        area_frac: Share of the picture that is chosen, rounded to whole pixels.
    """
    flat = maps.reshape(len(maps), -1)
    count = max(1, round(area_frac * flat.shape[1]))
    chosen = np.zeros(flat.shape, dtype=bool)
    np.put_along_axis(chosen, np.argsort(-flat, axis=1, kind="stable")[:, :count], True, axis=1)
    return np.asarray((chosen & (flat > 0)).reshape(maps.shape))


def flagged_from(scores: Values, limit: float) -> tuple[int, ...]:
    """Classes whose score reaches a limit."""
    return tuple(np.flatnonzero(scores >= limit).tolist())
