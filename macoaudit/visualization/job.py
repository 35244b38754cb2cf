"""From named targets to a run folder of pictures: groups, resumes, writes, renders."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial

from macoaudit import __version__
from macoaudit.audit import Picture
from macoaudit.drawing_config import VisualizeConfig
from macoaudit.images import to_png_bytes
from macoaudit.metrics import transparency_mask
from macoaudit.models import (
    Reading,
)
from macoaudit.optimize import Step
from macoaudit.pipeline import Clock, Progress, render_reports, volatile_facts
from macoaudit.report.pdf import require_pdf
from macoaudit.results import (
    Run,
    Skipped,
    Visualization,
    visualizations_from_json,
    visualizations_to_json,
)
from macoaudit.stages import batch_memory_explained
from macoaudit.store import RunFolder, digest_json
from macoaudit.visualization.records import build_pictures, build_record, judge_pictures, summarise
from macoaudit.visualization.setup import Drawing, prepare_drawing
from macoaudit.visualize import visualize


def run_visualize(
    config: VisualizeConfig,
    *,
    command_line: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Draw every named target and write the run folder.

    Targets of the same layers are drawn together, batch by batch. A finished batch is a unit: it
    is found again when the same run is started again. Nothing is written before every target has
    turned out to be there.

    Args:
        config: settings of the run.
        command_line: as the user typed it, for the record.
        on_progress: called after every step and batch.

    Returns:
        The record that ``results.json`` holds. A dead or unreachable target is in it without a
        picture; the run is incomplete only when a number was not finite.

    Raises:
        MacoauditError: for anything that keeps the whole run from being made.
        KeyboardInterrupt: when it was interrupted; what is finished is in the run folder, and
            ``results.json`` says "incomplete".
    """
    if "pdf" in config.formats:
        require_pdf()  # a missing library is found before the first picture, not after the last
    tell = on_progress or (lambda progress: None)
    clock = Clock()
    began = time.perf_counter()
    tell(Progress("load", 0, 0, noun="pictures"))
    job = _Job(prepare_drawing(config), clock, tell)
    clock.timed("load", began)
    folder = job.open()
    try:
        job.draw(folder)
        tell(Progress("report", job.total, job.total, noun="pictures"))
        run = render_reports(job.record(command_line), config.formats, folder, clock)
        folder.write_results(run)
    except KeyboardInterrupt:
        folder.write_results(job.record(command_line, interrupted=True))
        raise
    return run


