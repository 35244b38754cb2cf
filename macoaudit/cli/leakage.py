"""The work of ``macoaudit phase leakage``: power spectra of pictures beside natural images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import ImageError, UsageError
from macoaudit.images import find_images, read_image, square_crop
from macoaudit.power import high_frequency_share, radial_power
from macoaudit.report.power_chart import Curve
from macoaudit.report.words import visible
from macoaudit.store import RESULTS, read_results

SCHEMA_VERSION = 1
SMALLEST_PX = 32
MOST_SERIES = 5
_BAND = (0.1, 0.9)


@dataclass(frozen=True)
class Series:
    """Pictures that belong together, all of one size, and what was measured on them."""

    name: str
    reference: bool
    pictures: Float[Tensor, "picture 3 side side"]
    contrast: float
    """Root mean square of the values less each picture's and channel's mean."""
    share_above: Float[Tensor, " picture"]
    """Share of each picture's energy above the frequency; NaN for one colour."""
    energy_above: float
    """Mean over pictures of the energy above the frequency, per value: contrast squared."""
    power: Float[Tensor, "picture ring"]


@dataclass(frozen=True)
class Comparison:
    """Everything that was measured: natural images first, then the pictures as they were named."""

    side_px: int
    above: float
    border: str
    frequencies: Float[Tensor, " ring"]
    series: tuple[Series, ...]
    notes: tuple[str, ...]
    """What was left out or reduced, in words."""

    def curves(self) -> tuple[Curve, ...]:
        """Mean power of each series, and for the reference the band that holds most of it."""
        return tuple(
            Curve(
                name=one.name,
                frequencies=tuple(self.frequencies.tolist()),
                power=tuple(one.power.mean(0).tolist()),
                band=_band(one.power) if one.reference and len(one.power) >= 5 else None,
            )
            for one in self.series
        )

    def document(self) -> dict[str, Any]:
        """Every number as plain data; one that does not exist is null."""
        return {
            "schema_version": SCHEMA_VERSION,
            "command": "phase leakage",
            "side_px": self.side_px,
            "above_cycles_per_px": self.above,
            "border": self.border,
            "frequencies_cycles_per_px": self.frequencies.tolist(),
            "series": [
                {
                    "name": one.name,
                    "reference": one.reference,
                    "n_pictures": len(one.pictures),
                    "contrast_rms": one.contrast,
                    "share_above": _summary(one.share_above),
                    "energy_above": one.energy_above,
                    "energy_above_to_reference": times_reference(one, self.series),
                    "power": one.power.mean(0).tolist(),
                }
                for one in self.series
            ],
            "notes": list(self.notes),
        }


def times_reference(one: Series, series: Sequence[Series]) -> float | None:
    """Energy above the frequency as a multiple of the reference's; None where that has none."""
    basis = series[0].energy_above
    return one.energy_above / basis if basis > 0 else None


def compare(
    places: Sequence[Path],
    reference: Path,
    *,
    above: float,
    size: int | None,
    border: str,
) -> Comparison:
    """Measure power spectra of pictures and of natural images, all at one size.

    Args:
        places: run folders, folders of pictures (each is one series) and picture files (together
            one series).
        reference: natural images.
        above: frequency in cycles per pixel that the shares are taken above.
        size: side in pixels that everything is reduced to; None for the smallest picture's.
        border: ``raw`` or ``periodic``; see :func:`macoaudit.power.radial_power`.

    Returns:
        The measured series.

    Raises:
        UsageError: when there is nothing to measure, or it is too small.
        StoreError: when a run cannot be read.
        ImageError: when a picture of a run cannot be read.
    """
    notes: list[str] = []
    found = [(name, _read(files, name, notes)) for name, files in _named(places)]
    smallest = min(min(image.size) for _, images in found for image in images)
    side = smallest if size is None else size
    if side < SMALLEST_PX or side > smallest:
        raise UsageError(
            f"PICTURES: the smallest has {smallest} px, {side} px are to be compared; power "
            f"spectra need {SMALLEST_PX} px and pictures that are not enlarged"
        )
    natural = _natural(reference, side, notes)
    label = _label(reference)
    series = [_measured(label, natural, above, border, reference=True)]
    for name, images in found:
        reduced = sum(min(image.size) != side for image in images)
        if reduced:
            notes.append(
                f"{name}: {reduced} of {len(images)} pictures were reduced to {side} px, which "
                "moves their frequencies and takes the highest away"
            )
        crops = torch.stack([c for image in images if (c := square_crop(image, side)) is not None])
        series.append(_measured(name, crops, above, border, reference=False))
    frequencies, _ = radial_power(natural[:1], border=border)
    return Comparison(side, above, border, frequencies, tuple(series), tuple(notes))


