"""Frozen records of what a run found: plain data, no tensors, ready for JSON.

Every report, gate and benchmark reads these records; none computes a number of its own. The JSON
form is fixed by ``data/results.schema.json`` (``schema_version`` 1). Paths are relative to the run
folder with forward slashes. Every number is finite; one that could not be had is ``None`` beside a
reason, or the whole measurement is a :class:`Skipped`.
"""

from macoaudit.results.concepts import (
    ChosenBy,
    ClassConcepts,
    ConceptCrop,
    ConceptImage,
    ConceptPlace,
    ConceptRecord,
    NonNegative,
)
from macoaudit.results.json_form import (
    concepts_from_json,
    concepts_to_json,
    from_json,
    image_from_json,
    image_to_json,
    to_json,
    trust_from_json,
    trust_to_json,
    visualizations_from_json,
    visualizations_to_json,
)
from macoaudit.results.measures import (
    DROPPED_TO,
    KEPT_FROM,
    DeletionPoint,
    DepthPoint,
    Exemplar,
    Faithfulness,
    Plausibility,
    Retained,
    Retention,
    SeedPlausibility,
    Skipped,
    Transfer,
    TransferMethod,
    TrustCheck,
    TrustOutcome,
)
from macoaudit.results.predictions import Prediction
from macoaudit.results.records import (
    SCHEMA_VERSION,
    ImageAudit,
    ImageStatus,
    Inversion,
    ModelRecord,
    Run,
    RunStatus,
    WeightsOrigin,
)
from macoaudit.results.skips import skipped_checks
from macoaudit.results.visualizations import (
    Method,
    TargetForm,
    TargetKind,
    TargetTerm,
    TargetTransfer,
    Visualization,
    VisualizationStatus,
)

__all__ = [
    "DROPPED_TO",
    "KEPT_FROM",
    "SCHEMA_VERSION",
    "ChosenBy",
    "ClassConcepts",
    "ConceptCrop",
    "ConceptImage",
    "ConceptPlace",
    "ConceptRecord",
    "DeletionPoint",
    "DepthPoint",
    "Exemplar",
    "Faithfulness",
    "ImageAudit",
    "ImageStatus",
    "Inversion",
    "Method",
    "ModelRecord",
    "NonNegative",
    "Plausibility",
    "Prediction",
    "Retained",
    "Retention",
    "Run",
    "RunStatus",
    "SeedPlausibility",
    "Skipped",
    "TargetForm",
    "TargetKind",
    "TargetTerm",
    "TargetTransfer",
    "Transfer",
    "TransferMethod",
    "TrustCheck",
    "TrustOutcome",
    "Visualization",
    "VisualizationStatus",
    "WeightsOrigin",
    "concepts_from_json",
    "concepts_to_json",
    "from_json",
    "image_from_json",
    "image_to_json",
    "skipped_checks",
    "to_json",
    "trust_from_json",
    "trust_to_json",
    "visualizations_from_json",
    "visualizations_to_json",
]
