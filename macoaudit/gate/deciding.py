"""The one function that decides what an audit comes to and with which code it exits."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from macoaudit.errors import UsageError
from macoaudit.gate.baseline import (
    RANK,
    Baseline,
    Counted,
    count,
    matched,
    require_same_model,
    state_of,
)
from macoaudit.gate.policy import Policy, SetAside
from macoaudit.results import (
    FailOn,
    FindingState,
    GatedFinding,
    GateOutcome,
    GateRecord,
    Run,
    Severity,
    Suppression,
    SuppressionStatus,
)

FAILING: Mapping[FailOn, tuple[Severity, ...]] = {
    "high": ("high",),
    "medium": ("high", "medium"),
    "never": (),
}
"""Severities that fail an audit."""
_CODES: Mapping[GateOutcome, int] = {"pass": 0, "fail": 1, "incomplete": 2}
_DIGITS = 12
"""Of a fingerprint in a sentence."""


def utc_today() -> datetime.date:
    """The day on which suppressions are looked at: the same for machines in all zones."""
    return datetime.datetime.now(datetime.UTC).date()


@dataclass(frozen=True)
class Gate:
    """What an audit is judged by."""

    policy: Policy = field(default_factory=Policy)
    baseline: Baseline | None = None
    today: datetime.date = field(default_factory=utc_today)

    def decide(self, run: Run) -> GateRecord:
        """Decide what a run comes to."""
        return decide(run, self.policy, self.baseline, self.today)


def decide(run: Run, policy: Policy, baseline: Baseline | None, today: datetime.date) -> GateRecord:
    """Decide what an audit comes to and with which code it exits.

    A finding fails the audit when its severity after the policy's map reaches ``fail_on``, no
    suppression that holds names it, and it is new or worse than in the baseline (where there is
    one). An incomplete audit neither passes nor fails, whatever was found.

    Args:
        run: of ``audit``; a verdict that it may hold is not looked at.
        policy: what counts.
        baseline: an earlier audit of the same network; None: everything is new.
        today: the day on which suppressions are looked at.

    Raises:
        UsageError: when the run is of another command, or the baseline of another network.
    """
    if run.command != "audit":
        raise UsageError(f"run: is of macoaudit {run.command}; only an audit has a verdict")
    if baseline is not None:
        require_same_model(baseline, run.model.name)
    now = count(run, policy)
    before = () if baseline is None else count(baseline.run, policy)
    earlier, left = matched(now, before)
    aside = {one.fingerprint: one for one in policy.suppressions if one.holds(today)}
    gated = [
        _gated(one, other, aside.get(one.fingerprint), policy, compared=baseline is not None)
        for one, other in zip(now, earlier, strict=True)
    ]
    gone, unknown = _gone(run, left)
    reasons = _incomplete(run)
    failed = any(one.fails for one in gated)
    outcome: GateOutcome = "incomplete" if reasons else "fail" if failed else "pass"
    forgiven = outcome == "fail" and policy.exit_zero
    found = _number(run, "n_images_found", len(run.images))
    tested = 0 if run.shortcuts is None else run.shortcuts.n_images
    suppressions = tuple(_suppression(one, now, today) for one in policy.suppressions)
    return GateRecord(
        outcome=outcome,
        exit_code=0 if forgiven else _CODES[outcome],
        fail_on=policy.fail_on,
        policy=policy.name,
        policy_sha256=policy.sha256,
        baseline_sha256=None if baseline is None else baseline.sha256,
        findings=(*sorted(gated, key=_order), *sorted(gone, key=_order)),
        suppressions=suppressions,
        n_images_found=found,
        n_images_tested=tested,
        notes=(
            *reasons,
            *_sampled(run, found),
            *_noted(suppressions, now, complete=not reasons),
            *unknown,
            *_overridden(policy),
            *(["Findings fail this audit; it exits with 0 because of --exit-zero."] * forgiven),
        ),
    )


def _number(run: Run, key: str, otherwise: int) -> int:
    value = run.summary.get(key)
    return value if isinstance(value, int) else otherwise


def _order(one: GatedFinding) -> tuple[bool, int, str, str]:
    return (not one.fails, RANK[one.severity], one.class_name, one.finding)


def _gated(
    one: Counted, before: Counted | None, aside: SetAside | None, policy: Policy, *, compared: bool
) -> GatedFinding:
    state: FindingState | None = state_of(one, before) if compared else None
    counts = one.severity in FAILING[policy.fail_on] and state != "unchanged"
    return GatedFinding(
        finding=one.finding.id,
        fingerprint=one.fingerprint,
        rule=one.rule,
        class_name=one.finding.class_name,
        severity=one.severity,
        state=state,
        margin=one.finding.margin,
        baseline_margin=None if before is None else before.finding.margin,
        suppressed=None if aside is None else aside.reason,
        fails=counts and aside is None,
    )


def _gone(run: Run, left: Sequence[Counted]) -> tuple[list[GatedFinding], list[str]]:
    """Findings of the baseline that are fixed, and sentences on those that were not looked at.

    Only a class that was tested again can be fixed.
    """
    if run.shortcuts is None:
        return [], []
    fixed, unknown = [], []
    for one in left:
        named = [row for row in run.shortcuts.classes if row.class_name == one.finding.class_name]
        # The classes may be in another order now; of two with one name it is the one at its place.
        named.sort(key=lambda row: row.class_index != one.finding.class_index)
        covered = named[0] if named else None
        if covered is None or not covered.tested:
            unknown.append(
                f"The {one.severity} finding of class {one.finding.class_name} in the baseline is "
                "not known to be fixed: the class was not tested."
            )
            continue
        fixed.append(
            GatedFinding(
                finding=one.finding.id,
                fingerprint=one.fingerprint,
                rule=one.rule,
                class_name=one.finding.class_name,
                severity=one.severity,
                state="fixed",
                margin=covered.margin or 0.0,
                baseline_margin=one.finding.margin,
                suppressed=None,
                fails=False,
            )
        )
    return fixed, unknown


def _incomplete(run: Run) -> list[str]:
    """Say in sentences why a run can be neither passed nor failed; nothing when it can."""
    given = run.summary.get("incomplete", ())
    reasons = [f"Incomplete: {reason}." for reason in given]
    if reasons:
        return reasons
    if run.status != "complete":
        return ["Incomplete: the run is not whole."]
    if run.shortcuts is None or not run.shortcuts.testable:
        return ["Incomplete: no class could be tested."]
    return []


def _sampled(run: Run, found: int) -> list[str]:
    if found <= len(run.images):
        return []
    return [
        f"{len(run.images)} of {found} images were read, evenly spaced ones of every folder "
        f"(max_images is {run.config.get('max_images')})."
    ]


def _overridden(policy: Policy) -> list[str]:
    """Say what the command line decided in place of a file that people agreed on."""
    if policy.sha256 is None or not policy.overrides:
        return []
    return [
        f"The command line sets {', '.join(policy.overrides)}, whatever the policy {policy.name} "
        "says."
    ]


def _suppression(one: SetAside, now: Sequence[Counted], today: datetime.date) -> Suppression:
    status: SuppressionStatus = "expired"
    if one.holds(today):
        there = any(other.fingerprint == one.fingerprint for other in now)
        status = "used" if there else "unused"
    return Suppression(one.fingerprint, one.reason, one.owner, one.expires.isoformat(), status)


def _noted(
    suppressions: Sequence[Suppression], now: Sequence[Counted], *, complete: bool
) -> list[str]:
    """Sentences on suppressions that do not hold, or that nothing needs."""
    classes: dict[str, str] = {one.fingerprint: one.finding.class_name for one in now}
    notes = []
    for one in suppressions:
        name = f"The suppression {one.fingerprint[:_DIGITS]} ({one.owner}: {one.reason})"
        if one.status == "expired" and one.fingerprint in classes:
            notes.append(
                f"{name} expired after {one.expires}: the finding of class "
                f"{classes[one.fingerprint]} counts again."
            )
        elif one.status == "expired":
            notes.append(f"{name} expired after {one.expires}, and no finding needs it.")
        elif one.status == "unused" and complete:  # else the finding may only not be reached yet
            notes.append(f"{name} is unused: no finding has this fingerprint.")
    return notes
