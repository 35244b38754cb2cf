"""One test's effect against its threshold and its null distribution, as a small drawing."""

import math
from dataclasses import dataclass

from macoaudit.report.words import DASH, fraction_text, visible
from macoaudit.results import NullRecord, ShortcutTest

WIDTH_PX, LANE_PX, EDGE_PX = 180.0, 18.0, 3.0
COLORS = {"flagged": "#b3261e", "passed": "#5487ba"}
DIGITS, MORE_DIGITS = 3, 6


@dataclass(frozen=True)
class Lane:
    """One line of the drawing: a bar from zero, with what it is compared with."""

    top: str
    zero: str
    """Where the bar starts."""
    bar_x: str
    bar_width: str
    threshold_x: str | None
    null_x: str | None
    """Mean of the null distribution."""
    null_width: str | None
    """From the mean to the 95th percentile."""


@dataclass(frozen=True)
class EffectBar:
    """A test's numbers as a drawing, and in words."""

    title: str
    """Stands in for the drawing: every number in it."""
    width: str
    height: str
    color: str
    outcome: str
    lanes: tuple[Lane, ...]
    """The effect; then the statistic of the null distribution, where it is another number."""


def number_text(value: float | None, digits: int = DIGITS) -> str:
    """Print an effect, a threshold or a statistic, or a dash where there is none."""
    return DASH if value is None else fraction_text(value, digits)


def compared_text(value: float | None, bound: float | None) -> tuple[str, str]:
    """Print a number and the bound that it is compared with, told apart where they differ."""
    texts = number_text(value), number_text(bound)
    if texts[0] == texts[1] and value != bound:
        return number_text(value, MORE_DIGITS), number_text(bound, MORE_DIGITS)
    return texts


def same_number(null: NullRecord, effect: float) -> bool:
    """Tell whether the null distribution is of the effect itself, not of another statistic."""
    return math.isclose(null.observed, effect, rel_tol=1e-9, abs_tol=1e-12)


def null_text(test: ShortcutTest) -> str:
    """Print mean and 95th percentile of a test's null distribution."""
    null = test.null
    if null is None or test.effect is None:
        return DASH
    text = f"{number_text(null.mean)} / {number_text(null.high)}"
    if same_number(null, test.effect):
        return text
    return f"{text}; measured {number_text(null.observed)}"


def _title(test: ShortcutTest) -> str:
    effect, threshold = compared_text(test.effect, test.threshold)
    parts = [f"{visible(test.effect_name or 'effect')} {effect}, threshold {threshold}"]
    if (null := test.null) is not None:
        parts.append(
            f"chance has mean {number_text(null.mean)} and 95th percentile "
            f"{number_text(null.high)} for the measured {number_text(null.observed)}"
        )
    return "; ".join(parts)


def _lane(index: int, value: float, threshold: float | None, null: NullRecord | None) -> Lane:
    marks = [value, 0.0]
    if threshold is not None:
        marks.append(threshold)
    if null is not None:
        marks += [null.mean, null.high]
    low, high = min(marks), max(marks)
    scale = (WIDTH_PX - 2 * EDGE_PX) / ((high - low) or 1.0)

    def x(number: float) -> float:
        return EDGE_PX + (number - low) * scale

    left, right = sorted((x(0.0), x(value)))
    return Lane(
        top=f"{index * LANE_PX:.1f}",
        zero=f"{x(0.0):.1f}",
        bar_x=f"{left:.1f}",
        bar_width=f"{max(right - left, 0.5):.1f}",
        threshold_x=None if threshold is None else f"{x(threshold):.1f}",
        null_x=None if null is None else f"{x(null.mean):.1f}",
        null_width=None if null is None else f"{max(x(null.high) - x(null.mean), 0.5):.1f}",
    )


def effect_bar(test: ShortcutTest) -> EffectBar | None:
    """Draw a test that was made; None for one that was not.

    Args:
        test: the record.
    """
    if test.effect is None or test.outcome == "not tested":
        return None
    null = test.null
    together = null is not None and same_number(null, test.effect)
    lanes = [_lane(0, test.effect, test.threshold, null if together else None)]
    if null is not None and not together:
        lanes.append(_lane(1, null.observed, None, null))
    return EffectBar(
        title=_title(test),
        width=f"{WIDTH_PX:.0f}",
        height=f"{len(lanes) * LANE_PX:.0f}",
        color=COLORS[test.outcome],
        outcome=test.outcome,
        lanes=tuple(lanes),
    )
