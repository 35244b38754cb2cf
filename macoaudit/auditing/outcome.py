"""What an audit comes to: pass, fail or incomplete, and the one line that says so."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from macoaudit.audit_config import FailOn
from macoaudit.results import Finding, Run, Severity, ShortcutAudit

Outcome = Literal["pass", "fail", "incomplete"]
_NAMED = 5
"""Classes that the line lists."""
FAILING: Mapping[FailOn, tuple[Severity, ...]] = {
    "high": ("high",),
    "medium": ("high", "medium"),
    "never": (),
}
"""Severities that fail an audit."""


def summarise(
    findings: Sequence[Finding],
    audit: ShortcutAudit | None,
    *,
    fail_on: FailOn,
    n_classes: int,
    incomplete: Sequence[str],
) -> dict[str, Any]:
    """Sum up findings and coverage for the record.

    Args:
        findings: all of them.
        audit: None where the tests were not reached.
        fail_on: least severity that fails.
        n_classes: of the network.
        incomplete: why the audit is incomplete; empty when it is not.

    Returns:
        ``verdict`` is None for an incomplete audit: that is neither a pass nor a fail.
    """
    classes = () if audit is None else audit.classes
    failed = any(one.severity in FAILING[fail_on] for one in findings)
    return {
        **{
            f"n_{severity}": sum(one.severity == severity for one in findings)
            for severity in ("high", "medium", "info")
        },
        "n_classes": n_classes,
        "n_classes_with_images": sum(one.n_images > 0 for one in classes),
        "n_classes_tested": sum(one.tested and one.n_images > 0 for one in classes),
        "fail_on": fail_on,
        "incomplete": list(incomplete),
        "verdict": None if incomplete else "fail" if failed else "pass",
    }


def outcome_of(run: Run) -> Outcome:
    """Say what an audit comes to: as its gate says, where it has one."""
    if run.gate is not None:
        return run.gate.outcome
    verdict = run.summary.get("verdict")
    if run.status != "complete" or verdict not in ("pass", "fail"):
        return "incomplete"
    return "fail" if verdict == "fail" else "pass"


def outcome_line(run: Run) -> str:
    """Sum an audit up on one line; what was not tested is named, because it is not cleared.

    Args:
        run: of ``audit``.
    """
    outcome, summary = outcome_of(run), run.summary
    parts = []
    if outcome == "incomplete":
        parts += summary.get("incomplete", ())
    fail_on: FailOn = summary.get("fail_on", "high")
    counted = [_counted(run.findings, severity) for severity in ("high", "medium", "info")]
    shown = [text for text in counted if text] or ["no finding"]
    failing = FAILING[fail_on]
    if outcome == "pass" and failing and summary.get("n_high", 0) + summary.get("n_medium", 0):
        shown = [f"no {' or '.join(failing)} finding", *shown]
    if run.shortcuts is not None:
        parts += [*shown, *_coverage(run.shortcuts)]
    without = summary.get("n_classes", 0) - summary.get("n_classes_with_images", 0)
    if run.shortcuts is not None and without > 0:
        have = "1 class of the network has" if without == 1 else f"{without} classes have"
        parts.append(f"{have} no images")
    return f"{outcome}: {', '.join(parts) or 'the tests were not reached'}"


def _counted(findings: Sequence[Finding], severity: str) -> str:
    names = [one.class_name for one in findings if one.severity == severity]
    if not names:
        return ""
    noun = "finding" if len(names) == 1 else "findings"
    return f"{len(names)} {severity} {noun} ({_listed(names)})"


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
    return ", ".join(names[:_NAMED]) + more
