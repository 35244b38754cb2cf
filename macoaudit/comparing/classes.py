"""Findings and classes of two audits matched, and what changed for each of them."""

from collections.abc import Sequence
from dataclasses import replace

from macoaudit.comparing.records import ClassPair, FindingPair, FindingSide, PairState
from macoaudit.gate import Policy, region_kind
from macoaudit.gate.baseline import RANK, Counted, count, matched, state_of
from macoaudit.results import ClassCoverage, Run, Severity

_ORDER: tuple[PairState, ...] = (
    "new",
    "worsened",
    "not tested in A",
    "fixed",
    "not tested in B",
    "weaker",
    "unchanged",
)


def pair_findings(a: Run, b: Run, *, two_networks: bool) -> tuple[FindingPair, ...]:
    """Match the findings of two audits as the gate does, each as its tests call it.

    Args:
        a: the earlier audit.
        b: the later one.
        two_networks: leave the networks' names out of what findings are matched by; rule, class
            and kind of region are left.

    Returns:
        What changed first, high findings before others, then what did not.
    """
    found = [_counted(run, two_networks) for run in (a, b)]
    before, left = matched(found[1], found[0])
    pairs = [_pair(a, b, earlier, later) for later, earlier in zip(found[1], before, strict=True)]
    pairs += [_pair(a, b, earlier, None) for earlier in left]
    return tuple(sorted(pairs, key=_order))


def _counted(run: Run, two_networks: bool) -> tuple[Counted, ...]:
    """Count by no policy at all, so that a changed one makes nothing worse or better."""
    nameless = replace(run, model=replace(run.model, name="")) if two_networks else run
    return count(nameless, Policy())


def _pair(a: Run, b: Run, earlier: Counted | None, later: Counted | None) -> FindingPair:
    one, of = (earlier, a) if later is None else (later, b)
    if one is None:
        raise AssertionError("a pair has a finding")
    name, index = one.finding.class_name, one.finding.class_index
    margin_a = _margin(a, name, index) if earlier is None else earlier.finding.margin
    margin_b = _margin(b, name, index) if later is None else later.finding.margin
    both = margin_a is not None and margin_b is not None
    return FindingPair(
        class_name=name,
        rule=one.rule,
        region=region_kind(one.finding, one.rule, of.tests),
        state=_state(earlier, later, margin_a, margin_b),
        a=None if earlier is None else _side(a, earlier),
        b=None if later is None else _side(b, later),
        margin_a=margin_a,
        margin_b=margin_b,
        difference=margin_b - margin_a
        if both and margin_a is not None and margin_b is not None
        else None,
    )


def _state(
    earlier: Counted | None, later: Counted | None, margin_a: float | None, margin_b: float | None
) -> PairState:
    if later is None:
        return "not tested in B" if margin_b is None else "fixed"
    if earlier is None:
        return "not tested in A" if margin_a is None else "new"
    if state_of(later, earlier) == "worsened":
        return "worsened"
    return "weaker" if state_of(earlier, later) == "worsened" else "unchanged"


def _side(run: Run, one: Counted) -> FindingSide:
    rows = () if run.gate is None else run.gate.findings
    own = next(
        (row for row in rows if row.finding == one.finding.id and row.state != "fixed"), None
    )
    named = next(row for row in count(run, Policy()) if row.finding.id == one.finding.id)
    return FindingSide(
        id=one.finding.id,
        class_index=one.finding.class_index,
        fingerprint=named.fingerprint,
        severity=one.severity,
        margin=one.finding.margin,
        counted=None if own is None else own.severity,
        fails=None if own is None else own.fails,
        suppressed=None if own is None else own.suppressed,
    )


def _covered(run: Run, name: str, index: int) -> ClassCoverage | None:
    """A class by its name; of several with one name, the one at the same place."""
    rows = () if run.shortcuts is None else run.shortcuts.classes
    named = [row for row in rows if row.class_name == name]
    named.sort(key=lambda row: row.class_index != index)
    return named[0] if named else None


def _margin(run: Run, name: str, index: int) -> float | None:
    """Margin of a class; None where it was not tested."""
    row = _covered(run, name, index)
    return None if row is None or not row.tested else row.margin or 0.0


def _order(pair: FindingPair) -> tuple[bool, int, int, float, str, str]:
    severities = [side.severity for side in (pair.a, pair.b) if side is not None]
    change = 0.0 if pair.difference is None else -abs(pair.difference)
    worst = min(RANK[one] for one in severities)
    place = _ORDER.index(pair.state)
    return pair.state == "unchanged", worst, place, change, pair.class_name, pair.rule


def pair_classes(a: Run, b: Run) -> tuple[ClassPair, ...]:
    """Match the classes of two audits by name, those of one name by their place first.

    Args:
        a: the earlier audit.
        b: the later one.

    Returns:
        In the order of B, then what only A has.
    """
    left = list(() if a.shortcuts is None else a.shortcuts.classes)
    rows_b = () if b.shortcuts is None else b.shortcuts.classes
    before: list[ClassCoverage | None] = [None] * len(rows_b)
    for same_place in (True, False):
        for place, row in enumerate(rows_b):
            if before[place] is None:
                before[place] = _taken(left, row, same_place)
    pairs = [_classes(a, b, old, new) for old, new in zip(before, rows_b, strict=True)]
    return (*pairs, *(_classes(a, b, old, None) for old in left))


def _taken(left: list[ClassCoverage], row: ClassCoverage, same_place: bool) -> ClassCoverage | None:
    for other in left:
        fits = other.class_index == row.class_index or not same_place
        if fits and other.class_name == row.class_name:
            left.remove(other)
            return other
    return None


def _classes(a: Run, b: Run, old: ClassCoverage | None, new: ClassCoverage | None) -> ClassPair:
    one = new or old
    if one is None:
        raise AssertionError("a pair has a class")
    margin_a, margin_b = (None if row is None else row.margin for row in (old, new))
    return ClassPair(
        class_name=one.class_name,
        index_a=None if old is None else old.class_index,
        index_b=None if new is None else new.class_index,
        n_images_a=None if old is None else old.n_images,
        n_images_b=None if new is None else new.n_images,
        tested_a=None if old is None else old.tested,
        tested_b=None if new is None else new.tested,
        margin_a=margin_a,
        margin_b=margin_b,
        difference=None if margin_a is None or margin_b is None else margin_b - margin_a,
        severity_a=None if old is None else worst(a, old.class_index),
        severity_b=None if new is None else worst(b, new.class_index),
    )


def worst(run: Run, class_index: int) -> Severity | None:
    """Severity of a class's worst finding; None without one."""
    found: Sequence[Severity] = [
        one.severity for one in run.findings if one.class_index == class_index
    ]
    return min(found, key=RANK.__getitem__, default=None)