def _named(places: Sequence[Path]) -> list[tuple[str, list[Path]]]:
    """Which files belong together, and what to call them."""
    files = [place for place in places if place.is_file() and place.name != RESULTS]
    folders = [place for place in places if place not in files]
    named = [(_name(place, folders), _files(place)) for place in folders]
    if files:
        named.append((files[0].stem if len(files) == 1 else "pictures", files))
    if len(named) > MOST_SERIES:
        raise UsageError(
            f"PICTURES: {len(named)} runs and folders came; {MOST_SERIES} can be told apart in "
            "one chart. Name fewer"
        )
    return named


def _name(place: Path, places: Sequence[Path]) -> str:
    """The folder's own name where it is the only one of that name, else its whole path."""
    short = [_folder(other).resolve().name for other in places]
    own = _folder(place).resolve().name
    return visible(own if short.count(own) == 1 else str(_folder(place)))


def _label(reference: Path) -> str:
    return f"reference: {visible(reference.resolve().name)}"


def _folder(place: Path) -> Path:
    return place.parent if place.name == RESULTS else place


def _files(place: Path) -> list[Path]:
    """The pictures that a run drew, or the images of a folder."""
    folder = _folder(place)
    if not (folder / RESULTS).is_file():
        return [image.path for image in find_images([place])]
    run = read_results(folder)
    drawn = [one.files for one in run.visualizations]
    drawn += [one.files for image in run.images for one in image.inversions]
    pictures = [folder / files["image"] for files in drawn if "image" in files]
    if not pictures:
        raise UsageError(f"PICTURES: run {place} has drawn no picture. Give another run")
    return pictures


def _read(files: Sequence[Path], name: str, notes: list[str]) -> list[Any]:
    images, errors = _each(files, read_image)
    if not images:
        raise UsageError(f"PICTURES: none of {name} can be used. First: {errors[0]}")
    if errors:
        notes.append(f"{name}: {len(errors)} pictures left out (first: {errors[0]})")
    return images


def _natural(reference: Path, side: int, notes: list[str]) -> Float[Tensor, "image 3 side side"]:
    def crop(path: Path) -> Tensor:
        image = square_crop(read_image(path), side)
        if image is None:
            raise ImageError(f"{path}: its shorter side is below {side} px")
        return image

    try:
        files = [image.path for image in find_images([reference])]
    except UsageError as error:
        raise UsageError(f"--reference: {str(error).removeprefix('IMAGES: ')}") from error
    crops, errors = _each(files, crop)
    if not crops:
        raise UsageError(
            f"--reference: none of {len(files)} images can be used. First: {errors[0]}"
        )
    if errors:
        notes.append(f"{_label(reference)}: {len(errors)} images left out (first: {errors[0]})")
    return torch.stack(crops)


def _each(files: Sequence[Path], make: Callable[[Path], Any]) -> tuple[list[Any], list[str]]:
    made, errors = [], []
    for file in files:
        try:
            made.append(make(file))
        except ImageError as error:
            errors.append(str(error))
    return made, errors


def _measured(name: str, pictures: Tensor, above: float, border: str, *, reference: bool) -> Series:
    _, power = radial_power(pictures, border=border)
    share = high_frequency_share(pictures, above, border=border)
    variance = pictures.to(torch.float64).var((2, 3), correction=0).mean(1)
    return Series(
        name=name,
        reference=reference,
        pictures=pictures,
        contrast=float(variance.mean().sqrt()),
        share_above=share,
        energy_above=float((variance * share.nan_to_num(0.0)).mean()),
        power=power,
    )


def _summary(values: Tensor) -> dict[str, Any]:
    """Mean, least and largest of the values that exist, and how many do not."""
    known = values[~values.isnan()]
    numbers = [
        float(f(known)) if len(known) else None for f in (torch.mean, torch.amin, torch.amax)
    ]
    return {
        **dict(zip(("mean", "least", "largest"), numbers, strict=True)),
        "n_without": len(values) - len(known),
    }


def _band(power: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    low, high = (tuple(power.quantile(level, 0).tolist()) for level in _BAND)
    return low, high
