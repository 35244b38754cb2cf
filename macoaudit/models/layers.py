"""Layers of a network: which there are, and finding one by its name.

``penultimate`` is the vector that the network's own classifier takes. Any other name is one of
``named_modules()``; for token outputs (batch, token, dim) it may end in ``:cls`` (the class
token), ``:mean`` (mean over the patch tokens) or ``:tokens`` (all patch tokens).
"""

import difflib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn

from macoaudit.errors import LayerError
from macoaudit.models.loaded import LoadedModel
from macoaudit.models.taps import checked_activation, observe, pre_logits

PENULTIMATE = "penultimate"
TokenPart = Literal["cls", "mean", "tokens"]

# Two images, so that an output whose first axis is not the batch is told from one whose is.
_N_PROBES = 2


@dataclass(frozen=True)
class LayerInfo:
    """One layer that can be named as a target."""

    name: str
    kind: str
    """Class of the module, for example ``Block``."""
    shape: tuple[int, ...]
    """Of one image's activations, without the batch."""


@dataclass(frozen=True)
class ResolvedLayer:
    """A layer that was found and tried: where to read, and what of it to keep."""

    name: str
    part: nn.Module | None
    """The module to tap; None for the split of a timm network in front of its classifier."""
    of_input: bool
    """Whether the layer is the module's input: the penultimate vector of other networks."""
    tokens: TokenPart | None
    n_prefix: int
    """Class and register tokens in front of the patch tokens at this layer."""
    shape: tuple[int, ...]
    """Of one image's activations, without the batch."""


def grey_probe(model: LoadedModel) -> Tensor:
    """Make the grey images, values 0.5, on which layers are tried."""
    preprocessing = model.preprocessing
    size = (_N_PROBES, preprocessing.channels, *preprocessing.input_size)
    return torch.full(size, 0.5, device=model.device)


def _probe(model: LoadedModel) -> Tensor:
    return model.preprocessing.normalise(grey_probe(model))


def _splits_head(module: nn.Module) -> bool:
    """Whether the network is timm's: features, and a head that can stop before the classifier."""
    head = getattr(module, "forward_head", None)
    return (
        callable(getattr(module, "forward_features", None))
        and callable(head)
        and "pre_logits" in inspect.signature(cast(Callable[..., Any], head)).parameters
    )


def _usable(value: object) -> bool:
    return (
        isinstance(value, Tensor)
        and value.is_floating_point()
        and value.ndim >= 2
        and value.shape[0] == _N_PROBES
    )


def list_layers(model: LoadedModel) -> tuple[LayerInfo, ...]:
    """List the layers that can be targets, in the order in which they run.

    Runs the network once on grey images. Modules that do not run, run more than once, or put out
    something else than a float tensor with the batch first are left out.

    Args:
        model: the network.

    Returns:
        The layers, ``penultimate`` last where the network has one.
    """
    parts = {name: part for name, part in model.module.named_modules() if name}
    calls, _ = observe(model.module, parts, _probe(model))
    layers = [
        LayerInfo(name, call.kind, tuple(call.output.shape[1:]))
        for name, call in calls.items()
        if call.n_calls == 1 and _usable(call.output)
    ]
    try:
        penultimate = resolve_layer(model, PENULTIMATE)
    except LayerError:
        return tuple(layers)
    return (*layers, LayerInfo(PENULTIMATE, "classifier's input", penultimate.shape))


