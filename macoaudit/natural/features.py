"""Feature vectors: which can be compared, unit length, distances."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.errors import UsageError


def flaw(vector: Float[Tensor, " feature"]) -> str | None:
    """Say why a feature vector cannot be compared, or None when it can."""
    if not bool(torch.isfinite(vector).all()):
        return "is not finite"
    if not bool(vector.any()):
        return "is zero everywhere"
    if bool((vector == vector[0]).all()):
        return "is one number repeated, so it has no direction of its own"
    return None


def sound(vectors: Float[Tensor, "row feature"]) -> Bool[Tensor, " row"]:
    """Which feature vectors can be compared: those without a :func:`flaw`."""
    finite = torch.isfinite(vectors).all(1)
    return finite & vectors.any(1) & (vectors != vectors[:, :1]).any(1)


def flawed(query: Tensor, seeds: Sequence[int], reference: Tensor, bank: Tensor) -> str | None:
    """Say which feature vector cannot be used, and why."""
    named = [
        ("the reference image", reference),
        *((f"the inversion of seed {seed}", row) for seed, row in zip(seeds, query, strict=True)),
    ]
    for name, vector in named:
        reason = flaw(vector)
        if reason is not None:
            return f"the feature vector of {name} {reason}"
    n_bad = int((~sound(bank)).sum())
    if n_bad:
        return (
            f"{n_bad} of {len(bank)} natural images have a feature vector that is not finite, "
            "zero, or one number repeated; leave these images out"
        )
    if bool((bank == bank[:1]).all()):
        return f"all {len(bank)} natural images have the same feature vector"
    return None


def unit(features: Float[Tensor, "row feature"]) -> Float[Tensor, "row feature"]:
    """Scale every row to Euclidean length 1, in float64; a row of zeros stays one.

    Rows are scaled by their largest value first, so that neither tiny nor huge ones lose digits.
    """
    rows = features.to(torch.float64)
    rows = rows / rows.abs().amax(1, keepdim=True).clamp_min(1e-300)
    length: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / length.clamp_min(1e-300)


def distances(first: Tensor, second: Tensor) -> Tensor:
    """Euclidean distances of all pairs of rows."""
    # Exact differences: the usual |a|^2 + |b|^2 - 2ab is not zero for equal rows.
    mode = "donot_use_mm_for_euclid_dist"
    found: Tensor = torch.cdist(first, second, compute_mode=mode)
    return found


def nearest_distance(
    features: Float[Tensor, "query feature"],
    reference: Float[Tensor, "reference feature"],
    k: int = 1,
) -> Float[Tensor, " query"]:
    """Mean Euclidean distance to the k nearest members of a reference set (deep k-NN).

    A member of the set has distance 0 to it for ``k = 1``. Features are taken as they are, not
    normalised.

    Source: Sun et al. 2022 (arXiv 2204.06507); used un-normalised by Fel et al. 2023, section 4.

    Raises:
        UsageError: when the reference set has fewer than k members.
    """
    if not 1 <= k <= len(reference):
        raise UsageError(
            f"k is {k}; the reference set has {len(reference)} members, use 1 to {len(reference)}"
        )
    return distances(features, reference).topk(k, dim=1, largest=False).values.mean(1)
