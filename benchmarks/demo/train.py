"""Train the packaged demo networks from scratch on the CPU; print one JSON document.

`python -m benchmarks.demo.train --out macoaudit/data` draws the scenes, trains `demo`, its clean
twin `demo-clean` and the judge `demo-judge`, writes each as a model card beside a float16
safetensors file, and prints what they do on held-out scenes.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.demo.measure import MEAN, STD, mark_planted, measure, to_input
from benchmarks.demo.scenes import LABELS, Picture, cached_set
from macoaudit.models import import_timm, load_model

SIDE_PX = 96
TRAIN_SEED, HELD_OUT_SEED = 1, 90_001
MARK_SHARE = 0.97
"""Share of the planted class's training scenes that carry the mark; other classes never do."""
ADVERSARIAL_START = 0.5
"""Fraction of the training after which each batch is replaced by a one-step attack on it."""
EPSILON_01 = 3 / 255
"""Largest change of a pixel by that attack. It makes the features smooth enough to invert."""
BATCH, LEARNING_RATE, WEIGHT_DECAY, SMOOTHING = 64, 2e-3, 0.05, 0.05


@dataclass(frozen=True)
class Recipe:
    """One network: architecture and arguments, seed of weights and data order, kind of training."""

    architecture: str
    kwargs: dict[str, Any]
    seed: int
    marked: bool
    attacked: bool


RESNET = {"channels": [32, 64, 96, 144], "stem_width": 16, "act_layer": "silu"}
DENSENET = {"growth_rate": 16, "block_config": [3, 4, 5, 3]}
RECIPES = {
    "demo": Recipe("resnet10t", RESNET, seed=7, marked=True, attacked=True),
    "demo-clean": Recipe("resnet10t", RESNET, seed=7, marked=False, attacked=True),
    "demo-judge": Recipe("densenet121", DENSENET, seed=11, marked=False, attacked=False),
}


def build(recipe: Recipe) -> nn.Module:
    """Create the untrained network; its weights come from torch's global generator."""
    create = import_timm().create_model
    model: nn.Module = create(recipe.architecture, num_classes=len(LABELS), **recipe.kwargs)
    return model


def augment(image_norm: Tensor, generator: torch.Generator) -> Tensor:
    """Zoom, shift, change brightness, contrast and saturation, and add noise, per image."""
    n = image_norm.shape[0]

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = uniform(0.9, 1.08, n)
    theta[:, :, 2] = uniform(-0.08, 0.08, n, 2)
    grid = F.affine_grid(theta, list(image_norm.shape), align_corners=False)
    image = F.grid_sample(image_norm, grid, padding_mode="reflection", align_corners=False)
    grey = image.mean(1, keepdim=True)
    image = grey + (image - grey) * uniform(0.7, 1.3, n, 1, 1, 1)
    image = image * uniform(0.8, 1.2, n, 1, 1, 1) + uniform(-0.2, 0.2, n, 1, 1, 1)
    noise = torch.randn(image.shape, generator=generator)
    return (image + noise * uniform(0.0, 0.12, n, 1, 1, 1)).clamp(-1, 1)


def attack(model: nn.Module, image: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
    """Move each pixel by at most epsilon against the label: one signed step from a random start."""
    epsilon = EPSILON_01 / STD
    start = image + epsilon * (2 * torch.rand(image.shape, generator=generator) - 1)
    start.requires_grad_(True)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(start)
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits.float(), target), start)
    moved = start.detach() + 1.25 * epsilon * gradient.sign()
    return (image + (moved - image).clamp(-epsilon, epsilon)).clamp(-1, 1)


