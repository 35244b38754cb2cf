"""Selective class component: one direction of the features that only some of a class relies on.

Neuhaus et al. (ICCV 2023) without the person: the penultimate features, weighted by the class's row
of the classifier, are split into principal components. A component is suspicious when it carries
the class on a part of its images and matters little for the rest (selective), and when it raises
the class on images of other classes as well (leak). Blind spots: a cue that most of the class has
is not selective, and one that all of it has is no variation at all. A second kind of true object
is selective, and leaks if other classes show it. So this says that a cue recurs, not that it is
wrong.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.models import LoadedModel
from macoaudit.shortcuts.nulls import rank_p
from macoaudit.shortcuts.principal import (
    contributions,
    high_images,
    leak_test,
    principal_directions,
    selectivity,
)
from macoaudit.shortcuts.reading import (
    Classes,
    HeadReading,
    Images,
    check_input,
    class_generators,
    log_odds,
    read_head,
)
from macoaudit.shortcuts.records import Evidence, NotTested, NullSummary, summary

Sufficiency = Callable[[int, Float[Tensor, " channel"]], float]
"""Of a class and a unit direction of the penultimate features: the largest ``p_c`` that an image
drawn for that direction reaches, 0 to 1."""

# Fewer images would have an AUC by accident.
_LEAST_HIGH = 5


@dataclass(frozen=True)
class ComponentSettings:
    """How components are measured; the defaults are starting values, not calibrated."""

    threshold: float = 1.85
    """Of the effect: every part reaches its own bound below."""
    selectivity: float = 3.0
    leak: float = 0.8
    """AUC; chance is 0.5."""
    sufficiency: float = 0.9
    max_components: int = 64
    """At most a quarter of the class's images are taken as well."""
    min_images: int = 12
    min_others: int = 20
    max_others: int = 2000
    """Images of other classes, drawn by chance."""
    top_frac: float = 0.1
    """Images of the class that are strongest in a component."""
    bottom_frac: float = 0.5
    """Images of the class that are weakest in it."""
    high_frac: float = 0.5
    """Of what the strongest have: others with as much of it are high in the component."""
    lead_frac: float = 0.1
    """The eps of the selectivity, in units of the class's lead over other images."""
    n_draws: int = 1999

    def n_top(self, count: int) -> int:
        """Strongest of so many images."""
        return max(2, math.ceil(self.top_frac * count))

    def n_bottom(self, count: int) -> int:
        """Weakest of so many images."""
        return max(2, math.ceil(self.bottom_frac * count))


@dataclass(frozen=True)
class _Weighted:
    """``w_c * phi`` of the class's and of other images, and what the network says of the others."""

    own: Float[Tensor, "own channel"]
    others: Float[Tensor, "others channel"]
    odds: Float[Tensor, " others"]

    @property
    def level(self) -> Float[Tensor, " channel"]:
        """What other images have: the mean that a component is counted from."""
        return self.others.mean(0)

    @property
    def lead(self) -> float:
        """How much higher the class's logit is on its own images than on others."""
        return float(self.own.sum(1).mean() - self.others.sum(1).mean())


def selective_component(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    *,
    generator: torch.Generator,
    sufficiency: Sufficiency | None = None,
    settings: ComponentSettings = ComponentSettings(),
) -> tuple[Evidence | NotTested, ...]:
    r"""Test every class for a component that only some of its images rely on and that leaks.

    With ``psi_c = w_c * phi`` and its principal components ``v_l`` over the images of the class::

        alpha_l = <1, v_l> <v_l, psi_c - mean psi_c of the other images>
        r = mean alpha_l of the top tenth / (mean alpha_l of the weaker half + eps)
        leak = AUC of the log-odds of c, other images high in alpha_l against the rest of them

    where an image is high with at least half the alpha_l of that top tenth; five are at least.
    The mean is that of the other images: from the class's own, the weaker half would fall below
    zero in every component. The effect is the least of ``(r - 1) / 2``, ``(leak - .5) / .3`` and,
    where it is measured, ``s / .9``, so that 1 is reached when all parts reach their bounds.
    Components that are not selective are not tried for a leak, which takes no part in choosing
    them. The p-value permutes the log-odds over the other images and is corrected for the number of
    components tried. It only says that the leak is no accident: a component is a part of the logit,
    so that some leak is the rule, and the bound of the AUC decides.

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        classes: class index of each image, labels or predictions; those of a class define its
            components.
        generator: on the CPU; each class draws from its own stream.
        sufficiency: draws for the component that is reported, asked only where all other parts
            reach their bounds; None leaves it out of the flag, and the details say so.
        settings: bounds and numbers.

    Returns:
        One result for each class that has images, in the order of the classes.

    Raises:
        UsageError: when the arguments do not fit together, or the sufficiency is no probability.
    """
    check_input(model, image_01, classes)
    streams = class_generators(classes, generator)
    read = read_head(model, image_01)
    if isinstance(read, str):
        return tuple(NotTested("component", index, read) for index in streams)
    return tuple(
        _one_class(read, classes, index, stream, sufficiency, settings)
        for index, stream in streams.items()
    )


