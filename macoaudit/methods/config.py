"""Settings of a comparison of drawing methods, and the records of what is compared."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from macoaudit.config import require, require_judges
from macoaudit.errors import UsageError
from macoaudit.results import Method

METHODS: tuple[Method, ...] = ("maco", "fourier", "pixel")
RESERVED = (*METHODS, "natural")
"""Names that pictures of another program cannot have."""


@dataclass(frozen=True)
class Given:
    """Pictures that another program drew, one PNG a class, named by the class's index."""

    folder: Path
    """``207.png``, or ``207-0.png``, ``207-1.png`` for several seeds; ``seconds.json`` beside."""
    name: str


@dataclass(frozen=True)
class MethodsConfig:
    """Settings of one comparison: one network, its classes, three methods and their measures."""

    model: str
    out: Path
    natural: tuple[Path, ...]
    """Natural images: folders, whose class subfolders are labels."""
    logits: tuple[str, ...] = ()
    """Classes as ``--logits`` takes them; empty for ``n_classes`` spread evenly."""
    n_classes: int = 40
    judges: tuple[str, ...] = ()
    """As in :class:`macoaudit.config.InvertConfig`."""
    given: tuple[Given, ...] = ()
    n_seeds: int = 1
    seed: int = 0
    steps: int | None = None
    """None: the default settings' own."""
    spectrum: Path | None = None
    weights: str | None = None
    device: str = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"
    batch_size: int = 8
    n_natural: int = 500
    """Natural images that are used at most, spread evenly over those there are."""
    n_resamples: int = 1000
    inception: Path | None = None
    """Weights of torch-fidelity's Inception-v3; None looks in torch's cache. Never downloaded."""
    resume: bool = True
    allow_pickle: bool = False
    offline: bool = False

    def __post_init__(self) -> None:
        require(self.n_classes >= 2, "--classes", self.n_classes, "use at least 2")
        require(self.n_seeds >= 1, "--seeds", self.n_seeds, "use at least 1")
        require(self.seed >= 0, "--seed", self.seed, "use 0 or more")
        require(self.batch_size >= 1, "--batch-size", self.batch_size, "use at least 1")
        require(self.n_resamples >= 2, "--resamples", self.n_resamples, "use at least 2")
        require(self.n_natural >= 4, "--max-natural", self.n_natural, "use at least 4")
        require_judges(self.judges)
        if not self.natural:
            raise UsageError(
                "no natural images came to compare with; name a folder with --reference DIR"
            )
        names = [given.name for given in self.given]
        for name in names:
            if name in RESERVED or names.count(name) > 1 or not name.strip():
                raise UsageError(
                    f"--baseline-images: the name {name!r} is taken or empty; give another"
                )

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of each class's pictures."""
        return tuple(range(self.seed, self.seed + self.n_seeds))

    def settings(self) -> dict[str, Any]:
        """Every setting that changes numbers, as plain data."""
        return {
            "weights": self.weights,
            "seeds": list(self.seeds),
            "steps": self.steps,
            "precision": self.precision,
            "batch_size": self.batch_size,
            "max_natural": self.n_natural,
            "resamples": self.n_resamples,
        }


@dataclass(frozen=True)
class PictureFile:
    """One picture of one class."""

    class_index: int
    seed: int
    path: Path
    """Relative to the folder of the comparison where it lies inside, else as given."""


@dataclass(frozen=True)
class Seconds:
    """Time of drawing, a picture."""

    wall_s: float
    cpu_s: float | None
    """Of the process, all its threads; None where it was not measured."""
    n_pictures: int
    """Pictures that were timed."""


@dataclass(frozen=True)
class DrawnSet:
    """The pictures of one method."""

    name: str
    kind: Literal["drawn", "given"]
    files: tuple[PictureFile, ...]
    missing: tuple[str, ...] = ()
    """Classes without a picture, and why."""
    seconds: Seconds | None = None
    settings: dict[str, Any] = field(default_factory=dict)
