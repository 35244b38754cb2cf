"""Frozen records of measurements on inversions: retention, proof by deletion, plausibility, trust.

Every measurement is either its record or a :class:`Skipped` that says why there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

KEPT_FROM = 0.50
"""Retention from which something is called kept; a reading aid, not a calibrated threshold."""
DROPPED_TO = 0.20
"""Retention up to which something is called dropped; a reading aid too."""

TransferMethod = Literal["class", "prototype"]
TrustOutcome = Literal["as expected", "not as expected", "skipped"]


@dataclass(frozen=True)
class Skipped:
    """A check that was not made, and why: "not checked" is a result."""

    check: str
    reason: str


@dataclass(frozen=True)
class Transfer:
    """What a judge network sees in one inversion, beside what it sees in the reference."""

    judge: str
    method: TransferMethod
    """``class``: the judge has the audited network's classes. ``prototype``: it has others, and the
    class folders' mean features in the judge's feature space stand for the classes."""
    seed: int
    top1_agrees: bool
    """The judge's first class for the inversion is the audited class of the reference."""
    top5_agrees: bool
    """That class is among the judge's first five."""
    rank: int
    """Rank of that class for the judge on the inversion, 1 is first."""
    n_classes: int
    """Number of classes that were ranked."""
    probability: float | None
    """The judge's probability of that class on the inversion; None for prototypes."""
    reference_probability: float | None
    """The judge's probability of that class on the reference itself; None for prototypes."""
    reference_rank: int


@dataclass(frozen=True)
class Retained:
    """Retention of one attribute: 0 is no more than the null, 1 is as the reference itself."""

    value: float
    """``(observed - null) / (ceiling - null)``, cut to 0..1, mean over the seeds."""
    low: float | None
    """Lower end of the 95 % bootstrap interval; None with a single seed."""
    high: float | None
    observed: float
    """Mean likeness of the inversions to the reference, in the attribute's own unit."""
    null: float
    """Mean likeness of random-phase images of the same spectrum."""
    ceiling: float
    """Likeness of the reference itself as the method can draw it."""
    p_value: float
    """Share of null draws at least as like the reference as the seeds' mean, the seeds counted
    in: ``(1 + n_as_like) / (1 + n_null)``."""


@dataclass(frozen=True)
class DeletionPoint:
    """Mean effect ``1 - cos(f(x), f(x without the region))`` of deleting one share of the image."""

    area_frac: float
    retained: float
    """Deleting the places with the highest retention."""
    dropped: float
    """Deleting the places with the lowest retention."""
    moved_retained: float
    """Median over moved copies of the retained region."""
    moved_dropped: float
    """Median over moved copies of the dropped region."""


@dataclass(frozen=True)
class Faithfulness:
    """Proof of the map by deletion, against the same map moved, mirrored and turned."""

    value: float
    """Mean over the areas of effect(retained) - effect(dropped)."""
    null_mean: float
    """The same number for the moved maps, on average."""
    null_high: float
    """95th percentile of it."""
    p_value: float
    """``(1 + number of moved maps that reach the value) / (1 + n_moves)``."""
    n_moves: int
    fills: tuple[str, ...]
    mean: DeletionPoint
    """Means over the areas, and medians over the moved copies of theirs; the two statements below
    are made on it, because three deletions are less noisy than one."""
    retained_matters: bool
    """Deleting the retained region moves the activation more than the median moved copy."""
    dropped_does_not: bool
    """Deleting the dropped region moves it less than the median moved copy."""
    curve: tuple[DeletionPoint, ...]

    @property
    def holds(self) -> bool:
        """Whether both statements hold for this image."""
        return self.retained_matters and self.dropped_does_not


@dataclass(frozen=True)
class Retention:
    """What the inversions of one image share with it, and what they do not."""

    space: str
    """Layers whose places are compared for the map, or ``image patches``."""
    baseline: Literal["other images", "random phases"]
    """What is subtracted: likeness to inversions of other images, or to random-phase images where
    there is no other image."""
    n_seeds: int
    n_null: int
    """Random-phase images drawn."""
    n_donors: int
    """Other images whose inversions are the baseline."""
    attributes: Mapping[str, Retained | Skipped]
    """``color``, ``orientation``, ``layout``, ``layout_shifted``, ``bands_1``..., ``prediction``,
    ``top5``."""
    retained_frac: float
    """Share of the map at :data:`KEPT_FROM` or more, and above chance's 95th percentile."""
    dropped_frac: float
    """Share of the map at :data:`DROPPED_TO` or less."""
    values: tuple[tuple[float, ...], ...]
    """The map: rows of places, 0 as in the baseline, 1 as in the reference itself."""
    faithfulness: Faithfulness | Skipped
    map: str
    """Picture of the map over the reference, relative to the run folder."""


@dataclass(frozen=True)
class DepthPoint:
    """The same image inverted at one layer of the depth profile."""

    layer: str
    similarity: float
    """Mean over seeds."""
    attributes: Mapping[str, Retained | Skipped]
    image: str
    """Inversion of the first seed, relative to the run folder."""


@dataclass(frozen=True)
class SeedPlausibility:
    """Distance of one inversion to natural images."""

    seed: int
    distance: float
    percentile: float
    raw_distance: float


@dataclass(frozen=True)
class Plausibility:
    """Deep k-NN distance to natural images, beside the same for natural images themselves."""

    space: str
    """Network and layer whose features are compared."""
    k: int
    n_reference: int
    distance: float
    """Mean over seeds: mean Euclidean distance to the k nearest natural images, features of unit
    length."""
    percentile: float
    """Mean over seeds: share of natural images that are at least as far from their own neighbours,
    0..1; uniform for natural images."""
    raw_distance: float
    """Mean over seeds: distance to the nearest natural image, features as they are (the paper)."""
    reference_distance: float
    """Of the reference image itself."""
    reference_percentile: float
    seeds: tuple[SeedPlausibility, ...]


@dataclass(frozen=True)
class Exemplar:
    """A natural image near an inversion or a reference in the audited layer's space."""

    path: str
    """As given by the user."""
    name: str | None
    """Its class: the label where it has one, else the audited network's first class."""
    similarity: float
    """Cosine between the activations."""
    file: str
    """Its picture, relative to the run folder."""


@dataclass(frozen=True)
class TrustCheck:
    """One control of the whole run: would the method have shown it if it could not be trusted?"""

    name: str
    outcome: TrustOutcome
    reason: str | None
    """Why it was skipped; None otherwise."""
    value: float | None
    """The number that decides; its meaning belongs to the check's name."""
    threshold: float | None
    """What the value is compared with."""
    n_images: int
    details: Mapping[str, float] = field(default_factory=dict)
    """Further numbers, for example one a layer."""
