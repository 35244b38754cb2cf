"""Settings of the steerable lens, checked when they are made."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.pyramid import HighPass

LensMethod = Literal["csp_phase", "csp_joint", "fourier_phase", "pixel"]
LensMode = Literal["frozen", "persistent", "live"]
LensObjective = Literal["nll", "margin", "logit"]
LensChannels = Literal["luma", "rgb"]
LensControl = Literal["pixel", "random"]
ObjectiveFunction = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Logits ``[batch, class]``, target and source ``[batch]`` to one score each; more is better."""

PIXEL_UNIT_FRAC = 0.01
"""An amplification of 1 moves a pixel by at most this share of the value range."""


@dataclass(frozen=True)
class LensConfig:
    """How an image is moved towards a class.

    Raises:
        UsageError: when a setting is out of range.
    """

    method: LensMethod = "csp_phase"
    """What is moved: local phases, those and amplitudes, phases of the whole spectrum, pixels."""
    mode: LensMode = "frozen"
    """One gradient extrapolated (the paper's), refreshed around the source, or followed freely."""
    objective: LensObjective | ObjectiveFunction = "nll"
    """``log p(target)``, ``z_target - z_source``, ``z_target``, or a function of your own."""
    amplifications: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    """Frozen mode: the largest change of a phase in radians, before saturation; of a pixel in
    hundredths of the value range."""
    phase_cap: float | None = math.pi / 2
    """A phase changes by ``cap tanh(t u / cap)``; None extrapolates linearly, as the paper does. A
    quarter of a wavelength is the farthest a phase can carry structure without smearing it."""
    log_gain_cap: float = 0.7
    """``csp_joint``: the largest change of a log-amplitude."""
    steps: int = 12
    """Live and persistent modes: gradients taken."""
    step_gain: float = 2.0
    step_cap: float = 0.5
    """A step changes a phase by ``step_cap tanh(step_gain u / step_cap)`` radians; a pixel by as
    many hundredths of the value range."""
    scales: int | None = None
    orientations: int = 4
    highpass: HighPass = "residual"
    channels: LensChannels = "luma"
    """``luma`` changes brightness and keeps colour differences; ``rgb`` each channel by itself."""
    bands: Literal["all"] | tuple[tuple[int, int], ...] = "all"
    """Pairs of scale (0 is the finest) and orientation that may move."""
    smoothing: float = 0.0
    """Standard deviation, in ``2^scale`` px, of an amplitude-weighted blur of the direction."""
    pad: int = 16
    """Reflected border in px, cut off again: keeps one side's structure from the other side."""
    budgets: tuple[float, ...] = ()
    """Frozen mode: distances ``||x_t - x||_2`` to attain exactly, after the amplifications."""
    controls: tuple[LensControl, ...] = ("pixel", "random")
    """Edits of the same distance to compare with: the pixels' own gradient, a random direction."""
    refine_flips: bool = True
    """Frozen mode: find the distance at which the class flips between two frames."""
    warp: bool = False
    """Fit a smooth warp to every edit and give the share of its energy that the warp explains."""
    seed: int = 0
    batch_size: int = 16
    value_range: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        for name, allowed in (
            ("method", LensMethod),
            ("mode", LensMode),
            ("channels", LensChannels),
            ("highpass", HighPass),
        ):
            _one_of(name, getattr(self, name), get_args(allowed))
        if not callable(self.objective):
            _one_of("objective", self.objective, get_args(LensObjective))
        for control in self.controls:
            _one_of("controls", control, get_args(LensControl))
        self._check_amounts()
        self._check_counts()

    def _check_amounts(self) -> None:
        amounts = self.amplifications
        if not amounts or list(amounts) != sorted(set(amounts)) or amounts[0] < 0:
            _refuse("amplifications", amounts, "numbers from 0 on, each larger than the last")
        if not all(math.isfinite(one) for one in amounts):
            _refuse("amplifications", amounts, "finite numbers")
        for name in ("log_gain_cap", "step_gain", "step_cap"):
            _positive(name, getattr(self, name))
        if self.phase_cap is not None:
            _positive("phase_cap", self.phase_cap)
        if self.budgets and self.mode != "frozen":
            _refuse("budgets", self.budgets, f"none in {self.mode} mode; they need mode frozen")
        for budget in self.budgets:
            _positive("budgets", budget)
        if not 0 <= self.smoothing < math.inf:
            _refuse("smoothing", self.smoothing, "0 or more")
        low, high = self.value_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            _refuse("value_range", self.value_range, "two finite numbers, the lower one first")

    def _check_counts(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 1), ("pad", 0), ("orientations", 2)):
            value = getattr(self, name)
            if value < least:
                _refuse(name, value, f"{least} or more")
        if self.scales is not None and self.scales < 1:
            _refuse("scales", self.scales, "1 or more")
        if self.bands != "all" and not self.bands:
            _refuse("bands", self.bands, '"all" or pairs of scale and orientation')


def _refuse(name: str, value: object, wanted: str) -> None:
    raise UsageError(f"{name}: is {value!r}; give {wanted}")


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        _refuse(name, value, f"one of {', '.join(allowed)}")


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        _refuse(name, value, "a finite number above 0")
