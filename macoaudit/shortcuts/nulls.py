"""Null distributions by exchanging what is exchangeable when there is nothing to find."""

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.shortcuts.records import NullSummary, summary


def rank_p(observed: float, null: Float[Tensor, " draw"]) -> float:
    """Share of draws at least as large, the observed one counted in: (1 + #) / (1 + draws)."""
    # Equal draws may differ by the order of their sums.
    slack = 1e-12 * max(1.0, abs(observed))
    return (1 + int((null >= observed - slack).sum())) / (1 + len(null))


def stratified_test(
    observed: Float[Tensor, " unit"],
    controls: Float[Tensor, "unit control"],
    *,
    n_draws: int,
    generator: torch.Generator,
) -> tuple[float, NullSummary]:
    """Compare the median of the units' values with medians in which each unit has any of its own.

    If a unit's observed value is exchangeable with its own controls, then picking one of the
    ``1 + m`` values of each unit by chance draws from the exact null of the median. Its resolution
    grows with ``(1 + m)^units``, not with ``m``, so that a few dozen controls serve many classes.

    Args:
        observed: one value a unit (image).
        controls: m values of the same unit.
        n_draws: random picks.
        generator: on the CPU.

    Returns:
        The p-value, one-sided for large medians, and the null.
    """
    pool = torch.cat([observed[:, None], controls], 1).double()
    picks = torch.randint(pool.shape[1], (len(pool), n_draws), generator=generator)
    null = pool.gather(1, picks).quantile(0.5, dim=0)
    value = float(observed.double().quantile(0.5))
    return rank_p(value, null), summary(value, null)
