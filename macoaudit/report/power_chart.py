"""Power over frequency, both logarithmic, as a stand-alone SVG file."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from macoaudit.report.charts import STYLES, Chart, Line
from macoaudit.report.plots import plot_svg
from macoaudit.report.words import visible

_WIDTH_PX, _HEIGHT_PX, _LABEL_PX = 640.0, 380.0, 170.0
# Below the smallest power that is drawn: rounding of 8 bits is about 1e-6.
_FLOOR = 1e-9


@dataclass(frozen=True)
class Curve:
    """Mean power of some pictures at each frequency."""

    name: str
    frequencies: tuple[float, ...]
    """In cycles per pixel, rising, above 0."""
    power: tuple[float, ...]
    band: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """Lower and upper power of most pictures, drawn as an area."""


def power_svg(curves: Sequence[Curve], above: float) -> bytes:
    """Draw power over frequency as a stand-alone SVG document.

    Args:
        curves: of the same frequencies, at most as many as there are line styles; the first may
            have a band.
        above: a frequency to mark.

    Returns:
        The bytes of the file, the same for the same curves.
    """
    return (plot_svg(power_chart(curves, above), alone=True) + "\n").encode()


def power_chart(curves: Sequence[Curve], above: float) -> Chart:
    """Describe the drawing of :func:`power_svg`; its arguments are the same."""
    values = [v for curve in curves for v in (*curve.power, *_edges(curve)) if v > _FLOOR]
    low = math.floor(math.log10(min(values, default=1e-3)))
    high = max(math.ceil(math.log10(max(values, default=1.0))), low + 1)
    least = 10.0**low

    def drawn(powers: Sequence[float]) -> tuple[float, ...]:
        return tuple(max(power, least) for power in powers)

    band = curves[0].band
    names = [visible(curve.name) for curve in curves]
    return Chart(
        title=f"Mean power over frequency of {', '.join(names)}",
        xs=curves[0].frequencies,
        lines=tuple(
            Line(name, drawn(curve.power), style)
            for name, curve, style in zip(names, curves, range(len(STYLES)), strict=False)
        ),
        x_label="frequency, cycles per pixel (coarse to fine)",
        y_label="power",
        x_scale="log",
        y_scale="log",
        y_ends=(least, 10.0**high),
        band=None if band is None else (drawn(band[0]), drawn(band[1])),
        marked=(above, f"above {above:g}") if above > 0 else None,
        marks=False,
        width_px=_WIDTH_PX,
        height_px=_HEIGHT_PX,
        label_px=_LABEL_PX,
    )


def _edges(curve: Curve) -> tuple[float, ...]:
    return () if curve.band is None else (*curve.band[0], *curve.band[1])
