"""The work of ``macoaudit gallery``: every class of a network drawn, with what drives it."""

from macoaudit.gallery.drivers import class_drivers, driver_goal
from macoaudit.gallery.job import run_gallery

__all__ = ["class_drivers", "driver_goal", "run_gallery"]
