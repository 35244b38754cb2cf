"""Frozen records of a comparison of drawing methods; what ``methods.json`` holds."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from macoaudit.methods.config import DrawnSet
from macoaudit.methods.resampling import Estimate
from macoaudit.results import Skipped

Who = Literal["audited", "judge", "judges", "inception", "pixels"]
"""Whose features or answers a measure is made of."""
Better = Literal["lower", "higher", "near 0"]
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Versus:
    """Two methods on the classes that both have, paired."""

    first: str
    second: str
    difference: Estimate
    """First minus second."""
    ratio: Estimate | None
    """First over second, for shares; None for other measures. No upper end: the second is 0 in
    too many of the bootstrap samples."""


@dataclass(frozen=True)
class Floor:
    """A distance of sets among natural images: a random part against the rest."""

    mean: float
    lowest: float
    highest: float
    n_splits: int
    n_part: int
    """Images of the part, as many as there are pictures where there are enough natural images."""


@dataclass(frozen=True)
class Measure:
    """One number for every method, with the same number for natural images."""

    key: str
    name: str
    who: Who
    space: str
    """Network and layers."""
    better: Better
    interval: Literal["wilson", "bootstrap percentiles", "bootstrap normal"]
    natural: float | None
    natural_note: str
    """What the natural number is, or why there is none."""
    methods: Mapping[str, Estimate]
    versus: tuple[Versus, ...]
    floor: Floor | None = None
    computed_by: str = "macoaudit"


@dataclass(frozen=True)
class SpectrumCurves:
    """Radial mean power spectra of all sets."""

    frequency: tuple[float, ...]
    """Middle of each ring, cycles a pixel."""
    log10_power: Mapping[str, tuple[float | None, ...]]
    """By set, natural images included; None for a ring without energy."""
    window: str


@dataclass(frozen=True)
class PictureScore:
    """What judges see in one picture."""

    method: str
    class_index: int
    seed: int
    path: str
    ranks: Mapping[str, int]
    """Rank of the picture's class, by network."""


@dataclass(frozen=True)
class Comparison:
    """Methods compared on one network."""

    model: Mapping[str, Any]
    classes: tuple[int, ...]
    class_names: tuple[str, ...]
    methods: tuple[DrawnSet, ...]
    judges: tuple[str, ...]
    natural: Mapping[str, Any]
    """How many images, where their classes come from, which form of plausibility."""
    set_space: str
    """Space of the distances of sets that the main table shows."""
    measures: tuple[Measure, ...]
    spectra: tuple[SpectrumCurves, ...]
    pictures: tuple[PictureScore, ...]
    skipped: tuple[Skipped, ...]
    config: Mapping[str, Any]
    volatile: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON data; paths as text."""
        document: dict[str, Any] = _plain(asdict(self))
        return document


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of a record
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(entry) for entry in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(value)
