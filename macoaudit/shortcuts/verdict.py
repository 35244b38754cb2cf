"""From the tests' results to findings: one causal and one consistency test must agree.

No single test decides. A causal test alone may have met the true object, a consistency test alone
may have met what the images share and the network ignores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from macoaudit.errors import UsageError
from macoaudit.shortcuts.multiplicity import LEVEL, benjamini_hochberg, cannot_pass
from macoaudit.shortcuts.records import Evidence, NotTested, Region, TestName
from macoaudit.shortcuts.words import FindingWords, Review, finding_words

Severity = Literal["high", "medium", "info"]
NEARLY = 2 / 3
"""Margin from which a causal test alone is a medium finding: a true object carries its class into
other images too, so without any sign that it recurs that is for information."""

# A cue at a place and a property of the whole image are two claims: evidence for the one does not
# support the other. Else "the sky is blue" and "the balloon is compact" would make a high finding.
_PAIRS: tuple[tuple[frozenset[TestName], frozenset[TestName]], ...] = (
    (frozenset({"patch transfer", "anomaly"}), frozenset({"stamp", "component"})),
    (frozenset({"spectrum transfer"}), frozenset({"spectrum recurrence"})),
    (frozenset({"property shift"}), frozenset({"property"})),
)


@dataclass(frozen=True)
class Judged:
    """One test's evidence with its p-value corrected for the classes."""

    evidence: Evidence
    adjusted_p: float | None
    """After Benjamini-Hochberg over the classes of the same test; None without a p-value."""
    flagged: bool
    """The effect reaches the threshold, and the adjusted p-value the level."""


@dataclass(frozen=True)
class ShortcutFinding:
    """What is claimed of one class."""

    class_index: int
    class_name: str
    severity: Severity
    review: Review | None
    """Why a person must look: compact evidence, rigid and small, or evidence everywhere may as well
    be what the class is; no test without masks can tell."""
    margin: float
    """See :func:`margins`."""
    evidence: tuple[Judged, ...]
    """The flagged tests, those that carry the severity first."""
    images: tuple[int, ...]
    regions: tuple[Region, ...]
    words: FindingWords

    @property
    def needs_review(self) -> bool:
        """Whether a person must tell the cue from what belongs to the class."""
        return self.review is not None


@dataclass(frozen=True)
class Verdict:
    """Everything that was found, and what was not looked at."""

    findings: tuple[ShortcutFinding, ...]
    """High ones first, then by class."""
    judged: tuple[Judged, ...]
    not_tested: tuple[NotTested, ...]
    classes_tested: tuple[int, ...]
    """Classes with at least one causal and one consistency test that could have paired to a high
    finding: the others were not cleared."""
    classes_untested: tuple[int, ...]
    margins: Mapping[int, float]
    """Of each tested class: see :func:`margins`."""

    @property
    def incomplete(self) -> bool:
        """Nothing was tested well enough to be cleared: never a pass."""
        return not self.classes_tested


def judge(results: Sequence[Evidence | NotTested], level: float = LEVEL) -> tuple[Judged, ...]:
    """Correct each test's p-values for the classes that it was made for, and set the flags.

    Args:
        results: of any tests and classes; at most one for a test, class and subject.
        level: q of Benjamini-Hochberg.

    Raises:
        UsageError: when a test, class and subject come twice.
    """
    found = [one for one in results if isinstance(one, Evidence)]
    keys = [(one.test, one.class_index, one.subject) for one in found]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise UsageError(f"results: {twice[0]} of class {twice[1]} came twice; give it once")
    adjusted: dict[int, float] = {}
    for test in {one.test for one in found}:
        rows = [
            (row, one.p_value)
            for row, one in enumerate(found)
            if one.test == test and one.p_value is not None
        ]
        values = benjamini_hochberg([value for _, value in rows])
        adjusted |= {row: value for (row, _), value in zip(rows, values, strict=True)}
    return tuple(
        Judged(
            evidence=one,
            adjusted_p=adjusted.get(row),
            flagged=one.effect >= one.threshold and (one.p_value is None or adjusted[row] <= level),
        )
        for row, one in enumerate(found)
    )


def undecided(judged: Sequence[Judged], level: float = LEVEL) -> tuple[NotTested, ...]:
    """Tests that saw a large effect but had too few draws to say so among so many classes.

    Args:
        judged: from :func:`judge`.
        level: the same q.
    """
    reasons = []
    for one in judged:
        found = one.evidence
        smallest = found.smallest_p
        if one.flagged or found.effect < found.threshold or smallest is None:
            continue
        n_classes = sum(
            other.evidence.test == found.test and other.adjusted_p is not None for other in judged
        )
        reason = cannot_pass(smallest, n_classes, level)
        if reason and found.p_value is not None and found.p_value <= smallest * (1 + 1e-9):
            reasons.append(NotTested(found.test, found.class_index, reason))
    return tuple(reasons)


