"""Pictures of a run folder as small encoded files, made one at a time.

A record names its pictures; this module reads them only inside the run folder, flattens
transparency on neutral grey and encodes them. A picture that cannot be had becomes a
:class:`Missing` with its reason, which the report prints in its place.
"""

import base64
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from macoaudit.report.words import visible

NEUTRAL_GREY = (128, 128, 128)
QUALITIES = (75, 65, 55, 45, 34)
SHRINK = 0.8


@dataclass(frozen=True)
class Encoded:
    """An encoded picture and its size."""

    data: bytes
    media_type: str
    width_px: int
    height_px: int

    @property
    def data_url(self) -> str:
        """The picture as a ``data:`` address."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode('ascii')}"


@dataclass(frozen=True)
class Missing:
    """A picture that cannot be shown, and why."""

    reason: str


def resolve_inside(folder: Path, name: str) -> Path | None:
    """Resolve a recorded name; None when it leads outside the run folder, symlinks included."""
    try:
        path = (folder / name).resolve()
    except (OSError, ValueError, RuntimeError):
        return None
    return path if path.is_relative_to(folder.resolve()) else None


def _flat(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (*NEUTRAL_GREY, 255))
        return Image.alpha_composite(ground, rgba).convert("RGB")
    if image.mode in ("I;16", "I", "F"):
        raise ValueError(f"mode {image.mode} is not an 8-bit picture")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _trimmed(image: Image.Image) -> Image.Image:
    """Cut a picture to its parts that are not transparent; a wholly transparent one stays."""
    box = image.convert("RGBA").getchannel("A").getbbox()
    return image if box is None else image.crop(box)


def _load(folder: Path, name: str, max_side_px: int, trim: bool = False) -> Image.Image | Missing:
    path = resolve_inside(folder, name)
    if path is None:
        return Missing(f"picture {visible(name)} lies outside the run folder")
    if not path.is_file():
        return Missing(f"picture {visible(name)} is not in the run folder")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                image = _flat(_trimmed(opened) if trim else opened)
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError) as error:
        return Missing(f"picture {visible(name)} cannot be read ({visible(error)})")
    image.thumbnail((max_side_px, max_side_px), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return image


def _encode(image: Image.Image, kind: Literal["WEBP", "JPEG"], quality: int) -> bytes:
    buffer = io.BytesIO()
    if kind == "WEBP":
        image.save(buffer, "WEBP", quality=quality, method=2)
    else:
        image.save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True)
    return buffer.getvalue()


def thumbnail(
    folder: Path,
    name: str,
    *,
    max_side_px: int = 256,
    max_bytes: int = 15_000,
    trim: bool = False,
) -> Encoded | Missing:
    """Encode a picture of the run folder as a WebP that keeps within a byte limit.

    Quality is lowered first, then the size; each trial starts from the same pixels, so the result
    depends on the picture alone.

    Args:
        folder: the run folder.
        name: path relative to it, as recorded.
        max_side_px: longest side.
        max_bytes: limit of the encoded file.
        trim: whether to cut the picture to what is not transparent.

    Returns:
        The picture, or why there is none.
    """
    image = _load(folder, name, max_side_px, trim)
    if isinstance(image, Missing):
        return image
    while True:
        for quality in QUALITIES:
            data = _encode(image, "WEBP", quality)
            if len(data) <= max_bytes:
                return Encoded(data, "image/webp", image.width, image.height)
        if max(image.size) <= 8:
            return Missing(f"picture {visible(name)} does not fit in {max_bytes} bytes")
        size = (max(1, int(image.width * SHRINK)), max(1, int(image.height * SHRINK)))
        image = image.resize(size, Image.Resampling.LANCZOS)


def jpeg(
    folder: Path, name: str, *, max_side_px: int = 384, quality: int = 85, trim: bool = False
) -> Encoded | Missing:
    """Encode a picture of the run folder as a JPEG for print.

    Args:
        folder: the run folder.
        name: path relative to it, as recorded.
        max_side_px: longest side; 384 px on a quarter of a page is about 220 dots per inch.
        quality: JPEG quality, 1 to 95.
        trim: whether to cut the picture to what is not transparent.

    Returns:
        The picture, or why there is none.
    """
    image = _load(folder, name, max_side_px, trim)
    if isinstance(image, Missing):
        return image
    return Encoded(_encode(image, "JPEG", quality), "image/jpeg", image.width, image.height)
