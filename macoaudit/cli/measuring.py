"""The work of ``macoaudit spectrum``: survey a folder, measure, describe."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from macoaudit.errors import ImageError, UsageError
from macoaudit.images import decode_image, digest, find_images, load_bytes, read_image, square_crop
from macoaudit.spectrum import (
    Spectrum,
    color_decorrelation,
    measure_spectrum,
    power_law_slope,
    save_spectrum,
)

# Pillow's conversion to grey, so that a network of one channel gets what its images hold.
_LUMA = (0.299, 0.587, 0.114)


def measure(
    images: list[Path], output: Path, *, size: int, color: str, border: str, source: str
) -> tuple[str, ...]:
    """Measure the mean spectrum of images and write it.

    Args:
        images: files and folders.
        output: the file to write.
        size: side in pixels that images are reduced to.
        color: ``measured``, ``identity`` or ``grey`` (one channel).
        border: ``raw`` or ``periodic``.
        source: a word on where the images are from.

    Returns:
        Lines that say what was measured.

    Raises:
        UsageError: when no image can be used.
        SpectrumError: when the spectrum cannot be measured or written.
    """
    usable, skipped, manifest = _survey(images, size)
    if not usable:
        raise UsageError(
            f"IMAGES: none of {len(skipped)} images is readable with a shorter side of {size} px "
            f"or more; use a smaller --size. First: {skipped[0]}"
        )
    matrix = torch.eye(1 if color == "grey" else 3)
    if color == "measured":
        matrix = color_decorrelation(_load(usable, size, color))
    recipe = {
        "size_px": str(size),
        "crop": "largest central square, Lanczos",
        "color": color,
        "source": source,
        "manifest_sha256": manifest,
    }
    spectrum = measure_spectrum(_load(usable, size, color), matrix, border=border, recipe=recipe)
    save_spectrum(spectrum, output)
    return _lines(spectrum, output, size, skipped)


def _lines(spectrum: Spectrum, output: Path, size: int, skipped: list[str]) -> tuple[str, ...]:
    slope = ", ".join(f"{value:.2f}" for value in power_law_slope(spectrum.magnitude, size))
    first = f" (first: {skipped[0]})" if skipped else ""
    return (
        f"{output}: {spectrum.n_images} images at {size} px, {len(skipped)} left out{first}",
        f"slope of 1/f^a per channel: {slope}",
        f"digest {spectrum.digest}",
    )


def _survey(images: list[Path], size: int) -> tuple[list[Path], list[str], str]:
    """Which images can be used, which cannot and why, and a digest of the contents used."""
    usable, skipped, digests = [], [], []
    for file in find_images(images):
        try:
            content = load_bytes(file.path)
            crop = square_crop(decode_image(content, file.relative), size)
        except ImageError as error:
            skipped.append(str(error))
            continue
        if crop is None:
            skipped.append(f"{file.relative}: its shorter side is below {size} px")
            continue
        usable.append(file.path)
        digests.append(digest(content))
    return usable, skipped, digest("\n".join(sorted(digests)).encode())


def _load(files: list[Path], size: int, color: str) -> Iterator[Tensor]:
    luma = torch.tensor(_LUMA)[:, None, None]
    for file in files:
        crop = square_crop(read_image(file), size)
        if crop is not None:
            yield (crop * luma).sum(0, keepdim=True) if color == "grey" else crop
