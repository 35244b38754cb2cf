"""Towards which classes each image is moved: a named one, its runner-up, or the confusions."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Reading:
    """What the network says of one image that decides its targets."""

    first: int
    """The network's first class."""
    source: int
    """The class to move away from: the first one, or the one that was asked for."""
    second: int
    """The most probable class besides the source."""
    second_prob: float


@dataclass(frozen=True)
class Confusion:
    """A pair of classes that the network tells apart least well on the images."""

    source: int
    target: int
    weight: float
    """Sum, over the images of this source and second class, of the second's probability."""
    n_images: int


def read_logits(logits: Float[Tensor, " num_classes"], source: int | None) -> Reading:
    """Find first, source and second class of one image.

    Args:
        logits: finite, of two classes or more.
        source: the class to move away from; None: the first one.
    """
    odds = torch.softmax(logits.to(torch.float64), 0)
    first = int(odds.argmax())
    origin = first if source is None else source
    rest = odds.clone()
    rest[origin] = -1.0
    second = int(rest.argmax())
    return Reading(first, origin, second, float(odds[second]))


def confusions(readings: Sequence[Reading]) -> tuple[Confusion, ...]:
    """Tell which pairs of classes are confused most over the images.

    With s the source class of an image, t its second class and p the probability of t, the weight
    of a pair is ``W(s, t) = sum of p`` over the images with that s and t.

    Args:
        readings: one an image.

    Returns:
        Every pair that occurs, the heaviest first; of equal ones the lower numbers first.
    """
    weights: dict[tuple[int, int], list[float]] = {}
    for one in readings:
        weights.setdefault((one.source, one.second), []).append(one.second_prob)
    pairs = [
        # Sorted, so that the order of the images does not move the sum.
        Confusion(source, target, sum(sorted(found)), len(found))
        for (source, target), found in weights.items()
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.weight, pair.source, pair.target)))


def each_targets(
    readings: Sequence[Reading], pairs: Sequence[Confusion], top_k: int
) -> list[tuple[int, ...]]:
    """Give every image the classes that its source class is confused with most.

    Args:
        readings: one an image.
        pairs: of :func:`confusions`.
        top_k: targets of a class.

    Returns:
        For each image at most ``top_k`` classes, the heaviest pair first.
    """
    targets: dict[int, list[int]] = {}
    for pair in pairs:
        targets.setdefault(pair.source, []).append(pair.target)
    return [tuple(targets[one.source][:top_k]) for one in readings]
