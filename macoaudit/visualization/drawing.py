"""Drawing named targets into a run folder: batches, resumes, writes."""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from macoaudit.audit import Picture
from macoaudit.drawing import visualize
from macoaudit.images import to_png_bytes
from macoaudit.metrics import transparency_mask
from macoaudit.models import Reading
from macoaudit.optimize import Step
from macoaudit.pipeline import Clock, Progress
from macoaudit.results import Visualization, visualizations_from_json, visualizations_to_json
from macoaudit.stages import batch_memory_explained
from macoaudit.store import RunFolder, digest_json
from macoaudit.visualization.records import (
    build_pictures,
    build_record,
    judge_pictures,
    visualization_id,
)
from macoaudit.visualization.setup import Drawing

Batch = tuple[list[int], tuple[int, ...]]
"""Places of targets and the seeds of one optimisation."""
Finished = Mapping[tuple[str, int], Visualization]
"""Pictures by the name of their folder and their seed."""


def finished_pictures(folder: RunFolder) -> Finished:
    """Find every picture that was finished in a folder, whichever batch it was drawn in.

    Args:
        folder: of a run whose key stands for everything that decides a picture but its target.
    """
    found: dict[tuple[str, int], Visualization] = {}
    for key in folder.unit_keys():
        payload = folder.read(key)
        if payload is not None and "visualizations" in payload:
            records = visualizations_from_json(payload["visualizations"])
            found.update({(record.id, record.seed): record for record in records})
    return found


class PictureJob:
    """The pictures of one run and what became of each."""

    def __init__(
        self,
        setup: Drawing,
        clock: Clock,
        tell: Callable[[Progress], None],
        *,
        finished: Finished | None = None,
        stage: str = "draw",
    ) -> None:
        """Plan the pictures of every target and seed.

        Args:
            setup: the run's.
            clock: wall times by stage.
            tell: called after every step and batch.
            finished: pictures that are there already; None: only whole batches are found again.
            stage: name for progress.
        """
        self._setup, self._clock, self._tell, self._stage = setup, clock, tell, stage
        self.records: dict[tuple[int, int], Visualization] = {}
        self.total = len(setup.goals) * setup.config.n_seeds
        for place, goal in enumerate(setup.goals):
            for seed in setup.config.seeds:
                if finished and (record := finished.get((visualization_id(goal), seed))):
                    self.records[place, seed] = record

    def in_order(self) -> tuple[Visualization, ...]:
        """The records that are there, target by target, seed by seed."""
        return tuple(self.records[key] for key in sorted(self.records))

    def draw(self, folder: RunFolder, *, shard: tuple[int, int] = (1, 1)) -> None:
        """Draw what is not there yet, targets of the same layers together.

        Args:
            folder: the run folder.
            shard: number and count: only every count-th batch is drawn, from the number-th on.
        """
        number, count = shard
        for turn, (places, seeds) in enumerate(list(self._batches())):
            if turn % count == number - 1:
                keys = [(place, seed) for place in places for seed in seeds]
                found = self._unit(folder, places, seeds)
                self.records.update(zip(keys, found, strict=True))
                done = len(self.records)
                self._tell(Progress(self._stage, done, self.total, noun="pictures"))

    def _batches(self) -> Iterator[Batch]:
        """Targets and seeds of one optimisation: as many as fit, of the same layers."""
        config = self._setup.config
        alike: dict[frozenset[Reading], list[int]] = {}
        for place, goal in enumerate(self._setup.goals):
            if any((place, seed) not in self.records for seed in config.seeds):
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
        self._clock.timed(self._stage, began)
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
        done = len(self.records)
        self._tell(Progress(self._stage, done, self.total, step, count, noun="pictures"))
