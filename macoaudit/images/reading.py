"""Image files to upright 8-bit RGB.

EXIF orientation is applied, the first frame only is taken, anything transparent is laid over mid
grey. Embedded colour profiles are not applied, as timm does not either.
"""

import hashlib
import io
import stat
import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from macoaudit.errors import ImageError

# Named, because Pillow's sniffing ignores extensions and some of its readers run other programs.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
MAX_PIXELS = 100_000_000
MAX_FILE_BYTES = 512 * 1024 * 1024
GREY = (128, 128, 128)
"""Under transparent pixels: the colour furthest from saying anything."""


def digest(content: bytes) -> str:
    """Digest bytes: sha256 in hex."""
    return hashlib.sha256(content).hexdigest()


def load_bytes(path: Path) -> bytes:
    """Read a whole image file, regular files of a sensible size only.

    Raises:
        ImageError: when it cannot be read, is a device or a pipe, or is over 512 MB.
    """
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise ImageError(f"{path}: is not a regular file. Leave it out")
        if facts.st_size > MAX_FILE_BYTES:
            raise ImageError(
                f"{path}: {facts.st_size} bytes are more than {MAX_FILE_BYTES}. Make it smaller"
            )
        return path.read_bytes()
    except OSError as error:
        raise ImageError(
            f"{path}: cannot be read ({error.strerror or error}). Check the file or leave it out"
        ) from error


def decode_image(content: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode a photograph to upright 8-bit RGB.

    Args:
        content: bytes of a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM file.
        name: what messages call it.
        max_pixels: refuse larger ones before they are decoded.

    Returns:
        The first frame, mode ``RGB``.

    Raises:
        ImageError: when it is corrupt, truncated, too large, or of a kind whose range of values
            is not known (floating point, 32 bits).
    """
    try:
        with warnings.catch_warnings():
            # Our own cap is checked below, before any pixel is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Pillow warns of odd metadata that does not touch the pixels.
            warnings.simplefilter("ignore", UserWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
            n_pixels = image.width * image.height
            if n_pixels > max_pixels:
                raise ImageError(
                    f"{name}: {image.width} x {image.height} pixels are more than {max_pixels}. "
                    "Make it smaller"
                )
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image), name)
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: is far too large ({error}). Make it smaller") from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name}: is no readable {', '.join(FORMATS)} image. Convert it or leave it out"
        ) from error
    # Pillow's readers raise all of these on broken files.
    except (OSError, SyntaxError, ValueError, IndexError, TypeError, struct.error) as error:
        raise ImageError(
            f"{name}: is corrupt or truncated ({error}). Get the file again or leave it out"
        ) from error


def read_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Read a photograph file as upright 8-bit RGB: :func:`load_bytes`, :func:`decode_image`."""
    return decode_image(load_bytes(path), str(path), max_pixels=max_pixels)


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode.startswith("I"):
        return _sixteen_to_eight_bits(image, name)
    if image.mode == "F":
        raise ImageError(
            f"{name}: holds floating-point values, whose range is not known. Convert it to 8 bits"
        )
    if image.has_transparency_data:
        canvas = Image.new("RGBA", image.size, (*GREY, 255))
        return Image.alpha_composite(canvas, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _sixteen_to_eight_bits(image: Image.Image, name: str) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion clips at 255."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError(
            f"{name}: holds values from {values.min()} to {values.max()}, whose range is not "
            "known. Convert it to 8 or 16 bits"
        )
    return Image.fromarray(np.round(values / 257).astype(np.uint8)).convert("RGB")
