"""Frozen records of the gate: what fails an audit, what is set aside and why, what changed."""

from dataclasses import dataclass
from typing import Literal

from macoaudit.results.findings import Severity

GateOutcome = Literal["pass", "fail", "incomplete"]
FailOn = Literal["high", "medium", "never"]
FindingState = Literal["new", "unchanged", "worsened", "fixed"]
SuppressionStatus = Literal["used", "expired", "unused"]


@dataclass(frozen=True)
class GatedFinding:
    """What the gate makes of one finding, of this run or (when fixed) of the baseline."""

    finding: str
    """``id`` of the finding, in this run or, when fixed, in the baseline."""
    fingerprint: str
    """SHA-256 of rule, model name, class name and kind of region: no floats, no paths."""
    rule: str
    """Which pair of tests carries it, such as ``shortcut/place``; stable over versions."""
    class_name: str
    severity: Severity
    """After the policy's map."""
    state: FindingState | None
    """Against the baseline; None without one."""
    margin: float
    """Of the finding; of a fixed one, in this run or 0 where the class is gone."""
    baseline_margin: float | None
    """None where the baseline has no such finding."""
    suppressed: str | None
    """Reason of the suppression in force; None when there is none."""
    fails: bool
    """Whether it makes the audit fail."""


@dataclass(frozen=True)
class Suppression:
    """One entry of the policy that sets a finding aside."""

    fingerprint: str
    reason: str
    owner: str
    expires: str
    """Last day on which it holds, ISO 8601."""
    status: SuppressionStatus


@dataclass(frozen=True)
class GateRecord:
    """The one verdict: every format and the exit code read it."""

    outcome: GateOutcome
    exit_code: int
    """0 pass, 1 fail, 2 incomplete."""
    fail_on: FailOn
    policy: str
    """Name of the preset or of the policy file, without folders."""
    policy_sha256: str | None
    """Of the file's bytes; None for a preset."""
    baseline_sha256: str | None
    """Of the baseline's bytes; None without one."""
    findings: tuple[GatedFinding, ...]
    """Those that fail first, then by severity and class; fixed ones last."""
    suppressions: tuple[Suppression, ...]
    n_images_found: int
    n_images_tested: int
    """Fewer than found where the budget sampled them."""
    notes: tuple[str, ...]
    """Why it is incomplete, expired and unused suppressions, budgets that were met: one sentence
    each."""
