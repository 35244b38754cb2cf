"""Concepts of a class: parts of its activations, their importance, and where they lie."""

from macoaudit.concepts.choosing import class_index, concept_layer, images_of_class
from macoaudit.concepts.crops import crop_boxes, cut
from macoaudit.concepts.direction import DirectionObjective, pooled_activation
from macoaudit.concepts.factorize import Factorization, factorize, join_signs, split_signs
from macoaudit.concepts.finding import CROP_SIDES_FRAC, concepts
from macoaudit.concepts.importance import sobol_total, total_index_design, total_indices
from macoaudit.concepts.locate import fine_grids, iou, place_coefficients, region, upsample
from macoaudit.concepts.records import Concept, ConceptSet, TopCrop

__all__ = [
    "CROP_SIDES_FRAC",
    "Concept",
    "ConceptSet",
    "DirectionObjective",
    "Factorization",
    "TopCrop",
    "class_index",
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
    "pooled_activation",
    "region",
    "sobol_total",
    "split_signs",
    "total_index_design",
    "total_indices",
    "upsample",
]
