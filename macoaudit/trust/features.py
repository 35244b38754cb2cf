"""Feature spaces of a network: layers spread over its depth, pooled to one vector an image."""

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import LayerError
from macoaudit.inversion import whole_view
from macoaudit.models import (
    PENULTIMATE,
    LoadedModel,
    activation_function,
    block_layers,
    frozen,
    resolve_layer,
)
from macoaudit.trust.setting import Features


def path_layers(model: LoadedModel, count: int = 6) -> tuple[str, ...]:
    """Choose at most ``count`` layers evenly over the depth, the penultimate one last.

    Among the network's blocks (:func:`macoaudit.models.block_layers`).

    Args:
        model: the network.
        count: at least 2.
    """
    names = [layer.name for layer in block_layers(model)]
    try:
        resolve_layer(model, PENULTIMATE)
        last = [PENULTIMATE]
    except LayerError:
        last = []
    room = count - len(last)
    if len(names) > room:
        picks = torch.linspace(0, len(names) - 1, room).round().long().tolist()
        names = [names[pick] for pick in picks]
    return (*names, *last)


def middle_layer(model: LoadedModel) -> str:
    """The layer in the middle of :func:`path_layers`: a comparison space where there is no judge.

    Args:
        model: the network.
    """
    layers = path_layers(model)
    return layers[(len(layers) - 1) // 2]


def feature_function(model: LoadedModel, layer: str, batch_size: int = 32) -> Features:
    """Make the function from images in [0, 1] to one vector each at a layer, on the CPU.

    Images of another size are resized as a whole. Feature maps and tokens are averaged over places
    (:func:`pooled`).

    Args:
        model: the network; it is left as it was found.
        layer: ``penultimate`` or a layer name of the model.
        batch_size: images in one forward pass.

    Raises:
        LayerError: when the layer cannot be used.
    """
    read = activation_function(model, layer)
    size = model.preprocessing.input_size

    @torch.no_grad()
    def features(
        image_01: Float[Tensor, "image channel height width"],
    ) -> Float[Tensor, "image feature"]:
        with frozen(model.module):
            rows = [
                pooled(read(whole_view(part.to(model.device), size)).float(), size).cpu()
                for part in torch.split(image_01, batch_size)
            ]
        return torch.cat(rows)

    return features


def pooled(
    activation: Float[Tensor, "image ..."], input_size: tuple[int, int]
) -> Float[Tensor, "image feature"]:
    """Mean over places: of maps (channel, height, width) and of tokens (token, dim).

    Maps with the channels last are told by their first two axes fitting the aspect of the input
    better than their last two; other activations are flattened.

    Args:
        activation: one row an image.
        input_size: height and width of the network's input.
    """
    if activation.ndim == 3:
        return activation.mean(1)
    if activation.ndim != 4:
        return activation.flatten(1)
    first, second, third = activation.shape[1:]
    height, width = input_size
    channels_last = abs(first * width - second * height) < abs(second * width - third * height)
    return activation.mean((1, 2) if channels_last else (2, 3))
