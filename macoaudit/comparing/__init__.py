"""Two runs of one command compared: what changed, by how much, and what cannot be compared."""

from macoaudit.comparing.comparison import compare
from macoaudit.comparing.json_form import comparison_text, comparison_to_json
from macoaudit.comparing.reading import Loaded, load_run
from macoaudit.comparing.records import (
    Alone,
    AttributePair,
    Caution,
    ClassPair,
    Comparison,
    Difference,
    FindingPair,
    FindingSide,
    GateSide,
    ImagePair,
    ImageSide,
    PairedChange,
    PairState,
    Relation,
    Side,
)

__all__ = [
    "Alone",
    "AttributePair",
    "Caution",
    "ClassPair",
    "Comparison",
    "Difference",
    "FindingPair",
    "FindingSide",
    "GateSide",
    "ImagePair",
    "ImageSide",
    "Loaded",
    "PairState",
    "PairedChange",
    "Relation",
    "Side",
    "compare",
    "comparison_text",
    "comparison_to_json",
    "load_run",
]
