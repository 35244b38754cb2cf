"""The formats from the command line: files, streams, exit codes, refusals; the matrix of all."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from audits import make_audit
from verdicts import OUTCOMES, SECRET, base, gate, gated, outcome_run, with_findings

from macoaudit.cli.main import run
from macoaudit.cli.running import exit_code, parse_formats, report_names
from macoaudit.config import REPORT_FILES
from macoaudit.errors import ReportError, UsageError
from macoaudit.formats import (
    to_annotations,
    to_junit,
    to_markdown,
    to_sarif,
    verdict_line,
    verdict_of,
)
from macoaudit.pipeline import Clock, render_reports
from macoaudit.results import from_json, to_json
from macoaudit.store import RunFolder, results_text

WRITERS = {"sarif": to_sarif, "junit": to_junit, "md": to_markdown, "annotations": to_annotations}


def words_of(name, text):
    """The verdict's word and the exit code as a reader of the format finds them."""
    if name == "sarif":
        (one,) = json.loads(text)["runs"]
        (invocation,) = one["invocations"]
        assert invocation["exitCodeDescription"] == one["properties"]["verdict"]
        assert invocation["exitCode"] == one["properties"]["exitCode"]
        return one["properties"]["verdict"], invocation["exitCode"]
    if name == "junit":
        found = {
            p.get("name"): p.get("value") for p in ET.fromstring(text.encode()).iter("property")
        }
        return found["verdict"], int(found["exit_code"])
    if name == "md":
        first, _, second, *_ = text.splitlines()
        code = int(second.rsplit("(exit code ", 1)[1].removesuffix(")"))
        assert second.startswith(f"**{first.split()[-1]}: ")
        return first.split()[-1], code
    word = text.split("::", 3)[2].split(":")[0]
    return word, ("pass", "fail", "incomplete").index(word)


def strings(value):
    """Every text in a JSON document, addresses apart: those are checked by themselves."""
    if isinstance(value, dict):
        return [s for key, item in value.items() if key != "uri" for s in strings(item)]
    if isinstance(value, list):
        return [s for item in value for s in strings(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("name", sorted(WRITERS))
class TestMatrix:
    def test_the_word_and_the_code_are_the_gates(self, name, kind, audit):
        assert words_of(name, WRITERS[name](audit)) == OUTCOMES[kind][1:]

    def test_the_same_run_gives_the_same_bytes(self, name, kind, audit):
        again = from_json(json.loads(json.dumps(to_json(audit))))
        assert WRITERS[name](again).encode() == WRITERS[name](outcome_run(kind)).encode()

    def test_nothing_in_it_leads_to_this_machine(self, name, audit):
        text = WRITERS[name](audit)
        texts = strings(json.loads(text)) if name == "sarif" else [text]
        for one in texts:
            assert SECRET not in one
            assert "/home/" not in one
            assert "file:" not in one
            assert "Users" not in one

    def test_it_ends_with_one_line_break(self, name, audit):
        text = WRITERS[name](audit)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


@pytest.mark.parametrize("name", sorted(WRITERS))
class TestRefused:
    def test_a_run_without_a_verdict(self, name):
        with pytest.raises(UsageError, match=r"recorded no verdict\. Run macoaudit audit"):
            WRITERS[name](base())
        with pytest.raises(UsageError, match=r"invert is no audit\. Run macoaudit audit"):
            WRITERS[name](base(command="invert"))

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda one: replace(one, gate=replace(one.gate, exit_code=0)), "fail has exit code 0"),
            (lambda one: replace(one, gate=replace(one.gate, outcome="pass", exit_code=0)),
             "with a finding that fails it passes"),
            (lambda one: replace(one, gate=gate("fail", ())), "no finding fails it"),
            (lambda one: replace(one, gate=gate("pass", ()), status="incomplete"),
             "an incomplete run passes"),
            (lambda one: replace(one, findings=one.findings[1:]), r"same ones \(shortcut-0\)"),
            (lambda one: replace(one, gate=gate("fail", one.gate.findings[:2])), "do not name"),
        ],
    )  # fmt: skip
    def test_a_verdict_that_does_not_fit_the_record(self, name, change, said):
        with pytest.raises(ReportError, match=said):
            WRITERS[name](change(with_findings()))


