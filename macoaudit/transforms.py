"""Random views that shift, scale and rotate the canvas on grey: the transforms of Lucid.

A view is one bilinear resampling of the canvas along an affine map, with the composition of all
transforms in it (Lucid resamples once for each). A position ``u`` of the view, in half sides from
its centre, sees the canvas at

    x = R(angle) (extent u + fine) / scale + jitter

and the grey ``fill`` where ``x`` is outside. The map from the canvas less the grey to the view less
the grey is linear, so its adjoint is exact; it is taken by autograd.

Source: Olah et al. 2017, "Feature Visualization", Distill; Lucid, optvis/transform.py.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.config import AffineViews

Moves = Float[Tensor, "batch view 6"]
"""Jitter (y, x), fine jitter (y, x), in half sides of the canvas; scale; angle in radians."""


def draw_moves(
    config: AffineViews, n_steps: int, n_views: int, generator: torch.Generator
) -> Float[Tensor, "step view 6"]:
    """Draw the moves of a whole run for one member.

    Jitters are uniform within half their range to either side, scales uniform in their range,
    rotations whole degrees, uniform, with an extra share of upright views.

    Args:
        config: the laws.
        n_steps: steps of the run.
        n_views: views of a step.
        generator: the member's own generator, on the CPU.
    """
    shape = (n_steps, n_views)
    # half the range in half sides is the range in sides
    jitter = (2 * torch.rand((*shape, 2), generator=generator) - 1) * config.jitter_frac
    fine = (2 * torch.rand((*shape, 2), generator=generator) - 1) * config.fine_jitter_frac
    low, high = config.scale_range
    scale = low + (high - low) * torch.rand((*shape, 1), generator=generator)
    span = round(config.rotation_deg)
    degrees = torch.randint(-span, span + 1, (*shape, 1), generator=generator)
    upright = torch.rand((*shape, 1), generator=generator) < config.upright_frac
    angle = torch.where(upright, 0, degrees) * (math.pi / 180)
    return torch.cat([jitter, fine, scale, angle], dim=-1)


class AffineMap:
    """The maps of one step: canvas -> views, the adjoint of their linear part, its coverage.

    Args:
        moves: one a member and view.
        canvas: height and width of the canvas.
        view: height and width of a view.
        config: extent and fill.
    """

    def __init__(
        self, moves: Moves, canvas: tuple[int, int], view: tuple[int, int], config: AffineViews
    ) -> None:
        self._canvas, self._fill = canvas, config.fill
        self._shape = (moves.shape[0], moves.shape[1])
        flat = moves.flatten(0, 1)
        jitter, fine, scale, angle = flat[:, :2], flat[:, 2:4], flat[:, 4:5], flat[:, 5:]
        cos, sin = angle.cos() / scale, angle.sin() / scale
        # The last axis of a sampling grid is (x, y).
        rotation = torch.stack([torch.cat([cos, -sin], -1), torch.cat([sin, cos], -1)], 1)
        offset = (rotation @ fine.flip(-1)[..., None])[..., 0] + jitter.flip(-1)
        theta = torch.cat([rotation * (1 + config.pad_frac), offset[..., None]], -1)
        size = [len(theta), 1, *view]
        self._grid = torch.nn.functional.affine_grid(theta, size, align_corners=False)

    def _sample(self, canvases: Tensor) -> Tensor:
        return torch.nn.functional.grid_sample(
            canvases, self._grid, mode="bilinear", padding_mode="zeros", align_corners=False
        )

    def apply(
        self, canvas: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch view channel view_height view_width"]:
        """Move every view on grey."""
        batch, n_views = self._shape
        canvases = (canvas - self._fill).repeat_interleave(n_views, 0)
        views = self._sample(canvases) + self._fill
        return views.view(batch, n_views, *views.shape[1:])

    def adjoint(
        self, gradient: Float[Tensor, "batch view channel view_height view_width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Send gradients of the views back to the canvas, summed over views."""
        batch, n_views = self._shape
        with torch.enable_grad():
            start = gradient.new_zeros(
                (batch * n_views, gradient.shape[2], *self._canvas), requires_grad=True
            )
            views = self._sample(start)
            (back,) = torch.autograd.grad(views, start, gradient.flatten(0, 1))
        total: Tensor = back.view(batch, n_views, *back.shape[1:]).sum(1)
        return total

    def coverage(self) -> Float[Tensor, "batch height width"]:
        """How much each canvas pixel counts in the views: the adjoint applied to ones."""
        size = self._grid.shape[1:3]
        ones = self._grid.new_ones((*self._shape, 1, *size))
        return self.adjoint(ones)[:, 0]
