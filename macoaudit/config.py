"""Frozen, validated settings: everything that changes numbers, one type per field.

The default preset is macoaudit's own, chosen by measurement (``docs/results.md``). The presets
``paper``, ``horama`` and ``xplique`` follow published settings so that numbers can be compared:
Fel et al. 2023 (arXiv 2306.06805), Horama 0.3.0 (commit 060862c) and Xplique 2.0.0 (0c90fa4).
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from macoaudit.errors import UsageError

Preset = Literal["macoaudit", "paper", "horama", "xplique"]
Law = Literal["cosine", "linear"]


def require(condition: bool, name: str, value: object, rule: str) -> None:
    """Refuse a setting.

    Raises:
        UsageError: when the condition does not hold; it names the setting, what came and the rule.
    """
    if not condition:
        raise UsageError(f"{name} is {value!r}; {rule}")


@dataclass(frozen=True)
class Ramp:
    """A setting that moves from ``start`` at the first step to ``end`` at the last.

    ``value(t) = end + (start - end) w(t)`` with ``t = step / n_steps`` in [0, 1) and
    ``w = (1 + cos(pi t)) / 2`` (cosine) or ``w = 1 - t`` (linear).
    """

    start: float
    end: float
    law: Law = "cosine"

    def __post_init__(self) -> None:
        require(self.law in get_args(Law), "ramp law", self.law, "use 'cosine' or 'linear'")
        for name in ("start", "end"):
            value = getattr(self, name)
            require(math.isfinite(value), f"ramp {name}", value, "it must be finite")

    def value(self, fraction: float) -> float:
        """Value at ``fraction`` of the run, 0 to 1."""
        weight = (1 + math.cos(math.pi * fraction)) / 2 if self.law == "cosine" else 1 - fraction
        return self.end + (self.start - self.end) * weight


def constant(value: float) -> Ramp:
    """A ramp that stays where it is."""
    return Ramp(value, value)


@dataclass(frozen=True)
class AffineViews:
    """Views that shift, scale and rotate the canvas on grey: the transforms of Lucid.

    Lucid's defaults on its canvas of 128 px: padding of 12 px, two jitters of 8 and 4 px, scales
    0.9 to 1.1, rotations of -10 to 10 degrees (optvis/transform.py, commit 6dcc927). Lengths are
    fractions of the canvas' side here, so that the canvas may have any size.

    Source: Olah et al. 2017, "Feature Visualization", Distill.
    """

    pad_frac: float = 12 / 128
    """How much of the view, over the canvas' side, lies outside the unmoved canvas."""
    jitter_frac: float = 8 / 128
    """Range of the shift before scaling and rotating, over the canvas' side."""
    fine_jitter_frac: float = 4 / 128
    """Range of the shift after them, over the canvas' side."""
    scale_range: tuple[float, float] = (0.9, 1.1)
    rotation_deg: float = 10.0
    """Rotations are whole degrees from minus to plus this."""
    upright_frac: float = 5 / 26
    """Share of the views that are not rotated at all, besides those that draw 0 degrees."""
    fill: float = 0.5
    """Grey around the canvas, in image_01."""

    def __post_init__(self) -> None:
        for name in ("pad_frac", "jitter_frac", "fine_jitter_frac", "upright_frac", "fill"):
            value = getattr(self, name)
            require(0 <= value <= 1, name, value, "use 0 to 1")
        low, high = self.scale_range
        require(0 < low <= high, "scale_range", self.scale_range, "use 0 < low <= high")
        require(0 <= self.rotation_deg <= 180, "rotation_deg", self.rotation_deg, "use 0 to 180")


