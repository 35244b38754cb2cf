r"""Spectrum transfer: does the class's filter, put on other images, make them the class?

MACO keeps an image's magnitudes and searches its phases; this test does the reverse. What tints,
blurs, stripes or borders the images of a class shows in the mean of their log magnitudes::

    g_c(f) = exp(mean of log|F x(f)| over the class - mean over the others)

is a filter, one gain a colour and frequency. Put on other images it changes their magnitudes and
leaves every phase, and so every shape, where it was. Blind spot: a class whose objects do have a
colour or grain of their own moves, too: its partner (:mod:`macoaudit.shortcuts.tiles`) must tell.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.shortcuts.donors import Donors
from macoaudit.shortcuts.nulls import stratified_test
from macoaudit.shortcuts.reading import Classes, Images, check_input, class_generators, read_logits
from macoaudit.shortcuts.records import Evidence, NotTested

# Magnitudes of the rounding of 8-bit pixels are 1 / (255 sqrt(12 n)); below, logarithms are noise.
_ROUNDING = 1 / (255 * 12**0.5)
# Gains beyond this factor come from empty frequencies, not from a cue.
_MAX_LOG_GAIN = 5.0
_PARTS = {"whole": "the class", "half": "the half of the class that has most of it"}


@dataclass(frozen=True)
class FilterSettings:
    """How spectra are transferred; the defaults are those that the benchmark fitted."""

    threshold: float = 0.13
    """Mean rise of the class's probability."""
    n_controls: int = 8
    """Filters of random groups of images, for each class."""
    n_draws: int = 1999
    n_folds: int = 3
    min_images: int = 3
    """Of the class and of all others."""
    min_donors: int = 4


def log_magnitudes(image_01: Images) -> Float[Tensor, "image channel row column"]:
    """Logarithm of the magnitudes of the real Fourier transform, one colour at a time."""
    floor = _ROUNDING / (image_01.shape[-2] * image_01.shape[-1]) ** 0.5
    levels: Tensor = torch.fft.rfft2(image_01.double(), norm="forward").abs().clamp_min(floor).log()
    return levels


def log_gain(
    log_magnitude: Float[Tensor, "image channel row column"], inside: Bool[Tensor, " image"]
) -> Float[Tensor, "channel row column"]:
    r"""Difference of the mean log magnitudes, shrunk where it is within its own noise.

    ``m max(0, 1 - s^2 / m^2)`` with m the difference and s its standard error (the positive part of
    James and Stein, a frequency at a time): a filter of few images is no noise of few images.

    Args:
        log_magnitude: of all images.
        inside: which are of the group; at least two on both sides.
    """
    own, rest = log_magnitude[inside], log_magnitude[~inside]
    difference = own.mean(0) - rest.mean(0)
    error = own.var(0) / len(own) + rest.var(0) / len(rest)
    kept = (1 - error / difference.square().clamp_min(1e-12)).clamp_min(0)
    return (difference * kept).clamp(-_MAX_LOG_GAIN, _MAX_LOG_GAIN)


def apply_filter(image_01: Images, log_gains: Float[Tensor, "channel row column"]) -> Images:
    """Multiply the magnitudes of every image, leave its phases; values stay within 0..1."""
    spectrum = torch.fft.rfft2(image_01.double()) * log_gains.exp()
    size = (int(image_01.shape[-2]), int(image_01.shape[-1]))
    filtered: Tensor = torch.fft.irfft2(spectrum, s=size).clamp(0, 1).to(image_01)
    return filtered


def projections(
    gram: Float[Tensor, "image image"],
    inside: Bool[Tensor, "image draw"],
    fold: Int[Tensor, " image"],
) -> Float[Tensor, "image draw"]:
    """How much of the class's filter each image has, by a filter made without its fold.

    ``sum over f of (l_i(f) - middle(f)) m(f) / v(f)`` with m the difference of the mean log
    magnitudes of both sides, the middle half-way between them and v the variance over all images:
    Fisher's discriminant when frequencies are independent. Everything is linear in the images, so
    their Gram matrix says it all.

    Args:
        gram: ``sum over f of l_i(f) l_j(f) / v(f)``.
        inside: groups of images, both sides of each in every part of two folds and more.
        fold: of each image.
    """
    scores = torch.zeros(inside.shape, dtype=gram.dtype)
    for number in sorted(set(fold.tolist())):
        test = fold == number
        own = (inside & ~test[:, None]).to(gram)
        rest = (~inside & ~test[:, None]).to(gram)
        direction = gram @ (own / own.sum(0).clamp_min(1) - rest / rest.sum(0).clamp_min(1))
        scores[test] = direction[test] - (_squared(gram, own) - _squared(gram, rest)) / 2
    return scores


def _squared(
    gram: Float[Tensor, "image image"], members: Float[Tensor, "image draw"]
) -> Float[Tensor, " draw"]:
    """Squared length of each group's mean, from pairs of different members.

    A member's product with itself holds its own noise, which would set folds of other sizes apart.
    """
    count = members.sum(0)
    every = (members * (gram @ members)).sum(0)
    alone = gram.diag() @ members
    pairs = (every - alone) / (count * (count - 1)).clamp_min(1)
    return torch.where(count > 1, pairs, every / count.square().clamp_min(1))


