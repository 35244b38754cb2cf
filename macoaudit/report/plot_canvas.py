"""A figure without decoration, and names cut to their room: what all plots begin with."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # slow to import, and most commands draw nothing
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED = "#1a1f26", "#56606b"
LETTER_PX = 6.0
"""Of a letter, about. A name without room is cut, and the table beside the drawing has it whole."""


def named(name: str, room_px: float) -> str:
    """Cut a name to what there is room for; its dollars are no formulas (parse_math)."""
    most = max(int(room_px / LETTER_PX), 4)
    return name if len(name) <= most else f"{name[: most - 1]}…"


def new_figure(width_px: float, height_px: float) -> "Figure":
    """Make an empty figure that is written as SVG, a pixel to a point."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_px / 72, height_px / 72), dpi=72, facecolor="none")
    FigureCanvasSVG(figure)
    return figure


def strip_axes(axes: "Axes") -> None:
    """Take frame, background and tick marks away; the numbers at the ticks stay."""
    axes.patch.set_visible(False)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(which="both", length=0, pad=5, labelcolor=MUTED)
