"""Plausibility and neighbours to words: how natural an inversion is, and what it is like."""

from collections.abc import Sequence

from macoaudit.report.pieces import Picture, PlausibilityView
from macoaudit.report.words import fraction_text, rest_text, share_text, similarity_text, visible
from macoaudit.results import (
    Exemplar,
    ImageAudit,
    NaturalNeighbour,
    PicturePlausibility,
    Plausibility,
)

MAX_SHOWN = 3
"""Neighbours shown beside one picture; results.json has all."""


def plausibility_view(image: ImageAudit) -> PlausibilityView | None:
    """Turn the plausibility record of an image into words; None where there is none."""
    found = image.plausibility
    if not isinstance(found, Plausibility):
        return None
    rows = [
        (
            "reference",
            fraction_text(found.reference_distance, 3),
            share_text(found.reference_percentile),
            "",
        )
    ]
    rows.extend(
        (
            f"seed {seed.seed}",
            fraction_text(seed.distance, 3),
            share_text(seed.percentile),
            fraction_text(seed.raw_distance),
        )
        for seed in found.seeds
    )
    return PlausibilityView(
        sentence=(
            f"The inversions are farther from natural images than {rest_text(found.percentile)} of "
            f"natural images are from each other ({share_text(found.percentile)} are at least as "
            "far)."
        ),
        reference=(
            f"The reference itself is farther than {rest_text(found.reference_percentile)} of them."
        ),
        how=(
            f"Mean distance to the k = {found.k} nearest of n = {found.n_reference:,} natural "
            f"images in {visible(found.space)}: inversions {fraction_text(found.distance, 3)}, "
            f"reference {fraction_text(found.reference_distance, 3)} (features of unit length); "
            f"raw distance of the inversions to the nearest {fraction_text(found.raw_distance)}. "
            "Realistic is not explanatory."
        ),
        rows=tuple(rows),
    )


def picture_sentence(found: PicturePlausibility) -> str:
    """Say how far from natural images a picture lies, with everything the number rests on."""
    return (
        f"Farther from natural images than {rest_text(found.percentile)} of natural images are "
        f"from each other ({share_text(found.percentile)} are at least as far): mean distance to "
        f"the k = {found.k} nearest of n = {found.n_reference:,} in {visible(found.space)} "
        f"{fraction_text(found.distance, 3)} (features of unit length), raw distance to the "
        f"nearest {fraction_text(found.raw_distance)}. Realistic is not explanatory."
    )


def neighbour_pictures(found: Sequence[NaturalNeighbour], of: str) -> tuple[Picture, ...]:
    """Turn the natural images nearest to a drawn picture into thumbnails.

    Args:
        found: the records, nearest first.
        of: what was drawn, safe to print.

    Returns:
        At most :data:`MAX_SHOWN` pictures.
    """
    pictures = []
    for number, one in enumerate(found[:MAX_SHOWN], start=1):
        name = "no class" if one.name is None else visible(one.name)
        source = {"folder": "by its folder", "network": "as the network calls it", None: ""}
        same = {True: ": the class drawn", False: ": another class", None: ""}[one.of_class]
        cosine = similarity_text(one.similarity)
        alt = (
            f"Natural image {visible(one.path)}, class {name} {source[one.named_by]}{same}; "
            f"number {number} nearest to {of}: cosine {cosine}"
        )
        mark = {True: ", class drawn:", False: ", another class:", None: ""}[one.of_class]
        called = f"called {name}" if one.named_by == "network" else name
        pictures.append(Picture(one.file, f"{called}{mark} {cosine}", alt, small=True))
    return tuple(pictures)


def exemplar_pictures(found: Sequence[Exemplar], of: str) -> tuple[Picture, ...]:
    """Turn the nearest natural images into thumbnails with class and similarity.

    Args:
        found: the records, nearest first.
        of: whose neighbours they are, safe to print.

    Returns:
        At most :data:`MAX_SHOWN` pictures.
    """
    return tuple(
        Picture(
            exemplar.file,
            f"{_class(exemplar)} {similarity_text(exemplar.similarity)}",
            f"Natural image {visible(exemplar.path)}, class {_class(exemplar)}, number {number} "
            f"nearest to {of}: cosine {similarity_text(exemplar.similarity)}",
            small=True,
        )
        for number, exemplar in enumerate(found[:MAX_SHOWN], start=1)
    )


def _class(exemplar: Exemplar) -> str:
    return "no class" if exemplar.name is None else visible(exemplar.name)