@dataclass(frozen=True)
class ViewConfig:
    """Random views of the canvas that the network sees at each step: crops, erasing, noise.

    A crop is a square in units of the canvas' sides. ``side_law='uniform'`` draws its side from
    U(side_low, side_high); ``'normal'`` draws it from N(side_low, side_high) - mean and standard
    deviation - and redraws until it is within ``side_range`` (a truncated law).
    """

    n_crops: int = 1
    side_law: Literal["uniform", "normal"] = "uniform"
    side_low: Ramp = dataclasses.field(default_factory=lambda: constant(0.5))
    side_high: Ramp = dataclasses.field(default_factory=lambda: constant(1.0))
    side_range: tuple[float, float] = (0.05, 1.0)
    center: Literal["inside", "torus", "normal"] = "inside"
    """``inside``: uniform among the places where the crop lies on the canvas. ``torus``: uniform
    on the periodic canvas. ``normal``: centre ~ N(0.5, center_sd) per axis, zeros beyond the
    border."""
    center_sd: float = 0.15
    settle_frac: float = 0.0
    """Share of the run, at its end, in which every view is the whole canvas and nothing is erased:
    what the crops left open is settled on the view that will be judged."""
    cutout: Ramp = dataclasses.field(default_factory=lambda: constant(0.0))
    """Side of the square that is erased from each view, in fractions of the view; its centre is
    uniform over the view. It keeps the evidence from gathering in one place."""
    cutout_fill: float = 0.45
    """Value of the erased square in image_01: about the mean of natural photographs."""
    noise_uniform: Ramp = dataclasses.field(default_factory=lambda: constant(0.0))
    """Half-width of uniform noise, in units of image_01."""
    noise_normal: Ramp = dataclasses.field(default_factory=lambda: constant(0.0))
    """Standard deviation of normal noise, in units of image_01."""
    noise_stage: Literal["canvas", "view"] = "view"
    """Whether noise is added to the canvas before the crop, or to each view after it."""
    affine: AffineViews | None = None
    """Shift, scale and rotate the canvas in place of cropping and erasing; None: crops."""

    def __post_init__(self) -> None:
        require(self.n_crops >= 1, "n_crops", self.n_crops, "use at least 1")
        low, high = self.side_range
        require(0 < low <= high <= 1, "side_range", self.side_range, "use 0 < low <= high <= 1")
        require(0 <= self.settle_frac <= 1, "settle_frac", self.settle_frac, "use 0 to 1")
        require(self.center_sd > 0, "center_sd", self.center_sd, "it must be positive")
        for fraction in (0.0, 1.0):
            first, second = self.side_low.value(fraction), self.side_high.value(fraction)
            if self.side_law == "uniform":
                ok, rule = low <= first <= second <= high, "low <= high within side_range"
            else:
                ok, rule = low <= first <= high and second > 0, "mean within side_range, sd > 0"
            require(ok, "side_low, side_high", (first, second), f"need {rule}")
            for name in ("noise_uniform", "noise_normal"):
                value = getattr(self, name).value(fraction)
                require(value >= 0, name, value, "it must not be negative")
            erased = self.cutout.value(fraction)
            require(0 <= erased < 1, "cutout", erased, "use 0 (none) to below 1")


@dataclass(frozen=True)
class PhaseConfig:
    """How the canvas is built from phases. The defaults are the exact method; others are quirks."""

    init: Literal["uniform", "normal"] = "uniform"
    """``uniform``: U(-pi, pi), as the method says. ``normal``: N(0, 1), as the peers draw it."""
    hermitian: bool = True
    """Tie the phases of self-conjugate columns, so that |rfft2| is the template on every bin."""
    standardize: bool = False
    """Rescale phase and image to mean 0 and standard deviation 1 at every step (the peers)."""
    resample: Literal["frequency", "bilinear"] = "frequency"
    """``frequency``: in frequency coordinates. ``bilinear``: the rfft array as if it were a
    picture, as the peers do."""
    color: Literal["spectrum", "lucid"] = "spectrum"
    """Colour matrix: the spectrum's own, or the one that Lucid and its descendants share."""
    value_range: tuple[float, float] | None = None
    """None: the canvas is an image in [0, 1] and is normalised as the model's data are. A pair:
    the canvas' 0 and 1 are given to the network as these values instead (the peers)."""
    squash_slope: float = 4.0
    """``image_01 = sigmoid(slope (v - 1/2))`` of the linear image ``v``; 4 has unit slope at
    mid-grey. With ``standardize`` the linear image is centred on zero and the slope is 1."""

    def __post_init__(self) -> None:
        require(self.squash_slope > 0, "squash_slope", self.squash_slope, "it must be positive")
        if self.value_range is not None:
            low, high = self.value_range
            require(low < high, "value_range", self.value_range, "use low < high")


# Chosen by measurement: docs/results.md, "The default preset".
DEFAULT_VIEWS = ViewConfig(
    n_crops=1,
    side_low=constant(0.5),
    side_high=constant(1.0),
    noise_uniform=Ramp(0.1, 0.0, "linear"),
    cutout=Ramp(0.4, 0.0, "linear"),
    settle_frac=0.15,
)