def test_the_line_counts_by_what_becomes_of_findings():
    covered = "5 of 6 classes with images tested, 21 of 30 images"
    assert verdict_line(with_findings()) == (
        f"fail: 2 high fail, 1 medium and 1 info do not fail, {covered}"
    )
    assert verdict_line(outcome_run("fixed")) == (
        f"fail: 1 high fails, 1 high and 1 medium and 1 info do not fail, 1 fixed, {covered}"
    )
    unreached = base(shortcuts=None, findings=(), status="incomplete", gate=gate("incomplete", ()))
    assert "the tests were not reached" in verdict_line(unreached)
    assert verdict_of(unreached).exit_code == 2


class TestParsing:
    def test_files_and_documents_are_told_apart(self):
        text = "sarif, junit,md,annotations,json,html,pdf,html"
        files, printed = parse_formats(text, annotations=True, json_to_file=True)
        assert files == ("sarif", "junit", "md", "html", "pdf")
        assert printed == ("annotations", "json")
        assert parse_formats("none") == ((), ())
        assert parse_formats("sarif,json") == (("sarif",), ("json",))

    def test_the_files_have_the_names_that_services_look_for(self):
        assert report_names(("sarif", "junit", "md", "html")) == (
            "results.json",
            "report.sarif",
            "report.junit.xml",
            "report.md",
            "report.html",
        )
        assert set(REPORT_FILES) == {"html", "pdf", "sarif", "junit", "md"}

    @pytest.mark.parametrize(
        ("text", "options", "said"),
        [
            ("svg", {}, "--format is 'svg'; use html, pdf, json, sarif, junit, md, several"),
            ("svg", {"verdict": False}, "use html, pdf, json, several as html,pdf, or none"),
            ("html,none", {}, "--format is 'html,none'"),
            ("html,sarif", {"verdict": False}, "sarif: it holds the verdict of an audit"),
            ("annotations", {"verdict": False}, "annotations: it holds the verdict"),
            ("annotations", {}, "printed by macoaudit report RUN --format annotations"),
            ("json,md,annotations", {"annotations": True}, "would both be printed on stdout"),
        ],
    )
    def test_what_cannot_be_had_is_refused(self, text, options, said):
        with pytest.raises(UsageError) as caught:
            parse_formats(text, **options)
        assert said in str(caught.value)


def written(tmp_path, record):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "results.json").write_text(results_text(record))
    return folder


