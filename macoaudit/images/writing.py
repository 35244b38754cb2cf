"""Images in 0..1 to PNG files, and small copies of files for a report."""

import io
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from macoaudit.errors import ImageError
from macoaudit.files import write_bytes
from macoaudit.images.reading import digest

# Rounding of float32 sums may leave 0..1 by this much; more is a mistake of the caller.
_RANGE_TOLERANCE = 1e-4


def _to_u8(values_01: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Round values in 0..1 to 0..255."""
    values = values_01.detach().to("cpu", torch.float32)
    low, high = float(values.min()), float(values.max())
    if not (low >= -_RANGE_TOLERANCE and high <= 1 + _RANGE_TOLERANCE):  # false for NaN too
        raise ImageError(
            f"image_01: values from {low} to {high} came; a picture needs finite values in 0..1"
        )
    array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = (
        values.clamp(0, 1).mul(255).round().to(torch.uint8).numpy()
    )
    return array


def to_png_bytes(
    image_01: Float[Tensor, "channel height width"],
    *,
    alpha_01: Float[Tensor, "height width"] | None = None,
) -> bytes:
    """Encode an image as PNG: grey for one channel, colour for three, alpha where it is given.

    Args:
        image_01: shape (channel, height, width) with 1 or 3 channels, values 0..1.
        alpha_01: opacity, shape (height, width), values 0..1.

    Returns:
        The bytes of the file, the same for the same values.

    Raises:
        ImageError: when a value is outside 0..1 or not finite, or the channels are neither 1 nor 3.
    """
    if image_01.shape[0] not in (1, 3):
        raise ImageError(f"image_01: {image_01.shape[0]} channels came; a picture has 1 or 3")
    planes = [Image.fromarray(plane) for plane in _to_u8(image_01)]
    if alpha_01 is not None:
        planes.append(Image.fromarray(_to_u8(alpha_01)))
    picture = Image.merge({1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[len(planes)], planes)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def save_png(
    path: Path,
    image_01: Float[Tensor, "channel height width"],
    *,
    alpha_01: Float[Tensor, "height width"] | None = None,
) -> str:
    """Write an image as PNG, whole or not at all.

    Returns:
        The sha256 of the file's bytes.

    Raises:
        ImageError: see :func:`to_png_bytes`.
        StoreError: when the file cannot be written.
    """
    content = to_png_bytes(image_01, alpha_01=alpha_01)
    write_bytes(path, content)
    return digest(content)
