"""The smallest pattern that turns other images into a class: optimised for many classes at once.

After Wang et al. (S&P 2019, Neural Cleanse): a mask and a pattern, cross-entropy plus a weight
times the mask's size, the weight raised while the class is reached and lowered while it is not.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Donors = Float[Tensor, "job donor channel height width"]
Masks = Float[Tensor, "job 1 height width"]
Patterns = Float[Tensor, "job channel height width"]
Logits = Callable[[Float[Tensor, "batch channel height width"]], Float[Tensor, "batch classes"]]

# Middle of the masks at the start: enough to reach a class, far from both ends of the sigmoid.
_START = 0.2
_START_SPREAD = 0.5
# Ends of the sigmoid: beyond them a mask that was pressed to nothing would need long to come back.
_REACH = 7.0
# The weight of the size: at the start, and its factor for a step with and without success. Falling
# is faster: a class that was lost should be reached again before the steps end.
_WEIGHT = 0.1
_RAISE, _LOWER = 1.1, 0.85
_WEIGHT_RANGE = (1e-4, 1e4)
# Share of the donors of a step that the loss is over.
_EASIER = 0.75
# The optimisation aims a little higher than what counts, as it sees few donors at a time.
_MARGIN = 0.5


@dataclass(frozen=True)
class TriggerSteps:
    """How long and how carefully a pattern is looked for."""

    n_steps: int = 300
    learning_rate: float = 0.2
    donors_per_step: int = 4
    check_every: int = 10
    """Steps between looks at the held-out donors."""
    goal: float = 0.9
    """Median probability of the class on the held-out donors."""
    cell_frac: float = 1 / 24
    """Side of the even squares that masks and patterns are made of, over the shorter side of the
    image: single pixels would find what only an attack can use."""


@dataclass(frozen=True)
class Trigger:
    """The smallest pattern that was found for one class."""

    area_frac: float
    """Sum of the mask as a share of the image; 1 where the class was never reached."""
    reached: bool
    mask: Float[Tensor, "height width"]
    """0..1; all ones where the class was never reached."""
    finite: bool
    """False when a gradient or a probability was not a number, so that nothing can be said."""


def stamp_pattern(image_01: Donors, mask: Masks, pattern: Patterns) -> Donors:
    """Blend a pattern into images: ``(1 - m) x + m p``.

    Args:
        image_01: donors of each job.
        mask: 0..1, one a job.
        pattern: 0..1, one a job.
    """
    return image_01 + mask[:, None] * (pattern[:, None] - image_01)


def start_values(
    channels: int, size: tuple[int, int], generator: torch.Generator
) -> tuple[Float[Tensor, "1 height width"], Float[Tensor, "channel height width"]]:
    """Draw where one job begins: logits of a mask of about a fifth, and of a pattern of noise."""
    mask = math.log(_START / (1 - _START)) + _START_SPREAD * torch.randn(
        1, *size, generator=generator
    )
    return mask, torch.randn(channels, *size, generator=generator)


class TriggerSearch:
    """Patterns of several classes, each with its own donors, start and random source.

    Jobs do not touch each other: they share forward passes, no number.

    Args:
        logits: of the network, differentiable; the caller keeps it frozen.
        device: of the network.
        indices: the class of each job.
        train: donors that the gradient sees.
        held_out: donors that decide.
        streams: on the CPU, one a job.
        steps: settings.
    """

    def __init__(
        self,
        logits: Logits,
        device: torch.device,
        indices: list[int],
        train: Donors,
        held_out: Float[Tensor, "job held channel height width"],
        streams: list[torch.Generator],
        steps: TriggerSteps,
    ) -> None:
        self._logits, self._steps, self._streams = logits, steps, streams
        self._train, self._held_out = train.to(device), held_out.to(device)
        self._classes = torch.tensor(indices, device=device)
        channels, height, width = train.shape[2:]
        self._size = (height, width)
        cell = max(1, round(steps.cell_frac * min(height, width)))
        cells = (math.ceil(height / cell), math.ceil(width / cell))
        starts = [start_values(channels, cells, one) for one in streams]
        self._mask, self._pattern = (
            torch.stack(one).to(device).requires_grad_() for one in zip(*starts, strict=True)
        )
        self._best = torch.ones(len(indices), 1, height, width, device=device)
        self._area = torch.ones(len(indices), device=device)
        self._reached = torch.zeros(len(indices), dtype=torch.bool, device=device)
        self._finite = torch.ones(len(indices), dtype=torch.bool, device=device)

    def run(self) -> list[Trigger]:
        """Optimise, and return the smallest pattern of each job that the held-out donors accept."""
        steps = self._steps
        # Gradients of a small share of an image are tiny; Adam's eps must not swallow them.
        adam = torch.optim.Adam([self._mask, self._pattern], lr=steps.learning_rate, eps=1e-15)
        weight = torch.full_like(self._area, _WEIGHT)
        wanted = math.log(steps.goal / (1 - steps.goal)) + _MARGIN
        for step in range(steps.n_steps):
            mask, pattern = self._values()
            odds = self._odds(self._batch(), mask, pattern)
            # The cross-entropy -log p_c, by the log-odds. The median counts, so that the hardest
            # donors must not pull the mask towards themselves.
            kept = odds.topk(math.ceil(_EASIER * odds.shape[1]), dim=1).values
            loss = torch.nn.functional.softplus(-kept).mean(1)
            size = mask.flatten(1).mean(1)
            adam.zero_grad()
            torch.autograd.backward([(loss + weight * size / _START).sum()])
            self._finite &= self._usable(odds)
            adam.step()
            with torch.no_grad():
                self._mask.clamp_(-_REACH, _REACH)
                self._pattern.clamp_(-_REACH, _REACH)
            raised = odds.detach().quantile(0.5, dim=1) >= wanted
            weight = torch.where(raised, weight * _RAISE, weight * _LOWER).clamp(*_WEIGHT_RANGE)
            if (step + 1) % steps.check_every == 0 or step + 1 == steps.n_steps:
                self._check()
        return [
            Trigger(
                area_frac=float(self._area[job]),
                reached=bool(self._reached[job]),
                mask=self._best[job, 0].cpu(),
                finite=bool(self._finite[job]),
            )
            for job in range(len(self._area))
        ]

    def _batch(self) -> Donors:
        """A few donors of each job, drawn from its own stream."""
        count = self._train.shape[1]
        picked = [
            torch.randperm(count, generator=one)[: self._steps.donors_per_step]
            for one in self._streams
        ]
        rows = torch.stack(picked).to(self._train.device)
        return self._train[torch.arange(len(rows), device=rows.device)[:, None], rows]

    def _values(self) -> tuple[Masks, Patterns]:
        """Masks and patterns at the size of the images."""
        mask, pattern = (
            torch.nn.functional.interpolate(one.sigmoid(), self._size, mode="nearest")
            for one in (self._mask, self._pattern)
        )
        return mask, pattern

    def _odds(self, donors: Donors, mask: Masks, pattern: Patterns) -> Float[Tensor, "job donor"]:
        """Log-odds of each job's class on its stamped donors."""
        stamped = stamp_pattern(donors, mask, pattern)
        flat = self._logits(stamped.flatten(0, 1))
        logits = flat.view(*stamped.shape[:2], flat.shape[1])
        own = torch.nn.functional.one_hot(self._classes, logits.shape[-1]).bool()[:, None]
        rest = logits.masked_fill(own, -torch.inf).logsumexp(-1)
        at = self._classes[:, None, None].expand(-1, logits.shape[1], 1)
        odds: Tensor = logits.gather(2, at)[..., 0] - rest
        return odds

    def _usable(self, odds: Tensor) -> Bool[Tensor, " job"]:
        """Whether numbers and gradients are finite; those that are not stop moving their job."""
        usable = torch.isfinite(odds).all(1)
        for one in (self._mask, self._pattern):
            if one.grad is not None:
                usable &= torch.isfinite(one.grad).flatten(1).all(1)
                one.grad.nan_to_num_(0.0, 0.0, 0.0)
        return usable

    @torch.no_grad()
    def _check(self) -> None:
        mask, pattern = self._values()
        odds = self._odds(self._held_out, mask, pattern)
        self._finite &= torch.isfinite(odds).all(1)
        area = mask.flatten(1).mean(1)
        good = odds.sigmoid().quantile(0.5, dim=1) >= self._steps.goal
        better = good & (area < self._area)
        self._reached |= good
        self._area = torch.where(better, area, self._area)
        self._best = torch.where(better[:, None, None, None], mask, self._best)
