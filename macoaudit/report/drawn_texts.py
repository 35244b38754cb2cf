"""Paragraphs of the report of ``visualize``: how to read it, what it cannot tell, its words."""

from macoaudit.report.records import Fact, Texts
from macoaudit.results import Run

HOW_TO_READ = (
    Fact(
        "Visualisation",
        "An image that drives one number of the network up: a class, a channel, a neuron, a token, "
        "an attention head, a direction, or a weighted sum of these. The search starts from noise "
        "and climbs the number's gradient. It shows what is sufficient to excite the target, in "
        "the pictures that the method can draw.",
    ),
    Fact(
        "Score",
        "The number itself on the whole finished picture, in the network's own units, beside the "
        "same number on the image that the search started from. Scores of different targets are "
        "not comparable.",
    ),
    Fact(
        "Transparency mask",
        "Bright where the optimisation kept pushing on the pixels, dark where it had little reason "
        "to. Dark regions are filling and should not be interpreted.",
    ),
    Fact(
        "Dead and unreachable",
        "A dead target does not respond to the image at all: its gradient is zero. An unreachable "
        "one ended no better than it started. Neither is drawn, because the picture would show "
        "the start and not the target.",
    ),
)
JUDGES = Fact(
    "Judges",
    "Networks that took no part in the search and know the same classes. That the drawn network "
    "itself finds the class in the picture is expected; that a judge does is evidence.",
)
ACCENT = Fact(
    "Accentuation",
    "The search started from a given image and is held to its activation at a layer, so that the "
    "picture shows what would make this image more so. With MACO the image's phases move and its "
    "own magnitudes stay.",
)
STANDARD = Fact(
    "Standard score",
    "How far the class's logit is above the mean of all logits of the same image, in their "
    "standard deviations. The raw logit also grows with the size of the whole activation, which "
    "drives pictures beyond anything natural; how far a class stands out does not.",
)
BASELINE = Fact(
    "Baselines",
    "Fourier: phases and magnitudes of the image are free. Pixels: every pixel is free. Both see "
    "the image shifted, scaled and rotated at random. They are there to be compared with.",
)
GLOSSARY = (
    Fact("Channel", "Mean of one channel over all places (patch tokens) of a layer."),
    Fact("Direction", "Dot product or cosine of the layer's mean activation with given numbers."),
    Fact("Head", "Mean square of what one attention head puts out, before the projection."),
    Fact("Judge", "A second network that took no part in the optimisation and sees its result."),
    Fact("Logit", "A class's output before any softmax."),
    Fact(
        "MACO",
        "Magnitude-constrained optimisation: only the Fourier phases of the image are optimised; "
        "the magnitudes stay at the average of natural photographs.",
    ),
    Fact("Neuron", "One channel at one place."),
    Fact("Seed", "Number that fixes the random start; another seed is another sample."),
    Fact("Token", "One dimension of one token of a transformer, or of the patch tokens' mean."),
)
CAN_TELL = (
    "A visualisation shows something that excites the target strongly. It does not show what the "
    "target responds to in photographs, nor everything that excites it: many targets respond to "
    "several unrelated things. Look at natural images beside it.",
    "It shows what is sufficient, under this method's constraint and from this start. It does not "
    "show that the network uses the target for a decision.",
    "Networks can be made to give misleading visualisations at unchanged accuracy.",
)


def _limits(run: Run) -> tuple[str, ...]:
    items = list(CAN_TELL)
    if run.model.weights_origin == "random":
        items.insert(
            0, "The weights are random. Nothing here says anything about a trained network."
        )
    seeds = {one.seed for one in run.visualizations}
    if len(seeds) < 2:
        items.append(
            "One seed was used, and one seed is one sample: use several before concluding from a "
            "detail."
        )
    if not any(one.transfer for one in run.visualizations):
        items.append("No judge network looked at the pictures.")
    if run.config.get("precision") == "bf16":
        items.append("The network ran in bf16 during the search; scores are those of fp32.")
    return tuple(items)


def drawn_texts(run: Run) -> Texts:
    """Collect the paragraphs for a run of ``visualize``."""
    drawn = run.visualizations
    parts = (
        (any(term.form == "standard" for one in drawn for term in one.terms), STANDARD),
        (any(one.transfer for one in drawn), JUDGES),
        (any(one.image_score is not None for one in drawn), ACCENT),
        (any(one.method != "maco" for one in drawn), BASELINE),
    )
    how = (*HOW_TO_READ, *(fact for present, fact in parts if present))
    return Texts(how, _limits(run), GLOSSARY)
