"""Plots as SVG, drawn by matplotlib: the same bytes for the same numbers and versions."""

import io
import logging
import math
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from macoaudit.report.charts import (
    FLAG,
    HEAT_COLORS,
    HEAT_FLAGGED,
    HEAT_PASSED,
    LABEL_GAP_PX,
    STYLES,
    Chart,
    HeatMap,
    heat_level,
    spread_labels,
)
from macoaudit.report.plot_svg import TEXT_PX, compact

if TYPE_CHECKING:  # slow to import, and most commands draw nothing
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path

INK, MUTED, GRID, PAPER, CROSS = "#1a1f26", "#56606b", "#d9dee4", "#ffffff", "#7d8792"
_LETTER_PX = 6.0
"""Of a letter, about. A name without room is cut, and the table beside the drawing has it whole."""
_TOP_PX, _BOTTOM_PX, _LEFT_PX = 12.0, 24.0, 40.0
_CELL_PX, _ROW_PX, _NAMES_PX, _HEAD_PX, _FOOT_PX = 74.0, 22.0, 172.0, 36.0, 46.0
_HEAT_INK = (INK, INK, INK, INK, INK, INK, INK, PAPER)
"""Of the numbers on each of :data:`HEAT_COLORS`."""


@contextmanager
def _settings() -> Iterator[None]:
    """Use the library's own settings, whatever a file of the user's says, and a few of ours."""
    log = logging.getLogger("matplotlib")
    if log.level == logging.NOTSET:  # its notes on caches of fonts are no news of an audit
        log.setLevel(logging.ERROR)
    import matplotlib

    ours = {
        "svg.fonttype": "none",
        "svg.hashsalt": "macoaudit",
        "text.parse_math": False,
        "text.usetex": False,
        "font.size": TEXT_PX,
        "font.family": ["DejaVu Sans"],
        "axes.unicode_minus": True,
        "lines.scale_dashes": True,
        "path.simplify": False,
    }
    theirs = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith("backend")}
    settings: Any = {**theirs, **ours}  # its stubs name every key, which differ by version
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # A name in a script that the measuring font lacks: the reader's own font has it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _named(name: str, room_px: float) -> str:
    """Cut a name to what there is room for; its dollars are no formulas (parse_math)."""
    most = max(int(room_px / _LETTER_PX), 4)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _ticks(chart: Chart) -> tuple[list[float], list[str]]:
    """Names under the axis that do not run into each other: all, or every second, third, ..."""
    names = [_named(name, 130.0) for name in chart.x_names or ()]
    room_px = (chart.width_px - _LEFT_PX - chart.label_px) / max(len(names), 1)
    step = math.ceil((max(map(len, names)) + 1) * _LETTER_PX / room_px)
    return list(chart.xs[::step]), names[::step]


def _figure(width_px: float, height_px: float) -> "Figure":
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_px / 72, height_px / 72), dpi=72, facecolor="none")
    FigureCanvasSVG(figure)
    return figure


def _bare(axes: "Axes") -> None:
    axes.patch.set_visible(False)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(which="both", length=0, pad=5, labelcolor=MUTED)


def _set_axes(axes: "Axes", chart: Chart) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale(chart.x_scale)
    axes.set_yscale(chart.y_scale)
    found = [value for line in chart.lines for value in line.values if value is not None]
    if chart.y_ends is None:
        axes.set_ylim(0.0, max([*found, 0.0]) * 1.04 or 1.0)
    else:
        axes.set_ylim(*chart.y_ends)
    first, last = chart.xs[0], chart.xs[-1]
    if chart.x_names is not None:
        axes.set_xlim(first - 0.08 * (last - first or 1), last + 0.04 * (last - first or 1))
        axes.set_xticks(*_ticks(chart))
    else:
        axes.set_xlim(first, last)
        if chart.x_scale == "log":
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    if chart.y_scale == "log":
        axes.yaxis.set_major_locator(LogLocator(numticks=8))
        axes.yaxis.set_major_formatter(lambda value, _: _decade(value))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(axis="y", color=GRID, linewidth=1.0)
    axes.set_axisbelow(True)


def _decade(value: float) -> str:
    power = round(math.log10(value))
    return f"1e{power}" if power else "1"


