"""What an audit comes to, as its gate decided it, on one line."""

from collections.abc import Sequence
from typing import Any

from macoaudit.gate import FAILING
from macoaudit.results import Finding, GatedFinding, GateOutcome, GateRecord, Run, ShortcutAudit

_NAMED = 5
"""Classes that the line lists."""
_LETTERS = 60
"""Of a class's name in it."""


def summarise(
    findings: Sequence[Finding],
    audit: ShortcutAudit | None,
    *,
    n_classes: int,
    incomplete: Sequence[str],
) -> dict[str, Any]:
    """Sum up findings and coverage for the record; what they come to is the gate's to say.

    Args:
        findings: all of them.
        audit: None where the tests were not reached.
        n_classes: of the network.
        incomplete: why the audit is incomplete; empty when it is not.
    """
    classes = () if audit is None else audit.classes
    return {
        **{
            f"n_{severity}": sum(one.severity == severity for one in findings)
            for severity in ("high", "medium", "info")
        },
        "n_classes": n_classes,
        "n_classes_with_images": sum(one.n_images > 0 for one in classes),
        "n_classes_tested": sum(one.tested and one.n_images > 0 for one in classes),
        "incomplete": list(incomplete),
    }


def outcome_of(run: Run) -> GateOutcome:
    """Say what an audit comes to; one without a verdict was not gated, so it is no pass."""
    return "incomplete" if run.gate is None else run.gate.outcome


def outcome_line(run: Run) -> str:
    """Sum an audit up on one line; what was not tested is named, because it is not cleared.

    Args:
        run: of ``audit``.
    """
    outcome, gate, summary = outcome_of(run), run.gate, run.summary
    parts = list[str]()
    if outcome == "incomplete":
        parts += summary.get("incomplete", ())
    if gate is None:
        parts.append("the record holds no verdict")
    elif run.shortcuts is not None:
        parts += _findings(gate)
    if run.shortcuts is not None:
        parts += _coverage(run.shortcuts)
    without = summary.get("n_classes", 0) - summary.get("n_classes_with_images", 0)
    if run.shortcuts is not None and without > 0:
        have = "1 class of the network has" if without == 1 else f"{without} classes have"
        parts.append(f"{have} no images")
    return f"{outcome}: {', '.join(parts) or 'the tests were not reached'}"


def _findings(gate: GateRecord) -> list[str]:
    """Count findings by severity, then those that are set aside, known or gone."""
    current = [one for one in gate.findings if one.state != "fixed"]
    counting = [one for one in current if one.suppressed is None]
    known = [one for one in counting if one.state == "unchanged"]
    fixed = [one for one in gate.findings if one.state == "fixed"]
    failing = FAILING[gate.fail_on]
    shown = [
        text
        for severity in ("high", "medium", "info")
        if (text := _counted([one for one in counting if one.severity == severity], severity))
    ]
    if gate.outcome == "pass" and failing and any(one.severity != "info" for one in counting):
        news = "new or worsened " if any(one.severity in failing for one in known) else ""
        shown.insert(0, f"no {news}{' or '.join(failing)} finding")
    aside = [one for one in current if one.suppressed is not None]
    for rows, word in ((known, "unchanged"), (aside, "suppressed"), (fixed, "fixed")):
        if rows:
            shown.append(f"{len(rows)} {word} ({_listed([one.class_name for one in rows])})")
    return shown or ["no finding"]


def _counted(rows: Sequence[GatedFinding], severity: str) -> str:
    if not rows:
        return ""
    noun = "finding" if len(rows) == 1 else "findings"
    return f"{len(rows)} {severity} {noun} ({_listed([one.class_name for one in rows])})"


def _coverage(audit: ShortcutAudit) -> list[str]:
    with_images = [one for one in audit.classes if one.n_images > 0]
    tested = [one for one in with_images if one.tested]
    parts = [f"{len(tested)} of {len(with_images)} classes tested"]
    open_ones = [one.class_name for one in with_images if not one.tested]
    if open_ones:
        parts.append(f"not cleared: {_listed(open_ones)}")
    return parts


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(_short(name) for name in names[:_NAMED]) + more


def _short(name: str) -> str:
    return name if len(name) <= _LETTERS else name[: _LETTERS - 1] + "…"
