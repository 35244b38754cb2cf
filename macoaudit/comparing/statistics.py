"""Paired statistics over images: bootstrap interval of the mean, signed-rank test, Holm."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

MIN_PAIRS = 6
"""Fewest pairs for an interval and a test: with 5 the least two-sided p of a signed-rank test is
2 / 2^5 = 0.0625, so that nothing could ever be found."""
N_RESAMPLES = 9_999
SEED = 0
TEST_PREFIX = "Wilcoxon signed-rank, "
"""Begins the name of every test; what follows is how its p-value was had."""
_EXACT_N = 50
"""Up to this many differences without ties the exact distribution is used."""
_EXACT_TIED_N = 13
"""Up to this many with ties all ``2^n`` signs are tried."""
_CHUNK = 1_000_000


@dataclass(frozen=True)
class Tested:
    """A signed-rank test, or why it was not made."""

    n_changed: int
    test: str | None
    statistic: float | None
    p_value: float | None
    reason: str | None


def tail_share(n: int) -> float:
    r"""Share of bootstrap means cut off at each end for a 95 % interval of ``n`` values.

    ``Phi(-sqrt(n / (n - 1)) t_{0.975, n-1})``: the expanded percentile interval of Hesterberg 2015
    ("What Teachers Should Know About the Bootstrap", The American Statistician 69), because the
    plain one is too short for few values. It tends to 0.025.

    Args:
        n: values, at least 2.
    """
    reach = math.sqrt(n / (n - 1)) * float(stats.t.ppf(0.975, n - 1))
    return float(stats.norm.cdf(-reach))


def mean_interval(
    values: Sequence[float], *, n_resamples: int = N_RESAMPLES, seed: int = SEED
) -> tuple[float, float] | None:
    """Bootstrap a 95 % interval of the mean; None with fewer than :data:`MIN_PAIRS` values.

    The interval of the negated values is the negated interval, exactly.

    Args:
        values: one an image.
        n_resamples: bootstrap samples.
        seed: of the draws.
    """
    n = len(values)
    if n < MIN_PAIRS:
        return None
    data = np.asarray(values, dtype=np.float64)
    random = np.random.default_rng(seed)
    rows = max(1, _CHUNK // n)
    means = [
        data[random.integers(n, size=(min(rows, n_resamples - start), n))].mean(axis=1)
        for start in range(0, n_resamples, rows)
    ]
    ordered = np.sort(np.concatenate(means))
    cut = math.floor(tail_share(n) * (n_resamples - 1))
    return float(ordered[cut]), float(ordered[n_resamples - 1 - cut])


def signed_rank(differences: Sequence[float]) -> Tested:
    """Wilcoxon's signed-rank test, two-sided: are differences as often and as far up as down?

    Differences of exactly 0 are left out.

    Args:
        differences: one an image.
    """
    changed = [one for one in differences if one != 0]
    n = len(changed)
    if n < MIN_PAIRS:
        told = "no image differs" if n == 0 else f"only {n} of {len(differences)} images differ"
        why = f"{told}, {MIN_PAIRS} are needed for a p-value below 0.05"
        return Tested(n, None, None, None, why)
    tied = len({abs(one) for one in changed}) < n
    if not tied and n <= _EXACT_N:
        how, method = "exact", "exact"
    elif n <= _EXACT_TIED_N:
        how, method = "exact over all signs", stats.PermutationMethod(n_resamples=2**n)
    else:
        how, method = "normal approximation", "asymptotic"
    found = stats.wilcoxon(changed, zero_method="wilcox", correction=False, method=method)
    p = min(1.0, float(found.pvalue))
    return Tested(n, f"{TEST_PREFIX}{how}", float(found.statistic), p, None)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p-values for their number by Holm's step-down rule; None stays None.

    ``p_(k)`` becomes ``max over j <= k of min(1, (m - j + 1) p_(j))``, in ascending order.

    Args:
        p_values: one a test; those not made do not count.
    """
    made = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    reached = 0.0
    for rank, (p, place) in enumerate(made):
        reached = max(reached, min(1.0, (len(made) - rank) * p))
        corrected[place] = reached
    return corrected