def _pairs(flagged: Sequence[Judged]) -> tuple[Judged, ...]:
    """Causal and consistency evidence for one and the same claim; empty without both."""
    for causal, consistent in _PAIRS:
        causes = [one for one in flagged if one.evidence.test in causal]
        marks = [one for one in flagged if one.evidence.test in consistent]
        if causal == {"property shift"}:
            subjects = {one.evidence.subject for one in causes}
            marks = [one for one in marks if one.evidence.subject in subjects]
            shared = {one.evidence.subject for one in marks}
            causes = [one for one in causes if one.evidence.subject in shared]
        if causes and marks:
            return (*causes, *marks)
    return ()


def _finding(
    class_index: int, class_name: str, flagged: Sequence[Judged], margin: float
) -> ShortcutFinding:
    paired = _pairs(flagged)
    causal = tuple(one for one in flagged if one.evidence.kind == "causal")
    near = bool(causal) and margin >= NEARLY
    severity: Severity = "high" if paired else "medium" if near else "info"
    lead = paired or causal
    ordered = (*lead, *(one for one in flagged if one not in lead))
    review = _review({one.evidence.test for one in flagged}, {one.evidence.test for one in paired})
    return ShortcutFinding(
        class_index=class_index,
        class_name=class_name,
        severity=severity,
        review=review,
        margin=margin,
        evidence=ordered,
        images=ordered[0].evidence.images,
        regions=ordered[0].evidence.regions,
        words=finding_words(
            class_name,
            severity,
            [(one.evidence, one.adjusted_p) for one in ordered],
            review=review,
        ),
    )


def _review(flagged: set[TestName], paired: set[TestName]) -> Review | None:
    # Masks that were given tell the object from its background; nothing else here does.
    if {"patch transfer", "stamp"} <= flagged:
        return None if "masks" in flagged else "compact evidence"
    return "evidence everywhere" if "spectrum transfer" in paired else None


def margins(results: Sequence[Evidence | NotTested]) -> dict[int, float]:
    """How far each class stands from a high finding, whatever the p-values.

    ``max over pairs of min(causal effect / threshold, consistency effect / threshold)``, over the
    pairs of tests that can make a high finding: from 1 both effects reach their thresholds.

    Args:
        results: of any tests and classes.

    Returns:
        Of the classes for which both tests of a pair were made.
    """
    found: dict[int, float] = {}
    made = [one for one in results if isinstance(one, Evidence)]
    for index in sorted({one.class_index for one in made}):
        own = [one for one in made if one.class_index == index]
        best = [
            min(cause.effect / cause.threshold, mark.effect / mark.threshold)
            for causal, consistent in _PAIRS
            for cause in own
            if cause.test in causal
            for mark in own
            if mark.test in consistent
            and (cause.test != "property shift" or cause.subject == mark.subject)
        ]
        if best:
            found[index] = max(best)
    return found


def _could_be_high(tests: set[TestName]) -> bool:
    return any(tests & causal and tests & consistent for causal, consistent in _PAIRS)


def verdict(
    results: Sequence[Evidence | NotTested],
    labels: Sequence[str],
    level: float = LEVEL,
) -> Verdict:
    """Combine the results of all tests.

    High: a causal and a consistency test agree on a cue at a place (patch transfer or anomaly with
    stamp or component), on the spectrum of the class, or on a property of the whole image (shift
    with screen). Medium: a causal test, and a margin of at least 2/3. Info: any other flag.

    Args:
        results: one for each test and class, in any order.
        labels: name of each class of the network.
        level: q of Benjamini-Hochberg, for each test over the classes.

    Raises:
        UsageError: when results repeat or a class has no name.
    """
    indices = sorted({one.class_index for one in results})
    if indices and indices[-1] >= len(labels):
        raise UsageError(f"labels: {len(labels)} came, class {indices[-1]} has none; give all")
    judged = judge(results, level)
    left_open = undecided(judged, level)
    skipped = (*(one for one in results if isinstance(one, NotTested)), *left_open)
    unsure = {(one.test, one.class_index) for one in left_open}
    findings, tested = [], []
    far = margins(results)
    for index in indices:
        own = [one for one in judged if one.evidence.class_index == index]
        flagged = [one for one in own if one.flagged]
        if flagged:
            findings.append(_finding(index, labels[index], flagged, far.get(index, 0.0)))
        made = {one.evidence.test for one in own if (one.evidence.test, index) not in unsure}
        if _could_be_high(made) and index in far:
            tested.append(index)
    rank = {"high": 0, "medium": 1, "info": 2}
    return Verdict(
        findings=tuple(sorted(findings, key=lambda one: (rank[one.severity], one.class_index))),
        judged=judged,
        not_tested=skipped,
        classes_tested=tuple(tested),
        classes_untested=tuple(index for index in indices if index not in tested),
        margins={index: far[index] for index in tested},
    )
