"""Property shift: does moving the property move the network, more than moving others as far?

The images of other classes are given the property of the class; the controls change every other
property, up and down, by the same number of grey levels (root mean square over the pixels).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.shortcuts.nulls import stratified_test
from macoaudit.shortcuts.properties import PROPERTIES, Amount, Shift
from macoaudit.shortcuts.reading import (
    Classes,
    Images,
    check_input,
    class_generators,
    read_logits,
)
from macoaudit.shortcuts.records import Evidence, NotTested

# Halvings of the range of amounts: the last is 1/4096, below a grey level.
_HALVINGS = 12


@dataclass(frozen=True)
class ShiftSettings:
    """How properties are shifted; the defaults are starting values, not calibrated."""

    threshold: float = 0.07
    """Median rise of the class's probability."""
    n_draws: int = 1999
    max_donors: int = 24
    min_donors: int = 4


def solve_amount(rises: Callable[[Amount], Amount], target: Amount, low: float) -> Amount:
    """Find for each image the amount at which a rising number reaches its target, by halving.

    Args:
        rises: number of each image at an amount each.
        target: wanted; where it is out of reach, the end of the range is returned.
        low: lower end of the range; the upper is 1.
    """
    under, over = torch.full_like(target, low), torch.ones_like(target)
    for _ in range(_HALVINGS):
        middle = (under + over) / 2
        short = rises(middle) < target
        under, over = torch.where(short, middle, under), torch.where(short, over, middle)
    return over


def distance(image_01: Images, other_01: Images) -> Amount:
    """Root mean square difference of the pixels."""
    return (image_01 - other_01).square().flatten(1).mean(1).sqrt()


def as_far(image_01: Images, shift: Shift, sign: float, far: Amount) -> Images:
    """Shift each image in one direction until its pixels moved a given distance."""
    amount = solve_amount(lambda size: distance(image_01, shift(image_01, sign * size)), far, 0.0)
    return shift(image_01, sign * amount)


def property_shift(
    model: LoadedModel,
    image_01: Images,
    predictions: Classes,
    screened: Sequence[Evidence | NotTested],
    *,
    generator: torch.Generator,
    settings: ShiftSettings = ShiftSettings(),
) -> tuple[Evidence | NotTested, ...]:
    """Test the property that the screen picked for each class by giving it to other images.

    The effect is the median over the other images of the rise of ``p_c`` when the property is set
    to its mean over the class. The p-value exchanges, image by image, this change and the controls
    (:func:`macoaudit.shortcuts.nulls.stratified_test`).

    Args:
        model: the network; it is left as it was found.
        image_01: three colours, at the network's size, values 0..1.
        predictions: the network's class of each image.
        screened: from :func:`macoaudit.shortcuts.screen.property_screen` on the same images.
        generator: on the CPU; each class draws from its own stream.
        settings: thresholds and numbers.

    Returns:
        One result for each of ``screened``.

    Raises:
        UsageError: when the arguments do not fit together.
    """
    check_input(model, image_01, predictions)
    streams = class_generators(predictions, generator)
    return tuple(
        NotTested("property shift", one.class_index, f"no property was picked: {one.reason}")
        if isinstance(one, NotTested)
        else _one_class(model, image_01, predictions, one, streams[one.class_index], settings)
        for one in screened
    )


def _one_class(
    model: LoadedModel,
    image_01: Images,
    predictions: Classes,
    screened: Evidence,
    generator: torch.Generator,
    settings: ShiftSettings,
) -> Evidence | NotTested:
    index = screened.class_index
    picked = next((one for one in PROPERTIES if one.name == screened.subject), None)
    if picked is None or picked.shift is None:
        reason = f"no change of the pixels moves {screened.subject} alone"
        return NotTested("property shift", index, reason)
    others = torch.nonzero(predictions != index).flatten()
    if len(others) < settings.min_donors:
        reason = f"{len(others)} images of other classes, {settings.min_donors} are needed"
        return NotTested("property shift", index, reason)
    chosen = others[torch.randperm(len(others), generator=generator)[: settings.max_donors]]
    donors, shift, measure = image_01[chosen], picked.shift, picked.measure
    target = measure(image_01[predictions == index]).mean().expand(len(donors)).clone()
    amount = solve_amount(lambda size: measure(shift(donors, size)), target, -1.0)
    moved = shift(donors, amount)
    far = distance(donors, moved)
    controls = [
        as_far(donors, other.shift, sign, far)
        for other in PROPERTIES
        if other.shift is not None and other.name != picked.name
        for sign in (1.0, -1.0)
    ]
    before = read_logits(model, donors).softmax(1)[:, index]
    rises = torch.stack(
        [read_logits(model, one).softmax(1)[:, index] - before for one in (moved, *controls)], 1
    )
    reached = torch.stack([distance(donors, one) for one in controls], 1)
    return _evidence(screened, rises, far, reached, generator, settings)


def _evidence(
    screened: Evidence,
    rises: Float[Tensor, "donor change"],
    far: Float[Tensor, " donor"],
    reached: Float[Tensor, "donor control"],
    generator: torch.Generator,
    settings: ShiftSettings,
) -> Evidence:
    p_value, null = stratified_test(
        rises[:, 0], rises[:, 1:], n_draws=settings.n_draws, generator=generator
    )
    return Evidence(
        test="property shift",
        class_index=screened.class_index,
        effect=float(rises[:, 0].quantile(0.5)),
        effect_name=f"median rise of the probability when {screened.subject} is shifted",
        threshold=settings.threshold,
        p_value=p_value,
        null=null,
        smallest_p=1 / (1 + settings.n_draws),
        images=screened.images,
        subject=screened.subject,
        details={
            "median_control_rise": float(rises[:, 1:].quantile(0.5)),
            "largest_control_rise": float(rises[:, 1:].quantile(0.5, dim=0).amax()),
            "distance": float(far.mean()),
            "control_distance": float(reached.mean()),
            "n_donors": float(len(rises)),
        },
    )
