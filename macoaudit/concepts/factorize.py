"""Non-negative matrix factorisation of activations: A = U W, parts W and how much of each, U.

Fel et al. 2023 (CRAFT, arXiv 2211.10154). Activations with negative values (SiLU, GELU, the tokens
of a transformer) are split into their positive and negative halves, (max(a, 0), max(-a, 0)), before
the factorisation: that is exact and reversible, needs no constant that depends on the sample (a
shift by the minimum would put that constant into every part), and changes nothing where activations
are non-negative anyway.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from macoaudit.errors import UsageError

_MAX_ITERATIONS = 1000
_TOLERANCE = 1e-4
# A part that is told from fewer crops than this is a picture of those crops.
_CROPS_A_CONCEPT = 4


@dataclass(frozen=True)
class Factorization:
    """Parts and coefficients with ``A ~ U W``, in float64."""

    coefficients: Float[Tensor, "sample part"]
    parts: Float[Tensor, "part feature"]
    """Rows of unit length, the ones with the most coefficient first."""
    relative_error: float
    """``|A - U W| / |A|`` in the Frobenius norm: 0 is exact, 1 is nothing explained."""
    n_iterations: int
    converged: bool


def has_negative(activations: Float[Tensor, "..."]) -> bool:
    """Whether activations must be split into halves before they can be factorised."""
    return bool((activations < 0).any())


def split_signs(
    activations: Float[Tensor, "sample feature *place"],
) -> Float[Tensor, "sample halves *place"]:
    """Put the positive halves ``max(a, 0)`` and the negative ``max(-a, 0)`` side by side."""
    return torch.cat([activations.clamp_min(0), (-activations).clamp_min(0)], 1)


def join_signs(parts: Float[Tensor, "part halves"]) -> Float[Tensor, "part feature"]:
    """Turn parts over both halves into directions among the activations: the inverse of the split.

    Args:
        parts: an even number of features, the positive halves first.
    """
    positive, negative = parts.chunk(2, 1)
    return positive - negative


def concept_count(wanted: int, n_crops: int, n_features: int) -> tuple[int, str | None]:
    """Choose how many concepts the crops can tell apart: at most one for every four crops.

    Args:
        wanted: the number asked for, at least 1.
        n_crops: rows of the matrix.
        n_features: columns of the matrix.

    Returns:
        The number, and why it is smaller than wanted where it is.

    Raises:
        UsageError: when ``wanted`` is below 1 or there are no crops.
    """
    if wanted < 1:
        raise UsageError(f"concepts: {wanted} came; use at least 1")
    if n_crops < 1:
        raise UsageError("concepts: there is no crop to factorise; give images of the class")
    by_crops = max(1, n_crops // _CROPS_A_CONCEPT)
    count = min(wanted, by_crops, n_features)
    if count == wanted:
        return count, None
    reason = f"{n_crops} crops" if count == by_crops else f"{n_features} features"
    return count, f"{count} concepts in place of {wanted}: there are only {reason}"


def factorize(
    activations: Float[Tensor, "sample feature"], n_parts: int, *, seed: int
) -> Factorization:
    """Minimise ``|A - U W|_F`` over non-negative U and W (coordinate descent, NNDSVDa start).

    Args:
        activations: non-negative.
        n_parts: rows of W, at most the smaller side of ``activations``.
        seed: of the start's randomised decomposition and the order of the descent.

    Returns:
        Parts that carry something, in float64; the same bits for the same input and seed.

    Raises:
        UsageError: when activations are not finite, negative or all zero, or ``n_parts`` does not
            fit.
    """
    _check(activations, n_parts)
    matrix = activations.detach().cpu().double().numpy()
    # A common scale changes neither the parts nor the relative error, but the solver's tolerance.
    scale = matrix.mean()
    solver = NMF(
        n_components=n_parts,
        init="nndsvda",
        solver="cd",
        max_iter=_MAX_ITERATIONS,
        tol=_TOLERANCE,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # recorded below
        coefficients = solver.fit_transform(matrix / scale)
    parts = solver.components_
    error = np.linalg.norm(matrix / scale - coefficients @ parts) / np.linalg.norm(matrix / scale)
    length = np.linalg.norm(parts, axis=1)
    weight = (coefficients.sum(0) * length).astype(np.float64)
    order = [i for i in np.argsort(-weight, kind="stable") if weight[i] > 0]
    return Factorization(
        coefficients=torch.from_numpy(coefficients[:, order] * length[order] * scale),
        parts=torch.from_numpy(parts[order] / length[order, None]),
        relative_error=float(error),
        n_iterations=int(solver.n_iter_),
        converged=bool(solver.n_iter_ < _MAX_ITERATIONS),
    )


def _check(activations: Float[Tensor, "sample feature"], n_parts: int) -> None:
    if not bool(torch.isfinite(activations).all()):
        bad = int((~torch.isfinite(activations).all(1)).sum())
        raise UsageError(
            f"activations: {bad} of {len(activations)} rows are not finite (NaN or infinite); "
            "check the weights and the precision"
        )
    if has_negative(activations):
        raise UsageError("activations: some are negative; give both halves (split_signs)")
    if not bool(activations.any()):
        raise UsageError(
            "activations: all are zero, so they have no parts; choose another layer or images"
        )
    if not 1 <= n_parts <= min(activations.shape):
        raise UsageError(
            f"concepts: {n_parts} came for {len(activations)} crops and {activations.shape[1]} "
            "features; use at least 1 and at most the smaller of the two"
        )