@dataclass(frozen=True)
class MacoConfig:
    """Settings of one optimisation, whatever its target."""

    preset: Preset = "macoaudit"
    n_steps: int = 256
    canvas_px: int | None = None
    """Side of the square canvas in pixels; None: the model's own input size."""
    learning_rate: Ramp = dataclasses.field(default_factory=lambda: Ramp(0.5, 0.0, "linear"))
    """Step size in radians of phase (NAdam normalises the gradient)."""
    frequency_power: float = 0.3
    """Step sizes are multiplied by ``max(1, cycles / frequency_knee) ** -frequency_power``."""
    frequency_knee: float = 8.0
    """Cycles per canvas up to which the step size is not reduced."""
    objective: Literal["cosine", "dot_cosine"] = "cosine"
    sparsity: float = 0.0
    """Weight of the prior for sparse gradients (``priors.relative_variation``) against the score.
    It decides what the activation leaves open; 0 is the method as published."""
    views: ViewConfig = dataclasses.field(default_factory=lambda: DEFAULT_VIEWS)
    phase: PhaseConfig = dataclasses.field(default_factory=PhaseConfig)
    tolerance: float = 5e-4
    """A member has converged when its mean score over ``patience`` steps is less than this above
    the mean over the ``patience`` steps before; 0 never stops early. Where a run settles at its
    end (``ViewConfig.settle_frac``) only those steps count: before, the views' chance would decide.
    """
    patience: int = 6

    def __post_init__(self) -> None:
        require(self.preset in get_args(Preset), "preset", self.preset, f"use {get_args(Preset)}")
        require(self.n_steps >= 1, "steps", self.n_steps, "use at least 1")
        if self.canvas_px is not None:
            require(self.canvas_px >= 16, "canvas", self.canvas_px, "use at least 16 px")
        for fraction in (0.0, 1.0):
            value = self.learning_rate.value(fraction)
            require(value >= 0, "learning_rate", value, "it must not be negative")
        require(self.sparsity >= 0, "sparsity", self.sparsity, "it must not be negative")
        require(self.frequency_knee > 0, "frequency_knee", self.frequency_knee, "must be > 0")
        require(self.tolerance >= 0, "tolerance", self.tolerance, "it must not be negative")
        require(self.patience >= 1, "patience", self.patience, "use at least 1")

    def to_json(self) -> dict[str, Any]:
        """All settings as nested plain data."""
        return dataclasses.asdict(self)


def _horama_views() -> ViewConfig:
    # Horama's noise lives in its value range (-2.5, 2.5), five times image_01's.
    return ViewConfig(
        n_crops=6,
        side_low=constant(0.25),
        side_high=constant(0.30),
        center="normal",
        center_sd=0.15,
        noise_normal=constant(0.05 / 5),
        noise_uniform=constant(0.025 / 5),
    )


def _xplique_views() -> ViewConfig:
    # Xplique's range is (-1, 1), twice image_01's.
    return ViewConfig(
        n_crops=32,
        side_law="normal",
        side_low=Ramp(0.50, 0.05, "linear"),
        side_high=constant(0.05),
        center="normal",
        center_sd=0.15,
        noise_normal=constant(0.08 / 2),
        noise_uniform=constant(0.04 / 2),
    )


_PEER_PHASE = PhaseConfig(
    init="normal",
    hermitian=False,
    standardize=True,
    resample="bilinear",
    color="lucid",
    squash_slope=1.0,
)

_PRESETS: Mapping[Preset, MacoConfig] = {
    "macoaudit": MacoConfig(),
    # The paper states neither the crop's centre nor the value range: inside, and image_01.
    "paper": MacoConfig(
        preset="paper",
        n_steps=256,
        canvas_px=512,
        learning_rate=constant(1.0),
        frequency_power=0.0,
        views=ViewConfig(
            side_law="normal",
            side_low=constant(0.25),
            side_high=constant(0.1),
            noise_uniform=constant(0.1),
            noise_stage="canvas",
        ),
        tolerance=0.0,
    ),
    "horama": MacoConfig(
        preset="horama",
        n_steps=1000,
        canvas_px=1280,
        learning_rate=constant(1.0),
        frequency_power=0.0,
        objective="dot_cosine",
        views=_horama_views(),
        phase=dataclasses.replace(_PEER_PHASE, value_range=(-2.5, 2.5)),
        tolerance=0.0,
    ),
    "xplique": MacoConfig(
        preset="xplique",
        n_steps=256,
        canvas_px=512,
        learning_rate=constant(1.0),
        frequency_power=0.0,
        objective="dot_cosine",
        views=_xplique_views(),
        phase=dataclasses.replace(_PEER_PHASE, value_range=(-1.0, 1.0)),
        tolerance=0.0,
    ),
}


