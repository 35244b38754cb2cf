"""macoaudit: feature inversion and model auditing with MACO.

The names a notebook needs are here; they are imported when first used, because torch takes seconds.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from macoaudit.audit_config import AuditConfig
    from macoaudit.auditing import run_audit
    from macoaudit.concept_config import ConceptsConfig
    from macoaudit.concept_run import run_concepts
    from macoaudit.config import InvertConfig, MacoConfig, preset
    from macoaudit.drawing import visualize
    from macoaudit.drawing_config import GalleryConfig, TargetConfig, VisualizeConfig
    from macoaudit.gallery import run_gallery
    from macoaudit.inversion import invert
    from macoaudit.models import load_model
    from macoaudit.morph_config import MorphConfig
    from macoaudit.morphing import run_morph
    from macoaudit.pipeline import run_invert
    from macoaudit.report.html import render_html
    from macoaudit.spectrum import load_spectrum, measure_spectrum
    from macoaudit.store import read_results
    from macoaudit.targets import Target
    from macoaudit.visualization import run_visualize

__version__ = "0.1.0"

_HOMES = {
    "AuditConfig": "macoaudit.audit_config",
    "GalleryConfig": "macoaudit.drawing_config",
    "ConceptsConfig": "macoaudit.concept_config",
    "InvertConfig": "macoaudit.config",
    "MacoConfig": "macoaudit.config",
    "MorphConfig": "macoaudit.morph_config",
    "Target": "macoaudit.targets",
    "TargetConfig": "macoaudit.drawing_config",
    "VisualizeConfig": "macoaudit.drawing_config",
    "invert": "macoaudit.inversion",
    "load_model": "macoaudit.models",
    "load_spectrum": "macoaudit.spectrum",
    "measure_spectrum": "macoaudit.spectrum",
    "preset": "macoaudit.config",
    "read_results": "macoaudit.store",
    "render_html": "macoaudit.report.html",
    "run_audit": "macoaudit.auditing",
    "run_gallery": "macoaudit.gallery",
    "run_concepts": "macoaudit.concept_run",
    "run_invert": "macoaudit.pipeline",
    "run_morph": "macoaudit.morphing",
    "run_visualize": "macoaudit.visualization",
    "visualize": "macoaudit.drawing",
}

__all__ = [
    "AuditConfig",
    "ConceptsConfig",
    "GalleryConfig",
    "InvertConfig",
    "MacoConfig",
    "MorphConfig",
    "Target",
    "TargetConfig",
    "VisualizeConfig",
    "__version__",
    "invert",
    "load_model",
    "load_spectrum",
    "measure_spectrum",
    "preset",
    "read_results",
    "render_html",
    "run_audit",
    "run_concepts",
    "run_gallery",
    "run_invert",
    "run_morph",
    "run_visualize",
    "visualize",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'macoaudit' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
