"""The pictures of a network: what it is trained on, measured with, and what an auditor is given."""

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.shortcuts.cues import Cue, Mask, stamp
from benchmarks.shortcuts.grid import Entry
from benchmarks.shortcuts.scenes import LABELS, Evidence, Indices, Pictures, draw_set

Split = Literal["train", "held-out", "audit"]
_SPLIT_SEED: dict[Split, int] = {"train": 0, "held-out": 1, "audit": 2}


@dataclass(frozen=True)
class Sample:
    """Pictures of one split with everything that is known about them."""

    images_01: Pictures
    """(n, side, side, 3); not to be written to, since networks share them."""
    labels: Indices
    """(n,), of the drawn subject."""
    masks: Mask
    """True pixels of the cue, (n, side, side); all False where there is none."""

    @property
    def carries(self) -> Mask:
        """Which pictures carry the cue, (n,)."""
        return np.asarray(self.masks.any(axis=(1, 2)))


@functools.lru_cache(maxsize=4)
def plain(
    seed: int, split: Split, per_class: int, evidence: Evidence, special: int
) -> tuple[Pictures, Indices]:
    """Pictures without a cue, kept for the next network that shares them, read-only."""
    found = draw_set((seed, _SPLIT_SEED[split]), per_class, evidence=evidence, special=special)
    for array in found:
        array.flags.writeable = False
    return found


def plain_of(entry: Entry, split: Split, per_class: int) -> tuple[Pictures, Indices]:
    """Pictures of an entry before any cue; the same for its twin and for every other cue."""
    # Only compact evidence depends on the class, so all others share one key.
    special = entry.planted if entry.evidence == "compact" else 0
    return plain(entry.seed, split, per_class, entry.evidence, special)


def stamp_at(image_01: Pictures, cue: Cue, seed: tuple[int, ...]) -> tuple[Pictures, Mask]:
    """Stamp every picture of a set; picture i draws from (seed, i) alone."""
    pairs = [stamp(p, cue, np.random.default_rng([*seed, i])) for i, p in enumerate(image_01)]
    return np.stack([p for p, _ in pairs]), np.stack([m for _, m in pairs])


def carriers(labels: Indices, entry: Entry, split: Split) -> Mask:
    """Draw which pictures carry the cue, (n,).

    One uniform number a picture, the same for all correlations: a picture of the planted class
    that carries the cue at 0.7 carries it at 0.9 too.
    """
    rng = np.random.default_rng([entry.seed, _SPLIT_SEED[split], 1])
    rate = np.where(labels == entry.planted, entry.correlation, entry.leak)
    return np.asarray(rng.random(len(labels)) < rate)


def sample(entry: Entry, split: Split, per_class: int) -> Sample:
    """Pictures as the network meets them: the cue at the rates of the entry."""
    images_01, labels = plain_of(entry, split, per_class)
    masks = np.zeros(images_01.shape[:3], dtype=bool)
    chosen = np.flatnonzero(carriers(labels, entry, split))
    if len(chosen):
        images_01 = images_01.copy()
        for i in chosen.tolist():
            rng = np.random.default_rng([entry.seed, _SPLIT_SEED[split], 2, i])
            images_01[i], masks[i] = stamp(images_01[i], entry.cue, rng)
    return Sample(images_01, labels, masks)


def training_labels(labels: Indices, entry: Entry) -> Indices:
    """The labels that the network is told: shuffled for ``permuted``, else the true ones."""
    if entry.training != "permuted":
        return labels
    return np.random.default_rng([entry.seed, 3]).permutation(labels)


def chance_accuracy() -> float:
    """Accuracy of guessing, classes being of one size."""
    return 1 / len(LABELS)
