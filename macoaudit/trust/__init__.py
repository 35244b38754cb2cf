"""The trust panel: controls that say whether a run's pictures can be believed."""

from macoaudit.trust.agreement import initialisations, inversion_features, parametrizations
from macoaudit.trust.controls import dead_target, null_objective, random_weights
from macoaudit.trust.features import feature_function, middle_layer, path_layers
from macoaudit.trust.panel import CHECKS, n_inversions, trust_panel
from macoaudit.trust.path import NaturalImages, layer_path
from macoaudit.trust.setting import ControlSettings, TrustInput

__all__ = [
    "CHECKS",
    "ControlSettings",
    "NaturalImages",
    "TrustInput",
    "dead_target",
    "feature_function",
    "initialisations",
    "inversion_features",
    "layer_path",
    "middle_layer",
    "n_inversions",
    "null_objective",
    "parametrizations",
    "path_layers",
    "random_weights",
    "trust_panel",
]
