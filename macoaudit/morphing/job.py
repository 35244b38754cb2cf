"""``macoaudit morph``: from images to a run folder of morphs with their reports."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from macoaudit import __version__
from macoaudit.errors import ImageError, UsageError
from macoaudit.images import ImageFile, find_images
from macoaudit.morph_config import EACH, MorphConfig
from macoaudit.morphing.moving import Task, members_of, move
from macoaudit.morphing.reading import Subject, survey
from macoaudit.morphing.records import unmoved
from macoaudit.morphing.setup import MorphSetup, lens_settings, prepare_morph
from macoaudit.morphing.summing import caution, summarise
from macoaudit.morphing.targets import Confusion, confusions, each_targets
from macoaudit.pipeline import (
    Clock,
    Progress,
    render_reports,
    require_outside,
    usable,
    volatile_facts,
)
from macoaudit.report.pdf import require_pdf
from macoaudit.results import (
    ImageAudit,
    Morph,
    MorphClass,
    Run,
    Skipped,
    morphs_from_json,
    morphs_to_json,
)
from macoaudit.store import RunFolder, digest_json


def run_morph(
    config: MorphConfig,
    *,
    command_line: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Move every image towards its target classes and write the run folder.

    Every image is looked at once, then moved batch by batch. A finished batch is a unit: it is
    found again when the same run is started again. Nothing is written before an image has turned
    out to be usable and to have a target.

    Args:
        config: settings of the run.
        command_line: as the user typed it, for the record.
        on_progress: called after every batch.

    Returns:
        The record that ``results.json`` holds.

    Raises:
        MacoauditError: for anything that keeps the whole run from being made. An image that cannot
            be used or moved is part of the record instead.
        KeyboardInterrupt: when it was interrupted; what is finished is in the run folder, and
            ``results.json`` says "incomplete".
    """
    lens_settings(config)  # a setting that the lens refuses is found before the images are
    files = find_images(config.images)
    require_outside(config.out, config.images)
    if "pdf" in config.formats:
        require_pdf()  # a missing library is found before the first morph, not after the last
    tell = on_progress or (lambda progress: None)
    clock = Clock()
    began = time.perf_counter()
    tell(Progress("load", 0, len(files)))
    setup = prepare_morph(config)
    clock.timed("load", began)
    job = _Job(setup, files, clock, tell)
    job.look()
    folder = job.open()
    try:
        job.move(folder)
        tell(Progress("report", 1, 1, noun="reports"))
        run = render_reports(job.record(command_line), config.formats, folder, clock)
        folder.write_results(run)
    except KeyboardInterrupt:
        folder.write_results(job.record(command_line, interrupted=True))
        raise
    return run


