"""The rules of the gate: which claim a finding makes, and the name that it keeps over versions."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from macoaudit.errors import UsageError
from macoaudit.results import Finding, ShortcutTest

Rule = Literal["shortcut/place", "shortcut/spectrum", "shortcut/property"]
RULES: tuple[Rule, ...] = get_args(Rule)

# A pair of tests makes one claim (macoaudit.shortcuts.verdict); given masks are about places, too.
_TESTS: Mapping[Rule, frozenset[str]] = {
    "shortcut/place": frozenset({"patch transfer", "anomaly", "stamp", "component", "masks"}),
    "shortcut/spectrum": frozenset({"spectrum transfer", "spectrum recurrence"}),
    "shortcut/property": frozenset({"property shift", "property"}),
}
_SCHEME = "macoaudit finding 1"
"""Names the form of a fingerprint; another form gets another name, so that none is mistaken."""


def rule_of(finding: Finding) -> Rule:
    """Give the rule that a finding breaks: that of the test that leads those which carry it.

    Args:
        finding: its tests are in the order of the record, those that carry its severity first.

    Raises:
        UsageError: when that test is none of this version's.
    """
    for rule, tests in _TESTS.items():
        if finding.tests[0] in tests:
            return rule
    raise UsageError(
        f"finding {finding.id}: the test {finding.tests[0]!r} is of no rule that this version of "
        "macoaudit knows. Use the version that wrote the record"
    )


def region_kind(finding: Finding, rule: Rule, tests: Sequence[ShortcutTest]) -> str:
    """Say what kind of region a finding is about: ``place``, ``everywhere`` or a property's name.

    Args:
        finding: of any rule.
        rule: its rule.
        tests: of the same run.
    """
    if rule == "shortcut/place":
        return "place"
    if rule == "shortcut/spectrum":
        return "everywhere"
    flagged = {
        one.test: one.subject
        for one in tests
        if one.class_index == finding.class_index
        and one.outcome == "flagged"
        and one.test in _TESTS[rule]
    }
    named = [flagged.get(test) for test in finding.tests]
    return next((subject for subject in named if subject), "property")


def fingerprint(rule: str, model: str, class_name: str, region: str) -> str:
    r"""Name a finding so that it is known again in another run.

    ``sha256`` of the JSON list ``["macoaudit finding 1", rule, model, class_name, region]`` without
    spaces, other characters than ASCII written as ``\uXXXX``. There are no numbers that were
    measured and no paths in it, so it outlives new weights, images and folders.

    Args:
        rule: one of :data:`RULES`.
        model: the network's name, not its digest.
        class_name: as the network names it.
        region: from :func:`region_kind`.

    Returns:
        64 hexadecimal digits.
    """
    text = json.dumps([_SCHEME, rule, model, class_name, region], separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
