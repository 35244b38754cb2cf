"""Settings of ``macoaudit visualize``: what is drawn, how, and where."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from macoaudit.config import (
    AffineViews,
    MacoConfig,
    ReportFormat,
    ViewConfig,
    preset,
    require,
    require_judges,
)
from macoaudit.errors import UsageError
from macoaudit.results import Method


def lucid_views() -> ViewConfig:
    """Views of the Fourier and pixel baselines: Lucid's transforms, no noise, nothing erased."""
    return ViewConfig(affine=AffineViews())


def drawing_settings(
    method: Method,
    name: str = "macoaudit",
    *,
    steps: int | None = None,
    canvas_px: int | None = None,
) -> MacoConfig:
    """Settings of a visualisation: a preset, with Lucid's views for the baselines.

    A visualisation never stops early: the preset's tolerance is one of cosines, and scores of
    targets have units of their own.

    Args:
        method: ``maco``, ``fourier`` or ``pixel``.
        name: a preset.
        steps: in place of the preset's; None leaves them.
        canvas_px: in place of the preset's canvas; None leaves it.

    Raises:
        UsageError: when a setting is out of range, there is no such preset or method, or the
            preset is one of MACO's descendants and the method is not MACO.
    """
    config = dataclasses.replace(preset(name), tolerance=0.0)
    if steps is not None:
        config = dataclasses.replace(config, n_steps=steps)
    if canvas_px is not None:
        config = dataclasses.replace(config, canvas_px=canvas_px)
    require(method in get_args(Method), "--method", method, f"use {', '.join(get_args(Method))}")
    if method == "maco":
        return config
    if name != "macoaudit":
        raise UsageError(
            f"--compat {name} is a way to draw MACO; leave it out with --method {method}"
        )
    return dataclasses.replace(config, views=lucid_views())


@dataclass(frozen=True)
class TargetConfig:
    """What is drawn, as the command line names it; see :mod:`macoaudit.targets.parsing`."""

    logits: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    neurons: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    directions: tuple[Path, ...] = ()
    """Files of directions; all their rows are drawn."""
    layer: str | None = None
    """Layer of the directions."""
    direction_form: str = "dot"
    logit_form: str = "auto"
    """``standard`` score among the classes, ``raw``, or ``auto``: raw with another preset than
    ``macoaudit`` and below three classes, else standard. Sums always take raw logits, which they
    are linear in."""
    sums: tuple[str, ...] = ()
    sum_files: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if self.directions and self.layer is None:
            raise UsageError("--directions came without --layer; name the layer they belong to")
        if self.layer is not None and not self.directions:
            raise UsageError(
                f"--layer {self.layer} came without --directions; channels, neurons, tokens and "
                "heads name their layer themselves, as --channels LAYER:0-15"
            )
        require(
            self.logit_form in ("auto", "standard", "raw"),
            "--logit-form",
            self.logit_form,
            "use standard, raw or auto",
        )
        named = (self.logits, self.channels, self.neurons, self.tokens, self.heads)
        if not any((*named, self.directions, self.sums, self.sum_files)):
            raise UsageError(
                "nothing to draw; name targets with --logits, --channels, --neurons, --tokens, "
                "--heads, --directions, --sum or --sums"
            )


