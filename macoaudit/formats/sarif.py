"""SARIF 2.1.0, as code scanning services accept it.

One result that such a service does not like makes it refuse the whole file. So every result has a
physical location with a relative address and a start line, a rule and a fingerprint.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from macoaudit.formats.places import address, in_repository
from macoaudit.formats.plain import more, plain
from macoaudit.formats.rules import ADVICE, Rule, rules_for
from macoaudit.formats.verdicts import (
    ShownFinding,
    shown_findings,
    untested,
    verdict_line,
    verdict_of,
    worst_first,
)
from macoaudit.results import FindingState, GateRecord, Run, Severity

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
MAX_RESULTS = 5000
"""Results that GitHub shows of one run."""
MAX_NOTIFICATIONS = 500
LEVELS: Mapping[Severity, Literal["error", "warning", "note"]] = {
    "high": "error",
    "medium": "warning",
    "info": "note",
}
_STATES: Mapping[FindingState, str] = {
    "new": "new",
    "unchanged": "unchanged",
    "worsened": "updated",
    "fixed": "absent",
}
SOURCE_ROOT = "%SRCROOT%"
"""The name that code hosts know the root of a repository by."""
FINGERPRINT = "macoauditFinding/v1"
GITHUB_FINGERPRINT = "primaryLocationLineHash"
"""The one that GitHub follows an alert by; without it the text of the line would be hashed, and an
image has no lines."""


def to_sarif(run: Run) -> str:
    """Write an audit as a SARIF 2.1.0 log.

    Args:
        run: of ``audit``.

    Raises:
        UsageError: when the run has no verdict.
        ReportError: when its verdict does not fit it.
    """
    gate, shown = verdict_of(run), worst_first(shown_findings(run))
    rules = rules_for(one.gated.rule for one in shown)
    places = {rule.id: place for place, rule in enumerate(rules)}
    kept = shown[:MAX_RESULTS]
    name = plain(run.model.name, 100)
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": _driver(run, rules)},
                "automationDetails": {"id": f"macoaudit/{quote(name, safe='')}/"},
                "invocations": [_invocation(run, gate, len(shown) - len(kept))],
                "columnKind": "unicodeCodePoints",
                **_bases(run),
                "results": [_result(run, one, places) for one in kept],
                "properties": {
                    "verdict": gate.outcome,
                    "exitCode": gate.exit_code,
                    "failOn": gate.fail_on,
                    "summary": verdict_line(run),
                    "model": name,
                    "weightsSha256": plain(run.model.weights_sha256),
                    "policy": plain(gate.policy),
                    "findingsLeftOut": len(shown) - len(kept),
                },
            }
        ],
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def _driver(run: Run, rules: Sequence[Rule]) -> dict[str, Any]:
    return {
        "name": "macoaudit",
        "version": plain(run.tool.get("version", "unknown"), 100),
        "rules": [
            {
                "id": plain(rule.id),
                "shortDescription": {"text": _literal(rule.short)},
                "fullDescription": {"text": _literal(rule.full)},
                "help": {"text": _literal(f"{rule.full} {ADVICE}")},
                "defaultConfiguration": {"level": LEVELS[rule.severity]},
                "properties": {"tags": ["model-audit", "shortcut"]},
            }
            for rule in rules
        ],
    }


def _invocation(run: Run, gate: GateRecord, left_out: int) -> dict[str, Any]:
    """Say whether the audit was made as a whole, and what it did not look at."""
    incomplete = gate.outcome == "incomplete"
    first = [_notification("error", verdict_line(run))] if incomplete else []
    if left_out:
        words = f"{more(left_out, 'finding')}; the worst {MAX_RESULTS:,} are here"
        first.append(_notification("warning", words))
    level: Literal["error", "warning"] = "error" if incomplete else "warning"
    first += [_notification(level, note) for note in gate.notes]
    rest = [_notification("note", f"Not tested: {one.what}: {one.reason}") for one in untested(run)]
    listed = (first + rest)[:MAX_NOTIFICATIONS]
    unsaid = len(first) + len(rest) - len(listed)
    if unsaid:
        listed.append(_notification("note", more(unsaid, "note")))
    return {
        "executionSuccessful": not incomplete,
        "exitCode": gate.exit_code,
        "exitCodeDescription": gate.outcome,
        "toolExecutionNotifications": listed,
    }


def _notification(level: Literal["error", "warning", "note"], text: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": _literal(plain(text, 1000))}}


def _bases(run: Run) -> dict[str, Any]:
    """Name what addresses are relative to; where that is on this machine is nobody's business."""
    if not in_repository(run):
        return {}
    text = "Root of the repository that holds the images."
    return {"originalUriBaseIds": {SOURCE_ROOT: {"description": {"text": text}}}}


def _result(run: Run, shown: ShownFinding, places: Mapping[str, int]) -> dict[str, Any]:
    gated = shown.gated
    result: dict[str, Any] = {
        "ruleId": plain(gated.rule),
        "ruleIndex": places[gated.rule],
        "level": LEVELS[gated.severity],
        "message": {"text": _literal(_message(shown))},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": _location(run, shown.image),
                    "region": {"startLine": 1},
                }
            }
        ],
        "partialFingerprints": {
            FINGERPRINT: gated.fingerprint,
            GITHUB_FINGERPRINT: f"{gated.fingerprint}:1",
        },
        "suppressions": [],
        "properties": {
            "class": plain(gated.class_name),
            "severity": gated.severity,
            "margin": gated.margin,
            "fails": gated.fails,
            "needsReview": shown.found is not None and shown.found.needs_review,
        },
    }
    if gated.suppressed is not None:
        result["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted",
                "justification": plain(gated.suppressed, 1000),
            }
        ]
    if gated.state is not None:
        result["baselineState"] = _STATES[gated.state]
    return result


def _location(run: Run, image: str | None) -> dict[str, str]:
    base = {"uriBaseId": SOURCE_ROOT} if in_repository(run) else {}
    return {"uri": address(run, image), **base}


def _message(shown: ShownFinding) -> str:
    if shown.found is None:
        return shown.sentence
    parts = (shown.found.strength, shown.found.where, shown.found.false_alarm_if)
    return " ".join([shown.sentence, *(plain(part) for part in parts)])


def _literal(text: str) -> str:
    """Write text as a SARIF message that means itself: no placeholders, no embedded links."""
    doubled = text.replace("{", "{{").replace("}", "}}")
    return doubled.replace("](", "] (")
