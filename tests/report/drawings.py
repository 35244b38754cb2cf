"""Builds realistic run folders of visualisations for the tests of their reports."""

from dataclasses import replace

import numpy as np
from PIL import Image
from runs import make_run, natural

from macoaudit.results import (
    NaturalNeighbour,
    NaturalNeighbours,
    PicturePlausibility,
    Prediction,
    Run,
    TargetTerm,
    TargetTransfer,
    Visualization,
)

KINDS = ("image", "transparency", "masked")


def drawn(number: int, name: str, **changes) -> Visualization:
    term = TargetTerm(1.0, "logit", "logits", number, None, None, "dot", None, name)
    base = Visualization(
        id=f"t{number}",
        name=name,
        terms=(term,),
        method="maco",
        seed=0,
        status="ok",
        reason=None,
        score=12.3456 + number,
        start_score=-0.25,
        image_score=None,
        similarity=None,
        prediction=Prediction(number, name, 0.75),
        n_starts=1,
        n_steps=64,
        converged=False,
        transfer=(TargetTransfer("judge one", True, True, 1, 1000, 0.5, 0.001),),
        plausibility=PicturePlausibility("judge one penultimate", 3, 41, 0.8125, 0.0625, 7.5),
        exemplars=NaturalNeighbours(
            "vit_tiny penultimate",
            (
                NaturalNeighbour(f"{name}/1.jpg", name, "folder", True, 0.5625, "exemplars/a.png"),
                NaturalNeighbour("2.jpg", None, None, None, 0.4375, "exemplars/b.png"),
            ),
        ),
        files={kind: f"images/t{number}/{kind}-0.png" for kind in KINDS},
    )
    return replace(base, **changes)


def make(folder, pictures: tuple[Visualization, ...]) -> Run:
    rng = np.random.default_rng(0)
    for one in pictures:
        for name in one.files.values():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(natural(rng, 128)).save(folder / name)
    (folder / "exemplars").mkdir(exist_ok=True)
    for name in "ab":
        Image.fromarray(natural(rng, 128)).save(folder / "exemplars" / f"{name}.png")
    run = make_run(folder, 1, share_pictures=True)
    return replace(
        run, command="visualize", images=(), trust=(), visualizations=pictures, summary={}
    )
