"""``macoaudit audit`` with its real tests: a planted mark is found, its absence is not."""

from pathlib import Path

import pytest
from planted_audits import MARKED, audit_settings, write_counting_card, write_scenes
from starts import read_whole

from macoaudit.auditing import outcome_line, run_audit
from macoaudit.cli.main import run

ROOT = Path(__file__).parents[1]


def test_a_planted_mark_is_a_high_finding(tmp_path):
    photos = write_scenes(tmp_path / "photos", 6)
    done = run_audit(audit_settings(photos, write_counting_card(tmp_path)))
    (finding,) = [one for one in done.findings if one.severity == "high"]
    assert finding.class_name == MARKED
    assert finding.margin >= 1
    # the mark lies in rows and columns 19 to 22 of 24
    for region in finding.regions:
        top, left, height, width = region.box_px
        assert top + height > 19
        assert left + width > 19
        assert region.rise > 0.3
    assert finding.examples[0].after == MARKED
    assert outcome_line(done).startswith(f"fail: 1 high finding ({MARKED})")


def test_the_network_that_does_not_use_it_has_none(tmp_path):
    photos = write_scenes(tmp_path / "photos", 6)
    done = run_audit(audit_settings(photos, write_counting_card(tmp_path, shortcut=False)))
    assert not [one for one in done.findings if one.severity == "high"]


@pytest.mark.slow
def test_the_samples_and_the_demo_network(tmp_path, capsys):
    """The planted shortcut of the packaged network, as the first command of the guide finds it."""
    out = tmp_path / "run"
    arguments = ["audit", str(ROOT / "samples"), "--model", "demo", "--out", str(out)]
    code = run(arguments)
    line = capsys.readouterr().err.splitlines()[-1]
    done = read_whole(out)
    assert done.status == "complete", line
    assert code == (1 if done.summary["verdict"] == "fail" else 0)
    assert done.shortcuts.labels_from == "folders and predictions"
    assert {one.class_name for one in done.findings if one.severity == "high"} <= {"mushroom"}
    assert (out / "report.html").stat().st_size > 10_000
    assert (out / "report.pdf").exists()
