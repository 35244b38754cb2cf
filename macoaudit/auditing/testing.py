"""The shortcut tests of an audit: what the images, masks, inversions and pictures hand to them."""

from collections.abc import Callable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.audit_config import Extent
from macoaudit.auditing.labels import Labelled
from macoaudit.auditing.masks import Masks
from macoaudit.auditing.reading import Seen
from macoaudit.models import LoadedModel
from macoaudit.results import ImageAudit, Retention
from macoaudit.shortcuts import AnomalySettings
from macoaudit.shortcuts.suite import SuiteSettings, Tested, shortcut_tests

RETAINED = "retained"


def suite_settings(extent: Extent) -> SuiteSettings:
    """Settings of the shortcut tests of an extent: those that the benchmark was run with."""
    return SuiteSettings(anomaly=AnomalySettings() if extent.anomaly else None)


def run_tests(
    model: LoadedModel,
    image_01: Float[Tensor, "image channel height width"],
    images: Sequence[Seen],
    labelled: Labelled,
    *,
    records: Sequence[ImageAudit],
    pictures: Mapping[int, Float[Tensor, "picture channel height width"]],
    masks: Masks | None,
    seed: int,
    settings: SuiteSettings,
    on_test: Callable[[str, int, int], None],
) -> Tested:
    """Test every class that has images for shortcuts.

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        images: the same, as they were read.
        labelled: their classes.
        records: of the same images; those that were inverted say what was retained.
        pictures: drawn pictures by class, at the network's size.
        masks: of the same images; None: none were given.
        seed: of all draws.
        settings: of the tests, from :func:`suite_settings`.
        on_test: told a test's name, tests done and tests in all.
    """
    return shortcut_tests(
        model,
        image_01,
        torch.tensor(labelled.classes),
        predicted(images),
        proposals=proposals(records),
        pictures=pictures or None,
        masks=masks.objects if masks is not None and masks.n_given else None,
        facts=file_facts(images),
        seed=seed,
        settings=settings,
        on_test=on_test,
    )


def predicted(images: Sequence[Seen]) -> Tensor:
    """The network's class of each image."""
    return torch.tensor([image.prediction.index for image in images])


def proposals(records: Sequence[ImageAudit]) -> dict[str, Float[Tensor, "image rows columns"]]:
    """Maps that say where to look: what the inversions of an image retained of it.

    Args:
        records: of all images that are tested.

    Returns:
        ``retained``, at least 0 and zero for images without inversions; nothing when no image has
        a map.
    """
    maps = [
        torch.tensor(record.retention.values) if isinstance(record.retention, Retention) else None
        for record in records
    ]
    grids = [one.shape for one in maps if one is not None]
    if not grids:
        return {}
    rows = torch.zeros(len(records), *grids[0])
    for place, one in enumerate(maps):
        if one is not None:
            rows[place] = one.clamp_min(0)
    return {RETAINED: rows}


def file_facts(images: Sequence[Seen]) -> dict[str, Float[Tensor, " image"]]:
    """Numbers of the files, those that differ between images.

    Args:
        images: as they were read.
    """
    names = images[0].facts
    columns = {name: torch.tensor([image.facts[name] for image in images]) for name in names}
    return {name: column for name, column in columns.items() if bool((column != column[0]).any())}
