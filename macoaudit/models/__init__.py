"""Name or card -> network with preprocessing, class names and layers; activations at a layer."""

from macoaudit.models.activations import (
    activation_function,
    activations_and_logits,
    logits_function,
    require_classes,
)
from macoaudit.models.aliases import ALIASES, IMAGENET_JUDGES, PACKAGED, resolve_timm_name
from macoaudit.models.cards import ModelCard, read_card
from macoaudit.models.grids import (
    Grid,
    GridLayer,
    block_layers,
    content_layers,
    depth_layers,
    grid_function,
    grid_of,
)
from macoaudit.models.head import head_mismatch, linear_head
from macoaudit.models.hub import REMEDIES, hub_reachable
from macoaudit.models.labels import imagenet_ids, imagenet_names
from macoaudit.models.layers import (
    PENULTIMATE,
    LayerInfo,
    ResolvedLayer,
    list_layers,
    resolve_layer,
)
from macoaudit.models.loaded import LoadedModel, frozen
from macoaudit.models.loading import load_model
from macoaudit.models.readings import (
    LOGITS,
    Layout,
    Reading,
    attention_layers,
    read_layouts,
    readings_function,
)
from macoaudit.models.resuming import resumed_logits
from macoaudit.models.timm_import import import_timm
from macoaudit.models.weights import file_sha256, state_dict_sha256
from macoaudit.preprocessing import Preprocessing

__all__ = [
    "ALIASES",
    "IMAGENET_JUDGES",
    "LOGITS",
    "PACKAGED",
    "PENULTIMATE",
    "REMEDIES",
    "Grid",
    "GridLayer",
    "LayerInfo",
    "Layout",
    "LoadedModel",
    "ModelCard",
    "Preprocessing",
    "Reading",
    "ResolvedLayer",
    "activation_function",
    "activations_and_logits",
    "attention_layers",
    "block_layers",
    "content_layers",
    "depth_layers",
    "file_sha256",
    "frozen",
    "grid_function",
    "grid_of",
    "head_mismatch",
    "hub_reachable",
    "imagenet_ids",
    "imagenet_names",
    "import_timm",
    "linear_head",
    "list_layers",
    "load_model",
    "logits_function",
    "read_card",
    "read_layouts",
    "readings_function",
    "require_classes",
    "resolve_layer",
    "resolve_timm_name",
    "resumed_logits",
    "state_dict_sha256",
]
