"""Frozen records of the shortcut tests: what was measured, against what, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

TestName = Literal[
    "patch transfer",
    "anomaly",
    "spectrum transfer",
    "property shift",
    "stamp",
    "component",
    "spectrum recurrence",
    "property",
    "masks",
]
Kind = Literal["causal", "consistency", "masks"]

KINDS: Mapping[TestName, Kind] = {
    "patch transfer": "causal",
    "anomaly": "causal",
    "spectrum transfer": "causal",
    "property shift": "causal",
    "stamp": "consistency",
    "component": "consistency",
    "spectrum recurrence": "consistency",
    "property": "consistency",
    "masks": "masks",
}
"""What each test shows: that the cue moves the output, or that it recurs."""


@dataclass(frozen=True)
class NullSummary:
    """The distribution of a statistic when there is nothing to find."""

    observed: float
    """The statistic that was compared with it."""
    n: int
    """Draws."""
    mean: float
    sd: float
    high: float
    """95th percentile."""


@dataclass(frozen=True)
class Region:
    """The part of one image that a finding is about."""

    image: int
    """Index among the images that were given."""
    mask: Bool[Tensor, "height width"]

    @property
    def box_px(self) -> tuple[int, int, int, int]:
        """(top, left, bottom, right), the last two exclusive."""
        rows = torch.nonzero(self.mask.any(1)).flatten().tolist()
        columns = torch.nonzero(self.mask.any(0)).flatten().tolist()
        return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1

    @property
    def area_frac(self) -> float:
        """Share of the image."""
        return float(self.mask.double().mean())


@dataclass(frozen=True)
class Evidence:
    """What one test says of one class. Larger effects are worse; both bounds must be met."""

    test: TestName
    class_index: int
    effect: float
    effect_name: str
    """What the effect is, in words, for example ``fooling rate above the base rate``."""
    threshold: float
    p_value: float | None
    """One-sided, corrected for what the test itself tried; None where the test has no null."""
    null: NullSummary | None
    images: tuple[int, ...]
    """Images that show it, the clearest first."""
    regions: tuple[Region, ...] = ()
    """In the order of :attr:`images` where the test has regions, otherwise empty."""
    smallest_p: float | None = None
    """Least p-value that the test could have given with its draws; None without a null."""
    subject: str | None = None
    """What the test picked among several, for example the name of the property."""
    details: Mapping[str, float] = field(default_factory=dict)
    """Further figures by name; all finite."""

    @property
    def kind(self) -> Kind:
        """Causal, consistency or masks."""
        return KINDS[self.test]


@dataclass(frozen=True)
class NotTested:
    """A test that was not made for one class, and why."""

    test: TestName
    class_index: int
    reason: str


def summary(observed: float, null: Float[Tensor, " draw"]) -> NullSummary:
    """Summarise a null distribution.

    Args:
        observed: the statistic.
        null: its draws, at least two.
    """
    values = null.double()
    return NullSummary(
        observed=observed,
        n=len(values),
        mean=float(values.mean()),
        sd=float(values.std()),
        high=float(values.quantile(0.95)),
    )
