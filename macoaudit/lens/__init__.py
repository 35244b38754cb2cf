"""The steerable lens: phases extrapolated in a complex steerable pyramid towards another class."""

from macoaudit.lens.driver import Network
from macoaudit.lens.result import Answers, LensFlag, LensResult, Track
from macoaudit.lens.running import steerable_lens
from macoaudit.lens.settings import (
    PIXEL_UNIT_FRAC,
    LensChannels,
    LensConfig,
    LensControl,
    LensMethod,
    LensMode,
    LensObjective,
)
from macoaudit.lens.warping import warp_share

__all__ = [
    "PIXEL_UNIT_FRAC",
    "Answers",
    "LensChannels",
    "LensConfig",
    "LensControl",
    "LensFlag",
    "LensMethod",
    "LensMode",
    "LensObjective",
    "LensResult",
    "Network",
    "Track",
    "steerable_lens",
    "warp_share",
]
