"""The work of ``macoaudit visualize``: named targets in, a run folder of pictures out."""

from macoaudit.visualization.job import interrupted, run_visualize, spectrum_record
from macoaudit.visualization.records import build_pictures, build_record, visualization_id
from macoaudit.visualization.setup import Drawing, named_targets, prepare_drawing

__all__ = [
    "Drawing",
    "build_pictures",
    "build_record",
    "interrupted",
    "named_targets",
    "prepare_drawing",
    "run_visualize",
    "spectrum_record",
    "visualization_id",
]
