"""The floor: scores and places drawn at random."""

import math

import numpy as np
import torch

from benchmarks.shortcuts.baselines.result import (
    REGION_FRAC,
    BaselineResult,
    Classes,
    Images,
    check_pictures,
    flagged_from,
)
from macoaudit.models import LoadedModel

FLAG_FROM = 0.95
"""One class in twenty is flagged."""


def by_chance(
    model: LoadedModel, image_01: Images, classes: Classes, generator: torch.Generator
) -> BaselineResult:
    """Draw a uniform score for each class and a square of 10 % area for each picture.

    Args:
        model: only its number of classes counts.
        image_01: (n, 3, height, width); only their size counts.
        classes: (n,).
        generator: source of scores and places.

    Raises:
        UsageError: see :func:`check_pictures`.
    """
    check_pictures(model, image_01, classes)
    scores = torch.rand(model.num_classes, generator=generator, dtype=torch.float64).numpy()
    n, _, height, width = image_01.shape
    side = math.sqrt(REGION_FRAC)
    size = max(1, round(side * height)), max(1, round(side * width))
    regions = np.zeros((n, height, width), dtype=bool)
    tops = torch.randint(height - size[0] + 1, (n,), generator=generator).tolist()
    lefts = torch.randint(width - size[1] + 1, (n,), generator=generator).tolist()
    for region, top, left in zip(regions, tops, lefts, strict=True):
        region[top : top + size[0], left : left + size[1]] = True
    return BaselineResult(scores, regions, flagged_from(scores, FLAG_FROM))
