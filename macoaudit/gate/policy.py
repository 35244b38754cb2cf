"""The policy of an audit as records: what is audited, what fails, what is set aside, budgets."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from macoaudit.audit_config import ExtentName
from macoaudit.config import Preset
from macoaudit.gate.rules import Rule
from macoaudit.results import FailOn, Finding, Severity

SCHEMA_VERSION = 1
"""Of policy files."""


@dataclass(frozen=True)
class RulePolicy:
    """How findings of one rule count."""

    least_margin: float = 1.0
    """Margin from which a finding can be high, 1 or more: a high one below it counts as medium.
    1 is the tests' own, so it changes nothing."""
    severities: Mapping[Severity, Severity] = field(default_factory=dict)
    """What a severity counts as; one that is not named counts as itself."""

    def counted(self, finding: Finding) -> Severity:
        """Give the severity that a finding counts with.

        A high finding whose margin is below 1 has none that was recorded, for a pair of tests that
        reach their thresholds gives at least 1; it stays high.
        """
        short = finding.severity == "high" and 1 <= finding.margin < self.least_margin
        severity: Severity = "medium" if short else finding.severity
        return self.severities.get(severity, severity)


@dataclass(frozen=True)
class SetAside:
    """A finding that does not fail the audit until a day, and who answers for it."""

    fingerprint: str
    reason: str
    owner: str
    expires: datetime.date
    """The last day on which it holds."""

    def holds(self, today: datetime.date) -> bool:
        """Say whether it still holds."""
        return today <= self.expires


@dataclass(frozen=True)
class Budget:
    """How much an audit may use; None: no limit."""

    max_minutes: float | None = None
    """Wall time of one start. An audit that is not done by then is incomplete."""
    max_images: int | None = None
    """Images that are read and tested, from all folders alike."""


@dataclass(frozen=True)
class Policy:
    """What a policy file says; what it leaves out is None or empty."""

    name: str = "quick"
    """Of the preset or of the file, without folders."""
    sha256: str | None = None
    """Of the file's bytes; None for a preset."""
    preset: ExtentName = "quick"
    model: str | None = None
    """As ``--model`` takes it; the path of a card is already the file's."""
    weights: str | None = None
    """As ``--weights`` takes it; the path of a file is already the policy file's."""
    layer: str | None = None
    images: tuple[str, ...] = ()
    """Paths."""
    masks: str | None = None
    """Path of a folder."""
    references: tuple[str, ...] = ()
    """Paths."""
    neighbours: int | None = None
    seeds: int | None = None
    """Inversions of an image; None: the preset's."""
    seed: int | None = None
    """The first seed."""
    steps: int | None = None
    compat: Preset | None = None
    spectrum: str | None = None
    """Path of a file."""
    judges: tuple[str, ...] = ()
    offline: bool | None = None
    max_bad: float | None = None
    """Share of unusable images that is tolerated, 0 to 1."""
    baseline: str | None = None
    """Path of ``results.json`` of an earlier audit."""
    sarif_root: str | None = None
    """Path of the folder that addresses in SARIF are relative to."""
    fail_on: FailOn = "high"
    exit_zero: bool = False
    """Exit with 0 on findings. Only ever from the command line: in a file it would be forgotten."""
    budget: Budget = Budget()
    rules: Mapping[Rule, RulePolicy] = field(default_factory=dict)
    suppressions: tuple[SetAside, ...] = ()
    overrides: tuple[str, ...] = ()
    """Keys that the command line set, as a policy file writes them, in alphabetical order."""

    def rule(self, name: Rule) -> RulePolicy:
        """How findings of a rule count."""
        return self.rules.get(name, RulePolicy())

    def settings(self) -> dict[str, Any]:
        """What decides the outcome of an audit and no number in it, as plain data."""
        return {
            "fail_on": self.fail_on,
            "exit_zero": self.exit_zero,
            "overrides": list(self.overrides),
            "max_minutes": self.budget.max_minutes,
            "rules": {
                name: {"least_margin": rule.least_margin, "severities": dict(rule.severities)}
                for name, rule in sorted(self.rules.items())
            },
        }
