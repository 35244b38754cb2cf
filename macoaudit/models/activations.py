"""Functions from images in 0..1 to activations at a layer, to logits, or to both in one pass."""

from collections.abc import Callable
from typing import Any, cast

from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import ModelError
from macoaudit.models.layers import resolve_layer, select_tokens
from macoaudit.models.loaded import LoadedModel
from macoaudit.models.taps import checked_activation, pre_logits, tap

Images = Float[Tensor, "batch channel height width"]
Activations = Float[Tensor, "batch ..."]
Logits = Float[Tensor, "batch classes"]


def activation_function(model: LoadedModel, layer: str) -> Callable[[Images], Activations]:
    """Make the function from images to activations at a layer.

    Args:
        model: the network.
        layer: see :func:`resolve_layer`.

    Returns:
        A differentiable function of images in 0..1, shape (batch, channel, height, width), to
        activations, shape (batch, ...). It computes nothing behind the layer and leaves no hook.

    Raises:
        LayerError: see :func:`resolve_layer`.
    """
    resolved = resolve_layer(model, layer)

    def activations(image_01: Images) -> Activations:
        image_norm = model.preprocessing.normalise(image_01)
        if resolved.part is None:
            value = pre_logits(model.module, image_norm)[0]
        else:
            value, _ = tap(
                model.module, resolved.part, image_norm, of_input=resolved.of_input, stop=True
            )
        return select_tokens(
            checked_activation(value, layer, len(image_01)), resolved.tokens, resolved.n_prefix
        )

    return activations


def checked_logits(value: object, model: LoadedModel, n_images: int) -> Tensor:
    """Return a network's output when it is one row of logits an image.

    Raises:
        ModelError: when it is anything else.
    """
    if isinstance(value, Tensor) and tuple(value.shape) == (n_images, model.num_classes):
        return value
    came = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
    raise ModelError(
        f"--model {model.name}: its output is {came} for {n_images} images and "
        f"{model.num_classes} classes; (batch, classes) is needed. Give a network with one "
        "classifier"
    )


def require_classes(model: LoadedModel) -> None:
    """Make sure that a network has classes.

    Raises:
        ModelError: when it has none.
    """
    if model.num_classes == 0:
        raise ModelError(
            f"--model {model.name}: it has no classes, so there are no logits. Give a classifier, "
            "or leave out what needs predictions"
        )


def logits_function(model: LoadedModel) -> Callable[[Images], Logits]:
    """Make the function from images in 0..1 to the classifier's outputs before any softmax.

    Raises:
        ModelError: when the network has no classes.
    """
    require_classes(model)

    def logits(image_01: Images) -> Logits:
        value = model.module(model.preprocessing.normalise(image_01))
        return checked_logits(value, model, len(image_01))

    return logits


def activations_and_logits(
    model: LoadedModel, layer: str
) -> Callable[[Images], tuple[Activations, Logits]]:
    """Make the function from images in 0..1 to activations at a layer and logits, in one pass.

    Raises:
        LayerError: see :func:`resolve_layer`.
        ModelError: when the network has no classes.
    """
    require_classes(model)
    resolved = resolve_layer(model, layer)

    def both(image_01: Images) -> tuple[Activations, Logits]:
        image_norm = model.preprocessing.normalise(image_01)
        output: Any
        if resolved.part is None:
            value, features = pre_logits(model.module, image_norm)
            output = cast(Any, model.module).forward_head(features)
        else:
            value, output = tap(
                model.module, resolved.part, image_norm, of_input=resolved.of_input, stop=False
            )
        activations = select_tokens(
            checked_activation(value, layer, len(image_01)), resolved.tokens, resolved.n_prefix
        )
        return activations, checked_logits(output, model, len(image_01))

    return both
