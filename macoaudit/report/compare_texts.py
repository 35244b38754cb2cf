"""Paragraphs of the report of a comparison: how to read it, and what it cannot show."""

from macoaudit.comparing import Comparison
from macoaudit.comparing.statistics import MIN_PAIRS, N_RESAMPLES
from macoaudit.report.records import Fact
from macoaudit.report.words import visible

_READING = (
    Fact(
        "Difference",
        "Always B minus A. A bar grows from its middle: to the right where B is higher, to the "
        "left where it is lower; the thin line is the 95 % interval. Bars of one table share a "
        "scale, but for the similarity, which has its own. Higher is not better by itself.",
    ),
    Fact(
        "Matched images",
        "An image is the same in both runs when its file has the same digest, whatever its name. "
        "Files of one path with other content are shown side by side and counted in no mean.",
    ),
    Fact(
        "Interval and test over images",
        f"Each common image counts once. The interval is a bootstrap over images ({N_RESAMPLES:,} "
        "draws, fixed seed, percentiles expanded for few images); the p value is Wilcoxon's "
        f"signed-rank test, two-sided. With fewer than {MIN_PAIRS} images, or fewer that differ, "
        "there is none. The p values of the attributes are corrected for their number (Holm).",
    ),
    Fact(
        "Verdict on an attribute",
        "kept, partly kept, dropped, not told apart from chance, or undetermined: the words of "
        "each run's own report. A word can change though the interval hardly moved across a bound, "
        "so look at both intervals.",
    ),
)
_READING_AUDIT = (
    Fact(
        "State of a finding",
        "As the gate compares with a baseline: worse when the severity rose or the margin grew by "
        "more than a quarter (of 1 at least), weaker the other way round, unchanged between. "
        "New and gone are said only where both runs tested the class.",
    ),
    Fact(
        "Margin",
        "How far the weaker half of the best pair of tests stands above its threshold: 1 and more "
        "can be high. Of a class without a finding it is the class's own.",
    ),
)
_LIMITS = (
    "Inversions start from random phases. A second run of the same network with other seeds "
    "differs too; only a difference well beyond such a pair's says something about the network.",
    "A difference whose interval reaches 0 is not shown to be one, and it is not shown to be none: "
    "few images leave wide intervals.",
    "The interval is over these images. Of other images it says as much as they are like these.",
    "A similarity says how well an activation could be reached, not how good a network is. What a "
    "network keeps more of is not what it uses more.",
    "Nothing here passes or fails: the gate does, with the earlier record as its --baseline.",
)
_LIMITS_AUDIT = (
    "A finding that is gone is no proof that the cue was unlearned: with other images, donors or "
    "seeds the tests may have missed it. Look at its class's margin and at the pictures.",
    "A class without a finding in both runs is not proven clean.",
)


def how_to_read(comparison: Comparison) -> tuple[Fact, ...]:
    """Explain what the numbers of a comparison mean."""
    return (*_READING, *(_READING_AUDIT if comparison.command == "audit" else ()))


def limits_of(comparison: Comparison) -> tuple[str, ...]:
    """List what this comparison cannot show, from general to what its own runs add."""
    items = [*_LIMITS, *(_LIMITS_AUDIT if comparison.command == "audit" else ())]
    a, b = comparison.a.model, comparison.b.model
    if comparison.relation == "two networks":
        items.append(
            f"{visible(a.name)} and {visible(b.name)} are two networks. Findings are matched by "
            "rule, class and kind of region; that both have one does not say it is the same cue."
        )
    if not set(comparison.a.seeds) & set(comparison.b.seeds) and comparison.a.seeds:
        items.append("The runs share no seed, so the inversions side by side had other starts.")
    if comparison.similarity.n < MIN_PAIRS:
        items.append(
            f"Only {comparison.similarity.n:,} common images were inverted in both runs: no "
            "interval and no test of the similarity."
        )
    return tuple(items)
