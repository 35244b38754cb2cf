"""How much of an attribute an inversion keeps: likeness to the reference, a null and a ceiling.

Every attribute has a *likeness* between an image and the reference. It is taken for the inversions
(observed), for random-phase images of the same spectrum (null) and for the reference itself as the
method can draw it, its own phases on the natural magnitude (ceiling). Retention is

    R = (observed - null) / (ceiling - null), cut to 0..1.

Colour and orientation are compared between each place of the reference and the place of the other
image whose content is most like it, so that they do not depend on position; layout and the
frequency bands are compared at the same place.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.results import Retained, Skipped

_LAYOUT_GRID = 8
N_BOOTSTRAP = 2000
# An attribute whose ceiling is no further than this above the null cannot be measured on an image.
_LEAST_ROOM = 0.05
ATTRIBUTES = ("color", "orientation", "layout", "layout_shifted")

Images = Float[Tensor, "image channel height width"]
Likeness = Mapping[str, Float[Tensor, " image"]]


@dataclass(frozen=True)
class Traits:
    """What the likenesses are computed from, for a batch of images."""

    color: Float[Tensor, "image 2 place"]
    """Mean opponent colours a*, b* of CIE Lab at each place."""
    orientation: Float[Tensor, "image 2 place"]
    """Double-angle vector of the structure tensor: ``(Jxx - Jyy, 2 Jxy)``, so its length is the
    coherent gradient energy of the place."""
    layout: Float[Tensor, "image 8 8"]
    """Mean lightness."""
    phase: Float[Tensor, "image height half_width 2"]
    """Unit phasor of the luma's spectrum; zero where a bin is empty."""
    size: tuple[int, int]
    """Height and width in pixels."""


def band_names(size: tuple[int, int]) -> tuple[str, ...]:
    """Name the octaves of an image: ``bands_i`` holds 2^(i-1) to 2^i cycles per shorter side."""
    return tuple(f"bands_{i + 1}" for i in range(max(1, math.floor(math.log2(min(size) / 2)))))


