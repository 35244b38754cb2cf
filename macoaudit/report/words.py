"""Rounding and single sentences: a number goes in, the text that every format prints comes out.

Nothing here computes a measure. A word of the similarity scale is chosen from the *rounded* number,
so that the word and the printed number can never disagree.
"""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from macoaudit.report.records import Score
from macoaudit.results import Inversion, Prediction, Transfer
from macoaudit.results.verdicts import CHANCE_P as CHANCE_P
from macoaudit.results.verdicts import Verdict as Verdict
from macoaudit.results.verdicts import verdict as verdict

DASH = "–"  # noqa: RUF001 - printed where there is no value
SIMILARITY_DIGITS = 3


@dataclass(frozen=True)
class Step:
    """One step of the similarity scale: it holds up to, but not including, ``below``."""

    below: float
    word: str
    meaning: str


START_MARGIN = 0.05
"""An inversion must beat its own start by this much before any other word applies."""

SIMILARITY_SCALE = (
    Step(
        -math.inf,
        "no better than random",
        "no better than a random image with a natural spectrum: the optimisation found nothing",
    ),
    Step(0.5, "weak match", "weak match of the activation: most of its direction is missing"),
    Step(0.8, "partial match", "partial match of the activation"),
    Step(0.9, "good match", "good match of the activation"),
    Step(0.97, "close match", "close match of the activation"),
    Step(math.inf, "nearly exact", "nearly exact match of the activation"),
)
"""Words for a cosine between activations, weakest first.

The first step applies below ``start + START_MARGIN``, the others below the bound given. The bounds
are a reading aid that we chose, not a calibrated threshold: nothing passes or fails by them.
"""

FEW_CLASSES = 50
"""Among the first five of ten classes says little: below this many only the first counts."""

VERDICT_WORDS: Mapping[Verdict, str] = {
    "kept": "kept",
    "partly": "partly kept",
    "dropped": "dropped",
    "chance": "not told apart from chance",
    "open": "undetermined: one seed",
}

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def visible(text: object) -> str:
    r"""Make text from outside safe to print: what cannot be seen is written as an escape.

    Control and format characters (bidirectional overrides among them), lone surrogates (from file
    names that are no valid text) and unassigned code points become ``\\x1b``, ``\\u202e`` and the
    like. Everything else stays as it is.

    Args:
        text: any value; it is turned into ``str`` first.

    Returns:
        Text that encodes to UTF-8 and keeps its reading order.
    """
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in _UNSEEN
        else character
        for character in str(text)
    )


def similarity_text(value: float | None) -> str:
    """Print a cosine with three decimals, or a dash where there is none."""
    if value is None:
        return DASH
    text = f"{value:.{SIMILARITY_DIGITS}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def probability_text(value: float | None) -> str:
    """Print a probability of 0 to 1 in per cent; never as a certainty it is not."""
    if value is None:
        return DASH
    percent = 100 * value
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def share_text(value: float) -> str:
    """Print a share of 0 to 1 in whole per cent; never as all or nothing where it is neither."""
    percent = 100 * value
    if 0 < percent < 1:
        return "< 1 %"
    if 99 < percent < 100:
        return "> 99 %"
    return f"{percent:.0f} %"


def rest_text(value: float) -> str:
    """Print what a share of 0 to 1 leaves, so that both printed numbers add up."""
    text = share_text(value)
    opposite = {"< 1 %": "> 99 %", "> 99 %": "< 1 %"}
    return opposite[text] if text in opposite else f"{100 - int(text.removesuffix(' %'))} %"


def fraction_text(value: float | None, digits: int = 2) -> str:
    """Print a number around 0 to 1, or a dash where there is none; without a negative zero."""
    if value is None:
        return DASH
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def p_text(value: float) -> str:
    """Print a p value with three decimals; never as 0 where it is not."""
    return "< 0.001" if 0 < value < 0.001 else fraction_text(value, 3)


