"""Records of the plots that a report shows: their numbers, names and size, nothing drawn yet.

A view holds these; :mod:`macoaudit.report.plots` draws them when a page is rendered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

STYLES = (
    ("s0", "#17548f", ()),
    ("s1", "#b3541e", ()),
    ("s2", "#3d7a45", (3.5, 1.5)),
    ("s3", "#8a3f86", (1.5, 1.5)),
    ("s4", "#56606b", (4.5, 1.5, 1.0, 1.5)),
    ("s5", "#8a6a00", (1.0, 1.0)),
)
"""Name in the stylesheet, colour and dashes (in widths of the line) of a line: no two look alike
without colour and name."""
HEAT_PASSED = (0.25, 0.5, 0.75, 1.0)
HEAT_FLAGGED = (1.5, 2.0)
"""Ratios at which the colour of a heat table's cell changes, unflagged and flagged."""
HEAT_COLORS = (
    *("#edf1f5", "#d6dfe8", "#bccbda", "#9db4cb", "#7f9fc0"),
    *("#f6cf9a", "#eb9a5b", "#a8201b"),
)
"""Blue for what was not flagged, orange to red for what was; one between two bounds."""
FLAG = "✗"
LABEL_GAP_PX = 12.0

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Line:
    """One line of a plot."""

    name: str
    values: tuple[float | None, ...]
    """One a place; None leaves the place out."""
    style: int
    """Of :data:`STYLES`."""


@dataclass(frozen=True)
class Chart:
    """Lines over common places."""

    title: str
    """Stands in for the drawing: every number in it, or those that matter."""
    xs: tuple[float, ...]
    lines: tuple[Line, ...]
    x_names: tuple[str, ...] | None = None
    """Of the places; None: the axis has numbers."""
    x_label: str = ""
    y_label: str = ""
    x_scale: Scale = "linear"
    y_scale: Scale = "linear"
    y_ends: tuple[float, float] | None = None
    """Of the vertical axis; None: from 0 to what holds the largest value."""
    band: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """Lower and upper edge of an area in the first line's colour."""
    marked: tuple[float, str] | None = None
    """A place with an upright line, and its name."""
    marks: bool = True
    """Whether every value has a dot."""
    width_px: float = 400.0
    height_px: float = 170.0
    label_px: float = 120.0
    """Room for the names right of the lines."""
    caption: str = ""
    """Said above the drawing."""


@dataclass(frozen=True)
class HeatCell:
    """One number of a heat table."""

    value: float | None
    """None: there is no number, and the cell is crossed out."""
    text: str
    """What is written in the cell, and in the table beside the drawing."""
    flagged: bool = False


@dataclass(frozen=True)
class HeatMap:
    """Numbers by row and column, in colours."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[HeatCell, ...], ...]
    """By row."""
    scale: str
    """What the colours stand for."""


def heat_level(cell: HeatCell) -> int:
    """Find the colour of a cell with a number: its place in :data:`HEAT_COLORS`."""
    value = cell.value or 0.0
    if cell.flagged:
        return len(HEAT_PASSED) + 1 + sum(value >= bound for bound in HEAT_FLAGGED)
    return sum(value >= bound for bound in HEAT_PASSED)


def spread_labels(
    wanted: Sequence[float], low: float, high: float, gap: float = LABEL_GAP_PX
) -> list[float]:
    """Move labels apart until none overlaps, keeping their order and staying in the drawing.

    Args:
        wanted: where each would stand, in px.
        low: the least that is allowed.
        high: the most that is allowed.
        gap: between two of them.
    """
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    placed = [0.0] * len(wanted)
    at = low - gap
    for i in order:
        at = placed[i] = max(wanted[i], at + gap)
    at = high + gap
    for i in reversed(order):
        at = placed[i] = min(placed[i], at - gap)
    return placed


def line_chart(
    title: str,
    x_names: Sequence[str],
    series: Sequence[tuple[str, Sequence[float | None]]],
    *,
    top: float | None = None,
    width_px: float = 400.0,
    height_px: float = 170.0,
    label_px: float = 120.0,
) -> Chart:
    """Describe lines over equally spaced places.

    Args:
        title: words that stand in for the drawing.
        x_names: one a place, left to right.
        series: name and one value a place for each line; None leaves the place out.
        top: end of the vertical axis; by default it fits the largest value.
        width_px: of the drawing.
        height_px: of the drawing.
        label_px: room for the names right of the lines.

    Returns:
        The chart; values below 0 will be drawn on the axis.
    """
    return Chart(
        title=title,
        xs=tuple(float(place) for place in range(len(x_names))),
        lines=tuple(
            Line(name, tuple(values), number % len(STYLES))
            for number, (name, values) in enumerate(series)
        ),
        x_names=tuple(x_names),
        y_ends=None if top is None else (0.0, top),
        width_px=width_px,
        height_px=height_px,
        label_px=label_px,
    )
