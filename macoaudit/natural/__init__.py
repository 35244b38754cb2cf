"""Distances to natural images in a feature space: plausibility, nearest images, prototypes.

Pure functions of feature vectors; where the vectors come from is the caller's business. A vector
that says nothing (not finite, zero, one number repeated) makes a measurement ``Skipped``.
"""

from macoaudit.natural.bank import Bank
from macoaudit.natural.features import flaw, nearest_distance, sound, unit
from macoaudit.natural.neighbours import Neighbours, nearest
from macoaudit.natural.plausibility import (
    picture_plausibility,
    plausibility,
    plausibility_in,
    too_few,
)
from macoaudit.natural.prototypes import prototype_transfer

__all__ = [
    "Bank",
    "Neighbours",
    "flaw",
    "nearest",
    "nearest_distance",
    "picture_plausibility",
    "plausibility",
    "plausibility_in",
    "prototype_transfer",
    "sound",
    "too_few",
    "unit",
]
