"""JUnit XML: one test case for every test of every class, so that silence is never a success."""

import re
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from macoaudit.formats.plain import more, plain
from macoaudit.formats.rules import ADVICE
from macoaudit.formats.verdicts import (
    ShownFinding,
    shown_findings,
    untested,
    verdict_line,
    verdict_of,
)
from macoaudit.results import GateRecord, Run, ShortcutTest

Outcome = Literal["passed", "failure", "skipped", "error"]
WHOLE = "the audit is complete"
"""Name of the test case that says so, or why it is not."""
MAX_LINES = 1000
"""Lines of the two texts at the end; the report holds the rest."""
_TIMESTAMP = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})Z?")
_UNKNOWN_TIME = "1970-01-01T00:00:00"


@dataclass(frozen=True)
class _Case:
    group: str
    name: str
    outcome: Outcome
    message: str = ""
    kind: str = ""
    text: str = ""


def to_junit(run: Run) -> str:
    """Write an audit as JUnit XML.

    A failing finding is a failure of every test that carries it; a test that was not made, or
    whose finding is suppressed, is skipped with the reason; an incomplete audit is an error.

    Args:
        run: of ``audit``.

    Raises:
        UsageError: when the run has no verdict.
        ReportError: when its verdict does not fit it.
    """
    gate, shown = verdict_of(run), shown_findings(run)
    cases = [_whole(run, gate), *_cases(run, shown)]
    root = ET.Element("testsuites")
    root.append(_suite(run, gate, cases, shown))
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _whole(run: Run, gate: GateRecord) -> _Case:
    if gate.outcome != "incomplete":
        return _Case("macoaudit.audit", WHOLE, "passed")
    text = "\n".join([verdict_line(run), *(plain(note) for note in gate.notes)])
    return _Case("macoaudit.audit", WHOLE, "error", verdict_line(run), "incomplete", text)


def _cases(run: Run, shown: Sequence[ShownFinding]) -> Iterator[_Case]:
    carried: dict[tuple[str, int], list[ShownFinding]] = defaultdict(list)
    for one in shown:
        if one.found is not None:
            for name in one.found.tests:
                carried[name, one.found.class_index].append(one)
    flagged = set()
    for test in run.tests:
        key = test.test, test.class_index
        if test.outcome == "flagged":
            flagged.add(key)
        yield _case(test, carried.get(key, ()))
    for one in shown:  # a finding whose tests are not on record is told all the same
        found = one.found
        if found is None or any((name, found.class_index) in flagged for name in found.tests):
            continue
        group = f"macoaudit.{plain(one.gated.rule, 100)}"
        title = _class_name(found.class_name, found.class_index)
        yield _carried(group, title, [one]) or _Case(group, title, "passed")


def _class_name(name: str, index: int) -> str:
    return f"{plain(name)} (class {index})"  # the index, because two classes can have one name


def _case(test: ShortcutTest, carried: Sequence[ShownFinding]) -> _Case:
    group = f"macoaudit.{plain(test.test, 100)}"
    name = _class_name(test.class_name, test.class_index)
    if test.subject is not None:
        name += f": {plain(test.subject, 100)}"
    if test.outcome == "flagged" and (told := _carried(group, name, carried)) is not None:
        return told
    if test.outcome == "not tested":
        reason = plain(test.reason or "no reason is recorded")
        return _Case(group, name, "skipped", f"not tested: {reason}")
    return _Case(group, name, "passed")


def _carried(group: str, name: str, carried: Sequence[ShownFinding]) -> _Case | None:
    """What becomes of a test by the findings that it carries; None where nothing does."""
    failing = [one for one in carried if one.gated.fails]
    if failing:
        return _failure(group, name, failing)
    reasons = [one.gated.suppressed for one in carried if one.gated.suppressed is not None]
    if reasons:
        return _Case(group, name, "skipped", f"suppressed: {plain('; '.join(reasons))}")
    return None


def _failure(group: str, name: str, failing: Sequence[ShownFinding]) -> _Case:
    lines = []
    for one in failing:
        lines.append(f"{one.gated.severity} {one.state}: {one.sentence}")
        if one.found is not None:
            lines += [plain(one.found.strength), plain(one.found.where)]
            lines.append(plain(one.found.false_alarm_if))
        lines.append(f"fingerprint: {one.gated.fingerprint}")
    first = failing[0]
    text = "\n".join([*lines, ADVICE])
    return _Case(group, name, "failure", first.sentence, plain(first.gated.rule, 100), text)


def _suite(
    run: Run, gate: GateRecord, cases: Sequence[_Case], shown: Sequence[ShownFinding]
) -> ET.Element:
    count = dict.fromkeys(("passed", "failure", "skipped", "error"), 0)
    for case in cases:
        count[case.outcome] += 1
    suite = ET.Element(
        "testsuite",
        {
            "name": f"macoaudit audit of {plain(run.model.name, 100)}",
            "package": "macoaudit",
            "id": "0",
            "timestamp": _timestamp(run.volatile),
            "hostname": "localhost",  # which machine it was is nobody's business
            "tests": str(len(cases)),
            "failures": str(count["failure"]),
            "errors": str(count["error"]),
            "skipped": str(count["skipped"]),
            "time": _seconds(run.volatile),
        },
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("verdict", gate.outcome),
        ("exit_code", str(gate.exit_code)),
        ("fail_on", gate.fail_on),
        ("policy", plain(gate.policy)),
        ("model", plain(run.model.name)),
        ("weights_sha256", plain(run.model.weights_sha256)),
        ("version", plain(run.tool.get("version", "unknown"))),
    ):
        ET.SubElement(properties, "property", {"name": name, "value": value})
    for case in cases:
        suite.append(_element(case))
    listed = [f"{one.state} {one.gated.severity}: {one.sentence}" for one in shown]
    ET.SubElement(suite, "system-out").text = _text([verdict_line(run), *listed])
    notes = [plain(note) for note in gate.notes]
    notes += [f"not tested: {one.what}: {one.reason}" for one in untested(run)]
    ET.SubElement(suite, "system-err").text = _text(notes)
    return suite


def _element(case: _Case) -> ET.Element:
    # The time of one test is not recorded; the suite's is that of all of them.
    element = ET.Element("testcase", {"classname": case.group, "name": case.name, "time": "0"})
    if case.outcome != "passed":
        child = ET.SubElement(element, case.outcome, {"message": case.message})
        if case.outcome != "skipped":
            child.set("type", case.kind)
        child.text = case.text or None
    return element


def _text(lines: Sequence[str]) -> str:
    left_out = len(lines) - MAX_LINES
    rest = [more(left_out, "line")] if left_out > 0 else []
    return "\n".join([*lines[:MAX_LINES], *rest])


def _timestamp(volatile: Mapping[str, object]) -> str:
    match = _TIMESTAMP.fullmatch(str(volatile.get("started", "")))
    return match[1] if match else _UNKNOWN_TIME


def _seconds(volatile: Mapping[str, object]) -> str:
    stages = volatile.get("stages")
    seconds = stages.get("test", 0.0) if isinstance(stages, Mapping) else 0.0
    return f"{seconds:.3f}"
