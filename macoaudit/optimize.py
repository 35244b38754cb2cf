"""The only optimisation loop: climb the score of random views of a batch of images.

Each step decodes the parameters to images, cuts views, asks the network, takes the gradient with
respect to the image (whose absolute value, divided by the coverage of the views, is the
transparency), pulls it back to the parameters and moves them. Every member of the batch has its own
target, random streams and step of convergence; converged members leave the batch.

Source: Fel et al. 2023 (arXiv 2306.06805), algorithm 1; NAdam: Dozat 2016.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from macoaudit.config import MacoConfig
from macoaudit.errors import OptimizationError
from macoaudit.parametrization import Decoded
from macoaudit.priors import relative_variation_gradient
from macoaudit.targets import Objective
from macoaudit.transforms import AffineMap, draw_moves
from macoaudit.views import ViewMap, draw_boxes, draw_cutouts, is_whole_view, noise_like

Activation = Callable[[Float[Tensor, "view channel height width"]], Tensor]

# A gradient below this everywhere, for this many steps from the start, is a target that does not
# respond to the image at all: reported as dead, not drawn as grey.
DEAD_GRADIENT = 1e-12
_DEAD_STEPS = 3


@runtime_checkable
class Parametrization(Protocol):
    """Free parameters of a batch of images."""

    parameters: Tensor

    def decode(self) -> Decoded:
        """Build the images of the current parameters."""
        ...

    def pull_back(
        self, decoded: Decoded, gradient: Float[Tensor, "batch channel height width"]
    ) -> Tensor:
        """Turn a gradient of the images into one of the parameters."""
        ...

    def select(self, index: Int[Tensor, " kept"]) -> None:
        """Keep only some members."""
        ...


@dataclass(frozen=True)
class Step:
    """What a progress callback is told after each step."""

    step: int
    n_steps: int
    n_active: int
    mean_score: float


@dataclass(frozen=True)
class Optimized:
    """Result of one run of the loop, on the device it ran on, detached."""

    image_01: Float[Tensor, "batch channel height width"]
    transparency: Float[Tensor, "batch height width"]
    """Mean absolute gradient per pixel divided by the views' coverage; not rescaled."""
    scores: Float[Tensor, "batch step"]
    """Mean score over the views of each step; NaN after a member has left."""
    n_steps: Int[Tensor, " batch"]
    converged: Bool[Tensor, " batch"]
    failures: tuple[str | None, ...]
    """Why a member could not be optimised (dead target, non-finite gradient), else None."""


class NAdam:
    """Adam with Nesterov momentum, per element, ascending; state that can drop members.

    With ``mu_t = beta1 (1 - 0.96^(t psi) / 2)``: the step is
    ``lr (mu_{t+1} m / (1 - prod_{t+1} mu) + (1 - mu_t) g / (1 - prod_t mu)) / (sqrt(v) + eps)``
    with bias-corrected ``v``. Equals ``torch.optim.NAdam(maximize=True)`` with the same constants.

    Source: Dozat 2016, "Incorporating Nesterov momentum into Adam".
    """

    def __init__(
        self,
        like: Tensor,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        momentum_decay: float = 4e-3,
    ) -> None:
        self._mean, self._square = torch.zeros_like(like), torch.zeros_like(like)
        self._beta1, self._beta2, self._eps = beta1, beta2, eps
        self._decay = momentum_decay
        self._product, self._count = 1.0, 0

    def direction(self, gradient: Tensor) -> Tensor:
        """Return the step for a learning rate of 1 and update the state."""
        self._count += 1
        mu = self._beta1 * (1 - 0.5 * 0.96 ** (self._count * self._decay))
        mu_next = self._beta1 * (1 - 0.5 * 0.96 ** ((self._count + 1) * self._decay))
        self._product *= mu
        self._mean.lerp_(gradient, 1 - self._beta1)
        self._square.mul_(self._beta2).addcmul_(gradient, gradient, value=1 - self._beta2)
        correction = 1 - self._beta2**self._count
        denominator = self._square.sqrt().mul_(correction**-0.5).add_(self._eps)
        step: Tensor = self._mean * (mu_next / (1 - self._product * mu_next))
        return step.add_(gradient, alpha=(1 - mu) / (1 - self._product)).div_(denominator)

    def select(self, index: Tensor) -> None:
        """Keep only some members."""
        self._mean, self._square = self._mean[index], self._square[index]