def judge_finds_it(transfer: Transfer) -> bool:
    """Tell whether a judge found the class: among its first five, with few classes as its first."""
    return transfer.top1_agrees if transfer.n_classes < FEW_CLASSES else transfer.top5_agrees


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Print a count with its noun: ``1 image``, ``2,000 images``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def percent_of(part: float | int, whole: float | int) -> str:
    """Print a length for a bar, 0 to 100 with one decimal."""
    share = 0.0 if whole == 0 else min(max(part / whole, 0.0), 1.0)
    return f"{100 * share:.1f}"


def scale_level(similarity: float, start: float | None) -> int:
    """Find the step of :data:`SIMILARITY_SCALE` for a similarity.

    Args:
        similarity: cosine, -1 to 1.
        start: the same cosine for the random start; None where no start belongs to the number.

    Returns:
        Index into the scale, 0 is the weakest.
    """
    shown = round(similarity, SIMILARITY_DIGITS)
    if start is not None and shown < round(start, SIMILARITY_DIGITS) + START_MARGIN - 1e-9:
        return 0
    return next(i for i, step in enumerate(SIMILARITY_SCALE) if i > 0 and shown < step.below)


def scale_range(level: int) -> str:
    """Say which similarities belong to a step of the scale."""
    if level == 0:
        return f"below start + {START_MARGIN:.2f}"
    below = SIMILARITY_SCALE[level].below
    if level == 1:
        return f"below {below:.2f}"
    above = SIMILARITY_SCALE[level - 1].below
    return f"{above:.2f} or more" if math.isinf(below) else f"{above:.2f} to below {below:.2f}"


def score(similarity: float | None, starts: Sequence[float]) -> Score:
    """Put a similarity, its start values and its word together.

    With several starts the first step of the scale applies only when the similarity is below each
    start's bound; their range is printed, because a mean of starts is not in the record.
    """
    start = DASH if not starts else similarity_text(min(starts))
    if starts and similarity_text(max(starts)) != start:
        start = f"{start} to {similarity_text(max(starts))}"
    if similarity is None:
        return Score(DASH, start, "not available", -1, "No similarity was recorded.", "0.0", "0.0")
    level = scale_level(similarity, min(starts) if starts else None)
    step, value = SIMILARITY_SCALE[level], similarity_text(similarity)
    from_start = f" The random start had {start}." if starts else ""
    sentence = (
        f"Cosine between activations {value}: {step.meaning}.{from_start} "
        "This is not a likeness of pictures."
    )
    return Score(
        value,
        start,
        step.word,
        level,
        sentence,
        percent_of(similarity, 1),
        percent_of(min(starts), 1) if starts else "0.0",
    )


def class_text(prediction: Prediction | None) -> str:
    """Print a prediction as ``name (87.3 %)``."""
    if prediction is None:
        return DASH
    return f"{visible(prediction.name)} ({probability_text(prediction.probability)})"


def same_class(reference: Prediction | None, inversion: Prediction | None) -> bool | None:
    """Tell whether both have the same first class; None where one of them has none."""
    if reference is None or inversion is None:
        return None
    return reference.index == inversion.index


def same_class_text(reference: Prediction | None, inversion: Prediction | None) -> str:
    """Say in words whether the inversion has the class of the reference."""
    same = same_class(reference, inversion)
    if same is None:
        return DASH
    return "same class" if same else "different class"


def prediction_sentence(reference: Prediction | None, inversions: Sequence[Inversion]) -> str:
    """Compare the class of the reference with that of its inversions, in one sentence."""
    if reference is None:
        return "The network gives no classes, so predictions are not compared."
    start = f"The network calls the reference {class_text(reference)}"
    judged = [i for i in inversions if i.prediction is not None]
    if not judged:
        return f"{start}; no prediction was recorded for an inversion."
    kept = sum(same_class(reference, i.prediction) is True for i in judged)
    if len(judged) == 1:
        answer = "the same class" if kept else "another class"
        return f"{start} and its inversion {class_text(judged[0].prediction)}: {answer}."
    return f"{start}; {kept} of its {len(judged)} inversions get the same class."


def steps_text(inversion: Inversion) -> str:
    """Print the number of steps and why the loop ended."""
    end = "settled" if inversion.converged else "step limit"
    return f"{inversion.n_steps:,} ({end})"
