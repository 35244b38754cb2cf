"""Photographs to a network's input size, exactly as timm's evaluation transform does."""

import math

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from macoaudit.errors import ImageError
from macoaudit.images.reading import MAX_PIXELS
from macoaudit.preprocessing import Preprocessing

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
    "lanczos": Image.Resampling.LANCZOS,
}


def preprocess(
    image: Image.Image, preprocessing: Preprocessing
) -> Float[Tensor, "channel height width"]:
    """Resize and crop a photograph as timm's evaluation transform does, before normalising.

    Args:
        image: RGB, any size.
        preprocessing: the network's.

    Returns:
        Values 0..1, shape (channel, height, width) of the network's input.

    Raises:
        ImageError: when the photograph is so narrow that its resized form would be huge, or the
            network takes neither one nor three channels.
    """
    if preprocessing.channels not in (1, 3):
        raise ImageError(
            f"a network of {preprocessing.channels} channels cannot be given photographs; 1 and 3 "
            "can. Name another model"
        )
    size = _resized(image, preprocessing)
    if size[0] * size[1] > MAX_PIXELS:
        raise ImageError(
            f"{image.width} x {image.height} pixels would be {size[1]} x {size[0]} with the short "
            "side at the network's size. Crop the photograph"
        )
    resampling = _RESAMPLING[preprocessing.interpolation]
    if size != (image.height, image.width):
        image = image.resize((size[1], size[0]), resampling)
    image = _centre(image, preprocessing.input_size, _padding(preprocessing))
    pixels = np.array(image if preprocessing.channels == 3 else image.convert("L"))
    pixels = pixels.reshape(*preprocessing.input_size, preprocessing.channels)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous().float().div(255)


def _padding(preprocessing: Preprocessing) -> tuple[int, ...]:
    """Give the colour around an image that is smaller than the crop: timm's mean, or black."""
    if preprocessing.crop_mode != "border":
        return (0, 0, 0)
    mean = preprocessing.mean * (3 // preprocessing.channels)
    return tuple(round(255 * value) for value in mean)


def _resized(image: Image.Image, preprocessing: Preprocessing) -> tuple[int, int]:
    """Compute (height, width) in front of the crop, with timm's and torchvision's rounding."""
    height, width = (math.floor(side / preprocessing.crop_pct) for side in preprocessing.input_size)
    if preprocessing.crop_mode == "squash":
        return height, width
    ratios = image.height / height, image.width / width
    if preprocessing.crop_mode == "border":
        return round(image.height / max(ratios)), round(image.width / max(ratios))
    if height != width:
        return round(image.height / min(ratios)), round(image.width / min(ratios))
    # torchvision's resize of the short side truncates where timm's own rounds
    short, long = sorted((image.height, image.width))
    scaled = int(height * long / short)
    return (height, scaled) if image.height <= image.width else (scaled, height)


def _centre(image: Image.Image, size: tuple[int, int], fill: tuple[int, ...]) -> Image.Image:
    """Crop the centre; where the image is smaller than the crop, pad it evenly first."""
    height, width = size
    pad_y, pad_x = max(height - image.height, 0), max(width - image.width, 0)
    if pad_y or pad_x:
        canvas = Image.new("RGB", (image.width + pad_x, image.height + pad_y), fill)
        canvas.paste(image, (pad_x // 2, pad_y // 2))
        image = canvas
    top, left = round((image.height - height) / 2), round((image.width - width) / 2)
    return image.crop((left, top, left + width, top + height))
