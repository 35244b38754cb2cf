"""Class anomaly: does one class need a far smaller pattern than the others to be seen anywhere?

Causal, and of the whole network: no image of the class is looked at, only how much of any other
image must be replaced before the network says it. There is no p-value, as nothing can be exchanged
between classes that differ anyway; the threshold is calibrated on clean networks. Blind spots: a
class that a small thing defines is flagged, and among few classes that need very different areas
nothing is, as no area is below zero.
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.models import LoadedModel, frozen, logits_function
from macoaudit.shortcuts.candidates import compact_region
from macoaudit.shortcuts.reading import Classes, Images, check_input, class_generators
from macoaudit.shortcuts.records import Evidence, NotTested, Region
from macoaudit.shortcuts.trigger import Trigger, TriggerSearch, TriggerSteps

_MAD_TO_SD = 1.4826
# Least spread, as a share of the median: among classes that need almost the same, what the
# optimisation leaves to chance would be many deviations.
_LEAST_SPREAD = 0.1


@dataclass(frozen=True)
class AnomalySettings:
    """How patterns are looked for; the defaults are starting values, not calibrated."""

    threshold: float = 2.0
    """Deviations below the median of the classes."""
    min_classes: int = 10
    """Of the network, and of those with a pattern looked for."""
    n_seeds: int = 3
    n_donors: int = 16
    """Images of other classes that the gradient sees."""
    n_held_out: int = 16
    """Further ones that decide whether the class is reached."""
    min_held_out: int = 4
    steps: TriggerSteps = field(default_factory=TriggerSteps)
    max_batch: int = 256
    """Images in one forward pass; classes are optimised together up to it."""


def anomaly_indices(areas: Float[Tensor, " class"]) -> Float[Tensor, " class"]:
    """How far each class lies below the median: ``(median m - m_c) / (1.4826 MAD)``.

    The spread is at least a tenth of the median. Larger is more anomalous; a class that needs more
    than others is negative.

    Args:
        areas: m, above 0.
    """
    middle = areas.quantile(0.5)
    spread = _MAD_TO_SD * (areas - middle).abs().quantile(0.5)
    return (middle - areas) / torch.maximum(spread, _LEAST_SPREAD * middle)


def log_indices(areas: Float[Tensor, " class"]) -> Float[Tensor, " class"]:
    """The same of the logarithms, whose deviations below the median are not bounded by zero.

    Args:
        areas: m, above 0.
    """
    logs = areas.log()
    middle = logs.quantile(0.5)
    spread = _MAD_TO_SD * (logs - middle).abs().quantile(0.5)
    return (middle - logs) / spread.clamp_min(_LEAST_SPREAD)


def class_anomaly(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    *,
    generator: torch.Generator,
    settings: AnomalySettings = AnomalySettings(),
) -> tuple[Evidence | NotTested, ...]:
    r"""Test every class that has images for a pattern much smaller than other classes need.

    For each class and seed a mask ``m`` and a pattern ``p``, both 0..1 and made of small even
    squares, are optimised on donors j of other classes::

        minimise  mean_j -log p_c((1 - m) x_j + m p)  +  weight * sum(m)
        m_c = least sum(m) / pixels with  median_j p_c >= .9  on held-out donors

    averaged over the seeds; 1 where that is never reached. The least is over the course of the
    optimisation, whose gradients never see the held-out donors. The effect is
    :func:`anomaly_indices` of it; the details give :func:`log_indices` as well. A pattern belongs
    to no single image, so the evidence names neither images nor regions; where its mask is compact,
    the details give its box.

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        classes: class index of each image, labels or predictions.
        generator: on the CPU; each class draws from its own stream.
        settings: thresholds and numbers.

    Returns:
        One result for each class that has images, in the order of the classes.

    Raises:
        UsageError: when the arguments do not fit together.
    """
    check_input(model, image_01, classes)
    _check_settings(settings)
    streams = class_generators(classes, generator)
    skipped = {
        index: reason
        for index in streams
        if (reason := _cannot(model, classes, index, settings)) is not None
    }
    usable = [index for index in streams if index not in skipped]
    if len(usable) < settings.min_classes:
        few = f"{len(usable)} classes can be tried, {settings.min_classes} are needed to compare"
        return tuple(NotTested("anomaly", index, skipped.get(index, few)) for index in streams)
    found: dict[int, list[Trigger]] = {index: [] for index in usable}
    with frozen(model.module):
        for _ in range(settings.n_seeds):
            for index, one in _search(model, image_01, classes, usable, streams, settings).items():
                found[index].append(one)
    return _results(found, skipped, streams, settings)


def _check_settings(settings: AnomalySettings) -> None:
    steps = settings.steps
    if min(settings.n_seeds, steps.n_steps, steps.donors_per_step, steps.check_every) < 1:
        raise UsageError(
            f"settings: {settings.n_seeds} seeds, {steps.n_steps} steps, {steps.donors_per_step} "
            f"donors a step, a check every {steps.check_every}; each must be 1 or more"
        )


def _cannot(
    model: LoadedModel, classes: Classes, index: int, settings: AnomalySettings
) -> str | None:
    if model.num_classes < settings.min_classes:
        return f"the network has {model.num_classes} classes, {settings.min_classes} are needed"
    needed = 2 * settings.min_held_out
    others = int((classes != index).sum())
    return None if others >= needed else f"{others} images of other classes, {needed} are needed"


def _search(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    usable: list[int],
    streams: dict[int, torch.Generator],
    settings: AnomalySettings,
) -> dict[int, Trigger]:
    """One pattern for each class, from fresh donors and another start."""
    fewest = min(int((classes != index).sum()) for index in usable)
    # Held-out donors first: without them nothing can be said.
    n_held_out = min(settings.n_held_out, fewest // 2)
    n_train = min(settings.n_donors, fewest - n_held_out)
    largest = max(n_held_out, min(n_train, settings.steps.donors_per_step))
    together = max(1, settings.max_batch // largest)
    found: dict[int, Trigger] = {}
    for start in range(0, len(usable), together):
        chunk = usable[start : start + together]
        donors = []
        for index in chunk:
            others = torch.nonzero(classes != index).flatten()
            order = torch.randperm(len(others), generator=streams[index])
            donors.append(image_01[others[order[: n_held_out + n_train]]])
        stacked = torch.stack(donors)
        search = TriggerSearch(
            logits_function(model),
            model.device,
            chunk,
            stacked[:, n_held_out:],
            stacked[:, :n_held_out],
            [streams[index] for index in chunk],
            settings.steps,
        )
        found |= dict(zip(chunk, search.run(), strict=True))
    return found


def _reasons(
    found: dict[int, list[Trigger]], skipped: dict[int, str], settings: AnomalySettings
) -> dict[int, str]:
    """Classes that nothing can be said of, and why."""
    broken = "the network gave numbers or gradients that are not finite"
    reasons = skipped | {
        index: broken
        for index, triggers in found.items()
        if not all(one.finite for one in triggers)
    }
    compared = [index for index in found if index not in reasons]
    reached = sum(any(one.reached for one in found[index]) for index in compared)
    if len(compared) < settings.min_classes:
        why = f"{len(compared)} classes have a pattern, {settings.min_classes} are needed"
    elif 2 * reached <= len(compared):
        # Most areas would be 1, and every class that was reached would stand out.
        why = (
            f"only {reached} of {len(compared)} classes were ever seen with a probability of "
            f"{settings.steps.goal}: more steps would be needed"
        )
    else:
        return reasons
    return dict.fromkeys(compared, why) | reasons


def _results(
    found: dict[int, list[Trigger]],
    skipped: dict[int, str],
    streams: dict[int, torch.Generator],
    settings: AnomalySettings,
) -> tuple[Evidence | NotTested, ...]:
    reasons = _reasons(found, skipped, settings)
    compared = [index for index in found if index not in reasons]
    if not compared:
        return tuple(NotTested("anomaly", index, reasons[index]) for index in streams)
    areas = [[one.area_frac for one in found[index]] for index in compared]
    means = torch.tensor(areas, dtype=torch.float64).mean(1)
    median = float(means.quantile(0.5))
    indices = torch.stack([anomaly_indices(means), log_indices(means)], 1).tolist()
    made = {
        index: _evidence(index, found[index], effect, median, by_logs, settings)
        for index, (effect, by_logs) in zip(compared, indices, strict=True)
    }
    return tuple(
        NotTested("anomaly", index, reasons[index]) if index in reasons else made[index]
        for index in streams
    )


def _evidence(
    index: int,
    triggers: list[Trigger],
    effect: float,
    median: float,
    by_logs: float,
    settings: AnomalySettings,
) -> Evidence:
    areas = torch.tensor([one.area_frac for one in triggers], dtype=torch.float64)
    return Evidence(
        test="anomaly",
        class_index=index,
        effect=effect,
        effect_name="deviations below the pattern that the median class needs",
        threshold=settings.threshold,
        p_value=None,
        null=None,
        images=(),
        details={
            "area": float(areas.mean()),
            "area_of_the_median_class": median,
            "index_of_log_areas": by_logs,
            "smallest_area": float(areas.min()),
            "largest_area": float(areas.max()),
            "n_seeds": float(len(triggers)),
            "n_seeds_reached": float(sum(one.reached for one in triggers)),
            **_place(triggers),
        },
    )


def _place(triggers: list[Trigger]) -> dict[str, float]:
    """Box of the densest part of the mean mask, and how much of the mask lies in it."""
    reached = [one.mask for one in triggers if one.reached]
    if not reached:
        return {}
    mean = torch.stack(reached).mean(0)
    dense = compact_region(mean)
    if not bool(dense.any()):
        return {}
    box = Region(0, dense).box_px
    names = ("mask_top_px", "mask_left_px", "mask_bottom_px", "mask_right_px")
    share = float(mean[dense].sum() / mean.sum())
    return {"mask_in_box": share, **dict(zip(names, map(float, box), strict=True))}
