"""Paragraphs of the report of ``concepts``: how to read it, what it cannot tell, its words."""

from macoaudit.report.records import Fact, Texts
from macoaudit.report.words import plural, share_text
from macoaudit.results import ClassConcepts, Run

FEW_IMAGES = 20
"""Below this many images the report warns; a rule of thumb."""
HOW_TO_READ = (
    Fact(
        "Concept",
        "A direction among a layer's channels, one of a few whose non-negative mixtures rebuild "
        "what the layer gives for crops of the class's images. Nobody named it: its drawing, its "
        "crops and its places say what it is.",
    ),
    Fact(
        "Importance",
        "Sobol total index: the concepts are faded in and out at random, all at once, and the "
        "index is the share of the logit's variance that this concept takes part in, alone or with "
        "others. Mean over the measured images. Shares can add up to more than 1.",
    ),
    Fact(
        "Effect",
        "The logit of the class minus the logit with this concept alone shut out. Above zero: "
        "evidence for the class. Below: evidence against it. Concepts for the class are listed "
        "first, then those against it, the most important first in both.",
    ),
    Fact(
        "What: drawing and crops",
        "The drawing is an image found by optimisation that drives the concept's direction up, "
        "with the transparency that says where the optimisation worked. The crops are parts of the "
        "given images that hold the concept most, at most one from each image. Trust what both "
        "agree on; where they do not, trust the crops.",
    ),
    Fact(
        "Where: heat",
        "How much of the concept is at every place of an image, bright for much, over the image in "
        "grey. The scale is the same for all images of a concept: its strength is 100 % in the "
        "image where it is strongest. Scales of two concepts are not comparable.",
    ),
)
GLOSSARY = (
    Fact("Coefficient", "How much of a concept a crop or a place holds, in the layer's units."),
    Fact("Crop", "A window of an image, resized to what the network takes."),
    Fact("Direction", "One number for each channel of the layer: the concept's row of W."),
    Fact(
        "Factorisation",
        "Non-negative matrix factorisation: activations of crops, A, as products U W of "
        "coefficients and concepts, none below zero.",
    ),
    Fact("Logit", "A class's output before any softmax."),
    Fact(
        "MACO",
        "Magnitude-constrained optimisation: only the Fourier phases of the image are optimised; "
        "the magnitudes stay at the average of natural photographs.",
    ),
    Fact("Strength", "Largest coefficient in an image, as a share of the largest in any of them."),
)
_CAN_TELL = (
    "Concepts are parts of the activations, not of the world: one can mix two things that always "
    "come together, and one thing can be split over two. Another number of concepts, another layer "
    "or other images give other concepts.",
    "Importance is measured on the given images of the class alone. A concept that all classes "
    "share can be important here, and one that tells this class from others need not be.",
    "Shutting a concept out makes activations that no photograph gives. The effect says what the "
    "network computes from them.",
)


def concept_texts(run: Run, found: ClassConcepts | None) -> Texts:
    """Collect the paragraphs for a run of ``concepts``."""
    items = list(_CAN_TELL)
    if run.model.weights_origin == "random":
        items.insert(
            0, "The weights are random. Nothing here says anything about a trained network."
        )
    if found is not None:
        n = len(found.images)
        if n < FEW_IMAGES:
            items.insert(
                0,
                f"{plural(n, 'image')} are few: what these images share by chance looks like a "
                f"part of the class. Give {FEW_IMAGES} or more.",
            )
        items.append(
            f"The concepts leave {share_text(min(1.0, found.relative_error))} of the crops' "
            "activations unexplained (in length, not in variance). What is left is never shut out."
        )
        if found.non_negative == "halves":
            items.append(
                "This layer has negative activations, which the factorisation cannot take. Every "
                "channel was split into its positive and its negative half, which loses nothing; a "
                "concept may push a channel up or down."
            )
    if len({one.seed for one in run.visualizations}) < 2:
        items.append(
            "Each concept was drawn from one random start: use --seeds before concluding from a "
            "detail of a drawing."
        )
    return Texts(HOW_TO_READ, tuple(items), GLOSSARY)
