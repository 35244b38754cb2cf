"""What the network makes of many images: logits in batches, on the CPU, the network left alone."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.errors import LayerError, UsageError
from macoaudit.models import (
    PENULTIMATE,
    LoadedModel,
    activations_and_logits,
    frozen,
    head_mismatch,
    linear_head,
    logits_function,
)

Images = Float[Tensor, "image channel height width"]
# An axis of its own: that there is one class an image is checked, with a message.
Classes = Int[Tensor, " label"]

BATCH_SIZE = 64


def read_logits(
    model: LoadedModel, image_01: Images, batch_size: int = BATCH_SIZE
) -> Float[Tensor, "image classes"]:
    """Compute logits in float64.

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        batch_size: images in one forward pass.
    """
    with frozen(model.module), torch.no_grad():
        read = logits_function(model)
        rows = [read(part.to(model.device)).cpu() for part in torch.split(image_01, batch_size)]
    return torch.cat(rows).double()


@dataclass(frozen=True)
class HeadReading:
    """What a linear classifier takes and gives, in float64 on the CPU."""

    weight: Float[Tensor, "classes channel"]
    features: Float[Tensor, "image channel"]
    """Penultimate vectors."""
    logits: Float[Tensor, "image classes"]


def read_head(
    model: LoadedModel, image_01: Images, batch_size: int = BATCH_SIZE
) -> HeadReading | str:
    """Read the penultimate vectors of many images, and make sure that the classifier is linear.

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        batch_size: images in one forward pass.

    Returns:
        The reading, or why a logit is not ``w_c`` times the vector plus a constant.
    """
    try:
        head = linear_head(model)
    except LayerError as error:
        return str(error)
    rows, values = [], []
    with frozen(model.module), torch.no_grad():
        both = activations_and_logits(model, PENULTIMATE)
        for part in torch.split(image_01, batch_size):
            vectors, given = both(part.to(model.device))
            rows.append(vectors.flatten(1).cpu().double())
            values.append(given.cpu().double())
    features, logits = torch.cat(rows), torch.cat(values)
    if not bool(torch.isfinite(features).all() and torch.isfinite(logits).all()):
        return "features or logits are not finite"
    reason = head_mismatch(head, features, logits)
    weight = head.weight.detach().cpu().double()
    return HeadReading(weight, features, logits) if reason is None else reason


def log_odds(logits: Float[Tensor, "image classes"], index: int) -> Float[Tensor, " image"]:
    """How far a class stands above all others: ``z_c - log sum over k != c of exp z_k``.

    Unlike a probability it does not saturate, and unlike a logit it does not rise when all do.
    """
    others = torch.cat([logits[:, :index], logits[:, index + 1 :]], 1)
    return logits[:, index] - others.logsumexp(1)


def check_input(model: LoadedModel, image_01: Images, classes: Classes) -> None:
    """Make sure that images and classes fit the network and each other.

    Raises:
        UsageError: when they do not.
    """
    size = model.preprocessing.input_size
    if tuple(image_01.shape[-2:]) != size:
        raise UsageError(
            f"image_01: {tuple(image_01.shape[-2:])} px came, {model.name} takes {size}; "
            "preprocess the images first"
        )
    if len(classes) != len(image_01):
        raise UsageError(
            f"classes: {len(classes)} came for {len(image_01)} images; give one class an image"
        )
    if model.num_classes < 2:
        raise UsageError(f"--model {model.name}: it has fewer than two classes to tell apart")
    if len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < model.num_classes:
        raise UsageError(
            f"classes: indices {int(classes.min())} to {int(classes.max())} came, {model.name} "
            f"has classes 0 to {model.num_classes - 1}"
        )


def class_generators(classes: Classes, generator: torch.Generator) -> dict[int, torch.Generator]:
    """Give each class its own random source, whatever other classes are there.

    Args:
        classes: class index of each image.
        generator: on the CPU; one number is drawn from it.
    """
    root = int(torch.randint(2**31, (), generator=generator))
    present = sorted(set(classes.tolist()))
    return {index: torch.Generator().manual_seed(root * 65_537 + index) for index in present}
