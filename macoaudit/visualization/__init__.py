"""The work of ``macoaudit visualize``: named targets in, a run folder of pictures out."""

from macoaudit.visualization.job import run_visualize
from macoaudit.visualization.setup import Drawing, named_targets, prepare_drawing

__all__ = ["Drawing", "named_targets", "prepare_drawing", "run_visualize"]