def spectrum_transfer(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    donors: dict[int, Donors],
    *,
    generator: torch.Generator,
    settings: FilterSettings = FilterSettings(),
) -> tuple[Evidence | NotTested, ...]:
    """Put each class's filter on images of other classes.

    The effect is the mean rise of ``p_c`` over the test donors, for the filter of the whole class
    or of the half of it that has most of the filter (a cue need not be in every image), whichever
    is larger. The
    p-value exchanges, donor by donor, this filter and those of random groups of as many images
    (:func:`macoaudit.shortcuts.nulls.stratified_test`), doubled for the choice.

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        classes: class index of each image.
        donors: of each class; ``test`` is used.
        generator: on the CPU; each class draws from its own stream.
        settings: thresholds and numbers.

    Returns:
        One result for each class that has images, in the order of the classes.

    Raises:
        UsageError: when the arguments do not fit together.
    """
    check_input(model, image_01, classes)
    levels = log_magnitudes(image_01)
    gram = gram_of(levels)
    return tuple(
        _transfer(
            model, image_01, levels, gram, classes == index, donors[index], index, stream, settings
        )
        for index, stream in class_generators(classes, generator).items()
    )


def gram_of(
    log_magnitude: Float[Tensor, "image channel row column"],
) -> Float[Tensor, "image image"]:
    """Products of all images' log magnitudes, each frequency centred and in its own deviations."""
    flat = log_magnitude.flatten(1)
    if len(flat) < 2:
        return torch.zeros(len(flat), len(flat), dtype=flat.dtype)
    scaled = (flat - flat.mean(0)) / flat.std(0).clamp_min(1e-3)
    return scaled @ scaled.T


def upper_half(
    gram: Float[Tensor, "image image"], inside: Bool[Tensor, " image"], fold: Int[Tensor, " image"]
) -> Bool[Tensor, " image"]:
    """The images of a group that have most of its filter, by filters made without their fold."""
    scores = projections(gram, inside[:, None], fold)[:, 0]
    own = torch.nonzero(inside).flatten()
    order = own[scores[own].argsort(descending=True, stable=True)]
    result = torch.zeros_like(inside)
    result[order[: max(2, (len(own) + 1) // 2)]] = True
    return result


def _too_few(inside: Tensor, settings: FilterSettings) -> str | None:
    sides = int(inside.sum()), int((~inside).sum())
    if min(sides) >= settings.min_images:
        return None
    return (
        f"{sides[0]} images of the class and {sides[1]} others, {settings.min_images} of each are "
        "needed to tell a filter from chance"
    )


def _transfer(
    model: LoadedModel,
    image_01: Images,
    levels: Tensor,
    gram: Tensor,
    inside: Tensor,
    donors: Donors,
    index: int,
    generator: torch.Generator,
    settings: FilterSettings,
) -> Evidence | NotTested:
    reason = _too_few(inside, settings)
    if reason is None and len(donors.test) < settings.min_donors:
        reason = f"{len(donors.test)} donors of other classes, {settings.min_donors} are needed"
    if reason is not None:
        return NotTested("spectrum transfer", index, reason)
    chosen = image_01[donors.test]
    before = read_logits(model, chosen).softmax(1)[:, index]
    fold = torch.randperm(len(inside), generator=generator) % settings.n_folds
    groups = [inside]
    for _ in range(settings.n_controls):
        groups.append(inside[torch.randperm(len(inside), generator=generator)])

    def rise(group: Tensor, part: Tensor) -> Tensor:
        kept = part | ~group  # the other half of the group is on neither side
        filtered = apply_filter(chosen, log_gain(levels[kept], part[kept]))
        return read_logits(model, filtered).softmax(1)[:, index] - before

    found = {}
    for name in _PARTS:
        parts = [one if name == "whole" else upper_half(gram, one, fold) for one in groups]
        table = torch.stack(
            [rise(group, part) for group, part in zip(groups, parts, strict=True)], 1
        )
        p_value, null = stratified_test(
            table[:, 0], table[:, 1:], n_draws=settings.n_draws, generator=generator
        )
        found[name] = (float(table[:, 0].mean()), p_value, null, table)
    best = max(found, key=lambda name: found[name][0])
    effect, p_value, null, table = found[best]
    return Evidence(
        test="spectrum transfer",
        class_index=index,
        effect=effect,
        effect_name=f"mean rise of the probability under the filter of {_PARTS[best]}",
        threshold=settings.threshold,
        p_value=min(1.0, 2 * p_value),  # the better of two filters
        null=null,
        smallest_p=2 / (1 + settings.n_draws),
        images=tuple(torch.nonzero(inside).flatten().tolist()),
        details={
            "mean_control_rise": float(table[:, 1:].mean()),
            "largest_control_rise": float(table[:, 1:].mean(0).amax()),
            "n_donors": float(len(chosen)),
        }
        | {f"mean rise, {name}": float(one[3][:, 0].mean()) for name, one in found.items()},
    )
