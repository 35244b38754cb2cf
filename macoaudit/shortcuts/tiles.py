r"""Spectrum recurrence: is the class's spectrum all over its images, and not in others?

A tint, a blur or a grain is everywhere in an image; a striped object is where it stands. So images
are cut into tiles, and each tile is projected on the difference of the mean log magnitudes of both
sides, made without its fold and shrunk where it is within its own noise::

    s(tile) = <l(tile) - middle, d> / |d|       d = m max(0, 1 - e^2 / m^2)

with ``m`` the difference and ``e`` its standard error, frequency by frequency. An image scores what
three quarters of its tiles reach. The effect is the share of the class's images that score higher
than 95 % of all others do (1 for a cue in every image, q for one in a share q), or rather the lower
end of its 95 % interval (Clopper and Pearson 1934): three images of four are no large share yet.
Blind spot: what the class's true background is (sky, snow) is all over its images too.
"""

from dataclasses import dataclass
from math import ceil

import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import binomtest
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from macoaudit.models import LoadedModel
from macoaudit.shortcuts.multiplicity import LEVEL, draws_needed
from macoaudit.shortcuts.nulls import rank_p
from macoaudit.shortcuts.reading import Classes, Images, check_input, class_generators
from macoaudit.shortcuts.records import Evidence, NotTested, summary

# Rounding of 8-bit values; logarithms of less are noise.
_ROUNDING = 1 / (255 * 12**0.5)
_DARKEST = 1 / 255
# Rows and columns of a tile's half spectrum that are told apart: larger tiles are averaged to this.
_BINS = (16, 9)
_SMALLEST_PX = 8
# Values of scores that are held at once.
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class TileSettings:
    """How spectra are compared; the threshold is the one that the benchmark fitted."""

    threshold: float = 0.30
    """Share of the class's images beyond nearly all others, at the lower end of its interval."""
    other_quantile: float = 0.95
    tile_frac: float = 1 / 3
    """Side of a tile over the shorter side of the image, at least 8 px."""
    tile_quantile: float = 0.25
    """Share of an image's tiles that may lack the spectrum."""
    n_folds: int = 3
    n_draws: int = 399
    """At least; more where many classes share the error rate."""
    min_images: int = 3
    """Of the class and of all others."""


