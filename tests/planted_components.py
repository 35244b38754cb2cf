"""A network whose features are painted: each block of an image is one feature, read exactly.

So anything can be planted among features, and every logit is ``weight @ features``.
"""

import torch
from torch import Tensor, nn

from macoaudit.models import LoadedModel
from tests.planted import loaded

ROWS = 4
BLOCK_PX = 3
SIDE_PX = ROWS * BLOCK_PX
N_FEATURES = ROWS * ROWS


class Blocks(nn.Module):
    """The mean of each block of 3 x 3 pixels, then a linear classifier."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.head = nn.Linear(N_FEATURES, len(weight), bias=bias is not None)
        with torch.no_grad():
            self.head.weight.copy_(weight)
            if bias is not None:
                self.head.bias.copy_(bias)

    def forward(self, image: Tensor) -> Tensor:
        pooled = nn.functional.avg_pool2d(image.mean(1, keepdim=True), BLOCK_PX)
        return self.head(pooled.flatten(1))


def blocks_model(weight: Tensor, bias: Tensor | None = None) -> LoadedModel:
    return loaded(Blocks(weight, bias), classes=len(weight), side_px=SIDE_PX)


def paint(features: Tensor) -> Tensor:
    """Images whose blocks have the given values, 0..1."""
    small = features.view(-1, 1, ROWS, ROWS).expand(-1, 3, -1, -1)
    return nn.functional.interpolate(small, scale_factor=BLOCK_PX)


def block_mask(*features: int) -> Tensor:
    """Pixels of some blocks."""
    values = torch.zeros(1, N_FEATURES)
    values[0, list(features)] = 1.0
    return paint(values)[0, 0] > 0.5
