"""Settings of ``macoaudit audit``: what is inverted, drawn and tested."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from macoaudit.config import InvertConfig, MacoConfig, preset, require
from macoaudit.drawing_config import drawing_settings

ExtentName = Literal["quick", "standard", "thorough"]

MAX_IMAGES = 2000
"""Images are kept in memory at the network's size: 2000 of 224 x 224 px are 1.2 GB."""


@dataclass(frozen=True)
class Extent:
    """How much of an audit is made. Shortcuts are tested on all images whatever the extent."""

    name: ExtentName
    inverted_per_class: int | None
    """Images of a class that are inverted; None: all."""
    inverted: int | None
    """Images that are inverted in all; None: all."""
    n_seeds: int
    """Inversions of an image."""
    inversion_steps: int | None
    """None: the preset's."""
    trust: bool
    """Run the trust panel."""
    classes_drawn: int | None
    """Classes that are drawn, those with the most images first; None: all that have images."""
    drawing_seeds: int
    """Pictures of a class."""
    drawing_steps: int | None
    """None: the preset's."""
    anomaly: bool
    """Search the smallest pattern that turns images into each class, the slowest of the tests."""


# The quick one is made to end within some minutes on two CPU cores: docs/audit.md.
_EXTENTS = {
    "quick": Extent(
        name="quick",
        inverted_per_class=1,
        inverted=12,
        n_seeds=2,
        inversion_steps=96,
        trust=False,
        classes_drawn=12,
        drawing_seeds=1,
        drawing_steps=96,
        anomaly=False,
    ),
    "standard": Extent(
        name="standard",
        inverted_per_class=3,
        inverted=None,
        n_seeds=3,
        inversion_steps=None,
        trust=True,
        classes_drawn=None,
        drawing_seeds=2,
        drawing_steps=None,
        anomaly=False,
    ),
    "thorough": Extent(
        name="thorough",
        inverted_per_class=None,
        inverted=None,
        n_seeds=3,
        inversion_steps=None,
        trust=True,
        classes_drawn=None,
        drawing_seeds=3,
        drawing_steps=None,
        anomaly=True,
    ),
}


EXTENTS: tuple[ExtentName, ...] = get_args(ExtentName)


def extent(name: str) -> Extent:
    """Give the extent of a preset by its name.

    Raises:
        UsageError: when there is no such preset.
    """
    require(name in _EXTENTS, "preset", name, f"use {', '.join(_EXTENTS)}")
    return _EXTENTS[name]


@dataclass(frozen=True)
class Places:
    """Where the inputs of an audit lie in the repository that they are kept in.

    Decides no number: an equal audit outside any repository is equal. It is only known when the
    audit is made, so the record keeps it, among the facts that differ between equal runs, and what
    is rendered later has the same addresses.
    """

    images: str
    """The folder that paths of images are relative to, relative to the repository's root, with
    forward slashes; ``.`` for the root itself."""
    policy: str | None = None
    """The policy file, likewise; None where there is none, or it lies elsewhere."""


@dataclass(frozen=True)
class AuditConfig:
    """Settings of one ``macoaudit audit``."""

    inversion: InvertConfig
    """How images are read and inverted; model, layer, judges, references, folder, formats."""
    extent: Extent = _EXTENTS["quick"]
    drawing: MacoConfig = dataclasses.field(default_factory=lambda: drawing_settings("maco"))
    """How classes are drawn."""
    masks: Path | None = None
    """Folder of object masks that are named as the images are."""
    max_images: int = MAX_IMAGES
    """Images that are read and tested; of more, evenly spaced ones of every folder are."""
    places: Places | None = None
    """None outside any repository."""

    def __post_init__(self) -> None:
        require(self.max_images >= 2, "--max-images", self.max_images, "use at least 2")

    @property
    def drawing_seeds(self) -> tuple[int, ...]:
        """The seeds of each class's pictures."""
        first = self.inversion.seed
        return tuple(range(first, first + self.extent.drawing_seeds))

    def settings(self) -> dict[str, Any]:
        """Every setting that an audit has besides those of its inversions, as plain data."""
        limits = ("inverted_per_class", "inverted", "classes_drawn")
        return {
            "extent": self.extent.name,
            **{name: getattr(self.extent, name) for name in limits},
            "drawing": {**self.drawing.to_json(), "seeds": list(self.drawing_seeds)},
            "masks": None if self.masks is None else self.masks.name,
            "max_images": self.max_images,
        }


def extent_settings(
    chosen: Extent, *, compat: str = "macoaudit", steps: int | None = None
) -> tuple[MacoConfig, MacoConfig]:
    """Settings of the inversions and of the drawings of an extent.

    Args:
        chosen: the extent.
        compat: a preset.
        steps: of both, in place of the extent's; None leaves them.

    Raises:
        UsageError: when there is no such preset, or steps are out of range.
    """
    inversion = preset(compat)
    n_steps = steps if steps is not None else chosen.inversion_steps
    if n_steps is not None:
        inversion = dataclasses.replace(inversion, n_steps=n_steps)
    drawing_steps = steps if steps is not None else chosen.drawing_steps
    return inversion, drawing_settings("maco", compat, steps=drawing_steps)
