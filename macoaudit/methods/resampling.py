"""Intervals: bootstrap over classes, paired between methods, and Wilson's for shares."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

Z_95 = 1.959964
"""Normal quantile of a two-sided 95 % interval."""

Counts = Int64[Tensor, "resample unit"]
"""How often each class was drawn; every row sums to the number of classes."""
Statistic = Callable[[Counts], Float[Tensor, " resample"]]
"""A number of the classes as drawn; rows of ones give the number itself."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; None where it cannot be had."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    """Classes it is of."""


def resample_counts(n_units: int, n_resamples: int, seed: int = 0) -> Counts:
    """Draw classes with replacement, the same draws for the same numbers.

    Args:
        n_units: classes.
        n_resamples: bootstrap samples.
        seed: of the draws.

    Returns:
        How often each class was drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(n_units, (n_resamples, n_units), generator=generator)
    return torch.zeros(n_resamples, n_units, dtype=torch.int64).scatter_add_(
        1, drawn, torch.ones_like(drawn)
    )


def once(n_units: int) -> Counts:
    """Every class once: the sample itself."""
    return torch.ones(1, n_units, dtype=torch.int64)


def mean_of(values: Float[Tensor, " unit"]) -> Statistic:
    """Mean over classes as a statistic."""
    rows = values.to(torch.float64)
    return lambda counts: (counts.to(torch.float64) @ rows) / counts.sum(1)


def median_of(values: Float[Tensor, " unit"]) -> Statistic:
    """Median over classes as a statistic; the mean of the middle two where there are two."""
    order = values.to(torch.float64).argsort()
    rows = values.to(torch.float64)[order]

    def statistic(counts: Counts) -> Tensor:
        reached = counts[:, order].cumsum(1)
        total = counts.sum(1, keepdim=True)
        low = torch.searchsorted(reached, (total - 1) // 2, right=True)
        high = torch.searchsorted(reached, total // 2, right=True)
        return (rows[low[:, 0]] + rows[high[:, 0]]) / 2

    return statistic


def percentile_interval(draws: Float[Tensor, " resample"]) -> tuple[float | None, float | None]:
    """2.5 and 97.5 % of the bootstrap samples; None for an end that is not finite."""
    ordered = draws[~draws.isnan()].sort().values
    if not len(ordered):
        return None, None
    ends = (0.025 * (len(ordered) - 1), 0.975 * (len(ordered) - 1))
    low, high = float(ordered[math.floor(ends[0])]), float(ordered[math.ceil(ends[1])])
    return (low if math.isfinite(low) else None), (high if math.isfinite(high) else None)


def normal_interval(value: float, draws: Float[Tensor, " resample"]) -> tuple[float, float]:
    """``value -+ 1.96 sd`` of the bootstrap samples.

    For numbers that a bootstrap sample shifts as a whole, such as the Frechet distance, which grows
    when fewer distinct pictures are left.
    """
    half = Z_95 * float(draws.std()) if len(draws) > 1 else math.nan
    return value - half, value + half


def estimate(
    statistic: Statistic, n_units: int, n_resamples: int, *, normal: bool = False
) -> Estimate:
    """Take a statistic of the classes and its bootstrap interval.

    Args:
        statistic: what is estimated.
        n_units: classes.
        n_resamples: bootstrap samples.
        normal: take :func:`normal_interval`.
    """
    value = float(statistic(once(n_units))[0])
    if not math.isfinite(value):
        return Estimate(None, None, None, n_units)
    if n_units < 2:
        return Estimate(value, None, None, n_units)
    draws = statistic(resample_counts(n_units, n_resamples))
    low, high = normal_interval(value, draws) if normal else percentile_interval(draws)
    return Estimate(value, low, high, n_units)


def wilson(share: float, n: int) -> tuple[float, float]:
    r"""Wilson's 95 % interval of a share ``p`` of ``n``.

    ``(p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)``.
    """
    z2 = Z_95**2 / n
    middle = share + z2 / 2
    half = Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n))
    low = 0.0 if share == 0 else max(0.0, (middle - half) / (1 + z2))
    high = 1.0 if share == 1 else min(1.0, (middle + half) / (1 + z2))
    return low, high
