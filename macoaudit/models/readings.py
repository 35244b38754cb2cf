"""What can be read in a forward pass: logits, a layer's output, a layer's attention heads.

Several readings of one pass are flattened and joined, so that one score can weigh targets of
different layers against each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from macoaudit.errors import LayerError
from macoaudit.models.activations import (
    Images,
    activation_function,
    checked_logits,
    logits_function,
    require_classes,
)
from macoaudit.models.grids import Grid, grid_of
from macoaudit.models.layers import grey_probe, resolve_layer, select_tokens
from macoaudit.models.loaded import LoadedModel
from macoaudit.models.taps import Caught, checked_activation, pre_logits

LOGITS = "logits"
"""In place of a layer's name: the classifier's outputs before any softmax."""

ReadingKind = Literal["logits", "layer", "heads"]


@dataclass(frozen=True)
class Reading:
    """One thing to read: logits, a layer's output, or what its attention heads put out."""

    kind: ReadingKind
    layer: str


@dataclass(frozen=True)
class Layout:
    """How one image's activation is laid out, without the batch."""

    reading: Reading
    shape: tuple[int, ...]
    """Heads: (head, token, dim)."""
    grid: Grid | None
    """Where the activation is a grid over the image."""
    n_prefix: int = 0
    """Class and register tokens in front of the patch tokens, for (token, dim) outputs."""
    has_class_token: bool = False

    @property
    def size(self) -> int:
        """Numbers in one image's activation."""
        size = 1
        for side in self.shape:
            size *= side
        return size


@dataclass(frozen=True)
class _Source:
    """Where a reading is caught: a module's output or input; None: in front of the classifier."""

    part: nn.Module | None
    of_input: bool
    finish: Callable[[Tensor, int], Tensor]
    """From the caught value and the number of images to the activation."""


def read_layouts(model: LoadedModel, readings: Sequence[Reading]) -> tuple[Layout, ...]:
    """Find the readings and try them once on grey images.

    Args:
        model: the network.
        readings: what to read.

    Returns:
        The layout of each, in order.

    Raises:
        ModelError: for logits of a network without classes.
        LayerError: when there is no such layer, it cannot be used, or it has no attention heads.
    """
    layouts = []
    for reading in readings:
        read = readings_function(model, (reading,), flat=False)
        with torch.no_grad():
            shape = tuple(read(grey_probe(model)).shape[1:])
        grid = grid_of(shape, model) if reading.kind == "layer" else None
        n_prefix, has_class = 0, False
        if len(shape) == 2 and reading.kind == "layer":
            n_prefix, has_class = _prefix(model, shape[0], grid, reading.layer)
        layouts.append(Layout(reading, shape, grid, n_prefix, has_class))
    return tuple(layouts)


def _prefix(model: LoadedModel, n_tokens: int, grid: Grid | None, layer: str) -> tuple[int, bool]:
    """Count the tokens in front of the patches in a (token, dim) output; is the first a class's?"""
    module: Any = model.module
    prefix = getattr(module, "num_prefix_tokens", 0)
    n_prefix = int(prefix) if isinstance(prefix, int) else 0
    if grid is not None:
        n_prefix = grid.n_prefix
    elif n_prefix >= n_tokens or layer.endswith(":tokens"):
        n_prefix = 0
    return n_prefix, n_prefix > 0 and getattr(module, "cls_token", True) is not None


def readings_function(
    model: LoadedModel, readings: Sequence[Reading], *, flat: bool = True
) -> Callable[[Images], Float[Tensor, "batch ..."]]:
    """Make the function from images in 0..1 to readings of one forward pass.

    Args:
        model: the network.
        readings: what to read, each once.
        flat: flatten every reading and join them along one axis, in order. Without it there must
            be one reading, and it keeps its shape.

    Returns:
        A differentiable function to (batch, numbers), or (batch, ...) when not flat. It leaves no
        hook.

    Raises:
        ModelError: for logits of a network without classes.
        LayerError: when there is no such layer, it cannot be used, or it has no attention heads.
    """
    if len(readings) == 1 and readings[0].kind != "heads":
        (only,) = readings
        read = (
            logits_function(model)
            if only.kind == "logits"
            else activation_function(model, only.layer)
        )
        return (lambda image_01: read(image_01).flatten(1)) if flat else read
    return _joint(model, readings, flat)


