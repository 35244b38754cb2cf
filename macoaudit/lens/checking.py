"""Arguments of the lens, checked before any work: every message names the argument."""

import torch
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.lens.driver import Classes
from macoaudit.lens.settings import LensConfig
from macoaudit.pyramid import MIN_SIDE_PX


def check_images(images: Tensor, config: LensConfig) -> None:
    """Refuse images that the lens cannot work with.

    Raises:
        UsageError: for another shape or dtype, values that are not finite or outside the range.
    """
    if images.ndim != 4 or 0 in images.shape:
        raise UsageError(
            f"images: has the shape {tuple(images.shape)}; give [batch, channel, height, width], "
            "none of them 0"
        )
    if images.dtype not in (torch.float32, torch.float64):
        raise UsageError(f"images: is {images.dtype}; give torch.float32 or torch.float64")
    if min(images.shape[-2:]) < MIN_SIDE_PX:
        raise UsageError(
            f"images: {images.shape[-2]} x {images.shape[-1]} px; give sides of at least "
            f"{MIN_SIDE_PX} px"
        )
    if not images.isfinite().all():
        raise UsageError("images: holds values that are not finite")
    low, high = config.value_range
    if images.min() < low or images.max() > high:
        raise UsageError(
            f"images: has values from {images.min().item():.4g} to {images.max().item():.4g}, "
            f"outside value_range {config.value_range}; scale them or give their range"
        )


def classes_of(
    logits: Tensor,
    target: int | Tensor,
    source: int | Tensor | None,
    images: Tensor,
    *,
    allow_same: bool,
) -> tuple[Classes, Classes]:
    """Give the target and source class of each image.

    Args:
        logits: of the images.
        target: one class for all images or one each.
        source: likewise; None: the first class of each image.
        images: the images.
        allow_same: let both be one class.

    Raises:
        UsageError: for a class that is not there, or that is the source already.
    """
    n_classes = logits.shape[1]
    to = _indices("target", target, n_classes, images)
    origin = logits.argmax(1) if source is None else _indices("source", source, n_classes, images)
    same = (to == origin).nonzero().flatten()
    if len(same) and not allow_same:
        place = int(same[0])
        raise UsageError(
            f"target: is class {int(to[place])}, which image {place} has already as its source "
            "class; give another class, or allow_same=True"
        )
    return to, origin


def _indices(name: str, value: int | Tensor, n_classes: int, images: Tensor) -> Tensor:
    given = torch.as_tensor(value, device=images.device)
    if given.is_floating_point() or given.ndim > 1:
        raise UsageError(f"{name}: is {value!r}; give a class index, or one for each image")
    if given.ndim == 1 and len(given) != len(images):
        raise UsageError(f"{name}: has {len(given)} classes for {len(images)} images; give as many")
    if given.min() < 0 or given.max() >= n_classes:
        raise UsageError(f"{name}: is {value!r}; the model has classes 0 to {n_classes - 1}")
    return given.long().expand(len(images)).clone()
