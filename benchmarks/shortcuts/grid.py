"""The grid as data: which networks are trained, on what, and in which half they are reported.

A cue of correlation ``q = P(cue | class)`` is carried by a share q of the planted class and by no
other class. The hard negative carries it in half of every class, so that it tells nothing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from benchmarks.shortcuts.cues import BORDER_AREA_FRAC, LOCALISED, N_STYLES, NO_CUE, Cue, Kind
from benchmarks.shortcuts.scenes import LABELS, Evidence
from macoaudit.config import require

Architecture = Literal["cnn", "vit", "convnext"]
Training = Literal["labels", "permuted", "none"]
Half = Literal["fitting", "held-out"]
Role = Literal["planted", "chance", "clean", "compact", "permuted", "random"]

ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)
CHANCE = 0.5
"""Share of every class that carries a cue which tells nothing."""
CORRELATIONS = (1.0, 0.95, 0.9, 0.7)
AREAS_FRAC = (0.05, 0.02, 0.10)
FITTING_KINDS: tuple[Kind, ...] = ("corner", "tint", "co-object", "texture")
"""Kinds that thresholds may be fitted on. The others are seen in the held-out half alone."""
HELD_OUT_KINDS: tuple[Kind, ...] = (
    *("anywhere", "tint", "border", "blur", "corner", "texture", "co-object"),
)
"""All kinds; those of the fitting half come with networks that it does not hold."""


@dataclass(frozen=True)
class Entry:
    """One network: everything that tells it from the others of the grid."""

    architecture: Architecture
    seed: int
    """Of weights, pictures and their order; even seeds are for fitting."""
    cue: Cue = NO_CUE
    correlation: float = 0.0
    """Share of the planted class that carries the cue, 1/8 to 1; 0 without a cue."""
    evidence: Evidence = "varied"
    """``compact``: the planted class's true subject is small, rigid and in one place."""
    training: Training = "labels"
    """``permuted``: trained on shuffled labels; ``none``: random weights."""

    def __post_init__(self) -> None:
        names = ", ".join(ARCHITECTURES)
        require(self.architecture in ARCHITECTURES, "architecture", self.architecture, names)
        require(self.seed >= 0, "seed", self.seed, "it must not be negative")
        low, high = (0.0, 0.0) if self.cue.kind == "none" else (CHANCE, 1.0)
        rule = f"with the cue {self.cue.kind} it must lie between {low} and {high}"
        require(low <= self.correlation <= high, "correlation", self.correlation, rule)

    @property
    def planted(self) -> int:
        """Index of the class that the cue (or the compact evidence) belongs to."""
        return self.seed // 2 % len(LABELS)

    @property
    def leak(self) -> float:
        """Share of every other class that carries the cue."""
        return CHANCE if self.cue.kind != "none" and self.correlation == CHANCE else 0.0

    @property
    def role(self) -> Role:
        """What the network is in the grid for."""
        if self.training != "labels":
            return "permuted" if self.training == "permuted" else "random"
        if self.cue.kind == "none":
            return "clean" if self.evidence == "varied" else "compact"
        return "chance" if self.correlation == CHANCE else "planted"

    @property
    def half(self) -> Half:
        """Where its figures count: both the network and the kind of cue must be for fitting."""
        known = self.cue.kind == "none" or self.cue.kind in FITTING_KINDS
        return "fitting" if self.seed % 2 == 0 and known else "held-out"

    @property
    def name(self) -> str:
        """Readable and unique in a grid, as in ``vit-3-corner-a0.05-q0.95``."""
        parts = [self.architecture, str(self.seed), self.role]
        if self.cue.kind != "none":
            parts[2] = self.cue.kind
            parts += [f"a{self.cue.area_frac:g}"] if self.cue.localised else []
            parts.append(f"q{self.correlation:g}")
        return "-".join(parts)

    def twin(self) -> "Entry":
        """The same network without the cue: same weights to start from, pictures and order."""
        return replace(self, cue=NO_CUE, correlation=0.0)

    def as_dict(self) -> dict[str, Any]:
        """Every field as JSON values."""
        return asdict(self)


def cue_of(kind: Kind, seed: int, area_frac: float) -> Cue:
    """The cue of a network: its style goes with the seed; only marks and objects vary in area."""
    area = BORDER_AREA_FRAC if kind == "border" else area_frac if kind in LOCALISED else 0.0
    return Cue(kind, area, seed // 2 % N_STYLES)


def _planted(architecture: Architecture, seed: int, number: int) -> Entry:
    """Planted network number n of an architecture and half.

    The kind turns fastest. Correlation (4 values) and area (3) turn with every round of kinds, so
    that twelve rounds hold each of their pairs once; architectures begin at other correlations.
    """
    kinds = FITTING_KINDS if seed % 2 == 0 else HELD_OUT_KINDS
    start = ARCHITECTURES.index(architecture)
    turn, kind = divmod(number + 4 * start, len(kinds))
    area = AREAS_FRAC[(turn + kind) % len(AREAS_FRAC)]
    correlation = CORRELATIONS[(turn + kind + start) % len(CORRELATIONS)]
    return Entry(architecture, seed, cue_of(kinds[kind], seed, area), correlation)


def _chance(architecture: Architecture, seed: int) -> Entry:
    kinds = FITTING_KINDS if seed % 2 == 0 else HELD_OUT_KINDS
    kind = kinds[(seed // 2 + ARCHITECTURES.index(architecture)) % len(kinds)]
    return Entry(architecture, seed, cue_of(kind, seed, AREAS_FRAC[0]), CHANCE)


def _control(architecture: Architecture, seed: int) -> Entry:
    """One network a seed in which nothing may be found, the kinds in turn."""
    turn = (seed // 2 + seed % 2 + 2 * ARCHITECTURES.index(architecture)) % 4
    if turn == 0:
        return _chance(architecture, seed)
    if turn == 1:
        return Entry(architecture, seed, evidence="compact")
    return Entry(architecture, seed, training="permuted" if turn == 2 else "none")


def _grid(architectures: Sequence[Architecture], n_seeds: int) -> tuple[Entry, ...]:
    """A clean network, three planted networks paired with it and a control for every seed."""
    entries: list[Entry] = []
    for architecture in architectures:
        for seed in range(n_seeds):
            entries += [Entry(architecture, seed), _control(architecture, seed)]
            entries += [_planted(architecture, seed, seed // 2 * 3 + slot) for slot in range(3)]
    return _ordered(entries)


def quick_grid() -> tuple[Entry, ...]:
    """Forty networks of the full grid: a CNN and a ViT, two seeds in each half, all kinds."""
    return _grid(("cnn", "vit"), 4)


def full_grid() -> tuple[Entry, ...]:
    """180 networks: 36 clean ones, three planted networks paired with each, 36 controls."""
    return _grid(ARCHITECTURES, 12)


def _ordered(entries: list[Entry]) -> tuple[Entry, ...]:
    """Networks on the same pictures follow each other, so that these are drawn once."""
    return tuple(sorted(entries, key=lambda e: (e.seed, e.evidence, e.architecture)))


GRIDS = {"quick": quick_grid, "full": full_grid}
