"""Results to plain data: what a report shows, in which order, how much of it, in which words.

Text formats are functions of a view only. Numbers are read from the record and rounded
(:mod:`macoaudit.report.words`); the only arithmetic here is counting.
"""

import shlex
from collections.abc import Iterator

from macoaudit.errors import ReportError
from macoaudit.report.audit_view import AuditView, audit_cards, build_audit_view
from macoaudit.report.cards import build_card, card_pictures, weakest_first
from macoaudit.report.concept_cards import (
    ConceptCard,
    build_concept_card,
    concept_card_pictures,
)
from macoaudit.report.concept_view import ConceptsView, build_concepts_view
from macoaudit.report.drawn_cards import TargetCard, build_target_card, target_pictures
from macoaudit.report.drawn_view import DrawnView, build_drawn_view
from macoaudit.report.finding_cards import finding_pictures
from macoaudit.report.finding_records import FindingCard
from macoaudit.report.inverted_view import build_inverted_view
from macoaudit.report.limits import Limits
from macoaudit.report.morph_cards import morph_pictures
from macoaudit.report.morph_records import MorphCard, MorphView
from macoaudit.report.morph_view import build_morph_view, morph_cards
from macoaudit.report.pieces import Picture
from macoaudit.report.records import Card, View
from macoaudit.report.words import SIMILARITY_SCALE, visible
from macoaudit.results import Run

__all__ = [
    "SIMILARITY_SCALE",
    "AnyView",
    "AuditView",
    "ConceptsView",
    "DrawnView",
    "Limits",
    "MorphView",
    "View",
    "build_view",
    "cards_in_order",
    "pictures_of",
    "source_of",
]

AnyView = View | DrawnView | ConceptsView | AuditView | MorphView
AnyCard = Card | TargetCard | ConceptCard | FindingCard | MorphCard


def source_of(run: Run) -> str:
    """The command line of a run, safe to print."""
    command = run.volatile.get("command_line")
    if isinstance(command, list | tuple):
        return visible(shlex.join(str(part) for part in command))
    return "not recorded" if command is None else visible(command)


def cards_in_order(run: Run) -> Iterator[AnyCard]:
    """Build the cards of a run one by one, those that are shown first first."""
    if run.command == "visualize":
        yield from (build_target_card(one, "") for one in run.visualizations)
    elif run.command == "concepts":
        for found in run.concepts:
            yield from (build_concept_card(run, found, one, "") for one in found.concepts)
    elif run.command == "audit":
        yield from audit_cards(run)
    elif run.command == "morph":
        yield from morph_cards(run)
    else:
        yield from (build_card(image, "") for image in weakest_first(run.images))


def pictures_of(card: AnyCard) -> list[Picture]:
    """List the pictures that a card shows, in the order shown; one shown twice is there twice."""
    if isinstance(card, FindingCard):
        return finding_pictures(card)
    if isinstance(card, MorphCard):
        return morph_pictures(card)
    if isinstance(card, ConceptCard):
        return concept_card_pictures(card)
    return target_pictures(card) if isinstance(card, TargetCard) else card_pictures(card)


def build_view(run: Run, limits: Limits) -> AnyView:
    """Turn a run of ``invert``, ``visualize``, ``concepts``, ``audit`` or ``morph`` into data.

    Args:
        run: the record; the only source of numbers.
        limits: how much is shown.

    Returns:
        The view: equal runs give equal views, except for :attr:`View.volatile`.

    Raises:
        ReportError: when the run is of a command whose report this version cannot render.
    """
    source = source_of(run)
    if run.command == "visualize":
        return build_drawn_view(run, limits, source)
    if run.command == "concepts":
        return build_concepts_view(run, limits, source)
    if run.command == "audit":
        return build_audit_view(run, limits, source)
    if run.command == "morph":
        return build_morph_view(run, limits, source)
    if run.command != "invert":
        raise ReportError(
            f"report: results.json is of the command {visible(run.command)!r}; this version of "
            "macoaudit renders runs of 'invert', 'visualize', 'concepts', 'audit' and 'morph'. Use "
            "the version that wrote the run"
        )
    return build_inverted_view(run, limits, source)
