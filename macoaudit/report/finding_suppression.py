"""What the policy says of setting a finding aside, and the entry that would do so."""

from dataclasses import dataclass

from macoaudit.report.records import Fact
from macoaudit.report.words import visible
from macoaudit.results import Finding, GatedFinding, Run, Suppression


@dataclass(frozen=True)
class SuppressionEntry:
    """An entry of the policy file, ready but for what only a person can say."""

    toml: str
    how: str


_HOW = (
    "Only if a person has looked and found a false alarm: copy this into the policy file "
    "(macoaudit.toml) and fill in the three empty strings. As it stands, the policy is refused."
)


def gated_finding(run: Run, finding: Finding) -> GatedFinding | None:
    """Find what the gate made of a finding; None in a run without a verdict.

    Args:
        run: of ``audit``.
        finding: of this run.
    """
    rows = () if run.gate is None else run.gate.findings
    own = (one for one in rows if one.finding == finding.id and one.state != "fixed")
    return next(own, None)


def _entry_of(run: Run, gated: GatedFinding) -> Suppression | None:
    entries = () if run.gate is None else run.gate.suppressions
    return next((one for one in entries if one.fingerprint == gated.fingerprint), None)


def suppression_entry(run: Run, finding: Finding) -> SuppressionEntry | None:
    """Write the entry of the policy file that would set a finding aside.

    Reason, owner and last day are empty strings, which the policy's reader refuses: nobody can
    set a finding aside without having said why. No day is proposed, because equal runs give equal
    reports on any day.

    Args:
        run: of ``audit``.
        finding: of this run.

    Returns:
        The entry; None without a verdict (then there is no fingerprint), or where one holds.
    """
    gated = gated_finding(run, finding)
    if gated is None or gated.suppressed is not None:
        return None
    lines = (
        "[[suppressions]]",
        f"# {visible(gated.rule)}, class {visible(gated.class_name)}",
        f'fingerprint = "{visible(gated.fingerprint)}"',
        'reason = ""   # why this is a false alarm, or what is done about it',
        'owner = ""    # who answers for it',
        'expires = ""  # a day within a year, without quotes, such as 2030-01-31',
    )
    return SuppressionEntry("\n".join(lines), _HOW)


def suppression_facts(run: Run, gated: GatedFinding) -> tuple[Fact, ...]:
    """Say by whom and until when a finding is set aside, or was.

    Args:
        run: of ``audit``.
        gated: what its gate made of a finding.
    """
    entry = _entry_of(run, gated)
    if gated.suppressed is None and entry is None:
        return ()
    if entry is None:
        return (Fact("Suppressed", visible(gated.suppressed)),)
    verb = "until" if gated.suppressed is not None else "expired after"
    text = f"{verb} {visible(entry.expires)}, by {visible(entry.owner)}: {visible(entry.reason)}"
    return (Fact("Suppressed", text),)
