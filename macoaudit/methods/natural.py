"""Plausibility of pictures: distance to natural images, as the paper has it and calibrated."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.methods.distances import SET_DISTANCES, Features
from macoaudit.methods.records import Floor
from macoaudit.methods.resampling import once
from macoaudit.natural import Bank
from macoaudit.natural.features import distances

N_YARDSTICK = 100
"""Natural images, at most, that are measured against the others as pictures are."""
N_SPLITS = 20
"""Random parts of the natural images that are measured against the rest."""


def nearest_in_class(
    query: Features,
    query_classes: Sequence[int | None],
    natural: Features,
    natural_classes: Sequence[int | None],
    *,
    by_class: bool,
    same: Sequence[int] | None = None,
) -> Float[Tensor, " query"]:
    """Distance of each query to the nearest natural image, of its class or of any (k = 1).

    Features are taken as they are (Fel et al. 2023, section 4; deep k-NN of Sun et al. 2022).

    Args:
        query: flattened activations.
        query_classes: class of each query.
        natural: flattened activations of natural images.
        natural_classes: class of each.
        by_class: search in the query's class alone.
        same: for queries that are natural images themselves, which one each is; it is left out.

    Returns:
        The distances; infinite where the class has no (other) natural image.
    """
    found: Tensor = distances(query, natural)
    if by_class:
        of = torch.tensor([-1 if index is None else index for index in natural_classes])
        wanted = torch.tensor([-2 if index is None else index for index in query_classes])
        found = found.masked_fill(wanted[:, None] != of[None], torch.inf)
    if same is not None:
        found[torch.arange(len(query)), torch.tensor(same)] = torch.inf
    return found.min(1).values


def yardstick(count: int) -> list[int]:
    """Places of the natural images that are measured against the others, evenly spread."""
    n = min(count, N_YARDSTICK)
    return [place * count // n for place in range(n)]


def natural_percentile(bank: Bank) -> float:
    """Mean percentile of natural images among the others, each left out in turn."""
    values = []
    for place in yardstick(len(bank.features)):
        _, percentile = bank.without(place).percentile(bank.features[place][None])
        values.append(float(percentile))
    return sum(values) / len(values)


def natural_floor(name: str, natural: Features, n_pictures: int) -> Floor:
    """Distance of random parts of the natural images to the rest.

    Args:
        name: of :data:`macoaudit.methods.distances.SET_DISTANCES`.
        natural: features, four or more.
        n_pictures: size of the part, where half of the natural images are as many.
    """
    n_part = min(n_pictures, len(natural) // 2)
    generator = torch.Generator().manual_seed(0)
    values = []
    for _ in range(N_SPLITS):
        order = torch.randperm(len(natural), generator=generator)
        part, rest = natural[order[:n_part]], natural[order[n_part:]]
        values.append(float(SET_DISTANCES[name](part, rest)(once(n_part))[0]))
    return Floor(sum(values) / len(values), min(values), max(values), N_SPLITS, n_part)
