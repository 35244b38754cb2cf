"""What drives a class: the penultimate channels that add most to its logit on its own pictures."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from macoaudit.inversion import whole_view
from macoaudit.models import (
    PENULTIMATE,
    LoadedModel,
    activation_function,
    frozen,
    head_mismatch,
    logits_function,
)
from macoaudit.results import ClassDrivers, DrivingChannel, Skipped
from macoaudit.targets import Target, Term, WeightedSum
from macoaudit.visualization.records import visualization_id


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
        head: its classifier, from :func:`macoaudit.models.linear_head`.
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
        logits = logits_function(model)(seen).double().cpu()
    reason = head_mismatch(head, rows, logits)
    if reason is not None:
        return Skipped("driving channels", reason)
    weight = head.weight.detach().double().cpu()[index]
    bias = 0.0 if head.bias is None else float(head.bias.detach()[index])
    return rows, weight, bias, logits[:, index]


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
