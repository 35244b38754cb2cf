"""``macoaudit spectrum``: measure a mean magnitude spectrum."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.text import Text
from torch import Tensor

from macoaudit.errors import ImageError, UsageError
from macoaudit.images import decode_image, digest, find_images, load_bytes, read_image, square_crop
from macoaudit.spectrum import (
    color_decorrelation,
    measure_spectrum,
    power_law_slope,
    save_spectrum,
)


def command(
    images: Annotated[list[Path], typer.Argument(help="Image files or a folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write (.safetensors).")],
    size: Annotated[int, typer.Option(help="Side in pixels that images are reduced to.")] = 320,
    color: Annotated[
        str, typer.Option(help="Colour space: 'measured' (decorrelated) or 'identity'.")
    ] = "measured",
    border: Annotated[str, typer.Option(help="'raw' or 'periodic' (no border cross).")] = "raw",
    source: Annotated[str, typer.Option(help="A word on the images' source, stored.")] = "",
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show a traceback on errors.")
    ] = False,
) -> int:
    """Measure the mean magnitude spectrum of a folder of natural images.

    Each image's largest central square is reduced to --size with an antialiasing filter; images
    whose shorter side is below --size are left out, because enlarging would lose high frequencies.
    """
    if size < 32:
        raise UsageError(f"--size is {size}; use 32 or more")
    if color not in ("measured", "identity"):
        raise UsageError(f"--color is {color!r}; use 'measured' or 'identity'")
    usable, skipped, manifest = _survey(images, size)
    if not usable:
        raise UsageError(
            f"IMAGES: none of {len(skipped)} images is readable with a shorter side of {size} px "
            f"or more; use a smaller --size. First: {skipped[0]}"
        )
    matrix = color_decorrelation(_load(usable, size)) if color == "measured" else torch.eye(3)
    recipe = {
        "size_px": str(size),
        "crop": "largest central square, Lanczos",
        "color": color,
        "source": source,
        "manifest_sha256": manifest,
    }
    spectrum = measure_spectrum(_load(usable, size), matrix, border=border, recipe=recipe)
    save_spectrum(spectrum, output)
    slope = ", ".join(f"{value:.2f}" for value in power_law_slope(spectrum.magnitude, size))
    console = Console(stderr=True, highlight=False)
    for line in (
        f"{output}: {spectrum.n_images} images at {size} px, {len(skipped)} left out",
        f"slope of 1/f^a per channel: {slope}",
        f"digest {spectrum.digest}",
    ):
        console.print(Text(line), soft_wrap=True)
    return 0


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


def _load(files: list[Path], size: int) -> Iterator[Tensor]:
    for file in files:
        crop = square_crop(read_image(file), size)
        if crop is not None:
            yield crop
