"""``macoaudit audit``: images and a network in, shortcut findings and a verdict out."""

from macoaudit.auditing.job import run_audit
from macoaudit.auditing.key import audit_key
from macoaudit.auditing.outcome import outcome_line, outcome_of

__all__ = ["audit_key", "outcome_line", "outcome_of", "run_audit"]
