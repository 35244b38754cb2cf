"""One image's record to its card and its line in the table."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from macoaudit.report.depth import depth_steps
from macoaudit.report.near import exemplar_pictures, plausibility_view
from macoaudit.report.pieces import Picture
from macoaudit.report.proof import proof_outcome
from macoaudit.report.records import Card, Problem, Row, Score, SeedView, TransferView
from macoaudit.report.retention import retention_view
from macoaudit.report.words import (
    DASH,
    class_text,
    judge_finds_it,
    plural,
    prediction_sentence,
    probability_text,
    same_class,
    same_class_text,
    score,
    share_text,
    similarity_text,
    steps_text,
    visible,
)
from macoaudit.results import (
    ImageAudit,
    Inversion,
    Plausibility,
    Retention,
    Skipped,
    Transfer,
    TransferMethod,
)

METHODS: Mapping[TransferMethod, str] = {
    "class": "own classes",
    "prototype": "class folders",
}
"""How a judge ranks classes: with its own, or by likeness to the mean of each class folder."""


PROOF_CELLS = {"holds": "yes", "fails": "NO", "not made": "not made"}


def weakest_first(images: Iterable[ImageAudit]) -> list[ImageAudit]:
    """Order the images that were inverted by similarity, lowest first, then by id.

    An image whose similarity was not recorded comes first: it needs the reader most.
    """
    return sorted(
        (image for image in images if image.status == "ok"),
        key=lambda image: (
            -math.inf if image.similarity is None else image.similarity,
            image.id,
        ),
    )


def image_score(image: ImageAudit) -> Score:
    """Word the similarity of an image over all its seeds."""
    return score(image.similarity, [i.start_similarity for i in image.inversions])


def card_pictures(card: Card) -> list[Picture]:
    """List the pictures that a card shows, in the order shown; one shown twice is there twice."""
    pictures = [] if card.reference is None else [card.reference]
    if card.retention is not None:
        pictures.append(card.retention.picture)
    pictures.extend(card.other_class)
    for seed in card.seeds:
        pictures.extend([*seed.pictures, *seed.exemplars])
    pictures.extend(step.picture for step in card.depth)
    return pictures


def _seed_pictures(image: ImageAudit, inversion: Inversion) -> tuple[Picture, ...]:
    name, seed = visible(image.path), inversion.seed
    cosine = similarity_text(inversion.similarity)
    texts = {
        "image": (
            f"Inversion, seed {seed}: {cosine}",
            f"Inversion of {name}, seed {seed}; cosine to the reference's activation {cosine}",
        ),
        "transparency": (
            "Transparency mask",
            f"Transparency mask of the inversion of {name}, seed {seed}: bright where the "
            f"optimisation worked most; cosine {cosine}",
        ),
        "masked": (
            "Inversion behind the mask",
            f"Inversion of {name}, seed {seed}, faded to grey where the mask is dark; "
            f"cosine {cosine}",
        ),
    }
    return tuple(
        Picture(inversion.files[kind], caption, alt)
        for kind, (caption, alt) in texts.items()
        if kind in inversion.files
    )


def _seed_view(image: ImageAudit, inversion: Inversion, with_pictures: bool) -> SeedView:
    return SeedView(
        seed=str(inversion.seed),
        pictures=_seed_pictures(image, inversion) if with_pictures else (),
        score=score(inversion.similarity, [inversion.start_similarity]),
        prediction=class_text(inversion.prediction),
        same_class=same_class_text(image.prediction, inversion.prediction),
        steps=steps_text(inversion),
        exemplars=exemplar_pictures(
            inversion.exemplars,
            f"the inversion of {visible(image.path)}, seed {inversion.seed}",
        )
        if with_pictures
        else (),
    )


def _transfer_view(transfer: Transfer) -> TransferView:
    # Among the first five of a few classes is no finding, so only the first is said there.
    if transfer.top1_agrees:
        verdict = "agrees: its first class"
    elif judge_finds_it(transfer):
        verdict = "partly: among its first five"
    else:
        verdict = "does not agree"
    return TransferView(
        judge=visible(transfer.judge),
        method=METHODS[transfer.method],
        seed=str(transfer.seed),
        verdict=verdict,
        rank=f"{transfer.rank:,} of {transfer.n_classes:,}",
        probability=probability_text(transfer.probability),
        reference_rank=f"{transfer.reference_rank:,}",
        reference_probability=probability_text(transfer.reference_probability),
    )


def _left_out(image: ImageAudit, max_seeds: int | None, max_transfer: int | None) -> str | None:
    notes = []
    if max_seeds is not None and len(image.inversions) > max_seeds:
        notes.append(f"Pictures of {max_seeds} of {len(image.inversions)} seeds shown.")
    if max_transfer is not None and len(image.transfer) > max_transfer:
        notes.append(f"{max_transfer} of {len(image.transfer)} judge rows shown.")
    return " ".join([*notes, "The HTML report shows all."]) if notes else None


def build_card(
    image: ImageAudit,
    anchor: str,
    *,
    max_seeds: int | None = None,
    max_transfer: int | None = None,
) -> Card:
    """Turn one image's record into its card.

    Args:
        image: a record with status ``ok``.
        anchor: id of the card in the document.
        max_seeds: seeds whose pictures are shown; None for all. Numbers are shown for all seeds.
        max_transfer: rows of the judges' table; None for all.

    Returns:
        The card; what was left out is said in ``transfer_note``.
    """
    name, reference = visible(image.path), None
    if "reference" in image.files:
        reference = Picture(
            image.files["reference"],
            "Reference, as the model sees it",
            f"Reference image {name}, resized and cropped as the model sees it",
        )
    checks = (image.plausibility, image.retention, *image.skipped)
    skipped = [check for check in checks if isinstance(check, Skipped)]
    return Card(
        anchor=anchor,
        title=name,
        label=None if image.label is None else visible(image.label),
        score=image_score(image),
        reference=reference,
        reference_prediction=None if image.prediction is None else class_text(image.prediction),
        prediction_sentence=prediction_sentence(image.prediction, image.inversions),
        seeds=tuple(
            _seed_view(image, inversion, max_seeds is None or index < max_seeds)
            for index, inversion in enumerate(image.inversions)
        ),
        transfer=tuple(_transfer_view(t) for t in image.transfer[:max_transfer]),
        transfer_note=_left_out(image, max_seeds, max_transfer),
        retention=retention_view(image),
        plausibility=plausibility_view(image),
        depth=depth_steps(image),
        other_class=exemplar_pictures(image.other_class, f"the reference {name}"),
        not_checked=tuple(f"{visible(s.check)} ({visible(s.reason)})" for s in skipped),
    )


def _count(flags: Sequence[bool]) -> str:
    return f"{sum(flags)} of {len(flags)}" if flags else DASH


def build_row(image: ImageAudit, anchor: str | None) -> Row:
    """Turn one image's record into its line of the table."""
    shown = image_score(image)
    kept = [same_class(image.prediction, i.prediction) for i in image.inversions]
    retention = image.retention if isinstance(image.retention, Retention) else None
    near = image.plausibility
    row = Row(
        anchor=anchor,
        path=visible(image.path),
        label=DASH if image.label is None else visible(image.label),
        status=image.status,
        similarity=shown.value,
        start=shown.start,
        word=shown.word,
        level=shown.level,
        prediction=class_text(image.prediction),
        kept=_count([flag for flag in kept if flag is not None]),
        transfer=_count([judge_finds_it(t) for t in image.transfer]),
        content=share_text(retention.retained_frac) if retention else DASH,
        proof=PROOF_CELLS[proof_outcome(retention.faithfulness)] if retention else DASH,
        as_far=share_text(near.percentile) if isinstance(near, Plausibility) else DASH,
    )
    return row if image.status == "ok" else replace(row, start=DASH, word=image.status)


def build_problem(image: ImageAudit) -> Problem:
    """Turn the record of an image without a result into a line with its reason."""
    reason = "no reason was recorded" if image.reason is None else visible(image.reason)
    return Problem(visible(image.path), image.status, reason)


def problems_note(images: Sequence[ImageAudit], shown: int) -> str:
    """Say how many images gave no result, and how many of them are listed."""
    n_bad = sum(image.status != "ok" for image in images)
    if n_bad == 0:
        return "Every image could be read and inverted."
    verb = "gave" if n_bad == 1 else "each gave"
    note = f"{plural(n_bad, 'image')} of {len(images):,} {verb} no result."
    return note if shown == n_bad else f"{note} {shown:,} of {n_bad:,} listed; all in results.json."