class _Members:
    """Bookkeeping of the members that are still in the batch."""

    def __init__(self, batch: int, n_steps: int, device: torch.device) -> None:
        self.index = torch.arange(batch, device=device)
        self.scores = torch.full((batch, n_steps), torch.nan, device=device)
        self.n_steps = torch.zeros(batch, dtype=torch.int64, device=device)
        self.converged = torch.zeros(batch, dtype=torch.bool, device=device)
        self.failures: list[str | None] = [None] * batch
        self.last: Tensor | None = None
        self.saliency: Tensor | None = None
        self.coverage: Tensor | None = None
        self.largest_gradient = torch.zeros(batch, device=device)
        self.responsive = torch.zeros(batch, dtype=torch.bool, device=device)

    def add_gradient(self, gradient: Tensor, coverage: Tensor) -> None:
        """Add a step's absolute canvas gradient and coverage to the running sums."""
        if self.saliency is None or self.coverage is None:
            shape = (len(self.failures), *gradient.shape[-2:])
            self.saliency = gradient.new_zeros(shape)
            self.coverage = gradient.new_zeros(shape)
        strength = gradient.abs().mean(1)
        self.saliency.index_add_(0, self.index, strength)
        self.coverage.index_add_(0, self.index, coverage)
        self.largest_gradient[self.index] = torch.maximum(
            self.largest_gradient[self.index], strength.amax((-2, -1))
        )

    def keep_images(self, images: Tensor, leaving: Tensor) -> None:
        """Store the images of members that leave the batch."""
        if self.last is None:
            self.last = images.new_zeros((len(self.failures), *images.shape[1:]))
        self.last[self.index[leaving]] = images[leaving]


def optimize(
    activation: Activation,
    parametrization: Parametrization,
    objective: Objective,
    *,
    config: MacoConfig,
    view_size: tuple[int, int],
    crop_generators: Sequence[torch.Generator],
    noise_generators: Sequence[torch.Generator],
    step_scale: Tensor | None = None,
    responsive: Bool[Tensor, " batch"] | None = None,
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    on_step: Callable[[Step], None] | None = None,
) -> Optimized:
    """Maximise ``E_view[objective(activation(view(image)))]`` for a batch of independent members.

    Args:
        activation: views with values around [0, 1] (noise may leave it) to activations, one row a
            view; its own parameters must not require gradients.
        parametrization: the batch's images and their free parameters.
        objective: scores (batch, view) from activations (batch, view, feature).
        config: steps, step sizes, views, convergence.
        view_size: height and width of what the network sees.
        crop_generators: one a member, on the CPU.
        noise_generators: one a member, on the parameters' device.
        step_scale: factor on the step of each parameter, or None for 1.
        responsive: members that are known to have a gradient at their start; they are not called
            dead when the first views happen to have none. None: not known of any.
        autocast: context for the network alone (bfloat16); transforms stay in float32.
        on_step: called after every step.

    Returns:
        Images, transparency, score history and each member's fate.

    Raises:
        OptimizationError: when activations do not have one row per view.
    """
    device = parametrization.parameters.device
    plan = _ViewPlan(config, crop_generators, device)
    members = _Members(len(crop_generators), config.n_steps, device)
    if responsive is not None:
        members.responsive = responsive.to(device)
    optimizer = NAdam(parametrization.parameters)
    generators = list(noise_generators)
    for step in range(config.n_steps):
        decoded = parametrization.decode()
        gradient, scores, coverage = _image_gradient(
            activation, objective, decoded.image_01, plan, step, view_size, generators, autocast
        )
        members.add_gradient(gradient, coverage)
        members.scores[members.index, step] = scores
        members.n_steps[members.index] = step + 1
        if config.sparsity > 0:
            prior = relative_variation_gradient(decoded.image_01)
            gradient = torch.sub(gradient, prior, alpha=config.sparsity)
        direction = optimizer.direction(parametrization.pull_back(decoded, gradient))
        if step_scale is not None:
            direction *= step_scale
        rate = config.learning_rate.value(step / config.n_steps)
        parametrization.parameters.add_(direction, alpha=rate)
        if on_step is not None:
            mean_score = float(scores.nanmean())
            on_step(Step(step + 1, config.n_steps, len(members.index), mean_score))
        leaving = _leaving(members, config, step)
        if bool(leaving.any()):
            members.keep_images(parametrization.decode().image_01, leaving)
            kept = (~leaving).nonzero().flatten()
            members.index = members.index[kept]
            plan.select(kept)
            generators = [generators[i] for i in kept.tolist()]
            parametrization.select(kept)
            optimizer.select(kept)
            objective = objective.select(kept)
            if len(kept) == 0:
                break
    else:
        everyone = torch.ones(len(members.index), dtype=torch.bool, device=device)
        members.keep_images(parametrization.decode().image_01, everyone)
    return _finish(members)


class _ViewPlan:
    """The crops and erased squares of a whole run, drawn in advance for every member."""

    def __init__(
        self, config: MacoConfig, generators: Sequence[torch.Generator], device: torch.device
    ) -> None:
        self.config = config
        boxes, cutouts = [], []
        self._moves: Tensor | None = None
        if config.views.affine is not None:
            n_steps, n_views, affine = config.n_steps, config.views.n_crops, config.views.affine
            moves = [draw_moves(affine, n_steps, n_views, generator) for generator in generators]
            self._moves = torch.stack(moves).to(device)
        for generator in generators:
            boxes.append(draw_boxes(config.views, config.n_steps, generator))
            drawn = draw_cutouts(config.views, config.n_steps, generator)
            if drawn is not None:
                cutouts.append(drawn)
        self._boxes = torch.stack(boxes).to(device)
        self._cutouts = torch.stack(cutouts).to(device) if cutouts else None

    def select(self, index: Tensor) -> None:
        """Keep only some members."""
        self._boxes = self._boxes[index]
        if self._moves is not None:
            self._moves = self._moves[index]
        if self._cutouts is not None:
            self._cutouts = self._cutouts[index]

    def view_map(
        self, step: int, canvas: tuple[int, int], view_size: tuple[int, int]
    ) -> ViewMap | AffineMap | None:
        """Maps of one step, or None when every view is the whole canvas as it is."""
        affine = self.config.views.affine
        if affine is not None and self._moves is not None:
            return AffineMap(self._moves[:, step], canvas, view_size, affine)
        boxes = self._boxes[:, step]
        cutouts = None if self._cutouts is None else self._cutouts[:, step]
        if cutouts is not None and bool((cutouts[..., 2] == 0).all()):
            cutouts = None
        if cutouts is None and is_whole_view(boxes, canvas, view_size):
            return None
        return ViewMap(boxes, canvas, view_size, self.config.views, cutouts)


