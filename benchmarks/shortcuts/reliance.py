"""The oracle: how far a network relies on a cue. Only the benchmark can know it.

``delta R_c = mean over held-out x of other classes of p_c(x with the cue) - p_c(x)``. Truth is this
reliance and not that a cue was planted: a cue that was never learned is no shortcut.
"""

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.shortcuts.cues import Cue
from benchmarks.shortcuts.data import stamp_at
from benchmarks.shortcuts.scenes import LABELS, Indices, Pictures

Truth = Literal["positive", "middle", "negative"]
POSITIVE_FROM, NEGATIVE_TO = 0.30, 0.05

MEAN = STD = 0.5
"""Normalisation of all networks of the grid, per channel."""
BATCH = 128

Values = np.ndarray[Any, np.dtype[np.float64]]


def truth(reliance: float) -> Truth:
    """Positive from 0.30, negative to 0.05; what lies between is kept apart."""
    if reliance >= POSITIVE_FROM:
        return "positive"
    return "negative" if reliance <= NEGATIVE_TO else "middle"


def to_input(images_01: Pictures) -> Tensor:
    """Normalise pictures (n, side, side, 3) to float32 (n, 3, side, side)."""
    image_01 = torch.from_numpy(np.ascontiguousarray(images_01.transpose(0, 3, 1, 2)))
    return (image_01 - MEAN) / STD


def probabilities(module: nn.Module, images_01: Pictures) -> Values:
    """Softmax of the network in eval mode, shape (n, classes)."""
    module.eval()
    with torch.inference_mode():
        parts = [module(part).softmax(1) for part in torch.split(to_input(images_01), BATCH)]
    return torch.cat(parts).double().numpy()


def reliance_by_class(
    module: nn.Module,
    images_01: Pictures,
    labels: Indices,
    cue: Cue,
    seed: int,
    clean: Values | None = None,
) -> Values:
    """Measure delta R of every class from one pass, shape (classes,).

    Args:
        module: The network.
        images_01: Held-out pictures without a cue, (n, side, side, 3).
        labels: Their classes, (n,).
        cue: What is stamped on each of them.
        seed: Of the stamps' places.
        clean: `probabilities` of the same pictures, if they are known already.
    """
    before = probabilities(module, images_01) if clean is None else clean
    after = probabilities(module, stamp_at(images_01, cue, (seed, 4))[0])
    return by_class(before, after, labels)


def by_class(before: Values, after: Values, labels: Indices) -> Values:
    """Mean rise of each class's probability over the pictures of other classes, (classes,)."""
    others = labels[:, None] != np.arange(len(LABELS))
    return np.asarray(((after - before) * others).sum(axis=0) / others.sum(axis=0))