def _lab(image_01: Images) -> Float[Tensor, "image 3 height width"]:
    """CIE Lab (D65) of sRGB values; a grey image has a* = b* = 0.

    Source: IEC 61966-2-1 (sRGB), CIE 15 (Lab).
    """
    rgb = image_01.expand(-1, 3, -1, -1) if image_01.shape[1] == 1 else image_01
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = rgb.new_tensor(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    matrix = matrix / matrix.sum(1, keepdim=True)  # white is (1, 1, 1), so grey has no colour
    xyz = torch.einsum("ij,bjhw->bihw", matrix, linear)
    delta = 6 / 29
    f = torch.where(xyz > delta**3, xyz.clamp_min(1e-12) ** (1 / 3), xyz / (3 * delta**2) + 4 / 29)
    x, y, z = f.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def traits(image_01: Images, grid: tuple[int, int]) -> Traits:
    """Compute what an image is compared by.

    Args:
        image_01: images of one size, values in [0, 1], one or three channels.
        grid: rows and columns of places for colour and orientation.
    """
    lab = _lab(image_01)
    luma = lab[:, :1]
    pool = torch.nn.functional.adaptive_avg_pool2d
    dy = torch.nn.functional.pad(luma[..., 2:, 1:-1] - luma[..., :-2, 1:-1], (1, 1, 1, 1))
    dx = torch.nn.functional.pad(luma[..., 1:-1, 2:] - luma[..., 1:-1, :-2], (1, 1, 1, 1))
    tensor = torch.cat([dx * dx - dy * dy, 2 * dx * dy], 1)
    spectrum = torch.fft.rfft2(luma[:, 0])
    strength = spectrum.abs()
    # Bins that are zero but for rounding have no phase.
    floor = 1e-6 * strength.flatten(1).amax(1).clamp_min(1e-30)[:, None, None]
    phasor = torch.where(strength > floor, spectrum / strength.clamp_min(1e-30), 0)
    return Traits(
        color=pool(lab[:, 1:], grid).flatten(2),
        orientation=pool(tensor, grid).flatten(2),
        layout=pool(luma, (_LAYOUT_GRID, _LAYOUT_GRID))[:, 0],
        phase=torch.view_as_real(phasor),
        size=(int(luma.shape[-2]), int(luma.shape[-1])),
    )


def _correlation(a: Tensor, b: Tensor, *, center: bool) -> Float[Tensor, " image"]:
    """Correlation of two vectors a row: 0 where one of them has no length."""
    if center:
        a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    a, b = a.flatten(1), b.flatten(1)
    product, lengths = (a * b).sum(1), a.norm(dim=1) * b.norm(dim=1)
    # Differences that are rounding alone are no pattern.
    scale = 1e-4 * a.shape[1] ** 0.5
    known = (a.norm(dim=1) > scale) & (b.norm(dim=1) > scale)
    return torch.where(known, product / lengths.clamp_min(1e-30), 0.0)


def _matched(values: Tensor, matches: Int[Tensor, "image place"]) -> Tensor:
    """Values of each image at the places matched to the reference's."""
    return values.gather(2, matches[:, None].expand(-1, values.shape[1], -1))


def likeness(reference: Traits, other: Traits, matches: Int[Tensor, "image place"]) -> Likeness:
    r"""Compare images with one reference, each likeness between -1 and 1.

    - ``color``: correlation over the places of a* and b*, each centred, between the reference and
      the matched places.
    - ``orientation``: ``sum_p o_p . o_q(p) / (|o| |o'|)``, the double-angle vectors of matched
      places: the energy-weighted mean of cos 2 (angle difference).
    - ``layout``: correlation of lightness on an 8 x 8 grid at the same place.
    - ``layout_shifted``: the largest of these correlations over the 64 cyclic shifts of the grid.
    - ``bands_i``: mean of cos(phase difference) over the bins of an octave.

    Args:
        reference: traits of the reference, a batch of one.
        other: traits of the images compared with it.
        matches: places of the images matched to the places of the reference.
    """
    count = len(other.color)

    def own(values: Tensor) -> Tensor:
        return values.expand(count, *values.shape[1:])

    color = _correlation(own(reference.color), _matched(other.color, matches), center=True)
    orientation = _correlation(
        own(reference.orientation), _matched(other.orientation, matches), center=False
    )
    side = _LAYOUT_GRID
    shifted = torch.stack(
        [
            _correlation(
                own(reference.layout).flatten(1)[:, None],
                other.layout.roll((dy, dx), (1, 2)).flatten(1)[:, None],
                center=True,
            )
            for dy in range(side)
            for dx in range(side)
        ]
    )
    result = {
        "color": color,
        "orientation": orientation,
        "layout": shifted[0],
        "layout_shifted": shifted.amax(0),
    }
    agreement = (reference.phase * other.phase).sum(-1)
    height, half = agreement.shape[1:]
    fy = torch.fft.fftfreq(height, 1 / height)[:, None]
    cycles = torch.hypot(fy, torch.arange(half)[None].float())
    present = (reference.phase.square().sum(-1) > 0.5)[0]
    for index, name in enumerate(band_names(reference.size)):
        inside = (cycles >= 2**index) & (cycles < 2 ** (index + 1)) & present
        inside = inside.to(agreement.device)
        result[name] = (
            agreement[:, inside].mean(1) if bool(inside.any()) else agreement.new_zeros(count)
        )
    return result


@dataclass(frozen=True)
class Scored:
    """Likenesses of one attribute to one reference."""

    observed: Float[Tensor, " seed"]
    null: Float[Tensor, " draw"]
    ceiling: float


def _share(observed: Tensor, null: Tensor, ceiling: float) -> Tensor:
    """Retention of each resample: 0 at or below its null, even where that reaches the ceiling."""
    value = (observed - null) / (ceiling - null).clamp_min(1e-12)
    return torch.where(observed <= null, 0.0, value.clamp(0, 1))


def retained(name: str, scored: Scored, generator: torch.Generator) -> Retained | Skipped:
    """Turn likenesses into retention with a bootstrap interval and the null's rank.

    The 95 % interval is the percentile bootstrap over 2000 draws that resample the seeds and the
    null images; with few seeds it is narrower than it should be, and with one there is none.

    Args:
        name: of the attribute, for the reason when there is no number.
        scored: the likenesses.
        generator: on the CPU; draws the bootstrap.

    Returns:
        The retention, or why this image has none: its ceiling is no higher than the null, as for an
        image without colours, edges or detail.
    """
    observed, null = scored.observed.double(), scored.null.double()
    low, room = float(null.mean()), scored.ceiling - float(null.mean())
    if not math.isfinite(room) or not bool(torch.isfinite(observed).all()):
        return Skipped(name, "the likeness of an inversion to the reference is not finite")
    if room < _LEAST_ROOM:
        return Skipped(
            name,
            f"cannot be told from chance on this image: random-phase images have a likeness of "
            f"{low:.2f}, the reference as the method can draw it {scored.ceiling:.2f}",
        )
    value = float(((observed.mean() - low) / room).clamp(0, 1))
    bounds: Sequence[float | None] = (None, None)
    if len(observed) > 1:
        seeds = torch.randint(len(observed), (N_BOOTSTRAP, len(observed)), generator=generator)
        draws = torch.randint(len(null), (N_BOOTSTRAP, len(null)), generator=generator)
        base = null[draws].mean(1)
        sample = _share(observed[seeds].mean(1), base, scored.ceiling)
        ends = torch.quantile(sample, sample.new_tensor([0.025, 0.975]))
        # The value itself is one of the plausible ones even where rounding says otherwise.
        bounds = (min(value, float(ends[0])), max(value, float(ends[1])))
    as_like = int((null >= observed.mean()).sum())
    return Retained(
        value=value,
        low=bounds[0],
        high=bounds[1],
        observed=float(observed.mean()),
        null=low,
        ceiling=scored.ceiling,
        p_value=(1 + as_like) / (1 + len(null)),
    )