class TestReport:
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    def test_files_lie_beside_the_record(self, tmp_path, capsys, kind, audit):
        folder = written(tmp_path, audit)
        assert run(["report", "run", "--format", "sarif,junit,md"]) == OUTCOMES[kind][2]
        captured = capsys.readouterr()
        assert captured.out == ""
        lines = captured.err.splitlines()
        names = [f"run/{REPORT_FILES[name]}" for name in ("sarif", "junit", "md")]
        assert lines[:3] == names
        assert any(line.startswith(f"{OUTCOMES[kind][1]}: ") for line in lines[3:])
        for name in ("sarif", "junit", "md"):
            assert (folder / REPORT_FILES[name]).read_bytes() == WRITERS[name](audit).encode()

    def test_annotations_have_stdout_for_themselves(self, tmp_path, capsysbinary, kind, audit):
        written(tmp_path, audit)
        assert run(["report", "run", "--format", "md,annotations"]) == OUTCOMES[kind][2]
        assert capsysbinary.readouterr().out == to_annotations(audit).encode()

    def test_json_beside_annotations_needs_a_file(self, tmp_path, capsys):
        written(tmp_path, with_findings())
        both = ["report", "run", "--format", "json,annotations"]
        assert run(both) == 2
        captured = capsys.readouterr()
        assert "json and annotations would both be printed" in captured.err
        assert captured.out == ""
        assert run([*both, "-o", "copy.json"]) == 1
        assert (tmp_path / "copy.json").read_text() == results_text(with_findings())
        assert capsys.readouterr().out == to_annotations(with_findings())

    @pytest.mark.parametrize("name", ["sarif", "junit", "md", "annotations"])
    def test_a_run_without_a_verdict_is_refused_before_anything_is_written(
        self, tmp_path, capsys, name
    ):
        folder = written(tmp_path, base())
        assert run(["report", "run", "--format", f"html,{name}"]) == 2
        captured = capsys.readouterr()
        assert "Run macoaudit audit" in captured.err
        assert captured.out == ""
        assert [path.name for path in folder.iterdir()] == ["results.json"]

    def test_an_audit_that_may_fail_and_exit_with_0_says_so_in_its_policy(self):
        record = with_findings()
        forgiven = replace(
            record,
            gate=replace(record.gate, exit_code=0),
            config={**record.config, "gate": {"exit_zero": True}},
        )
        assert verdict_of(forgiven).exit_code == 0
        with pytest.raises(ReportError, match="fail has exit code 1"):
            verdict_of(replace(forgiven, gate=record.gate))
        open_one = outcome_run("incomplete")  # which no option forgives
        open_one = replace(
            open_one, gate=replace(open_one.gate, exit_code=0), config=forgiven.config
        )
        with pytest.raises(ReportError, match="incomplete has exit code 0"):
            verdict_of(open_one)

    def test_an_edited_verdict_is_refused_whatever_is_asked_for(self, tmp_path, capsys):
        record = with_findings()
        written(tmp_path, replace(record, gate=replace(record.gate, exit_code=0)))
        assert run(["report", "run", "--format", "json"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "the verdict fail has exit code 0, so the record was edited" in captured.err

    @pytest.mark.parametrize("outcome", ["pass", "fail", "incomplete"])
    def test_html_and_json_have_the_same_exit_code(self, tmp_path, capsys, outcome):
        folder = tmp_path / "run"
        record = make_audit(folder)
        fails = outcome == "fail"
        gates = tuple(gated(record, place, fails=fails) for place in range(4))
        record = replace(
            record,
            status="incomplete" if outcome == "incomplete" else "complete",
            gate=gate(outcome, gates),
        )
        (folder / "results.json").write_text(results_text(record))
        code = ("pass", "fail", "incomplete").index(outcome)
        for name in ("html", "json", "html,sarif", "junit", "annotations"):
            assert run(["report", "run", "--format", name]) == code
            lines = capsys.readouterr().err.splitlines()
            assert any(line.startswith(f"{outcome}: ") for line in lines)
        assert (folder / "report.html").exists()


class TestInARun:
    """As the audit itself writes them, after its record."""

    def test_the_files_are_those_that_report_writes(self, tmp_path, audit):
        formats = ("sarif", "junit", "md")
        clock = Clock(stages={"test": 12.5, "report": 3.0})
        done = render_reports(audit, formats, RunFolder(tmp_path, "0"), clock)
        assert done.volatile["stages"] != audit.volatile["stages"]
        assert "report_errors" not in done.volatile
        for name in formats:
            text = (tmp_path / REPORT_FILES[name]).read_text(encoding="utf-8")
            assert text == WRITERS[name](done)

    def test_a_missing_verdict_is_a_note_and_no_lost_run(self, tmp_path):
        done = render_reports(base(), ("sarif",), RunFolder(tmp_path, "0"), Clock())
        (error,) = done.volatile["report_errors"]
        assert "Run macoaudit audit" in error
        assert list(tmp_path.iterdir()) == []


def test_the_exit_code_of_an_audit_is_the_gates_whatever_report_failed(kind, audit):
    failed = replace(audit, volatile={**audit.volatile, "report_errors": ["report.pdf: no Pango"]})
    assert exit_code(failed) == OUTCOMES[kind][2]
    without = replace(failed, gate=None, status="complete")
    assert exit_code(without) == 2
