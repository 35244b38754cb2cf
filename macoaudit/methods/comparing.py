"""Estimates for every method and paired comparisons between them, whatever the measure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.methods.distances import Features, Weighted, library_frechet
from macoaudit.methods.records import Measure, Versus
from macoaudit.methods.resampling import (
    Counts,
    Estimate,
    Statistic,
    estimate,
    mean_of,
    median_of,
    wilson,
)

Interval = Literal["wilson", "bootstrap percentiles", "bootstrap normal"]
Units = tuple[int, ...]
"""Classes, each once, in the order of the comparison."""
Builder = Callable[[Units], Statistic]
"""From the classes that take part to the statistic of them."""


@dataclass(frozen=True)
class Group:
    """Pictures of one method by class."""

    name: str
    classes: tuple[int, ...]
    """Of each picture."""

    @property
    def units(self) -> Units:
        """The classes, each once."""
        return tuple(dict.fromkeys(self.classes))

    def rows(self, units: Units) -> Tensor:
        """Places of the pictures of some classes."""
        wanted = set(units)
        places = [i for i, index in enumerate(self.classes) if index in wanted]
        return torch.tensor(places, dtype=torch.int64)

    def unit_of(self, units: Units) -> Tensor:
        """For each of :meth:`rows`, the place of its class among ``units``."""
        place = {index: i for i, index in enumerate(units)}
        found = [place[index] for index in self.classes if index in place]
        return torch.tensor(found, dtype=torch.int64)

    def by_class(self, values: Tensor, units: Units) -> Tensor:
        """Mean of the pictures' values by class, one row a class."""
        rows, unit_of = self.rows(units), self.unit_of(units)
        picked = values.to(torch.float64)[rows]
        sums = torch.zeros(len(units), *picked.shape[1:], dtype=torch.float64)
        counts = torch.bincount(unit_of, minlength=len(units)).to(torch.float64)
        sums.index_add_(0, unit_of, picked)
        return sums / counts.view(-1, *[1] * (picked.ndim - 1))


def of_mean(group: Group, values: Float[Tensor, " picture"]) -> Builder:
    """Mean over classes of a value of each picture."""
    return lambda units: mean_of(group.by_class(values, units))


def of_median(group: Group, values: Float[Tensor, " picture"]) -> Builder:
    """Median over classes of a value of each picture."""
    return lambda units: median_of(group.by_class(values, units))


def of_set(
    group: Group,
    features: Features,
    natural: Features,
    distance: Callable[[Features, Features], Weighted],
) -> Builder:
    """Distance of all pictures of the drawn classes to the natural images, which stay."""

    def build(units: Units) -> Statistic:
        rows, unit_of = group.rows(units), group.unit_of(units)
        weighted = distance(features[rows], natural)

        def statistic(counts: Counts) -> Tensor:
            return weighted(counts[:, unit_of])

        return statistic

    return build


def of_curve(
    group: Group,
    rows: Float[Tensor, "picture band"],
    finish: Callable[[Float[Tensor, "resample band"]], Float[Tensor, " resample"]],
) -> Builder:
    """A number of the mean curve over classes."""

    def build(units: Units) -> Statistic:
        curves = group.by_class(rows, units)

        def statistic(counts: Counts) -> Tensor:
            weights = counts.to(torch.float64)
            return finish(weights @ curves / weights.sum(1, keepdim=True))

        return statistic

    return build


def compare(
    groups: Sequence[Group],
    builders: Mapping[str, Builder],
    n_resamples: int,
    interval: Interval,
    *,
    ratio: bool = False,
) -> tuple[dict[str, Estimate], tuple[Versus, ...]]:
    """Estimate a measure for every method, and compare the first with each of the others.

    Args:
        groups: the methods' pictures.
        builders: by method.
        n_resamples: bootstrap samples.
        interval: of the estimates; differences and ratios always have bootstrap intervals.
        ratio: compare by ratio too.
    """
    normal = interval == "bootstrap normal"
    methods = {}
    for group in groups:
        found = estimate(
            builders[group.name](group.units), len(group.units), n_resamples, normal=normal
        )
        if normal and found.low is not None:
            found = replace(found, low=max(0.0, found.low))  # a distance
        if interval == "wilson" and found.value is not None:
            # Pictures of one class, and judges of one picture, are no independent trials: classes
            # count. A mean over them varies no more than a single answer, so this is never too
            # short.
            low, high = wilson(found.value, found.n)
            found = replace(found, low=low, high=high)
        methods[group.name] = found
    first, *others = groups
    versus = tuple(
        _versus(first, second, builders, n_resamples, normal=normal, ratio=ratio)
        for second in others
        if set(first.units) & set(second.units)
    )
    return methods, versus


def _versus(
    first: Group,
    second: Group,
    builders: Mapping[str, Builder],
    n_resamples: int,
    *,
    normal: bool,
    ratio: bool,
) -> Versus:
    shared = set(second.units)
    units = tuple(index for index in first.units if index in shared)
    one, two = builders[first.name](units), builders[second.name](units)
    return Versus(
        first.name,
        second.name,
        estimate(lambda c: one(c) - two(c), len(units), n_resamples, normal=normal),
        estimate(lambda c: one(c) / two(c), len(units), n_resamples) if ratio else None,
    )


def by_library(
    measure: Measure, last: Sequence[Tensor], natural: Tensor, groups: Sequence[Group]
) -> Measure:
    """Take the Frechet distances themselves from torchmetrics, where it is installed."""
    methods, name = dict(measure.methods), measure.computed_by
    for group, one in zip(groups, last, strict=True):
        found = library_frechet(one, natural)
        if found is None:
            return measure
        value, name = found
        methods[group.name] = replace(methods[group.name], value=value)
    return replace(measure, methods=methods, computed_by=name)
