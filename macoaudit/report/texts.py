"""Paragraphs of the report of ``invert``: how to read it, what it cannot tell, what words mean."""

from collections.abc import Iterable

from macoaudit.report.reading import measure_limits, measure_terms, measures
from macoaudit.report.records import Fact, Texts
from macoaudit.report.words import plural, visible
from macoaudit.results import Run

HOW_TO_READ = (
    Fact(
        "Inversion",
        "The network reduces each reference image to an activation: one vector at the audited "
        "layer. An inversion starts from an image with random phases and the average spectrum of "
        "photographs, and changes the phases until the network gives it the same activation. "
        "What it shows is an image that this layer can hardly tell from the reference. Detail of "
        "the reference that is missing was not needed to reach that activation.",
    ),
    Fact(
        "Transparency mask",
        "Bright where the optimisation kept pushing on the pixels, dark where it had little reason "
        "to. The picture behind the mask fades the inversion to neutral grey by this mask. Dark "
        "regions are filling from the spectrum and should not be interpreted.",
    ),
    Fact(
        "Similarity",
        "The cosine between the activation of the whole inversion and that of the reference: 1 is "
        "the same direction, 0 is unrelated. It compares activations, not pictures: two "
        "images that look nothing alike can score 1. The start value is the same cosine for "
        "the random image before the first step, so the gap between both is what the "
        "optimisation achieved.",
    ),
    Fact(
        "Confidence",
        "The network being inverted drove the optimisation. That it then calls the inversion by "
        "the same class, however confidently, is expected and is not evidence that the inversion "
        "shows the class. A judge, a network that took no part, is the independent check.",
    ),
)

GLOSSARY = (
    Fact("Activation", "The numbers a network computes at one layer for one image."),
    Fact("Converged", "The loop stopped before the step limit because the score had settled."),
    Fact(
        "Cosine",
        "Inner product of two activations divided by both lengths, -1 to 1. Length is ignored.",
    ),
    Fact("Judge", "A second network that took no part in the optimisation and sees its result."),
    Fact("Layer", "The place in the network whose activation is inverted."),
    Fact(
        "MACO",
        "Magnitude-constrained optimisation: only the Fourier phases of the image are optimised; "
        "the magnitudes stay at the average of natural photographs.",
    ),
    Fact(
        "Rank",
        "Place of a class when a network's classes are ordered by probability, from 1.",
    ),
    Fact("Reference", "The image that was read, resized and cropped as the model sees it."),
    Fact("Seed", "Number that fixes the random start; another seed is another sample."),
    Fact("Start", "The random-phase image before the first step."),
    Fact(
        "Transfer", "Whether a judge finds the class of the reference in the inversion (first, or "
        "among its first five classes where there are many)."
    ),
    Fact("Weights digest", "SHA-256 of the network's weights as loaded: the same digest, the same "
         "network."),
)  # fmt: skip

CAN_TELL = (
    "An inversion can show what a layer still holds of an image: colours, textures, parts, layout. "
    "What appears in it is sufficient for the activation. It cannot show that a part is necessary, "
    "nor that the network uses it for its decision.",
    "What is missing from an inversion was not needed by this optimisation. It may still be "
    "present in the activation: another start or more steps could bring it back.",
    "The pictures are limited to images with the average spectrum of photographs. Structure that "
    "cannot be drawn under this constraint is not seen.",
    "The words beside a similarity (weak, partial, good, close, nearly exact) are a reading aid "
    "chosen by us. They are not calibrated and nothing passes or fails by them.",
)


def _inversions(run: Run) -> list[tuple[int, bool]]:
    return [(i.seed, i.converged) for image in run.images for i in image.inversions]


def _from_model(run: Run) -> Iterable[str]:
    model = run.model
    if model.weights_origin == "random":
        yield (
            "The weights are random. Nothing here says anything about a trained network; the run "
            "serves timing or as a control."
        )
    if model.layer != "penultimate":
        yield (
            f"Layer {visible(model.layer)} was inverted, not the penultimate one. What it holds "
            "may still be discarded by later layers."
        )
    if model.crop_pct < 1:
        yield (
            f"The network sees the central {100 * model.crop_pct:g} % of each image's resized "
            "shorter side. What lies outside that crop is neither inverted nor audited."
        )


def limits(run: Run) -> tuple[str, ...]:
    """List what this run cannot tell, from general to what its own settings add.

    Args:
        run: the record.

    Returns:
        Whole sentences, one list item each.
    """
    items = [*CAN_TELL, *_from_model(run)]
    inversions = _inversions(run)
    if not inversions:
        return tuple(items)
    n_seeds = max(sum(1 for _ in image.inversions) for image in run.images)
    if n_seeds == 1:
        items.append(
            "One seed was used. One seed is one sample: what differs between two starts cannot be "
            "told from what the network determines. Use several seeds before concluding from a "
            "detail."
        )
    else:
        items.append(
            f"Up to {n_seeds} seeds were used per image. What appears for all of them is better "
            "supported than what appears for one, but a few seeds are a small sample."
        )
    open_ended = sum(not converged for _, converged in inversions)
    if open_ended:
        items.append(
            f"{open_ended:,} of {plural(len(inversions), 'inversion')} ended at the step limit "
            "before the score had settled. More steps may raise their similarity."
        )
    if not any(image.transfer for image in run.images):
        items.append(
            "No judge network looked at the inversions, so nothing independent supports that they "
            "show the class."
        )
    items.extend(measure_limits(run))
    precision = str(run.config.get("precision", ""))
    if precision in ("bf16", "bfloat16", "fp16", "float16"):
        items.append(
            f"The network ran in {precision}. Similarities carry its rounding, about the third "
            "decimal."
        )
    return tuple(items)


def texts(run: Run) -> Texts:
    """Collect the paragraphs for a run of ``invert``."""
    glossary = sorted((*GLOSSARY, *measure_terms(run)), key=lambda fact: fact.name.lower())
    return Texts((*HOW_TO_READ, *measures(run)), limits(run), tuple(glossary))
