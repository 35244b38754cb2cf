"""Power over frequency, both logarithmic, as coordinates and as a stand-alone SVG file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from macoaudit.report.charts import LABEL_GAP_PX, STYLES
from macoaudit.report.pieces import Line, Tick
from macoaudit.report.templates import environment, find_templates

_WIDTH_PX, _HEIGHT_PX = 640.0, 380.0
_LEFT_PX, _TOP_PX, _BOTTOM_PX, _LABEL_PX = 58.0, 16.0, 46.0, 150.0
# Below the smallest power that is drawn: rounding of 8 bits is about 1e-6.
_FLOOR = 1e-9
_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Curve:
    """Mean power of some pictures at each frequency."""

    name: str
    frequencies: tuple[float, ...]
    """In cycles per pixel, rising, above 0."""
    power: tuple[float, ...]
    band: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """Lower and upper power of most pictures, drawn as an area."""


@dataclass(frozen=True)
class _Drawing:
    """What the template writes down."""

    title: str
    width: str
    height: str
    left: str
    right: str
    top: str
    bottom: str
    label_x: str
    above: Tick
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    band: str
    """``x,y`` pairs of a polygon; empty for none."""
    lines: tuple[Line, ...]


def power_svg(curves: Sequence[Curve], above: float) -> bytes:
    """Draw power over frequency as a stand-alone SVG document.

    Args:
        curves: at most as many as there are line styles; the first may have a band.
        above: a frequency to mark.

    Returns:
        The bytes of the file, the same for the same curves.
    """
    template = environment(find_templates()).get_template("power.svg.j2")
    return template.render(chart=_drawing(curves, above)).encode()


def _drawing(curves: Sequence[Curve], above: float) -> _Drawing:
    right, bottom = _WIDTH_PX - _LABEL_PX, _HEIGHT_PX - _BOTTOM_PX
    values = [v for curve in curves for v in (*curve.power, *_edges(curve)) if v > _FLOOR]
    low = math.floor(math.log10(min(values, default=1e-3)))
    high = max(math.ceil(math.log10(max(values, default=1.0))), low + 1)
    first = math.log10(min(curve.frequencies[0] for curve in curves))
    last = math.log10(max(curve.frequencies[-1] for curve in curves))

    def x(frequency: float) -> float:
        share = (math.log10(frequency) - first) / max(last - first, 1e-9)
        return _LEFT_PX + (right - _LEFT_PX) * share

    def y(power: float) -> float:
        share = (math.log10(max(power, 10.0**low)) - low) / (high - low)
        return bottom - (bottom - _TOP_PX) * share

    def pairs(frequencies: Sequence[float], powers: Sequence[float]) -> list[str]:
        return [f"{x(f):.1f},{y(p):.1f}" for f, p in zip(frequencies, powers, strict=True)]

    places = _apart([y(curve.power[-1]) for curve in curves], _TOP_PX + 6, bottom)
    lines = tuple(
        Line(
            name=curve.name,
            style=style,
            color=color,
            dash=dash,
            path=" ".join(pairs(curve.frequencies, curve.power)),
            marks=(),
            label_y=f"{at + 4:.1f}",
        )
        for curve, at, (style, color, dash) in zip(curves, places, STYLES, strict=False)
    )
    banded = next((curve for curve in curves if curve.band is not None), None)
    band = ""
    if banded is not None and banded.band is not None:
        lower, upper = (pairs(banded.frequencies, edge) for edge in banded.band)
        band = " ".join([*lower, *reversed(upper)])
    names = ", ".join(curve.name for curve in curves)
    return _Drawing(
        title=f"Mean power over frequency of {names}",
        width=f"{_WIDTH_PX:.0f}",
        height=f"{_HEIGHT_PX:.0f}",
        left=f"{_LEFT_PX:.1f}",
        right=f"{right:.1f}",
        top=f"{_TOP_PX:.1f}",
        bottom=f"{bottom:.1f}",
        label_x=f"{right + 8:.1f}",
        above=Tick(f"{x(above):.1f}" if above > 0 else "", f"{above:g}"),
        x_ticks=tuple(
            Tick(f"{x(value):.1f}", f"{value:g}")
            for power in range(-4, 0)
            for step in _STEPS
            if 10**first <= (value := round(step * 10.0**power, 6)) <= 10**last * (1 + 1e-9)
        ),
        y_ticks=tuple(
            Tick(f"{y(10.0**power):.1f}", f"1e{power}" if power else "1")
            for power in range(low, high + 1)
        ),
        band=band,
        lines=lines,
    )


def _edges(curve: Curve) -> tuple[float, ...]:
    return () if curve.band is None else (*curve.band[0], *curve.band[1])


def _apart(wanted: Sequence[float], low: float, high: float) -> list[float]:
    """Move names apart until none overlaps, in their order and inside the drawing."""
    gap = LABEL_GAP_PX + 3
    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    placed = list(wanted)
    at = low - gap
    for place in order:
        at = placed[place] = max(placed[place], at + gap)
    at = high + gap
    for place in reversed(order):
        at = placed[place] = min(placed[place], at - gap)
    return placed
