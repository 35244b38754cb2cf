"""The work of ``macoaudit phase swap`` and ``natural``: read, exchange, write, describe."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import StoreError, UsageError
from macoaudit.files import write_bytes
from macoaudit.images import read_image, square_crop, to_png_bytes
from macoaudit.phases import (
    clipped_share,
    likeness,
    natural_magnitude,
    natural_noise,
    random_phases,
    swap_phases,
)
from macoaudit.report.sheet import contact_sheet
from macoaudit.spectrum import load_spectrum

LARGEST_PX = 512
"""Side that pictures are reduced to when no other is asked for."""
SMALLEST_PX = 32


@dataclass(frozen=True)
class _Panel:
    """One picture of a sheet, not clipped yet."""

    file: str
    phase: str
    magnitude: str
    picture: Float[Tensor, "3 height width"]
    made: bool = True
    """False for a given picture, which is shown as it is."""


def swap(first: Path, second: Path, output: Path, *, size: int | None) -> tuple[str, ...]:
    """Exchange the phases of two pictures and write both results, the sources and a sheet.

    Args:
        first: an image file.
        second: an image file.
        output: folder to write into.
        size: side of the common square in pixels; None for the largest that needs no enlarging.

    Returns:
        Lines that say what was written and what it shows.

    Raises:
        UsageError: when a picture is too small or a result would replace it.
        ImageError: when a picture cannot be read.
    """
    one, other = squares([first, second], size)
    of_first, of_second = swap_phases(one, other)
    a, b = "A", "B"
    panels = (
        _Panel("swap-a.png", a, a, one, made=False),
        _Panel("swap-b.png", b, b, other, made=False),
        _Panel("swap-phase-a.png", a, b, of_first),
        _Panel("swap-phase-b.png", b, a, of_second),
    )
    _write(panels, output, "swap-sheet.png", (first, second))
    sources = {"A": (first, one), "B": (second, other)}
    return _lines(panels, output, "swap-sheet.png", sources)


def natural(
    image: Path, output: Path, *, size: int | None, spectrum: Path | None, seed: int
) -> tuple[str, ...]:
    """Draw a picture's phases on the natural magnitude, and random phases on either magnitude.

    Args:
        image: an image file.
        output: folder to write into.
        size: side of the square in pixels; None for the largest that needs no enlarging.
        spectrum: file of the magnitude; None for the packaged one.
        seed: of the random phases.

    Returns:
        Lines that say what was written and what it shows.

    Raises:
        UsageError: when the picture is too small or a result would replace it.
        ImageError: when the picture cannot be read.
        SpectrumError: when the spectrum cannot be read.
    """
    template = load_spectrum(spectrum)
    (picture,) = squares([image], size)
    shape = (int(picture.shape[1]), int(picture.shape[2]))
    generator = torch.Generator().manual_seed(seed)
    panels = (
        _Panel("natural-image.png", "A", "A", picture, made=False),
        _Panel("natural-own-phase.png", "A", "natural", natural_magnitude(picture, template)),
        _Panel("natural-random-phase.png", "random", "A", random_phases(picture, generator)),
        _Panel("natural-noise.png", "random", "natural", natural_noise(template, shape, generator)),
    )
    _write(panels, output, "natural-sheet.png", (image,))
    return _lines(panels, output, "natural-sheet.png", {"A": (image, picture)})


def squares(files: Sequence[Path], size: int | None) -> tuple[Float[Tensor, "3 height width"], ...]:
    """Read the largest central square of each picture, reduced to a common size.

    Raises:
        UsageError: when that would enlarge one.
        ImageError: when one cannot be read.
    """
    images = [read_image(file) for file in files]
    shortest = min(range(len(files)), key=lambda place: min(images[place].size))
    largest = min(images[shortest].size)
    side = min(largest, LARGEST_PX) if size is None else size
    if side > largest or side < SMALLEST_PX:
        asked = "" if size is None else f", {side} px were asked for with --size"
        raise UsageError(
            f"{files[shortest]}: its shorter side is {largest} px{asked}; pictures are never "
            f"enlarged and need {SMALLEST_PX} px. Use a larger picture or a smaller --size"
        )
    crops = [square_crop(image, side) for image in images]
    return tuple(crop for crop in crops if crop is not None)


def _write(panels: Sequence[_Panel], output: Path, sheet: str, sources: Sequence[Path]) -> None:
    written = {output / name for name in (sheet, *(panel.file for panel in panels))}
    for source in sources:
        if source.resolve() in {path.resolve() for path in written}:
            raise UsageError(f"--output {output}: {source} would be replaced. Give another folder")
    shown = [(panel, panel.picture.clamp(0, 1).to(torch.float32)) for panel in panels]
    # all are made before the first is written
    contents = {panel.file: to_png_bytes(image) for panel, image in shown}
    row = [
        (one, (f"phase: {panel.phase}", f"magnitude: {panel.magnitude}")) for panel, one in shown
    ]
    contents[sheet] = contact_sheet([row])
    for name, content in contents.items():
        try:
            write_bytes(output / name, content)
        except StoreError as error:
            raise UsageError(
                f"--output {output}: {name} cannot be written ({error}). Give another folder"
            ) from error


def _lines(
    panels: Sequence[_Panel], output: Path, sheet: str, sources: dict[str, tuple[Path, Tensor]]
) -> tuple[str, ...]:
    side = int(panels[0].picture.shape[-1])
    lines = [f"{name}: {path}" for name, (path, _) in sources.items()]
    lines[-1] += f" (central square, {side} px)"
    for panel in panels:
        if not panel.made:
            continue
        clipped = clipped_share(panel.picture)
        alike = [
            f"{likeness(panel.picture.clamp(0, 1), picture):.2f} with {name}"
            for name, (_, picture) in sources.items()
        ]
        lines.append(
            f"phase of {panel.phase}, magnitude of {panel.magnitude}: correlation "
            f"{', '.join(alike)}; {100 * clipped:.1f} % of the values clipped; "
            f"{output / panel.file}"
        )
    return (*lines, str(output / sheet))
