"""What a report of a comparison says first: its title, its banner, and what changed by name."""

from collections.abc import Iterator

from macoaudit.comparing import Comparison, FindingPair
from macoaudit.comparing.cautions import state_counts
from macoaudit.report.compare_words import STATES, arrow
from macoaudit.report.records import Fact
from macoaudit.report.words import p_text, visible

_MAX_NAMED = 6


def title_of_comparison(comparison: Comparison) -> str:
    """Name both networks, or the one that both runs are of."""
    a, b = visible(comparison.a.model.name), visible(comparison.b.model.name)
    kind = {"audit": "audits", "invert": "inversions"}[comparison.command]
    if comparison.relation == "two networks":
        return f"{a} against {b}: two {kind} compared"
    return f"{a}: two {kind} compared"


def level_of(comparison: Comparison) -> str:
    """Of the banner: that of the worst finding that is new or worse in B."""
    grown = [
        one.b.severity
        for one in comparison.findings
        if one.b is not None and one.state in ("new", "worsened", "not tested in A")
    ]
    order = ("high", "medium", "info")
    return next((name for name in order if name in grown), "none")


def bullets_of(comparison: Comparison) -> Iterator[str]:
    """What the headline counts, by name; the verdicts first."""
    gates = (comparison.a.gate, comparison.b.gate)
    if comparison.command == "audit":
        told = ["not judged" if one is None else one.outcome.upper() for one in gates]
        yield f"Verdicts by their own policies: {told[0]} in A, {told[1]} in B"
    for state, (_, words, _) in STATES.items():
        found = [one for one in comparison.findings if one.state == state]
        if found:
            named = ", ".join(_named(one) for one in found[:_MAX_NAMED])
            more = f" and {len(found) - _MAX_NAMED:,} more" if len(found) > _MAX_NAMED else ""
            yield f"{words[0].upper()}{words[1:]}: {named}{more}"
    if comparison.similarity.p_value is not None:
        yield (
            f"Similarity: p {p_text(comparison.similarity.p_value)} "
            f"({comparison.similarity.test}, n = {comparison.similarity.n_changed:,})"
        )
    elif comparison.similarity.reason is not None:
        yield f"Similarity: no test ({comparison.similarity.reason})"


def _named(one: FindingPair) -> str:
    """A finding with its severity, both where they differ, and its margins."""
    called = list(dict.fromkeys(side.severity for side in (one.a, one.b) if side is not None))
    margins = arrow(_margin(one.margin_a), _margin(one.margin_b))
    return f"{visible(one.class_name)} ({' → '.join(called)}, margin {margins})"


def _margin(value: float | None) -> str:
    """Print a margin, or say that there is none."""
    return "not tested" if value is None else f"{value:.2f}"


def tiles_of(comparison: Comparison) -> Iterator[Fact]:
    """Count what was compared and what changed."""
    counts = state_counts(comparison.findings)
    yield Fact("common images", f"{len(comparison.images):,}")
    yield Fact("inverted in both", f"{comparison.similarity.n:,}")
    if comparison.n_predictions:
        name = "predicted classes changed"
        yield Fact(name, f"{comparison.n_predictions_changed:,} of {comparison.n_predictions:,}")
    if comparison.n_verdicts:
        name = "verdicts on retention changed"
        yield Fact(name, f"{comparison.n_verdicts_changed:,} of {comparison.n_verdicts:,}")
    if comparison.command == "audit":
        yield Fact("findings new or worse", f"{counts.get('new', 0) + counts.get('worsened', 0):,}")
        yield Fact(
            "findings gone or weaker", f"{counts.get('fixed', 0) + counts.get('weaker', 0):,}"
        )
