"""Training of one network: deterministic given its entry and settings, on one thread."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.shortcuts.architectures import RECIPES, build
from benchmarks.shortcuts.data import sample, training_labels
from benchmarks.shortcuts.grid import Entry
from benchmarks.shortcuts.reliance import to_input
from benchmarks.shortcuts.scenes import Indices, Pictures
from macoaudit.config import require


@dataclass(frozen=True)
class Settings:
    """What all networks of a grid share; every field is part of the cache's key."""

    train_per_class: int = 320
    held_out_per_class: int = 60
    batch: int = 64
    epochs_factor: float = 1.0
    """Multiplies the epochs of every architecture; at least one epoch is trained."""
    shift_px: int = 2
    """Largest shift of a training picture, across and down."""
    weight_decay: float = 0.05
    smoothing: float = 0.05

    def __post_init__(self) -> None:
        for name in ("train_per_class", "held_out_per_class", "batch"):
            require(getattr(self, name) > 0, name, getattr(self, name), "it must be positive")
        require(self.epochs_factor > 0, "epochs_factor", self.epochs_factor, "it must be positive")


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: sums in another order would give other weights."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def shifted(images: Tensor, shift_px: int, generator: torch.Generator) -> Tensor:
    """Shift each picture by its own whole pixels, edges repeated, shape as given.

    Args:
        images: (n, channel, height, width).
        shift_px: Largest shift either way, across and down.
        generator: Source of the shifts.
    """
    n, _, height, width = images.shape
    padded = F.pad(images, [shift_px] * 4, mode="replicate") if shift_px else images
    top, left = torch.randint(0, 2 * shift_px + 1, (2, n), generator=generator)
    rows = top[:, None] + torch.arange(height)
    columns = left[:, None] + torch.arange(width)
    index = torch.arange(n)[:, None, None]
    chosen = padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]]
    return chosen.permute(0, 3, 1, 2)


def batches(
    images_01: Pictures, labels: Indices, settings: Settings, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield one epoch of shifted batches in random order; a last short batch is left out.

    The order and the shifts depend on the generator and the number of pictures alone, so that twins
    see the same pictures in the same order.
    """
    order = torch.randperm(len(labels), generator=generator).numpy()
    size = min(settings.batch, len(labels))
    for start in range(0, len(order) - size + 1, size):
        chosen = order[start : start + size]
        images = to_input(images_01[chosen])
        brightness = 1 + 0.1 * (2 * torch.rand(size, 1, 1, 1, generator=generator) - 1)
        moved = shifted(images, settings.shift_px, generator)
        yield (moved * brightness).clamp(-1, 1), torch.from_numpy(labels[chosen])


def fit(
    module: nn.Module, entry: Entry, images_01: Pictures, labels: Indices, settings: Settings
) -> float:
    """Train in place with AdamW and a one-cycle rate; return the mean loss of the last epoch."""
    recipe = RECIPES[entry.architecture]
    epochs = max(1, round(recipe.epochs * settings.epochs_factor))
    generator = torch.Generator().manual_seed(entry.seed)
    decayed = [p for p in module.parameters() if p.ndim > 1]
    plain = [p for p in module.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, recipe.learning_rate, weight_decay=settings.weight_decay)
    total = epochs * (len(labels) // min(settings.batch, len(labels)))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total, pct_start=0.2
    )
    module.train()
    losses: list[float] = []
    for _ in range(epochs):
        losses = []
        for images, target in batches(images_01, labels, settings, generator):
            loss = F.cross_entropy(module(images), target, label_smoothing=settings.smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    return float(np.mean(losses))


def train(entry: Entry, settings: Settings) -> tuple[nn.Module, float | None]:
    """Build and train a network; random weights are left as they were drawn.

    Returns:
        The network in eval mode and the mean loss of its last epoch, None where nothing was
        trained.
    """
    module = build(entry)
    if entry.training == "none":
        return module.eval(), None
    shown = sample(entry, "train", settings.train_per_class)
    with one_thread():
        loss = fit(module, entry, shown.images_01, training_labels(shown.labels, entry), settings)
    return module.eval(), loss