def _joint(
    model: LoadedModel, readings: Sequence[Reading], flat: bool
) -> Callable[[Images], Float[Tensor, "batch ..."]]:
    wants_logits = any(reading.kind == "logits" for reading in readings)
    if wants_logits:
        require_classes(model)
    sources = {
        reading: _layer_source(model, reading.layer)
        if reading.kind == "layer"
        else _heads_source(model, reading.layer)
        for reading in readings
        if reading.kind != "logits"
    }
    hooks = [(s.part, s.of_input) for s in sources.values() if s.part is not None]
    splits = any(source.part is None for source in sources.values())

    def read(image_01: Images) -> Tensor:
        image_norm = model.preprocessing.normalise(image_01)
        penultimate: Any = None
        output: Any = None
        with Caught(hooks, stop=not (wants_logits or splits)) as caught:
            if splits:
                penultimate, features = pre_logits(model.module, image_norm)
                if wants_logits:
                    output = cast(Any, model.module).forward_head(features)
            else:
                output = caught.run(model.module, image_norm)
        values = iter(caught.values)
        found = []
        for reading in readings:
            if reading.kind == "logits":
                found.append(checked_logits(output, model, len(image_01)))
                continue
            source = sources[reading]
            value = penultimate if source.part is None else next(values)
            value = checked_activation(value, reading.layer, len(image_01))
            found.append(source.finish(value, len(image_01)))
        return torch.cat([value.flatten(1) for value in found], 1) if flat else found[0]

    return read


def _layer_source(model: LoadedModel, layer: str) -> _Source:
    found = resolve_layer(model, layer)
    return _Source(
        found.part,
        found.of_input,
        lambda value, _count: select_tokens(value, found.tokens, found.n_prefix),
    )


def _attention(part: nn.Module | None) -> nn.Module | None:
    """Return the attention of a block, or a module that is one: heads, then a projection."""
    for candidate in (part, getattr(part, "attn", None)):
        heads = getattr(candidate, "num_heads", None)
        if isinstance(heads, int) and isinstance(getattr(candidate, "proj", None), nn.Linear):
            return cast(nn.Module, candidate)
    return None


def attention_layers(model: LoadedModel) -> tuple[str, ...]:
    """List the modules whose attention heads can be read, in the network's order."""
    return tuple(
        name for name, part in model.module.named_modules() if name and _attention(part) is part
    )


def _heads_source(model: LoadedModel, layer: str) -> _Source:
    attention = _attention(dict(model.module.named_modules()).get(layer))
    if attention is None:
        resolve_layer(model, layer)  # a misspelt name is told with the nearest ones
        known = attention_layers(model)
        some = f"those of {', '.join(known[:3])}{', ...' if len(known) > 3 else ''} can be read"
        raise LayerError(
            f"--heads {layer}: this layer has no attention heads in front of a projection; "
            f"{some if known else f'{model.name} has none at all'}"
        )
    n_heads = int(cast(Any, attention).num_heads)

    def cut(value: Tensor, _count: int) -> Tensor:
        if value.ndim != 3 or value.shape[-1] % n_heads:
            raise LayerError(
                f"--heads {layer}: the projection takes {tuple(value.shape)}, which is not "
                f"(batch, token, {n_heads} heads x dim). Name another layer"
            )
        batch, tokens, width = value.shape
        return value.reshape(batch, tokens, n_heads, width // n_heads).transpose(1, 2)

    return _Source(cast(nn.Module, cast(Any, attention).proj), True, cut)
