"""Images of other classes that a class's cue is given to: some to search with, others to test."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from macoaudit.shortcuts.reading import Classes

CONFIDENT = 0.8
"""Probability of its own class from which an image is a firm donor."""


@dataclass(frozen=True)
class Donors:
    """Donors of one class, as places among the images."""

    search: Int[Tensor, " search"]
    test: Int[Tensor, " test"]


def _own_probability(
    logits: Float[Tensor, "image classes"], classes: Classes
) -> Float[Tensor, " image"]:
    return logits.softmax(1).gather(1, classes[:, None].long())[:, 0]


def search_pool(
    logits: Float[Tensor, "image classes"], classes: Classes, size: int
) -> Int[Tensor, " pool"]:
    """Choose the images that regions are searched with: the surest of each class, in turn.

    Args:
        logits: of all images.
        classes: class index of each image.
        size: at most; never more than a third of the images.
    """
    own = _own_probability(logits, classes)
    right = logits.argmax(1) == classes
    ranked = {
        index: sorted(
            torch.nonzero((classes == index) & right).flatten().tolist(),
            key=lambda place: (-float(own[place]), place),
        )
        for index in sorted(set(classes.tolist()))
    }
    pool: list[int] = []
    limit = min(size, len(classes) // 3)
    for turn in range(max((len(places) for places in ranked.values()), default=0)):
        pool += [places[turn] for places in ranked.values() if turn < len(places)]
    return torch.tensor(pool[:limit], dtype=torch.long)


def choose_donors(
    logits: Float[Tensor, "image classes"],
    classes: Classes,
    pool: Int[Tensor, " pool"],
    *,
    n_test: int,
    generators: Mapping[int, torch.Generator],
) -> dict[int, Donors]:
    """Choose each class's donors: images that the network is sure are something else.

    Images that are of the class, or that the network calls so, are none. The search takes those of
    the pool; the test takes others, firm ones first (their class has a probability of at least
    0.8), by chance, then the rest from the surest down.

    Args:
        logits: of all images.
        classes: class index of each image.
        pool: from :func:`search_pool`.
        n_test: at most.
        generators: one for each class.
    """
    own = _own_probability(logits, classes)
    said = logits.argmax(1)
    pooled = torch.zeros(len(classes), dtype=torch.bool)
    pooled[pool] = True
    found = {}
    for index, generator in generators.items():
        fits = (classes != index) & (said != index)
        places = torch.nonzero(fits & ~pooled).flatten()
        places = places[torch.randperm(len(places), generator=generator)]
        sureness = own[places].clamp_max(CONFIDENT)
        order = sureness.argsort(descending=True, stable=True)[:n_test]
        found[index] = Donors(pool[fits[pool]], places[order])
    return found


def least_covered(
    masks: Bool[Tensor, "region height width"],
    evidence: Float[Tensor, "donor height width"],
    count: int,
) -> Int[Tensor, "region chosen"]:
    """For each region the donors that lose least of their own evidence when it is pasted on them.

    A region that covers what makes the donor its own class would seem to carry any class.

    Args:
        masks: regions.
        evidence: where each donor's own class lies, at least 0; any scale.
        count: donors for each region; all where there are fewer.
    """
    shares = evidence / evidence.sum((1, 2), keepdim=True).clamp_min(1e-12)
    covered = masks.flatten(1).to(shares) @ shares.flatten(1).T
    return covered.argsort(dim=1, stable=True)[:, :count]
