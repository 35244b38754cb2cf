"""Concepts of classes on the pages of a gallery, read from the runs that found them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from macoaudit.errors import ReportError, StoreError
from macoaudit.report.concept_cards import ConceptCard, build_concept_card
from macoaudit.report.gallery_records import Section
from macoaudit.report.pieces import Picture
from macoaudit.results import Run
from macoaudit.store import read_results

MOST_CONCEPTS = 3
"""Concepts of a class that its page shows, the strongest first; the run has them all."""
_CROPS, _PLACES = 2, 1


def _shown(card: ConceptCard) -> tuple[Picture, ...]:
    """The drawing, large, with crops and a place beside it; the captions say which is which."""
    kinds = (
        ("drawn", card.drawings[:1]),
        ("crop", card.crops[:_CROPS]),
        ("where", card.places[:_PLACES]),
    )
    return tuple(
        replace(picture, caption=f"{kind}: {picture.caption[:1].lower()}{picture.caption[1:]}")
        for kind, pictures in kinds
        for picture in pictures
    )


def concept_sections(run: Run, folder: Path) -> Mapping[int, tuple[Section, ...]]:
    """Read the concepts that a gallery found, by class.

    Args:
        run: the gallery's record; its ``config`` names the run of each class.
        folder: the gallery's run folder.

    Raises:
        ReportError: when a run that the record names cannot be read or is of another network.
    """
    named = run.config.get("concepts") or {}
    found: dict[int, tuple[Section, ...]] = {}
    for index, path in dict(named.get("runs") or {}).items():
        place = folder / str(path)
        try:
            one = read_results(place)
        except StoreError as error:
            raise ReportError(f"concepts of class {index}: {error}") from error
        if one.model.weights_sha256 != run.model.weights_sha256:
            raise ReportError(
                f"concepts of class {index}: {place} is of a network with other weights; run the "
                "gallery again"
            )
        found[int(index)] = tuple(
            _section(one, card, place)
            for concepts in one.concepts
            for record in concepts.concepts[:MOST_CONCEPTS]
            for card in [build_concept_card(one, concepts, record, "", max_places=_PLACES)]
        )
    return found


def _section(run: Run, card: ConceptCard, folder: Path) -> Section:
    (concepts,) = run.concepts
    sentence = f"{card.side.capitalize()}, at {concepts.layer}. {card.sentence}"
    if card.undrawn:
        sentence += f" No drawing: {card.undrawn}."
    return Section(card.title, sentence, _shown(card), folder)
