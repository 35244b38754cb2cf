"""Networks from a model card: a timm architecture or a factory, weights checked by digest."""

import importlib
from pathlib import Path

import torch
from torch import Tensor, nn

from macoaudit.errors import ModelError, UnknownModelError, UsageError, WeightsError
from macoaudit.models import labels as names
from macoaudit.models.aliases import resolve_timm_name
from macoaudit.models.assembly import (
    RANDOM,
    Parts,
    Request,
    preprocessing_from,
    seeded,
    timm_preprocessing,
)
from macoaudit.models.cards import ModelCard
from macoaudit.models.timm_import import import_timm
from macoaudit.models.weights import file_sha256, fit_state_dict, read_state_dict
from macoaudit.preprocessing import Preprocessing
from macoaudit.results import WeightsOrigin


def from_card(card: ModelCard, request: Request, *, packaged: bool = False) -> Parts:
    """Build the network of a card with its own, other, or random weights.

    Raises:
        UnknownModelError: when there is no such architecture or factory.
        WeightsError: when the weights cannot be had, do not fit, or have another digest.
        ModelError: when the card's parts do not fit together.
    """
    file, origin = _card_weights(card, request, packaged=packaged)
    module = seeded(lambda: _card_module(card), request.seed)
    if file is not None:
        tensors = read_state_dict(file, allow_pickle=request.allow_pickle)
        fit_state_dict(module, tensors, source=f"model card {card.path}: weights {file.name}")
    try:
        if card.factory is None:
            preprocessing = timm_preprocessing(module, card.preprocessing)
        else:
            preprocessing = preprocessing_from(card.preprocessing)
    except UsageError as error:
        raise ModelError(f"model card {card.path}: {error}") from error
    n_outputs = _probe(card, module.eval(), preprocessing)
    return Parts(
        name=card.name,
        architecture=card.architecture or str(card.factory),
        module=module,
        preprocessing=preprocessing,
        labels=_card_labels(card, n_outputs, origin),
        origin=origin,
    )


def _card_weights(
    card: ModelCard, request: Request, *, packaged: bool
) -> tuple[Path | None, WeightsOrigin]:
    """Decide which file the weights come from, and check its digest where the card states one."""
    if request.weights == RANDOM:
        return None, "random"
    if isinstance(request.weights, Path):
        return request.weights, "file"
    if card.weights is None:
        if card.factory is not None:
            return None, "factory"
        raise WeightsError(
            f"model card {card.path}: add weights, the safetensors file relative to the card (for "
            f"timm's own weights give --model {card.architecture} instead)"
        )
    found = file_sha256(card.weights)
    if card.sha256 is not None and found != card.sha256:
        raise WeightsError(
            f"model card {card.path}: {card.weights.name} has sha256 {found}, the card says "
            f"{card.sha256}. Get the file again; correct the card only if you trust the new file"
        )
    return card.weights, "packaged" if packaged else "file"


def _card_module(card: ModelCard) -> nn.Module:
    if card.factory is not None:
        return _call_factory(card, card.factory)
    timm = import_timm()
    architecture = str(card.architecture)
    if "." in architecture or not timm.is_model(architecture):
        resolve_timm_name(architecture.partition(".")[0])  # raises with near matches
    classes = {} if card.num_classes is None else {"num_classes": card.num_classes}
    try:
        module: nn.Module = timm.create_model(architecture, **{**card.kwargs, **classes})
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise ModelError(
            f"model card {card.path}: timm cannot make {architecture} with "
            f"{dict(card.kwargs)} ({error}). Mend [kwargs]"
        ) from error
    return module


def _call_factory(card: ModelCard, factory: str) -> nn.Module:
    package, _, function = factory.partition(":")
    try:
        make = getattr(importlib.import_module(package), function)
    except (ImportError, AttributeError) as error:
        raise UnknownModelError(
            f"model card {card.path}: factory = {factory!r} cannot be imported ({error}). Install "
            "its package in this environment, or put its folder on PYTHONPATH"
        ) from error
    module = make(**card.kwargs)
    if not isinstance(module, nn.Module):
        raise ModelError(
            f"model card {card.path}: {factory} returned a {type(module).__name__}; it must "
            "return a torch.nn.Module that takes normalised images"
        )
    return module


def _probe(card: ModelCard, module: nn.Module, preprocessing: Preprocessing) -> int:
    """Run one grey image through, so that a card whose parts disagree fails when it is read."""
    image_01 = torch.full((1, preprocessing.channels, *preprocessing.input_size), 0.5)
    try:
        with torch.no_grad():
            output = module(preprocessing.normalise(image_01))
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        raise ModelError(
            f"model card {card.path}: the network does not take the images that [preprocessing] "
            f"describes ({str(error).splitlines()[0]}). Set input_size, or img_size in [kwargs]"
        ) from error
    if card.num_classes is None:
        return int(getattr(module, "num_classes", 0))
    if card.num_classes and not (
        isinstance(output, Tensor) and tuple(output.shape) == (1, card.num_classes)
    ):
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise ModelError(
            f"model card {card.path}: num_classes = {card.num_classes}, but the network returns "
            f"{shape} for one image. Set num_classes to its number of outputs, or 0"
        )
    return card.num_classes


def _card_labels(card: ModelCard, num_classes: int, origin: WeightsOrigin) -> tuple[str, ...]:
    source = f"model card {card.path}: labels"
    if card.labels is None or origin == "random":
        return names.numbered(num_classes)
    if isinstance(card.labels, tuple):
        return names.check_names(card.labels, num_classes, source)
    if card.labels == names.IMAGENET_1K:
        return names.check_names(names.imagenet_names(), num_classes, source)
    return names.read_names(card.path.parent / card.labels, num_classes)
