"""Many classes, one error rate: Benjamini-Hochberg, and whether a test could reject at all."""

import math
from collections.abc import Sequence

from scipy.stats import false_discovery_control

from macoaudit.errors import UsageError

LEVEL = 0.05
"""False discovery rate of each test over the classes."""
# Of the product (draws + 1) q, so that 1000 draws at .05 serve exactly 50 classes.
_ROUNDING = 1e-9


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    r"""Adjust p-values so that rejecting those up to q keeps the false discovery rate at q.

    ``adjusted_(i) = min over k >= i of m p_(k) / k`` with the p-values in ascending order
    (Benjamini and Hochberg 1995).

    Args:
        p_values: of one test over the classes that it was made for; 0 to 1.

    Returns:
        Adjusted values in the same order, at most 1; empty for none.

    Raises:
        UsageError: when a value is not within 0 to 1. Zero is refused too: a permutation test
            cannot give it, so it would be a mistake.
    """
    for value in p_values:
        if not 0 < value <= 1:  # NaN fails this too
            raise UsageError(
                f"p_values: {value} is no p-value of a test with draws (above 0, at most 1); "
                "use (1 + as extreme) / (1 + draws)"
            )
    if not p_values:
        return ()
    return tuple(float(value) for value in false_discovery_control(list(p_values), method="bh"))


def draws_needed(n_classes: int, level: float) -> int:
    """Fewest draws with which a lone flag among the classes can still pass.

    The smallest p-value of K draws is ``1 / (K + 1)``; alone among m classes it passes when
    ``1 / (K + 1) <= q / m``.

    Args:
        n_classes: tested with the same test, at least 1.
        level: q, above 0 and below 1.

    Raises:
        UsageError: when an argument is out of its range.
    """
    if n_classes < 1 or not 0 < level < 1:
        raise UsageError(
            f"n_classes {n_classes}, level {level}: give at least one class and a level "
            "between 0 and 1"
        )
    return math.ceil(n_classes / level - 1 - _ROUNDING * n_classes / level)


def cannot_pass(smallest_p: float, n_classes: int, level: float) -> str | None:
    """Say why a lone flag could not pass, whatever the data; None when it could.

    Args:
        smallest_p: the least p-value that the test can give.
        n_classes: tested with the same test.
        level: q.
    """
    if smallest_p * n_classes <= level * (1 + _ROUNDING):
        return None
    return (
        f"the smallest p-value it can give, {smallest_p:.2g}, is above {level:g} / {n_classes} "
        f"classes: give it {draws_needed(n_classes, level)} draws or test fewer classes"
    )
