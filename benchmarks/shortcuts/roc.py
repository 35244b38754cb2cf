"""How well a score tells shortcuts from clean classes, with intervals that respect the networks.

Scores of one network's classes depend on each other, so intervals come from a bootstrap that draws
whole networks. All weighted curves treat equal scores as one step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest, kstest

from macoaudit.config import require

Values = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Ranking:
    """What a score achieves over (network, class) pairs."""

    auroc: Interval
    average_precision: Interval
    tpr_at_1: Interval
    tpr_at_5: Interval
    n_positive: int
    n_negative: int
    n_networks: int
    n_draws: int
    """Bootstrap draws that held both a positive and a negative pair; the others say nothing."""


@dataclass(frozen=True)
class Uniformity:
    """Kolmogorov-Smirnov tests of p-values under the null, against the uniform law."""

    statistic: float
    p_value: float
    """Two-sided: whether they differ from uniform at all."""
    p_too_small: float
    """One-sided: small here means more small p-values than there may be. Large p-values, as a
    cautious test gives them, do no harm."""
    n: int


def curves(scores: Values, truths: Flags, weights: Values) -> tuple[Values, Values]:
    """Weighted true and false positives when all pairs of at least each score are flagged.

    Args:
        scores: (n,), finite.
        truths: (n,), True for a shortcut.
        weights: (draws, n), not negative.

    Returns:
        Two arrays (draws, 1 + distinct scores), from nothing flagged to everything flagged.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])

    def steps(chosen: Flags) -> Values:
        grouped = np.add.reduceat(weights[:, order] * chosen[order], starts, axis=1)
        return np.pad(np.cumsum(grouped, axis=1), ((0, 0), (1, 0)))

    return steps(truths), steps(~truths)


def weighted_auroc(true: Values, false: Values) -> Values:
    """Area under the ROC curve by trapezoids, so that a tie counts one half, (draws,)."""
    area = (np.diff(false, axis=1) * (true[:, 1:] + true[:, :-1]) / 2).sum(axis=1)
    return np.asarray(area / (true[:, -1] * false[:, -1]))


def weighted_average_precision(true: Values, false: Values) -> Values:
    """``sum over steps of (recall step) * precision``, not interpolated, (draws,)."""
    flagged = true[:, 1:] + false[:, 1:]
    precision = np.divide(true[:, 1:], flagged, out=np.zeros_like(flagged), where=flagged > 0)
    return np.asarray((np.diff(true, axis=1) * precision).sum(axis=1) / true[:, -1])


def weighted_tpr(true: Values, false: Values, rate: float) -> Values:
    """Largest share of shortcuts found while at most that share of clean ones is flagged, (draws,).

    No interpolation between steps: a threshold that was never there finds nothing.
    """
    allowed = false <= rate * false[:, -1:] * (1 + 1e-12)
    return np.asarray(np.where(allowed, true, 0).max(axis=1) / true[:, -1])


def rank(
    scores: Sequence[float] | Values,
    truths: Sequence[bool] | Flags,
    networks: Sequence[str],
    *,
    n_draws: int = 2000,
    seed: int = 0,
) -> Ranking:
    """Summarise a score over (network, class) pairs with intervals clustered by network.

    Args:
        scores: Larger means more of a shortcut, (n,).
        truths: True for a shortcut, False for a clean pair; middle ones are left out beforehand.
        networks: Which network a pair belongs to; twins may share a name to be drawn together.
        n_draws: Bootstrap draws.
        seed: Of the draws.

    Raises:
        UsageError: when lengths differ, a score is not finite, or one of the two kinds is missing.
    """
    score, true = np.asarray(scores, dtype=np.float64), np.asarray(truths, dtype=bool)
    same = len(score) == len(true) == len(networks)
    sizes = (len(score), len(true), len(networks))
    require(same, "scores, truths, networks", sizes, "give one of each for every pair")
    require(bool(np.isfinite(score).all()), "scores", "not finite", "leave out what failed")
    counts = (int(true.sum()), int((~true).sum()))
    require(min(counts) > 0, "positive and negative pairs", counts, "there must be both")
    names, member = np.unique(np.asarray(networks), return_inverse=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_draws)
    weights = drawn[:, member].astype(np.float64)
    usable = (weights[:, true].sum(axis=1) > 0) & (weights[:, ~true].sum(axis=1) > 0)
    at_once = np.concatenate([np.ones((1, len(score))), weights[usable]])  # the first is the sample
    found, false = curves(score, true, at_once)
    return Ranking(
        _interval(weighted_auroc(found, false)),
        _interval(weighted_average_precision(found, false)),
        _interval(weighted_tpr(found, false, 0.01)),
        _interval(weighted_tpr(found, false, 0.05)),
        n_positive=counts[0],
        n_negative=counts[1],
        n_networks=len(names),
        n_draws=int(usable.sum()),
    )


def _interval(values: Values) -> Interval:
    """The first value, and percentiles of the others."""
    if len(values) == 1:
        return Interval(float(values[0]), float("nan"), float("nan"))
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(values[0]), float(low), float(high))


def threshold_at(
    scores: Sequence[float] | Values, truths: Sequence[bool] | Flags, rate: float
) -> float:
    """Smallest threshold ``t`` such that ``score >= t`` flags at most that share of clean pairs.

    It is one of the scores, or infinity where even the highest score flags too many.

    Raises:
        UsageError: when there is no clean pair.
    """
    score, clean = np.asarray(scores, dtype=np.float64), ~np.asarray(truths, dtype=bool)
    require(bool(clean.any()), "truths", "no clean pair", "give pairs that must not be flagged")
    candidates = np.unique(score)
    flagged = (score[clean][None] >= candidates[:, None]).mean(axis=1)
    fine = candidates[flagged <= rate]
    return float(fine[0]) if len(fine) else float("inf")


def flags_per_100(flagged: Sequence[bool] | Flags) -> Interval:
    """False findings per 100 clean classes, with the exact binomial interval.

    Raises:
        UsageError: when there is no class.
    """
    flags = np.asarray(flagged, dtype=bool)
    require(len(flags) > 0, "flagged", "no class", "give one flag for every clean class")
    found = binomtest(int(flags.sum()), len(flags))
    bounds = found.proportion_ci(LEVEL)
    return Interval(100 * float(flags.mean()), 100 * float(bounds.low), 100 * float(bounds.high))


def uniformity(p_values: Sequence[float] | Values) -> Uniformity:
    """Compare p-values of true nulls with the uniform law.

    Permutation p-values are multiples of 1 / (K + 1); with small K the two-sided test sees that.

    Raises:
        UsageError: when there are none, or one lies outside 0..1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    require(len(p) > 0, "p_values", "none", "give at least one")
    require(bool(((p >= 0) & (p <= 1)).all()), "p_values", "outside 0..1", "give probabilities")
    both, small = kstest(p, "uniform"), kstest(p, "uniform", alternative="greater")
    return Uniformity(float(both.statistic), float(both.pvalue), float(small.pvalue), len(p))


def iou(found: Flags, true: Flags) -> float:
    """``|found and true| / |found or true|``; 0 where both are empty: nothing was located."""
    union = int((found | true).sum())
    return float((found & true).sum() / union) if union else 0.0


def pointing(heat: Values, true: Flags) -> float:
    """Whether the map's highest place lies in the mask: 0 or 1, with ties their share inside."""
    top = heat == heat.max()
    return float(true[top].mean())
