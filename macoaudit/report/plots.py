"""Plots as SVG, drawn by matplotlib: the same bytes for the same numbers and versions."""

import io
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from macoaudit.report.charts import (
    LABEL_GAP_PX,
    STYLES,
    Chart,
    HeatMap,
    spread_labels,
)
from macoaudit.report.plot_canvas import LETTER_PX, MUTED, named, new_figure, strip_axes
from macoaudit.report.plot_heat import draw_heat
from macoaudit.report.plot_svg import TEXT_PX, compact

if TYPE_CHECKING:  # slow to import, and most commands draw nothing
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GRID = "#d9dee4"
_TOP_PX, _BOTTOM_PX, _LEFT_PX = 12.0, 24.0, 40.0


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


def _ticks(chart: Chart) -> tuple[list[float], list[str]]:
    """Names under the axis that do not run into each other: all, or every second, third, ..."""
    names = [named(name, 130.0) for name in chart.x_names or ()]
    room_px = (chart.width_px - _LEFT_PX - chart.label_px) / max(len(names), 1)
    step = math.ceil((max(map(len, names)) + 1) * LETTER_PX / room_px)
    return list(chart.xs[::step]), names[::step]


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
            named(line.name, chart.label_px - 8),
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
    figure = new_figure(chart.width_px, chart.height_px)
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
    strip_axes(axes)
    _set_axes(axes, chart)
    _extras(axes, chart)
    _lines(axes, chart)
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
        figure = draw_heat(item) if isinstance(item, HeatMap) else _draw_lines(item)
        source = _written(figure)
    # Made here from attributes and escaped text; nothing in it was markup before.
    return Markup(compact(source, item.title, look=look, alone=alone))
