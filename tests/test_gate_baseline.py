"""Baselines: what is new, worse, known or gone, and which files are refused."""

import json
import math
from dataclasses import replace

import audited
import pytest
from gated import TODAY, audit, gated, high, model, untested, write

from macoaudit.errors import UsageError
from macoaudit.gate import Policy, RulePolicy, decide, read_baseline
from macoaudit.gate.baseline import Baseline
from macoaudit.results import to_json


def known(*findings, policy: Policy | None = None) -> Baseline:
    return Baseline(gated(audit(findings), policy), "a" * 64)


def verdict(now, before, policy: Policy | None = None):
    return decide(audit(now), policy or Policy(), known(*before), TODAY)


class TestStates:
    # margins that a binary fraction holds exactly; the band is a quarter, of 1 at least
    @pytest.mark.parametrize(
        ("before", "now", "state"),
        [
            (2.0, 2.0, "unchanged"),
            (2.0, 2.5, "unchanged"),
            (2.0, math.nextafter(2.5, 3), "worsened"),
            (1.0, 1.25, "unchanged"),
            (1.0, math.nextafter(1.25, 2), "worsened"),
            (4.0, 5.0, "unchanged"),
            (4.0, math.nextafter(5.0, 6), "worsened"),
            (0.5, 0.75, "unchanged"),
            (0.5, math.nextafter(0.75, 1), "worsened"),
            (-0.5, -0.5, "unchanged"),
            (-0.5, -0.25, "unchanged"),
            (-0.5, 0.0, "worsened"),
            (4.0, 1.0, "unchanged"),
        ],
    )
    def test_at_the_edges_of_the_band(self, before, now, state):
        record = verdict([high(now)], [high(before)])
        (one,) = record.findings
        assert one.state == state
        assert (one.margin, one.baseline_margin) == (now, before)
        assert one.fails == (state == "worsened")
        assert record.exit_code == (1 if state == "worsened" else 0)
        assert record.baseline_sha256 == "a" * 64

    def test_a_severity_that_rose_is_worse_and_one_that_fell_is_not(self):
        medium = audited.finding(0, severity="medium", margin=2.0)
        assert verdict([high(2.0)], [medium]).findings[0].state == "worsened"
        assert verdict([medium], [high(2.0)]).findings[0].state == "unchanged"

    def test_a_changed_policy_makes_nothing_worse(self):
        """Both runs are counted as the policy of today does, whatever it was then."""
        lax = Policy(rules={"shortcut/place": RulePolicy(severities={"high": "info"})})
        before = Baseline(gated(audit([high(2.0)]), lax), "a" * 64)
        (one,) = decide(audit([high(2.0)]), Policy(), before, TODAY).findings
        assert (one.severity, one.state, one.fails) == ("high", "unchanged", False)

    def test_new_ones_fail(self):
        record = verdict([high(2.0), high(3.0, 1)], [high(2.0)])
        assert [(one.class_name, one.state, one.fails) for one in record.findings] == [
            ("fish", "new", True),
            ("mushroom", "unchanged", False),
        ]
        assert record.findings[0].baseline_margin is None
        assert record.outcome == "fail"

    def test_another_rule_is_another_finding(self):
        other = high(2.0, tests=("spectrum transfer", "spectrum recurrence"))
        record = verdict([other], [high(2.0)])
        assert [one.state for one in record.findings] == ["new", "fixed"]

    def test_what_is_gone_is_fixed_where_the_class_was_tested(self):
        record = verdict([], [high(2.0)])
        (one,) = record.findings
        assert (one.state, one.fails, one.margin, one.baseline_margin) == (
            "fixed",
            False,
            0.125,
            2.0,
        )
        assert record.outcome == "pass"
        assert record.notes == ()

    def test_what_was_not_tested_is_not_fixed(self):
        run = audit([])
        run = replace(run, shortcuts=untested(run.shortcuts, 0))
        record = decide(run, Policy(), known(high(2.0)), TODAY)
        assert record.findings == ()
        (note,) = record.notes
        assert note == (
            "The high finding of class mushroom in the baseline is not known to be fixed: the "
            "class was not tested."
        )

    def test_classes_in_another_order_are_known_by_their_names(self):
        moved = replace(high(2.0), class_index=4, id="other")
        before = Baseline(gated(audit([moved])), "a" * 64)
        (one,) = decide(audit([high(2.0)]), Policy(), before, TODAY).findings
        assert one.state == "unchanged"
        (gone,) = decide(audit([]), Policy(), before, TODAY).findings
        assert (gone.state, gone.finding) == ("fixed", "other")

    def test_two_classes_of_one_name_are_told_apart(self):
        """Their fingerprints are equal; the same class is taken, whatever the order."""
        crane = {"class_name": "crane"}
        before = [high(2.0, 0, **crane), high(4.0, 1, **crane)]
        record = verdict(before[1:], before)
        assert [(one.state, one.baseline_margin) for one in record.findings] == [("unchanged", 4.0)]
        record = verdict([high(2.0, 2, **crane)], before)
        assert record.findings[0].state == "unchanged"
        record = verdict([*before, high(2.0, 2, **crane)], before)
        assert sorted(one.state for one in record.findings) == ["new", "unchanged", "unchanged"]

    def test_of_two_classes_of_one_name_the_fixed_one_has_the_margin_of_its_place(self):
        crane = {"class_name": "crane"}
        run = audit([])
        margins = {0: 0.25, 1: 0.5, 2: 0.75}
        rows = tuple(
            replace(one, class_name="crane", margin=margins[one.class_index])
            if one.class_index in margins
            else one
            for one in run.shortcuts.classes
        )
        run = replace(run, shortcuts=replace(run.shortcuts, classes=rows))
        for index, margin in margins.items():
            record = decide(run, Policy(), known(high(2.0, index, **crane)), TODAY)
            assert [(one.state, one.margin) for one in record.findings] == [("fixed", margin)]
        # and it was not looked at where that class was not, whatever the others were
        run = replace(run, shortcuts=untested(run.shortcuts, 1))
        record = decide(run, Policy(), known(high(2.0, 1, **crane)), TODAY)
        assert record.findings == ()
        assert "is not known to be fixed" in record.notes[0]


