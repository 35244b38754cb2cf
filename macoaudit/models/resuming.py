"""Running the rest of a network from changed activations of a layer."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import LayerError
from macoaudit.models.activations import Logits, checked_logits, require_classes
from macoaudit.models.grids import Grid, grid_of
from macoaudit.models.layers import resolve_layer
from macoaudit.models.loaded import LoadedModel

OneImage = Float[Tensor, "1 channel height width"]
Grids = Float[Tensor, "batch feature rows columns"]


def _put_back(output: Tensor, grids: Grids, layout: Grid, n_prefix: int) -> Tensor:
    """Lay grids out as the layer does; tokens in front of the patches stay the image's own."""
    if output.ndim == 3:
        prefix = output[:, :n_prefix].expand(len(grids), -1, -1)
        return torch.cat([prefix, grids.flatten(2).mT], 1)
    return grids.movedim(1, -1).contiguous() if layout.channels_last else grids.clone()


def resumed_logits(model: LoadedModel, layer: str) -> Callable[[OneImage, Grids], Logits]:
    """Make the function from one image and grids in place of its activations to logits.

    The network runs on the image once, up to the layer; its output is replaced by a whole batch of
    grids, and the rest runs on that batch. What by-passes the layer (class tokens, outer skip
    connections) is the image's own.

    Args:
        model: the network.
        layer: a layer whose output is a grid over the image; see :func:`grid_function`.

    Returns:
        A differentiable function of an image in 0..1, shape (1, channel, height, width), and grids,
        shape (batch, feature, rows, columns), to logits, shape (batch, classes).

    Raises:
        LayerError: when the layer cannot be used, is no grid, or the network cannot go on from it
            with another batch.
        ModelError: when the network has no classes.
    """
    require_classes(model)
    resolved = resolve_layer(model, layer)
    layout = grid_of(resolved.shape, model)
    if layout is None or resolved.part is None or resolved.of_input:
        raise LayerError(f"--layer {layer}: its output {resolved.shape} is no grid over the image")
    part = resolved.part
    n_prefix = resolved.n_prefix if resolved.tokens == "tokens" else layout.n_prefix

    def resumed(image_01: OneImage, grids: Grids) -> Logits:
        def replace(_module: object, _inputs: object, output: Tensor) -> Tensor:
            return _put_back(output, grids.to(output.dtype), layout, n_prefix)

        handle = part.register_forward_hook(replace)
        try:
            value = model.module(model.preprocessing.normalise(image_01))
        except RuntimeError as error:
            raise LayerError(
                f"--layer {layer}: {model.name} cannot go on from it with changed activations "
                f"({error}). Name a block (`macoaudit models {model.name}` lists them)"
            ) from error
        finally:
            handle.remove()
        return checked_logits(value, model, len(grids))

    return resumed
