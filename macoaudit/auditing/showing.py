"""Pictures of a finding: where the region is, what it is, and what it does to other images."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.audit import Picture
from macoaudit.measuring.context import spread
from macoaudit.models import LoadedModel
from macoaudit.results import FindingRegion, PastedExample
from macoaudit.shortcuts.properties import PROPERTIES, Property
from macoaudit.shortcuts.reading import Classes, Images, read_logits
from macoaudit.shortcuts.records import Region
from macoaudit.shortcuts.shifting import solve_amount
from macoaudit.shortcuts.transfer import paste
from macoaudit.shortcuts.verdict import ShortcutFinding

N_REGIONS = 4
"""Regions of a finding that are shown, the clearest first."""
N_DONORS = 24
"""Images of other classes that an example is chosen from, evenly spaced."""
N_LARGEST = 3
"""Examples with the largest rise; one more shows the middle."""
# One pixel in a picture of 160 px, so that it is seen in a thumbnail.
_LINE_FRAC = 1 / 160


@dataclass(frozen=True)
class Scene:
    """The images that were tested, for the pictures of findings."""

    model: LoadedModel
    image_01: Images
    ids: tuple[str, ...]
    """Names of the images' folders in the run."""
    classes: Classes
    predictions: Classes


@dataclass(frozen=True)
class Shown:
    """What is shown of a finding."""

    regions: tuple[FindingRegion, ...]
    examples: tuple[PastedExample, ...]
    """Those with the largest rise, largest first; then, where more were tried, the middle one."""
    pictures: tuple[Picture, ...]


def outlined(
    image_01: Float[Tensor, "channel height width"], mask: Bool[Tensor, "height width"]
) -> Float[Tensor, "channel height width"]:
    """Draw a white line around a region and a black one around that: one of them is always seen.

    Args:
        image_01: values 0..1.
        mask: the region; its own pixels are left as they are.
    """
    width_px = max(1, round(min(mask.shape) * _LINE_FRAC))
    inner, outer = _grown(mask, width_px), _grown(mask, 2 * width_px)
    drawn = torch.where(outer & ~inner, 0.0, image_01)
    return torch.where(inner & ~mask, 1.0, drawn)


def _grown(mask: Bool[Tensor, "height width"], by_px: int) -> Bool[Tensor, "height width"]:
    wide = torch.nn.functional.max_pool2d(
        mask[None, None].float(), 2 * by_px + 1, stride=1, padding=by_px
    )
    return wide[0, 0] > 0.5


def show_finding(scene: Scene, finding: ShortcutFinding, folder: str) -> Shown:
    """Show where a finding is and what its cue does to images of other classes.

    Args:
        scene: what was tested.
        finding: of one class.
        folder: for the pictures, relative to the run folder.
    """
    if finding.regions:
        return _regions_shown(scene, finding, folder)
    subjects = [one.evidence.subject for one in finding.evidence]
    for one in PROPERTIES:
        if one.name in subjects and one.shift is not None:
            return _shift_shown(scene, finding.class_index, one, folder)
    return Shown((), (), ())


def _donors(classes: Classes, index: int) -> list[int]:
    others = torch.nonzero(classes != index).flatten().tolist()
    return [others[place] for place in spread(len(others), N_DONORS)]


def _regions_shown(scene: Scene, finding: ShortcutFinding, folder: str) -> Shown:
    index = finding.class_index
    donors = _donors(scene.classes, index)
    records, pictures = list[FindingRegion](), list[Picture]()
    examples: tuple[PastedExample, ...] = ()
    before = read_logits(scene.model, scene.image_01[donors]) if donors else None
    for number, region in enumerate(finding.regions[:N_REGIONS], start=1):
        image_01 = scene.image_01[region.image]
        files = {kind: f"{folder}/{kind}-{number}.png" for kind in ("overlay", "region")}
        pictures += [
            Picture(files["overlay"], outlined(image_01, region.mask)),
            Picture(files["region"], image_01, region.mask.float()),
        ]
        rise = None
        if before is not None:
            change = _Change(scene, index, donors, before, scene.ids[region.image])
            after_01 = paste(scene.image_01[donors], image_01, region.mask)
            rises = change.measure(after_01)
            rise = float(rises.mean())
            if number == 1:
                examples, more = change.examples(after_01, folder)
                pictures += more
        records.append(_region_record(scene, region, rise, files))
    return Shown(tuple(records), examples, tuple(pictures))


def _region_record(
    scene: Scene, region: Region, rise: float | None, files: dict[str, str]
) -> FindingRegion:
    top, left, bottom, right = region.box_px
    return FindingRegion(
        image=scene.ids[region.image],
        box_px=(top, left, bottom - top, right - left),
        area_frac=region.area_frac,
        rise=rise,
        files=files,
    )


def _shift_shown(scene: Scene, index: int, cue: Property, folder: str) -> Shown:
    """Give images that the network takes for other classes the property of the class."""
    donors = _donors(scene.predictions, index)
    own = scene.image_01[scene.predictions == index]
    shift, measure = cue.shift, cue.measure
    if not donors or not len(own) or shift is None:
        return Shown((), (), ())
    donor_01 = scene.image_01[donors]
    target = measure(own).mean().expand(len(donors)).clone()
    amount = solve_amount(lambda size: measure(shift(donor_01, size)), target, -1.0)
    after_01 = shift(donor_01, amount)
    change = _Change(scene, index, donors, read_logits(scene.model, donor_01), None)
    change.measure(after_01)
    examples, pictures = change.examples(after_01, folder)
    return Shown((), examples, tuple(pictures))


class _Change:
    """What one change does to donors: predictions and the class's probability before and after."""

    def __init__(
        self,
        scene: Scene,
        index: int,
        donors: Sequence[int],
        before: Float[Tensor, "donor classes"],
        source: str | None,
    ) -> None:
        self._scene, self._index, self._donors, self._source = scene, index, donors, source
        self._before = self._after = before

    def measure(self, after_01: Images) -> Float[Tensor, " donor"]:
        """Rise of the class's probability on every donor."""
        self._after = read_logits(self._scene.model, after_01)
        return self._rises()

    def _rises(self) -> Float[Tensor, " donor"]:
        after, before = (rows.softmax(1)[:, self._index] for rows in (self._after, self._before))
        return after - before

    def examples(
        self, after_01: Images, folder: str
    ) -> tuple[tuple[PastedExample, ...], list[Picture]]:
        """Choose the donors with the largest rise and the one in the middle."""
        order = self._rises().argsort(descending=True, stable=True).tolist()
        chosen = [(f"largest-{rank}", place) for rank, place in enumerate(order[:N_LARGEST], 1)]
        if len(order) // 2 >= N_LARGEST:
            chosen.append(("middle", order[len(order) // 2]))
        examples, pictures = [], []
        for name, place in chosen:
            files = {kind: f"{folder}/{kind}-{name}.png" for kind in ("before", "after")}
            pictures += [
                Picture(files["before"], self._scene.image_01[self._donors[place]]),
                Picture(files["after"], after_01[place]),
            ]
            examples.append(self._example(place, files))
        return tuple(examples), pictures

    def _example(self, place: int, files: dict[str, str]) -> PastedExample:
        labels = self._scene.model.labels
        before, after = self._before[place], self._after[place]
        return PastedExample(
            image=self._scene.ids[self._donors[place]],
            source=self._source,
            before=labels[int(before.argmax())],
            before_probability=float(before.softmax(0)[self._index]),
            after=labels[int(after.argmax())],
            after_probability=float(after.softmax(0)[self._index]),
            files=files,
        )
