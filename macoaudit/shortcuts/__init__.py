"""Shortcut tests: does a network use a cue that does not belong to the class?"""

from macoaudit.shortcuts.anomaly import AnomalySettings, class_anomaly
from macoaudit.shortcuts.candidates import (
    Candidates,
    candidates_from_maps,
    compact_region,
    occlusion_maps,
)
from macoaudit.shortcuts.component import ComponentSettings, Sufficiency, selective_component
from macoaudit.shortcuts.filters import FilterSettings, spectrum_transfer
from macoaudit.shortcuts.masks import MaskSettings, ObjectMasks, mask_sensitivity
from macoaudit.shortcuts.multiplicity import benjamini_hochberg, cannot_pass, draws_needed
from macoaudit.shortcuts.records import Evidence, NotTested, NullSummary, Region
from macoaudit.shortcuts.recurring import RecurrenceSettings
from macoaudit.shortcuts.regions import SearchSettings
from macoaudit.shortcuts.screen import ScreenSettings, property_screen
from macoaudit.shortcuts.shifting import ShiftSettings, property_shift
from macoaudit.shortcuts.stamp import Stamps, stamp_consistency
from macoaudit.shortcuts.suite import SuiteSettings, Tested, shortcut_tests
from macoaudit.shortcuts.tiles import TileSettings, spectrum_recurrence
from macoaudit.shortcuts.transfer import TransferSettings, patch_transfer
from macoaudit.shortcuts.trigger import TriggerSteps
from macoaudit.shortcuts.verdict import Judged, ShortcutFinding, Verdict, judge, verdict
from macoaudit.shortcuts.words import FindingWords

__all__ = [
    "AnomalySettings",
    "Candidates",
    "ComponentSettings",
    "Evidence",
    "FilterSettings",
    "FindingWords",
    "Judged",
    "MaskSettings",
    "NotTested",
    "NullSummary",
    "ObjectMasks",
    "RecurrenceSettings",
    "Region",
    "ScreenSettings",
    "SearchSettings",
    "ShiftSettings",
    "ShortcutFinding",
    "Stamps",
    "Sufficiency",
    "SuiteSettings",
    "Tested",
    "TileSettings",
    "TransferSettings",
    "TriggerSteps",
    "Verdict",
    "benjamini_hochberg",
    "candidates_from_maps",
    "cannot_pass",
    "class_anomaly",
    "compact_region",
    "draws_needed",
    "judge",
    "mask_sensitivity",
    "occlusion_maps",
    "patch_transfer",
    "property_screen",
    "property_shift",
    "selective_component",
    "shortcut_tests",
    "spectrum_recurrence",
    "spectrum_transfer",
    "stamp_consistency",
    "verdict",
]
