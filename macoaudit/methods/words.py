"""Numbers of a comparison as text, and sentences made of the rounded numbers."""

from dataclasses import dataclass

from macoaudit.methods.records import Better, Comparison, Measure, Versus
from macoaudit.methods.resampling import Estimate
from macoaudit.report.words import DASH

NAMES = {"maco": "MACO", "fourier": "Fourier", "pixel": "Pixels", "natural": "Natural images"}
SHARES = ("top1", "top5")
SIGNED = ("high_frequency_none", "high_frequency_hann", "high_frequency_template")
"""Measures that are per cents against natural images."""


def method_name(name: str) -> str:
    """How the page calls a method."""
    return NAMES.get(name, name)


def number(key: str, value: float | None) -> str:
    """Print a measure's number as precisely as the page shows it."""
    if value is None:
        return DASH
    if key in SHARES:
        return f"{100 * value:.0f} %"
    if key in SIGNED:
        return f"{value:+.0f} %"
    if key == "plausibility_percentile":
        return f"{value:.2f}"
    if key == "median_rank":
        return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def difference_number(key: str, value: float | None) -> str:
    """Print a difference: of shares in percentage points, always with its sign."""
    if value is None:
        return DASH
    if key in (*SHARES, *SIGNED):
        return f"{(100 if key in SHARES else 1) * value:+.0f}"
    text = number(key, value)
    return text if text.startswith("-") or not float(text.replace(",", "")) else f"+{text}"


def interval(key: str, found: Estimate) -> str:
    """Print an interval, or nothing where there is none."""
    if found.low is None and found.high is None:
        return ""
    return f"{number(key, found.low)} to {number(key, found.high)}"


def ratio_text(found: Estimate | None) -> str:
    """Print a ratio with its interval, ``1.8 (1.1 to 4.5)``."""
    if found is None or found.value is None:
        return DASH
    if found.high is None:
        return f"{found.value:.1f} ({DASH if found.low is None else f'{found.low:.1f}'} and more)"
    low = DASH if found.low is None else f"{found.low:.1f}"
    return f"{found.value:.1f} ({low} to {found.high:.1f})"


@dataclass(frozen=True)
class Told:
    """Whether two methods differ, by the interval of their difference."""

    words: str
    """``better``, ``worse`` or ``open``, of the first."""
    numbers: str


def _signed(text: str) -> float:
    try:
        return float(text.replace(",", "").replace("+", ""))
    except ValueError:
        return 0.0


def told(measure: Measure, versus: Versus) -> Told:
    """Compare two methods by the printed ends of the interval of their difference."""
    key = measure.key
    first, second = (measure.methods[name] for name in (versus.first, versus.second))
    found = versus.difference
    low, high = (difference_number(key, end) for end in (found.low, found.high))
    unit = " points" if key in (*SHARES, *SIGNED) else ""
    numbers = (
        f"{number(key, first.value)} against {number(key, second.value)}, difference "
        f"{difference_number(key, found.value)}{unit}"
    )
    if found.low is None or found.high is None:
        return Told("open", f"{numbers}, no interval")
    numbers = f"{numbers}, 95 % interval {low} to {high}"
    side = 1 if _signed(low) > 0 else -1 if _signed(high) < 0 else 0
    return Told(_verdict(measure.better, side, first.value, second.value), numbers)


def _verdict(better: Better, side: int, first: float | None, second: float | None) -> str:
    if side == 0 or first is None or second is None:
        return "open"
    if better == "near 0":
        # Which one is nearer can be said only where both are off to the same side.
        if first * second <= 0:
            return "open"
        return "better" if (side < 0) == (first > 0) else "worse"
    return "better" if (side > 0) == (better == "higher") else "worse"


_SAID = {
    "plausibility_paper": (
        "is nearer to natural images than",
        "is farther from natural images than",
    ),
    "plausibility_percentile": ("looks more like a natural image than", "looks less like one than"),
    "FID": ("is nearer to natural images than", "is farther from natural images than"),
    "KID": ("is nearer to natural images than", "is farther from natural images than"),
    "CMMD": ("is nearer to natural images than", "is farther from natural images than"),
    "top1": ("is recognised more often than", "is recognised less often than"),
    "high_frequency_none": (
        "is nearer to the natural share of fine detail than",
        "is farther from the natural share of fine detail than",
    ),
}


def sentence(measure: Measure, versus: Versus) -> str | None:
    """Say in words how the first method compares with the second; None for other measures."""
    if measure.key not in _SAID:
        return None
    result = told(measure, versus)
    first, second = method_name(versus.first), method_name(versus.second)
    better, worse = _SAID[measure.key]
    about = (
        f"By {measure.name}"
        if measure.key != "top1" and measure.key not in SIGNED
        else "By "
        + (
            "the judges' first answers"
            if measure.key == "top1"
            else "the energy of high frequencies"
        )
    )
    said = {
        "better": f"{first} {better} {second}",
        "worse": f"{first} {worse} {second}",
        "open": f"{first} and {second} cannot be told apart",
    }[result.words]
    return f"{about} ({measure.space}), {said}: {result.numbers}."


def main_measures(comparison: Comparison) -> tuple[Measure, ...]:
    """The measures of the main table, in its order.

    Plausibility in the first judge's features (the audited network's own without a judge),
    distances of sets in the space that the record names, transfer as the mean over judges where
    there are several.
    """
    measures = comparison.measures

    def pick(key: str, who: tuple[str, ...], space: str = "") -> Measure | None:
        for one in who:
            for measure in measures:
                if measure.key == key and measure.who == one and measure.space.startswith(space):
                    return measure
        return None

    outside = ("judge", "audited")
    anyone = ("inception", "judge", "audited")
    found = (
        pick("plausibility_paper", outside),
        pick("plausibility_percentile", outside),
        *(pick(name, anyone, comparison.set_space) for name in ("FID", "KID", "CMMD")),
        pick("top1", ("judges", "judge")),
        pick("top5", ("judges", "judge")),
        pick("high_frequency_none", ("pixels",)),
        pick("high_frequency_template", ("pixels",)),
    )
    return tuple(measure for measure in found if measure is not None)
