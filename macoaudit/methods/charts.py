"""The mean power spectra as a line chart with a logarithmic axis."""

import math

from macoaudit.methods.records import SpectrumCurves
from macoaudit.methods.words import method_name
from macoaudit.report.charts import Chart, Line

_WIDTH_PX, _HEIGHT_PX, _LABEL_PX = 620.0, 300.0, 120.0
_NATURAL = 4
"""Style of the natural images' line; the methods have those before it."""


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
    """Describe the mean power of every set over frequency, decades on the vertical axis."""
    found = [v for values in curves.log10_power.values() for v in values if v is not None]
    bottom, top = math.floor(min(found, default=0.0)), math.ceil(max(found, default=1.0))
    drawn = [name for name in curves.log10_power if name != "natural"]
    lines = tuple(
        Line(
            method_name(name),
            tuple(None if value is None else 10.0**value for value in values),
            drawn.index(name) % _NATURAL if name != "natural" else _NATURAL,
        )
        for name, values in curves.log10_power.items()
    )
    return Chart(
        title=_title(curves),
        xs=tuple(curves.frequency),
        lines=lines,
        x_label="frequency, cycles per pixel",
        y_scale="log",
        y_ends=(10.0**bottom, 10.0 ** max(top, bottom + 1)),
        marks=False,
        width_px=_WIDTH_PX,
        height_px=_HEIGHT_PX,
        label_px=_LABEL_PX,
    )
