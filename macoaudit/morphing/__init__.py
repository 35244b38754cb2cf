"""Runs of the steerable lens: images moved towards other classes, with controls and reports."""

from macoaudit.morphing.job import run_morph
from macoaudit.morphing.records import morph_record
from macoaudit.morphing.targets import Confusion, Reading, confusions, each_targets, read_logits

__all__ = [
    "Confusion",
    "Reading",
    "confusions",
    "each_targets",
    "morph_record",
    "read_logits",
    "run_morph",
]
