"""What an inversion shares with its reference: numbers with a null, and proof by deletion."""

from macoaudit.retention.attributes import (
    ATTRIBUTES,
    Likeness,
    Scored,
    Traits,
    band_names,
    likeness,
    retained,
    traits,
)
from macoaudit.retention.content import (
    ContentMap,
    content_map,
    matched_places,
    patch_features,
    pooled_map,
)
from macoaudit.retention.deletion import (
    AREAS,
    FILLS,
    delete,
    faithfulness,
    move_maps,
    region,
)
from macoaudit.retention.drawing import draw_map

__all__ = [
    "AREAS",
    "ATTRIBUTES",
    "FILLS",
    "ContentMap",
    "Likeness",
    "Scored",
    "Traits",
    "band_names",
    "content_map",
    "delete",
    "draw_map",
    "faithfulness",
    "likeness",
    "matched_places",
    "move_maps",
    "patch_features",
    "pooled_map",
    "region",
    "retained",
    "traits",
]
