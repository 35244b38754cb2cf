"""Neural Cleanse (Wang et al., IEEE S&P 2019): the smallest trigger that leads to each class.

For each class c a mask m and a pattern p, both in 0..1 through a tanh, minimise
``CE(f((1 - m) x + m p), c) + cost |m|_1`` over pictures of other classes. The cost rises while the
trigger works on at least 99 % of them and falls while it does not. The anomaly index is
``(median - |m_c|_1) / (1.4826 MAD)`` over the classes; the authors flag above 2.

As the authors' code has it (bolunwang/backdoor, the GTSRB example): Adam with rate 0.1 and betas
0.5 and 0.9, first cost 0.001, factor 2 up and 2^1.5 down after five steps in a row, the smallest
mask that worked is kept, else the last one. Not as there: all classes at once, `STEPS` small
batches in place of up to 1000 epochs, and so no start at cost 0 (their setting for early detection)
and no early stop. The index is signed, so that classes with large masks rank last.
Eight classes are few for a median absolute deviation; the paper has 10 to 2622.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from benchmarks.shortcuts.baselines.result import (
    BaselineResult,
    Classes,
    Images,
    Values,
    check_pictures,
)
from macoaudit.models import LoadedModel, frozen, logits_function

STEPS = 80
PER_CLASS = 8
"""Pictures that each class's trigger is tried on in one step."""
RATE, BETAS = 0.1, (0.5, 0.9)
SUCCESS = 0.99
FIRST_COST, FACTOR, PATIENCE = 1e-3, 2.0, 5
LIMIT = 2.0
REGION_FROM = 0.5
"""Of a mask's own maximum."""

Masks = Float[Tensor, "classes height width"]
Planes = Float[Tensor, "classes planes height width"]
"""A mask and the channels of a pattern."""
Donors = Float[Tensor, "classes donors channel height width"]
Logits = Float[Tensor, "shown classes"]


@dataclass
class _Costs:
    """The weight of each class's mask, raised and lowered by its successes in a row."""

    value: Float[Tensor, " classes"]
    up: Float[Tensor, " classes"]
    down: Float[Tensor, " classes"]

    def update(self, works: Bool[Tensor, " classes"]) -> None:
        """Count one step, and change the costs whose count is full."""
        self.up = torch.where(works, self.up + 1, 0.0)
        self.down = torch.where(works, 0.0, self.down + 1)
        rise, fall = self.up >= PATIENCE, self.down >= PATIENCE
        self.value = torch.where(rise, self.value * FACTOR, self.value)
        self.value = torch.where(fall, self.value / FACTOR**1.5, self.value)
        self.up, self.down = self.up.masked_fill(rise, 0.0), self.down.masked_fill(fall, 0.0)


def _donors(
    image_01: Images, classes: Classes, n_classes: int, generator: torch.Generator
) -> Donors:
    """Draw pictures of other classes for every class."""
    drawn = []
    for c in range(n_classes):
        others = torch.nonzero(classes != c)[:, 0]
        pick = torch.randperm(len(others), generator=generator)[:PER_CLASS]
        drawn.append(image_01[others[pick]])
    return torch.stack(drawn)


def _unit(raw: Tensor) -> Tensor:
    """From all numbers to 0..1."""
    return raw.tanh() / 2 + 0.5


def _tried(
    logits_of: Callable[[Images], Logits], unit: Planes, donors: Donors
) -> tuple[Float[Tensor, " classes"], Bool[Tensor, " classes"]]:
    """Put each class's trigger on its pictures: mean cross entropy, and whether it works."""
    mask, pattern = unit[:, None, :1], unit[:, None, 1:]
    shown = (1 - mask) * donors + mask * pattern
    n, count = shown.shape[:2]
    target = torch.arange(n).repeat_interleave(count)
    logits = logits_of(shown.flatten(0, 1))
    wrong = F.cross_entropy(logits, target, reduction="none").view(n, count).mean(1)
    hits = (logits.argmax(1) == target).view(n, count).float().mean(1)
    return wrong, hits >= SUCCESS


def reverse_triggers(
    model: LoadedModel, image_01: Images, classes: Classes, generator: torch.Generator
) -> Masks:
    """Find a small mask for every class with which a pattern leads to it.

    Args:
        model: the network.
        image_01: (n, 3, height, width), values 0..1.
        classes: (n,).
        generator: source of the first masks and patterns, and of the batches.

    Returns:
        Masks 0..1, (classes, height, width).
    """
    n, (channels, height, width) = model.num_classes, image_01.shape[1:]
    # The authors start at uniformly random masks and patterns.
    start = torch.rand(n, 1 + channels, height, width, generator=generator)
    raw = torch.atanh((start * 2 - 1).clamp(-0.999, 0.999)).requires_grad_(True)
    optimizer = torch.optim.Adam([raw], RATE, betas=BETAS)
    costs = _Costs(torch.full((n,), FIRST_COST), torch.zeros(n), torch.zeros(n))
    best, best_size = torch.empty(n, height, width), torch.full((n,), torch.inf)
    with frozen(model.module):
        logits_of = logits_function(model)
        for _ in range(STEPS):
            unit, donors = _unit(raw), _donors(image_01, classes, n, generator)
            wrong, works = _tried(logits_of, unit, donors)
            size = unit[:, 0].sum((1, 2))
            optimizer.zero_grad(set_to_none=True)
            (wrong + costs.value * size).sum().backward()  # type: ignore[no-untyped-call]
            better = works & (size.detach() < best_size)
            best[better], best_size[better] = unit.detach()[better, 0], size.detach()[better]
            optimizer.step()
            costs.update(works)
    never = best_size.isinf()
    best[never] = _unit(raw.detach())[never, 0]
    return best


def anomaly_index(sizes: Values) -> Values:
    """``(median - size) / (1.4826 MAD)``, (classes,): positive for small masks.

    Where more than half of the sizes are equal the MAD is 0; a thousandth of the median is then
    taken for it.
    """
    median = float(np.median(sizes))
    mad = 1.4826 * float(np.median(np.abs(sizes - median)))
    return np.asarray((median - sizes) / max(mad, 1e-3 * median, 1e-12))


def by_triggers(
    model: LoadedModel, image_01: Images, classes: Classes, generator: torch.Generator
) -> BaselineResult:
    """Score each class by how much smaller its trigger is than those of the others.

    Args:
        model: the network.
        image_01: (n, 3, height, width), values 0..1.
        classes: (n,).
        generator: see :func:`reverse_triggers`.

    Returns:
        The anomaly index of each class, flagged above 2, and for each picture the mask of its
        class where it is at least half of its maximum.

    Raises:
        UsageError: see :func:`check_pictures`.
    """
    check_pictures(model, image_01, classes)
    masks = reverse_triggers(model, image_01, classes, generator)
    scores = anomaly_index(masks.sum((1, 2)).double().numpy())
    region = masks >= REGION_FROM * masks.amax((1, 2), keepdim=True)
    flagged = tuple(np.flatnonzero(scores > LIMIT).tolist())
    return BaselineResult(scores, region[classes].numpy(), flagged)