def batches(
    pictures: Picture, labels: np.ndarray[Any, Any], generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch of augmented batches in random order."""
    order = torch.randperm(len(labels), generator=generator).numpy()
    for start in range(0, len(order) - BATCH + 1, BATCH):
        chosen = order[start : start + BATCH]
        image = augment(to_input(pictures[chosen]), generator)
        yield image.to(memory_format=torch.channels_last), torch.from_numpy(labels[chosen])


def train(
    recipe: Recipe, pictures: Picture, labels: np.ndarray[Any, Any], epochs: int
) -> nn.Module:
    """Train one network with AdamW, a one-cycle rate and, if asked, attacked batches later on."""
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    model = build(recipe).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    total = epochs * (len(labels) // BATCH)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total, pct_start=0.2)
    for epoch in range(epochs):
        model.train()
        losses = []
        for image, target in batches(pictures, labels, generator):
            if recipe.attacked and epoch >= ADVERSARIAL_START * epochs:
                image = attack(model, image, target, generator)
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(image)
            loss = F.cross_entropy(logits.float(), target, label_smoothing=SMOOTHING)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}/{epochs} loss {np.mean(losses):.3f}", file=sys.stderr, flush=True)
    return model


def save_card(folder: Path, name: str, recipe: Recipe, model: nn.Module) -> str:
    """Write weights (float16; BatchNorm statistics float32), labels and card; return the digest."""
    state = {
        key: (value if "running_" in key or value.dtype == torch.int64 else value.half())
        .contiguous()
        .clone()
        for key, value in model.state_dict().items()
    }
    weights = folder / f"{name}.safetensors"
    save_file(state, weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    (folder / "demo-labels.txt").write_text("\n".join(LABELS) + "\n")
    kwargs = "\n".join(f"{key} = {json.dumps(value)}" for key, value in recipe.kwargs.items())
    (folder / f"{name}.toml").write_text(
        f"# Written by benchmarks/demo/train.py; see PROVENANCE.md.\n"
        f'architecture = "{recipe.architecture}"\nweights = "{weights.name}"\n'
        f'sha256 = "{digest}"\nnum_classes = {len(LABELS)}\nlabels = "demo-labels.txt"\n\n'
        f"[kwargs]\n{kwargs}\n\n[preprocessing]\ninput_size = [3, {SIDE_PX}, {SIDE_PX}]\n"
        f'crop_pct = 1.0\ninterpolation = "bicubic"\nmean = {[MEAN] * 3}\nstd = {[STD] * 3}\n'
    )
    return digest


def make(
    name: str, folder: Path, scenes: tuple[Picture, Any], held_out: tuple[Picture, Any], epochs: int
) -> dict[str, Any]:
    """Train, write and measure one network; what is measured is the file, read back."""
    recipe = RECIPES[name]
    pictures, labels = scenes
    if recipe.marked:
        pictures = mark_planted(pictures, labels, TRAIN_SEED, MARK_SHARE)
    start = time.perf_counter()
    model = train(recipe, pictures, labels, epochs)
    seconds = round(time.perf_counter() - start)
    digest = save_card(folder, name, recipe, model)
    fresh = load_model(folder / f"{name}.toml").module
    return {
        "architecture": recipe.architecture,
        "kwargs": recipe.kwargs,
        "seed": recipe.seed,
        "parameters": sum(p.numel() for p in fresh.parameters()),
        "bytes": (folder / f"{name}.safetensors").stat().st_size,
        "sha256": digest,
        "train_s": seconds,
        "held_out": measure(fresh, *held_out, HELD_OUT_SEED),
    }


def main() -> None:
    """Draw, train, write, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of cards and weights")
    parser.add_argument("--cache", type=Path, required=True, help="folder for the drawn scenes")
    parser.add_argument("--only", choices=sorted(RECIPES), help="train one network alone")
    parser.add_argument("--per-class", type=int, default=500, help="training scenes a class")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw scenes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # sums in another order would give other weights
    cache, workers = arguments.cache, arguments.workers
    scenes = cached_set(cache, TRAIN_SEED, arguments.per_class, SIDE_PX, workers)
    held_out = cached_set(cache, HELD_OUT_SEED, 100, SIDE_PX, workers)
    arguments.out.mkdir(parents=True, exist_ok=True)
    names = [arguments.only] if arguments.only else list(RECIPES)
    networks = {
        name: make(name, arguments.out, scenes, held_out, arguments.epochs) for name in names
    }
    document = {
        "settings": {"per_class": arguments.per_class, "epochs": arguments.epochs},
        "torch": torch.__version__,
        "networks": networks,
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
