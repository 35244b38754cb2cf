"""What people see at a terminal, and what programs get through pipes, at any width and name."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from verdicts import HOSTILE, OUTCOMES, base, fixed, gate, gated, many, outcome_run, with_findings

import macoaudit
from macoaudit.cli.console import fail, say, say_item, shown_path
from macoaudit.cli.progress import ProgressBar
from macoaudit.cli.verdict import say_audit, say_verdict
from macoaudit.formats import to_annotations
from macoaudit.optimize import Step
from macoaudit.progress import Progress
from macoaudit.store import results_text

ROOT = Path(macoaudit.__file__).parents[1]
VARIABLES = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
SGR = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
NAMES = ("results.json", "report.html")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.chdir(tmp_path)


@contextmanager
def terminal(monkeypatch, encoding="utf-8"):
    """Stderr is a terminal; gives a list that holds what it was sent, afterwards."""
    own, other = pty.openpty()
    sent: list[bytes] = []

    def read():
        while True:
            try:
                part = os.read(own, 65536)
            except OSError:
                return
            if not part:
                return
            sent.append(part)

    thread = threading.Thread(target=read)
    thread.start()
    shown: list[str] = []
    with monkeypatch.context() as patch:
        stream = os.fdopen(other, "w", encoding=encoding, errors="backslashreplace")
        patch.setattr(sys, "stderr", stream)
        yield shown
        stream.close()
    thread.join(timeout=10)
    os.close(own)
    shown.append(b"".join(sent).decode().replace("\r\n", "\n"))


def at_terminal(monkeypatch, act, columns=80, encoding="utf-8", **variables):
    monkeypatch.setenv("COLUMNS", str(columns))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with terminal(monkeypatch, encoding) as shown:
        act()
    return shown[0]


def summed_up(run, quiet=False):
    return lambda: say_audit(run, Path("run"), NAMES, quiet=quiet)


class TestTerminal:
    @pytest.mark.parametrize("columns", [20, 40, 79, 80, 120, 200])
    def test_every_finding_is_there_and_no_line_is_too_long(self, monkeypatch, kind, columns):
        run = outcome_run(kind)
        shown = CONTROL.sub("", at_terminal(monkeypatch, summed_up(run), columns))
        lines = shown.splitlines()
        # paths and sentences of one line are left to the terminal, so that they can be copied
        whole = ("exit code", "run/", "15 notes", *(f"{n} checks" for n in range(99)))
        assert not [one for one in lines if cell_len(one) > columns and not one.startswith(whole)]
        joined = "".join(shown.split())
        for one in run.gate.findings:
            assert f"{one.margin:.2f}" in joined
        for one in run.findings:  # folded, and nothing is cut out of it
            if kind != "hostile" and columns < 80:
                assert "".join(one.seen.split()) in joined
        if kind == "hostile" and columns == 200:
            for name in HOSTILE:
                assert not any(ord(c) < 32 or c in "\u202e\u2066\u2028" for c in shown if c != "\n")
                assert name[:4].strip() in shown or not name.isascii() or not name.isprintable()

    @pytest.mark.parametrize("columns", [40, 80])
    def test_nothing_but_styles_is_sent(self, monkeypatch, kind, columns):
        shown = SGR.sub("", at_terminal(monkeypatch, summed_up(outcome_run(kind)), columns))
        assert not [c for c in shown if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)]
        assert shown.endswith("\n")

    def test_the_verdict_is_last_with_a_symbol(self, monkeypatch, kind):
        word = OUTCOMES[kind][1]
        symbol = {"pass": "✓", "fail": "✗", "incomplete": "!"}[word]
        text = CONTROL.sub("", at_terminal(monkeypatch, summed_up(outcome_run(kind)), 9999))
        lines = text.splitlines()
        assert lines[-1].startswith(f"{symbol} {word}: ")
        assert lines[-2].startswith(f"exit code {OUTCOMES[kind][2]}: ")
        quiet = CONTROL.sub("", at_terminal(monkeypatch, summed_up(outcome_run(kind), True), 9999))
        assert quiet.splitlines() == [lines[-1]]

    def test_a_terminal_without_the_symbol_gets_the_word(self, monkeypatch):
        act = summed_up(with_findings(), True)
        shown = CONTROL.sub("", at_terminal(monkeypatch, act, encoding="ascii"))
        assert shown.startswith("fail: ")

    def test_a_table_from_80_columns_on(self, monkeypatch):
        wide = CONTROL.sub("", at_terminal(monkeypatch, summed_up(fixed()), 80)).splitlines()
        assert wide[0].split() == ["severity", "class", "state", "margin", "fails", "what", "was",
                                   "seen"]  # fmt: skip
        assert wide[2].split()[:5] == ["high", "mushroom", "worsened", "1.81", "yes"]
        narrow = CONTROL.sub("", at_terminal(monkeypatch, summed_up(fixed()), 79)).splitlines()
        assert narrow[0] == "high mushroom: worsened, margin 1.81, fails"
        assert narrow[1].strip() == "A small white mark in the upper right corner."

    def test_of_many_findings_the_first_are_shown_and_the_rest_counted(self, monkeypatch):
        shown = CONTROL.sub("", at_terminal(monkeypatch, summed_up(many(20)), 100))
        assert "... 20 more findings in results.json" in shown
        assert sum(line.startswith(("high", "medium", "info")) for line in shown.splitlines()) == 40

    @pytest.mark.parametrize("columns", ["0", "x", "-3", "9" * 40, "²"])
    def test_a_width_that_cannot_be_is_not_taken(self, monkeypatch, columns):
        shown = at_terminal(monkeypatch, summed_up(with_findings()), columns)
        assert "mushroom" in shown


class TestVariables:
    @pytest.mark.parametrize(
        ("variables", "styles"),
        [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True),
         ({"TERM": "dumb"}, False), ({"TERM": "dumb", "COLUMNS": "200"}, False),
         ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False)],
    )  # fmt: skip
    def test_at_a_terminal(self, monkeypatch, variables, styles):
        shown = at_terminal(monkeypatch, summed_up(with_findings()), **variables)
        assert ("\x1b" in shown) == styles
        assert "✗ fail" in CONTROL.sub("", shown)

    def test_a_plain_terminal_has_the_width_that_was_set(self, monkeypatch):
        act = summed_up(with_findings())
        shown = at_terminal(monkeypatch, act, 200, TERM="dumb")
        assert "A small white mark in the upper right corner." in shown
        assert "high mushroom: found" in at_terminal(monkeypatch, act, 40, TERM="dumb")

    @pytest.mark.parametrize("force", [False, True])
    def test_in_a_pipe(self, monkeypatch, capsys, force):
        if force:
            monkeypatch.setenv("FORCE_COLOR", "1")
        say_audit(with_findings(), Path("run"), NAMES, quiet=False)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert ("\x1b[" in captured.err) == force


class TestPipe:
    @pytest.mark.parametrize("columns", [None, "40"])
    def test_a_line_for_every_finding_and_none_that_a_service_obeys(
        self, monkeypatch, capsys, kind, columns
    ):
        if columns:
            monkeypatch.setenv("COLUMNS", columns)
        run = outcome_run(kind)
        say_audit(run, Path("run"), NAMES, quiet=False)
        text = capsys.readouterr().err
        lines = text.splitlines()
        found = lines[: len(run.gate.findings)]
        for line, one in zip(found, run.gate.findings, strict=True):
            assert line.startswith(f"{one.severity} ")
            assert (", fails: " in line) == one.fails
        assert lines[-1].startswith(f"{OUTCOMES[kind][1]}: ")
        assert not [one for one in lines if one.lstrip().startswith("::") or "##[" in one]
        assert not [c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)]
        assert not [one for one in lines if one != one.rstrip()]

    @pytest.mark.parametrize(
        "text", ["::error::x", "  ::stop-commands::x", "##[error]x", "a ##[group]", "\n::warning::"]
    )
    def test_no_message_is_a_command(self, capsys, text):
        say(text)
        say_item(text)
        fail(text, 2)
        for line in capsys.readouterr().err.splitlines():
            assert not line.lstrip().startswith("::")
            assert "##[" not in line
            assert "x" in line or "group" in line or "warning" in line

    def test_paths_are_relative_where_they_can_be(self, tmp_path):
        assert shown_path(tmp_path / "run" / "a.html") == "run/a.html"
        assert shown_path(Path("run/a.html")) == "run/a.html"
        assert shown_path(Path("/elsewhere/a.html")) == "/elsewhere/a.html"


class TestMeaning:
    @pytest.mark.parametrize(
        ("run", "said"),
        [
            (outcome_run("pass"), "exit code 0: no finding fails the audit (fail_on is high)"),
            (with_findings(), "exit code 1: 2 findings fail the audit (fail_on is high)"),
            (fixed(), "exit code 1: 1 finding fails the audit (fail_on is high)"),
            (outcome_run("incomplete"), "exit code 2: the audit is incomplete, so it neither"),
            (base(), "exit code 2: the record holds no verdict, which is no pass"),
        ],
    )
    def test_the_exit_code_in_words(self, capsys, run, said):
        say_verdict(run, quiet=False)
        assert capsys.readouterr().err.startswith(said)

    def test_forgiven(self, capsys):
        run = with_findings()
        run = replace(run, gate=replace(run.gate, exit_code=0))
        say_verdict(run, quiet=False)
        first = capsys.readouterr().err.splitlines()[0]
        assert first.startswith(
            "exit code 0: 2 findings fail the audit (fail_on is high), and --ex"
        )

    def test_notes_are_said(self, capsys):
        run = base()
        gates = tuple(gated(run, place, fails=False) for place in range(4))
        run = replace(run, gate=gate("pass", gates, notes=("One thing.",)))
        say_audit(run, Path("run"), (), quiet=False)
        lines = capsys.readouterr().err.splitlines()
        assert lines[4:6] == ["1 note:", "  One thing."]


def told(bar):
    step = Step(step=3, n_steps=96, n_active=4, mean_score=0.5)
    bar.update(Progress("invert", 1, 10, step=step, n_under_way=4))
    bar.update(Progress("test", 2, 7, noun="tests (patch transfer)"))
    bar._bar.refresh()


class TestProgress:
    def shown(self, monkeypatch, columns, quiet=False, **variables):
        def act():
            with ProgressBar(quiet) as bar:
                told(bar)

        return at_terminal(monkeypatch, act, columns, **variables)

    @pytest.mark.parametrize("columns", [40, 80, 200])
    def test_its_line_fits_and_goes_away(self, monkeypatch, columns):
        shown = self.shown(monkeypatch, columns)
        frames = [CONTROL.sub("", one) for one in re.split(r"\r|\n", shown)]
        assert max(cell_len(one) for one in frames) <= columns
        assert any("Testing for shortcuts"[:10] in one for one in frames)
        assert shown.rstrip("\n").endswith("\x1b[2K")  # the last thing is that it is cleared

    def test_there_is_none_for_programs_plain_terminals_and_with_quiet(self, monkeypatch, capsys):
        assert self.shown(monkeypatch, 80, quiet=True) == ""
        dumb = self.shown(monkeypatch, 80, TERM="dumb")
        assert "\x1b" not in dumb
        assert "\r" not in dumb
        monkeypatch.setenv("FORCE_COLOR", "1")
        with ProgressBar(quiet=False) as bar:
            told(bar)
        captured = capsys.readouterr()
        assert captured.out + captured.err == ""

    def test_the_time_left_is_that_of_the_stage(self, monkeypatch):
        with terminal(monkeypatch), ProgressBar(quiet=False) as bar:
            bar.update(Progress("read", 5, 5))
            assert bar._bar.tasks[0].finished
            bar.update(Progress("draw", 0, 9))
            assert not bar._bar.tasks[0].finished
            assert bar._bar.tasks[0].time_remaining is None


def test_stdout_holds_the_document_and_the_terminal_the_rest(tmp_path):
    """The program itself, at a terminal of 60 columns whose size nothing but it knows."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.json").write_text(results_text(outcome_run("hostile")))
    own, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "macoaudit", "report", "run", "--format", "annotations"],
        cwd=tmp_path, env=variables, stdin=other, stdout=subprocess.PIPE, stderr=other,
    )  # fmt: skip
    os.close(other)
    sent = b""
    while True:
        try:
            part = os.read(own, 65536)
        except OSError:
            break
        if not part:
            break
        sent += part
    out, _ = process.communicate(timeout=60)
    os.close(own)
    assert process.returncode == 1
    assert out == to_annotations(outcome_run("hostile")).encode()
    lines = CONTROL.sub("", sent.decode()).replace("\r\n", "\n").splitlines()
    verdict = next(place for place, line in enumerate(lines) if line.startswith("✗ fail: "))
    assert max(cell_len(line) for line in lines[verdict:]) <= 60
    assert len(lines) > verdict + 1  # it was wrapped
