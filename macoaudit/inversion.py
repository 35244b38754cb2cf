"""Feature inversion: images that give a layer the same activation as a reference image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.config import MacoConfig
from macoaudit.errors import UsageError
from macoaudit.models import LoadedModel, activation_function, activations_and_logits, frozen
from macoaudit.optimize import Activation, Optimized, Step, optimize
from macoaudit.parametrization import build_fourier, build_parametrization
from macoaudit.search import (
    autocast,
    generators,
    on_value_range,
    step_scale,
)
from macoaudit.search import stream_seed as stream_seed
from macoaudit.search import whole_view as whole_view
from macoaudit.spectrum import Spectrum
from macoaudit.targets import InversionObjective, checked_goal, cosine, without_direction

Images = Float[Tensor, "image channel height width"]


@dataclass(frozen=True)
class Inverted:
    """Inversions of a batch, one row a member (image-major: every seed of the first image first).

    Everything is on the CPU.
    """

    image_01: Float[Tensor, "member channel height width"]
    """The inverted images as they are written: rounded to 8 bits."""
    transparency: Float[Tensor, "member height width"]
    similarity: Float[Tensor, " member"]
    """Cosine between the activations of the whole inverted image and of the reference."""
    start_similarity: Float[Tensor, " member"]
    """The same for the random-phase image of the start."""
    logits: Float[Tensor, "member num_classes"]
    reference_logits: Float[Tensor, "image num_classes"]
    n_steps: tuple[int, ...]
    converged: tuple[bool, ...]
    failures: tuple[str | None, ...]


def invert(
    model: LoadedModel,
    reference_01: Images,
    *,
    keys: Sequence[str],
    spectrum: Spectrum,
    config: MacoConfig,
    seeds: Sequence[int] = (0,),
    layer: str = "penultimate",
    precision: str = "fp32",
    parametrization: str = "maco",
    targets: Float[Tensor, "target ..."] | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Inverted:
    """Invert the activations of reference images: ``x* = argmax cos(f(x), f(reference))``.

    The search runs over images with a natural magnitude spectrum (MACO). Each image is inverted
    once per seed; a member's random streams depend on its image's key and its seed alone. The
    model is left as it was found.

    Args:
        model: the audited network.
        reference_01: reference images as the model sees them, values in [0, 1].
        keys: a name for each image that its random streams are drawn from, such as its digest.
        spectrum: magnitude to keep.
        config: settings of the optimisation.
        seeds: one inversion is made per seed.
        layer: ``penultimate`` or a layer name of the model.
        precision: ``fp32`` or ``bf16`` (the network's forward and backward pass only).
        parametrization: ``maco``, or ``fourier`` for a free spectrum (the baseline); the settings
            of the phase then have no effect.
        targets: activations to reach in place of the references' own, one an image; None for the
            references'. Similarities are still to the references.
        on_step: called after every step.

    Raises:
        UsageError: when the number of keys, channels or targets does not fit, or precision or
            parametrization is unknown.
        LayerError: when the layer cannot be used.
    """
    if len(keys) != len(reference_01):
        raise UsageError(f"keys: {len(keys)} came for {len(reference_01)} images; give one each")
    if precision not in ("fp32", "bf16"):
        raise UsageError(f"precision is {precision!r}; use 'fp32' or 'bf16'")
    if parametrization not in ("maco", "fourier"):
        raise UsageError(f"parametrization is {parametrization!r}; use 'maco' or 'fourier'")
    channels = spectrum.magnitude.shape[0]
    if reference_01.shape[1] != channels:
        raise UsageError(
            f"spectrum: it has {channels} channels, the model's images {reference_01.shape[1]}; "
            "measure one with 'macoaudit spectrum'"
        )
    members = [(key, seed) for key in keys for seed in seeds]
    device = torch.device(model.device)
    view_size = model.preprocessing.input_size
    side = config.canvas_px
    canvas = view_size if side is None else (side, side)
    with frozen(model.module), torch.no_grad():
        read = _reader(model, layer)
        reference, reference_logits = read(reference_01.to(device))
        reference = reference.float().flatten(1)
        given = None if targets is None else checked_goal(targets, reference)
        reference = reference.repeat_interleave(len(seeds), 0)
        goal = reference if given is None else given.repeat_interleave(len(seeds), 0)
        problems = without_direction(goal)
        build = build_parametrization if parametrization == "maco" else build_fourier
        images = build(spectrum, config, canvas, generators(members, "phase", "cpu"), device)
        start = whole_view(images.decode().image_01, view_size)
        start_similarity = cosine(read(start)[0].float().flatten(1), reference)
        result = optimize(
            _activation(model, layer, config),
            images,
            InversionObjective(goal, config.objective),
            config=config,
            view_size=view_size,
            crop_generators=generators(members, "crops", "cpu"),
            noise_generators=generators(members, "noise", str(device)),
            step_scale=step_scale(config, parametrization, canvas, device),
            autocast=autocast(device, precision),
            on_step=on_step,
        )
        image_01 = (result.image_01 * 255).round() / 255
        activations, logits = read(whole_view(image_01, view_size))
        similarity = cosine(activations.float().flatten(1), reference)
    return _collect(
        result, image_01, similarity, start_similarity, logits, reference_logits, problems
    )


def _reader(
    model: LoadedModel, layer: str
) -> Callable[[Tensor], tuple[Float[Tensor, "batch ..."], Float[Tensor, "batch classes"]]]:
    """Activations and logits; no columns of logits for a model without classes."""
    if model.num_classes:
        return activations_and_logits(model, layer)
    read = activation_function(model, layer)
    return lambda image_01: (read(image_01), image_01.new_zeros(len(image_01), 0))


def _activation(model: LoadedModel, layer: str, config: MacoConfig) -> Activation:
    """The network up to the layer, on the canvas' values or on the peers' value range."""
    return on_value_range(activation_function(model, layer), model, config)


def _collect(
    result: Optimized,
    image_01: Tensor,
    similarity: Tensor,
    start_similarity: Tensor,
    logits: Tensor,
    reference_logits: Tensor,
    problems: Sequence[str | None],
) -> Inverted:
    seeds = len(logits) // len(reference_logits)
    numbers = torch.column_stack(
        [similarity, start_similarity, logits, reference_logits.repeat_interleave(seeds, 0)]
    )
    finite = torch.isfinite(numbers).all(1).tolist()
    failures = tuple(
        problem
        or reason
        or (None if fine else "the network's output is not finite; try --precision fp32")
        for problem, reason, fine in zip(problems, result.failures, finite, strict=True)
    )
    return Inverted(
        image_01=image_01.cpu(),
        transparency=result.transparency.cpu(),
        similarity=similarity.cpu(),
        start_similarity=start_similarity.cpu(),
        logits=logits.float().cpu(),
        reference_logits=reference_logits.float().cpu(),
        n_steps=tuple(result.n_steps.tolist()),
        converged=tuple(result.converged.tolist()),
        failures=failures,
    )


def joined(parts: Sequence[Inverted]) -> Inverted:
    """Put inversions of one image, made with different seeds, into one record.

    Args:
        parts: at least one; each of the same single image.
    """
    first = parts[0]
    tensors = {
        name: torch.cat([getattr(part, name) for part in parts])
        for name in ("image_01", "transparency", "similarity", "start_similarity", "logits")
    }
    return Inverted(
        **tensors,
        reference_logits=first.reference_logits,
        n_steps=tuple(steps for part in parts for steps in part.n_steps),
        converged=tuple(converged for part in parts for converged in part.converged),
        failures=tuple(failure for part in parts for failure in part.failures),
    )
