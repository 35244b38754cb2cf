"""The second half of a run: what the finished inversions show, in numbers with proof."""

from macoaudit.measuring.context import Context, build_context
from macoaudit.measuring.image import measure_image
from macoaudit.measuring.panel import trust_checks
from macoaudit.measuring.pictures import Pictures
from macoaudit.measuring.summary import summary

__all__ = [
    "Context",
    "Pictures",
    "build_context",
    "measure_image",
    "summary",
    "trust_checks",
]
