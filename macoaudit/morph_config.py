"""Settings of ``macoaudit morph``: which images, towards which classes, and how they are moved."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macoaudit.config import ReportFormat, require, require_judges

_WORDS = {
    "mode": ("live", "persistent", "frozen"),
    "method": ("csp_phase", "csp_joint", "fourier_phase", "pixel"),
    "highpass": ("residual", "oriented"),
    "channels": ("luma", "rgb"),
}
RUNNER_UP = "runner-up"
EACH = "each"
"""Targets that are no class: each image's own second class, and the folder's confusions."""


@dataclass(frozen=True)
class MorphConfig:
    """Settings of one ``macoaudit morph``.

    What the lens itself refuses is refused by :class:`macoaudit.lens.LensConfig`, in the words of
    the command's options.
    """

    images: tuple[Path, ...]
    model: str
    out: Path
    weights: str | None = None
    """None: the model's own; ``random``; or a file."""
    target: str = RUNNER_UP
    """A class by name or number, ``runner-up`` or ``each``."""
    source: str | None = None
    """The class to move away from; None: each image's first class."""
    top_k: int = 3
    """``each``: targets of a class."""
    mode: str = "live"
    method: str = "csp_phase"
    amplifications: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    phase_cap: float | None = math.pi / 2
    """None: the literal linear extrapolation."""
    steps: int = 12
    step_cap: float = 0.5
    scales: int | None = None
    orientations: int = 4
    highpass: str = "residual"
    channels: str = "luma"
    bands: tuple[tuple[int, int], ...] | None = None
    """Pairs of scale and orientation that may move; None: all."""
    budgets: tuple[float, ...] = ()
    warp: bool = False
    seed: int = 0
    judges: tuple[str, ...] = ()
    """As in :class:`macoaudit.config.InvertConfig`."""
    n_frames: int = 8
    """Pictures of a strip, the source among them."""
    device: str = "cpu"
    batch_size: int = 4
    """Images at a time. Changes numbers by rounding only."""
    formats: tuple[ReportFormat, ...] = ("html", "pdf")
    resume: bool = True
    allow_pickle: bool = False
    offline: bool = False
    max_bad_frac: float = 0.05
    """As in :class:`macoaudit.config.InvertConfig`."""

    def __post_init__(self) -> None:
        require(bool(self.target.strip()), "--target", self.target, "use a class, or runner-up")
        if self.source is not None:
            require(bool(self.source.strip()), "--source", self.source, "use a class")
        for name, words in _WORDS.items():
            value = getattr(self, name)
            require(value in words, f"--{name}", value, f"use {', '.join(words)}")
        require(self.top_k >= 1, "--top-k", self.top_k, "use at least 1")
        require(self.n_frames >= 2, "--frames", self.n_frames, "use at least 2")
        require(self.seed >= 0, "--seed", self.seed, "use 0 or more")
        require(self.batch_size >= 1, "--batch-size", self.batch_size, "use at least 1")
        require(0 <= self.max_bad_frac <= 1, "--max-bad", self.max_bad_frac, "use 0 to 1")
        moved = self.mode != "frozen" or any(self.amplifications) or bool(self.budgets)
        require(moved, "--amplifications", self.amplifications, "use at least one number above 0")
        require_judges(self.judges)

    def settings(self) -> dict[str, Any]:
        """Every setting that changes numbers or pictures, as plain data."""
        frozen = self.mode == "frozen"
        return {
            "weights": self.weights,
            "target": self.target,
            "source": self.source,
            "top_k": self.top_k if self.target == EACH else None,
            "mode": self.mode,
            "method": self.method,
            "amplifications": list(self.amplifications) if frozen else None,
            "phase_cap": self.phase_cap,
            "steps": None if frozen else self.steps,
            "step_cap": None if frozen else self.step_cap,
            "scales": self.scales,
            "orientations": self.orientations,
            "highpass": self.highpass,
            "channels": self.channels,
            "bands": None if self.bands is None else [list(pair) for pair in self.bands],
            "budgets": list(self.budgets),
            "warp": self.warp,
            "seed": self.seed,
            "judges": list(self.judges),
            "n_frames": self.n_frames,
            "batch_size": self.batch_size,
            "max_bad_frac": self.max_bad_frac,
        }
