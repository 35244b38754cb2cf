"""The mean power spectra as a line chart with a logarithmic axis."""

import math

from macoaudit.methods.records import SpectrumCurves
from macoaudit.methods.words import method_name
from macoaudit.report.charts import BOTTOM_PX, STYLES, TOP_PX, spread_labels
from macoaudit.report.pieces import Chart, Line, Tick

_WIDTH_PX, _HEIGHT_PX, _LABEL_PX, _LEFT_PX = 620.0, 300.0, 120.0, 44.0
_NATURAL = ("s4", "#56606b", "9 3 2 3")


def _px(value: float) -> str:
    return f"{value:.1f}"


def _title(curves: SpectrumCurves) -> str:
    """The drawing in words: the power of every set at three frequencies."""
    places = [len(curves.frequency) * share // 8 for share in (1, 4, 7)]
    parts = []
    for name, values in curves.log10_power.items():
        numbers = ", ".join(
            f"{values[place]:.1f} at {curves.frequency[place]:.2f}"
            for place in places
            if values[place] is not None
        )
        parts.append(f"{method_name(name)}: {numbers}")
    return "Mean power (log10) by frequency in cycles a pixel. " + "; ".join(parts)


def spectrum_chart(curves: SpectrumCurves) -> Chart:
    """Lay out the mean power of every set over frequency, decades on the vertical axis."""
    found = [v for values in curves.log10_power.values() for v in values if v is not None]
    bottom, top = math.floor(min(found, default=0.0)), math.ceil(max(found, default=1.0))
    top = max(top, bottom + 1)
    right, low = _WIDTH_PX - _LABEL_PX, _HEIGHT_PX - BOTTOM_PX

    def x(frequency: float) -> float:
        return _LEFT_PX + (right - _LEFT_PX) * frequency / 0.5

    def y(power: float) -> float:
        return low - (low - TOP_PX) * (power - bottom) / (top - bottom)

    points = {
        name: [
            (x(frequency), y(value))
            for frequency, value in zip(curves.frequency, values, strict=True)
            if value is not None
        ]
        for name, values in curves.log10_power.items()
    }
    labels = spread_labels([p[-1][1] if p else low for p in points.values()], TOP_PX, low)
    drawn = [name for name in points if name != "natural"]
    lines = []
    for (name, line), at in zip(points.items(), labels, strict=True):
        own = STYLES[drawn.index(name) % 4] if name != "natural" else _NATURAL
        style, color, dash = own
        lines.append(
            Line(
                name=method_name(name),
                style=style,
                color=color,
                dash=dash,
                path=" ".join(f"{_px(a)},{_px(b)}" for a, b in line),
                marks=(),
                label_y=_px(at + 3.5),
            )
        )
    step = max(1, math.ceil((top - bottom) / 8))
    return Chart(
        title=_title(curves),
        width=_px(_WIDTH_PX),
        height=_px(_HEIGHT_PX),
        left=_px(_LEFT_PX),
        right=_px(right),
        label_x=_px(right + 6),
        bottom=_px(low),
        tick_y=_px(low + 16),
        x_ticks=tuple(Tick(_px(x(f / 10)), f"{f / 10:.1f}") for f in range(6)),
        y_ticks=tuple(
            Tick(_px(y(float(power))), f"1e{power}") for power in range(bottom, top + 1, step)
        ),
        lines=tuple(lines),
    )
