"""Sentences on a comparison: what makes the runs unlike, and what changed in one line."""

from collections import Counter
from collections.abc import Sequence

from macoaudit.comparing.records import (
    Alone,
    Caution,
    ClassPair,
    Difference,
    FindingPair,
    ImagePair,
    PairedChange,
    PairState,
    Relation,
    Side,
)
from macoaudit.results import Severity

_MOST_NAMED = 6
_DIGITS = 3
_NO_OTHER_POLICY = ("gate.baseline_sha256", "config.gate.overrides")
"""A baseline decides what fails and nothing that is compared; what options set is listed itself."""
_SEVERITIES: tuple[Severity, ...] = ("high", "medium", "info")


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:_MOST_NAMED])
    left = len(names) - len(shown)
    return ", ".join(shown) + (f" and {left:,} more" if left else "")


def _counted(n: int, noun: str, many: str | None = None) -> str:
    return f"{n:,} {noun if n == 1 else many or noun + 's'}"


def cautions_of(
    a: Side,
    b: Side,
    relation: Relation,
    differences: Sequence[Difference],
    pairs: Sequence[ImagePair],
    only_in_one: Sequence[Alone],
    classes: Sequence[ClassPair],
) -> tuple[Caution, ...]:
    """Say what makes two runs unlike; nothing is left to a default.

    Args:
        a: one run.
        b: the other.
        relation: of the networks.
        differences: of :func:`macoaudit.comparing.differences.differences_of`.
        pairs: of images.
        only_in_one: images without a partner.
        classes: of two audits.
    """
    found = [*_incomplete(a, "A"), *_incomplete(b, "B")]
    found += _networks(a, b, relation)
    found += _images(pairs, only_in_one)
    found += _labels(pairs, classes)
    texts = {
        "input": "The input is prepared differently ({}): the same file is another input.",
        "settings": "Settings differ ({}): a difference may be theirs and not the network's.",
        "seeds": "Seeds differ ({}): part of every difference is the random starts'.",
        "tool": "Versions differ ({}): numbers may differ for that reason alone.",
        "policy": "The audits were judged by other policies ({}). Findings are compared below as "
        "the tests call them, before any policy.",
    }
    for group, text in texts.items():
        found_here = [one for one in differences if one.group == group]
        keys = [_short(one) for one in found_here if one.key not in _NO_OTHER_POLICY]
        if keys:
            about = "versions" if group == "tool" else group
            found.append(Caution(about, text.format(_listed(keys))))  # type: ignore[arg-type]
    return tuple(found)


def _short(one: Difference) -> str:
    if one.key == "tool.version":
        return "macoaudit"
    return one.key.split(".", 1)[-1]


def _incomplete(side: Side, letter: str) -> list[Caution]:
    if side.status == "complete" and not side.incomplete:
        return []
    why = f": {'; '.join(side.incomplete)}" if side.incomplete else ""
    told = f"{letter} is incomplete{why}. What it lacks is not known, and its means are of a part."
    return [Caution("incomplete", told)]


def _networks(a: Side, b: Side, relation: Relation) -> list[Caution]:
    found = []
    if relation == "two networks":
        told = (
            f"A and B are two networks ({a.model.name} and {b.model.name}): each similarity is a "
            "cosine in its own network's activations, so a higher one is not a better network."
        )
        found.append(Caution("networks", told))
    if a.model.layer != b.model.layer:
        told = f"Other layers were inverted: {a.model.layer} in A, {b.model.layer} in B."
        found.append(Caution("networks", told))
    random = [
        letter for letter, one in (("A", a), ("B", b)) if one.model.weights_origin == "random"
    ]
    if random:
        verb = "have" if len(random) > 1 else "has"
        told = f"{' and '.join(random)} {verb} random weights: no trained network is described."
        found.append(Caution("networks", told))
    return found


def _images(pairs: Sequence[ImagePair], only_in_one: Sequence[Alone]) -> list[Caution]:
    facts = [
        f"{_counted(n, 'image')} only in {letter}"
        for letter in ("A", "B")
        if (n := sum(one.run == letter for one in only_in_one))
    ]
    other = sum(pair.same_content is False for pair in pairs)
    if other:
        facts.append(f"{_counted(other, 'file')} of the same name with other content")
    found = []
    if facts:
        told = f"The image sets differ: {', '.join(facts)}. Only common images are compared."
        found.append(Caution("images", told))
    one_sided = sum((pair.a.similarity is None) != (pair.b.similarity is None) for pair in pairs)
    if one_sided:
        was = "was" if one_sided == 1 else "were"
        told = (
            f"{_counted(one_sided, 'common image')} {was} inverted in one run only and "
            f"{'has' if one_sided == 1 else 'have'} no difference of similarity."
        )
        found.append(Caution("images", told))
    return found


