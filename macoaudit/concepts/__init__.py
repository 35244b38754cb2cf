"""Concepts of a class: parts of its activations, their importance, and where they lie."""

from macoaudit.concept_config import CROP_SIDES_FRAC
from macoaudit.concepts.choosing import (
    class_index,
    class_of_label,
    concept_layer,
    images_of_class,
    read_layer,
)
from macoaudit.concepts.crops import crop_boxes, cut
from macoaudit.concepts.factorize import Factorization, factorize, join_signs, split_signs
from macoaudit.concepts.finding import OnImage, concepts
from macoaudit.concepts.importance import sobol_total, total_index_design, total_indices
from macoaudit.concepts.locate import fine_grids, iou, place_coefficients, region, upsample
from macoaudit.concepts.records import Concept, ConceptSet, TopCrop

__all__ = [
    "CROP_SIDES_FRAC",
    "Concept",
    "ConceptSet",
    "Factorization",
    "OnImage",
    "TopCrop",
    "class_index",
    "class_of_label",
    "concept_layer",
    "concepts",
    "crop_boxes",
    "cut",
    "factorize",
    "fine_grids",
    "images_of_class",
    "iou",
    "join_signs",
    "place_coefficients",
    "read_layer",
    "region",
    "sobol_total",
    "split_signs",
    "total_index_design",
    "total_indices",
    "upsample",
]
