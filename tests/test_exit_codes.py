"""Exit codes of the program itself: errors of our own, signals, and what is left behind."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from planted_audits import write_counting_card, write_scenes
from recipes import ROOT, TESTS

CODE = """
import sys, time
sys.path[:0] = [{root!r}, {tests!r}]
from macoaudit.auditing import testing
from planted_audits import stand_in_tests
def shortcut_tests(*args, **kwargs):
    {body}
    return stand_in_tests(*args, **kwargs)
testing.shortcut_tests = shortcut_tests
from macoaudit.cli.main import main
main()
"""


@pytest.fixture
def desk(tmp_path) -> Path:
    write_scenes(tmp_path / "photos", 2)
    write_counting_card(tmp_path)
    return tmp_path


def start(desk: Path, body: str, *more: str) -> "subprocess.Popen[str]":
    code = CODE.format(root=str(ROOT), tests=str(TESTS), body=body)
    options = ["audit", "photos", "--model", "net.toml", "--out", "run", "--format", "none"]
    options += ["--steps", "2", "--seeds", "1", "--judge", "none", *more]
    return subprocess.Popen(
        [sys.executable, "-c", code, *options],
        cwd=desk, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        # A test run in the background of a shell would hand an ignored SIGINT down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ZeroDivisionError('planted')", "internal error: ZeroDivisionError: planted"),
        pytest.param("raise SystemExit(1)", None, marks=pytest.mark.slow),
    ],
)
def test_an_error_of_our_own_is_2_and_never_1(desk, body, said):
    out, err = (process := start(desk, body)).communicate(timeout=120)
    assert process.returncode == 2, err
    assert out == ""
    if said is not None:
        assert err.splitlines()[-1].startswith(f"macoaudit: {said}")
    assert "Traceback" not in err
    assert not (desk / "run" / "results.json").exists()


@pytest.mark.parametrize(
    ("sent", "code", "word"),
    [
        (signal.SIGTERM, 143, "terminated"),
        pytest.param(signal.SIGINT, 130, "interrupted", marks=pytest.mark.slow),
    ],
)
def test_an_audit_that_was_stopped(desk, sent, code, word):
    body = "open('there', 'w').close(); time.sleep(60)"
    process = start(desk, body)
    deadline = time.monotonic() + 120
    while not (desk / "there").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(sent)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert out == ""
    assert err.splitlines()[-1].startswith(f"macoaudit: {word}")
    record = json.loads((desk / "run" / "results.json").read_text())
    assert (record["status"], record["gate"]["outcome"]) == ("incomplete", "incomplete")
    assert record["gate"]["exit_code"] == 2  # so that rendering it later is no pass either