def _labels(pairs: Sequence[ImagePair], classes: Sequence[ClassPair]) -> list[Caution]:
    facts = []
    moved = sum(pair.a.label != pair.b.label for pair in pairs)
    if moved:
        facts.append(f"{_counted(moved, 'common image')} with another label")
    only = [
        f"{_counted(n, 'class', 'classes')} only in {letter}"
        for letter, n in (
            ("A", sum(one.index_b is None for one in classes)),
            ("B", sum(one.index_a is None for one in classes)),
        )
        if n
    ]
    facts += only
    places = sum(
        None not in (one.index_a, one.index_b) and one.index_a != one.index_b for one in classes
    )
    if places:
        facts.append(f"{_counted(places, 'class', 'classes')} at another place")
    return [Caution("labels", f"The labels differ: {', '.join(facts)}.")] if facts else []


def state_counts(findings: Sequence[FindingPair]) -> dict[PairState, int]:
    """Count findings by their state."""
    return dict(Counter(pair.state for pair in findings))


def _severities(findings: Sequence[FindingPair], state: PairState) -> str:
    """``1 high, 2 info``, or ``info`` where all are: of the later finding, else of the earlier."""
    called = [(pair.b or pair.a) for pair in findings if pair.state == state]
    found = Counter(one.severity for one in called if one is not None)
    if len(found) == 1:
        return next(iter(found))
    return ", ".join(f"{found[name]} {name}" for name in _SEVERITIES if found[name])


def findings_clause(findings: Sequence[FindingPair]) -> str:
    """Say how many findings are new, worse, fixed and so on."""
    counts = state_counts(findings)
    if not counts:
        return "no finding in either run"
    words: tuple[tuple[PairState, str], ...] = (
        ("new", "new"),
        ("worsened", "worse"),
        ("not tested in A", "in a class that A did not test"),
        ("fixed", "fixed"),
        ("not tested in B", "in a class that B did not test"),
        ("weaker", "weaker"),
        ("unchanged", "unchanged"),
    )
    always = ("new", "fixed", "unchanged")
    parts: list[str] = []
    for state, word in words:
        n = counts.get(state, 0)
        if n or state in always:
            told = f" ({_severities(findings, state)})" if n and state != "unchanged" else ""
            noun = "" if parts else ("finding " if n == 1 else "findings ")
            parts.append(f"{n:,} {noun}{word}{told}")
    return ", ".join(parts)


def number(value: float, *, signed: bool = False) -> str:
    """Print a difference with three decimals; never a negative zero."""
    text = f"{value:{'+' if signed else ''}.{_DIGITS}f}"
    return f"{0:.{_DIGITS}f}" if float(text) == 0 else text


def similarity_clause(change: PairedChange) -> str:
    """Say how the similarity of common images changed, with its interval."""
    images = _counted(change.n, "common image")
    if change.n == 0 or change.mean_difference is None:
        return "no common image was inverted in both runs"
    if change.n_changed == 0:
        return f"similarity of {images} is the same in both runs"
    mean = change.mean_difference
    if change.low is None or change.high is None:
        told = f"{'higher' if mean > 0 else 'lower'} by {number(abs(mean))} on average in B"
        return f"similarity of {images} is {told}; too few images for an interval"
    interval = (
        f"95 % interval {number(change.low, signed=True)} to {number(change.high, signed=True)}"
    )
    if change.low <= 0 <= change.high:
        told = (
            f"did not change measurably (mean difference {number(mean, signed=True)}, {interval})"
        )
    else:
        told = f"{'rose' if mean > 0 else 'fell'} by {number(abs(mean))} ({interval})"
    return f"similarity of {images} {told}"


def headline_of(
    relation: Relation,
    a: Side,
    b: Side,
    similarity: PairedChange,
    findings: Sequence[FindingPair],
    predictions: tuple[int, int],
    verdicts: tuple[int, int],
) -> str:
    """Say in one sentence what changed from A to B.

    Args:
        relation: of the networks.
        a: one run.
        b: the other.
        similarity: over the common images.
        findings: of two audits; of other commands there are none.
        predictions: how many were compared and how many changed.
        verdicts: the same of the attributes' verdicts.
    """
    subject = {
        "same weights": f"Two runs of {b.model.name}, same weights",
        "other weights": f"Two states of {b.model.name}",
        "two networks": f"From {a.model.name} (A) to {b.model.name} (B)",
    }[relation]
    clauses = [] if a.n_classes_tested is None else [findings_clause(findings)]
    clauses.append(similarity_clause(similarity))
    if predictions[0]:
        images = _counted(predictions[0], "common image")
        clauses.append(f"the predicted class changed for {predictions[1]:,} of {images}")
    if verdicts[0]:
        clauses.append(f"{verdicts[1]:,} of {verdicts[0]:,} verdicts on retention changed")
    return f"{subject}: {'; '.join(clauses)}."
