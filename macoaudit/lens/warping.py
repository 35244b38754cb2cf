"""How much of an edit a smooth warp explains: the share that is movement rather than texture."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Images = Float[Tensor, "batch channel height width"]

KNOTS = 8
"""Displacements are given at 8 x 8 points and interpolated between them."""
STEPS = 150
LEARNING_RATE_PX = 0.1


def warp_share(source: Images, edited: Images) -> Float[Tensor, " batch"]:
    """Fit a smooth warp of each source to its edit and give the share of energy that it explains.

    ``E = max(0, 1 - min_w ||x'(p) - x(p + w(p))||^2 / ||x' - x||^2)`` with displacements w on an
    8 x 8 grid, bicubically interpolated; the minimum is looked for with Adam (150 steps of at most
    about a tenth of a pixel, from no displacement).

    Args:
        source: x.
        edited: x'.

    Returns:
        E in [0, 1]; 0 where nothing changed.

    Source: Mahdisoltani & Fleet, "Confidence Is Not Evidence" (the share); the fit is ours.
    """
    source, edited = source.detach().float(), edited.detach().float()
    energy = (edited - source).square().flatten(1).sum(1)
    with torch.enable_grad():
        least = _least_rest(source, edited)
    share = 1 - least / energy.clamp(min=1e-30)
    return torch.where(energy > 0, share.clamp(0, 1), torch.zeros_like(share))


def _least_rest(source: Tensor, edited: Tensor) -> Tensor:
    n_images, _, height, width = source.shape
    knots = torch.zeros(n_images, 2, KNOTS, KNOTS, device=source.device, requires_grad=True)
    adam = torch.optim.Adam([knots], lr=LEARNING_RATE_PX)
    ys = torch.arange(height, device=source.device, dtype=source.dtype)
    xs = torch.arange(width, device=source.device, dtype=source.dtype)
    grid = torch.stack(torch.meshgrid(ys, xs, indexing="ij"))
    least = torch.full((n_images,), torch.inf, device=source.device)
    for _ in range(STEPS + 1):
        flow = functional.interpolate(knots, (height, width), mode="bicubic", align_corners=True)
        at = grid + flow
        unit = torch.stack([2 * at[:, 1] / (width - 1) - 1, 2 * at[:, 0] / (height - 1) - 1], -1)
        warped = functional.grid_sample(
            source, unit, mode="bilinear", padding_mode="border", align_corners=True
        )
        rest = (edited - warped).square().flatten(1).sum(1)
        least = torch.minimum(least, rest.detach())
        (knots.grad,) = torch.autograd.grad(rest.sum(), knots)
        adam.step()
    return least