def tile_levels(image_01: Images, tile_frac: float) -> Float[Tensor, "image tile feature"]:
    """Log magnitudes of tiles, one colour at a time, and the logarithms of their mean colours.

    Tiles lie side by side and cover the image; each is taken about its mean and faded to its edges
    (Hann), so that what it is cut from does not show.

    Args:
        image_01: values 0..1.
        tile_frac: side of a tile over the shorter side.
    """
    size = (int(image_01.shape[-2]), int(image_01.shape[-1]))
    side = min(max(_SMALLEST_PX, round(tile_frac * min(size))), *size)
    starts = [
        torch.linspace(0, length - side, ceil(length / side)).round().int().tolist()
        for length in size
    ]
    fade = torch.hann_window(side + 2, periodic=False)[1:-1]
    weight = (fade[:, None] * fade[None]) / fade.sum().square()
    floor = _ROUNDING * float(weight.square().sum().sqrt())
    found = []
    for top in starts[0]:
        for left in starts[1]:
            tile = image_01[:, :, top : top + side, left : left + side].float()
            mean = (tile * weight).sum((2, 3), keepdim=True)
            spectrum = torch.fft.rfft2((tile - mean) * weight).abs().clamp_min(floor).log()
            rows, columns = min(_BINS[0], side), min(_BINS[1], side // 2 + 1)
            bins = adaptive_avg_pool2d(torch.fft.fftshift(spectrum, dim=2), (rows, columns))
            colour = mean.clamp_min(_DARKEST).log()
            found.append(torch.cat([bins.flatten(1), colour.flatten(1)], dim=1))
    return torch.stack(found, 1)


def standardised(
    levels: Float[Tensor, "image tile feature"],
) -> Float[Tensor, "image tile feature"]:
    """Each feature about its mean, in its own deviations over all tiles of all images."""
    flat = levels.flatten(0, 1)
    return (levels - flat.mean(0)) / flat.std(0, correction=0).clamp_min(1e-3)


def directions(
    means: Float[Tensor, "image feature"],
    own: Bool[Tensor, "image draw"],
    rest: Bool[Tensor, "image draw"],
) -> tuple[Float[Tensor, "draw feature"], Float[Tensor, "draw feature"]]:
    """Shrunk difference of both sides' means, of length 1, and the point half-way between them.

    Args:
        means: of the tiles of each image.
        own: images on the one side, at least one of each draw.
        rest: on the other.
    """
    squares = means.square()
    middle, variance = [], []
    for side in (own, rest):
        count = side.sum(0).double()[:, None]
        weight = (side.double() / side.sum(0)).T.to(means)
        mean = weight @ means
        spread = (weight @ squares - mean.square()).clamp_min(0)
        # The mean's own variance; of one image nothing is known, and nothing is shrunk.
        variance.append(spread / (count - 1).clamp_min(1).to(means))
        middle.append(mean)
    difference = middle[0] - middle[1]
    error = variance[0] + variance[1]
    kept = difference * (1 - error / difference.square().clamp_min(1e-12)).clamp_min(0)
    length = kept.square().sum(1, keepdim=True).sqrt().clamp_min(1e-9)
    return kept / length, (middle[0] + middle[1]) / 2


def scores(
    levels: Float[Tensor, "image tile feature"],
    inside: Bool[Tensor, "image draw"],
    fold: Int[Tensor, "image draw"],
    tile_quantile: float,
) -> Float[Tensor, "image draw"]:
    """What most tiles of each image reach on the direction of a group, made without its fold.

    Args:
        levels: from :func:`standardised`.
        inside: groups of images.
        fold: of each image, for each group; every fold leaves some of both sides.
        tile_quantile: share of the tiles that may fall short.
    """
    n_images, n_tiles = levels.shape[:2]
    place = 1 + int(tile_quantile * (n_tiles - 1))
    means = levels.mean(1)
    found = torch.zeros(inside.shape)
    step = max(1, _AT_ONCE // (n_images * n_tiles))
    for start in range(0, inside.shape[1], step):
        part = slice(start, start + step)
        for number in range(int(fold[:, part].max()) + 1):
            test = fold[:, part] == number
            direction, middle = directions(means, inside[:, part] & ~test, ~inside[:, part] & ~test)
            along = levels @ direction.T - (middle * direction).sum(1)
            reached = along.kthvalue(place, dim=1).values
            found[:, part] = torch.where(test, reached, found[:, part])
    return found


def shares_beyond(
    values: Float[Tensor, "image draw"], inside: Bool[Tensor, "image draw"], quantile: float
) -> Float[Tensor, " draw"]:
    """Share of each group that scores higher than a quantile of the others.

    Args:
        values: scores.
        inside: groups, all of one size.
        quantile: of the others, 0 to 1.
    """
    count = int(inside[:, 0].sum())
    others = values.masked_fill(inside, -torch.inf).sort(dim=0).values[count:]
    at = quantile * (len(others) - 1)
    low = int(at)
    high = min(low + 1, len(others) - 1)
    bound = others[low] + (at - low) * (others[high] - others[low])
    return ((values > bound) & inside).sum(0) / count


def least_share(share: float, count: int) -> float:
    """Lower end of the 95 % interval of a share (Clopper and Pearson 1934).

    Args:
        share: k / n.
        count: n.
    """
    return float(binomtest(round(share * count), count).proportion_ci(0.95, "exact").low)


def folds(
    inside: Bool[Tensor, "image draw"], n_folds: int, generator: torch.Generator
) -> Int[Tensor, "image draw"]:
    """Random folds of each group, with the images of both sides spread evenly.

    Args:
        inside: groups.
        n_folds: at least 2.
        generator: on the CPU.
    """
    order = torch.rand(inside.shape, generator=generator)
    ranks = [order.masked_fill(~side, 2.0).argsort(0).argsort(0) for side in (inside, ~inside)]
    return torch.where(inside, ranks[0], ranks[1]) % n_folds


def spectrum_recurrence(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    *,
    generator: torch.Generator,
    settings: TileSettings = TileSettings(),
) -> tuple[Evidence | NotTested, ...]:
    """Test whether each class's spectrum is all over images that it was not made from.

    The effect is the lower end of the interval of the share of the class's images that score
    higher than 95 % of the others; the p-value is the share of random groups of as many images that
    reach that share.

    Args:
        model: names size and number of classes; it is not run.
        image_01: at the network's size, values 0..1.
        classes: class index of each image.
        generator: on the CPU; each class draws from its own stream.
        settings: threshold and numbers.

    Returns:
        One result for each class that has images, in the order of the classes.

    Raises:
        UsageError: when the arguments do not fit together.
    """
    check_input(model, image_01, classes)
    levels = standardised(tile_levels(image_01, settings.tile_frac))
    streams = class_generators(classes, generator)
    n_draws = max(settings.n_draws, 2 * draws_needed(max(1, len(streams)), LEVEL))
    nulls: dict[int, Tensor] = {}
    results: list[Evidence | NotTested] = []
    for index, stream in streams.items():
        inside = classes == index
        count = int(inside.sum())
        if min(count, len(inside) - count) < settings.min_images:
            reason = (
                f"{count} images of the class and {len(inside) - count} others, "
                f"{settings.min_images} of each are needed to tell a spectrum from chance"
            )
            results.append(NotTested("spectrum recurrence", index, reason))
            continue
        if count not in nulls:
            seed = generator.initial_seed() + 2003 * count
            nulls[count] = _null(levels, count, n_draws, settings, seed)
        results.append(_evidence(levels, inside, index, nulls[count], stream, settings))
    return tuple(results)


def _null(levels: Tensor, count: int, n_draws: int, settings: TileSettings, seed: int) -> Tensor:
    """Effects of random groups of as many images."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(len(levels), n_draws, generator=generator)
    groups = order.argsort(0).argsort(0) < count
    fold = folds(groups, settings.n_folds, generator)
    values = scores(levels, groups, fold, settings.tile_quantile)
    return shares_beyond(values, groups, settings.other_quantile).double()


def _evidence(
    levels: Tensor,
    inside: Tensor,
    index: int,
    null: Tensor,
    generator: torch.Generator,
    settings: TileSettings,
) -> Evidence:
    group = inside[:, None]
    fold = folds(group, settings.n_folds, generator)
    values = scores(levels, group, fold, settings.tile_quantile)
    share = float(shares_beyond(values, group, settings.other_quantile)[0])
    ranked = values[:, 0].argsort(descending=True, stable=True).tolist()
    return Evidence(
        test="spectrum recurrence",
        class_index=index,
        effect=least_share(share, int(inside.sum())),
        effect_name="least share (95 % interval) of the class's images in which its spectrum is "
        f"stronger, nearly everywhere, than in {settings.other_quantile:.0%} of the others",
        threshold=settings.threshold,
        p_value=rank_p(share, null),
        null=summary(share, null),
        smallest_p=1 / (1 + len(null)),
        images=tuple(image for image in ranked if bool(inside[image])),
        details={"share": share, "n_tiles": float(levels.shape[1])},
    )
