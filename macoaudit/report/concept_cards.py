"""One concept's record to its card; one image of the class to its line of the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from macoaudit.report.drawn_cards import STATUS_WORDS, build_target_card
from macoaudit.report.pieces import Picture
from macoaudit.report.words import (
    class_text,
    fraction_text,
    percent_of,
    plural,
    share_text,
    visible,
)
from macoaudit.results import (
    ClassConcepts,
    ConceptImage,
    ConceptPlace,
    ConceptRecord,
    ImageAudit,
    Run,
    Visualization,
)

FIRST_PLACES = 16
"""Images in which a card shows a concept at once; the others are folded away."""
CHOSEN_WORDS = {"label": "folder label", "prediction": "prediction"}


@dataclass(frozen=True)
class ConceptCard:
    """Everything shown about one concept: what it is, what it weighs, where it lies."""

    anchor: str
    title: str
    side: str
    """``evidence for ...``, ``evidence against ...``, or that it hardly matters."""
    level: str
    """``for``, ``against`` or ``none``: for looks beside the words."""
    importance: str
    effect: str
    bar_pct: str
    sentence: str
    overview: tuple[Picture, ...]
    """Drawing, strongest crop, and where it lies in that image: for the first table."""
    drawings: tuple[Picture, ...]
    undrawn: str | None
    """Why there is no drawing."""
    crops: tuple[Picture, ...]
    places: tuple[Picture, ...]
    more_places: tuple[Picture, ...]
    places_note: str


@dataclass(frozen=True)
class MemberRow:
    """One image of the class."""

    path: str
    label: str
    chosen_by: str
    prediction: str
    agrees: str
    measured: str


def concept_card_pictures(card: ConceptCard) -> list[Picture]:
    """List the pictures that a card shows, and those of its line of the overview."""
    return [*card.overview, *card.drawings, *card.crops, *card.places, *card.more_places]


def effect_text(effect: float) -> str:
    """Print what a concept does to the logit, with its sign."""
    text = f"{effect:+.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def _sentence(one: ConceptRecord, found: ClassConcepts) -> str:
    """What the importance and the effect of a concept say, in two sentences."""
    name, n = visible(found.class_name), len(one.effect_by_image)
    same = sum((effect > 0) == (one.effect > 0) for effect in one.effect_by_image)
    verb = "lowers" if one.effect > 0 else "raises"
    share = share_text(min(one.importance, 1.0))
    size = fraction_text(abs(one.effect))
    return (
        f"It takes part in {share} of what mixing the concepts does to the logit of {name}. "
        f"Shutting it out {verb} that logit by {size} on average ({verb} it in {same} of "
        f"{plural(n, 'image')})."
    )


def _drawings(
    one: ConceptRecord, drawn: Sequence[Visualization]
) -> tuple[tuple[Picture, ...], str | None]:
    """The pictures of a concept's direction, every seed; or why there is none."""
    found = [record for record in drawn if record.id == one.visualization]
    pictures = tuple(p for record in found for p in build_target_card(record, "").pictures)
    reasons = [
        f"{STATUS_WORDS[record.status]} (seed {record.seed}): {visible(record.reason or '')}"
        for record in found
        if record.status != "ok"
    ]
    if one.visualization is None:
        reasons = ["the concept's direction points nowhere"]
    elif not found:
        reasons = ["the run ended before it was drawn"]
    return pictures, "; ".join(reasons) or None


def _place_picture(place: ConceptPlace, rank: int, paths: Mapping[str, str]) -> Picture:
    path = visible(paths.get(place.image, place.image))
    strength = share_text(place.strength)
    where = "nowhere"
    if place.centre_frac is not None:
        down, across = (share_text(value) for value in place.centre_frac)
        where = f"around {down} down and {across} across"
    return Picture(
        place.files["overlay"],
        strength,
        f"Where concept {rank} lies in {path}: {where}, strength {strength}",
        small=True,
    )


def build_concept_card(
    run: Run, found: ClassConcepts, one: ConceptRecord, anchor: str, max_places: int | None = None
) -> ConceptCard:
    """Turn one concept's record into its card.

    Args:
        run: the record of the run, for drawings and the images' paths.
        found: the concepts of the class.
        one: the concept.
        anchor: id of the card in the document.
        max_places: images to locate it in, where it is strongest first; None for all.
    """
    paths = {image.id: image.path for image in run.images}
    drawings, undrawn = _drawings(one, run.visualizations)
    crops = tuple(
        Picture(
            crop.files["crop"],
            fraction_text(crop.coefficient),
            f"Crop of {visible(paths.get(crop.image, crop.image))} in which concept {one.rank} "
            f"has coefficient {fraction_text(crop.coefficient)}",
            small=True,
        )
        for crop in one.crops
    )
    ordered = sorted(one.places, key=lambda place: -place.strength)[:max_places]
    places = tuple(_place_picture(place, one.rank, paths) for place in ordered)
    strongest = one.crops[0].image if one.crops else ""
    best = next((n for n, place in enumerate(ordered) if place.image == strongest), 0)
    overview = (
        *(Picture(p.path, p.caption, p.alt, small=True) for p in drawings[:1]),
        *crops[:1],
        *places[best : best + 1],
    )
    shown = len(ordered)
    left = "" if shown == len(one.places) else f" {shown:,} of {len(one.places):,} images shown."
    level = "for" if one.effect > 0 else "against"
    side = f"evidence {level} {visible(found.class_name)}"
    if effect_text(one.effect) == "0.00" and fraction_text(one.importance) == "0.00":
        level, side = "none", f"hardly matters for {visible(found.class_name)}"
    return ConceptCard(
        anchor=anchor,
        title=f"Concept {one.rank}",
        side=side,
        level=level,
        importance=fraction_text(one.importance),
        effect=effect_text(one.effect),
        bar_pct=percent_of(one.importance, 1),
        sentence=_sentence(one, found),
        overview=overview,
        drawings=drawings,
        undrawn=undrawn,
        crops=crops,
        places=places[:FIRST_PLACES],
        more_places=places[FIRST_PLACES:],
        places_note=f"Strongest first; numbers are the strength in that image.{left}",
    )


def build_member_row(image: ImageAudit, member: ConceptImage, class_index: int) -> MemberRow:
    """Turn one image of the class into its line of the table."""
    seen = image.prediction
    return MemberRow(
        path=visible(image.path),
        label=visible(image.label) if image.label is not None else "none",
        chosen_by=CHOSEN_WORDS[member.chosen_by],
        prediction=class_text(seen),
        agrees="yes" if seen is not None and seen.index == class_index else "no",
        measured="yes" if member.measured else "no",
    )
