"""Pictures of a morph: real frames, differences on one scale, a map, and the frames in motion."""

import io
from collections.abc import Sequence

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from macoaudit.images import to_png_bytes
from macoaudit.lens.planes import LUMA

Picture = Float[Tensor, "channel height width"]
Plane = Float[Tensor, "height width"]

ENLARGED_PX = 256
"""Smaller images are enlarged by a whole number, as long as they stay within this."""
FRAME_MS, END_MS = 250, 900
"""Time of a frame in the animation, and of the source and the last frame."""
SCALE_QUANTILE = 0.999
"""Share of the changes that are within the scale of a difference."""

# White for no change, orange where it became brighter, blue where darker.
_BRIGHTER = (0.70, 0.28, 0.02)
_DARKER = (0.03, 0.27, 0.58)
_HEAT = (1.0, 0.55, 0.0)
_DIMMED = 0.55
_MOST_HEAT = 0.85


def enlarged(image_01: Picture) -> Float[Tensor, "channel shown_height shown_width"]:
    """Enlarge a small picture by a whole number with hard pixels; a larger one stays.

    Args:
        image_01: values 0..1.
    """
    factor = max(1, ENLARGED_PX // max(image_01.shape[-2:]))
    return image_01.repeat_interleave(factor, -2).repeat_interleave(factor, -1)


def brightness(images_01: Float[Tensor, "*batch channel height width"]) -> Tensor:
    """Compute luma ``[..., height, width]`` of pictures with one or three channels."""
    if images_01.shape[-3] == 1:
        return images_01[..., 0, :, :]
    weights = torch.tensor(LUMA, dtype=images_01.dtype)
    return (images_01 * weights[:, None, None]).sum(-3)


def difference_scale(changes: Sequence[Plane]) -> float:
    """Choose the one scale of several differences.

    Args:
        changes: of brightness.

    Returns:
        The largest 99.9 % quantile of their absolute values; 0 where nothing changed.
    """
    return max(float(torch.quantile(one.abs().flatten(), SCALE_QUANTILE)) for one in changes)


def difference(change: Plane, scale: float) -> Float[Tensor, "3 height width"]:
    """Draw a signed change: orange brighter, blue darker, white none.

    Args:
        change: of brightness.
        scale: the change in full colour, on either side of 0.
    """
    share = (change / scale).clamp(-1, 1) if scale > 0 else torch.zeros_like(change)
    color = torch.where(share[None] >= 0, _plane(_BRIGHTER, change), _plane(_DARKER, change))
    weight = share.abs()[None]
    return (1 - weight) + weight * color


def _plane(color: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(color, dtype=like.dtype)[:, None, None].expand(-1, *like.shape)


def heat(image_01: Picture, values: Plane) -> Float[Tensor, "3 height width"]:
    """Lay a map in orange over the dimmed grey image.

    Args:
        image_01: the source.
        values: the map, 0 or more; its largest value is drawn strongest.
    """
    most = float(values.max())
    weight = _MOST_HEAT * (values / most if most > 0 else torch.zeros_like(values))[None]
    grey = _DIMMED * brightness(image_01).expand(3, *values.shape)
    return ((1 - weight) * grey + weight * _plane(_HEAT, values)).clamp(0, 1)


def animation_bytes(frames_01: Sequence[Picture]) -> bytes:
    """Encode frames as an animated PNG that goes there and back without end.

    Every picture in it is a frame as it is: nothing is blended between two of them.

    Args:
        frames_01: the source and the frames to show, in order; at least two.

    Returns:
        The bytes of the file, the same for the same frames.
    """
    order = [*range(len(frames_01)), *range(len(frames_01) - 2, 0, -1)]
    pictures = [_opened(frames_01[place]) for place in order]
    ends = (0, len(frames_01) - 1)
    times = [END_MS if place in ends else FRAME_MS for place in order]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        format="PNG",
        save_all=True,
        append_images=pictures[1:],
        duration=times,
        loop=0,
    )
    return buffer.getvalue()


def _opened(image_01: Picture) -> Image.Image:
    with Image.open(io.BytesIO(to_png_bytes(enlarged(image_01)))) as picture:
        picture.load()
        return picture
