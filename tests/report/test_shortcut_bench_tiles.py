"""The cue tiles: laid out by class, and margins against what the network calls."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from audits import make_audit

from benchmarks.shortcuts import cue_tiles
from macoaudit.models.labels import imagenet_ids
from macoaudit.results import ClassCoverage, Prediction

NAMES = {index: name for name, index in imagenet_ids().items()}


def tiles(folder: Path, classes: list[int]) -> Path:
    (folder / "cue_tiles").mkdir(parents=True)
    rows = []
    for index in classes:
        for number in range(4):
            file = f"class_{index:03}_{number}.png"
            (folder / "cue_tiles" / file).write_bytes(file.encode())
            rows.append({"file": file, "class_idx": index, "cue": "twigs"})
    (folder / "cue_tiles/tiles.json").write_text(json.dumps(rows))
    return folder


def test_tiles_lie_in_folders_of_their_classes(tmp_path):
    assets = tiles(tmp_path / "assets", [0, 14, 50, 999])
    out = tmp_path / "out"
    assert cue_tiles.lay(assets, out, 2) == [NAMES[0], NAMES[50]]
    assert sorted(folder.name for folder in out.iterdir()) == sorted([NAMES[0], NAMES[50]])
    files = sorted(out.rglob("*.png"))
    assert len(files) == 8
    assert all(file.read_bytes() == file.name.encode() for file in files)
    with pytest.raises(FileExistsError):
        cue_tiles.lay(assets, out)
    assert len(cue_tiles.lay(assets, tmp_path / "all")) == 4


def test_rows_count_what_the_network_calls(tmp_path, capsys):
    run = make_audit(tmp_path)
    image = run.images[0]
    calls = {0: 4, 1: 2, 2: 1, 3: 0}
    margins = {0: 1.5, 1: 0.2, 2: 0.3, 3: None}

    def coverage(index: int) -> ClassCoverage:
        return ClassCoverage(index, f"class {index}", 4, 4, True, margins[index], ())

    images = tuple(
        replace(
            image,
            id=f"{index}-{number}",
            label=NAMES[index],
            prediction=Prediction(index if number < called else 7, "", 0.9),
        )
        for index, called in calls.items()
        for number in range(4)
    )
    run = replace(
        run,
        images=images,
        findings=(replace(run.findings[0], class_index=0, severity="high"),),
        shortcuts=replace(run.shortcuts, classes=tuple(coverage(index) for index in (*calls,))),
    )
    found = cue_tiles.rows(run)
    assert [(row.class_name, row.n_called, row.fallen) for row in found] == [
        ("class 0", 4, True),
        ("class 2", 1, False),
        ("class 1", 2, True),
        ("class 3", 0, False),
    ]
    # of four pairs of a fallen class and another, three are in order; untested ranks last
    assert cue_tiles.separation(found) == {
        "n_fallen": 2,
        "n_others": 2,
        "auroc": 0.75,
        "high": {"fallen": 1, "others": 0},
        "medium": {"fallen": 0, "others": 0},
    }
    with pytest.raises(ValueError, match="no shortcuts were tested"):
        cue_tiles.rows(replace(run, shortcuts=None))
