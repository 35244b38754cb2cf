"""Numbers and states of a comparison as text: differences signed, bars from the middle."""

from collections.abc import Mapping

from macoaudit.comparing import PairState
from macoaudit.report.compare_records import DeltaBar
from macoaudit.report.words import DASH, fraction_text

MINUS = "\N{MINUS SIGN}"

STATES: Mapping[PairState, tuple[str, str, str]] = {
    "new": ("▲", "new in B", "high"),
    "worsened": ("▲", "worse in B", "high"),
    "not tested in A": ("?", "in B, not tested in A", "medium"),
    "fixed": ("✓", "gone in B", "none"),
    "not tested in B": ("?", "in A, not tested in B", "medium"),
    "weaker": ("▽", "weaker in B", "none"),
    "unchanged": ("=", "unchanged", "info"),
}
"""Symbol, words and level of each state of a finding."""


def difference_text(value: float | None, digits: int = 3) -> str:
    """Print a difference with its sign, or a dash where there is none."""
    if value is None:
        return DASH
    text = fraction_text(abs(value), digits)
    if float(text) == 0:
        return text
    return f"{MINUS if value < 0 else '+'}{text}"


def interval_words(low: float | None, high: float | None, digits: int = 3) -> str:
    """Print an interval of a difference, or a dash where there is none."""
    if low is None or high is None:
        return DASH
    return f"{difference_text(low, digits)} to {difference_text(high, digits)}"


def moved(value: float | None, digits: int = 3) -> str:
    """Say which way a number went, from the rounded difference."""
    if value is None:
        return "not compared"
    text = fraction_text(abs(value), digits)
    if float(text) == 0:
        return "the same"
    return f"{'▲ higher' if value > 0 else '▼ lower'} by {text}"


def arrow(a: str, b: str) -> str:
    """Print two values, the earlier one first."""
    return f"{a} → {b}"


def delta_bar(
    value: float | None, reach: float, low: float | None = None, high: float | None = None
) -> DeltaBar:
    """Lay out a difference from the middle of a bar that reaches ``reach`` to both sides."""
    reach = reach if reach > 0 else 1.0

    def place(number: float) -> float:
        return 50 * (1 + min(max(number / reach, -1.0), 1.0))

    at = 50.0 if value is None else place(value)
    left, right = min(at, 50.0), max(at, 50.0)
    level = "none" if value is None or value == 0 else "up" if value > 0 else "down"
    begin = None if low is None or high is None else place(low)
    span = 0.0 if low is None or high is None else place(high) - place(low)
    return DeltaBar(
        level,
        f"{left:.1f}",
        f"{right - left:.1f}",
        None if begin is None else f"{begin:.1f}",
        f"{span:.1f}",
    )