def _one_class(
    read: HeadReading,
    classes: Classes,
    index: int,
    generator: torch.Generator,
    sufficiency: Sufficiency | None,
    settings: ComponentSettings,
) -> Evidence | NotTested:
    members = torch.nonzero(classes == index).flatten()
    others = torch.nonzero(classes != index).flatten()
    for n_images, needed, of in (
        (len(members), settings.min_images, "the class"),
        (len(others), settings.min_others, "other classes"),
    ):
        if n_images < needed:
            return NotTested("component", index, f"{n_images} images of {of}, {needed} are needed")
    others = others[torch.randperm(len(others), generator=generator)[: settings.max_others]]
    weight, rows = read.weight[index], read.features
    weighted = _Weighted(
        rows[members] * weight, rows[others] * weight, log_odds(read.logits[others], index)
    )
    if weighted.lead <= 0:
        reason = "its logit is no higher on its own images than on others"
        return NotTested("component", index, reason)
    count = min(settings.max_components, len(members) // 4)
    directions = principal_directions(weighted.own, count)
    if not len(directions):
        return NotTested("component", index, "its images do not differ in what its logit is from")
    found = _measure(weighted, directions, generator, settings)
    asked = None
    if sufficiency is not None and found.effect(settings) >= settings.threshold:
        # Of the features, not of their products with the weights: what can be drawn.
        direction = weight * found.direction * found.direction.sum()
        asked = sufficiency(index, direction / direction.norm())
        if not 0 <= asked <= 1:  # NaN fails this too
            raise UsageError(
                f"sufficiency: it gave {asked} for class {index}; return a probability, 0 to 1"
            )
    return _evidence(found, index, members, asked, settings)


@dataclass(frozen=True)
class _Found:
    """The component that is reported, and among how many."""

    direction: Float[Tensor, " channel"]
    number: int
    """Place among the principal components, from 0."""
    falls: Float[Tensor, " own"]
    selectivity: float
    leak: float
    p_value: float
    null: NullSummary
    n_components: int
    n_tried: int
    n_high: int
    lead: float

    def parts(self, settings: ComponentSettings) -> list[float]:
        return [
            (self.selectivity - 1) / (settings.selectivity - 1),
            (self.leak - 0.5) / (settings.leak - 0.5),
        ]

    def effect(self, settings: ComponentSettings, sufficiency: float | None = None) -> float:
        more = [] if sufficiency is None else [sufficiency / settings.sufficiency]
        return min(self.parts(settings) + more)


def _measure(
    weighted: _Weighted,
    directions: Tensor,
    generator: torch.Generator,
    settings: ComponentSettings,
) -> _Found:
    falls = contributions(weighted.own, directions, weighted.level)
    floor = settings.lead_frac * weighted.lead
    ratios = selectivity(falls, floor, settings.n_top(len(falls)), settings.n_bottom(len(falls)))
    tried = torch.nonzero(ratios >= settings.selectivity).flatten()
    if not len(tried):
        tried = ratios.argmax()[None]
    strongest = falls[:, tried].sort(dim=0, descending=True).values[: settings.n_top(len(falls))]
    raised = contributions(weighted.others, directions[tried], weighted.level)
    high = high_images(raised, settings.high_frac * strongest.mean(0), _LEAST_HIGH)
    leaks, scores, null = leak_test(
        weighted.odds, high, n_draws=settings.n_draws, generator=generator
    )
    candidates = [
        _Found(
            direction=directions[number],
            number=number,
            falls=falls[:, number],
            selectivity=float(ratios[number]),
            leak=float(leaks[place]),
            p_value=rank_p(float(scores[place]), null),
            null=summary(float(scores[place]), null),
            n_components=len(directions),
            n_tried=len(tried),
            n_high=int(high[:, place].sum()),
            lead=weighted.lead,
        )
        for place, number in enumerate(tried.tolist())
    ]
    # the first, which holds more variance, of equal ones
    return max(candidates, key=lambda one: one.effect(settings))


def _evidence(
    found: _Found,
    index: int,
    members: Tensor,
    sufficiency: float | None,
    settings: ComponentSettings,
) -> Evidence:
    order = found.falls.argsort(descending=True, stable=True)[: settings.n_top(len(members))]
    measured = {} if sufficiency is None else {"sufficiency": sufficiency}
    parts = "selectivity and leak" if sufficiency is None else "selectivity, leak and sufficiency"
    return Evidence(
        test="component",
        class_index=index,
        effect=found.effect(settings, sufficiency),
        effect_name=f"least of {parts} of a component, each in units of its bound",
        threshold=settings.threshold,
        p_value=found.p_value,
        null=found.null,
        images=tuple(members[order].tolist()),
        smallest_p=1 / (1 + settings.n_draws),
        details={
            "component": float(found.number),
            "n_components": float(found.n_components),
            "n_tried": float(found.n_tried),
            "selectivity": found.selectivity,
            "leak": found.leak,
            "sufficiency_measured": float(sufficiency is not None),
            **measured,
            "fall_of_the_strongest": float(found.falls[order].mean()),
            "lead": found.lead,
            "n_high": float(found.n_high),
        },
    )
