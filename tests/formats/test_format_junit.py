"""JUnit: valid against the schema, one case for every test of every class, no failure lost."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verdicts import HOSTILE, OUTCOMES, gated, outcome_run, passing, with_findings

from macoaudit.formats import to_junit
from macoaudit.formats.junit import MAX_LINES, WHOLE
from macoaudit.results import Skipped


def suite(run):
    root = ET.fromstring(to_junit(run).encode())
    (one,) = root
    return one


def cases(run):
    """Group and name of every case -> (outcome, message, text)."""
    found = {}
    for case in suite(run).iter("testcase"):
        key = case.get("classname"), case.get("name")
        assert key not in found
        children = list(case)
        assert len(children) <= 1
        found[key] = (
            (children[0].tag, children[0].get("message"), children[0].text or "")
            if children
            else ("passed", "", "")
        )
    return found


@pytest.fixture(scope="session")
def schema(assets):
    etree = pytest.importorskip("lxml.etree", reason="lxml of the dev extra is not installed")
    return etree.XMLSchema(file=str(assets / "schemas" / "JUnit.xsd"))


def problems(schema, text):
    from lxml import etree

    schema.validate(etree.fromstring(text.encode()))
    return [error.message for error in schema.error_log]


@pytest.mark.assets
def test_it_is_valid_against_the_schema(schema, audit):
    assert problems(schema, to_junit(audit)) == []


@pytest.mark.assets
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (' hostname="localhost"', ""),
        (' errors="0"', ""),
        ('type="shortcut/place"', ""),
        ("T12:00:00", "T12:00:00Z"),
        ("<system-out>", "<system-in/><system-out>"),
    ],
)
def test_the_schema_finds_what_is_wrong(schema, old, new):
    text = to_junit(with_findings())
    assert old in text
    assert problems(schema, text.replace(old, new))


def test_counts_are_of_what_is_there(audit):
    one = suite(audit)
    counted = {"failures": 0, "errors": 0, "skipped": 0}
    for outcome, _, _ in cases(audit).values():
        key = {"failure": "failures", "error": "errors", "skipped": "skipped"}.get(outcome)
        if key:
            counted[key] += 1
    assert {key: int(one.get(key)) for key in counted} == counted
    assert int(one.get("tests")) == len(cases(audit))


def test_what_a_build_server_makes_of_it_is_the_verdict(kind, audit):
    one = suite(audit)
    red = int(one.get("failures")) + int(one.get("errors")) > 0
    assert red == (OUTCOMES[kind][2] != 0)
    assert (int(one.get("errors")) > 0) == (OUTCOMES[kind][1] == "incomplete")


def test_a_failing_finding_fails_the_tests_that_carry_it_and_no_other():
    found = cases(with_findings())
    failed = {key for key, (outcome, _, _) in found.items() if outcome == "failure"}
    assert failed == {
        (f"macoaudit.{test}", f"{name} (class {index})")
        for test in ("patch transfer", "stamp")
        for index, name in enumerate(("mushroom", "fish"))
    }
    _, message, text = found["macoaudit.stamp", "mushroom (class 0)"]
    assert message.startswith("A small white mark")
    assert with_findings().gate.findings[0].fingerprint in text
    # medium and info do not fail this policy
    assert found["macoaudit.patch transfer", "cactus (class 2)"][0] == "passed"


def test_what_was_not_run_is_skipped_with_its_reason():
    found = cases(passing())
    assert found["macoaudit.stamp", "boat (class 5)"] == (
        "skipped",
        "not tested: 1 image of the class, 4 are needed",
        "",
    )
    assert found["macoaudit.stamp", "house (class 4)"][0] == "passed"
    assert len(found) == 1 + len(passing().tests)


def test_a_suppressed_finding_is_skipped_with_its_reason():
    found = cases(outcome_run("suppressed"))
    reason = "suppressed: the spot is the eye; looked at by hand"
    assert found["macoaudit.stamp", "fish (class 1)"] == ("skipped", reason, "")


def test_an_incomplete_audit_is_an_error():
    found = cases(outcome_run("incomplete"))
    outcome, message, text = found["macoaudit.audit", WHOLE]
    assert outcome == "error"
    assert message.startswith("incomplete: ")
    assert "no class could be tested" in text
    assert all(one[0] in ("error", "skipped") for one in found.values())
    assert cases(passing())["macoaudit.audit", WHOLE][0] == "passed"


def test_a_failing_finding_without_its_tests_fails_all_the_same():
    run = replace(with_findings(), tests=())
    found = cases(run)
    assert found["macoaudit.shortcut/place", "mushroom (class 0)"][0] == "failure"
    assert found["macoaudit.shortcut/property", "tree (class 3)"][0] == "passed"
    unflagged = replace(
        run,
        tests=tuple(replace(one, outcome="passed") for one in with_findings().tests),
    )
    assert cases(unflagged)["macoaudit.shortcut/place", "fish (class 1)"][0] == "failure"


def test_of_one_test_with_several_subjects_the_flagged_one_fails():
    run = with_findings()
    tests = [one for one in run.tests if (one.test, one.class_index) == ("property", 3)]
    other = replace(tests[0], subject="brightness", outcome="passed")
    gates = tuple(gated(run, place, fails=True) for place in range(4))
    run = replace(run, tests=(*run.tests, other), gate=replace(run.gate, findings=gates))
    found = cases(run)
    assert found["macoaudit.property", "tree (class 3): saturation"][0] == "failure"
    assert found["macoaudit.property", "tree (class 3): brightness"][0] == "passed"


def test_names_of_any_kind_are_there_to_read():
    names = [name for _, name in cases(outcome_run("hostile"))]
    for shown in ("<img src=x onerror=alert(1)>", "bell\\x07", "\\u202e", "nul\\x00", "x" * 300):
        assert any(shown in name for name in names)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(), max_size=40))
def test_any_text_gives_xml_that_can_be_read(name):
    run = with_findings()
    finding = replace(run.findings[0], class_name=name, seen=name)
    run = replace(
        run,
        findings=(finding, *run.findings[1:]),
        tests=tuple(replace(one, class_name=name, subject=name) for one in run.tests),
        skipped=(Skipped(name, name),),
    )
    assert suite(run).get("failures") == "4"


def test_long_texts_are_bounded():
    run = replace(
        with_findings(), skipped=tuple(Skipped(f"check {n}", HOSTILE[0]) for n in range(3000))
    )
    lines = suite(run).find("system-err").text.split("\n")
    assert len(lines) == MAX_LINES + 1
    assert lines[-1] == "2,004 more lines, see the report"


@pytest.mark.parametrize("started", [None, "yesterday", "2026-03-01T12:00:00+01:00"])
def test_a_start_that_is_no_time_is_the_beginning_of_time(started):
    run = with_findings()
    run = replace(run, volatile={**run.volatile, "started": started, "stages": {}})
    assert suite(run).get("timestamp") == "1970-01-01T00:00:00"
    assert suite(run).get("time") == "0.000"
