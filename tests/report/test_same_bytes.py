"""The same record gives the same bytes in every format, wherever and however it is rendered."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import gated
import pytest
from audits import make_audit

from macoaudit.store import results_text

ROOT = Path(__file__).resolve().parents[2]
SHORT = ("html", "sarif", "junit", "md", "annotations")
FILES = ("report.html", "report.sarif", "report.junit.xml", "report.md", "again.json")
PLACES = (
    {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "SOURCE_DATE_EPOCH": "7"},
    {
        "PYTHONHASHSEED": "2",
        "TZ": "America/Adak",
        "LC_ALL": "tr_TR.UTF-8",
        "LANGUAGE": "tr",
        "COLUMNS": "40",
        "SOURCE_DATE_EPOCH": "7",
    },
)


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    run = gated.gated(make_audit(folder))
    (folder / "results.json").write_text(results_text(run), encoding="utf-8")
    return folder


def rendered(record: Path, place: Path, variables: dict[str, str], formats: str) -> dict[str, str]:
    """Render a copy of the record in a folder and an environment of its own; digests by file."""
    folder = place / "run"
    shutil.copytree(record, folder)
    here = place / "elsewhere"
    here.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
    done = subprocess.run(
        [sys.executable, "-m", "macoaudit", "report", "../run", "--format", formats, "--quiet"]
        + (["--output", "../run/again.json"] if "json" in formats else []),
        cwd=here,
        env={**kept, **variables, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr.decode()  # the record's verdict: it fails
    found = {"stdout": hashlib.sha256(done.stdout).hexdigest()}
    for path in sorted(folder.glob("*.*")):
        found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def test_every_short_format_and_the_page(record, tmp_path):
    formats = ",".join((*SHORT, "json"))
    both = []
    for number, variables in enumerate(PLACES):
        place = tmp_path / f"place-{number}"
        place.mkdir()
        both.append(rendered(record, place, variables, formats))
    assert both[0] == both[1]
    assert set(FILES) <= both[0].keys()
    assert both[0]["stdout"] != hashlib.sha256(b"").hexdigest()  # the annotations
    assert both[0]["again.json"] == both[0]["results.json"]


@pytest.mark.slow
def test_the_pdf(record, tmp_path):
    both = []
    for number, variables in enumerate(PLACES):
        place = tmp_path / f"place-{number}"
        place.mkdir()
        both.append(rendered(record, place, variables, "pdf"))
    assert both[0]["report.pdf"] == both[1]["report.pdf"]


def test_the_date_of_junit_is_the_run_s(record):
    # Rendered by another process at another time in the tests above: here its value.
    from macoaudit.formats.junit import to_junit
    from macoaudit.store import read_results

    assert 'timestamp="2026-01-02T03:04:05"' in to_junit(read_results(record))