def resolve_layer(model: LoadedModel, layer: str) -> ResolvedLayer:
    """Find a layer by name and try it on grey images.

    Args:
        model: the network.
        layer: ``penultimate``, or a name of ``named_modules()`` with ``:cls``, ``:mean`` or
            ``:tokens`` after it, or nothing.

    Returns:
        The layer with its shape.

    Raises:
        LayerError: when there is no such layer (names the nearest), it does not run exactly once,
            or its output cannot be a target.
    """
    name, _, suffix = layer.partition(":")
    if (suffix and suffix not in get_args(TokenPart)) or layer.endswith(":"):
        raise LayerError(
            f"--layer {layer}: the part {':' + suffix!r} is not one of :cls, :mean, :tokens"
        )
    if name == PENULTIMATE:
        if suffix:
            raise LayerError(f"--layer {layer}: penultimate is one vector; leave :{suffix} out")
        return _penultimate(model)
    parts = dict(model.module.named_modules())
    if not name or name not in parts:
        near = difflib.get_close_matches(name, [PENULTIMATE, *filter(None, parts)], n=4, cutoff=0.4)
        hint = f"Did you mean {', '.join(near)}? " if near else ""
        raise LayerError(
            f"--layer {layer}: {model.name} has no such layer. {hint}`macoaudit models "
            f"{model.name}` lists them"
        )
    calls, _ = observe(model.module, {name: parts[name]}, _probe(model))
    n_calls = calls[name].n_calls if name in calls else 0
    if n_calls != 1:
        raise LayerError(
            f"--layer {layer}: this module runs {n_calls} times in one forward pass; name one that "
            f"runs once (`macoaudit models {model.name}` lists them)"
        )
    output = checked_activation(calls[name].output, layer, _N_PROBES)
    tokens = cast(TokenPart, suffix) if suffix else None
    n_prefix = 0 if tokens is None else _prefix_tokens(model.module, output, layer, tokens)
    kept = select_tokens(output, tokens, n_prefix)
    return ResolvedLayer(layer, parts[name], False, tokens, n_prefix, tuple(kept.shape[1:]))


def _penultimate(model: LoadedModel) -> ResolvedLayer:
    module, image_norm = model.module, _probe(model)
    if _splits_head(module):
        with torch.no_grad():
            value = pre_logits(module, image_norm)[0]
        vector = checked_activation(value, PENULTIMATE, _N_PROBES)
        return ResolvedLayer(PENULTIMATE, None, False, None, 0, tuple(vector.shape[1:]))
    linears: dict[str, nn.Module] = {
        name: part
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear) and model.num_classes == part.out_features
    }
    calls, _ = observe(module, linears, image_norm, of_input=True)
    if not calls:
        raise LayerError(
            f"--layer {PENULTIMATE}: {model.name} has no linear layer that puts out its "
            f"{model.num_classes} classes. Name a layer (`macoaudit models {model.name}` lists "
            "them)"
        )
    name, call = list(calls.items())[-1]
    vector = checked_activation(call.output, PENULTIMATE, _N_PROBES)
    return ResolvedLayer(PENULTIMATE, linears[name], True, None, 0, tuple(vector.shape[1:]))


def _prefix_tokens(module: nn.Module, output: Tensor, layer: str, tokens: TokenPart) -> int:
    """Count the tokens in front of the patch tokens in a layer's output, and check the suffix."""
    if output.ndim != 3:
        raise LayerError(
            f"--layer {layer}: :{tokens} needs an output (batch, token, dim); this one has shape "
            f"{tuple(output.shape)}. Leave :{tokens} out, or name a layer of a transformer"
        )
    n_prefix = int(getattr(module, "num_prefix_tokens", 0))
    n_patches = getattr(getattr(module, "patch_embed", None), "num_patches", None)
    if n_patches is not None and output.shape[1] == n_patches:
        n_prefix = 0  # in front of the place where the class token is put on
    has_class_token = n_prefix > 0 and getattr(module, "cls_token", True) is not None
    if tokens == "cls" and not has_class_token:
        raise LayerError(
            f"--layer {layer}: there is no class token at this layer. Use :mean or :tokens"
        )
    if tokens != "cls" and output.shape[1] <= n_prefix:
        raise LayerError(f"--layer {layer}: there are no patch tokens at this layer. Use :cls")
    return n_prefix


def select_tokens(output: Tensor, tokens: TokenPart | None, n_prefix: int) -> Tensor:
    """Keep the class token, the mean or all of the patch tokens, or everything."""
    match tokens:
        case None:
            return output
        case "cls":
            return output[:, 0]
        case "mean":
            return output[:, n_prefix:].mean(dim=1)
        case "tokens":
            return output[:, n_prefix:]
