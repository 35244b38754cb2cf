"""Build a network with timm, also where torchvision's compiled part does not fit torch."""

from typing import Any

import torch
from torch import nn

_LIBRARIES: list[torch.library.Library] = []


def declare_torchvision_operators() -> None:
    """Declare the operators whose absence makes `import torchvision`, and so timm, fail."""
    try:
        import torchvision  # type: ignore[import-untyped]  # noqa: F401
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)  # the declaration lives as long as this object


def build(architecture: str, num_classes: int, kwargs: dict[str, Any]) -> nn.Module:
    """Create an untrained timm network."""
    declare_torchvision_operators()
    import timm

    model: nn.Module = timm.create_model(architecture, num_classes=num_classes, **kwargs)
    return model
