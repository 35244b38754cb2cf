"""The controls of a run to words: what each checks, and what a bad outcome would look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from macoaudit.report.pieces import TrustDetail, TrustRow, TrustView
from macoaudit.report.words import DASH, fraction_text, plural, share_text, visible
from macoaudit.results import TrustCheck

Unit = Literal["cosine", "share", "flag", "number"]


@dataclass(frozen=True)
class CheckText:
    """What a check is, for a reader."""

    unit: Unit
    wanted: str
    """How the threshold is meant: ``below {}``."""
    checks: str
    otherwise: str


TEXTS: Mapping[str, CheckText] = {
    "random weights": CheckText(
        "cosine",
        "below {}",
        "Inversions made from a copy of the network with random weights, seen by the trained "
        "network: mean cosine to the reference. The threshold lies midway between the start's "
        "cosine and that of the true inversions.",
        "Random weights would do as well as trained ones: the pictures would come from the method "
        "and not from what the network learned.",
    ),
    "null objective": CheckText(
        "cosine",
        "below {}",
        "The same number for inversions of the activation with its entries permuted, a target "
        "that belongs to no image.",
        "A meaningless target would give the reference back as well: the pictures would not "
        "depend on what is asked.",
    ),
    "dead target": CheckText(
        "flag",
        "{}",
        "A target that is the same for every image has no gradient. It has to be reported as dead.",
        "A picture would be drawn of a target that nothing can change: filling shown as a result.",
    ),
    "parametrizations": CheckText(
        "share",
        "{} or more",
        "Share of images whose inversion with a free Fourier spectrum is nearer to their own "
        "inversion here than to that of any other image, in the features of a judge where there "
        "is one. At least half of them have to be, all where there are two.",
        "Another way to draw would give another answer: the pictures would show the "
        "parametrization and not the image.",
    ),
    "initialisations": CheckText(
        "share",
        "{} or more",
        "Share of inversions whose nearest neighbour among the inversions from other seeds is of "
        "the same image, in the same features. At least half of them have to be.",
        "The random start would decide the picture: what it shows would be luck.",
    ),
    "layer path": CheckText(
        "number",
        "above {}",
        "Along the layers of the network: are inversions as like natural images of their class (1) "
        "as these are to each other, or no more like them than like other classes (0)? The value "
        "is the lowest of the later half of the layers; pictures that have nothing to do with the "
        "image stay below the threshold.",
        "The inversion would reach the target by a way through the network that no natural image "
        "takes, so it would say little about natural images.",
    ),
}
UNKNOWN = CheckText(
    "number",
    "{}",
    "This version of the report has no words for this check; see the documentation of the version "
    "that made the run.",
    "Not known to this version.",
)
LOOKS = {
    "as expected": ("✓", "good"),
    "not as expected": ("✗", "bad"),
    "skipped": ("○", "none"),
}


def _number(value: float | None, unit: Unit) -> str:
    if value is None:
        return DASH
    if unit == "share":
        return share_text(value)
    if unit == "flag" and value in (0.0, 1.0):
        return "reported dead" if value == 1.0 else "not reported"
    return fraction_text(value, 3)


def _row(check: TrustCheck) -> TrustRow:
    words = TEXTS.get(check.name, UNKNOWN)
    symbol, level = LOOKS[check.outcome]
    value, threshold = _number(check.value, words.unit), _number(check.threshold, words.unit)
    if value == threshold and check.value != check.threshold and words.unit != "flag":
        # Rounded alike, they would not show why the check came out as it did.
        value, threshold = fraction_text(check.value, 6), fraction_text(check.threshold, 6)
    return TrustRow(
        name=visible(check.name),
        outcome="not made" if check.outcome == "skipped" else check.outcome,
        symbol=symbol,
        level=level,
        value=value,
        threshold=DASH if check.threshold is None else words.wanted.format(threshold),
        n_images=f"{check.n_images:,}",
        checks=words.checks,
        otherwise=words.otherwise,
        reason=None if check.reason is None else visible(check.reason),
    )


def trust_counts(checks: Sequence[TrustCheck]) -> tuple[str, str]:
    """Count the checks that came out as expected among those made.

    Returns:
        ``5 of 6``, and how many were not made in words, empty when all were.
    """
    made = [check for check in checks if check.outcome != "skipped"]
    good = sum(check.outcome == "as expected" for check in made)
    n_open = len(checks) - len(made)
    return f"{good} of {len(made)}", f"{n_open} not made" if n_open else ""


def trust_warning(checks: Sequence[TrustCheck]) -> str | None:
    """Warn of checks that did not come out as expected; None when there is none."""
    bad = [visible(check.name) for check in checks if check.outcome == "not as expected"]
    if not bad:
        return None
    verb = "check is" if len(bad) == 1 else "checks are"
    return (
        f"{len(bad)} trust {verb} not as expected: {', '.join(bad)}. Read the pictures below with "
        "that in mind; the section on trust checks says what it means."
    )


def trust_view(checks: Sequence[TrustCheck]) -> TrustView | None:
    """Put the controls of a run in words; None where the run has none."""
    if not checks:
        return None
    count, left = trust_counts(checks)
    summary = f"{count} trust checks came out as expected{f'; {left}' if left else ''}."
    if not any(check.outcome != "skipped" for check in checks):
        summary = f"None of {plural(len(checks), 'trust check')} was made."
    return TrustView(
        summary=summary,
        rows=tuple(_row(check) for check in checks),
        details=tuple(
            TrustDetail(visible(check.name), visible(name), fraction_text(value, 3))
            for check in checks
            for name, value in check.details.items()
        ),
    )
