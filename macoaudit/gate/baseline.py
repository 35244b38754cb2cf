"""The baseline: an earlier audit of the same network, and what changed since."""

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from macoaudit.errors import MacoauditError, StoreError, UsageError
from macoaudit.gate.policy import Policy
from macoaudit.gate.rules import Rule, fingerprint, region_kind, rule_of
from macoaudit.results import Finding, FindingState, Run, Severity, to_json
from macoaudit.store import RESULTS, results_from_bytes

BAND = 0.25
"""A margin is worse when it grew by more than this share of itself, and of the threshold (1):
repeated audits of one network on other images of the same kind differ by less."""
RANK: dict[Severity, int] = {"high": 0, "medium": 1, "info": 2}


@dataclass(frozen=True)
class Counted:
    """A finding, and what a policy makes of it."""

    finding: Finding
    rule: Rule
    fingerprint: str
    severity: Severity
    """After the policy's map."""


def count(run: Run, policy: Policy) -> tuple[Counted, ...]:
    """Name the findings of a run and count them as a policy does.

    Args:
        run: of ``audit``.
        policy: the policy.

    Raises:
        UsageError: when a finding is of no rule.
    """
    found = []
    for one in run.findings:
        rule = rule_of(one)
        name = fingerprint(rule, run.model.name, one.class_name, region_kind(one, rule, run.tests))
        found.append(Counted(one, rule, name, policy.rule(rule).counted(one)))
    return tuple(found)


@dataclass(frozen=True)
class Baseline:
    """An earlier audit."""

    run: Run
    sha256: str
    """Of the file's bytes."""


def read_baseline(path: Path, *, argument: str = "--baseline") -> Baseline:
    """Read the record of an earlier audit and check all of it.

    Args:
        path: ``results.json`` or its run folder.
        argument: that named it, for messages.

    Raises:
        UsageError: when it cannot be read, was truncated or edited, has another schema version, or
            is not of a complete audit.
    """
    file = path / RESULTS if path.is_dir() else path
    try:
        content = file.read_bytes()
    except OSError as error:
        raise _refused(argument, file, f"cannot be read ({error.strerror or error})") from error
    try:
        run = results_from_bytes(content, file)
    except StoreError as error:
        raise UsageError(f"{argument} {error}") from error
    problem = _form(run) or _use(run)
    if problem:
        raise _refused(argument, file, problem)
    return Baseline(run, hashlib.sha256(content).hexdigest())


def _refused(argument: str, file: Path, reason: str) -> UsageError:
    return UsageError(
        f"{argument} {file}: {reason}. Give the results.json of a complete audit of this network, "
        "as macoaudit wrote it"
    )


@functools.cache
def _schema() -> Any:  # noqa: ANN401 - JSON is not narrower
    file = Path(__file__).parents[1] / "data" / "results.schema.json"
    return jsonschema.Draft202012Validator(json.loads(file.read_text(encoding="utf-8")))


def _form(run: Run) -> str | None:
    """Say where the document differs from any that is written."""
    worst = jsonschema.exceptions.best_match(_schema().iter_errors(to_json(run)))
    if worst is not None:
        place = ".".join(str(step) for step in worst.absolute_path) or "the document"
        return f"was edited: {place} does not fit the schema ({worst.message[:120]})"
    margins = (
        {} if run.shortcuts is None else {one.class_index: one for one in run.shortcuts.classes}
    )
    for one in run.findings:
        covered = margins.get(one.class_index)
        if covered is not None and covered.margin not in (None, one.margin):
            return f"was edited: the margin of finding {one.id} is not that of its class"
    return None


def _use(run: Run) -> str | None:
    """Say why a record that is whole cannot be a baseline."""
    if run.command != "audit":
        return f"is of macoaudit {run.command}, not of an audit"
    if run.gate is None:
        return "holds no verdict"
    if run.status != "complete" or run.gate.outcome == "incomplete":
        return "is of an audit that is incomplete, so what it lacks is not known to be new"
    try:
        named = {
            (one.finding.id, one.fingerprint, one.finding.margin) for one in count(run, Policy())
        }
    except MacoauditError as error:
        return str(error)
    gated = {
        (one.finding, one.fingerprint, one.margin)
        for one in run.gate.findings
        if one.state != "fixed"
    }
    return None if named == gated else "was edited: its findings are not those of its own gate"


def require_same_model(baseline: Baseline, model: str) -> None:
    """Refuse the baseline of another network.

    Args:
        baseline: the earlier audit.
        model: name of the network that is audited.

    Raises:
        UsageError: when it is another one.
    """
    name = baseline.run.model.name
    if name != model:
        raise UsageError(
            f"--baseline is of the network {name!r}, and {model!r} is audited. Give a baseline of "
            "the same network, or leave it out"
        )


def state_of(now: Counted, before: Counted | None) -> FindingState:
    """Compare a finding with the same one in the baseline.

    It is worse when its severity rose, or when ``margin - before > 0.25 max(1, before)``.

    Args:
        now: of this run.
        before: of the baseline; None where there is none.
    """
    if before is None:
        return "new"
    margin = before.finding.margin
    grew = now.finding.margin - margin > BAND * max(1.0, margin)
    return "worsened" if grew or RANK[now.severity] < RANK[before.severity] else "unchanged"


def matched(
    now: Sequence[Counted], before: Sequence[Counted]
) -> tuple[list[Counted | None], list[Counted]]:
    """Find each finding in the baseline again.

    Two classes of one name have one fingerprint; of these the same class is taken first.

    Args:
        now: findings of this run.
        before: findings of the baseline.

    Returns:
        For each of this run the baseline's, or None; and those of the baseline that are left.
    """
    left = list(before)
    found: list[Counted | None] = [None] * len(now)
    for same_class in (True, False):
        for place, one in enumerate(now):
            if found[place] is not None:
                continue
            fits = [
                other
                for other in left
                if other.fingerprint == one.fingerprint
                and (not same_class or other.finding.class_index == one.finding.class_index)
            ]
            if fits:
                found[place] = fits[0]
                left.remove(fits[0])
    return found, left
