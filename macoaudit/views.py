"""Random views of a canvas: square crops resized to the network's input, and noise.

A view is a separable linear map ``view = A_y canvas A_x^T`` with one small matrix per axis
(:func:`axis_weights`), which makes its adjoint and its coverage exact and cheap: the coverage of a
view is the adjoint applied to ones, the outer product of the matrices' column sums.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.config import ViewConfig
from macoaudit.errors import UsageError

Boxes = Float[Tensor, "batch view 3"]


def draw_boxes(
    config: ViewConfig, n_steps: int, generator: torch.Generator
) -> Float[Tensor, "step view 3"]:
    """Draw the crops of a whole run for one member: top, left and side per step and view.

    All in fractions of the canvas' sides. The side follows ``config.side_law`` (a normal law is
    truncated to ``side_range`` by redrawing, at most 100 times, then clamped). For ``inside`` the
    corner is uniform where the crop lies on the canvas; for ``torus`` uniform on [0, 1), the crop
    wraps around; for ``normal`` the centre is N(0.5, center_sd) and the crop may leave the canvas.
    In the last ``settle_frac`` of the steps every crop is the whole canvas.

    Args:
        config: the laws.
        n_steps: steps of the run.
        generator: the member's own generator, on the CPU.
    """
    fractions = [step / n_steps for step in range(n_steps)]
    low = torch.tensor([config.side_low.value(f) for f in fractions])[:, None]
    high = torch.tensor([config.side_high.value(f) for f in fractions])[:, None]
    shape = (n_steps, config.n_crops)
    if config.side_law == "uniform":
        side = low + (high - low) * torch.rand(shape, generator=generator)
    else:
        side = low + high * torch.randn(shape, generator=generator)
        for _ in range(100):
            outside = (side < config.side_range[0]) | (side > config.side_range[1])
            if not outside.any():
                break
            side = torch.where(outside, low + high * torch.randn(shape, generator=generator), side)
        side = side.clamp(*config.side_range)
    if config.center == "normal":
        center = 0.5 + config.center_sd * torch.randn((*shape, 2), generator=generator)
        corner = center - side[..., None] / 2
    else:
        corner = torch.rand((*shape, 2), generator=generator)
        if config.center == "inside":
            corner = corner * (1 - side[..., None])
    boxes = torch.cat([corner, side[..., None]], dim=-1)
    boxes[_settled(config, n_steps)] = torch.tensor([0.0, 0.0, 1.0])
    return boxes


def _settled(config: ViewConfig, n_steps: int) -> slice:
    """The steps at the end of a run that see the whole canvas."""
    return slice(n_steps - round(config.settle_frac * n_steps), n_steps)


def draw_cutouts(
    config: ViewConfig, n_steps: int, generator: torch.Generator
) -> Float[Tensor, "step view 3"] | None:
    """Draw the erased squares of a whole run: centre (y, x) and side, in fractions of the view.

    The centre is uniform over the view, so that part of the square may lie outside.

    Returns:
        None when the settings erase nothing at any step.
    """
    ramp = config.cutout
    if ramp.start == 0 and ramp.end == 0:
        return None
    side = torch.tensor([ramp.value(step / n_steps) for step in range(n_steps)])
    side[_settled(config, n_steps)] = 0
    side = side[:, None, None].expand(-1, config.n_crops, 1)
    center = torch.rand((n_steps, config.n_crops, 2), generator=generator)
    return torch.cat([center, side], dim=-1)


def axis_weights(
    start: Float[Tensor, " crop"],
    side: Float[Tensor, " crop"],
    n_in: int,
    n_out: int,
    border: str,
) -> Float[Tensor, "crop n_out n_in"]:
    """Weights that resample ``[start, start + side)`` of an axis to ``n_out`` pixels.

    Triangle (bilinear) kernel in half-pixel coordinates, widened when the crop is reduced
    (antialiasing): ``w_oi = max(0, 1 - |i - p_o| / max(step, 1))`` with
    ``p_o = start n_in + (o + 1/2) step - 1/2`` and ``step = side n_in / n_out``, rows normalised to
    sum 1. A crop of the whole axis at the same size is the identity.

    Args:
        start: start of the crop, in fractions of the axis.
        side: extent of the crop, in fractions of the axis, positive.
        n_in: pixels of the axis.
        n_out: pixels of the view.
        border: ``clamp`` (the edge pixel goes on), ``wrap`` (torus) or ``zero`` (rows beyond the
            border lose their weight).

    Raises:
        UsageError: for another border.
    """
    step = side * n_in / n_out
    offset = torch.arange(n_out, device=start.device, dtype=start.dtype) + 0.5
    position = (start * n_in)[:, None] + offset * step[:, None] - 0.5
    pixel = torch.arange(n_in, device=start.device, dtype=start.dtype)
    if border == "clamp":
        position = position.clamp(0, n_in - 1)
    distance = (pixel - position[..., None]).abs()
    if border == "wrap":
        distance = distance % n_in
        distance = torch.minimum(distance, n_in - distance)
    elif border not in ("clamp", "zero"):
        raise UsageError(f"border is {border!r}; use 'clamp', 'wrap' or 'zero'")
    width = step.clamp_min(1.0)[:, None, None]
    weights = (1 - distance / width).clamp_min_(0)
    if border == "zero":
        return weights / width
    return weights / weights.sum(-1, keepdim=True)


def _erased(center: Tensor, side: Tensor, n_pixels: int) -> Tensor:
    """Pixels of an axis whose centre lies within half a side of the erased square's centre."""
    pixel = (torch.arange(n_pixels, device=center.device, dtype=center.dtype) + 0.5) / n_pixels
    return ((pixel - center[..., None]).abs() < side[..., None] / 2).to(center.dtype)


