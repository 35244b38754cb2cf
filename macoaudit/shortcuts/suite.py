"""All shortcut tests of a network on its images, from where to look to the verdict.

Provisional: it composes the tests that are there and takes every map as it comes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.shortcuts.candidates import candidates_from_maps, occlusion_maps
from macoaudit.shortcuts.reading import Classes, Images, check_input
from macoaudit.shortcuts.records import Evidence, NotTested
from macoaudit.shortcuts.screen import ScreenSettings, property_screen
from macoaudit.shortcuts.shifting import ShiftSettings, property_shift
from macoaudit.shortcuts.stamp import StampSettings, stamp_consistency
from macoaudit.shortcuts.transfer import TransferSettings, patch_transfer
from macoaudit.shortcuts.verdict import Verdict, verdict

TESTS = ("where to look", "patch transfer", "stamp", "property", "property shift")
_PAIRS = (("patch transfer", "stamp"), ("property shift", "property"))


@dataclass(frozen=True)
class SuiteSettings:
    """Settings of every test."""

    transfer: TransferSettings = field(default_factory=TransferSettings)
    stamp: StampSettings = field(default_factory=StampSettings)
    screen: ScreenSettings = field(default_factory=ScreenSettings)
    shift: ShiftSettings = field(default_factory=ShiftSettings)


@dataclass(frozen=True)
class Tested:
    """What all tests together say."""

    verdict: Verdict
    margins: Mapping[int, float]
    """By class that was tested: how far the weaker half of the best pair of tests stands above
    its threshold, as a ratio."""
    n_donors: int
    """Images that regions were pasted on, at most, for each class."""


def shortcut_tests(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    predictions: Classes,
    *,
    proposals: Mapping[str, Float[Tensor, "image rows columns"]],
    pictures: Mapping[int, Float[Tensor, "picture channel rows columns"]] | None = None,
    masks: Bool[Tensor, "image height width"] | None = None,
    facts: Mapping[str, Float[Tensor, " image"]] | None = None,
    seed: int = 0,
    settings: SuiteSettings = SuiteSettings(),
    on_test: Callable[[str, int, int], None] | None = None,
) -> Tested:
    """Test every class that has images.

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        classes: class index of each image, labels or predictions.
        predictions: the network's class of each image.
        proposals: maps by source that say where to look, nonnegative, any grid.
        pictures: drawn pictures by class; not looked at yet.
        masks: where the object is, empty for an image without a mask; not looked at yet.
        facts: further numbers by name, one an image, of the file.
        seed: of all draws.
        settings: of the tests.
        on_test: told a test's name, tests done and tests in all.

    Raises:
        UsageError: when the arguments do not fit together.
    """
    check_input(model, image_01, classes)
    tell = on_test or (lambda name, done, total: None)
    size = (int(image_01.shape[-2]), int(image_01.shape[-1]))

    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    tell(TESTS[0], 0, len(TESTS))
    maps = _together([occlusion_maps(model, image_01, classes), *proposals.values()], size)
    candidates = candidates_from_maps(maps, size, " and ".join(["occlusion", *proposals]))
    results: list[Evidence | NotTested] = []
    tell(TESTS[1], 1, len(TESTS))
    results += patch_transfer(
        model, image_01, classes, candidates, generator=generator(), settings=settings.transfer
    )
    tell(TESTS[2], 2, len(TESTS))
    results += stamp_consistency(
        model, image_01, classes, candidates, generator=generator(), settings=settings.stamp
    )
    if image_01.shape[1] == 3:
        tell(TESTS[3], 3, len(TESTS))
        screened = property_screen(
            model,
            image_01,
            predictions,
            generator=generator(),
            facts=facts,
            settings=settings.screen,
        )
        tell(TESTS[4], 4, len(TESTS))
        results += screened
        results += property_shift(
            model,
            image_01,
            predictions,
            screened,
            generator=generator(),
            settings=settings.shift,
        )
    tell(TESTS[-1], len(TESTS), len(TESTS))
    found = verdict(results, model.labels)
    return Tested(found, _margins(found), settings.transfer.max_donors)


def _together(
    maps: Sequence[Float[Tensor, "image rows columns"]], size: tuple[int, int]
) -> Float[Tensor, "image height width"]:
    """Mean of the maps, each divided by its peak; one that is zero in an image says nothing."""
    total = torch.zeros(len(maps[0]), *size)
    for one in maps:
        fine = torch.nn.functional.interpolate(
            one[:, None].clamp_min(0).float(), size=size, mode="bilinear", align_corners=False
        )[:, 0]
        total += fine / fine.amax((1, 2), keepdim=True).clamp_min(1e-12)
    return total / len(maps)


def _margins(found: Verdict) -> dict[int, float]:
    ratios = {
        (one.evidence.test, one.evidence.class_index): one.evidence.effect / one.evidence.threshold
        for one in found.judged
    }
    return {
        index: max(
            min(ratios[causal, index], ratios[consistent, index])  # type: ignore[index]
            for causal, consistent in _PAIRS
            if (causal, index) in ratios and (consistent, index) in ratios
        )
        for index in found.classes_tested
    }
