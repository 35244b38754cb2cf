"""One visualisation's record to its card and its line in the table."""

from dataclasses import dataclass

from macoaudit.report.pieces import Picture
from macoaudit.report.words import (
    DASH,
    FEW_CLASSES,
    class_text,
    probability_text,
    similarity_text,
    visible,
)
from macoaudit.results import TargetTransfer, Visualization

STATUS_WORDS = {
    "ok": "drawn",
    "dead": "dead target",
    "unreachable": "unreachable",
    "failed": "failed",
}
METHOD_WORDS = {
    "maco": "MACO",
    "fourier": "Fourier baseline",
    "pixel": "pixel baseline",
}


@dataclass(frozen=True)
class JudgeView:
    """What one judge saw in the picture of a class."""

    judge: str
    verdict: str
    rank: str
    probability: str
    start_probability: str


@dataclass(frozen=True)
class TargetCard:
    """Everything shown about one picture."""

    anchor: str
    title: str
    subtitle: str
    status: str
    drawn: bool
    reason: str | None
    score: str
    start: str
    sentence: str
    pictures: tuple[Picture, ...]
    judges: tuple[JudgeView, ...]
    terms: tuple[str, ...]
    """The sum's terms, where the target is more than one thing, or has a name of its own."""
    not_checked: tuple[str, ...]


@dataclass(frozen=True)
class TargetRow:
    """One line of the table of all targets."""

    anchor: str | None
    name: str
    seed: str
    status: str
    start: str
    score: str
    prediction: str
    judges: str


def score_text(value: float | None) -> str:
    """Print a score with four significant digits, or a dash where there is none."""
    return DASH if value is None else f"{value:.4g}"


def standard(one: Visualization) -> bool:
    """Tell whether a picture is drawn for a class's standard score."""
    return any(term.form == "standard" for term in one.terms)


def target_pictures(card: TargetCard) -> list[Picture]:
    """List the pictures that a card shows."""
    return list(card.pictures)


def finds_it(row: TargetTransfer) -> bool:
    """Tell whether a judge found the class: among its first five, with few classes as its first."""
    return row.top1_agrees if row.n_classes < FEW_CLASSES else row.top5_agrees


def _judge_view(row: TargetTransfer) -> JudgeView:
    if row.top1_agrees:
        verdict = "agrees: its first class"
    elif finds_it(row):
        verdict = "partly: among its first five"
    else:
        verdict = "does not agree"
    return JudgeView(
        judge=visible(row.judge),
        verdict=verdict,
        rank=f"{row.rank:,} of {row.n_classes:,}",
        probability=probability_text(row.probability),
        start_probability=probability_text(row.start_probability),
    )


def _pictures(one: Visualization) -> tuple[Picture, ...]:
    name = visible(one.name)
    texts = {
        "start": ("Start", f"The image that the search for {name} started from"),
        "image": (
            f"Score {score_text(one.score)}",
            f"Visualisation of {name}, seed {one.seed}; score {score_text(one.score)}, at the "
            f"start {score_text(one.start_score)}",
        ),
        "transparency": (
            "Transparency mask",
            f"Transparency mask of the visualisation of {name}: bright where the optimisation "
            "worked most",
        ),
        "masked": (
            "Behind the mask",
            f"Visualisation of {name}, faded to grey where the mask is dark",
        ),
    }
    return tuple(
        Picture(one.files[kind], caption, alt)
        for kind, (caption, alt) in texts.items()
        if kind in one.files
    )


def _sentence(one: Visualization) -> str:
    """The score against its start, and what the network calls the picture."""
    if one.score is None:
        return "There is no score."
    unit = ", in standard deviations of the logits" if standard(one) else ""
    parts = [f"Score {score_text(one.score)}, at the start {score_text(one.start_score)}{unit}."]
    if one.status == "ok" and one.n_starts > 1:
        parts.append(
            f"Silent at its first start, it is drawn from the one numbered {one.n_starts}."
        )
    if one.image_score is not None:
        parts.append(f"The given image itself scores {score_text(one.image_score)}.")
    if one.similarity is not None:
        parts.append(f"Cosine to the given image's activation {similarity_text(one.similarity)}.")
    if one.prediction is not None and one.status == "ok":
        parts.append(f"The network calls the picture {class_text(one.prediction)}.")
    return " ".join(parts)


def build_target_card(one: Visualization, anchor: str) -> TargetCard:
    """Turn one visualisation's record into its card.

    Args:
        one: the record.
        anchor: id of the card in the document.
    """
    first = one.terms[0]
    plain = len(one.terms) == 1 and first.weight == 1 and first.text == one.name
    return TargetCard(
        anchor=anchor,
        title=visible(one.name),
        subtitle=f"{METHOD_WORDS[one.method]}, seed {one.seed}",
        status=STATUS_WORDS[one.status],
        drawn=one.status == "ok",
        reason=None if one.reason is None else visible(one.reason),
        score=score_text(one.score),
        start=score_text(one.start_score),
        sentence=_sentence(one),
        pictures=_pictures(one),
        judges=tuple(_judge_view(row) for row in one.transfer),
        terms=() if plain else tuple(f"{t.weight:g} x {visible(t.text)}" for t in one.terms),
        not_checked=tuple(f"{visible(s.check)} ({visible(s.reason)})" for s in one.skipped),
    )


def build_target_row(one: Visualization, anchor: str | None) -> TargetRow:
    """Turn one visualisation's record into its line of the table."""
    found = sum(finds_it(row) for row in one.transfer)
    return TargetRow(
        anchor=anchor,
        name=visible(one.name),
        seed=str(one.seed),
        status=STATUS_WORDS[one.status],
        start=score_text(one.start_score),
        score=score_text(one.score),
        prediction=class_text(one.prediction),
        judges=f"{found} of {len(one.transfer)}" if one.transfer else DASH,
    )
