"""Settings of ``macoaudit concepts``: which class, which images, how many concepts, where."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from macoaudit.config import MacoConfig, ReportFormat, require

CROP_SIDES_FRAC = (0.5, 0.35)
"""Sides of the crops as shares of the image's."""
N_DESIGNS = 256
"""Rows of the Sobol design. Measured on a linear function of ten inputs, 60 scramblings: the
largest index (0.9) has a root mean square error of 0.14 with 32 rows, 0.03 with 128 and 0.004 with
256."""
N_MEASURED = 16
"""Images on which importance is measured, evenly spaced over those of the class."""
LEAST_IMAGES = 2
"""What one image has cannot be told from what its class has."""


@dataclass(frozen=True)
class ConceptsConfig:
    """Settings of one ``macoaudit concepts``."""

    images: tuple[Path, ...]
    class_name: str
    """A class of the network, by name or number."""
    model: str
    out: Path
    weights: str | None = None
    """None: the model's own; ``random``; or a file."""
    layer: str | None = None
    """None: the last block that is a grid of at least five places a side and that is read."""
    n_concepts: int = 10
    crop_sides_frac: tuple[float, ...] = CROP_SIDES_FRAC
    n_designs: int = N_DESIGNS
    """Rows of the Sobol design, a power of two."""
    n_measured: int = N_MEASURED
    max_images: int = 64
    """Of the class; where there are more, evenly spaced ones are taken."""
    device: str = "cpu"
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of the drawing; concepts are found and weighed in fp32."""
    maco: MacoConfig = dataclasses.field(
        # A cosine's tolerance fits no score of a direction: a drawing makes all its steps.
        default_factory=lambda: dataclasses.replace(MacoConfig(), tolerance=0.0)
    )
    spectrum: Path | None = None
    """None: the packaged natural spectrum."""
    n_seeds: int = 1
    """Drawings of each concept."""
    seed: int = 0
    """Of the factorisation and the masks, and the first one of the drawings."""
    batch_size: int = 8
    """Images or drawings at a time. Changes numbers by rounding only."""
    formats: tuple[ReportFormat, ...] = ("html", "pdf")
    resume: bool = True
    allow_pickle: bool = False
    offline: bool = False
    max_bad_frac: float = 0.05
    """As in :class:`macoaudit.config.InvertConfig`."""

    def __post_init__(self) -> None:
        designs, least = self.n_designs, LEAST_IMAGES
        power = designs >= 2 and designs & (designs - 1) == 0
        sides = all(0 < side <= 1 for side in self.crop_sides_frac) and self.crop_sides_frac
        require(self.n_concepts >= 1, "--n-concepts", self.n_concepts, "use at least 1")
        require(bool(sides), "--crop-sides", self.crop_sides_frac, "use shares above 0, at most 1")
        require(power, "--designs", designs, "use a power of two, for example 256")
        require(self.n_measured >= 1, "--measured", self.n_measured, "use at least 1")
        require(self.max_images >= least, "--max-images", self.max_images, f"use at least {least}")
        require(self.n_seeds >= 1, "--seeds", self.n_seeds, "use at least 1")
        require(self.seed >= 0, "--seed", self.seed, "use 0 or more")
        require(self.batch_size >= 1, "--batch-size", self.batch_size, "use at least 1")
        require(
            self.precision in ("fp32", "bf16"), "--precision", self.precision, "use fp32 or bf16"
        )
        require(0 <= self.max_bad_frac <= 1, "--max-bad", self.max_bad_frac, "use 0 to 1")

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of each concept's drawings."""
        return tuple(range(self.seed, self.seed + self.n_seeds))

    def settings(self) -> dict[str, Any]:
        """Every setting that changes numbers, as plain data."""
        return {
            "class": self.class_name,
            "layer": self.layer,
            "weights": self.weights,
            "n_concepts": self.n_concepts,
            "crop_sides_frac": list(self.crop_sides_frac),
            "n_designs": self.n_designs,
            "n_measured": self.n_measured,
            "max_images": self.max_images,
            "precision": self.precision,
            "seeds": list(self.seeds),
            "batch_size": self.batch_size,
            "max_bad_frac": self.max_bad_frac,
            "maco": self.maco.to_json(),
        }
