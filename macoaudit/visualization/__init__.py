"""The work of ``macoaudit visualize``: named targets in, a run folder of pictures out."""

from macoaudit.visualization.job import run_visualize
from macoaudit.visualization.records import build_pictures, build_record, visualization_id
from macoaudit.visualization.setup import Drawing, named_targets, prepare_drawing

__all__ = [
    "Drawing",
    "build_pictures",
    "build_record",
    "named_targets",
    "prepare_drawing",
    "run_visualize",
    "visualization_id",
]
