"""Which class, which images are of it, and at which layer its concepts are sought."""

import difflib
import re

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.errors import LayerError, UsageError
from macoaudit.models import (
    LoadedModel,
    block_layers,
    frozen,
    grid_function,
    grid_of,
    imagenet_ids,
    imagenet_names,
    logits_function,
    resumed_logits,
)

Images = Float[Tensor, "image colour height width"]

# Coarser grids cannot tell where something lies: on the demo network the planted mark (2.4 % of the
# area) is met with an overlap of 0.23 at three places a side, and of 0.70 at six.
_LEAST_SIDE = 5
_WORDNET_ID = re.compile(r"n\d{8}")


def class_index(model: LoadedModel, name: str) -> int:
    """Find a class by its name (any case) or its number.

    Args:
        model: the network.
        name: a label of the model, or an index from 0.

    Raises:
        UsageError: when there is no such class (names the nearest), or several of that name.
    """
    labels = [label.lower() for label in model.labels]
    wanted = name.strip().lower()
    found = [i for i, label in enumerate(labels) if label == wanted]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise UsageError(f"--class {name}: classes {found} have that name; give the number")
    if wanted.isdecimal():
        checked_class(model, int(wanted))
        return int(wanted)
    near = difflib.get_close_matches(wanted, labels, n=4, cutoff=0.4)
    near += [label for label in labels if wanted and wanted in label]
    offered = [model.labels[labels.index(label)] for label in dict.fromkeys(near)][:4]
    hint = f"Did you mean {', '.join(offered)}? " if offered else ""
    raise UsageError(
        f"--class {name}: {model.name} has no such class. {hint}Give a name or a number from 0 to "
        f"{model.num_classes - 1}"
    )


def checked_class(model: LoadedModel, index: int) -> str:
    """Name a class by its number.

    Raises:
        UsageError: when the number is out of range.
    """
    if not 0 <= index < model.num_classes:
        raise UsageError(
            f"--class {index}: {model.name} has {model.num_classes} classes; give a number from 0 "
            f"to {model.num_classes - 1}"
        )
    return model.labels[index]


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("_", " ").split())


def class_of_label(model: LoadedModel, label: str) -> int | None:
    """Find the class that a folder's name stands for; None where it is no class's name.

    A name of a class (any case, underscores for spaces), a WordNet id where the network has the
    classes of ImageNet-1k, or a class's number.
    """
    wanted = _plain(label)
    found = [i for i, name in enumerate(model.labels) if _plain(name) == wanted]
    if len(found) == 1:
        return found[0]
    if wanted.isascii() and wanted.isdecimal() and int(wanted) < model.num_classes:
        return int(wanted)
    if _WORDNET_ID.fullmatch(wanted) and model.num_classes == 1000:
        return imagenet_ids().get(wanted) if model.labels == imagenet_names() else None
    return None


def images_of_class(
    model: LoadedModel, image_01: Images, index: int, *, batch_size: int = 32
) -> Int[Tensor, " kept"]:
    """Find the images that the network itself takes for a class.

    Concepts explain the network's decisions, so its prediction decides and no label.

    Args:
        model: the network.
        image_01: values in 0..1, at the network's input size.
        index: of the class.
        batch_size: images at a time.

    Returns:
        Their indices.

    Raises:
        UsageError: when the number is out of range, or no image is predicted as the class.
    """
    name = checked_class(model, index)
    read = logits_function(model)
    predicted = torch.zeros(len(image_01), dtype=torch.long)
    with torch.no_grad(), frozen(model.module):
        for start in range(0, len(image_01), batch_size):
            part = image_01[start : start + batch_size].to(model.device)
            predicted[start : start + batch_size] = read(part).argmax(1).cpu()
    kept = (predicted == index).nonzero().flatten()
    if len(kept) == 0:
        counts = torch.bincount(predicted, minlength=model.num_classes).sort(descending=True)
        most = [
            f"{model.labels[i]} ({n})"
            for i, n in zip(counts.indices[:4].tolist(), counts.values[:4].tolist(), strict=True)
            if n
        ]
        seen = f"they are taken for {', '.join(most)}" if most else "there are no images"
        raise UsageError(
            f"--class {name}: {model.name} predicts none of the {len(image_01)} images as it; "
            f"{seen}. Give images of the class, or another class"
        )
    return kept


def _is_read(model: LoadedModel, layer: str, image_01: Images) -> bool:
    """Whether any logit depends on what a layer's places hold."""
    with frozen(model.module):
        with torch.no_grad():
            grids = grid_function(model, layer)(image_01)
        leaf = grids.clone().requires_grad_()
        with torch.enable_grad():
            logits = resumed_logits(model, layer)(image_01, leaf)
            # Not the plain sum: softmax-like heads keep that constant.
            weights = torch.linspace(-1, 1, logits.shape[1], device=logits.device)
            if not logits.requires_grad:
                return False
            score = (logits * weights).sum()
            (gradient,) = torch.autograd.grad(score, leaf, allow_unused=True)
    return gradient is not None and bool(gradient.any())


def read_layer(model: LoadedModel, layer: str, image_01: Images) -> str:
    """Check that the classifier looks at the places of a layer.

    The patch tokens behind the last block of a transformer with a class token, for example, are
    never looked at: whatever concepts they have, none matters for a class.

    Raises:
        LayerError: when the layer is no grid, or no logit depends on its places.
    """
    if not _is_read(model, layer, image_01[:1].to(model.device)):
        raise LayerError(
            f"--layer {layer}: no logit depends on the places of this layer (the classifier reads "
            f"another token, or nothing of it). Use {concept_layer(model, image_01)}"
        )
    return layer


def concept_layer(model: LoadedModel, image_01: Images) -> str:
    """Choose the last block whose output is a grid that the classifier still looks at.

    Grids of at least five places a side go first; where there is none, the finest grid is taken.

    Args:
        model: the network.
        image_01: at least one image to try it on.

    Raises:
        LayerError: when the network has no such block.
    """
    probe = image_01[:1].to(model.device)
    sides = {
        layer.name: min(grid.height, grid.width, _LEAST_SIDE)
        for layer in reversed(block_layers(model))
        if (grid := grid_of(layer.shape, model)) is not None
    }
    for name in sorted(sides, key=lambda name: -sides[name]):  # stable: the last block first
        try:
            if _is_read(model, name, probe):
                return name
        except LayerError:
            continue  # the network cannot go on from there with changed activations
    raise LayerError(
        f"--layer: {model.name} has no block whose output is a grid over the image that its "
        "classifier looks at, so concepts cannot be located. Name a layer, or another model"
    )
