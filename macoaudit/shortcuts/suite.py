"""All shortcut tests of one network on one set of images, and the verdict they give together."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.shortcuts.anomaly import AnomalySettings, class_anomaly
from macoaudit.shortcuts.component import ComponentSettings, selective_component
from macoaudit.shortcuts.donors import choose_donors, search_pool
from macoaudit.shortcuts.filters import FilterSettings, spectrum_transfer
from macoaudit.shortcuts.masks import MaskSettings, mask_sensitivity
from macoaudit.shortcuts.multiplicity import LEVEL
from macoaudit.shortcuts.properties import PROPERTIES
from macoaudit.shortcuts.reading import (
    Classes,
    Images,
    check_input,
    class_generators,
    read_logits,
)
from macoaudit.shortcuts.records import Evidence, NotTested, TestName
from macoaudit.shortcuts.recurring import RecurrenceSettings
from macoaudit.shortcuts.regions import SearchSettings, propose
from macoaudit.shortcuts.screen import ScreenSettings, property_screen
from macoaudit.shortcuts.shifting import ShiftSettings, property_shift
from macoaudit.shortcuts.shown import shown_maps
from macoaudit.shortcuts.stamp import stamp_consistency
from macoaudit.shortcuts.tiles import TileSettings, spectrum_recurrence
from macoaudit.shortcuts.transfer import TransferSettings, patch_transfer
from macoaudit.shortcuts.verdict import Verdict, verdict

SHOWN = "class visualisation"
_PROPERTY_TESTS: tuple[TestName, ...] = ("property", "property shift")


@dataclass(frozen=True)
class SuiteSettings:
    """Settings of all tests; the thresholds are those that the benchmark fitted."""

    search: SearchSettings = field(default_factory=SearchSettings)
    transfer: TransferSettings = field(default_factory=TransferSettings)
    recurrence: RecurrenceSettings = field(default_factory=RecurrenceSettings)
    spectrum: FilterSettings = field(default_factory=FilterSettings)
    tiles: TileSettings = field(default_factory=TileSettings)
    screen: ScreenSettings = field(default_factory=ScreenSettings)
    shift: ShiftSettings = field(default_factory=ShiftSettings)
    component: ComponentSettings | None = field(default_factory=ComponentSettings)
    """None leaves the test out, and says so."""
    anomaly: AnomalySettings | None = None
    """As above; the slowest of the tests."""
    masks: MaskSettings = field(default_factory=MaskSettings)
    allowed: frozenset[str] = frozenset()
    """Properties that may tell a class."""
    level: float = LEVEL

    def to_json(self) -> dict[str, object]:
        """Every setting as JSON values."""
        plain = dataclasses.asdict(self)
        return {**plain, "allowed": sorted(self.allowed)}


@dataclass(frozen=True)
class Tested:
    """What all tests gave."""

    verdict: Verdict
    margins: Mapping[int, float]
    """Of the tested classes: how far from a high finding, 1 and more can be one."""
    n_donors: int
    """Images that regions of a class were pasted on, at most."""
    results: tuple[Evidence | NotTested, ...] = ()
    """Of every test and class, in the order in which they were made."""


def _sources(
    classes: Classes, said: Classes, present: Sequence[int], count: int
) -> dict[int, list[int]]:
    """Images of each class that windows are taken from: those that the network gets right first."""
    found = {}
    for index in present:
        own = torch.nonzero(classes == index).flatten()
        if len(own) < 2:
            continue  # nothing recurs in one image: its windows would be searched in vain
        right = own[said[own] == index]
        chosen = right if len(right) >= 2 else own
        if len(chosen) > count:
            chosen = chosen[torch.linspace(0, len(chosen) - 1, count).round().long()]
        found[index] = chosen.tolist()
    return found


def shortcut_tests(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    predictions: Classes,
    *,
    proposals: Mapping[str, Float[Tensor, "image rows columns"]] | None = None,
    pictures: Mapping[int, Float[Tensor, "picture channel height width"]] | None = None,
    masks: Bool[Tensor, "image height width"] | None = None,
    facts: Mapping[str, Float[Tensor, " image"]] | None = None,
    seed: int = 0,
    settings: SuiteSettings | None = None,
    on_test: Callable[[str, int, int], None] | None = None,
) -> Tested:
    """Test every class that has images for shortcuts.

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        classes: class index of each image, labels or predictions.
        predictions: the network's class of each image.
        proposals: maps that say where to look, by what they show; any grid, at least 0.
        pictures: MACO's pictures of classes, at the network's size; what they show of each image
            is one more such map.
        masks: object masks, all False for images without one; None: none were given.
        facts: further numbers by name, one an image, for the property screen.
        seed: of all random numbers.
        settings: of all tests; the defaults if None.
        on_test: told the stage, how much of it is done, and of how much.

    Returns:
        Results and verdict.

    Raises:
        UsageError: when the arguments do not fit together.
    """
    chosen = settings or SuiteSettings()
    check_input(model, image_01, classes)
    tell = on_test or (lambda stage, done, of: None)
    generators = iter(range(1, 100))

    def stream() -> torch.Generator:
        return torch.Generator().manual_seed(seed * 1009 + next(generators))

    n_stages = 7
    logits = read_logits(model, image_01)
    pool = search_pool(logits, classes, chosen.search.pool)
    donors = choose_donors(
        logits,
        classes,
        pool,
        n_test=chosen.transfer.max_donors,
        generators=class_generators(classes, stream()),
    )
    maps = dict(proposals or {})
    if pictures:
        maps[SHOWN] = shown_maps(model, image_01, classes, pictures)
    windows = propose(
        model,
        image_01,
        classes,
        donors,
        _sources(classes, predictions, list(donors), chosen.search.max_sources),
        maps=maps,
        settings=chosen.search,
        on_image=lambda done, of: tell("search", done, of),
    )
    results: list[Evidence | NotTested] = []
    tell("stamp", 1, n_stages)
    stamps = stamp_consistency(
        model, image_01, classes, windows, generator=stream(), settings=chosen.recurrence
    )
    results += stamps.results
    tell("patch transfer", 2, n_stages)
    results += patch_transfer(
        model,
        image_01,
        classes,
        stamps.candidates,
        generator=stream(),
        donors=donors,
        settings=chosen.transfer,
    )
    tell("spectrum", 3, n_stages)
    results += spectrum_transfer(
        model, image_01, classes, donors, generator=stream(), settings=chosen.spectrum
    )
    results += spectrum_recurrence(
        model, image_01, classes, generator=stream(), settings=chosen.tiles
    )
    tell("properties", 4, n_stages)
    results += [
        NotTested(test, index, "the network predicts this class for none of the images")
        for test in _PROPERTY_TESTS
        for index in donors
        if not bool((predictions == index).any())
    ]
    results += _properties(model, image_01, predictions, facts or {}, stream(), stream(), chosen)
    tell("component", 5, n_stages)
    results += (
        selective_component(model, image_01, classes, generator=stream(), settings=chosen.component)
        if chosen.component is not None
        else [_left_out("component", index) for index in donors]
    )
    tell("anomaly", 6, n_stages)
    results += (
        class_anomaly(model, image_01, classes, generator=stream(), settings=chosen.anomaly)
        if chosen.anomaly is not None
        else [_left_out("anomaly", index) for index in donors]
    )
    tell("masks", 7, n_stages)
    results += (
        mask_sensitivity(model, image_01, classes, masks, generator=stream(), settings=chosen.masks)
        if masks is not None
        else [NotTested("masks", index, "no object masks were given") for index in donors]
    )
    judged = verdict(results, model.labels, chosen.level)
    return Tested(
        judged,
        judged.margins,
        max((len(one.test) for one in donors.values()), default=0),
        tuple(results),
    )


def _properties(
    model: LoadedModel,
    image_01: Images,
    predictions: Classes,
    facts: Mapping[str, Float[Tensor, " image"]],
    first: torch.Generator,
    second: torch.Generator,
    settings: SuiteSettings,
) -> list[Evidence | NotTested]:
    """Screen properties of the pixels, shift what was found, then screen facts of the files.

    Apart, because no change of the pixels moves a file's format: were it the best of all, the
    property that can be moved would never be.
    """
    present = sorted(set(predictions.tolist()))
    if image_01.shape[1] != 3:
        reason = f"properties are of three colours, the network takes {image_01.shape[1]}"
        return [NotTested(test, one, reason) for test in _PROPERTY_TESTS for one in present]
    screened = property_screen(
        model,
        image_01,
        predictions,
        generator=first,
        allowed=settings.allowed,
        settings=settings.screen,
    )
    results: list[Evidence | NotTested] = [*screened]
    results += property_shift(
        model, image_01, predictions, screened, generator=second, settings=settings.shift
    )
    if facts:
        pixels = frozenset(one.name for one in PROPERTIES)
        results += [
            one
            for one in property_screen(
                model,
                image_01,
                predictions,
                generator=first,
                facts=facts,
                allowed=settings.allowed | pixels,
                settings=settings.screen,
            )
            if isinstance(one, Evidence)  # why it was not made is said of the pixels already
        ]
    return results


def _left_out(test: TestName, index: int) -> NotTested:
    return NotTested(test, index, "left out by the policy of this audit")
