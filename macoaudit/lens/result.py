"""What the lens gives back: frames with their numbers, on the CPU, in float32."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor

from macoaudit.lens.settings import LensConfig

LensFlag = Literal[
    "zero_gradient",
    "no_phase_content",
    "no_flip",
    "budget_not_attained",
    "wrapped",
    "clipped",
]
CLIPPED_FRAC = 0.05
"""More clipped values than this in any frame are flagged."""
WRAPPED_FRAC = 0.01
"""More wrapped phases than this in any frame are flagged, where there is no cap."""


@dataclass(frozen=True)
class Answers:
    """What one network says of every frame."""

    target_prob: Float[Tensor, "frame batch"]
    source_prob: Float[Tensor, "frame batch"]
    top1: Int[Tensor, "frame batch"]


@dataclass(frozen=True)
class Track:
    """A sequence of edited images; the first frame is the source itself in step modes."""

    frames: Float[Tensor, "frame batch channel height width"]
    amount: Float[Tensor, "frame batch"]
    """Frozen: the amplification; in step modes the number of steps."""
    raw_alpha: Float[Tensor, "frame batch"]
    """Factor on the unscaled slopes: amplification over their largest; 0 without a gradient."""
    objective: Float[Tensor, "frame batch"]
    driver: Answers
    judges: Mapping[str, Answers]
    l2: Float[Tensor, "frame batch"]
    linf: Float[Tensor, "frame batch"]
    clip_fraction: Float[Tensor, "frame batch"]
    wrap_fraction: Float[Tensor, "frame batch"]
    hf_share: Float[Tensor, "frame batch"]
    """Share of the change's energy above half Nyquist."""
    tv_ratio: Float[Tensor, "frame batch"]
    """Total variation over the source's; NaN where the source has none."""
    warp_energy: Float[Tensor, "frame batch"] | None
    """Share of the change's energy that a smooth warp explains; None where none was fitted."""
    attained: Bool[Tensor, "frame batch"]
    """Whether a distance that was asked for was reached; true where none was."""
    flip_index: Int[Tensor, " batch"]
    """First frame whose top class is the target; -1 when there is none."""
    flip_l2: Float[Tensor, " batch"]
    """Distance at which the class flips, finer than the frames where that was asked; NaN: never."""


@dataclass(frozen=True)
class LensResult:
    """One run of the lens over a batch of images."""

    target: Int[Tensor, " batch"]
    source: Int[Tensor, " batch"]
    lens: Track
    controls: Mapping[str, Track]
    """Edits of the same distances, frame by frame."""
    sensitivity: Float[Tensor, "batch scale orientation"] | None
    """Sum of the squared slopes of each band at the source; None for pixels."""
    spatial: Float[Tensor, "batch height width"]
    """Root of the sum of the squared slopes over all bands, at the source."""
    wavelengths_px: tuple[float, ...]
    """Of each scale; NaN where a method has no scales."""
    flags: tuple[tuple[LensFlag, ...], ...]
    """What to know about each image's edit."""
    config: LensConfig
