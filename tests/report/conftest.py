import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from runs import HOSTILE, make_hostile, make_run


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Three images with two seeds, one failed and one skipped."""
    folder = tmp_path_factory.mktemp("small")
    return make_run(folder, 3, n_seeds=2, bad=True), folder


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """Every hostile name as file name, label, class name, judge and reason."""
    from dataclasses import replace

    folder = tmp_path_factory.mktemp("hostile")
    run = make_run(folder, len(HOSTILE), paths=HOSTILE, share_pictures=True)
    images = tuple(
        replace(
            image,
            label=name,
            prediction=replace(image.prediction, name=name),
            transfer=tuple(replace(t, judge=name) for t in image.transfer),
            inversions=tuple(
                replace(i, prediction=replace(i.prediction, name=name)) for i in image.inversions
            ),
        )
        for name, image in zip(HOSTILE, run.images, strict=True)
    )
    broken = [
        replace(image, id=f"bad-{image.id}", status="failed", reason=name, inversions=())
        for name, image in zip(HOSTILE, images, strict=True)
    ]
    config = {**run.config, "images": HOSTILE[0], HOSTILE[1]: HOSTILE[2]}
    return replace(run, images=(*images, *broken), config=config), folder


@pytest.fixture(scope="session")
def measured_run(tmp_path_factory):
    """Five images with every measure: proofs that hold, fail and are missing."""
    folder = tmp_path_factory.mktemp("measured")
    return make_run(folder, 5, n_seeds=2, bad=True, measured=True), folder


@pytest.fixture(scope="session")
def hostile_measured(tmp_path_factory):
    """Every hostile name wherever a measure records text."""
    folder = tmp_path_factory.mktemp("hostile-measured")
    run = make_run(folder, len(HOSTILE), paths=HOSTILE, share_pictures=True, measured=True)
    return make_hostile(run), folder
