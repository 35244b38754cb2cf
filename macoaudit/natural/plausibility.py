"""Plausibility: how far inversions are from natural images, and how unusual that is."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.natural.bank import Bank
from macoaudit.natural.features import flawed, nearest_distance
from macoaudit.results import Plausibility, SeedPlausibility, Skipped


def plausibility(
    space: str,
    seeds: Sequence[int],
    query: Float[Tensor, "seed feature"],
    reference: Float[Tensor, " feature"],
    bank: Float[Tensor, "natural feature"],
    k: int,
) -> Plausibility | Skipped:
    """Place the inversions of one image among natural images.

    Args:
        space: network and layer of the features, for the record.
        seeds: one an inversion.
        query: the inversions' features.
        reference: the reference image's, scored in the same bank.
        bank: those of natural images, without the reference image itself; ``k + 1`` or more.
        k: neighbours that are averaged over.

    Returns:
        The record, or why there can be none.
    """
    if len(bank) < k + 1:
        return too_few(len(bank), k)
    return plausibility_in(Bank.of(bank, k), space, seeds, query, reference)


def too_few(n_natural: int, k: int) -> Skipped:
    """Say that there are not enough natural images for k neighbours of each."""
    return Skipped(
        "plausibility",
        f"{n_natural} other natural images are too few for the distance to {k} neighbours; it "
        f"needs {k + 1} or more. Give a folder of natural images with --reference DIR",
    )


def plausibility_in(
    bank: Bank,
    space: str,
    seeds: Sequence[int],
    query: Float[Tensor, "seed feature"],
    reference: Float[Tensor, " feature"],
) -> Plausibility | Skipped:
    """:func:`plausibility` with a bank that was measured before.

    Args:
        bank: natural images without the reference image (:meth:`Bank.without`).
        space: network and layer of the features, for the record.
        seeds: one an inversion.
        query: the inversions' features.
        reference: the reference image's.
    """
    problem = flawed(query, seeds, reference, bank.features)
    if problem is not None:
        return Skipped("plausibility", f"{space}: {problem}")
    distances, percentiles = bank.percentile(torch.cat([query, reference[None]]))
    raw = nearest_distance(query.to(torch.float64), bank.features.to(torch.float64))
    rows = tuple(
        SeedPlausibility(seed, float(distances[i]), float(percentiles[i]), float(raw[i]))
        for i, seed in enumerate(seeds)
    )
    return Plausibility(
        space=space,
        k=bank.k,
        n_reference=len(bank.features),
        distance=_mean([row.distance for row in rows]),
        percentile=_mean([row.percentile for row in rows]),
        raw_distance=_mean([row.raw_distance for row in rows]),
        reference_distance=float(distances[-1]),
        reference_percentile=float(percentiles[-1]),
        seeds=rows,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
