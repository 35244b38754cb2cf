"""Where concepts lie in an image: non-negative coefficients of every place of a layer's grid."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.optimize import nnls
from torch import Tensor

from macoaudit.concepts.factorize import split_signs

Images = Float[Tensor, "image colour height width"]
Grids = Float[Tensor, "image feature rows columns"]


def as_factorised(
    grids: Float[Tensor, "image channel rows columns"], *, signed: bool
) -> Float[Tensor, "image feature rows columns"]:
    """Give a grid the form in which activations were factorised: both halves, or none below 0."""
    return split_signs(grids) if signed else grids.clamp_min(0)


def place_coefficients(
    grids: Grids, parts: Float[Tensor, "part feature"]
) -> Float[Tensor, "image part rows columns"]:
    """Explain each place by the parts: ``min |a - u W|`` over ``u >= 0`` (Lawson and Hanson).

    Args:
        grids: non-negative activations (both halves where they were split).
        parts: W, as it was found.

    Returns:
        Coefficients in float64.
    """
    # |a - u W| and |q a - u r| differ by a constant when W' = q' r: the small problem is exact.
    q, r = np.linalg.qr(parts.double().numpy().T)
    places = grids.movedim(1, -1).double().numpy()
    found = [
        nnls(r, place, maxiter=50 * len(parts))[0] for place in (places @ q).reshape(-1, q.shape[1])
    ]
    coefficients = torch.from_numpy(np.stack(found))
    return coefficients.view(*places.shape[:3], len(parts)).movedim(-1, 1)


def fine_grids(read: Callable[[Images], Grids], image_01: Images, n_shifts: int) -> Grids:
    """Read a grid at places ``n_shifts`` times as dense, by moving the image under it.

    Place (i, j) of a grid with a step of s pixels looks at pixel ((i + 1/2) s, (j + 1/2) s). The
    image is moved by ``((m + 1/2) / n_shifts - 1/2) s`` pixels (rounded) for each m and both axes,
    its edge pixels repeated, and the grids are interleaved.

    Args:
        read: images to grids.
        image_01: values in 0..1.
        n_shifts: moves along each axis, at least 1; 1 reads the image as it is.
    """
    height, width = image_01.shape[-2:]
    rows = []
    n_rows, n_columns = read(image_01[:1]).shape[-2:]
    for m in range(n_shifts):
        columns = []
        for n in range(n_shifts):
            dy = round(((m + 0.5) / n_shifts - 0.5) * height / n_rows)
            dx = round(((n + 0.5) / n_shifts - 0.5) * width / n_columns)
            y = (torch.arange(height, device=image_01.device) + dy).clamp(0, height - 1)
            x = (torch.arange(width, device=image_01.device) + dx).clamp(0, width - 1)
            columns.append(read(image_01[..., y, :][..., x]))
        rows.append(torch.stack(columns, -1).flatten(-2))
    return torch.stack(rows, -2).flatten(-3, -2)


def upsample(
    maps: Float[Tensor, "image part rows columns"], size: tuple[int, int]
) -> Float[Tensor, "image part height width"]:
    """Spread places over the pixels they stand for (bilinear between their centres)."""
    return torch.nn.functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def region(
    values: Float[Tensor, "height width"], level_frac: float = 0.5
) -> Bool[Tensor, "height width"]:
    """Mark where a map reaches a share of its own maximum; nowhere when it is not above zero."""
    peak = values.amax()
    return (values >= level_frac * peak) & (peak > 0)


def iou(found: Bool[Tensor, "height width"], known: Bool[Tensor, "height width"]) -> float:
    """Intersection over union of two regions, 0 to 1; 0 when both are empty."""
    union = int((found | known).sum())
    return int((found & known).sum()) / union if union else 0.0