def _lines(axes: "Axes", chart: Chart) -> None:
    low, high = axes.get_ylim()
    height_px = axes.bbox.height
    ends: list[float] = []
    for line in chart.lines:
        _, color, dashes = STYLES[line.style]
        pairs = [(x, y) for x, y in zip(chart.xs, line.values, strict=True) if y is not None]
        ys = [min(max(y, low), high) for _, y in pairs]
        axes.plot(
            [x for x, _ in pairs],
            ys,
            color=color,
            linewidth=2.0,
            linestyle=(0, dashes) if dashes else "solid",
            marker="o" if chart.marks else "",
            markersize=5.2,
            markeredgewidth=0.0,
            clip_on=False,
        )
        at = axes.transData.transform((chart.xs[-1], ys[-1] if ys else low))[1]
        ends.append(float(at) - axes.bbox.y0)
    # From the top down, so that the order of equal ends is that of the lines.
    wanted = [height_px - end for end in ends]
    places = spread_labels(wanted, 2.0, height_px, LABEL_GAP_PX + 1)
    for line, place in zip(chart.lines, places, strict=True):
        axes.annotate(
            _named(line.name, chart.label_px - 8),
            (1.0, 1.0 - place / height_px),
            xycoords="axes fraction",
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=STYLES[line.style][1],
            annotation_clip=False,
        )


def _extras(axes: "Axes", chart: Chart) -> None:
    if chart.band is not None:
        from matplotlib.patches import Polygon

        lower, upper = (list(zip(chart.xs, edge, strict=True)) for edge in chart.band)
        color = STYLES[chart.lines[0].style][1]
        axes.add_patch(Polygon([*lower, *reversed(upper)], color=color, alpha=0.13, linewidth=0.0))
    if chart.marked is not None:
        at, name = chart.marked
        axes.axvline(at, color="#7d8792", linewidth=1.0, linestyle=(0, (2, 3)))
        axes.annotate(
            name,
            (at, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(5, -10),
            textcoords="offset points",
            color=MUTED,
        )
    if chart.x_label:
        axes.set_xlabel(chart.x_label, color=MUTED, loc="left", labelpad=6)
    if chart.y_label:
        axes.set_ylabel(chart.y_label, color=MUTED, labelpad=6)


def _draw_lines(chart: Chart) -> "Figure":
    figure = _figure(chart.width_px, chart.height_px)
    left = _LEFT_PX + (16 if chart.y_label else 0)
    bottom = _BOTTOM_PX + (18 if chart.x_label else 0)
    axes = figure.add_axes(
        (
            left / chart.width_px,
            bottom / chart.height_px,
            (chart.width_px - left - chart.label_px) / chart.width_px,
            (chart.height_px - bottom - _TOP_PX) / chart.height_px,
        )
    )
    _bare(axes)
    _set_axes(axes, chart)
    _extras(axes, chart)
    _lines(axes, chart)
    return figure


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
    _bare(axes)
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


def _draw_heat(heat: HeatMap) -> "Figure":
    width, height = heat_size(heat)
    figure = _figure(width, height)
    size = (_CELL_PX * len(heat.columns) / width, _ROW_PX * len(heat.rows) / height)
    axes = figure.add_axes((_NAMES_PX / width, _FOOT_PX / height, *size))
    axes.set_xlim(0, len(heat.columns))
    axes.set_ylim(len(heat.rows), 0)
    _bare(axes)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_xticks([])
    for place, name in enumerate(heat.columns):
        parts = textwrap.wrap(name, 13) or [""]
        if len(parts) > 2:
            parts = [parts[0], f"{parts[1][:12]}…"]
        for up, part in enumerate(reversed(parts)):
            at = (place + 0.5, -0.25 - 0.62 * up)
            axes.text(*at, part, color=MUTED, ha="center", va="baseline")
    names = [_named(name, _NAMES_PX - 20) for name in heat.rows]
    axes.set_yticks([place + 0.52 for place in range(len(names))], names)
    _cells(axes, heat)
    _key(figure, heat)
    return figure


def _written(figure: "Figure") -> bytes:
    stream = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(stream, format="svg", metadata=nothing)
    return stream.getvalue()


@lru_cache(maxsize=2048)
def plot_svg(item: Chart | HeatMap, look: str = "", *, alone: bool = False) -> Markup:
    """Draw a plot.

    Args:
        item: its numbers and names; names are text, whatever is in them.
        look: classes in the page's stylesheet.
        alone: as a document of its own.

    Returns:
        An ``svg`` element without ids; the same for the same arguments.
    """
    with _settings():
        figure = _draw_heat(item) if isinstance(item, HeatMap) else _draw_lines(item)
        source = _written(figure)
    # Made here from attributes and escaped text; nothing in it was markup before.
    return Markup(compact(source, item.title, look=look, alone=alone))