def _image_gradient(
    activation: Activation,
    objective: Objective,
    image_01: Tensor,
    plan: _ViewPlan,
    step: int,
    view_size: tuple[int, int],
    generators: Sequence[torch.Generator],
    autocast: Callable[[], AbstractContextManager[object]],
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradient of the mean score with respect to the image, the scores, and the coverage."""
    config, fraction = plan.config.views, step / plan.config.n_steps
    on_canvas = config.noise_stage == "canvas"
    shape = tuple(image_01.shape[1:])
    noise = noise_like(
        shape if on_canvas else (config.n_crops, shape[0], *view_size),
        config.noise_uniform.value(fraction),
        config.noise_normal.value(fraction),
        generators,
        image_01.device,
    )
    canvas = image_01 if noise is None or not on_canvas else image_01 + noise
    view_map = plan.view_map(step, (shape[-2], shape[-1]), view_size)
    if view_map is None:
        views = canvas[:, None].expand(-1, config.n_crops, -1, -1, -1)
    else:
        views = view_map.apply(canvas)
    if noise is not None and not on_canvas:
        # the views of a map are a new tensor; without one they are the canvas itself
        views = views + noise if view_map is None else views.add_(noise)
    flat = views.flatten(0, 1).detach().requires_grad_()
    with torch.enable_grad():
        with autocast():
            activations = activation(flat)
        if activations.shape[0] != flat.shape[0]:
            raise OptimizationError(
                f"activation: {flat.shape[0]} views gave {activations.shape[0]} rows of "
                "activations; the layer mixes images of a batch, choose another layer"
            )
        rows = activations.float().reshape(len(image_01), config.n_crops, -1)
        scores = objective.scores(rows).mean(1)
        if scores.requires_grad:
            (gradient,) = torch.autograd.grad(scores.sum(), flat, materialize_grads=True)
        else:  # a network that does not look at its input at all
            gradient = torch.zeros_like(flat)
    per_view = gradient.view(len(image_01), config.n_crops, *gradient.shape[1:])
    if view_map is None:
        return per_view.sum(1), scores.detach(), torch.ones_like(image_01[:, 0])
    coverage = view_map.coverage() / config.n_crops
    return view_map.adjoint(per_view), scores.detach(), coverage


def _leaving(members: _Members, config: MacoConfig, step: int) -> Tensor:
    """Which of the members in the batch stop after this step, and why."""
    scores = members.scores[members.index, : step + 1]
    current = scores[:, -1]
    gradients = members.largest_gradient[members.index]
    leaving = ~(torch.isfinite(current) & torch.isfinite(gradients))
    if step < _DEAD_STEPS or bool(leaving.any()):
        dead = (gradients < DEAD_GRADIENT) & (step + 1 == min(_DEAD_STEPS, config.n_steps))
        dead &= ~members.responsive[members.index]
        for slot in leaving.nonzero().flatten().tolist():
            members.failures[int(members.index[slot])] = (
                f"step {step + 1}: the score or its gradient is not finite; "
                "try --precision fp32, or check the weights"
            )
        for slot in dead.nonzero().flatten().tolist():
            members.failures[int(members.index[slot])] = (
                "dead target: the score does not respond to the image (zero gradient)"
            )
        leaving = leaving | dead
    window, first = config.patience, 0
    if config.views.settle_frac > 0:
        first = config.n_steps - round(config.views.settle_frac * config.n_steps)
    if config.tolerance > 0 and step + 1 >= first + 2 * window:
        recent = scores[:, -window:].mean(1)
        before = scores[:, -2 * window : -window].mean(1)
        settled = (recent - before < config.tolerance) & ~leaving
        members.converged[members.index[settled]] = True
        leaving = leaving | settled
    return leaving


def _finish(members: _Members) -> Optimized:
    if members.last is None or members.saliency is None or members.coverage is None:
        raise OptimizationError("optimize: no step was made; use at least one step")
    seen = members.coverage > 0
    transparency = torch.where(seen, members.saliency / members.coverage.clamp_min(1e-12), 0.0)
    return Optimized(
        image_01=members.last.detach(),
        transparency=transparency,
        scores=members.scores,
        n_steps=members.n_steps,
        converged=members.converged,
        failures=tuple(members.failures),
    )
