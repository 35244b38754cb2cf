"""Frozen records of morphs: an image moved towards another class, and what every network says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from macoaudit.results.measures import Skipped

MorphStatus = Literal["ok", "skipped", "failed"]
MorphEdit = Literal["lens", "pixel", "random"]
MorphFlag = Literal[
    "zero_gradient", "no_phase_content", "no_flip", "budget_not_attained", "wrapped", "clipped"
]
MORPH_EDITS: tuple[MorphEdit, ...] = ("lens", "pixel", "random")


@dataclass(frozen=True)
class MorphClass:
    """A class by number and name."""

    index: int
    name: str


@dataclass(frozen=True)
class FrameAnswers:
    """What one network says of every frame of an edit."""

    network: str
    target_prob: tuple[float, ...]
    source_prob: tuple[float, ...]
    top1: tuple[int, ...]
    """Numbers of the first classes; their names are in :attr:`Morph.names`."""


@dataclass(frozen=True)
class MorphTrack:
    """One edit of one image, frame by frame: the lens's own, or a control at its distances."""

    edit: MorphEdit
    amount: tuple[float, ...]
    """Frozen mode: the amplification; else the number of steps."""
    raw_alpha: tuple[float, ...]
    """Factor on the unscaled slopes; 0 where there is none."""
    objective: tuple[float, ...]
    l2: tuple[float, ...]
    """Distance ``||x' - x||_2`` from the source, values in 0..1."""
    linf: tuple[float, ...]
    clip_fraction: tuple[float, ...]
    wrap_fraction: tuple[float, ...]
    hf_share: tuple[float, ...]
    """Share of the change's energy above half Nyquist."""
    tv_ratio: tuple[float | None, ...]
    """Total variation over the source's; None where the source has none."""
    warp_energy: tuple[float, ...] | None
    """Share of the change's energy that a smooth warp explains; None where none was fitted."""
    attained: tuple[bool, ...]
    """Whether the distance that was asked for was reached."""
    driver: FrameAnswers
    judges: tuple[FrameAnswers, ...]
    flip_index: int | None
    """First frame whose first class is the target; None: no frame's is."""
    flip_l2: float | None
    """Distance at which the class flips, in frozen mode finer than the frames; None: never."""
    files: Mapping[str, str] = field(default_factory=dict)
    """``difference`` (of :attr:`Morph.key_frame`), and each shown frame under its number."""


@dataclass(frozen=True)
class Morph:
    """One image moved towards one class."""

    image: str
    """Identifier of the image in the run."""
    source: MorphClass
    target: MorphClass
    status: MorphStatus
    reason: str | None
    """Why there is no morph; None when ok."""
    target_prob: float | None
    """The audited network's probability of the target for the image itself; None: not asked."""
    tracks: tuple[MorphTrack, ...] = ()
    """The lens first, then its controls."""
    shown: tuple[int, ...] = ()
    """Frames of the strips besides the source itself, in the order of their amounts."""
    key_frame: int | None = None
    """The frame that differences are drawn of: the lens's first flip, else its last frame."""
    difference_scale: float | None = None
    """Change of brightness, values in 0..1, that is drawn in full colour, up or down."""
    sensitivity: tuple[tuple[float, ...], ...] | None = None
    """Sum of the squared slopes at the source by scale and orientation; None for pixels."""
    sensitivity_share: tuple[tuple[float, ...], ...] | None = None
    """The same as shares of their sum; None without a gradient, too."""
    wavelengths_px: tuple[float | None, ...] = ()
    """Of each scale, the finest first; None where a method has no scales."""
    flags: tuple[MorphFlag, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """Name of every class that a frame's first class is, by its number."""
    skipped: tuple[Skipped, ...] = ()
    """Checks that were not made on this morph."""
    files: Mapping[str, str] = field(default_factory=dict)
    """``source``, ``map`` (where the slopes lie) and ``animation`` (the lens's frames, there and
    back)."""
