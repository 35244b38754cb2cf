"""``macoaudit compare`` from the command line: files, exit codes, and nothing replaced unasked."""

import json
import re
from dataclasses import replace
from pathlib import Path

import gated
import jsonschema
import pytest
from paired import CHANGES, audited, image, images, inverted

import macoaudit
from macoaudit.cli.main import run
from macoaudit.errors import ReportError
from macoaudit.report.words import visible

SCHEMA = json.loads((Path(macoaudit.__file__).parent / "data/compare.schema.json").read_text())
LIGHT = ["--format", "json,md,html"]


@pytest.fixture
def runs(tmp_path) -> Path:
    """``before`` and ``after``, runs of invert; ``audit``, another command's."""
    gated.write(tmp_path / "before", inverted())
    gated.write(tmp_path / "after", inverted(images(CHANGES)))
    gated.write(tmp_path / "audit", audited())
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestWritten:
    def test_all_four_beside_the_later_run(self, runs, capsys):
        assert run(["compare", str(runs / "before"), str(runs / "after")]) == 0
        out = runs / "compare-before-after"
        assert names(out) == ["compare.html", "compare.json", "compare.md", "compare.pdf"]
        assert names(runs) == ["after", "audit", "before", "compare-before-after"]
        document = json.loads((out / "compare.json").read_text())
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        said = capsys.readouterr()
        assert said.out == ""
        lines = said.err.splitlines()
        assert lines[-1] == document["headline"]
        assert [Path(line).name for line in lines[:-1]] == [
            "compare.json",
            "compare.md",
            "compare.html",
            "compare.pdf",
        ]
        assert (out / "compare.pdf").read_bytes().startswith(b"%PDF-")

    def test_a_record_or_a_folder_and_another_place(self, runs, capsys):
        record = str(runs / "before" / "results.json")
        out = runs / "deep" / "er"
        command = ["compare", record, str(runs / "after"), "--out", str(out), "-q"]
        assert run([*command, *LIGHT, "--no-js"]) == 0
        assert names(out) == ["compare.html", "compare.json", "compare.md"]
        assert "<script" not in (out / "compare.html").read_text()
        assert len(capsys.readouterr().err.splitlines()) == 1

    def test_the_same_bytes_twice(self, runs):
        contents = []
        for out in (runs / "one", runs / "two"):
            assert (
                run(["compare", str(runs / "before"), str(runs / "after"), "--out", str(out)]) == 0
            )
            contents.append({path.name: path.read_bytes() for path in out.iterdir()})
        assert contents[0] == contents[1]

    def test_cautions_are_said(self, runs, capsys):
        other = inverted(config={"seeds": [3]})
        gated.write(runs / "other", other)
        assert run(["compare", str(runs / "before"), str(runs / "other"), *LIGHT]) == 0
        assert "read with care: Seeds differ (seeds)" in capsys.readouterr().err

    def test_finding_or_not_the_exit_code_is_0(self, runs):
        gated.write(runs / "worse", audited([gated.high(9.0)]))
        gated.write(runs / "clean", audited([]))
        assert run(["compare", str(runs / "clean"), str(runs / "worse"), *LIGHT]) == 0

    def test_hostile_names_of_folders(self, runs):
        name = "a b\u202e<x>"
        gated.write(runs / name, inverted())
        assert run(["compare", str(runs / name), str(runs / "after"), *LIGHT]) == 0
        (out,) = (path for path in runs.iterdir() if path.name.startswith("compare-"))
        assert out.name == "compare-a-b--x--after"
        assert visible("\u202e") in (out / "compare.html").read_text()


class TestRefused:
    def test_nothing_is_replaced_without_force(self, runs, capsys):
        command = ["compare", str(runs / "before"), str(runs / "after"), *LIGHT]
        out = runs / "compare-before-after"
        out.mkdir()
        (out / "compare.md").write_text("mine")
        (out / "notes.txt").write_text("mine too")
        assert run(command) == 2
        assert (
            "holds compare.md already. Give another folder, or --force" in capsys.readouterr().err
        )
        assert names(out) == ["compare.md", "notes.txt"]
        assert (out / "compare.md").read_text() == "mine"
        assert run([*command, "--force"]) == 0
        assert (out / "compare.md").read_text() != "mine"
        assert (out / "notes.txt").read_text() == "mine too"

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["before", "audit"], "A is a run of macoaudit invert and B of audit"),
            (["before", "nowhere"], "B is nowhere: nowhere cannot be read"),
            (["before", "before/results.json/x"], "cannot be read"),
            (["before", "after", "--format", "sarif"], "--format is 'sarif'; use html, pdf, json"),
            (["before", "after", "--format", "none"], "--format is 'none'"),
            (["before", "after", "--out", "before/results.json"], "is a file. Give a folder"),
            (["before"], "Missing argument"),
        ],
    )
    def test_it_is_2_and_one_line(self, runs, monkeypatch, capsys, arguments, said):
        monkeypatch.chdir(runs)
        assert run(["compare", *arguments]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 1
        assert names(runs) == ["after", "audit", "before"]

    def test_runs_with_nothing_in_common(self, runs, capsys):
        gated.write(runs / "other", inverted([image("other.png", 0.5)]))
        assert run(["compare", str(runs / "before"), str(runs / "other")]) == 2
        assert "have no image in common" in capsys.readouterr().err
        assert "compare-before-other" not in names(runs)

    def test_other_commands(self, runs, capsys):
        gated.write(runs / "drawn", replace(inverted(), command="visualize"))
        assert run(["compare", str(runs / "drawn"), str(runs / "drawn")]) == 2
        said = capsys.readouterr().err
        assert "a run of macoaudit visualize. Runs of audit and invert can be compared" in said

    @pytest.mark.parametrize("cut", [2, 100, 5000])
    def test_a_truncated_record(self, runs, capsys, cut):
        path = runs / "after" / "results.json"
        path.write_bytes(path.read_bytes()[:-cut])
        assert run(["compare", str(runs / "before"), str(runs / "after")]) == 2
        assert "truncated or was edited" in capsys.readouterr().err

    def test_a_pdf_that_fails_leaves_the_others(self, runs, monkeypatch, capsys):
        def fails(*_, **__):
            raise ReportError("pdf: the report could not be rendered: no room")

        monkeypatch.setattr("macoaudit.report.compare_pdf.render_compare_pdf", fails)
        assert run(["compare", str(runs / "before"), str(runs / "after")]) == 2
        assert "could not be rendered: no room" in capsys.readouterr().err
        out = runs / "compare-before-after"
        assert names(out) == ["compare.html", "compare.json", "compare.md"]

    def test_help_says_that_it_is_no_gate(self, capsys):
        assert run(["compare", "--help"]) == 0
        text = " ".join(re.sub(r"[│╭╰─╮╯]", " ", capsys.readouterr().out).split())
        assert "comparing is no gate, audit --baseline is" in text
