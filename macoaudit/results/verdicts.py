"""What a retention is called: kept, partly kept, dropped, or not told apart from chance."""

from typing import Literal

from macoaudit.results.measures import DROPPED_TO, KEPT_FROM, Retained

CHANCE_P = 0.05
"""An attribute with a larger p value is not told apart from chance."""

Verdict = Literal["kept", "partly", "dropped", "chance", "open"]


def verdict(retained: Retained) -> Verdict:
    """Say what a retention means, from its rounded interval and p value.

    ``open`` without an interval (one seed). ``dropped`` when the whole interval is at most
    ``DROPPED_TO``. Else ``chance`` when the interval reaches 0 or p is above :data:`CHANCE_P`. Else
    ``kept`` when the whole interval is at least ``KEPT_FROM``, and ``partly`` between. The numbers
    are rounded as they are printed, so that word and number never disagree.

    The bounds are a reading aid that we chose, not calibrated thresholds: nothing passes or fails
    by them.
    """
    if retained.low is None or retained.high is None:
        return "open"
    low, high = round(retained.low, 2), round(retained.high, 2)
    if high <= DROPPED_TO:
        return "dropped"
    if low <= 0 or round(retained.p_value, 3) > CHANCE_P:
        return "chance"
    return "kept" if low >= KEPT_FROM else "partly"
