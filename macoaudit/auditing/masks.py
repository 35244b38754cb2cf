"""Object masks that a user has: found by name, checked, and cropped as their images are."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import torch
from jaxtyping import Bool
from PIL import Image
from torch import Tensor

from macoaudit.auditing.reading import Seen
from macoaudit.errors import ImageError, UsageError
from macoaudit.images import FORMATS, decode_image, digest, load_bytes, preprocess
from macoaudit.preprocessing import Preprocessing
from macoaudit.results import Skipped

_NAMED = 3
"""Images that a message lists."""


@dataclass(frozen=True)
class Masks:
    """The masks of an audit's images."""

    objects: Bool[Tensor, "image height width"]
    """Where the object is; empty for an image without a mask."""
    n_given: int
    """Images that have one."""
    digests: tuple[str | None, ...]
    """Of the files; None where there is no usable one."""
    skipped: tuple[Skipped, ...]


def require_masks(masks: Path | None, images: Sequence[Path]) -> None:
    """Make sure that the folder of masks is there, and is not read as images.

    Raises:
        UsageError: when it is not.
    """
    if masks is None:
        return
    if not masks.is_dir():
        raise UsageError(
            f"--masks {masks}: there is no such folder. Give a folder with one PNG for each image, "
            "at the same path"
        )
    for path in images:
        if path.is_dir() and masks.resolve().is_relative_to(path.resolve()):
            raise UsageError(
                f"--masks {masks}: lies in the folder of images {path}, so the masks would be "
                "taken for images. Give a folder outside it"
            )


def mask_path(folder: Path, relative: str) -> Path:
    """Give the file that the mask of an image is in.

    Args:
        folder: of the masks.
        relative: path of the image, relative to the folder of images.
    """
    return folder / PurePosixPath(relative).with_suffix(".png")


def read_masks(folder: Path, images: Sequence[Seen], preprocessing: Preprocessing) -> Masks:
    """Read the mask of every image: ``folder/same/path/as/the/image.png``, above half is object.

    Masks are resized and cropped exactly as their images are, but to the nearest pixel. One that is
    missing, unreadable, of another size than its image, or without an object in what the network
    sees, is left out with the reason.

    Args:
        folder: of the masks.
        images: those that are tested.
        preprocessing: the network's.
    """
    # What is padded around an image is no object.
    geometry = replace(preprocessing, interpolation="nearest", mean=(0.0,) * preprocessing.channels)
    empty = torch.zeros(preprocessing.input_size, dtype=torch.bool)
    objects, digests = list[Tensor](), list[str | None]()
    problems: dict[str, list[str]] = {}
    for image in images:
        path = mask_path(folder, image.file.relative)
        try:
            mask, sha256 = _read_mask(path, image, geometry)
        except ImageError as error:
            mask, sha256 = empty, None
            problems.setdefault(str(error), []).append(image.file.relative)
        objects.append(mask)
        digests.append(sha256)
    return Masks(
        objects=torch.stack(objects),
        n_given=sum(sha256 is not None for sha256 in digests),
        digests=tuple(digests),
        skipped=tuple(_skipped(reason, names) for reason, names in problems.items()),
    )


def _read_mask(path: Path, image: Seen, geometry: Preprocessing) -> tuple[Tensor, str]:
    if not path.is_file():
        raise ImageError("there is no mask")
    try:
        content = load_bytes(path)
        decoded = decode_image(content, path.name)
        with Image.open(io.BytesIO(content), formats=FORMATS) as image_file:
            transparent = image_file.has_transparency_data
    except (ImageError, OSError) as error:
        raise ImageError("the mask cannot be read") from error
    if transparent:
        raise ImageError("the mask has transparent pixels; save it in grey, the object white")
    wanted = (int(image.facts["file width"]), int(image.facts["file height"]))
    if decoded.size != wanted:
        raise ImageError("the mask has another size than its image")
    values = preprocess(decoded.convert("L").convert("RGB"), geometry)[0]
    mask = values > 0.5
    if not bool(mask.any()):
        raise ImageError(
            "the mask is above half nowhere in the part of the image that the network sees"
        )
    return mask, digest(content)


def _skipped(reason: str, names: Sequence[str]) -> Skipped:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Skipped("masks", f"{reason}: {', '.join(names[:_NAMED])}{more}")
