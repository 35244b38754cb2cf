"""Simple properties of pictures that predict a class: deepchecks' property-label correlation.

deepchecks' ``PropertyLabelCorrelation`` with its default properties: the predictive power score
(ppscore 1.2.0) of each property for "this class or another", four-fold cross-validated. Its code
writes the target as the numbers 0 and 1, so that ppscore takes it for a regression: a fully grown
tree, mean absolute error, against always answering the median. The network is not looked at.

Not as there: the score is not cut at 0, which would tie most classes and so hide how near each
came; the limit of 0.3 is the same with and without. Grey is Rec. 709 luma as in ``rgb2gray``.
"""

import numpy as np
import torch
from sklearn.model_selection import KFold, cross_val_score
from sklearn.tree import DecisionTreeRegressor

from benchmarks.shortcuts.baselines.result import (
    BaselineResult,
    Classes,
    Images,
    Regions,
    Values,
    check_pictures,
    flagged_from,
    seed_from,
)
from macoaudit.config import require
from macoaudit.models import LoadedModel

LIMIT = 0.3
FOLDS = 4
LUMA = (0.2125, 0.7154, 0.0721)


def properties(image_01: Images) -> dict[str, Values]:
    """The properties that deepchecks has by default, name to (n,).

    Args:
        image_01: (n, 3, height, width).

    Returns:
        Aspect ratio (height by width), area in pixels, mean and standard deviation of grey, and
        the mean over pixels of each channel's share of the pixel's sum (0 where the sum is 0).

    Raises:
        UsageError: when there are not three channels.
    """
    require(image_01.shape[1] == 3, "image_01 channels", image_01.shape[1], "give red, green, blue")
    pixels = image_01.double()
    n, _, height, width = pixels.shape
    grey = torch.einsum("nchw,c->nhw", pixels, pixels.new_tensor(LUMA)).flatten(1)
    total = pixels.sum(1, keepdim=True)
    share = torch.where(total > 0, pixels / total.clamp_min(1e-12), 0.0).mean((2, 3))
    return {
        "aspect ratio": np.full(n, height / width),
        "area": np.full(n, float(height * width)),
        "brightness": grey.mean(1).numpy(),
        "RMS contrast": grey.std(1, correction=0).numpy(),
        "red": share[:, 0].numpy(),
        "green": share[:, 1].numpy(),
        "blue": share[:, 2].numpy(),
    }


def predictive_power(values: Values, member: Regions, seed: int) -> float:
    """``1 - MAE(tree) / MAE(median)`` of a property for membership in a class, not cut at 0.

    Args:
        values: The property, (n,).
        member: Whether each picture is of the class, (n,); there must be both.
        seed: Of the shuffle before the folds, and of the tree.

    Returns:
        1 where the property tells the class exactly; 0 where it is no better than the median,
        below where it is worse.
    """
    target = member.astype(np.float64)
    error = -cross_val_score(
        DecisionTreeRegressor(random_state=seed),
        values[:, None],
        target,
        cv=KFold(FOLDS, shuffle=True, random_state=seed),
        scoring="neg_mean_absolute_error",
    ).mean()
    naive = float(np.abs(target - np.median(target)).mean())
    return float(1 - error / naive)


def by_properties(
    model: LoadedModel, image_01: Images, classes: Classes, generator: torch.Generator
) -> BaselineResult:
    """Score each class by its best property; flag it from 0.3.

    Args:
        model: only its number of classes counts.
        image_01: (n, 3, height, width), values 0..1.
        classes: (n,).
        generator: source of the shuffle's seed.

    Raises:
        UsageError: see :func:`check_pictures` and :func:`properties`.
    """
    check_pictures(model, image_01, classes)
    measured = properties(image_01)
    seed, label = seed_from(generator), classes.numpy()
    scores = np.array(
        [
            max(predictive_power(values, label == c, seed) for values in measured.values())
            for c in range(model.num_classes)
        ]
    )
    return BaselineResult(scores, None, flagged_from(scores, LIMIT))