def _separable(rows: Tensor, planes: Tensor, columns: Tensor) -> Tensor:
    """Compute ``rows @ planes @ columns^T`` per channel.

    All channels of a view share one tall product with the columns; the product with the rows goes
    channel by channel, because a broadcast ``@`` would copy the matrices for each of them.
    """
    batch, view, channel, height, width = planes.shape
    tall = planes.reshape(batch * view, channel * height, width)
    half = torch.bmm(tall, columns.flatten(0, 1).mT).view(batch * view, channel, height, -1)
    left = rows.flatten(0, 1)
    result = torch.stack([torch.bmm(left, half[:, c]) for c in range(channel)], 1)
    return result.view(batch, view, *result.shape[1:])


class ViewMap:
    """The maps of one step: canvas -> views, the adjoint of their linear part, its coverage.

    ``view = keep (A_y canvas A_x^T) + (1 - keep) fill`` with ``keep`` zero in the erased square.

    Args:
        boxes: crops (batch, view, 3): top, left, side.
        canvas: height and width of the canvas.
        view: height and width of a view.
        config: where crops lie and what erased squares are filled with.
        cutouts: erased squares (batch, view, 3): centre y, centre x, side; or None.
    """

    def __init__(
        self,
        boxes: Boxes,
        canvas: tuple[int, int],
        view: tuple[int, int],
        config: ViewConfig,
        cutouts: Boxes | None = None,
    ) -> None:
        border = {"inside": "clamp", "torus": "wrap", "normal": "zero"}[config.center]
        flat = boxes.flatten(0, 1)
        shape = boxes.shape[:2]
        rows = axis_weights(flat[:, 0], flat[:, 2], canvas[0], view[0], border)
        columns = axis_weights(flat[:, 1], flat[:, 2], canvas[1], view[1], border)
        self.rows: Tensor = rows.view(*shape, *rows.shape[1:])
        self.columns: Tensor = columns.view(*shape, *columns.shape[1:])
        self._fill = config.cutout_fill
        self._erased: tuple[Tensor, Tensor] | None = None
        self._keep: Tensor | None = None
        if cutouts is not None:
            erased_rows = _erased(cutouts[..., 0], cutouts[..., 2], view[0])
            erased_columns = _erased(cutouts[..., 1], cutouts[..., 2], view[1])
            self._erased = (erased_rows, erased_columns)
            self._keep = 1 - (erased_rows[..., :, None] * erased_columns[..., None, :])[:, :, None]

    def apply(
        self, canvas: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch view channel view_height view_width"]:
        """Cut, resize and erase every view."""
        canvases = canvas[:, None].expand(-1, self.rows.shape[1], -1, -1, -1)
        views = _separable(self.rows, canvases, self.columns)
        keep = self._keep
        return views if keep is None else views.mul_(keep).add_(self._fill * (1 - keep))

    def adjoint(
        self, gradient: Float[Tensor, "batch view channel view_height view_width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Send gradients of the views back: ``sum over views of A_y^T (keep g) A_x``."""
        if self._keep is not None:
            gradient = gradient * self._keep
        return _separable(self.rows.mT, gradient, self.columns.mT).sum(1)

    def coverage(self) -> Float[Tensor, "batch height width"]:
        """How much each canvas pixel counts in the views: the adjoint applied to ones.

        ``A_y^T 1 1^T A_x - (A_y^T e_y) (e_x^T A_x)`` with ``e`` the erased rows and columns.
        """
        rows, columns = self.rows, self.columns
        full = rows.sum(-2)[..., :, None] * columns.sum(-2)[..., None, :]
        if self._erased is not None:
            lost_rows = (rows * self._erased[0][..., None]).sum(-2)
            lost_columns = (columns * self._erased[1][..., None]).sum(-2)
            full = full - lost_rows[..., :, None] * lost_columns[..., None, :]
        return full.sum(1)


def is_whole_view(boxes: Boxes, canvas: tuple[int, int], view: tuple[int, int]) -> bool:
    """Whether every view is the whole canvas pixel by pixel, so that no resampling is needed."""
    whole = boxes.new_tensor([0.0, 0.0, 1.0])
    return canvas == view and bool((boxes == whole).all())


def noise_like(
    shape: tuple[int, ...],
    uniform: float,
    normal: float,
    generators: Sequence[torch.Generator],
    device: torch.device,
) -> Float[Tensor, "batch ..."] | None:
    """Draw ``U(-uniform, uniform) + N(0, normal)`` per member from the member's own generator.

    Args:
        shape: shape of one member's noise.
        uniform: half-width of the uniform part, in units of image_01.
        normal: standard deviation of the normal part.
        generators: one a member, on ``device``.
        device: where the noise is needed.

    Returns:
        Noise (batch, *shape), or None when both parts are zero.
    """
    if uniform <= 0 and normal <= 0:
        return None
    noise = torch.zeros((len(generators), *shape), device=device)
    for member, generator in zip(noise, generators, strict=True):
        if uniform > 0:
            member.uniform_(-uniform, uniform, generator=generator)
        if normal > 0:
            extra = torch.empty(shape, device=device).normal_(0, normal, generator=generator)
            member.add_(extra)
    return noise
