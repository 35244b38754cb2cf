"""Paragraphs on the measures of a run: how to read them, what they cannot tell, what words mean.

Each appears only in a report that shows the measure.
"""

from collections.abc import Iterable

from macoaudit.report.records import Fact
from macoaudit.report.words import (
    CHANCE_P,
    FEW_CLASSES,
    visible,
)
from macoaudit.results import DROPPED_TO, KEPT_FROM, Faithfulness, Plausibility, Retention, Run

RETAINED = (
    Fact(
        "Retained map",
        "Each place of the reference is compared with all places of the inversions, in the "
        "network's own features, wherever in the picture they are. 0: it comes back no better "
        "than in inversions of other images; 1: as in the reference itself. Full colour is "
        f"{KEPT_FROM:.2f} or more (kept), pale grey {DROPPED_TO:.2f} or less (thrown away), what "
        "lies between is drawn in between.",
    ),
    Fact(
        "Attributes, null and ceiling",
        "One likeness between inversions and reference for each attribute, put on a scale: 0 is "
        "the null, random-phase images of the same spectrum; 1 is the ceiling, the reference as "
        "the method itself can draw it. An attribute is called "
        f"kept when its whole interval is at least {KEPT_FROM:.2f}, dropped when the whole "
        f"interval is at most {DROPPED_TO:.2f}, not told apart from chance when the interval "
        f"reaches 0 or p is above {CHANCE_P:.2f}, and partly kept otherwise. These bounds are a "
        "reading aid. With one seed there is no interval and nothing is called kept or dropped.",
    ),
    Fact(
        "Proof by deletion",
        "If the map is right, painting over its retained region must move the activation more "
        "than painting over moved copies of the same shape, and painting over its dropped region "
        "must move it less. Faithfulness is the first effect less the second. Where a "
        "statement fails or was not tested, the map is not validated for that image: do not "
        "conclude from it.",
    ),
)
PLAUSIBLE = Fact(
    "Plausibility",
    "How far the inversions lie from natural images in the features of another network, beside "
    "the same distance of natural images among themselves. Realistic is not explanatory: a "
    "natural-looking inversion can show the wrong thing, and a strange one the right thing.",
)
NEIGHBOURS = Fact(
    "Nearest natural images",
    "The natural images whose activations are nearest to an inversion, beside it. Look at them "
    "first: they show in photographs what the layer finds alike. For the reference, those of "
    "another class show what the layer could confuse it with.",
)
DEPTH = Fact(
    "Depth profile",
    "The same images inverted at several layers. A line that falls with depth is an attribute that "
    "later layers hold less of, as far as this method can draw it. A low similarity at a layer "
    "means that the inversion did not reach it, and its numbers then say little.",
)
TRUST = Fact(
    "Trust checks",
    "Controls of the whole run: inversions are repeated with something broken or exchanged, such "
    "as the weights, the target, the way to draw or the random start, and must change, or stay, "
    "accordingly. A check not made is not a check passed.",
)
PROTOTYPES = Fact(
    "Judges by class folders",
    "A judge that does not know the network's classes ranks the class folders instead: each "
    "stands for the mean of its images' features in the judge. Such a rank is among few classes; "
    f"below {FEW_CLASSES} only the first place counts, and there is no probability.",
)

TERMS = {
    "retention": (
        Fact("Ceiling", "Likeness of the reference itself as the method can draw it."),
        Fact(
            "Cycles per image",
            "Fineness of detail: how often light and dark alternate across the image. An octave "
            "goes from one number of cycles to twice that number.",
        ),
        Fact("Interval", "95 % bootstrap interval over the seeds."),
        Fact("Moved copies", "The same region elsewhere: shifted, mirrored or turned."),
        Fact("Null", "What an attribute reaches without the reference: random-phase images."),
        Fact("p", "Share of null draws at least as like the reference, the seeds counted in."),
    ),
    "near": (
        Fact("Natural image", "A photograph of the folder that the run was compared with."),
        Fact("Raw distance", "Distance to the nearest natural image, features not normalised."),
    ),
}


def _has(run: Run, kind: type) -> bool:
    return any(
        isinstance(i.retention, kind) or isinstance(i.plausibility, kind) for i in run.images
    )


def _has_neighbours(run: Run) -> bool:
    return any(
        image.other_class or any(one.exemplars for one in image.inversions) for image in run.images
    )


def measures(run: Run) -> tuple[Fact, ...]:
    """Say how to read the measures that the run has."""
    transfers = (transfer for image in run.images for transfer in image.transfer)
    parts = (
        (_has(run, Retention), RETAINED),
        (_has(run, Plausibility), (PLAUSIBLE,)),
        (_has_neighbours(run), (NEIGHBOURS,)),
        (any(transfer.method == "prototype" for transfer in transfers), (PROTOTYPES,)),
        (any(image.depth for image in run.images), (DEPTH,)),
        (bool(run.trust), (TRUST,)),
    )
    return tuple(fact for present, facts in parts if present for fact in facts)


def measure_terms(run: Run) -> tuple[Fact, ...]:
    """List the words of the glossary that the run's measures need."""
    terms = TERMS["retention"] if _has(run, Retention) else ()
    near = TERMS["near"] if _has(run, Plausibility) or _has_neighbours(run) else ()
    return (*terms, *near)


def measure_limits(run: Run) -> Iterable[str]:
    """Say what the run's measures cannot tell."""
    found = [image.retention for image in run.images if isinstance(image.retention, Retention)]
    if found:
        seeds = sorted({one.n_seeds for one in found})
        most = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        yield (
            f"Intervals of an image are drawn from its seeds alone (K = {most}). With so few they "
            "are wide and themselves uncertain; they do not cover other settings or networks."
        )
        spaces = ", ".join(sorted({one.space for one in found}))
        yield (
            f"The retained map depends on the space it is compared in ({visible(spaces)}): content "
            "that this space does not tell apart cannot appear as kept or dropped."
        )
        yield (
            "The bounds behind kept, partly kept and dropped are not calibrated on images whose "
            "truth is known. Nothing passes or fails by them."
        )
        yield (
            "Thrown away means: not in what this method draws from the activation. It is no "
            "proof that the activation lacks it."
        )
    proofs = [one.faithfulness for one in found]
    if any(isinstance(proof, Faithfulness) for proof in proofs):
        yield (
            "Deletion paints fills over the image, which natural images do not have. Part of "
            "the effect is the fill; moved copies of the same shape are the comparison for "
            "that reason, and they remove it only in part."
        )
    if any(one.baseline == "random phases" for one in found):
        yield (
            "Some maps had no other image to be compared with. What all photographs share may "
            "there count as kept."
        )
    if _has(run, Plausibility):
        yield (
            "Plausibility is relative to the natural images of this run and to the network "
            "whose features are compared. It ranks; it is no test of truth."
        )
