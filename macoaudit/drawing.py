"""Visualisation: images that drive targets of a network up, from noise or from a given image."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.config import MacoConfig
from macoaudit.errors import UsageError
from macoaudit.models import (
    LoadedModel,
    Reading,
    frozen,
    logits_function,
    read_layouts,
    readings_function,
)
from macoaudit.optimize import Activation, Optimized, Step, optimize
from macoaudit.parametrization import BUILDERS, Canvas
from macoaudit.results import Method, VisualizationStatus
from macoaudit.search import autocast, generators, on_value_range, step_scale, whole_view
from macoaudit.spectrum import Spectrum
from macoaudit.starts import MARGIN, find_starts, other_starts, silent, written
from macoaudit.targets import (
    AccentObjective,
    Objective,
    Slots,
    Target,
    TargetObjective,
    WeightedSum,
    as_sum,
    cosine,
    make_slots,
    typical_size,
)

# Gains smaller than this share of the scores are rounding.
_NO_GAIN = 1e-6


@dataclass(frozen=True)
class Accent:
    """A given image to start from, and how much its activation is held on to."""

    image_01: Float[Tensor, "channel height width"]
    """As the model sees it."""
    kept: Reading
    """What of the image is to be kept."""
    weight: float
    """Of the penalty on leaving it; 0 for none."""
    rate: float
    """Step sizes relative to those of a search that starts from noise."""


@dataclass(frozen=True)
class Visualized:
    """Pictures of a batch, one row a member (target-major: every seed of the first target first).

    Everything is on the CPU.
    """

    image_01: Float[Tensor, "member channel height width"]
    """The pictures as they are written: rounded to 8 bits."""
    transparency: Float[Tensor, "member height width"]
    score: Float[Tensor, " member"]
    """Of the whole picture."""
    start_score: Float[Tensor, " member"]
    """Of the image that the search started from."""
    start_01: Float[Tensor, "member channel view_height view_width"]
    """At the size the network sees, rounded as the pictures are."""
    image_score: Float[Tensor, " member"] | None
    """Of the given image itself; None without one."""
    similarity: Float[Tensor, " member"] | None
    """Cosine between what was to be kept, in the picture and in the given image."""
    logits: Float[Tensor, "member num_classes"]
    n_starts: tuple[int, ...]
    """Random starts that were looked at: more than one where the first left the target silent."""
    n_steps: tuple[int, ...]
    converged: tuple[bool, ...]
    statuses: tuple[VisualizationStatus, ...]
    reasons: tuple[str | None, ...]


def target_key(target: Target | WeightedSum) -> str:
    """Name a target for its random streams: the digest of everything that decides its score."""
    text = json.dumps(as_sum(target).to_json(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def visualize(
    model: LoadedModel,
    targets: Sequence[Target | WeightedSum],
    *,
    spectrum: Spectrum,
    config: MacoConfig,
    seeds: Sequence[int] = (0,),
    method: Method = "maco",
    precision: str = "fp32",
    accent: Accent | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Visualized:
    """Draw what drives targets up: ``x* = argmax E_view[score(f(view of x))]``.

    All targets are drawn in one batch, each once per seed; a member's random streams depend on its
    target and seed alone. Targets of several layers are read in one pass, which computes for every
    member as far as the deepest. The model is left as it was found.

    With ``accent`` the search starts from a given image and is held to its activation
    (:class:`macoaudit.targets.AccentObjective`): what would make it more so? MACO moves the image's
    phases on its own magnitudes.

    Args:
        model: the network.
        targets: what to draw.
        spectrum: magnitude to keep (MACO), or colours alone (the other methods).
        config: settings of the optimisation; see :func:`macoaudit.config.drawing_settings`.
        seeds: one picture is drawn per seed.
        method: ``maco``, ``fourier`` or ``pixel``.
        precision: ``fp32`` or ``bf16`` (the network's forward and backward pass only).
        accent: an image to start from; None for random starts.
        on_step: called after every step.

    Raises:
        UsageError: when a target is not there, or an argument is unknown or does not fit.
        LayerError: when a layer cannot be used.
    """
    _check(model, targets, spectrum, method, precision)
    goals = [as_sum(target) for target in targets]
    members = [(target_key(goal), seed) for goal in goals for seed in seeds]
    wanted = [reading for goal in goals for reading in goal.readings]
    readings = tuple(dict.fromkeys([*wanted, *([accent.kept] if accent else [])]))
    view_size = model.preprocessing.input_size
    side = config.canvas_px
    canvas = view_size if side is None else (side, side)
    device = torch.device(model.device)
    with frozen(model.module), torch.no_grad():
        slots = make_slots(read_layouts(model, readings))
        plain = TargetObjective([goal for goal in goals for _ in seeds], slots)
        raw = TargetObjective([goal.raw for goal in goals for _ in seeds], slots)
        read = readings_function(model, readings)
        images = BUILDERS[method](
            spectrum, config, canvas, generators(members, "phase", "cpu"), device
        )
        given: Tensor | None = None
        objective: Objective = plain
        if accent is None:
            others = other_starts(method, members, spectrum, config, canvas, device)
            responsive, n_starts = find_starts(images, read, raw, view_size, others)
        else:
            given = _take(images, accent.image_01.to(device), canvas, len(members), read)
            objective = _accented(plain, accent, given)
        start_01 = written(whole_view(images.decode().image_01, view_size))
        if accent is not None:  # its start is given, and its penalty would hide a dead target
            responsive, n_starts = ~silent(read, raw, start_01), (1,) * len(members)
        result = optimize(
            on_value_range(read, model, config),
            images,
            objective,
            config=config,
            view_size=view_size,
            crop_generators=generators(members, "crops", "cpu"),
            noise_generators=generators(members, "noise", str(device)),
            step_scale=(accent.rate if accent else 1.0)
            * step_scale(config, method, canvas, device),
            responsive=responsive,
            autocast=autocast(device, precision),
            on_step=on_step,
        )
        return _measured(model, read, plain, result, start_01, accent, given, responsive, n_starts)


def _check(
    model: LoadedModel,
    targets: Sequence[Target | WeightedSum],
    spectrum: Spectrum,
    method: str,
    precision: str,
) -> None:
    if not targets:
        raise UsageError("targets: none came; give at least one")
    if method not in BUILDERS:
        raise UsageError(f"method is {method!r}; use {', '.join(BUILDERS)}")
    if precision not in ("fp32", "bf16"):
        raise UsageError(f"precision is {precision!r}; use 'fp32' or 'bf16'")
    held, channels = spectrum.magnitude.shape[0], model.preprocessing.channels
    if held != channels:
        raise UsageError(
            f"spectrum: it has {held} channels, the model's images {channels}; measure one with "
            "'macoaudit spectrum'"
        )


def _take(
    images: Canvas, image_01: Tensor, canvas: tuple[int, int], count: int, read: Activation
) -> Float[Tensor, " feature"]:
    """Start every member from a given image; returns the image's own readings, flat."""
    flat = read(image_01[None])[0].float()
    if not bool(torch.isfinite(flat).all()):
        raise UsageError(
            "--accentuate: the network's activation of the image is not finite; check the weights"
        )
    resized = whole_view(image_01[None], canvas).clamp(MARGIN, 1 - MARGIN)
    start = resized.expand(count, -1, -1, -1)
    images.take_images(start)
    return flat


def _accented(plain: TargetObjective, accent: Accent, given: Tensor) -> Objective:
    reference = plain.slots.cut(given[None], accent.kept).flatten(1)
    sizes = [typical_size(goal, plain.slots, given) for goal in plain.members]
    return AccentObjective(
        plain,
        torch.tensor(sizes, device=given.device),
        accent.kept,
        reference.expand(len(plain.members), -1),
        accent.weight,
    )


def _measured(
    model: LoadedModel,
    read: Activation,
    plain: TargetObjective,
    result: Optimized,
    start_01: Tensor,
    accent: Accent | None,
    given: Tensor | None,
    responsive: Tensor,
    n_starts: tuple[int, ...],
) -> Visualized:
    """Score the finished pictures as a whole and say what became of each target."""
    view_size = model.preprocessing.input_size
    image_01 = written(result.image_01)
    seen = whole_view(image_01, view_size)
    activations = read(seen).float()
    score = plain.scores(activations[:, None])[:, 0]
    start_score = plain.scores(read(start_01).float()[:, None])[:, 0]
    logits = (
        logits_function(model)(seen).float() if model.num_classes else seen.new_zeros(len(seen), 0)
    )
    image_score = similarity = None
    if accent is not None and given is not None:
        rows = given.expand(len(score), -1)
        image_score = plain.scores(rows[:, None])[:, 0].cpu()
        similarity = _kept_similarity(plain.slots, accent.kept, activations, rows).cpu()
    numbers = torch.column_stack([score, start_score, logits])
    finite = torch.isfinite(numbers).all(1).tolist()
    hidden = [goal.raw != goal for goal in plain.members]
    outcomes = [
        _outcome(failure, _death(accent, hides, answers, tried), fine, before, after)
        for failure, hides, answers, tried, fine, before, after in zip(
            result.failures,
            hidden,
            responsive.tolist(),
            n_starts,
            finite,
            start_score.tolist(),
            score.tolist(),
            strict=True,
        )
    ]
    return Visualized(
        image_01=image_01.cpu(),
        transparency=result.transparency.cpu(),
        score=score.cpu(),
        start_score=start_score.cpu(),
        start_01=start_01.cpu(),
        image_score=image_score,
        similarity=similarity,
        logits=logits.cpu(),
        n_starts=n_starts,
        n_steps=tuple(result.n_steps.tolist()),
        converged=tuple(result.converged.tolist()),
        statuses=tuple(status for status, _ in outcomes),
        reasons=tuple(reason for _, reason in outcomes),
    )


def _kept_similarity(slots: Slots, kept: Reading, first: Tensor, second: Tensor) -> Tensor:
    return cosine(slots.cut(first, kept).flatten(1), slots.cut(second, kept).flatten(1))


def _death(accent: Accent | None, hides: bool, answers: bool, n_starts: int) -> tuple[bool, str]:
    """Whether a target is known to be dead, and what to say if it is.

    ``hides``: the search cannot tell, because other classes move the score.
    """
    if accent is not None:
        return not answers, (
            "dead target: the score does not respond to the given image (zero gradient), so there "
            "is nothing to draw; without --accentuate other starts are tried"
        )
    # Where nothing hides it the search decides: views and noise may wake what the start did not.
    return hides and not answers, (
        "dead target: the score does not respond to the image (zero gradient) at any of "
        f"{n_starts} random starts, so there is nothing to draw"
    )


def _outcome(
    failure: str | None, death: tuple[bool, str], finite: bool, before: float, after: float
) -> tuple[VisualizationStatus, str | None]:
    """Say what became of a target, and why there is no picture where there is none."""
    dead, why = death
    if dead or (failure is not None and failure.startswith("dead")):
        return "dead", why
    if failure is not None or not finite:
        return "failed", failure or "the network's output is not finite; try --precision fp32"
    if after - before <= _NO_GAIN * max(abs(after), abs(before)):
        return "unreachable", (
            f"unreachable target: the score ended at {after:.4g} and had started at {before:.4g}, "
            "so the picture does not show it; try more --steps, another --seed or another --method"
        )
    return "ok", None