def preset(name: str) -> MacoConfig:
    """Settings of a named preset: ``macoaudit`` (default), ``paper``, ``horama``, ``xplique``.

    Raises:
        UsageError: when there is no such preset.
    """
    for key, config in _PRESETS.items():
        if key == name:
            return config
    raise UsageError(f"--compat is {name!r}; use one of {', '.join(_PRESETS)}")


VerdictFormat = Literal["sarif", "junit", "md"]
"""Short formats of an audit's verdict."""
ReportFormat = Literal["html", "pdf"] | VerdictFormat
REPORT_FILES: Mapping[ReportFormat, str] = {
    "html": "report.html",
    "pdf": "report.pdf",
    "sarif": "report.sarif",
    "junit": "report.junit.xml",
    "md": "report.md",
}
"""Name of each format's file in the run folder."""


def require_judges(judges: tuple[str, ...]) -> None:
    """Refuse judges that are named twice, or beside ``none``.

    Raises:
        UsageError: when they are.
    """
    twice = sorted({name for name in judges if judges.count(name) > 1})
    if twice:
        raise UsageError(f"--judge: {', '.join(twice)} came twice; name each judge once")
    if "none" in judges and len(judges) > 1:
        others = ", ".join(name for name in judges if name != "none")
        raise UsageError(f"--judge: 'none' came with {others}; give 'none' alone, or judges")


@dataclass(frozen=True)
class InvertConfig:
    """Settings of one ``macoaudit invert``."""

    images: tuple[Path, ...]
    model: str
    out: Path
    weights: str | None = None
    """None: the model's own; ``random``; or a file."""
    layer: str = "penultimate"
    device: str = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"
    maco: MacoConfig = dataclasses.field(default_factory=MacoConfig)
    spectrum: Path | None = None
    """None: the packaged natural spectrum."""
    n_seeds: int = 3
    seed: int = 0
    """First seed; inversion ``k`` of an image has seed ``seed + k``."""
    batch_size: int = 8
    """Inversions optimised at once. Changes numbers by rounding only."""
    judges: tuple[str, ...] = ()
    """Networks that judge transfer. None named: the default ones (:mod:`macoaudit.judges`);
    ``("none",)``: no judges."""
    references: tuple[Path, ...] = ()
    """Further natural images, files and folders, that inversions are compared with."""
    plausibility_k: int = 3
    """Nearest natural images over which the distance to them is averaged."""
    layers: tuple[str, ...] = ()
    """Further layers at which every image is inverted and measured: the depth profile."""
    depth_profile: bool = False
    """Choose layers over the network's depth, where ``layers`` names none."""
    measures: bool = True
    """Measure what the inversions retain, prove it, and compare them with natural images."""
    trust: bool = True
    """Run the trust panel; needs the measures."""
    formats: tuple[ReportFormat, ...] = ("html", "pdf")
    resume: bool = True
    allow_pickle: bool = False
    offline: bool = False
    max_bad_frac: float = 0.05
    """Share of unreadable or failed images above which the run counts as incomplete; one bad image
    is always tolerated as long as another one is fine."""

    def __post_init__(self) -> None:
        require(self.n_seeds >= 1, "--seeds", self.n_seeds, "use at least 1")
        require(self.seed >= 0, "--seed", self.seed, "use 0 or more")
        require(self.batch_size >= 1, "--batch-size", self.batch_size, "use at least 1")
        require(
            self.precision in ("fp32", "bf16"), "--precision", self.precision, "use fp32 or bf16"
        )
        require_judges(self.judges)
        twice = sorted({name for name in self.layers if self.layers.count(name) > 1})
        require(not twice, "--layers", ",".join(self.layers), "name each layer once")
        if (self.layers or self.depth_profile) and not self.measures:
            raise UsageError("--no-measures came with a depth profile, which is made of measures")
        k = self.plausibility_k
        require(k >= 1, "--neighbours", k, "use at least 1")
        require(0 <= self.max_bad_frac <= 1, "--max-bad", self.max_bad_frac, "use 0 to 1")

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of each image's inversions."""
        return tuple(range(self.seed, self.seed + self.n_seeds))

    def settings(self) -> dict[str, Any]:
        """Every setting that changes numbers, as plain data."""
        return {
            "layer": self.layer,
            "weights": self.weights,
            "precision": self.precision,
            "seeds": list(self.seeds),
            "batch_size": self.batch_size,
            "judges": list(self.judges),
            "references": [path.name or str(path) for path in self.references],
            "plausibility_k": self.plausibility_k,
            "layers": list(self.layers),
            "depth_profile": self.depth_profile,
            "measures": self.measures,
            "trust": self.trust,
            "max_bad_frac": self.max_bad_frac,
            "maco": self.maco.to_json(),
        }
