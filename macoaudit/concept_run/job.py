"""From images of a class to a run folder of its concepts: finds, draws, writes, renders."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit import __version__
from macoaudit.concept_config import ConceptsConfig
from macoaudit.concept_run.records import (
    DIRECTIONS,
    build_concepts,
    concept_pictures,
    directions_bytes,
    directions_of,
    goals_of,
)
from macoaudit.concept_run.setup import ConceptSetup, prepare_concepts
from macoaudit.concepts import concepts
from macoaudit.drawing import visualize
from macoaudit.drawing_config import TargetConfig, VisualizeConfig
from macoaudit.images import to_png_bytes
from macoaudit.metrics import transparency_mask
from macoaudit.optimize import Step
from macoaudit.pipeline import Clock, Progress, render_reports, require_outside, volatile_facts
from macoaudit.report.pdf import require_pdf
from macoaudit.results import (
    ClassConcepts,
    Run,
    Skipped,
    Visualization,
    concepts_from_json,
    concepts_to_json,
    visualizations_from_json,
    visualizations_to_json,
)
from macoaudit.stages import batch_memory_explained
from macoaudit.store import RunFolder, digest_json
from macoaudit.targets import WeightedSum
from macoaudit.visualization import Drawing, build_pictures, build_record


def run_concepts(
    config: ConceptsConfig,
    *,
    command_line: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Find the concepts of a class, draw them, locate them, and write the run folder.

    What was found is one unit, every batch of drawings another: a unit is found again when the same
    run is started again. Nothing is written before the class, its images and the layer have turned
    out to be usable.

    Args:
        config: settings of the run.
        command_line: as the user typed it, for the record.
        on_progress: called after every image, step and batch.

    Returns:
        The record that ``results.json`` holds.

    Raises:
        MacoauditError: for anything that keeps the whole run from being made.
        KeyboardInterrupt: when it was interrupted; what is finished is in the run folder, and
            ``results.json`` says "incomplete".
    """
    require_outside(config.out, config.images)
    if "pdf" in config.formats:
        require_pdf()  # a missing library is found before the first crop, not after the last
    tell = on_progress or (lambda progress: None)
    clock = Clock()
    began = time.perf_counter()
    setup = prepare_concepts(config, lambda stage, n, of: tell(Progress(stage, n, of)))
    clock.timed("load", began)
    job = _Job(setup, clock, tell)
    folder = job.open()
    try:
        job.find(folder)
        job.draw(folder)
        tell(Progress("report", 1, 1, noun="reports"))
        run = render_reports(job.record(command_line), config.formats, folder, clock)
        folder.write_results(run)
    except KeyboardInterrupt:
        folder.write_results(job.record(command_line, interrupted=True))
        raise
    return run


