"""How much of a run a report shows."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How much a format shows; the rest is counted in words and stays in ``results.json``."""

    cards: int
    """Cards: images, weakest similarity first, or visualisations in the order asked for."""
    rows: int = 10_000
    """Lines of the table of all images, and of the list of images without a result."""
    chunk: int = 200
    """Lines of one table; long tables are slow to lay out."""
    seeds: int | None = None
    """Seeds with pictures on a card; None for all."""
    transfer: int | None = None
    """Rows of the judges' table on a card; None for all."""
    places: int | None = None
    """Images in which a concept's card locates it; None for all."""
    evidence: int | None = None
    """Regions, and examples, on a finding's card, none folded away; None for the page's own."""
    image_cards: int | None = None
    """Of the cards, those of images in a report that has others before them; None for all."""
