"""Grad-CAM that lies at the picture's edge, or at one place in all pictures of a class.

Grad-CAM (Selvaraju et al. 2017): ``relu(sum_k w_k a_k)`` with ``a_k`` the channels of the last
layer that is a grid over the picture and ``w_k`` the mean gradient of the class's logit. In a
vision transformer whose logits read the class token alone the patch tokens of the last block have
no gradient; there the input of the last block is taken, the layer that pytorch-grad-cam advises.

The score follows how heat maps are read by eye, ``periphery + concentration``, each 0 to 1:
the mean share of a map's mass within a sixth of the side from the edge, and
``1 - H / log(number of places)`` of the class's mean map, 1 where all mass is at one place.
No limit is published for either, so nothing is flagged.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from benchmarks.shortcuts.baselines.result import (
    BaselineResult,
    Classes,
    Images,
    Values,
    check_pictures,
    top_region,
)
from macoaudit.errors import LayerError
from macoaudit.models import (
    GridLayer,
    LoadedModel,
    block_layers,
    frozen,
    grid_of,
    logits_function,
)

EDGE_FRAC = 1 / 6
"""Of the side: one cell of the 6 x 6 grids, 56 % of the area."""

Heat = Float[Tensor, "batch rows columns"]


def _heat(model: LoadedModel, layer: GridLayer, image_01: Images, classes: Classes) -> Heat | None:
    """Grad-CAM at one layer, or None where no gradient reaches its grid."""
    caught: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        caught.append(output)
        # The network goes on with a copy, because a later module may work in place.
        return output.clone()

    handle = model.module.get_submodule(layer.name).register_forward_hook(keep)
    try:
        # The network's parameters are frozen: the pictures make the graph.
        logits = logits_function(model)(image_01.detach().requires_grad_(True))
    finally:
        handle.remove()
    chosen = logits.gather(1, classes[:, None]).sum()
    (slope,) = torch.autograd.grad(chosen, caught[0])
    cells, slopes = _cells(caught[0].detach(), layer), _cells(slope, layer)
    if not bool(slopes.any()):
        return None
    return (slopes.mean((2, 3), keepdim=True) * cells).sum(1).relu()


def _cells(value: Tensor, layer: GridLayer) -> Tensor:
    """A layer's output as (batch, channel, rows, columns)."""
    grid = layer.grid
    if value.ndim == 3:
        tokens = value[:, grid.n_prefix :].mT
        folded: Tensor = tokens.reshape(*tokens.shape[:2], grid.height, grid.width)
        return folded
    return value.movedim(-1, 1) if grid.channels_last else value


def grad_cam(model: LoadedModel, image_01: Images, classes: Classes) -> Heat:
    """Grad-CAM of each picture for its class at the last grid that the logits depend on.

    Args:
        model: the network.
        image_01: (n, 3, height, width), values 0..1.
        classes: (n,), the class whose logit is explained.

    Returns:
        Maps on the layer's grid, (n, rows, columns), not negative, not normalised.

    Raises:
        LayerError: when the network has no such layer.
    """
    with frozen(model.module):
        for block in reversed(block_layers(model)):
            grid = grid_of(block.shape, model)
            if grid is None:
                continue
            found = _heat(model, GridLayer(block.name, grid), image_01, classes)
            if found is not None:
                return found
    raise LayerError(f"--model {model.name}: no block is a grid that its logits depend on")


def periphery(maps: Heat) -> Float[Tensor, " batch"]:
    """Share of each map's mass within a sixth of the side from the edge; 0 for an empty map."""
    rows, columns = maps.shape[1:]
    top, left = max(1, round(EDGE_FRAC * rows)), max(1, round(EDGE_FRAC * columns))
    total = maps.sum((1, 2))
    centre = maps[:, top : rows - top, left : columns - left].sum((1, 2))
    return torch.where(total > 0, (total - centre) / total.clamp_min(1e-12), 0.0)


def concentration(maps: Heat) -> float:
    """``1 - H / log(places)`` of the mean of the maps, each of mass 1; 0 if all are empty."""
    total = maps.sum((1, 2), keepdim=True)
    mean = (maps / total.clamp_min(1e-12)).mean(0).flatten().double()
    if float(mean.sum()) == 0:
        return 0.0
    share = mean / mean.sum()
    entropy = -torch.special.xlogy(share, share).sum()
    return float(1 - entropy / np.log(len(share)))


def by_gradcam(
    model: LoadedModel, image_01: Images, classes: Classes, generator: torch.Generator
) -> BaselineResult:
    """Score each class by where the Grad-CAM of its pictures lies.

    Args:
        model: the network.
        image_01: (n, 3, height, width), values 0..1.
        classes: (n,).
        generator: not used: nothing is drawn.

    Returns:
        Scores 0 to 2, and of each picture the tenth of its area with the highest map.

    Raises:
        UsageError: see :func:`check_pictures`.
        LayerError: see :func:`grad_cam`.
    """
    check_pictures(model, image_01, classes)
    size = image_01.shape[-2:]
    coarse = grad_cam(model, image_01, classes)
    maps = F.interpolate(coarse[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    edge = periphery(coarse)
    scores: Values = np.array(
        [
            float(edge[classes == c].mean()) + concentration(coarse[classes == c])
            for c in range(model.num_classes)
        ]
    )
    return BaselineResult(scores, top_region(maps.numpy()), ())