class _Job:
    """The images of one run and their morphs."""

    def __init__(
        self,
        setup: MorphSetup,
        files: Sequence[ImageFile],
        clock: Clock,
        tell: Callable[[Progress], None],
    ) -> None:
        self._setup, self._files, self._clock, self._tell = setup, files, clock, tell
        self._images: list[ImageAudit] = []
        self._pairs: tuple[Confusion, ...] = ()
        self._tasks: list[Task] = []
        self._morphs: dict[int, Morph] = {}
        """By place in the list of tasks."""

    def look(self) -> None:
        """Ask the network about every image and find the targets.

        Raises:
            ImageError: when no image can be used.
            UsageError: when none has a target besides what the network sees in it.
        """
        setup, subjects = self._setup, list[Subject]()
        began = time.perf_counter()
        for found in survey(setup, self._files, lambda n, of: self._tell(Progress("read", n, of))):
            self._images.append(found.record if isinstance(found, Subject) else found)
            if isinstance(found, Subject):
                subjects.append(found)
        self._clock.timed("read", began)
        if not subjects:
            first = self._images[0]
            raise ImageError(
                f"IMAGES: none of {len(self._images)} can be used. The first: {first.path}: "
                f"{first.reason}"
            )
        readings = [one.reading for one in subjects]
        self._pairs = confusions(readings)
        targets: list[tuple[int, ...]] = [(one.second,) for one in readings]
        if setup.target is not None:
            targets = [(setup.target,)] * len(subjects)
        elif setup.config.target == EACH:
            targets = each_targets(readings, self._pairs, setup.config.top_k)
        for one, classes in zip(subjects, targets, strict=True):
            self._tasks += [
                Task(one.file, one.record, one.reading.source, target) for target in classes
            ]
        self._skip_seen({one.record.id: one.reading.first for one in subjects})

    def _skip_seen(self, first: dict[str, int]) -> None:
        """Skip what is of its target already: there is no way to go."""
        for place, task in enumerate(self._tasks):
            if first[task.image.id] != task.target:
                continue
            source, target = (self._class(i) for i in (task.source, task.target))
            seen = task.image.prediction
            self._morphs[place] = unmoved(
                task.image.id,
                source,
                target,
                "skipped",
                "the network sees the target in the image already",
                None if seen is None else seen.probability,
            )
        if len(self._morphs) == len(self._tasks):
            config = self._setup.config
            option = f"--target {config.target}"
            option += "" if config.source is None else f" --source {config.source}"
            raise UsageError(
                f"{option}: the network sees the target in every usable image already "
                f"({len(self._morphs)}). Give another class"
            )

    def _class(self, index: int) -> MorphClass:
        return MorphClass(index, self._setup.class_name(index))

    def open(self) -> RunFolder:
        """Open the run folder."""
        setup, config = self._setup, self._setup.config
        facts = {**setup.facts(), "tasks": members_of(self._tasks)}
        return RunFolder.open(config.out, run_key=digest_json(facts), resume=config.resume)

    def move(self, folder: RunFolder) -> None:
        """Move what has not been skipped, batch by batch."""
        places = [place for place in range(len(self._tasks)) if place not in self._morphs]
        size, total = self._setup.config.batch_size, len(places)
        for start in range(0, total, size):
            batch = places[start : start + size]
            self._tell(Progress("morph", start, total, noun="morphs"))
            records = self._unit(folder, [self._tasks[place] for place in batch])
            self._morphs.update(zip(batch, records, strict=True))
        self._tell(Progress("morph", total, total, noun="morphs"))

    def _unit(self, folder: RunFolder, tasks: list[Task]) -> tuple[Morph, ...]:
        """Move one batch, or take it from an earlier, unfinished start of the same run."""
        key = digest_json({**self._setup.facts(), "batch": members_of(tasks)})
        stored = folder.read(key)
        if stored is not None:
            return morphs_from_json(stored["morphs"])
        began = time.perf_counter()
        moved = move(self._setup, tasks)
        self._clock.timed("morph", began)
        began = time.perf_counter()
        records = tuple(one.record for one in moved)
        files = {name: content for one in moved for name, content in one.files.items()}
        folder.write(key, {"morphs": morphs_to_json(records)}, files)
        self._clock.timed("write", began)
        return records

    def record(self, command_line: Sequence[str], *, interrupted: bool = False) -> Run:
        """Sum the run up; what was not reached is said to be missing."""
        setup, config = self._setup, self._setup.config
        morphs = tuple(self._morphs[place] for place in sorted(self._morphs))
        missing = len(self._tasks) - len(morphs)
        failed = any(morph.status == "failed" for morph in morphs)
        whole = not interrupted and not failed and usable(self._images, config.max_bad_frac)
        skipped = list(setup.skipped)
        if interrupted:
            told = f"the run was interrupted; {missing} morphs are not made"
            skipped.append(Skipped("morph", told))
        return Run(
            command="morph",
            status="complete" if whole else "incomplete",
            tool={"name": "macoaudit", "version": __version__},
            model=setup.record(),
            config={
                **config.settings(),
                "images": [path.name or str(path) for path in config.images],
                "judges_used": {judge.name: judge.weights_sha256 for judge in setup.judges},
            },
            images=tuple(self._images),
            skipped=tuple(skipped),
            summary=self._summary(morphs),
            volatile=volatile_facts(self._clock, setup.model.device, command_line),
            morphs=morphs,
        )

    def _summary(self, morphs: Sequence[Morph]) -> dict[str, Any]:
        config = self._setup.config
        pairs = {
            f"{rank:04d}": {
                **asdict(pair),
                "source_name": self._setup.class_name(pair.source),
                "target_name": self._setup.class_name(pair.target),
            }
            for rank, pair in enumerate(self._pairs, 1)
        }
        return {
            **summarise(self._images, morphs),
            "caution": caution(config.mode, config.target),
            "confusions": pairs if config.target == EACH else {},
        }