class _Job:
    """The pictures of one run and what became of each."""

    def __init__(self, setup: Drawing, clock: Clock, tell: Callable[[Progress], None]) -> None:
        self._setup, self._clock, self._tell = setup, clock, tell
        self._records: dict[tuple[int, int], Visualization] = {}
        self.total = len(setup.goals) * setup.config.n_seeds

    def open(self) -> RunFolder:
        """Open the run folder."""
        config = self._setup.config
        targets = [[goal.name, goal.to_json()] for goal in self._setup.goals]
        key = digest_json({**self._setup.facts(), "targets": targets})
        return RunFolder.open(config.out, run_key=key, resume=config.resume)

    def draw(self, folder: RunFolder) -> None:
        """Draw all targets, those of the same layers together."""
        for places, seeds in self._batches():
            records = self._unit(folder, places, seeds)
            keys = [(place, seed) for place in places for seed in seeds]
            self._records.update(zip(keys, records, strict=True))
            self._tell(Progress("draw", len(self._records), self.total, noun="pictures"))

    def _batches(self) -> Iterator[tuple[list[int], tuple[int, ...]]]:
        """Targets and seeds of one optimisation: as many as fit, of the same layers."""
        config = self._setup.config
        alike: dict[frozenset[Reading], list[int]] = {}
        for place, goal in enumerate(self._setup.goals):
            alike.setdefault(frozenset(goal.readings), []).append(place)
        size = max(1, config.batch_size // config.n_seeds)
        for places in alike.values():
            for first in range(0, len(places), size):
                group = places[first : first + size]
                for start in range(0, config.n_seeds, config.batch_size):
                    yield group, config.seeds[start : start + config.batch_size]

    def _unit(
        self, folder: RunFolder, places: list[int], seeds: tuple[int, ...]
    ) -> tuple[Visualization, ...]:
        """Draw one batch, or take it from an earlier, unfinished start of the same run."""
        setup = self._setup
        goals = [setup.goals[place] for place in places]
        named = [[goal.name, goal.to_json()] for goal in goals]
        key = digest_json({**setup.facts(), "targets": named, "drawn seeds": list(seeds)})
        stored = folder.read(key)
        if stored is not None:
            return visualizations_from_json(stored["visualizations"])
        began = time.perf_counter()
        with batch_memory_explained(setup.config.batch_size, setup.model.device):
            drawn = visualize(
                setup.model,
                goals,
                spectrum=setup.spectrum,
                config=setup.config.maco,
                seeds=seeds,
                method=setup.config.method,
                precision=setup.config.precision,
                accent=setup.accent,
                on_step=partial(self._step, len(goals) * len(seeds)),
            )
            judged = [judge_pictures(judge, drawn) for judge in setup.judges]
        self._clock.timed("draw", began)
        began = time.perf_counter()
        members = [(goal, seed) for goal in goals for seed in seeds]
        records, pictures = [], list[Picture]()
        masks = transparency_mask(drawn.transparency)
        for member, (goal, seed) in enumerate(members):
            seen = [
                (name, rows if isinstance(rows, str) else rows[member]) for name, rows in judged
            ]
            record = build_record(setup, goal, seed, drawn, member, seen)
            records.append(record)
            pictures += build_pictures(record, drawn, member, masks)
        files = {p.path: to_png_bytes(p.image_01, alpha_01=p.alpha_01) for p in pictures}
        folder.write(key, {"visualizations": visualizations_to_json(records)}, files)
        self._clock.timed("write", began)
        return tuple(records)

    def _step(self, count: int, step: Step) -> None:
        done = len(self._records)
        self._tell(Progress("draw", done, self.total, step, count, noun="pictures"))

    def record(self, command_line: Sequence[str], *, interrupted: bool = False) -> Run:
        """Sum the run up; pictures that were not reached are said to be missing."""
        setup, config = self._setup, self._setup.config
        drawn = tuple(self._records[key] for key in sorted(self._records))
        skipped = list(setup.skipped)
        if interrupted:
            missing = self.total - len(drawn)
            skipped.append(
                Skipped("visualize", f"the run was interrupted; {missing} pictures are not drawn")
            )
        failed = any(one.status == "failed" for one in drawn)
        layers = tuple(dict.fromkeys(reading.layer for reading in setup.shapes))
        shape = next(iter(setup.shapes.values())) if len(setup.shapes) == 1 else ()
        targets = asdict(config.targets)
        for name in ("directions", "sum_files"):
            targets[name] = [path.name for path in targets[name]]
        return Run(
            command="visualize",
            status="incomplete" if interrupted or failed else "complete",
            tool={"name": "macoaudit", "version": __version__},
            model=setup.model.record(", ".join(layers), shape),
            config={
                **config.settings(),
                "accentuate_sha256": setup.accent_sha256,
                "targets": {
                    name: list(value) if isinstance(value, tuple) else value
                    for name, value in targets.items()
                },
                "spectrum": {
                    "digest": setup.spectrum.digest,
                    "n_images": setup.spectrum.n_images,
                    "recipe": dict(setup.spectrum.recipe),
                },
            },
            images=(),
            skipped=tuple(skipped),
            summary=summarise(drawn, len(setup.goals)),
            volatile=volatile_facts(self._clock, setup.model.device, command_line),
            visualizations=drawn,
        )
