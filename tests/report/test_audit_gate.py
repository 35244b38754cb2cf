"""What the page of an audit says of its gate, and the entry that would set a finding aside."""

from dataclasses import replace
from datetime import date, timedelta

import audited
import gated
import pytest
from audits import make_audit
from pages import Page, without_volatile
from runs import bad_image, good_image

from macoaudit.errors import UsageError
from macoaudit.gate import Policy, decide
from macoaudit.gate.policy import RulePolicy, SetAside
from macoaudit.gate.reading import read_policy
from macoaudit.report.finding_suppression import gated_finding, suppression_entry
from macoaudit.report.gate_words import counted_as, gate_line, images_line
from macoaudit.report.html import render_html

TODAY = date(2026, 5, 1)
HEAD = "schema_version = 1\n\n"
BLANKS = {
    "reason": ('reason = ""', 'reason = "the mark is the eye"'),
    "owner": ('owner = ""', 'owner = "ann"'),
    "expires": ('expires = ""', "expires = 2026-12-31"),
}


@pytest.fixture(scope="module")
def run():
    return gated.gated(gated.audit())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    return make_audit(folder), folder


@pytest.fixture
def entry(run) -> str:
    return suppression_entry(run, run.findings[0]).toml


def write(folder, text: str):
    path = folder / "macoaudit.toml"
    path.write_text(HEAD + text + "\n", encoding="utf-8")
    return path


def filled(entry: str, *names: str) -> str:
    for name in names:
        before, after = BLANKS[name]
        assert entry.count(before) == 1
        entry = entry.replace(before, after)
    return entry


class TestEntry:
    def test_as_it_stands_it_is_refused(self, entry, tmp_path):
        with pytest.raises(UsageError, match="number 1"):
            read_policy(write(tmp_path, entry), TODAY)

    @pytest.mark.parametrize("left", sorted(BLANKS))
    def test_with_anything_left_blank_it_is_refused(self, entry, tmp_path, left):
        text = filled(entry, *(set(BLANKS) - {left}))
        with pytest.raises(UsageError, match=f"number 1 {left} is ''"):
            read_policy(write(tmp_path, text), TODAY)

    def test_filled_in_it_sets_the_finding_aside(self, run, entry, tmp_path):
        policy = read_policy(write(tmp_path, filled(entry, *BLANKS)), TODAY)
        verdict = decide(run, policy, None, TODAY)
        one = gated_finding(replace(run, gate=verdict), run.findings[0])
        assert (one.suppressed, one.fails) == ("the mark is the eye", False)
        assert sum(other.suppressed is not None for other in verdict.findings) == 1

    def test_all_entries_together_are_a_policy(self, run, tmp_path):
        entries = [suppression_entry(run, one).toml for one in run.findings]
        text = "\n\n".join(filled(one, *BLANKS) for one in entries)
        policy = read_policy(write(tmp_path, text), TODAY)
        assert decide(run, policy, None, TODAY).outcome == "pass"

    @pytest.mark.parametrize(
        "name", ["a\nb = 1", '"""', "\x00\x1f", "\u2028x\u202e", "é" * 300, "]]\n[[suppressions]]"]
    )
    def test_no_class_name_gets_out_of_its_comment(self, name, tmp_path):
        finding = replace(audited.finding(0), class_name=name)
        run = gated.gated(gated.audit([finding]))
        text = filled(suppression_entry(run, finding).toml, *BLANKS)
        (one,) = read_policy(write(tmp_path, text), TODAY).suppressions
        assert one.fingerprint == run.gate.findings[0].fingerprint

    def test_there_is_none_without_a_verdict_or_where_one_holds(self, run):
        assert suppression_entry(gated.audit(), audited.finding(0)) is None
        first = run.gate.findings[0]
        aside = SetAside(first.fingerprint, "x", "ann", TODAY)
        verdict = decide(run, Policy(suppressions=(aside,)), None, TODAY)
        held = replace(run, gate=verdict)
        finding = next(one for one in run.findings if one.id == first.finding)
        assert suppression_entry(held, finding) is None
        late = replace(
            run, gate=decide(run, Policy(suppressions=(aside,)), None, TODAY + timedelta(1))
        )
        assert suppression_entry(late, finding) is not None


class TestWords:
    def test_a_severity_that_counts_as_another_is_said(self):
        policy = Policy(rules={"shortcut/place": RulePolicy(1.0, {"high": "medium"})})
        run = gated.gated(gated.audit([gated.high()]), policy)
        assert counted_as(run, run.findings[0]) == "counted as medium by the policy"
        assert counted_as(gated.gated(gated.audit([gated.high()])), run.findings[0]) is None

    def test_the_line_of_the_gate(self, run):
        line = gate_line(run)
        assert line == "Exit code 1. Policy quick: a high finding fails. No baseline."
        assert gate_line(gated.audit()) is None
        never = gated.gated(gated.audit(), Policy(fail_on="never"))
        assert gate_line(never).startswith("Exit code 0. Policy quick: no finding fails.")

    def test_images_add_up(self, run):
        gate = replace(run.gate, n_images_found=250, n_images_tested=210)
        images = tuple(gated_image(n, "failed" if n < 3 else "ok") for n in range(215))
        line = images_line(replace(run, gate=gate, images=images))
        assert line == (
            "210 of 250 images tested: 3 unreadable, 35 sampled out, 2 in no tested class."
        )
        assert 210 + 3 + 35 + 2 == 250


def gated_image(number: int, status: str):
    if status == "failed":
        return bad_image(f"i{number}", f"{number}.jpg", "failed", "truncated")
    return good_image(f"i{number}", f"{number}.jpg", number, [0], judged=False)


class TestPage:
    def page(self, made, policy: Policy, today: date = TODAY) -> Page:
        run, folder = made
        return Page(render_html(replace(run, gate=decide(run, policy, None, today)), folder))

    def test_the_card_and_the_list_say_as_what_it_counts(self, made):
        policy = Policy(rules={"shortcut/place": RulePolicy(1.0, {"high": "medium"})})
        page = self.page(made, policy)
        text = page.text()
        assert text.count("counted as medium by the policy") >= 4  # list and card of both
        assert "high, counted as medium by the policy" in text
        assert text.startswith("Verdict ◆ Pass")

    def test_an_expired_suppression_is_said_and_the_finding_counts(self, made):
        run, _ = made
        first = decide(run, Policy(), None, TODAY).findings[0]
        aside = SetAside(first.fingerprint, "it was the eye", "ann", TODAY)
        policy = Policy(suppressions=(aside,))
        held = self.page(made, policy).text()
        assert "until 2026-05-01, by ann: it was the eye" in held
        late = self.page(made, policy, TODAY + timedelta(1)).text()
        assert "expired after 2026-05-01, by ann: it was the eye" in late
        assert f'fingerprint = "{first.fingerprint}"' in late
        assert f'fingerprint = "{first.fingerprint}"' not in held

    def test_the_day_of_the_run_changes_nothing_outside_the_volatile_block(self, made):
        run, folder = made
        verdict = decide(run, Policy(), None, TODAY)
        one = render_html(replace(run, gate=verdict), folder)
        later = decide(run, Policy(), None, TODAY + timedelta(400))
        other = replace(run, gate=later, volatile={"started": "2027-06-05T00:00:00Z"})
        assert without_volatile(one) == without_volatile(render_html(other, folder))
