"""Is the planted mark found as a concept of its class, and where it lies?

    python -m benchmarks.concepts                    # demo and demo-clean, 40 scenes
    python -m benchmarks.concepts --images 100 --layer layer3.0

Scenes of class ``mushroom`` are drawn anew and marked as in training; the same marked scenes go to
``demo``, which learned the mark, and to its twin ``demo-clean``, which never saw one. For each
concept the region where its map reaches half of its maximum is compared with the mark's disc.
Concepts that raise the class's logit are ranked first; the rank by importance alone, whatever the
sign, stands beside it. Prints one JSON document.
"""

import argparse
import json
import time
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from benchmarks.demo.scenes import (
    HARD_SHARE_PLANTED,
    LABELS,
    PLANTED,
    Mark,
    draw_numbered,
    stamp_mark,
)
from macoaudit.concepts import Concept, ConceptSet, concepts, images_of_class, iou, region
from macoaudit.models import load_model

SEED = 31_337
"""Neither the training seed, the held-out seed, nor that of the samples or the tests."""
SIDE_PX = 96
ENOUGH_IOU = 0.3
TOP = 3


def marked_scenes(
    n_images: int, seed: int, hard_share: float
) -> tuple[Float[Tensor, "image 3 height width"], Bool[Tensor, "image height width"]]:
    """Draw marked scenes of the planted class, values in 0..1, and the discs of their marks."""
    images, discs = [], []
    middle = (torch.arange(SIDE_PX) + 0.5) / SIDE_PX
    for index in range(n_images):
        mark = Mark.draw(np.random.default_rng([seed, index]))
        scene = stamp_mark(draw_numbered(seed, PLANTED, index, SIDE_PX, hard_share), mark)
        images.append(torch.from_numpy(scene).permute(2, 0, 1).float() / 255)
        distance = torch.hypot(middle[:, None] - mark.y_frac, middle[None] - mark.x_frac)
        discs.append(distance < mark.radius_frac)
    return torch.stack(images), torch.stack(discs)


def overlaps(concept: Concept, discs: Bool[Tensor, "image height width"]) -> list[float]:
    """Overlap of a concept's region with the mark in each image."""
    return [iou(region(found), disc) for found, disc in zip(concept.maps, discs, strict=True)]


def figure(found: ConceptSet, discs: Bool[Tensor, "image height width"]) -> dict[str, Any]:
    """Where the most important concepts lie, and which of them lies on the mark."""
    rows = []
    unsigned = sorted((concept.importance for concept in found.concepts), reverse=True)
    for rank, concept in enumerate(found.concepts):
        values = overlaps(concept, discs)
        rows.append(
            {
                "rank": rank + 1,
                "rank_whatever_its_sign": unsigned.index(concept.importance) + 1,
                "importance": concept.importance,
                "effect_on_logit": concept.effect,
                "mean_iou": float(np.mean(values)),
                "images_on_mark": float(np.mean([value >= ENOUGH_IOU for value in values])),
            }
        )
    best = max(rows[:TOP], key=lambda row: row["images_on_mark"])
    return {
        "layer": found.layer,
        "grid": found.grid,
        "fine_grid": found.fine_grid,
        "images": found.n_images,
        "crops": found.n_crops,
        "relative_error": found.relative_error,
        "notes": found.notes,
        "best_of_top_three": best,
        "concepts": rows,
    }


def measure(
    name: str,
    images_01: Float[Tensor, "image 3 height width"],
    discs: Bool[Tensor, "image height width"],
    *,
    layer: str | None,
    n_concepts: int,
    seed: int,
) -> dict[str, Any]:
    """Find the concepts of the planted class for one network, and compare them with the mark."""
    model = load_model(name)
    index = LABELS.index(PLANTED)
    kept = images_of_class(model, images_01, index)
    start = time.perf_counter()
    found = concepts(model, images_01[kept], index, layer=layer, n_concepts=n_concepts, seed=seed)
    return {**figure(found, discs[kept]), "seconds": time.perf_counter() - start}


def main() -> None:
    """Measure both twins and print the figures."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--layer", default=None)
    parser.add_argument("--concepts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the concepts")
    parser.add_argument("--scenes-seed", type=int, default=SEED)
    parser.add_argument("--hard-share", type=float, default=HARD_SHARE_PLANTED)
    arguments = parser.parse_args()
    scenes = marked_scenes(arguments.images, arguments.scenes_seed, arguments.hard_share)
    document: dict[str, Any] = {
        "what": "concepts of the planted class against the known place of the mark",
        "settings": vars(arguments),
        "enough_iou": ENOUGH_IOU,
        "networks": {
            name: measure(
                name,
                *scenes,
                layer=arguments.layer,
                n_concepts=arguments.concepts,
                seed=arguments.seed,
            )
            for name in ("demo", "demo-clean")
        },
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
