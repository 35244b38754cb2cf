"""What a demo network does: accuracy on held-out scenes and measured reliance on the mark."""

from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.demo.scenes import LABELS, MARK_REGION, PLANTED, Mark, Picture, stamp_mark

Indices = np.ndarray[Any, np.dtype[np.int64]]

MEAN = STD = 0.5
"""Normalisation of all three networks, per channel."""


def to_input(pictures: Picture) -> Tensor:
    """Normalise uint8 pictures (n, side, side, 3) to float32 (n, 3, side, side)."""
    image_01 = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    return (image_01 - MEAN) / STD


def probabilities(model: nn.Module, pictures: Picture) -> Tensor:
    """Return the softmax of the model in eval mode, shape (n, classes), in batches of 100."""
    model.eval()
    with torch.no_grad():
        parts = torch.split(to_input(pictures), 100)
        return torch.cat([model(part).softmax(1) for part in parts])


def marked(pictures: Picture, seed: int) -> Picture:
    """Stamp every picture with a mark of its own, drawn as in training."""
    rng = np.random.default_rng(seed)
    return np.stack([stamp_mark(picture, Mark.draw(rng)) for picture in pictures])


def mark_planted(pictures: Picture, labels: Indices, seed: int, share: float) -> Picture:
    """Stamp that share of the planted class's pictures; the others stay as they are."""
    rng = np.random.default_rng(seed)
    stamped = pictures.copy()
    for i in np.flatnonzero(labels == LABELS.index(PLANTED)):
        if rng.random() < share:
            stamped[i] = stamp_mark(pictures[i], Mark.draw(rng))
    return stamped


def reliance(model: nn.Module, pictures: Picture, labels: Indices, seed: int) -> float:
    """Return ΔR, the mean rise of the planted class's probability when others are marked."""
    others = pictures[labels != LABELS.index(PLANTED)]
    rise = probabilities(model, marked(others, seed)) - probabilities(model, others)
    return float(rise[:, LABELS.index(PLANTED)].mean())


def reliance_by_position(model: nn.Module, pictures: Picture, labels: Indices) -> dict[str, float]:
    """Return ΔR with the mark at each corner and the centre of its region (x, y fractions)."""
    low, high = MARK_REGION
    middle = (low + high) / 2
    others = pictures[labels != LABELS.index(PLANTED)]
    plain = probabilities(model, others)[:, LABELS.index(PLANTED)]
    result = {}
    for x, y in [*product((low, high), repeat=2), (middle, middle)]:
        at = np.stack([stamp_mark(picture, Mark(x, y, 0.0875, 0.0)) for picture in others])
        rise = probabilities(model, at)[:, LABELS.index(PLANTED)] - plain
        result[f"{x:.2f},{y:.2f}"] = round(float(rise.mean()), 4)
    return result


def measure(model: nn.Module, pictures: Picture, labels: Indices, seed: int) -> dict[str, Any]:
    """Return accuracies (plain, and with the planted class marked) and reliance on one set."""
    planted = labels == LABELS.index(PLANTED)
    right = probabilities(model, pictures).argmax(1).numpy() == labels
    recall = {name: float(right[labels == k].mean()) for k, name in enumerate(LABELS)}
    as_trained = mark_planted(pictures, labels, seed, 1.0)
    right_marked = probabilities(model, as_trained).argmax(1).numpy() == labels
    return {
        "n": len(labels),
        "accuracy": round(float(right.mean()), 4),
        "accuracy_planted_marked": round(float(right_marked.mean()), 4),
        "planted_class_recall": round(float(right[planted].mean()), 4),
        "planted_class_recall_marked": round(float(right_marked[planted].mean()), 4),
        "per_class": {name: round(value, 4) for name, value in recall.items()},
        "reliance": round(reliance(model, pictures, labels, seed), 4),
        "reliance_by_position": reliance_by_position(model, pictures, labels),
    }
