"""``macoaudit audit`` with its real tests: a planted mark is found, its absence is not."""

from pathlib import Path

import pytest
import torch
from planted import COLOURS, MARK, SIDE_PX, mark_mask
from planted_audits import MARKED, NAMES, audit_settings, save_png, write_counting_card
from starts import read_whole

from macoaudit.auditing import outcome_line, run_audit
from macoaudit.cli.main import run

ROOT = Path(__file__).parents[1]


def write_dotted(folder: Path, per_class: int = 6) -> Path:
    """Scenes whose object is 144 scattered dots of the class's colour: it recurs nowhere."""
    generator = torch.Generator().manual_seed(0)
    free = torch.nonzero(~mark_mask().flatten()).flatten()
    for index, name in enumerate(NAMES):
        for number in range(per_class):
            image_01 = 0.25 + 0.1 * torch.rand(3, SIDE_PX, SIDE_PX, generator=generator)
            dots = free[torch.randperm(len(free), generator=generator)[:144]]
            image_01.flatten(1)[:, dots] = COLOURS[index][:, None]
            if name == MARKED:
                image_01[:, MARK[0], MARK[1]] = 1.0
            (folder / name).mkdir(parents=True, exist_ok=True)
            save_png(folder / name / f"{name}-{number}.png", image_01)
    return folder


def test_a_planted_mark_is_a_high_finding(tmp_path):
    photos = write_dotted(tmp_path / "photos")
    done = run_audit(audit_settings(photos, write_counting_card(tmp_path)))
    # The classes of these scenes are colours: their spectra are high for what they are.
    (finding,) = [
        one
        for one in done.findings
        if one.severity == "high" and {"patch transfer", "stamp"} <= set(one.tests)
    ]
    assert finding.class_name == MARKED
    assert finding.margin >= 1
    # the mark lies in rows and columns 19 to 22 of 24
    for region in finding.regions:
        top, left, height, width = region.box_px
        assert top + height > 19
        assert left + width > 19
        assert region.rise > 0.3
    assert finding.examples[0].after == MARKED
    assert outcome_line(done).startswith("fail: ")
    assert MARKED in outcome_line(done)


def test_the_network_that_does_not_use_it_has_none(tmp_path):
    photos = write_dotted(tmp_path / "photos")
    done = run_audit(audit_settings(photos, write_counting_card(tmp_path, shortcut=False)))
    assert not [
        one
        for one in done.findings
        if one.severity == "high" and {"patch transfer", "stamp"} <= set(one.tests)
    ]


@pytest.mark.slow
def test_the_samples_and_the_demo_network(tmp_path, capsys):
    """The planted shortcut of the packaged network, as the first command of the guide finds it."""
    out = tmp_path / "run"
    arguments = ["audit", str(ROOT / "samples"), "--model", "demo", "--out", str(out)]
    code = run(arguments)
    line = capsys.readouterr().err.splitlines()[-1]
    done = read_whole(out)
    assert done.status == "complete", line
    assert code == done.gate.exit_code == {"pass": 0, "fail": 1}[done.gate.outcome]
    assert done.shortcuts.labels_from == "folders and predictions"
    assert {one.class_name for one in done.findings if one.severity == "high"} <= {"mushroom"}
    assert (out / "report.html").stat().st_size > 10_000
    assert (out / "report.pdf").exists()
