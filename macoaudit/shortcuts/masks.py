"""Relative foreground sensitivity: does noise beside the object cost more than noise on it?

Moayeri et al. (CVPR 2022). The only test here that can tell a true object from a cue beside it,
because someone said where the object is. What it cannot see: a cue on the object itself.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.models import LoadedModel
from macoaudit.shortcuts.disturbing import FILLS, disturbed
from macoaudit.shortcuts.nulls import rank_p
from macoaudit.shortcuts.reading import (
    Classes,
    Images,
    check_input,
    class_generators,
    read_logits,
)
from macoaudit.shortcuts.records import Evidence, NotTested, Region, summary

ObjectMasks = Bool[Tensor, "_ _ _"] | Sequence[Bool[Tensor, "_ _"] | None]
"""One an image, True on the object; None where an image has none."""


@dataclass(frozen=True)
class MaskSettings:
    """How sensitivity is measured; the defaults are starting values, not calibrated."""

    threshold: float = 1e-6
    """By how much the interval lies below zero; above 0, as one that touches it is not below."""
    levels: tuple[float, ...] = (0.25, 0.5, 1.0)
    """Strengths of each fill, above 0 and at most 1."""
    confidence: float = 0.95
    n_draws: int = 1999
    """Of the bootstrap, and of the exchanges."""
    min_images: int = 10
    """Of the class, with a usable mask."""
    max_images: int = 100
    """Of the class."""


def relative_sensitivity(
    foreground: Float[Tensor, "*draw"], background: Float[Tensor, "*draw"]
) -> Float[Tensor, "*draw"]:
    r"""Foreground sensitivity, relative to the largest difference that the mean leaves room for.

    ``RFS = (a_bg - a_fg) / (2 min(a, 1 - a))`` with ``a = (a_fg + a_bg) / 2``: 1 where only the
    object counts, -1 where only the background does. Where ``a`` is 0 or 1 both accuracies are
    the same, and the value is 0.

    Args:
        foreground: a_fg, accuracy under noise on the object, 0 to 1.
        background: a_bg, accuracy under noise on the rest, 0 to 1.
    """
    mean = (foreground + background) / 2
    room = 2 * torch.minimum(mean, 1 - mean)
    return torch.where(room > 1e-9, (background - foreground) / room.clamp_min(1e-9), 0.0)


@dataclass(frozen=True)
class _Sensitivity:
    """What disturbing each part of each image left of the class: axes part (object first)."""

    members: list[int]
    correct: Float[Tensor, "part fill image"]
    """Share of the strengths at which the network still says the class."""
    probability: Float[Tensor, " part"]

    @property
    def accuracy(self) -> Float[Tensor, "part image"]:
        return self.correct.mean(1)


def mask_sensitivity(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    masks: ObjectMasks,
    *,
    generator: torch.Generator,
    settings: MaskSettings = MaskSettings(),
) -> tuple[Evidence | NotTested, ...]:
    r"""Test every class for a network that needs the background more than the object.

    ``a_fg`` and ``a_bg`` are the shares of images that the network still gives their class, over
    all fills and strengths, when the object or everything else is disturbed; RFS is
    :func:`relative_sensitivity` of them. The effect is minus the upper end of its bootstrap
    interval over the images, so that it is above zero where the interval is below. The p-value
    exchanges the two parts, image by image, which leaves the mean accuracy as it is.

    The disturbance is as strong for each pixel of either part, so that a larger part is disturbed
    more; the details give the object's share of the image.

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        classes: class index of each image, labels or predictions.
        masks: of the objects, at the images' size; an image whose mask is missing, of another
            size, empty or full is left out, and counted.
        generator: on the CPU; each class draws from its own stream.
        settings: thresholds and numbers.

    Returns:
        One result for each class that has images, in the order of the classes. Images are those
        that the background costs more than the object, the regions their backgrounds.

    Raises:
        UsageError: when the arguments do not fit together.
    """
    check_input(model, image_01, classes)
    if len(masks) != len(image_01):
        raise UsageError(
            f"masks: {len(masks)} came for {len(image_01)} images; give one an image, None where "
            "there is none"
        )
    if not settings.levels or not all(0 < level <= 1 for level in settings.levels):
        raise UsageError(f"settings: levels {settings.levels} came; give strengths up to 1")
    unfit = [_unfit(mask, tuple(image_01.shape[-2:])) for mask in masks]
    streams = class_generators(classes, generator)
    return tuple(
        _one_class(model, image_01, classes, masks, unfit, index, stream, settings)
        for index, stream in streams.items()
    )


def _unfit(mask: Tensor | None, size: tuple[int, ...]) -> str | None:
    """Why a mask cannot be used, in words that follow a number of images."""
    if mask is None:
        return "without a mask"
    if tuple(mask.shape) != size:
        return "with a mask of another size"
    if not bool(mask.any()):
        return "with an empty mask"
    return "with a mask of the whole image" if bool(mask.all()) else None


def _one_class(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    masks: ObjectMasks,
    unfit: list[str | None],
    index: int,
    generator: torch.Generator,
    settings: MaskSettings,
) -> Evidence | NotTested:
    own = torch.nonzero(classes == index).flatten().tolist()
    left_out = Counter(reason for image in own if (reason := unfit[image]) is not None)
    usable = torch.tensor([image for image in own if unfit[image] is None], dtype=torch.long)
    if len(usable) < settings.min_images:
        rest = "".join(f", {count} {reason}" for reason, count in sorted(left_out.items()))
        reason = f"{len(usable)} of its images have a mask, {settings.min_images} are needed{rest}"
        return NotTested("masks", index, reason)
    picked = torch.randperm(len(usable), generator=generator)[: settings.max_images]
    members = usable[picked.sort().values].tolist()
    objects = {image: mask for image in members if (mask := masks[image]) is not None}
    found = _measure(model, image_01, index, objects, generator, settings)
    mean = float(found.accuracy.mean())
    if mean in (0.0, 1.0):
        never = "no noise on either part changes" if mean else "all noise on either part changes"
        return NotTested("masks", index, f"{never} what the network says, so nothing differs")
    return _evidence(found, objects, index, left_out.total(), generator, settings)


def _measure(
    model: LoadedModel,
    image_01: Images,
    index: int,
    objects: Mapping[int, Tensor],
    generator: torch.Generator,
    settings: MaskSettings,
) -> _Sensitivity:
    images = image_01[list(objects)]
    inside = torch.stack([mask.cpu() for mask in objects.values()])
    correct, probability = [], []
    for level in settings.levels:
        noise = torch.randn(images.shape, generator=generator)
        parts = [disturbed(images, part, noise, level) for part in (inside, ~inside)]
        logits = read_logits(model, torch.cat([part.flatten(0, 1) for part in parts]))
        shape = (2, len(FILLS), len(images))
        correct.append((logits.argmax(1) == index).double().view(shape))
        probability.append(logits.softmax(1)[:, index].view(shape).mean((1, 2)))
    return _Sensitivity(
        list(objects), torch.stack(correct).mean(0), torch.stack(probability).mean(0)
    )


def interval(
    accuracy: Float[Tensor, "part image"], generator: torch.Generator, settings: MaskSettings
) -> tuple[float, float]:
    """Both ends of the bootstrap interval of RFS over the images.

    Args:
        accuracy: with the object and with the rest disturbed.
        generator: on the CPU.
        settings: confidence and draws.
    """
    count = accuracy.shape[1]
    rows = torch.randint(count, (settings.n_draws, count), generator=generator)
    values = relative_sensitivity(*(part[rows].mean(1) for part in accuracy))
    outside = (1 - settings.confidence) / 2
    return float(values.quantile(outside)), float(values.quantile(1 - outside))


def exchanged(
    accuracy: Float[Tensor, "part image"], generator: torch.Generator, settings: MaskSettings
) -> Float[Tensor, " draw"]:
    """Minus RFS when each image's two parts change places or not, by chance.

    Args:
        accuracy: with the object and with the rest disturbed.
        generator: on the CPU.
        settings: number of draws.
    """
    size = (settings.n_draws, accuracy.shape[1])
    swap = torch.randint(2, size, generator=generator).bool()
    foreground = torch.where(swap, accuracy[1], accuracy[0]).mean(1)
    background = torch.where(swap, accuracy[0], accuracy[1]).mean(1)
    return -relative_sensitivity(foreground, background)


def _evidence(
    found: _Sensitivity,
    objects: Mapping[int, Tensor],
    index: int,
    n_left_out: int,
    generator: torch.Generator,
    settings: MaskSettings,
) -> Evidence:
    accuracy = found.accuracy
    foreground, background = accuracy.mean(1)
    value = float(relative_sensitivity(foreground, background))
    low, high = interval(accuracy, generator, settings)
    null = exchanged(accuracy, generator, settings)
    cost = accuracy[0] - accuracy[1]
    order = cost.argsort(descending=True, stable=True)
    images = tuple(found.members[place] for place in order.tolist() if float(cost[place]) > 0)
    by_fill = {
        f"rfs, {fill}": float(relative_sensitivity(*found.correct[:, row].mean(1)))
        for row, fill in enumerate(FILLS)
    }
    return Evidence(
        test="masks",
        class_index=index,
        effect=-high,
        effect_name="distance below zero of the interval of the relative foreground sensitivity",
        threshold=settings.threshold,
        p_value=rank_p(-value, null),
        null=summary(-value, null),
        images=images,
        regions=tuple(Region(image, ~objects[image].cpu()) for image in images),
        smallest_p=1 / (1 + settings.n_draws),
        details={
            "rfs": value,
            "rfs_low": low,
            "rfs_high": high,
            "accuracy_object_disturbed": float(foreground),
            "accuracy_background_disturbed": float(background),
            "probability_object_disturbed": float(found.probability[0]),
            "probability_background_disturbed": float(found.probability[1]),
            **by_fill,
            "object_frac": float(torch.stack([*objects.values()]).double().mean()),
            "n_images": float(len(found.members)),
            "n_left_out": float(n_left_out),
        },
    )
