"""Small line charts as coordinates: a template only has to write them down."""

import math
from collections.abc import Sequence

from macoaudit.report.pieces import Chart, Line, Tick

STYLES = (
    ("s0", "#17548f", ""),
    ("s1", "#b3541e", ""),
    ("s2", "#3d7a45", "7 3"),
    ("s3", "#8a3f86", "3 3"),
    ("s4", "#56606b", "9 3 2 3"),
    ("s5", "#8a6a00", "2 2"),
)
"""Class, colour and dashes of a line: no two look alike without colour and name."""
LABEL_GAP_PX = 12.0
TOP_PX, BOTTOM_PX, LEFT_PX = 10.0, 26.0, 34.0


def _px(value: float) -> str:
    return f"{value:.1f}"


def top_of_axis(largest: float) -> tuple[float, int]:
    """Find the end of an axis from 0 that holds ``largest``, and the decimals of its numbers.

    Args:
        largest: the largest number to be drawn; 0 or less gives an axis to 1.

    Returns:
        1, 2 or 5 times a power of ten, and how many decimals half of it needs.
    """
    if largest <= 0:
        return 1.0, 1
    power = math.floor(math.log10(largest))
    for factor in (1, 2, 5, 10):
        end = factor * 10.0**power
        if end >= largest * (1 - 1e-9):
            break
    return end, max(0, 1 - math.floor(math.log10(end)))


def spread_labels(wanted: Sequence[float], low: float, high: float) -> list[float]:
    """Move labels apart until none overlaps, keeping their order and staying in the drawing."""
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    placed = [0.0] * len(wanted)
    at = low - LABEL_GAP_PX
    for i in order:
        at = placed[i] = max(wanted[i], at + LABEL_GAP_PX)
    at = high + LABEL_GAP_PX
    for i in reversed(order):
        at = placed[i] = min(placed[i], at - LABEL_GAP_PX)
    return placed


def line_chart(
    title: str,
    x_labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[float | None]]],
    *,
    top: float | None = None,
    width_px: float = 400.0,
    height_px: float = 170.0,
    label_px: float = 120.0,
) -> Chart:
    """Lay out lines over equally spaced places.

    Args:
        title: words that stand in for the drawing.
        x_labels: one a place, left to right.
        series: name and one value a place for each line; None leaves the place out.
        top: end of the vertical axis; by default it fits the largest value.
        width_px: of the drawing.
        height_px: of the drawing.
        label_px: room for the names right of the lines.

    Returns:
        The chart; values below 0 are drawn on the axis.
    """
    found = [value for _, values in series for value in values if value is not None]
    end, decimals = top_of_axis(max(found, default=0.0)) if top is None else (top, 1)
    right, bottom = width_px - label_px, height_px - BOTTOM_PX
    step = (right - LEFT_PX - 16) / max(len(x_labels) - 1, 1)
    xs = [LEFT_PX + 8 + step * place for place in range(len(x_labels))]

    def y(value: float) -> float:
        return bottom - (bottom - TOP_PX) * min(max(value / end, 0.0), 1.0)

    points = [
        [(xs[i], y(value)) for i, value in enumerate(values) if value is not None]
        for _, values in series
    ]
    wanted = [line[-1][1] if line else bottom for line in points]
    labels = spread_labels(wanted, TOP_PX, bottom)
    lines = tuple(
        Line(
            name=name,
            style=STYLES[i % len(STYLES)][0],
            color=STYLES[i % len(STYLES)][1],
            dash=STYLES[i % len(STYLES)][2],
            path=" ".join(f"{_px(a)},{_px(b)}" for a, b in points[i]),
            marks=tuple((_px(a), _px(b)) for a, b in points[i]),
            label_y=_px(labels[i] + 3.5),
        )
        for i, (name, _) in enumerate(series)
    )
    return Chart(
        title=title,
        width=_px(width_px),
        height=_px(height_px),
        left=_px(LEFT_PX),
        right=_px(right),
        label_x=_px(right + 6),
        bottom=_px(bottom),
        tick_y=_px(bottom + 16),
        x_ticks=tuple(Tick(_px(x), text) for x, text in zip(xs, x_labels, strict=True)),
        y_ticks=tuple(
            Tick(_px(y(share * end)), f"{share * end:.{decimals}f}") for share in (0.0, 0.5, 1.0)
        ),
        lines=lines,
    )
