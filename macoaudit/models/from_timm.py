"""Networks by name: an alias, a timm name with or without its tag, or a hub repository."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from torch import nn

from macoaudit.errors import UsageError
from macoaudit.models import labels as names
from macoaudit.models.aliases import resolve_timm_name
from macoaudit.models.assembly import Parts, Request, seeded, timm_preprocessing
from macoaudit.models.hub import create_pretrained
from macoaudit.models.timm_import import import_timm
from macoaudit.models.weights import fit_state_dict, read_state_dict
from macoaudit.results import WeightsOrigin


def from_timm(spec: str, request: Request) -> Parts:
    """Build a timm network with pretrained, given or random weights.

    Raises:
        UnknownModelError: when timm has no such architecture or tag.
        WeightsError: when the weights cannot be had or do not fit.
        UsageError: when weights are given for a hub repository.
    """
    timm = import_timm()
    if spec.startswith(("hf-hub:", "hf_hub:")):
        if request.weights is not None:
            raise UsageError(
                f"--weights with --model {spec}: a hub model brings its own weights. Give the "
                "architecture's timm name with --weights instead"
            )
        name = spec
    else:
        name = resolve_timm_name(spec)
    origin: WeightsOrigin = "pretrained"
    if request.weights is None:
        module = create_pretrained(name, allow_pickle=request.allow_pickle, offline=request.offline)
    else:
        module = seeded(lambda: timm.create_model(name), request.seed)
        origin = _own_weights(module, request)
    config = cast(Mapping[str, Any], module.pretrained_cfg)
    tag = config.get("tag") if origin == "pretrained" else None
    architecture = str(config.get("architecture") or name.split(".")[0])
    num_classes = int(cast(int, module.num_classes))
    return Parts(
        name=spec,
        architecture=f"{architecture}.{tag}" if tag else architecture,
        module=module,
        preprocessing=timm_preprocessing(module, {}),
        labels=_timm_labels(name, config, num_classes, origin),
        origin=origin,
    )


def _timm_labels(
    name: str, config: Mapping[str, Any], num_classes: int, origin: WeightsOrigin
) -> tuple[str, ...]:
    """Name a timm network's classes from its own list, or from the set its stock head stands for.

    Random weights name no classes, and neither does the head of somebody else's hub repository
    that brings no list.
    """
    own = config.get("label_names")
    if own and len(own) == num_classes:
        return tuple(str(label) for label in own)
    stock = not name.startswith(("hf-hub:", "hf_hub:")) or name[7:].startswith("timm/")
    if origin == "random" or not stock:
        return names.numbered(num_classes)
    return names.stock_names(num_classes)


def _own_weights(module: nn.Module, request: Request) -> WeightsOrigin:
    """Load the file that replaces a model's own weights; random ones are already in place."""
    if not isinstance(request.weights, Path):
        return "random"
    tensors = read_state_dict(request.weights, allow_pickle=request.allow_pickle)
    fit_state_dict(module, tensors, source=f"weights {request.weights}")
    return "file"
