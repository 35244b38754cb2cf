"""Networks as plain functions of CPU tensors: in batches, without gradients, left as found."""

from collections.abc import Callable

import torch
from torch import Tensor

from macoaudit.inversion import whole_view
from macoaudit.models import LoadedModel, frozen

Batch = Callable[[Tensor], Tensor]


def in_batches(model: LoadedModel, read: Batch, batch_size: int) -> Batch:
    """Run a function of a network over many images, float32 results on the CPU.

    Args:
        model: the network that ``read`` asks; images are resized to its input as a whole.
        read: images in 0..1 on the network's device to one row an image.
        batch_size: images in one forward pass.
    """
    size = model.preprocessing.input_size

    @torch.no_grad()
    def run(image_01: Tensor) -> Tensor:
        with frozen(model.module):
            rows = [
                read(whole_view(part.to(model.device), size).clamp(0, 1)).float().cpu()
                for part in torch.split(image_01, batch_size)
            ]
        return torch.cat(rows)

    return run
