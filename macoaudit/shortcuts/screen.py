"""Property screen: does one number of the whole image tell what the network will say?

Screen: cross-validated balanced accuracy of a histogram of one property for "this class or
another", against chance. This is consistency, not cause: the sky is blue behind every balloon.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.shortcuts.nulls import rank_p
from macoaudit.shortcuts.properties import measure_properties
from macoaudit.shortcuts.reading import Classes, Images, check_input, class_generators
from macoaudit.shortcuts.records import Evidence, NotTested, summary


@dataclass(frozen=True)
class ScreenSettings:
    """How properties are screened; the defaults are starting values, not calibrated."""

    threshold: float = 0.40
    """Gain over chance: ``(balanced accuracy - 1/2) / (1/2)``."""
    n_bins: int = 5
    n_folds: int = 5
    n_draws: int = 999
    min_images: int = 10
    """Of the class, and of all others."""


def quantile_bins(
    values: Float[Tensor, "image property"], n_bins: int
) -> Int[Tensor, "image property"]:
    """Bin each property at its quantiles over all images; equal values share a bin."""
    levels = torch.linspace(0, 1, n_bins + 1, dtype=values.dtype)[1:-1]
    edges = values.quantile(levels, dim=0)
    return (values[None] > edges[:, None]).sum(0)


def folds(count: int, n_folds: int, generator: torch.Generator) -> Int[Tensor, " image"]:
    """Assign images to folds of equal size by chance."""
    order = torch.randperm(count, generator=generator)
    return torch.empty(count, dtype=torch.long).scatter_(0, order, torch.arange(count) % n_folds)


def balanced_accuracy(
    bins: Int[Tensor, "image property"],
    is_class: Bool[Tensor, "image draw"],
    fold: Int[Tensor, " image"],
    n_bins: int,
) -> Float[Tensor, "draw property"]:
    """Cross-validated balanced accuracy of a vote by bin, for many label vectors at once.

    In each training part a bin votes for the class when its share of the class's images exceeds its
    share of the others'; a tie counts half. Hits are pooled over the folds:
    ``(hits of the class / its images + hits of the others / theirs) / 2``, 0.5 by chance.

    Args:
        bins: of each image and property.
        is_class: label vectors, at least one image on both sides in each.
        fold: of each image.
        n_bins: number of bins.
    """
    one_hot = torch.nn.functional.one_hot(bins, n_bins).double()  # image property bin
    positive = is_class.double()
    hits = torch.zeros(positive.shape[1], bins.shape[1], 2, dtype=torch.float64)
    for number in sorted(set(fold.tolist())):
        train, test = fold != number, fold == number
        shares = []
        for side in (positive, 1 - positive):
            counts = torch.einsum("ipb,id->dpb", one_hot[train], side[train])
            shares.append(counts / side[train].sum(0).clamp_min(1)[:, None, None])
        # Shares of unlike sizes are rounded differently: what differs by less is a tie.
        vote = torch.where(
            (shares[0] - shares[1]).abs() < 1e-9, 0.5, (shares[0] > shares[1]).double()
        )
        says = torch.einsum("ipb,dpb->dip", one_hot[test], vote)
        own = positive[test].T[..., None]
        hits[..., 0] += (says * own).sum(1)
        hits[..., 1] += ((1 - says) * (1 - own)).sum(1)
    sizes = torch.stack([positive.sum(0), (1 - positive).sum(0)], -1)[:, None]
    return (hits / sizes).mean(-1)


def property_screen(
    model: LoadedModel,
    image_01: Images,
    predictions: Classes,
    *,
    generator: torch.Generator,
    facts: Mapping[str, Float[Tensor, " image"]] | None = None,
    allowed: frozenset[str] = frozenset(),
    settings: ScreenSettings = ScreenSettings(),
) -> tuple[Evidence | NotTested, ...]:
    """Test every predicted class for a property that foretells it.

    The effect is the gain over chance of the best property. The p-value compares it with the best
    of all properties when the predictions are permuted over the images, so it is corrected for the
    number of properties.

    Args:
        model: names size and number of classes; it is not run.
        image_01: three colours, at the network's size, values 0..1.
        predictions: the network's class of each image.
        generator: on the CPU; each class draws from its own stream.
        facts: further numbers by name, one an image, for example of the file.
        allowed: properties that may tell the class; they are not looked at.
        settings: thresholds and numbers.

    Returns:
        One result for each predicted class, in their order.

    Raises:
        UsageError: when the arguments do not fit together.
    """
    check_input(model, image_01, predictions)
    names, values = measure_properties(image_01, facts)
    looked_at = [place for place, name in enumerate(names) if name not in allowed]
    kept = tuple(names[place] for place in looked_at)
    if not kept:
        present = sorted(set(predictions.tolist()))
        return tuple(NotTested("property", one, "every property is allowed") for one in present)
    bins = quantile_bins(values[:, looked_at], settings.n_bins)
    return tuple(
        _one_class(bins, kept, predictions == index, index, stream, settings)
        for index, stream in class_generators(predictions, generator).items()
    )


def _one_class(
    bins: Tensor,
    names: tuple[str, ...],
    is_class: Tensor,
    index: int,
    generator: torch.Generator,
    settings: ScreenSettings,
) -> Evidence | NotTested:
    sides = int(is_class.sum()), int((~is_class).sum())
    if min(sides) < settings.min_images:
        reason = (
            f"{sides[0]} images of the class and {sides[1]} others, {settings.min_images} of each "
            "are needed to cross-validate"
        )
        return NotTested("property", index, reason)
    orders = [torch.randperm(len(bins), generator=generator) for _ in range(settings.n_draws)]
    labels = torch.stack([is_class, *(is_class[order] for order in orders)], 1)
    fold = folds(len(bins), settings.n_folds, generator)
    gains = 2 * balanced_accuracy(bins, labels, fold, settings.n_bins) - 1
    best = int(gains[0].argmax())
    null = gains[1:].amax(1)
    effect = float(gains[0, best])
    return Evidence(
        test="property",
        class_index=index,
        effect=effect,
        effect_name=f"gain over chance of {names[best]}",
        threshold=settings.threshold,
        p_value=rank_p(effect, null),
        null=summary(effect, null),
        smallest_p=1 / (1 + settings.n_draws),
        images=tuple(torch.nonzero(is_class).flatten().tolist()),
        subject=names[best],
        details={f"gain, {name}": float(gain) for name, gain in zip(names, gains[0], strict=True)},
    )
