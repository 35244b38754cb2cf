"""The work of ``macoaudit concepts``: images of a class in, a run folder of its concepts out."""

from macoaudit.concept_run.job import run_concepts
from macoaudit.concept_run.members import Chosen, Member, choose_members
from macoaudit.concept_run.pictures import heat_colors, overlay
from macoaudit.concept_run.setup import ConceptSetup, prepare_concepts

__all__ = [
    "Chosen",
    "ConceptSetup",
    "Member",
    "choose_members",
    "heat_colors",
    "overlay",
    "prepare_concepts",
    "run_concepts",
]
