"""What drives a class: the penultimate channels that add most to its logit on its own pictures."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from macoaudit.errors import LayerError
from macoaudit.inversion import whole_view
from macoaudit.models import (
    PENULTIMATE,
    LoadedModel,
    activation_function,
    frozen,
    logits_function,
    resolve_layer,
)
from macoaudit.results import ClassDrivers, DrivingChannel, Skipped
from macoaudit.targets import Target, Term, WeightedSum
from macoaudit.visualization.records import visualization_id

# Logits computed here and by the network differ by rounding alone where the classifier is linear.
_TOLERANCE = 1e-3


def linear_head(model: LoadedModel) -> nn.Linear | Skipped:
    """Find the linear layer that turns the penultimate vector into logits.

    Args:
        model: the network.

    Returns:
        The layer, or why there is none that can be told apart.
    """
    try:
        part = resolve_layer(model, PENULTIMATE).part
    except LayerError as error:
        return Skipped("driving channels", f"{model.name}: {error}")
    if part is None:
        classifier = getattr(model.module, "get_classifier", None)
        part = classifier() if callable(classifier) else None
    if not isinstance(part, nn.Linear) or part.out_features != model.num_classes:
        kind = type(part).__name__
        reason = f"the classifier of {model.name} is no single linear layer ({kind})"
        return Skipped("driving channels", reason)
    return part


def class_drivers(
    model: LoadedModel,
    head: nn.Linear,
    index: int,
    image_01: Float[Tensor, "picture channel height width"],
    count: int,
) -> ClassDrivers | Skipped:
    r"""Rank the penultimate channels by what they add to a class's logit on its own pictures.

    With ``a`` the penultimate vector, averaged over the class's pictures, and ``W``, ``b`` the
    classifier::

        contribution_c = W_kc a_c,    logit_k = b_k + sum_c contribution_c

    which is weight times activation and, for a linear classifier, also gradient times activation.

    Args:
        model: the network; it is left as it was found.
        head: its classifier, from :func:`linear_head`.
        index: the class ``k``.
        image_01: pictures of the class, values 0..1.
        count: channels wanted; only positive contributions count.

    Returns:
        The record, or why the decomposition does not hold for this network.
    """
    found = _decompose(model, head, index, image_01)
    if isinstance(found, Skipped):
        return found
    rows, weight, bias, logits = found
    activation = rows.mean(0)
    contribution = weight * activation
    positive = float(contribution.clamp_min(0).sum())
    order = contribution.argsort(descending=True, stable=True)[:count].tolist()
    return ClassDrivers(
        index=index,
        name=model.labels[index],
        layer=PENULTIMATE,
        n_pictures=len(rows),
        logit=float(logits.mean()),
        bias=bias,
        n_channels=len(weight),
        channels=tuple(
            DrivingChannel(
                channel=channel,
                weight=float(weight[channel]),
                activation=float(activation[channel]),
                contribution=float(contribution[channel]),
                share=float(contribution[channel]) / positive,
                visualization=visualization_id(driver_goal(channel, float(activation[channel]))),
            )
            for channel in order
            if float(contribution[channel]) > 0
        ),
    )


def _decompose(
    model: LoadedModel, head: nn.Linear, index: int, image_01: Tensor
) -> tuple[Tensor, Tensor, float, Tensor] | Skipped:
    """Penultimate vectors, the class's weights and bias, its logits; or why they do not add up."""
    seen = whole_view(image_01.to(model.device), model.preprocessing.input_size)
    with frozen(model.module), torch.no_grad():
        rows = activation_function(model, PENULTIMATE)(seen).flatten(1).double().cpu()
        logits = logits_function(model)(seen)[:, index].double().cpu()
    weight = head.weight.detach().double().cpu()[index]
    bias = 0.0 if head.bias is None else float(head.bias.detach()[index])
    if rows.shape[1] != len(weight):
        reason = f"the classifier takes {len(weight)} numbers, {PENULTIMATE} has {rows.shape[1]}"
        return Skipped("driving channels", reason)
    rebuilt = rows @ weight + bias
    if not torch.allclose(rebuilt, logits, rtol=_TOLERANCE, atol=_TOLERANCE):
        reason = (
            f"weights times activations give {float(rebuilt[0]):.4g} for class {index}, the "
            f"network {float(logits[0]):.4g}: something else stands before the classes"
        )
        return Skipped("driving channels", reason)
    return rows, weight, bias, logits


def driver_goal(channel: int, activation: float) -> WeightedSum:
    """What is drawn of a driving channel: up, or down where it drives the class by being negative.

    Args:
        channel: of the penultimate layer.
        activation: that it has on the class's pictures; its sign is the direction.
    """
    target = Target("channel", PENULTIMATE, channel)
    if activation >= 0:
        return WeightedSum((Term(1.0, target),))
    return WeightedSum((Term(-1.0, target),), name=f"{target.text}, downward")
