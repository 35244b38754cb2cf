"""Shortcut tests: does a network use a cue that does not belong to the class?"""

from macoaudit.shortcuts.anomaly import AnomalySettings, class_anomaly
from macoaudit.shortcuts.candidates import (
    Candidates,
    candidates_from_maps,
    compact_region,
    occlusion_candidates,
    occlusion_maps,
    shown_and_retained,
)
from macoaudit.shortcuts.component import ComponentSettings, Sufficiency, selective_component
from macoaudit.shortcuts.masks import MaskSettings, ObjectMasks, mask_sensitivity
from macoaudit.shortcuts.multiplicity import benjamini_hochberg, cannot_pass, draws_needed
from macoaudit.shortcuts.records import Evidence, NotTested, NullSummary, Region
from macoaudit.shortcuts.screen import ScreenSettings, property_screen
from macoaudit.shortcuts.shifting import ShiftSettings, property_shift
from macoaudit.shortcuts.stamp import StampSettings, stamp_consistency
from macoaudit.shortcuts.transfer import TransferSettings, patch_transfer
from macoaudit.shortcuts.trigger import TriggerSteps
from macoaudit.shortcuts.verdict import Judged, ShortcutFinding, Verdict, judge, verdict
from macoaudit.shortcuts.words import FindingWords

__all__ = [
    "AnomalySettings",
    "Candidates",
    "ComponentSettings",
    "Evidence",
    "FindingWords",
    "Judged",
    "MaskSettings",
    "NotTested",
    "NullSummary",
    "ObjectMasks",
    "Region",
    "ScreenSettings",
    "ShiftSettings",
    "ShortcutFinding",
    "StampSettings",
    "Sufficiency",
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
    "occlusion_candidates",
    "occlusion_maps",
    "patch_transfer",
    "property_screen",
    "property_shift",
    "selective_component",
    "shown_and_retained",
    "stamp_consistency",
    "verdict",
]
