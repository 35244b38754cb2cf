"""Controls that must fail: untrained weights, a scrambled target, a target that ignores the image.

A method that paints a likeness of the reference whatever it is asked for would pass through all of
them. Each says what the audited network itself makes of the control's pictures.

Source of the idea: Adebayo et al. 2018 (arXiv 1810.03292), model and data randomisation.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.inversion import stream_seed
from macoaudit.models import LoadedModel, activation_function, frozen
from macoaudit.optimize import optimize
from macoaudit.parametrization import build_parametrization
from macoaudit.results import TrustCheck
from macoaudit.targets import InversionObjective, cosine
from macoaudit.trust.setting import (
    ControlSettings,
    TrustInput,
    Verdict,
    control_key,
    first_failure,
    skipped,
    views,
)

# A dead target is reported after its third step; more would only cost time if it is not.
_DEAD_TARGET_STEPS = 8


def random_weights(
    model: LoadedModel, control: LoadedModel | str, data: TrustInput, settings: ControlSettings
) -> TrustCheck:
    """Invert the references in a network of the same architecture with random weights.

    The value is the mean cosine, in the *audited* network, between these pictures and the
    references. If it is as high as that of the real inversions, the architecture and the prior made
    them, not what the network has learnt. The threshold is midway between the similarity of the
    random-phase starts and that of the real inversions; as expected below it.

    Args:
        model: the audited network.
        control: the same architecture with random weights, or why there is none.
        data: images and their real inversions.
        settings: how to invert.

    Returns:
        The check; ``details``: ``trained`` and ``start`` (mean similarity of the real inversions
        and of their starts) and ``control`` (similarity reached in the control network).
    """
    name = "random weights"
    if isinstance(control, str):
        return skipped(name, control)
    if control.preprocessing.input_size != model.preprocessing.input_size:
        return skipped(name, "the control network takes images of another size")
    reason = _not_inverted(data)
    if reason:
        return skipped(name, reason)
    inverted = settings.invert(name, control, data)
    reached, start = float(inverted.similarity.mean()), float(inverted.start_similarity.mean())
    reason = first_failure(inverted, data) or _no_progress(reached, start)
    if reason:
        return skipped(name, reason)
    made = activations(model, settings.layer, views(inverted.image_01, model))
    original = activations(model, settings.layer, data.reference_01)
    return _below_bar(float(cosine(made, original).mean()), data, control=reached).record(name)


def null_objective(model: LoadedModel, data: TrustInput, settings: ControlSettings) -> TrustCheck:
    """Invert the references' activations with their entries in random order.

    The order is drawn per image; spatial activations are permuted as one long vector. Value,
    threshold and outcome are those of :func:`random_weights`.

    Args:
        model: the audited network.
        data: images and their real inversions.
        settings: how to invert.

    Returns:
        The check; ``details``: ``trained`` and ``start`` as above, ``target`` (cosine between the
        permuted and the original activations) and ``control`` (cosine to the permuted ones that
        the pictures reached).
    """
    name = "null objective"
    reason = _not_inverted(data)
    if reason:
        return skipped(name, reason)
    original = activations(model, settings.layer, data.reference_01)
    permuted = torch.stack(
        [_permuted(row, key) for row, key in zip(original, data.keys, strict=True)]
    )
    for row, moved, key in zip(original, permuted, data.keys, strict=True):
        if torch.equal(row, moved):
            return skipped(
                name,
                f"the activation of image {key[:12]} is the same in any order, so there is no "
                "other target",
            )
    target = float(cosine(permuted, original).mean())
    if target >= _bar(data):
        return skipped(
            name,
            f"the activations are so even that in random order they are still like the originals "
            f"(cosine {target:.2f})",
        )
    inverted = settings.invert(name, model, data, targets=permuted)
    reason = first_failure(inverted, data)
    if reason:
        return skipped(name, reason)
    made = activations(model, settings.layer, views(inverted.image_01, model))
    reached = float(cosine(made, permuted).mean())
    value = float(inverted.similarity.mean())
    return _below_bar(value, data, control=reached, target=target).record(name)


def dead_target(model: LoadedModel, data: TrustInput, settings: ControlSettings) -> TrustCheck:
    """Optimise towards an activation that ignores the image: it must be reported, not drawn.

    The network is shown the same grey image whatever the canvas is, so the gradient is zero. The
    value is 1 when the loop named the target dead, else 0; the threshold is 1.

    Args:
        model: the audited network.
        data: its first image is used.
        settings: how to invert; a few steps are made at most.
    """
    name = "dead target"
    device, size = torch.device(model.device), model.preprocessing.input_size
    config = replace(settings.config, n_steps=min(settings.config.n_steps, _DEAD_TARGET_STEPS))
    side = config.canvas_px
    canvas = size if side is None else (side, side)
    original = activations(model, settings.layer, data.reference_01[:1])
    if not bool(original.any()) or not bool(torch.isfinite(original).all()):
        return skipped(name, "the activation of the image is zero or not finite: nothing to match")

    def generators(stream: str, place: str) -> list[torch.Generator]:
        seed = stream_seed(control_key(data.keys[0], name), 0, stream)
        return [torch.Generator(device=place).manual_seed(seed)]

    with frozen(model.module), torch.no_grad():
        read = activation_function(model, settings.layer)
        result = optimize(
            lambda view: read(view * 0 + 0.5),
            build_parametrization(
                settings.spectrum, config, canvas, generators("phase", "cpu"), device
            ),
            InversionObjective(original.to(device), config.objective),
            config=config,
            view_size=size,
            crop_generators=generators("crops", "cpu"),
            noise_generators=generators("noise", str(device)),
            on_step=settings.progress(name),
        )
    reported = "dead target" in (result.failures[0] or "")
    return Verdict(float(reported), 1.0, reported, 1).record(name)


@torch.no_grad()
def activations(
    model: LoadedModel, layer: str, image_01: Float[Tensor, "image channel height width"]
) -> Float[Tensor, "image feature"]:
    """Activations at the audited layer, flattened, on the CPU."""
    with frozen(model.module):
        read = activation_function(model, layer)
        return read(image_01.to(model.device)).float().flatten(1).cpu()


def _permuted(row: Float[Tensor, " feature"], key: str) -> Float[Tensor, " feature"]:
    seed = stream_seed(control_key(key, "null objective"), 0, "permutation")
    order: Tensor = torch.randperm(len(row), generator=torch.Generator().manual_seed(seed))
    return row[order]


def _not_inverted(data: TrustInput) -> str | None:
    trained, start = float(data.similarity.mean()), float(data.start_similarity.mean())
    if trained > start:
        return None
    return (
        f"the real inversions are no nearer to the references (cosine {trained:.2f}) than the "
        f"random images they started from ({start:.2f}); give more --steps"
    )


def _no_progress(reached: float, start: float) -> str | None:
    if reached > start:
        return None
    return (
        f"in the control network the inversions came no nearer to their target (cosine "
        f"{reached:.2f} after {start:.2f}), so they show nothing; give more --steps"
    )


def _bar(data: TrustInput) -> float:
    return (float(data.similarity.mean()) + float(data.start_similarity.mean())) / 2


def _below_bar(value: float, data: TrustInput, **details: float) -> Verdict:
    bar = _bar(data)
    known = {
        "trained": float(data.similarity.mean()),
        "start": float(data.start_similarity.mean()),
    }
    return Verdict(value, bar, value < bar, data.n_images, {**known, **details})
