"""The record of a loaded network: the module, and everything needed to name it in a result."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from macoaudit.preprocessing import Preprocessing
from macoaudit.results import ModelRecord, WeightsOrigin


@dataclass(frozen=True)
class LoadedModel:
    """A network in eval mode with its preprocessing, class names and the digest of its weights."""

    name: str
    """As it was asked for: a name, an alias, or the card's name."""
    architecture: str
    """timm's name with its tag where pretrained weights were taken, or the factory."""
    module: nn.Module
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    """One name for each class; "class 17" where it is not known; empty without classes."""
    num_classes: int
    """Number of outputs that are classes; 0 for a network without a classifier."""
    weights_sha256: str
    """Digest of the weights as loaded: see :func:`macoaudit.models.state_dict_sha256`."""
    weights_origin: WeightsOrigin
    device: torch.device

    def record(self, layer: str, activation_shape: tuple[int, ...]) -> ModelRecord:
        """Describe this network for a result.

        Args:
            layer: the audited layer.
            activation_shape: shape of one image's activations there, without the batch.

        Returns:
            The record that ``results.json`` holds.
        """
        preprocessing = self.preprocessing
        return ModelRecord(
            name=self.name,
            architecture=self.architecture,
            weights_sha256=self.weights_sha256,
            weights_origin=self.weights_origin,
            layer=layer,
            activation_shape=activation_shape,
            input_size=(preprocessing.channels, *preprocessing.input_size),
            mean=preprocessing.mean,
            std=preprocessing.std,
            crop_pct=preprocessing.crop_pct,
            interpolation=preprocessing.interpolation,
            num_classes=self.num_classes,
        )


@contextmanager
def frozen(module: nn.Module) -> Iterator[nn.Module]:
    """Put a network in eval mode without parameter gradients, and leave it as it was found.

    Args:
        module: the network; every submodule's training flag and every parameter's
            ``requires_grad`` are restored on exit, after an exception too.

    Yields:
        The same module.
    """
    training = [(part, part.training) for part in module.modules()]
    gradients = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    try:
        module.eval()
        module.requires_grad_(False)
        yield module
    finally:
        for part, flag in training:
            part.training = flag
        for parameter, flag in gradients:
            parameter.requires_grad_(flag)
