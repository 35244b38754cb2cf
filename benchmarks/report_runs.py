"""Run folders for the measurements of the reports: drawn scenes, every measure filled in.

The records are those of the tests (``tests/report``), so that what is measured is what is tested;
the pictures are the demo's scenes with a photograph's spectrum laid over them, because flat colour
packs far better than a photograph does.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.demo.make_samples import INDICES, sample_scene
from macoaudit.results import ClassCoverage, Run
from macoaudit.store import results_text

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "report")]  # a checkout has them; they are not installed

import audited  # noqa: E402
import gated  # noqa: E402
from audits import make_audit  # noqa: E402
from runs import make_run, natural  # noqa: E402

SIDE_PX = 224
N_SEEDS = 2
GRAIN = 0.25
"""Share of the laid-over spectrum."""
CLASSES, WIDE_IMAGES = 1000, 300


def scenes(folder: Path) -> dict[str, list[Path]]:
    """Draw scenes that pack like photographs.

    Args:
        folder: where they are written.

    Returns:
        The files of each class.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, list[Path]] = {}
    for label, indices in INDICES.items():
        for index in indices[:2]:
            rng = np.random.default_rng((len(drawn), index))
            scene = Image.fromarray(np.asarray(sample_scene(label, index)))
            scene = scene.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
            picture = Image.blend(scene, Image.fromarray(natural(rng, SIDE_PX)), GRAIN)
            path = folder / f"{index:02}_{label}.png"
            picture.save(path)
            drawn.setdefault(label, []).append(path)
    return drawn


def inverted(folder: Path, n_images: int, *, shared: bool = False) -> Run:
    """Make a run of ``invert`` in which every image has every measure.

    Args:
        folder: the run folder.
        n_images: how many images.
        shared: whether all images name the pictures of the first, to make a large run cheaply.
    """
    photos = [path for paths in scenes(folder.parent / "scenes").values() for path in paths]
    return make_run(
        folder,
        n_images,
        n_seeds=N_SEEDS,
        side_px=SIDE_PX,
        photos=photos,
        share_pictures=shared,
        measured=True,
    )


def audit(folder: Path, n_images: int) -> Run:
    """Make a run of ``audit`` with four findings, drawings, inverted images and the verdict.

    Args:
        folder: the run folder.
        n_images: how many images were inverted and measured.
    """
    drawn = scenes(folder.parent / "scenes")
    names = [f"{name}-{n}" for name in audited.CLASSES[:5] for n in range(2)]
    photos = {
        name: drawn[label][int(name[-1])]
        for name in names
        if (label := name.split("-")[0]) in drawn
    }
    images = inverted(folder, n_images)
    found = make_audit(folder, photos=photos)
    shown = tuple(replace(one, inversions=(), similarity=None) for one in found.images)
    run = replace(
        found,
        images=(*shown, *images.images),
        trust=images.trust,
        summary={**images.summary, "incomplete": []},
        config={**images.config, "max_images": 2000},
    )
    return gated.gated(run)


def wide(folder: Path) -> Run:
    """Make an audit of a thousand classes, to see whether layout stays within bounds."""
    run = audit(folder, WIDE_IMAGES)
    whole = audited.audit()
    more = range(len(whole.classes), CLASSES)
    classes = tuple(
        ClassCoverage(index, f"class {index:04}", 4, 4, True, index / 5000, (audited.NO_MASKS,))
        for index in more
    )
    passed = [one for one in run.tests if one.outcome == "passed"][:2]
    tests = tuple(
        replace(one, class_index=index, class_name=f"class {index:04}")
        for index in more
        for one in passed
    )
    covered = replace(whole, classes=(*whole.classes, *classes))
    return gated.gated(replace(run, gate=None, shortcuts=covered, tests=(*run.tests, *tests)))


def write(folder: Path, kind: str, n_images: int) -> None:
    """Write a run folder with its ``results.json``.

    Args:
        folder: made anew.
        kind: ``invert``, ``audit``, ``wide`` or ``large``.
        n_images: how many images; ``wide`` has its own number.
    """
    folder.mkdir(parents=True)
    if kind == "wide":
        run = wide(folder)
    elif kind == "audit":
        run = audit(folder, n_images)
    else:
        run = inverted(folder, n_images, shared=kind == "large")
    (folder / "results.json").write_text(results_text(run), encoding="utf-8")
