"""``macoaudit gallery``: classes, what drives them, natural images, and the site of all of it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from macoaudit import __version__
from macoaudit.drawing_config import GalleryConfig
from macoaudit.errors import LayerError, ReportError
from macoaudit.gallery.concepts import class_concepts
from macoaudit.gallery.drivers import class_drivers, driver_goal
from macoaudit.models import LOGITS, PENULTIMATE, Reading, linear_head, require_classes
from macoaudit.pipeline import Clock, Progress, require_outside, volatile_facts
from macoaudit.report.gallery_concepts import concept_sections
from macoaudit.report.gallery_site import write_gallery
from macoaudit.results import ClassDrivers, Run, Skipped, Visualization
from macoaudit.stages import run_pictures
from macoaudit.store import RunFolder, digest_json
from macoaudit.visualization import Drawing, interrupted, prepare_drawing, spectrum_record
from macoaudit.visualization.drawing import PictureJob, finished_pictures
from macoaudit.visualization.natural import NaturalStage
from macoaudit.visualization.records import summarise

Tell = Callable[[Progress], None]


def run_gallery(
    config: GalleryConfig,
    *,
    command_line: Sequence[str] = (),
    on_progress: Tell | None = None,
) -> Run:
    """Draw classes and what drives them, and write a site that works from disk.

    Every finished picture is found again whatever classes are asked for next, so adding classes
    draws the new ones only. With a shard only its share of the classes is drawn: units and images
    of all shards, put into one folder, are taken up by a run without one, which makes the site.

    Args:
        config: settings of the run.
        command_line: as the user typed it, for the record.
        on_progress: called after every step and stage.

    Returns:
        The record that ``results.json`` holds: the classes, then the channels that drive them.

    Raises:
        MacoauditError: for anything that keeps the whole run from being made.
        KeyboardInterrupt: when it was interrupted; what is finished is in the run folder, and
            ``results.json`` says "incomplete".
    """
    drawing = config.drawing
    require_outside(drawing.out, (*drawing.references, *config.concept_images))
    tell = on_progress or (lambda progress: None)
    clock = Clock()
    began = time.perf_counter()
    tell(Progress("load", 0, 0, noun="pictures"))
    setup = prepare_drawing(drawing)
    require_classes(setup.model)
    key = digest_json({**setup.facts(), "command": "gallery"})
    folder = RunFolder.open(drawing.out, run_key=key, resume=drawing.resume)
    clock.timed("load", began)
    work = _Work(config, setup, folder, clock, tell)
    try:
        work.draw()
        if config.shard is None:
            work.measure()
        run = work.record(command_line)
        if config.shard is None:
            tell(Progress("report", 1, 1, noun="sites"))
            run = _with_site(run, folder, clock)
        folder.write_results(run)
    except KeyboardInterrupt:
        folder.write_results(work.record(command_line, whole=False))
        raise
    return run


def _with_site(run: Run, folder: RunFolder, clock: Clock) -> Run:
    """Write the site; one that fails is a note in the record, never a lost run."""
    began = time.perf_counter()
    errors = []
    try:
        write_gallery(run, folder.path, concepts=concept_sections(run, folder.path))
    except ReportError as error:
        errors.append(str(error))
    clock.timed("site", began)
    volatile = {
        **run.volatile,
        "stages": {name: round(value, 3) for name, value in clock.stages.items()},
        "wall_s": round(time.time() - clock.started, 3),
    }
    return replace(run, volatile={**volatile, "report_errors": errors} if errors else volatile)


@dataclass
class _Work:
    """The stages of a gallery and what each has found so far."""

    config: GalleryConfig
    setup: Drawing
    folder: RunFolder
    clock: Clock
    tell: Tell
    classes: list[Visualization] = field(default_factory=list)
    channels: tuple[Visualization, ...] = ()
    drivers: tuple[ClassDrivers, ...] = ()
    skipped: list[Skipped] = field(default_factory=list)
    concept_runs: dict[str, str] = field(default_factory=dict)
    """By class index, the folder of its concepts' run."""

    def draw(self) -> None:
        """Draw the classes that are not there yet."""
        job = self._job(self.setup, "draw")
        try:
            job.draw(self.folder, shard=self.config.shard or (1, 1))
        finally:
            self.classes = list(job.in_order())

    def measure(self) -> None:
        """Compare the classes with natural images; find, and draw, what drives them."""
        stage = NaturalStage(
            self.setup,
            self.folder,
            self.clock.timed,
            lambda done, total: self.tell(Progress("compare", done, total, noun="pictures")),
        )
        self.classes = stage.run(self.classes)
        self.skipped += stage.skipped
        self._drive()
        goals = dict.fromkeys(
            driver_goal(one.channel, one.activation)
            for drivers in self.drivers
            for one in drivers.channels
        )
        if goals:
            # One picture a channel is enough to see what it is for.
            config = replace(self.setup.config, n_seeds=1)
            job = self._job(replace(self.setup, goals=tuple(goals), config=config), "channels")
            try:
                job.draw(self.folder)
            finally:
                self.channels = job.in_order()
        self._find_concepts()

    def _find_concepts(self) -> None:
        """Find the concepts of every class that was drawn and has images."""
        if not self.config.concept_images:
            self.skipped.append(
                Skipped("concepts", "no images of the classes came; give them with --concepts DIR")
            )
            return
        began = time.perf_counter()
        try:
            for index, _ in self._drawn():
                found = class_concepts(self.config, index, self.tell)
                if isinstance(found, Skipped):
                    self.skipped.append(found)
                else:
                    self.concept_runs[str(index)] = found
        finally:
            self.clock.timed("concepts", began)

    def _job(self, setup: Drawing, stage: str) -> PictureJob:
        finished = finished_pictures(self.folder)
        return PictureJob(setup, self.clock, self.tell, finished=finished, stage=stage)

    def _drive(self) -> None:
        if not self.config.n_channels:
            self.skipped.append(Skipped("driving channels", "turned off with --channels 0"))
            return
        try:
            head = linear_head(self.setup.model)
        except LayerError as error:
            self.skipped.append(Skipped("driving channels", str(error)))
            return
        began = time.perf_counter()
        pictures = run_pictures(self.folder, self.setup.model.preprocessing)
        found = []
        for index, files in self._drawn():
            image_01 = pictures.views(files)
            one = class_drivers(self.setup.model, head, index, image_01, self.config.n_channels)
            if isinstance(one, Skipped):
                self.skipped.append(one)
                return
            found.append(one)
        self.drivers = tuple(found)
        self.clock.timed("drive", began)

    def _drawn(self) -> Iterator[tuple[int, list[str]]]:
        """Every class that has pictures, and their files."""
        files: dict[int, list[str]] = {}
        for one in self.classes:
            if one.status == "ok":
                files.setdefault(one.terms[0].index, []).append(one.files["image"])
        yield from files.items()

    def record(self, command_line: Sequence[str], *, whole: bool = True) -> Run:
        """Sum the run up; pictures that were not reached are said to be missing."""
        setup, config = self.setup, self.config
        drawn = (*self.classes, *self.channels)
        skipped = [*setup.skipped, *self.skipped]
        n_wanted = len(setup.goals) * setup.config.n_seeds
        if not whole:
            skipped.append(interrupted(n_wanted - len(self.classes), "gallery"))
        elif config.shard is not None:
            number, count = config.shard
            reason = f"shard {number} of {count}; a run without --shard makes the site of all"
            skipped.append(Skipped("site", reason))
        failed = any(one.status == "failed" for one in drawn)
        shape = setup.shapes.get(Reading("logits", LOGITS), ())
        summary = summarise(self.classes, len(setup.goals))
        return Run(
            command="gallery",
            status="incomplete" if failed or not whole else "complete",
            tool={"name": "macoaudit", "version": __version__},
            model=setup.model.record(LOGITS, shape),
            config={
                **config.settings(),
                "targets": {"logits": list(asdict(config.drawing.targets)["logits"])},
                "channels_layer": PENULTIMATE,
                "concepts": {"runs": dict(self.concept_runs)},
                "spectrum": spectrum_record(setup),
            },
            images=(),
            skipped=tuple(skipped),
            summary={**summary, "n_channels": len(self.channels)},
            volatile=volatile_facts(self.clock, setup.model.device, command_line),
            visualizations=drawn,
            drivers=self.drivers,
        )