class _Job:
    """The concepts of one run and their drawings."""

    def __init__(self, setup: ConceptSetup, clock: Clock, tell: Callable[[Progress], None]) -> None:
        self._setup, self._clock, self._tell = setup, clock, tell
        self._found: ClassConcepts | None = None
        self._goals: dict[int, WeightedSum] = {}
        self._drawn: dict[tuple[int, int], Visualization] = {}

    def open(self) -> RunFolder:
        """Open the run folder."""
        config = self._setup.config
        key = digest_json(self._setup.facts())
        return RunFolder.open(config.out, run_key=key, resume=config.resume)

    def find(self, folder: RunFolder) -> None:
        """Find, weigh and locate the concepts, or take them from an earlier start."""
        setup = self._setup
        key = digest_json({**setup.facts(), "stage": "find"})
        stored = folder.read(key)
        if stored is not None:
            self._found = concepts_from_json(stored["concepts"])
            directions = torch.tensor(stored["directions"], dtype=torch.float32)
        else:
            self._found, directions = self._find(folder, key)
        self._goals = goals_of(setup.class_name, setup.layer, directions)

    def _find(
        self, folder: RunFolder, key: str
    ) -> tuple[ClassConcepts, Float[Tensor, "concept channel"]]:
        setup, config = self._setup, self._setup.config
        began = time.perf_counter()
        with batch_memory_explained(config.batch_size, setup.model.device):
            found = concepts(
                setup.model,
                setup.images_01,
                setup.class_index,
                layer=setup.layer,
                n_concepts=config.n_concepts,
                crop_sides_frac=config.crop_sides_frac,
                n_designs=config.n_designs,
                n_measured=config.n_measured,
                batch_size=config.batch_size,
                seed=config.seed,
                on_image=lambda stage, n, of: self._tell(Progress(stage, n, of)),
            )
        self._clock.timed("find", began)
        began = time.perf_counter()
        record, directions = build_concepts(setup, found), directions_of(found)
        files = {
            picture.path: to_png_bytes(picture.image_01)
            for picture in concept_pictures(setup, found, record)
        }
        files[DIRECTIONS] = directions_bytes(directions)
        payload = {"concepts": concepts_to_json(record), "directions": directions.tolist()}
        folder.write(key, payload, files)
        self._clock.timed("write", began)
        return record, directions

    def draw(self, folder: RunFolder) -> None:
        """Draw every concept's direction with MACO, batch by batch."""
        total = len(self._goals) * self._setup.config.n_seeds
        for ranks, seeds in self._batches():
            on_step = partial(self._step, total, len(ranks) * len(seeds))
            records = self._unit(folder, ranks, seeds, on_step)
            keys = [(rank, seed) for rank in ranks for seed in seeds]
            self._drawn.update(zip(keys, records, strict=True))
            self._tell(Progress("draw", len(self._drawn), total, noun="pictures"))

    def _batches(self) -> Iterator[tuple[list[int], tuple[int, ...]]]:
        config, ranks = self._setup.config, list(self._goals)
        size = max(1, config.batch_size // config.n_seeds)
        for first in range(0, len(ranks), size):
            for start in range(0, config.n_seeds, config.batch_size):
                yield ranks[first : first + size], config.seeds[start : start + config.batch_size]

    def _step(self, total: int, count: int, step: Step) -> None:
        self._tell(Progress("draw", len(self._drawn), total, step, count, noun="pictures"))

    def _unit(
        self,
        folder: RunFolder,
        ranks: list[int],
        seeds: tuple[int, ...],
        on_step: Callable[[Step], None],
    ) -> tuple[Visualization, ...]:
        """Draw one batch, or take it from an earlier, unfinished start of the same run."""
        setup, config = self._setup, self._setup.config
        goals = [self._goals[rank] for rank in ranks]
        named = [[goal.name, goal.to_json()] for goal in goals]
        key = digest_json({**setup.facts(), "targets": named, "drawn seeds": list(seeds)})
        stored = folder.read(key)
        if stored is not None:
            return visualizations_from_json(stored["visualizations"])
        began = time.perf_counter()
        with batch_memory_explained(config.batch_size, setup.model.device):
            drawn = visualize(
                setup.model,
                goals,
                spectrum=setup.spectrum,
                config=config.maco,
                seeds=seeds,
                precision=config.precision,
                on_step=on_step,
            )
        self._clock.timed("draw", began)
        drawing = _as_drawing(setup, goals)
        masks = transparency_mask(drawn.transparency)
        members = [(goal, seed) for goal in goals for seed in seeds]
        records, files = [], dict[str, bytes]()
        for member, (goal, seed) in enumerate(members):
            record = build_record(drawing, goal, seed, drawn, member, ())
            records.append(record)
            for picture in build_pictures(record, drawn, member, masks):
                content = to_png_bytes(picture.image_01, alpha_01=picture.alpha_01)
                files[picture.path] = content
        folder.write(key, {"visualizations": visualizations_to_json(records)}, files)
        return tuple(records)

    def record(self, command_line: Sequence[str], *, interrupted: bool = False) -> Run:
        """Sum the run up; what was not reached is said to be missing."""
        setup, config, chosen = self._setup, self._setup.config, self._setup.chosen
        drawn = tuple(self._drawn[key] for key in sorted(self._drawn))
        failed = any(one.status == "failed" for one in drawn)
        too_many = len(chosen.unusable) > max(1, config.max_bad_frac * chosen.n_read)
        members = tuple(member.record for member in chosen.members)
        if self._found is None:  # their pictures come with the concepts
            members = tuple(replace(record, files={}) for record in members)
        return Run(
            command="concepts",
            status="incomplete" if interrupted or failed or too_many else "complete",
            tool={"name": "macoaudit", "version": __version__},
            model=setup.model.record(setup.layer, setup.shape),
            config={
                **config.settings(),
                "images": [path.name or str(path) for path in config.images],
                "spectrum": {
                    "digest": setup.spectrum.digest,
                    "n_images": setup.spectrum.n_images,
                    "recipe": dict(setup.spectrum.recipe),
                },
            },
            images=(*members, *chosen.unusable),
            skipped=self._skipped(interrupted),
            summary=self._summary(drawn),
            volatile=volatile_facts(self._clock, setup.model.device, command_line),
            visualizations=drawn,
            concepts=() if self._found is None else (self._found,),
        )

    def _skipped(self, interrupted: bool) -> tuple[Skipped, ...]:
        found = self._found
        if interrupted and found is None:
            return (Skipped("concepts", "the run was interrupted before they were found"),)
        skipped = [
            Skipped("visualize", f"concept {one.rank}: its direction points nowhere")
            for one in (found.concepts if found else ())
            if one.visualization is None
        ]
        missing = len(self._goals) * self._setup.config.n_seeds - len(self._drawn)
        if interrupted and missing:
            reason = f"the run was interrupted; {missing} pictures are not drawn"
            skipped.append(Skipped("visualize", reason))
        return tuple(skipped)

    def _summary(self, drawn: Sequence[Visualization]) -> dict[str, object]:
        chosen, found = self._setup.chosen, self._found
        index = self._setup.class_index
        seen = [member.record.prediction for member in chosen.members]
        return {
            "class": self._setup.class_name,
            "n_found": chosen.n_found,
            "n_of_class": chosen.n_of_class,
            "n_images": len(chosen.members),
            "n_by_label": sum(member.chosen_by == "label" for member in chosen.members),
            "n_predicted_as_class": sum(p is not None and p.index == index for p in seen),
            "n_unusable": len(chosen.unusable),
            "n_concepts": len(found.concepts) if found else 0,
            "n_for_the_class": sum(one.effect > 0 for one in found.concepts) if found else 0,
            "relative_error": found.relative_error if found else None,
            "n_pictures": len(drawn),
            **{
                f"n_{status}": sum(one.status == status for one in drawn)
                for status in ("ok", "dead", "unreachable", "failed")
            },
            "verdict": None,
        }


def _as_drawing(setup: ConceptSetup, goals: Sequence[WeightedSum]) -> Drawing:
    """The drawing of concepts as a run of ``visualize`` with their file of directions."""
    config = setup.config
    return Drawing(
        config=VisualizeConfig(
            model=config.model,
            targets=TargetConfig(
                directions=(Path(DIRECTIONS),), layer=setup.layer, direction_form="cosine"
            ),
            out=config.out,
            weights=config.weights,
            maco=config.maco,
        ),
        model=setup.model,
        judges=(),
        other_judges=(),
        references=(),
        skipped=(),
        spectrum=setup.spectrum,
        goals=tuple(goals),
        shapes={},
        accent=None,
        accent_sha256=None,
    )
