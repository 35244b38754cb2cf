"""Paragraphs of the report of ``audit``: how to read it, what it cannot tell, its words."""

from collections.abc import Iterable, Sequence

from macoaudit.report.drawn_texts import drawn_texts
from macoaudit.report.proof import proof_outcome
from macoaudit.report.records import Fact, Texts
from macoaudit.report.texts import texts
from macoaudit.report.words import plural, share_text
from macoaudit.results import Retention, Run

FEW_IMAGES = 20
"""Below this many images a tested class's silence is said to be weak; a rule of thumb."""
HOW_TO_READ = (
    Fact(
        "Finding",
        "A claim that the network uses a cue for a class: changing the cue moves the output more "
        "than changes of equal size elsewhere, and the cue comes back over the images. Numbers "
        "decide; the pictures show what the numbers are about.",
    ),
    Fact(
        "Severity",
        "High: a causal and a consistency test are both above their bounds. Medium: a causal test "
        "alone. Info: anything else that was flagged. Compact evidence, needs review: the cue is "
        "small, rigid and always alike, which a true object can be too; a person, or masks of the "
        "objects, must tell.",
    ),
    Fact(
        "Flagged",
        "Both bounds are reached: the effect is at or above its threshold, and the corrected "
        "p-value, where the test has one, is at or below the false discovery rate.",
    ),
    Fact(
        "Bar of a test",
        "The bar is the effect, the tall line its threshold. The grey band runs from the mean of "
        "chance (dot) to its 95th percentile. Where chance is measured on another number than the "
        "effect, that number has a second line of its own.",
    ),
    Fact(
        "Margin",
        "How far the weaker half of the class's best pair of tests stands above its threshold, as "
        "a ratio: from 1 on a class can be high. It says how near a class without a finding came.",
    ),
    Fact(
        "Before and after",
        "The region cut from an image of the class was put on an image of another class, with "
        "nothing else changed. Classes and probabilities are the network's own.",
    ),
)
TESTS = {
    "patch transfer": "Causal. A region that carries the class is pasted onto images of other "
    "classes; patches of equal size from elsewhere are pasted for comparison.",
    "anomaly": "Causal. How small a pattern can be that turns other images into the class, "
    "compared with the other classes.",
    "property shift": "Causal. A property of the whole image is shifted in images of other "
    "classes; other properties are shifted for comparison.",
    "stamp": "Consistency. Whether the regions of the class's images are like each other, more "
    "than when the images are dealt to classes at random.",
    "component": "Consistency. Whether one direction of the class's activations alone drives the "
    "class, on few of its images, and is found where the class is not.",
    "property": "Consistency. Whether one property of the whole image (brightness, border, "
    "sharpness and the like) alone tells the class.",
    "masks": "With object masks: whether the class depends more on the background than on the "
    "object.",
}
GLOSSARY = (
    Fact("Baseline", "An earlier audit of the same network; what was in it does not fail again."),
    Fact("Compact evidence", "Evidence that is small, rigid and alike on all images of a class."),
    Fact(
        "Corrected p-value",
        "After Benjamini and Hochberg, over the classes of the same test: it allows for how many "
        "classes were asked.",
    ),
    Fact("Cue", "Whatever the network uses to tell a class: a mark, a colour, a background."),
    Fact(
        "Fingerprint",
        "Names a finding by rule, the network's name, class and kind of cue, without any measured "
        "number, so that it is the same in the next audit.",
    ),
    Fact(
        "Suppression",
        "An entry of the policy that sets one finding aside until a day, with a reason and an "
        "owner.",
    ),
    Fact("Donor", "An image of another class that a region is pasted on."),
    Fact("Not tested", "A class without both kinds of test. It is not cleared."),
    Fact(
        "p-value",
        "How often chance alone gives an effect at least as large; with * the least that the "
        "number of draws can give.",
    ),
)
CAN_TELL = (
    "Thresholds were set on networks with planted cues. For other networks, images and kinds of "
    "cue they are not calibrated, so a finding near its threshold says little either way.",
    "A class without a finding is not proven clean. The tests see cues that lie in one place of "
    "the image, or that are properties of the whole image; a cue spread over many places, or one "
    "that these images do not show, is missed.",
    "A small true object that looks alike on all images can pass every test, so a finding "
    "describes what the network uses, and a person decides whether it should.",
    "Pasting makes images that no camera took. Comparison patches are pasted alike, so the paste "
    "itself is allowed for, but not every effect of it.",
    "Classes and thresholds are those of this run; another layer, other images or another seed "
    "can move a class over a bound when its margin is near 1.",
)


def _limits(run: Run) -> Iterable[str]:
    audit = run.shortcuts
    if audit is None:
        return
    untested = sum(not one.tested for one in audit.classes)
    if untested:
        yield (
            f"{untested:,} of {plural(len(audit.classes), 'class', 'classes')} could not be "
            "tested. Nothing is known of them."
        )
    few = [one for one in audit.classes if one.tested and one.n_images < FEW_IMAGES]
    if few:
        least = min(one.n_images for one in few)
        yield (
            f"{plural(len(few), 'tested class has', 'tested classes have')} fewer than "
            f"{FEW_IMAGES} images (the least: {least:,}). With few images only strong cues are "
            "found."
        )
    if audit.labels_from != "folders":
        yield (
            "Some or all images have no class folder, so the network's own prediction stands for "
            "their class. What it gets wrong is counted to the wrong class."
        )
    review = sum(one.review_reason == "compact evidence" for one in run.findings)
    if review:
        yield (
            f"{plural(review, 'finding rests', 'findings rest')} on compact evidence, which a true "
            "object can be too: no number here tells which."
        )
    yield from _unproven(run)
    if audit.with_masks == 0:
        yield ("No object masks were given, so no test here can tell a background from an object.")
    yield (
        f"P-values are corrected at a false discovery rate of {share_text(audit.level)}: about "
        "that share of flagged tests may be chance."
    )


def _unproven(run: Run) -> Iterable[str]:
    """Say of how many retention maps the proof by deletion did not hold."""
    maps = [one.retention for one in run.images if isinstance(one.retention, Retention)]
    good = sum(proof_outcome(one.faithfulness) == "holds" for one in maps)
    if good < len(maps):
        yield (
            f"The proof by deletion holds for {good:,} of {plural(len(maps), 'inverted image')}; "
            "the maps of the others are not validated."
        )


def _once(groups: Iterable[Sequence[Fact]]) -> dict[str, Fact]:
    """Keep the first fact of each name."""
    found: dict[str, Fact] = {}
    for group in groups:
        for fact in group:
            found.setdefault(fact.name, fact)
    return found


def audit_texts(run: Run) -> Texts:
    """Collect the paragraphs for a run of ``audit``, with those of what else it holds."""
    used = {test.test for test in run.tests}
    tests = tuple(Fact(f"Test: {name}", text) for name, text in TESTS.items() if name in used)
    own = Texts((*HOW_TO_READ, *tests), (*CAN_TELL, *_limits(run)), GLOSSARY)
    more = []
    if any(image.inversions for image in run.images):
        more.append(texts(run))
    if run.visualizations:
        more.append(drawn_texts(run))
    limits = dict.fromkeys(item for one in (own, *more) for item in one.limits)
    glossary = _once(one.glossary for one in (own, *more)).values()
    return Texts(
        tuple(_once(one.how_to_read for one in (own, *more)).values()),
        tuple(limits),
        tuple(sorted(glossary, key=lambda fact: fact.name.lower())),
    )
