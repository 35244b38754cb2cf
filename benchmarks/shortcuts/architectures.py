"""The networks of the grid: small timm architectures and how each is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from benchmarks.shortcuts.grid import Architecture, Entry
from benchmarks.shortcuts.scenes import LABELS, SIDE_PX
from macoaudit.models import import_timm


@dataclass(frozen=True)
class Recipe:
    """A timm architecture with the arguments that make it small, and its training."""

    timm_name: str
    kwargs: Mapping[str, Any]
    epochs: int
    learning_rate: float


RECIPES: dict[Architecture, Recipe] = {
    # Dilated from stride 8 on: its last map is 6 x 6, fine enough to say where a mark is.
    "cnn": Recipe(
        "resnet10t",
        {"channels": [16, 24, 32, 48], "stem_width": 8, "output_stride": 8},
        epochs=7,
        learning_rate=4e-3,
    ),
    "vit": Recipe(
        "vit_tiny_patch16_224",
        {"img_size": SIDE_PX, "patch_size": 8, "embed_dim": 64, "depth": 3, "num_heads": 4},
        epochs=14,
        learning_rate=3e-3,
    ),
    "convnext": Recipe(
        "convnext_atto",
        {"depths": [1, 1, 2, 1], "dims": [16, 32, 48, 64], "patch_size": 2, "output_stride": 8},
        epochs=10,
        learning_rate=4e-3,
    ),
}


def build(entry: Entry) -> nn.Module:
    """Create the untrained network from the entry's seed; the global random state stays."""
    recipe = RECIPES[entry.architecture]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(entry.seed)
        create = import_timm().create_model
        module: nn.Module = create(recipe.timm_name, num_classes=len(LABELS), **recipe.kwargs)
    return module
