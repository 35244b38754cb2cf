"""Plausibility: how far inversions are from natural images, and how unusual that is."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.natural.bank import Bank
from macoaudit.natural.features import flaw, flawed, nearest_distance
from macoaudit.results import PicturePlausibility, Plausibility, SeedPlausibility, Skipped


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


def picture_plausibility(
    bank: Bank, space: str, query: Float[Tensor, " feature"]
) -> PicturePlausibility | Skipped:
    """Place one picture that has no reference image among natural images.

    Args:
        bank: natural images, each with a feature vector that can be compared.
        space: network and layer of the features, for the record.
        query: the picture's features.

    Returns:
        The record, or why there can be none.
    """
    problem = flaw(query)
    if problem is not None:
        return Skipped("plausibility", f"{space}: the feature vector of the picture {problem}")
    if bool((bank.features == bank.features[:1]).all()):
        reason = f"all {len(bank.features)} natural images have the same feature vector"
        return Skipped("plausibility", f"{space}: {reason}")
    distance, percentile = bank.percentile(query[None])
    raw = nearest_distance(query[None].to(torch.float64), bank.features.to(torch.float64))
    return PicturePlausibility(
        space=space,
        k=bank.k,
        n_reference=len(bank.features),
        distance=float(distance),
        percentile=float(percentile),
        raw_distance=float(raw),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
