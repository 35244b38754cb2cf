"""The verdict: which findings fail, what sets them aside, and with which code an audit exits."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import audited
import jsonschema
import pytest
from gated import TODAY, audit, gated, high, write

import macoaudit
from macoaudit.cli.running import exit_code, recorded_code
from macoaudit.errors import UsageError
from macoaudit.gate import Gate, Policy, RulePolicy, SetAside, decide, fingerprint
from macoaudit.report.gate_words import (
    gate_facts,
    gate_incomplete,
    gate_level,
    gate_sentences,
    gate_status,
)
from macoaudit.results import to_json
from macoaudit.store import read_results

SCHEMA = json.loads((Path(macoaudit.__file__).parent / "data/results.schema.json").read_text())
MUSHROOM = fingerprint("shortcut/place", "demo", "mushroom", "place")


def aside(expires: date = TODAY, digits: str = MUSHROOM) -> SetAside:
    return SetAside(digits, "the mark is the species", "ann", expires)


def found(severity: str, margin: float = 2.0):
    return audited.finding(0, severity=severity, margin=margin)


def verdict(findings, **changes):
    return decide(audit(findings), Policy(**changes), None, TODAY)


class TestOutcome:
    @pytest.mark.parametrize(
        ("severity", "fail_on", "code"),
        [
            ("high", "high", 1),
            ("high", "medium", 1),
            ("high", "never", 0),
            ("medium", "high", 0),
            ("medium", "medium", 1),
            ("medium", "never", 0),
            ("info", "high", 0),
            ("info", "medium", 0),
            ("info", "never", 0),
        ],
    )
    def test_the_table_of_severities(self, severity, fail_on, code):
        record = verdict([found(severity)], fail_on=fail_on)
        assert record.exit_code == code
        assert record.outcome == ("fail" if code else "pass")
        assert record.findings[0].fails == bool(code)
        assert record.findings[0].state is None
        # findings are for adoption only reported, but the outcome is what it is
        lax = verdict([found(severity)], fail_on=fail_on, exit_zero=True)
        assert (lax.outcome, lax.exit_code) == (record.outcome, 0)
        assert len(lax.notes) == code

    def test_nothing_found_is_a_pass(self):
        record = verdict([])
        assert (record.outcome, record.exit_code, record.findings) == ("pass", 0, ())
        assert (record.policy, record.policy_sha256, record.baseline_sha256) == (
            "quick",
            None,
            None,
        )

    @pytest.mark.parametrize("exit_zero", [False, True])
    @pytest.mark.parametrize("findings", [[], [high()]])
    @pytest.mark.parametrize(
        ("change", "note"),
        [
            ({"status": "incomplete"}, "Incomplete: the run is not whole."),
            ({"shortcuts": None}, "Incomplete: no class could be tested."),
            (
                {"status": "incomplete", "summary": {"incomplete": ["the run was interrupted"]}},
                "Incomplete: the run was interrupted.",
            ),
            ({"summary": {"incomplete": ["x", "y"]}}, "Incomplete: x."),
        ],
    )
    def test_incomplete_is_neither_and_exits_2_whatever_was_found(
        self, change, note, findings, exit_zero
    ):
        policy = Policy(exit_zero=exit_zero, fail_on="never")
        record = decide(audit(findings, **change), policy, None, TODAY)
        assert (record.outcome, record.exit_code) == ("incomplete", 2)
        assert record.notes[0] == note

    def test_classes_that_were_all_left_untested_are_no_pass(self):
        run = audit([])
        rows = tuple(replace(one, tested=False, margin=None) for one in run.shortcuts.classes)
        run = replace(run, shortcuts=replace(run.shortcuts, classes=rows))
        assert decide(run, Policy(), None, TODAY).exit_code == 2

    def test_another_command_has_no_verdict(self):
        with pytest.raises(UsageError, match="is of macoaudit gallery; only an audit"):
            decide(audit(command="gallery"), Policy(), None, TODAY)

    def test_those_that_fail_come_first(self):
        record = verdict(None, fail_on="medium")
        assert [(one.class_name, one.fails) for one in record.findings] == [
            ("fish", True),
            ("mushroom", True),
            ("cactus", True),
            ("tree", False),
        ]
        assert [one.rule for one in record.findings] == [
            *["shortcut/place"] * 3,
            "shortcut/property",
        ]

    def test_images_that_the_budget_left_out_are_counted(self):
        run = audit([], summary={"n_images_found": 60}, config={"max_images": 21})
        record = decide(run, Policy(), None, TODAY)
        assert (record.n_images_found, record.n_images_tested) == (60, 21)
        (note,) = record.notes
        assert note.endswith("of 60 images were read, evenly spaced ones of every folder "
                             "(max_images is 21).")  # fmt: skip


class TestRules:
    @pytest.mark.parametrize(
        ("margin", "severity"),
        [(1.0, "medium"), (1.49, "medium"), (1.5, "high"), (2.0, "high"), (0.0, "high")],
    )
    def test_a_high_finding_below_the_least_margin_counts_as_medium(self, margin, severity):
        """One whose margin was not recorded (0) stays what it is."""
        rules = {"shortcut/place": RulePolicy(least_margin=1.5)}
        assert verdict([high(margin)], rules=rules).findings[0].severity == severity

    def test_the_map_comes_after_the_margin(self):
        rule = RulePolicy(2.0, {"medium": "info", "info": "high"})
        for margin, severity in ((1.5, "info"), (2.0, "high")):
            record = verdict([high(margin)], rules={"shortcut/place": rule})
            assert record.findings[0].severity == severity
        # one step, no chain: info counts as high, but what became info does not
        record = verdict([found("info")], rules={"shortcut/place": rule})
        assert (record.findings[0].severity, record.outcome) == ("high", "fail")

    def test_a_rule_is_of_its_own_findings_only(self):
        rules = {"shortcut/spectrum": RulePolicy(severities={"high": "info"})}
        assert verdict([high()], rules=rules).outcome == "fail"
        other = high(tests=("spectrum transfer", "spectrum recurrence"))
        assert verdict([other], rules=rules).outcome == "pass"


class TestSuppressions:
    @pytest.mark.parametrize(
        ("days", "status", "code"), [(1, "used", 0), (0, "used", 0), (-1, "expired", 1)]
    )
    def test_the_days_before_at_and_after_the_last(self, days, status, code):
        policy = Policy(suppressions=(aside(TODAY + timedelta(days=days)),))
        record = decide(audit([high()]), policy, None, TODAY)
        assert record.suppressions[0].status == status
        assert record.exit_code == code
        (one,) = record.findings
        assert one.suppressed == (None if code else "the mark is the species")
        assert one.fails == bool(code)
        if code:
            assert record.notes == (
                f"The suppression {MUSHROOM[:12]} (ann: the mark is the species) expired after "
                "2026-04-30: the finding of class mushroom counts again.",
            )
        else:
            assert record.notes == ()

    def test_only_what_it_names_is_set_aside(self):
        record = verdict([high(), high(2.0, 1)], suppressions=(aside(),))
        assert [(one.class_name, one.fails) for one in record.findings] == [
            ("fish", True),
            ("mushroom", False),
        ]

    def test_one_that_nothing_needs_is_said(self):
        unused = aside(digits="ab" * 32)
        record = verdict([], suppressions=(unused,))
        assert record.suppressions[0].status == "unused"
        assert record.notes == (
            "The suppression abababababab (ann: the mark is the species) is unused: no finding "
            "has this fingerprint.",
        )
        expired = verdict([], suppressions=(aside(TODAY - timedelta(days=9)),))
        assert expired.suppressions[0].status == "expired"
        assert expired.notes[0].endswith("expired after 2026-04-22, and no finding needs it.")

    def test_of_an_incomplete_audit_it_may_not_be_reached_yet(self):
        run = audit([], status="incomplete")
        record = decide(run, Policy(suppressions=(aside(),)), None, TODAY)
        assert record.notes == ("Incomplete: the run is not whole.",)

    def test_what_the_command_line_decided_in_place_of_a_file_is_said(self):
        keys = ("fail_on", "seeds")
        record = verdict([], name="gate.toml", sha256="b" * 64, overrides=keys)
        note = "The command line sets fail_on, seeds, whatever the policy gate.toml says."
        assert record.notes == (note,)
        assert verdict([], overrides=keys).notes == ()  # a preset is nobody's agreement
        assert verdict([], sha256="b" * 64).notes == ()


class TestRecord:
    def test_it_comes_back_from_disk_and_fits_the_schema(self, tmp_path):
        policy = Policy(
            name="gate.toml",
            sha256="b" * 64,
            rules={"shortcut/place": RulePolicy(1.5, {"medium": "info"})},
            suppressions=(aside(), aside(digits="ab" * 32), aside(date(2026, 1, 1), "cd" * 32)),
        )
        run = gated(audit(), policy)
        jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(
            to_json(run)
        )
        again = read_results(write(tmp_path, run))
        assert again == run
        assert {one.status for one in again.gate.suppressions} == {"used", "unused", "expired"}

    def test_the_gate_of_an_audit_decides_as_the_function_does(self):
        run = audit()
        gate = Gate(Policy(fail_on="medium"), None, TODAY)
        assert gate.decide(run) == decide(run, gate.policy, None, TODAY)

    @pytest.mark.parametrize(
        ("policy", "change", "code"),
        [
            (Policy(), {}, 1),
            (Policy(fail_on="never"), {}, 0),
            (Policy(exit_zero=True), {}, 0),
            (Policy(exit_zero=True), {"status": "incomplete"}, 2),
        ],
    )
    def test_the_commands_exit_by_it(self, policy, change, code):
        run = gated(audit(**change), policy)
        assert exit_code(run) == recorded_code(run) == code
        # a report that could not be written is said, and changes no verdict
        broken = replace(run, volatile={"report_errors": ["pdf: no memory"]})
        assert exit_code(broken) == code
        assert recorded_code(broken) == code

    def test_an_audit_that_was_not_judged_is_no_pass(self):
        assert exit_code(audit([])) == recorded_code(audit([])) == 2


class TestWords:
    def test_a_finding_says_what_the_gate_makes_of_it(self):
        run = gated(audit())
        rows = {fact.name: fact.value for fact in gate_facts(run, run.findings[0])}
        (own,) = (one for one in run.gate.findings if one.finding == run.findings[0].id)
        assert rows["Fingerprint"] == own.fingerprint
        assert rows["In the gate"] == f"{own.rule}: fails the audit; no baseline was given"
        # what the same class had in the baseline, and has no more, is no word on this one
        gone = replace(own, state="fixed", fingerprint="f" * 64, fails=False)
        both = replace(run, gate=replace(run.gate, findings=(gone, own)))
        assert gate_facts(both, run.findings[0]) == gate_facts(run, run.findings[0])
        aside = SetAside(own.fingerprint, "it is the <sign>", "me", TODAY + timedelta(days=9))
        run = gated(audit(), Policy(suppressions=(aside,)))
        said = gate_facts(run, run.findings[0])[0].value
        assert said.endswith(
            "does not fail the audit; no baseline was given; suppressed: it is the <sign>"
        )
        # without a verdict there is nothing to say
        assert gate_facts(audit(), audit().findings[0]) == ()

    def test_the_headline_says_the_outcome(self):
        failed = gated(audit())
        assert gate_status(failed, "4 findings") == "Fail: 4 findings"
        assert gate_level(failed, "high") == "high"
        passed = gated(audit(), Policy(fail_on="never"))
        assert gate_status(passed, "4 findings") == "Pass: 4 findings"
        # the colour of a pass is never that of a fail
        assert gate_level(passed, "high") == "medium"
        only = gated(audit([high()]), Policy(suppressions=(aside(),)))
        assert gate_level(only, "high") == "info"
        assert gate_level(gated(audit([])), "none") == "none"
        assert gate_incomplete(gated(audit([], shortcuts=None)))
        assert not gate_incomplete(failed)

    def test_sentences(self):
        rules = {"shortcut/place": RulePolicy(severities={"medium": "high"})}
        policy = Policy(name="gate.toml", rules=rules, suppressions=(aside(),))
        assert gate_sentences(gated(audit(), policy)) == (
            "Failing: cactus (high), fish (high).",
            "Suppressed: mushroom (high, the mark is the species).",
            "Counted otherwise by the policy gate.toml: cactus (high).",
        )
        assert gate_sentences(audit()) == ()
