"""Images of other classes that a class's cue is given to: some to search with, others to test."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.shortcuts.reading import Classes

CONFIDENT = 0.8
"""Probability of its own class from which an image is a firm donor."""


@dataclass(frozen=True)
class Donors:
    """Donors of one class, as places among the images."""

    search: Int[Tensor, " search"]
    test: Int[Tensor, " test"]


def choose_donors(
    logits: Float[Tensor, "image classes"],
    classes: Classes,
    index: int,
    *,
    n_search: int,
    n_test: int,
    generator: torch.Generator,
) -> Donors:
    """Choose donors that the network is sure about, so that what turns them is strong.

    Images that are of the class, or that the network already calls so, are none. Those whose own
    class has a probability of at least 0.8 come first, by chance, then the others from the surest
    down; every ``1 + n_test / n_search``-th is for the search.

    Args:
        logits: of all images.
        classes: class index of each image.
        index: the class that gets no donor from itself.
        n_search: at most; fewer where there are few images.
        n_test: at most.
        generator: on the CPU.
    """
    probabilities = logits.softmax(1)
    own = probabilities.gather(1, classes[:, None].long())[:, 0]
    fits = (classes != index) & (logits.argmax(1) != index)
    places = torch.nonzero(fits).flatten()
    places = places[torch.randperm(len(places), generator=generator)]
    sureness = own[places].clamp_max(CONFIDENT)
    places = places[sureness.argsort(descending=True, stable=True)][: n_search + n_test]
    if len(places) < 2:
        return Donors(places[:0], places)
    n_search = max(1, min(n_search, len(places) // 3))
    spaced = torch.linspace(0, len(places) - 1, n_search).round().long()
    rest = torch.ones(len(places), dtype=torch.bool)
    rest[spaced] = False
    return Donors(places[spaced], places[rest])
