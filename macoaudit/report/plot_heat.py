"""A heat table drawn by matplotlib."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from macoaudit.report.charts import (
    FLAG,
    HEAT_COLORS,
    HEAT_FLAGGED,
    HEAT_PASSED,
    HeatMap,
    heat_level,
)
from macoaudit.report.plot_canvas import INK, MUTED, named, new_figure, strip_axes

if TYPE_CHECKING:  # slow to import, and most commands draw nothing
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path

PAPER, CROSS = "#ffffff", "#7d8792"
_CELL_PX, _ROW_PX, _NAMES_PX, _HEAD_PX, _FOOT_PX = 74.0, 22.0, 172.0, 36.0, 46.0
_HEAT_INK = (INK, INK, INK, INK, INK, INK, INK, PAPER)
"""Of the numbers on each of :data:`HEAT_COLORS`."""


def heat_size(heat: HeatMap) -> tuple[float, float]:
    """Width and height of a heat table's drawing in px."""
    width = _NAMES_PX + _CELL_PX * max(len(heat.columns), 5) + 4
    return width, _HEAD_PX + _ROW_PX * len(heat.rows) + _FOOT_PX


def _joined(shapes: Sequence[Sequence[tuple[float, float]]], *, closed: bool) -> "Path":
    """One path of many shapes, so that a colour is written once."""
    from matplotlib.path import Path

    return Path.make_compound_path(
        *(Path([*shape, shape[0]] if closed else shape, closed=closed) for shape in shapes)
    )


def _cells(axes: "Axes", heat: HeatMap) -> None:
    """Cells of one colour at a time; then what is written in them."""
    from matplotlib.patches import PathPatch

    boxes: dict[int, list[list[tuple[float, float]]]] = {}
    crossed: list[list[tuple[float, float]]] = []
    words: list[tuple[str, float, float, str]] = []
    for y, cells in enumerate(heat.cells):
        for x, cell in enumerate(cells):
            if cell.value is None:
                crossed.append([(x + 0.1, y + 0.82), (x + 0.9, y + 0.18)])
                continue
            a, b, c, d = x + 0.015, x + 0.985, y + 0.05, y + 0.95
            level = heat_level(cell)
            text = f"{cell.text} {FLAG}" if cell.flagged else cell.text
            boxes.setdefault(level, []).append([(a, c), (b, c), (b, d), (a, d)])
            words.append((_HEAT_INK[level], x + 0.5, y + 0.52, text))
    for level, found in sorted(boxes.items()):
        path = _joined(found, closed=True)
        axes.add_patch(PathPatch(path, facecolor=HEAT_COLORS[level], linewidth=0))
    if crossed:
        path = _joined(crossed, closed=False)
        axes.add_patch(PathPatch(path, fill=False, edgecolor=CROSS, linewidth=1.0))
    for ink, x_at, y_at, text in sorted(words, key=lambda word: word[0]):
        axes.text(x_at, y_at, text, color=ink, ha="center", va="center")


def _key(figure: "Figure", heat: HeatMap) -> None:
    """The scale of colours, and how a cell without a number looks."""
    from matplotlib.lines import Line2D

    width, height = heat_size(heat)
    axes = figure.add_axes((_NAMES_PX / width, 20 / height, 240 / width, 9 / height))
    strip_axes(axes)
    places = range(len(HEAT_COLORS))
    gap = len(HEAT_PASSED) + 1  # the flagged ones stand apart
    axes.bar(
        [place + 0.6 * (place >= gap) for place in places],
        1.0,
        0.96,
        align="edge",
        color=HEAT_COLORS,
        linewidth=0,
    )
    axes.set_xlim(0, len(HEAT_COLORS) + 0.6)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    ends = [place - 0.02 for place in range(1, gap)]
    ends += [gap + 0.6 + place for place in range(len(HEAT_FLAGGED) + 1)]
    bounds = (*HEAT_PASSED, FLAG, *HEAT_FLAGGED)
    names = [bound if isinstance(bound, str) else f"{bound:g}" for bound in bounds]
    axes.set_xticks(ends, names)
    figure.text(
        (_NAMES_PX - 10) / width, 24 / height, heat.scale, ha="right", va="center", color=MUTED
    )
    at = (_NAMES_PX + 262) / width
    line = Line2D([at, at + 26 / width], [20 / height, 29 / height], color=CROSS, linewidth=1.0)
    figure.add_artist(line)
    figure.text(at + 32 / width, 24 / height, "not made", va="center", color=MUTED)


def draw_heat(heat: HeatMap) -> "Figure":
    """Draw the cells in their colours with their numbers, names beside them, the key below."""
    width, height = heat_size(heat)
    figure = new_figure(width, height)
    size = (_CELL_PX * len(heat.columns) / width, _ROW_PX * len(heat.rows) / height)
    axes = figure.add_axes((_NAMES_PX / width, _FOOT_PX / height, *size))
    axes.set_xlim(0, len(heat.columns))
    axes.set_ylim(len(heat.rows), 0)
    strip_axes(axes)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_xticks([])
    for place, name in enumerate(heat.columns):
        parts = textwrap.wrap(name, 13) or [""]
        if len(parts) > 2:
            parts = [parts[0], f"{parts[1][:12]}…"]
        for up, part in enumerate(reversed(parts)):
            at = (place + 0.5, -0.25 - 0.62 * up)
            axes.text(*at, part, color=MUTED, ha="center", va="baseline")
    names = [named(name, _NAMES_PX - 20) for name in heat.rows]
    axes.set_yticks([place + 0.52 for place in range(len(names))], names)
    _cells(axes, heat)
    _key(figure, heat)
    return figure