class TestReading:
    def test_a_record_with_a_fixed_finding_is_one_too(self, tmp_path):
        record = verdict([], [high(2.0)])
        assert [one.state for one in record.findings] == ["fixed"]
        run = replace(audit([]), gate=record)
        assert read_baseline(write(tmp_path, run)).run.gate == record

    def test_an_audit_in_which_nothing_could_be_tested_is_none(self, tmp_path):
        run = audit([])
        for index in range(7):
            run = replace(run, shortcuts=untested(run.shortcuts, index))
        path = write(tmp_path, gated(run))  # whole, and yet its verdict is incomplete
        with pytest.raises(UsageError, match="is of an audit that is incomplete"):
            read_baseline(path)

    def test_a_run_folder_or_its_record(self, tmp_path):
        run = gated(audit())
        path = write(tmp_path / "run", run)
        found = read_baseline(tmp_path / "run")
        assert found == read_baseline(path)
        assert found.run == run
        # sha256sum of the file
        import hashlib

        assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_a_gated_run_against_itself_passes(self, tmp_path):
        before = read_baseline(write(tmp_path, gated(audit())))
        record = decide(audit(), Policy(), before, TODAY)
        assert {one.state for one in record.findings} == {"unchanged"}
        assert (record.outcome, record.exit_code) == ("pass", 0)
        # and the record with a baseline is itself one
        again = read_baseline(write(tmp_path, replace(audit(), gate=record)))
        assert again.run.gate == record

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"command": "invert"}, "is of macoaudit invert, not of an audit"),
            ({"status": "incomplete"}, "is of an audit that is incomplete"),
            ({"gate": None}, "holds no verdict"),
        ],
    )
    def test_another_kind_of_run(self, tmp_path, change, said):
        path = write(tmp_path, replace(gated(audit()), **change))
        with pytest.raises(UsageError, match=said) as caught:
            read_baseline(path)
        assert str(caught.value).startswith(f"--baseline {path}: ")

    @pytest.mark.parametrize(
        ("place", "value", "said"),
        [
            (("schema_version",), 2, "schema_version is 2, this version of macoaudit reads 1"),
            (("findings", 0, "severity"), "spurious", "does not fit schema version 1"),
            (("findings", 0, "seen"), "", r"edited: findings.0.seen does not fit the schema"),
            (("model", "num_classes"), -1, "edited: model.num_classes does not fit the schema"),
            (("extra",), 1, "does not fit schema version 1"),
            (("findings", 0, "margin"), 9.0, "the margin of finding shortcut-0 is not that of its"),
            (("gate", "findings", 0, "margin"), 9.0, "its findings are not those of its own gate"),
            (("findings", 0, "class_name"), "elk", "its findings are not those of its own gate"),
            (("findings", 0, "tests"), ["tea leaves"], "is of no rule"),
        ],
    )
    def test_one_that_was_edited(self, tmp_path, place, value, said):
        document = json.loads(json.dumps(to_json(gated(audit()))))
        inner = document
        for step in place[:-1]:
            inner = inner[step]
        inner[place[-1]] = value
        path = tmp_path / "results.json"
        path.write_text(json.dumps(document))
        with pytest.raises(UsageError, match=said):
            read_baseline(path)

    def test_a_finding_that_was_added_or_taken_away(self, tmp_path):
        run = gated(audit([high(2.0)]))
        for findings in ((), (high(2.0), high(2.0, 1))):
            changed = replace(audit(findings), gate=run.gate)
            with pytest.raises(UsageError, match="its findings are not those of its own gate"):
                read_baseline(write(tmp_path, changed))

    def test_one_that_was_cut_or_is_not_there(self, tmp_path):
        path = write(tmp_path, gated(audit()))
        whole = path.read_bytes()
        for content in (whole[:-20], b"", b"[]", b"\xff", b"[" * 10**5, b'{"a": NaN}'):
            path.write_bytes(content)
            with pytest.raises(UsageError, match="--baseline"):
                read_baseline(path)
        with pytest.raises(UsageError, match=r"cannot be read .*Give the results.json of a compl"):
            read_baseline(tmp_path / "none")

    def test_another_network(self):
        before = Baseline(gated(audit(model=model("other"))), "a" * 64)
        with pytest.raises(UsageError, match="of the network 'other', and 'demo' is audited"):
            decide(audit(), Policy(), before, TODAY)
