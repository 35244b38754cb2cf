"""One batch of images moved, recorded and drawn: the unit of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from macoaudit.errors import ImageError, OptimizationError
from macoaudit.images import ImageFile, to_png_bytes
from macoaudit.lens import LensResult, steerable_lens
from macoaudit.morphing.network import Sighted
from macoaudit.morphing.pictures import (
    animation_bytes,
    brightness,
    difference,
    difference_scale,
    enlarged,
    heat,
)
from macoaudit.morphing.reading import load_image, logits_of
from macoaudit.morphing.records import morph_record, unmoved
from macoaudit.morphing.setup import MorphSetup
from macoaudit.results import ImageAudit, Morph, MorphClass
from macoaudit.stages import batch_memory_explained

_CHANGED = "the file changed while the run was under way"


@dataclass(frozen=True)
class Task:
    """One image and the class that it is moved towards."""

    file: ImageFile
    image: ImageAudit
    source: int
    target: int


@dataclass(frozen=True)
class Moved:
    """A finished morph with the bytes of its pictures."""

    record: Morph
    files: dict[str, bytes]


def move(setup: MorphSetup, tasks: Sequence[Task]) -> list[Moved]:
    """Move a batch of images.

    Args:
        setup: the run's.
        tasks: images with their classes.

    Returns:
        One result a task, in order. An image that cannot be read again, or whose numbers are not
        finite, is a failed one with the reason.

    Raises:
        OptimizationError: when the memory of the device is full.
    """
    loaded = [_load(setup, task) for task in tasks]
    able = [(task, one) for task, one in zip(tasks, loaded, strict=True) if isinstance(one, Tensor)]
    with batch_memory_explained(setup.config.batch_size, setup.model.device):
        moved = iter(_moved(setup, [t for t, _ in able], [image for _, image in able]))
    return [
        next(moved) if isinstance(one, Tensor) else _failed(setup, task, one)
        for task, one in zip(tasks, loaded, strict=True)
    ]


def _load(setup: MorphSetup, task: Task) -> Tensor | str:
    """Read an image again, or say why that cannot be."""
    try:
        sha256, image = load_image(setup, task.file)
    except ImageError as error:
        return str(error)
    return image if sha256 == task.image.sha256 else _CHANGED


def _failed(setup: MorphSetup, task: Task, reason: str) -> Moved:
    source, target = (MorphClass(i, setup.class_name(i)) for i in (task.source, task.target))
    return Moved(unmoved(task.image.id, source, target, "failed", reason, None), {})


def _moved(setup: MorphSetup, tasks: list[Task], images: list[Tensor]) -> list[Moved]:
    """Run the lens; where a number is not finite, image by image, so that only it fails."""
    if not tasks:
        return []
    batch = torch.stack(images)
    try:
        result = run_lens(setup, batch, tasks)
    except OptimizationError as error:
        if len(tasks) == 1:
            return [_failed(setup, tasks[0], str(error))]
        pairs = zip(tasks, images, strict=True)
        return [one for task, image in pairs for one in _moved(setup, [task], [image])]
    odds = torch.softmax(logits_of(setup, batch).double(), 1)
    return [
        _finished(setup, task, result, member, images[member], float(odds[member, task.target]))
        for member, task in enumerate(tasks)
    ]


def run_lens(setup: MorphSetup, images_01: Tensor, tasks: Sequence[Task]) -> LensResult:
    """Run the lens over a batch.

    Args:
        setup: the run's.
        images_01: one an task, values in 0..1.
        tasks: which classes.
    """
    device = setup.model.device
    return steerable_lens(
        setup.network,
        images_01.to(device),
        torch.tensor([task.target for task in tasks], device=device),
        torch.tensor([task.source for task in tasks], device=device),
        config=setup.lens,
        judges={judge.name: Sighted(judge) for judge in setup.judges},
    )


def _finished(
    setup: MorphSetup, task: Task, result: LensResult, member: int, image: Tensor, odds: float
) -> Moved:
    record = morph_record(
        result,
        member,
        image=task.image.id,
        driver=setup.model.name,
        labels=setup.model.labels,
        target_prob=odds,
        n_frames=setup.config.n_frames,
    )
    return _draw(record, result, member, image)


def _draw(record: Morph, result: LensResult, member: int, image: Tensor) -> Moved:
    """Draw the pictures of a morph, and name them in its record."""
    here = f"images/{record.image}/to-{record.target.index}"
    key = record.key_frame or 0
    tracks = {"lens": result.lens, **result.controls}
    changes = {
        name: brightness(track.frames[key, member]) - brightness(image)
        for name, track in tracks.items()
    }
    scale = difference_scale(list(changes.values()))
    drawn: dict[str, bytes] = {}
    records = []
    for track in record.tracks:
        names = {str(frame): f"{here}/{track.edit}-{frame:02d}.png" for frame in record.shown}
        frames = tracks[track.edit].frames[:, member]
        for frame in record.shown:
            drawn[names[str(frame)]] = to_png_bytes(enlarged(frames[frame]))
        names["difference"] = f"{here}/{track.edit}-difference.png"
        drawn[names["difference"]] = to_png_bytes(enlarged(difference(changes[track.edit], scale)))
        records.append(replace(track, files=names))
    shown = [result.lens.frames[frame, member] for frame in record.shown]
    files = {
        "source": f"images/{record.image}/source.png",
        "map": f"{here}/map.png",
        "animation": f"{here}/animation.png",
    }
    drawn[files["source"]] = to_png_bytes(enlarged(image))
    drawn[files["map"]] = to_png_bytes(enlarged(heat(image, result.spatial[member])))
    drawn[files["animation"]] = animation_bytes([image, *shown])
    whole = replace(record, tracks=tuple(records), files=files, difference_scale=scale)
    return Moved(whole, drawn)


def members_of(tasks: Sequence[Task]) -> list[list[object]]:
    """Name what a batch is of, as plain data."""
    return [[t.image.id, t.image.path, t.image.sha256, t.source, t.target] for t in tasks]
