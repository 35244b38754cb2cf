"""The gate's verdict in the words of a report: what fails, what is set aside, what changed."""

from collections.abc import Sequence

from macoaudit.report.finding_suppression import gated_finding, suppression_facts
from macoaudit.report.records import Fact
from macoaudit.report.words import plural, visible
from macoaudit.results import FailOn, Finding, GatedFinding, GateRecord, Run, Severity

_MAX_NAMES = 8
_FAILS: dict[FailOn, str] = {
    "high": "a high finding fails",
    "medium": "a high or medium finding fails",
    "never": "no finding fails",
}
_SEVERITIES: tuple[Severity, ...] = ("high", "medium", "info")


def gate_incomplete(run: Run) -> bool:
    """Say whether an audit is neither a pass nor a fail; of an ungated one its status tells."""
    return run.status != "complete" if run.gate is None else run.gate.outcome == "incomplete"


def gate_status(run: Run, words: str) -> str:
    """Put the verdict before what was found; an ungated audit has none.

    Args:
        run: of ``audit``, not incomplete.
        words: what was found.
    """
    if run.gate is None:
        return words
    return f"{run.gate.outcome.capitalize()}: {words[0].lower()}{words[1:]}"


def gate_facts(run: Run, finding: Finding) -> tuple[Fact, ...]:
    """Say what the gate makes of a finding, and how it is named in a suppression.

    Args:
        run: of ``audit``; one without a verdict has nothing to say.
        finding: of this run.
    """
    one = gated_finding(run, finding)
    if one is None:
        return ()
    verdict = "fails the audit" if one.fails else "does not fail the audit"
    parts = [verdict, one.state or "no baseline was given"]
    if (counted := counted_as(run, finding)) is not None:
        parts.append(f"{finding.severity}, {counted}")
    if one.suppressed is not None:
        parts.append("suppressed")
    return (
        Fact("In the gate", f"{visible(one.rule)}: {'; '.join(parts)}"),
        *suppression_facts(run, one),
        Fact("Fingerprint", visible(one.fingerprint)),
    )


def counted_as(run: Run, finding: Finding) -> str | None:
    """Say as what the policy counts a finding; None where that is its own severity.

    Args:
        run: of ``audit``.
        finding: of this run.
    """
    one = gated_finding(run, finding)
    if one is None or one.severity == finding.severity:
        return None
    return f"counted as {one.severity} by the policy"


def gate_line(run: Run) -> str | None:
    """Say in one line what was decided by what: exit code, policy, baseline; None without a gate.

    Args:
        run: of ``audit``.
    """
    gate = run.gate
    if gate is None:
        return None
    line = f"Exit code {gate.exit_code}. Policy {visible(gate.policy)}: {_FAILS[gate.fail_on]}. "
    if gate.baseline_sha256 is None:
        return f"{line}No baseline."
    counts = [
        f"{sum(one.state == state for one in gate.findings):,} {state}"
        for state in ("new", "worsened", "unchanged", "fixed")
    ]
    return f"{line}Against the baseline: {', '.join(counts)}."


def images_line(run: Run) -> str | None:
    """Say how many of the images found were tested, and why the others were not.

    Args:
        run: of ``audit``; None without a gate, which alone knows how many there were.
    """
    gate = run.gate
    if gate is None:
        return None
    found, read = gate.n_images_found, len(run.images)
    bad = sum(one.status != "ok" for one in run.images)
    parts = [f"{bad:,} unreadable", f"{max(found - read, 0):,} sampled out"]
    other = min(read, found) - bad - gate.n_images_tested
    if other > 0:
        parts.append(f"{other:,} in no tested class")
    return f"{gate.n_images_tested:,} of {plural(found, 'image')} tested: {', '.join(parts)}."


def gate_level(run: Run, level: str) -> str:
    """Give the level of the verdict: of a fail that of what fails, of a pass never ``high``.

    Args:
        run: of ``audit``, not incomplete.
        level: of what was found: a severity, or ``none``.
    """
    gate = run.gate
    if gate is None or level == "none":
        return level
    current = [one for one in gate.findings if one.state != "fixed" and one.suppressed is None]
    counting = [one for one in current if one.fails] or current
    if not counting:
        return "info"
    worst = next(name for name in _SEVERITIES if any(one.severity == name for one in counting))
    return "medium" if worst == "high" and gate.outcome == "pass" else worst


def _listed(rows: Sequence[GatedFinding]) -> str:
    names = [f"{visible(one.class_name)} ({', '.join(_facts(one))})" for one in rows[:_MAX_NAMES]]
    left = len(rows) - _MAX_NAMES
    return f"{', '.join(names)}{f' and {left:,} more' if left > 0 else ''}"


def _facts(one: GatedFinding) -> list[str]:
    facts: list[str] = [one.severity]
    if one.state in ("new", "worsened"):
        facts.append(one.state)
    if one.suppressed is not None:
        facts.append(visible(one.suppressed))
    return facts


def _remapped(run: Run, gate: GateRecord) -> list[GatedFinding]:
    found = {one.id: one.severity for one in run.findings}
    return [
        one
        for one in gate.findings
        if one.state != "fixed" and found.get(one.finding, one.severity) != one.severity
    ]


def gate_sentences(run: Run) -> tuple[str, ...]:
    """Say what fails an audit, what does not though it was found, what changed, and the notes.

    Args:
        run: of ``audit``; an ungated one has no sentence.
    """
    gate = run.gate
    if gate is None:
        return ()
    current = [one for one in gate.findings if one.state != "fixed"]
    groups = (
        ("Failing", [one for one in current if one.fails]),
        ("Suppressed", [one for one in current if one.suppressed is not None]),
        ("Unchanged since the baseline", [one for one in current if one.state == "unchanged"]),
        ("Fixed since the baseline", [one for one in gate.findings if one.state == "fixed"]),
        (f"Counted otherwise by the policy {visible(gate.policy)}", _remapped(run, gate)),
    )
    sentences = [f"{title}: {_listed(rows)}." for title, rows in groups if rows]
    return (*sentences, *(visible(note) for note in gate.notes))
