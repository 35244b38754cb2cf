"""The gate: policy, fingerprints and baseline, and the one verdict that follows from them."""

from macoaudit.gate.baseline import Baseline, read_baseline, require_same_model
from macoaudit.gate.deciding import FAILING, Gate, decide, utc_today
from macoaudit.gate.policy import Budget, Policy, RulePolicy, SetAside
from macoaudit.gate.reading import DEFAULT_FILE, fail_on_of, find_policy, read_policy
from macoaudit.gate.rules import RULES, Rule, fingerprint, region_kind, rule_of

__all__ = [
    "DEFAULT_FILE",
    "FAILING",
    "RULES",
    "Baseline",
    "Budget",
    "Gate",
    "Policy",
    "Rule",
    "RulePolicy",
    "SetAside",
    "decide",
    "fail_on_of",
    "find_policy",
    "fingerprint",
    "read_baseline",
    "read_policy",
    "region_kind",
    "require_same_model",
    "rule_of",
    "utc_today",
]
