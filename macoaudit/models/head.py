"""The classifier's last step: one linear layer on the penultimate vector, where there is one."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from macoaudit.errors import LayerError
from macoaudit.models.layers import PENULTIMATE, resolve_layer
from macoaudit.models.loaded import LoadedModel

# Logits computed from the weights and by the network differ by rounding alone where they agree.
_TOLERANCE = 1e-3


def linear_head(model: LoadedModel) -> nn.Linear:
    """Find the linear layer that turns the penultimate vector into logits.

    Args:
        model: the network.

    Returns:
        The layer. That nothing else stands before or behind it is told by :func:`head_mismatch`.

    Raises:
        LayerError: when there is no penultimate vector, or no single linear layer on it.
    """
    part = resolve_layer(model, PENULTIMATE).part
    if part is None:
        classifier = getattr(model.module, "get_classifier", None)
        part = classifier() if callable(classifier) else None
    if not isinstance(part, nn.Linear) or part.out_features != model.num_classes:
        kind = type(part).__name__
        raise LayerError(
            f"--model {model.name}: the classifier is no single linear layer ({kind}); what needs "
            "the weights of a class can be done with another network only"
        )
    return part


def head_mismatch(
    head: nn.Linear, rows: Float[Tensor, "image channel"], logits: Float[Tensor, "image classes"]
) -> str | None:
    """Say why ``W a + b`` is not what the network gives; None where it is, up to rounding.

    Args:
        head: the classifier, from :func:`linear_head`.
        rows: penultimate vectors ``a`` of some images.
        logits: that the network gives for the same images.
    """
    weight = head.weight.detach().to(rows)
    if rows.shape[1] != weight.shape[1]:
        return f"the classifier takes {weight.shape[1]} numbers, {PENULTIMATE} has {rows.shape[1]}"
    rebuilt = rows @ weight.T
    if head.bias is not None:
        rebuilt = rebuilt + head.bias.detach().to(rows)
    if torch.allclose(rebuilt, logits.to(rows), rtol=_TOLERANCE, atol=_TOLERANCE):
        return None
    gap = (rebuilt - logits.to(rows)).abs().nan_to_num(nan=torch.inf)
    image, index = divmod(int(gap.flatten().argmax()), gap.shape[1])
    return (
        f"weights times activations give {float(rebuilt[image, index]):.4g} for class {index}, the "
        f"network {float(logits[image, index]):.4g}: something else stands before the classes"
    )