@dataclass(frozen=True)
class VisualizeConfig:
    """Settings of one ``macoaudit visualize``."""

    model: str
    targets: TargetConfig
    out: Path
    method: Method = "maco"
    weights: str | None = None
    """None: the model's own; ``random``; or a file."""
    device: str = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"
    maco: MacoConfig = dataclasses.field(default_factory=lambda: drawing_settings("maco"))
    spectrum: Path | None = None
    """None: the packaged natural spectrum."""
    n_seeds: int = 1
    seed: int = 0
    """First seed; picture ``k`` of a target has seed ``seed + k``."""
    batch_size: int = 8
    """Pictures optimised at once. Changes numbers by rounding only."""
    judges: tuple[str, ...] = ()
    """As in :class:`InvertConfig`."""
    references: tuple[Path, ...] = ()
    """Natural images, files and folders, that pictures are compared with."""
    plausibility_k: int = 3
    """Nearest natural images over which the distance to them is averaged."""
    accentuate: Path | None = None
    """Start from this image and draw what would make it more so; None: random starts."""
    keep: float = 1.0
    """Weight of the penalty on leaving the image's activation, with ``accentuate``."""
    keep_layer: str = "penultimate"
    """Layer whose activation of the image is to be kept."""
    accent_rate: float = 0.1
    """Step sizes with ``accentuate``, relative to those of a search that starts from noise: steps
    as long as those wash the image out before the target shows."""
    formats: tuple[ReportFormat, ...] = ("html", "pdf")
    resume: bool = True
    allow_pickle: bool = False
    offline: bool = False

    def __post_init__(self) -> None:
        require(self.n_seeds >= 1, "--seeds", self.n_seeds, "use at least 1")
        require(self.seed >= 0, "--seed", self.seed, "use 0 or more")
        require(self.batch_size >= 1, "--batch-size", self.batch_size, "use at least 1")
        require(self.method in get_args(Method), "--method", self.method, f"use {get_args(Method)}")
        k = self.plausibility_k
        require(k >= 1, "--neighbours", k, "use at least 1")
        require(math.isfinite(self.keep) and self.keep >= 0, "--keep", self.keep, "use 0 or more")
        rate = self.accent_rate
        require(math.isfinite(rate) and rate > 0, "--accent-rate", rate, "use a number above 0")
        require_judges(self.judges)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of each target's pictures."""
        return tuple(range(self.seed, self.seed + self.n_seeds))

    def settings(self) -> dict[str, Any]:
        """Every setting that changes numbers, as plain data, but the targets."""
        return {
            "method": self.method,
            "weights": self.weights,
            "precision": self.precision,
            "seeds": list(self.seeds),
            "batch_size": self.batch_size,
            "judges": list(self.judges),
            "references": [path.name or str(path) for path in self.references],
            "plausibility_k": self.plausibility_k,
            "accentuate": None if self.accentuate is None else self.accentuate.name,
            "keep": None if self.accentuate is None else self.keep,
            "accent_rate": None if self.accentuate is None else self.accent_rate,
            "keep_layer": None if self.accentuate is None else self.keep_layer,
            "maco": self.maco.to_json(),
        }


@dataclass(frozen=True)
class GalleryConfig:
    """Settings of one ``macoaudit gallery``."""

    drawing: VisualizeConfig
    """How classes and channels are drawn; its targets are classes alone."""
    n_channels: int = 3
    """Penultimate channels that are drawn for each class; 0: none."""
    shard: tuple[int, int] | None = None
    """Number and count: draw only this share of the classes, and no site."""
    concept_images: tuple[Path, ...] = ()
    """Images in which the concepts of each class are sought; class subfolders are labels."""

    def __post_init__(self) -> None:
        targets = self.drawing.targets
        classes_alone = dataclasses.replace(targets, logits=("all",)) == TargetConfig(("all",))
        if not (classes_alone and targets.logits) or self.drawing.accentuate is not None:
            raise UsageError(
                "a gallery shows classes; give --logits alone, or leave it out for all"
            )
        require(self.n_channels >= 0, "--channels", self.n_channels, "use 0 or more")
        if self.shard is not None:
            number, count = self.shard
            fits = 1 <= number <= count
            require(fits, "--shard", f"{number}/{count}", "use 1/n to n/n")

    def settings(self) -> dict[str, Any]:
        """Every setting that changes numbers, as plain data, but the classes."""
        shard = None if self.shard is None else f"{self.shard[0]}/{self.shard[1]}"
        return {
            **self.drawing.settings(),
            "n_channels": self.n_channels,
            "shard": shard,
            "concept_images": [path.name for path in self.concept_images],
        }
