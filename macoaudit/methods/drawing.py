"""Draws the same classes with every method, each into a run folder of its own, and times it."""

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from macoaudit.drawing_config import TargetConfig, VisualizeConfig, drawing_settings
from macoaudit.errors import UsageError
from macoaudit.files import write_bytes
from macoaudit.judges import NO_JUDGES
from macoaudit.methods.config import (
    DrawnSet,
    Given,
    MethodsConfig,
    PictureFile,
    Seconds,
)
from macoaudit.pipeline import Progress
from macoaudit.results import Method
from macoaudit.visualization import run_visualize

OnProgress = Callable[[Progress], None]
SECONDS_FILE = "seconds.json"
_PICTURE = re.compile(r"(\d+)(?:-(\d+))?\.png")


@dataclass
class _Stopwatch:
    """Times batches of one method by the loop's own callback and keeps every finished one.

    The first step of a batch is counted as long as its second, so that loading is left out.
    """

    path: Path
    batches: list[dict[str, float]] = field(default_factory=list)
    _marks: list[tuple[float, float]] = field(default_factory=list)
    _count: int = 0

    def told(self, progress: Progress) -> None:
        if progress.stage != "draw":
            return
        now = (time.perf_counter(), time.process_time())
        if progress.step is not None:
            if len(self._marks) < 2:
                self._marks.append(now)
            self._count = progress.n_under_way
            return
        if self._marks and self._count:
            first, second = self._marks[0], self._marks[-1]
            wall, cpu = (now[i] - first[i] + second[i] - first[i] for i in (0, 1))
            self.batches.append({"pictures": self._count, "wall_s": wall, "cpu_s": cpu})
            write_bytes(self.path, json.dumps({"batches": self.batches}).encode())
        self._marks, self._count = [], 0

    def summary(self) -> Seconds | None:
        count = int(sum(batch["pictures"] for batch in self.batches))
        if not count:
            return None
        wall, cpu = (sum(b[name] for b in self.batches) / count for name in ("wall_s", "cpu_s"))
        return Seconds(wall, cpu, count)


def _stopwatch(path: Path, resume: bool) -> _Stopwatch:
    batches: list[dict[str, float]] = []
    if resume:
        # A file that is not there or not whole only means that nothing was timed yet.
        with suppress(OSError, ValueError, KeyError, TypeError):
            batches = [
                {name: float(batch[name]) for name in ("pictures", "wall_s", "cpu_s")}
                for batch in json.loads(path.read_text())["batches"]
            ]
    return _Stopwatch(path, batches)


def draw_method(
    config: MethodsConfig, method: Method, classes: tuple[int, ...], on_progress: OnProgress
) -> DrawnSet:
    """Draw the classes with one method at its default settings, or find what is drawn already.

    Args:
        config: of the comparison.
        method: of drawing.
        classes: indices.
        on_progress: called after every step and batch.

    Raises:
        MacoauditError: for anything that keeps the run from being made.
    """
    settings = drawing_settings(method, steps=config.steps)
    # Times of pictures that are no longer there say nothing of this run.
    resumed = config.resume and (config.out / method).is_dir()
    watch = _stopwatch(config.out / f"{method}.{SECONDS_FILE}", resumed)

    def tell(progress: Progress) -> None:
        watch.told(progress)
        on_progress(replace(progress, noun=f"{method} pictures"))

    run = run_visualize(
        VisualizeConfig(
            model=config.model,
            targets=TargetConfig(
                logits=tuple(str(index) for index in classes), logit_form=config.logit_form
            ),
            out=config.out / method,
            method=method,
            weights=config.weights,
            device=config.device,
            precision=config.precision,
            maco=settings,
            spectrum=config.spectrum,
            n_seeds=config.n_seeds,
            seed=config.seed,
            batch_size=config.batch_size,
            judges=(NO_JUDGES,),  # judges look at the finished pictures, so they cost no time here
            formats=(),
            resume=config.resume,
            allow_pickle=config.allow_pickle,
            offline=config.offline,
        ),
        on_progress=tell,
    )
    drawn = [(one.terms[0].index, one) for one in run.visualizations]
    return DrawnSet(
        name=method,
        kind="drawn",
        files=tuple(
            PictureFile(index, one.seed, Path(method) / one.files["image"])
            for index, one in drawn
            if one.status == "ok"
        ),
        missing=tuple(
            f"{one.name}, seed {one.seed}: {one.status} ({one.reason})"
            for _, one in drawn
            if one.status != "ok"
        ),
        seconds=watch.summary(),
        settings=settings.to_json(),
    )


def find_given(given: Given, classes: tuple[int, ...], model_slug: str) -> DrawnSet:
    """Find the pictures of another program.

    Args:
        given: the folder; where it holds one named as the network, that one is taken.
        classes: indices that are compared.
        model_slug: name of the network's folder.

    Raises:
        UsageError: when the folder or ``seconds.json`` cannot be read, or no class has a picture.
    """
    inner = given.folder / model_slug
    folder = inner if inner.is_dir() else given.folder
    if not folder.is_dir():
        raise UsageError(f"--baseline-images {given.folder}: is not a folder")
    files = []
    for path in sorted(folder.iterdir()):
        match = _PICTURE.fullmatch(path.name)
        if match and int(match[1]) in classes:
            files.append(PictureFile(int(match[1]), int(match[2] or 0), path.resolve()))
    if not files:
        raise UsageError(
            f"--baseline-images {folder}: holds no picture of the classes compared; name them by "
            f"index, for example {classes[0]}.png"
        )
    there = {file.class_index for file in files}
    missing = tuple(f"class {index}: no picture" for index in classes if index not in there)
    files.sort(key=lambda file: (classes.index(file.class_index), file.seed))
    return DrawnSet(given.name, "given", tuple(files), missing, _given_seconds(folder))


def _given_seconds(folder: Path) -> Seconds | None:
    """Read ``seconds.json``: ``seconds_per_picture``, ``cpu_seconds_per_picture``, ``pictures``."""
    path = folder / SECONDS_FILE
    if not path.is_file():
        return None
    try:
        document: dict[str, Any] = json.loads(path.read_text())
        cpu = document.get("cpu_seconds_per_picture")
        return Seconds(
            float(document["seconds_per_picture"]),
            None if cpu is None else float(cpu),
            int(document.get("pictures", 0)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"--baseline-images: {path} cannot be read ({error!r}); it holds one object with "
            "seconds_per_picture and, if known, cpu_seconds_per_picture and pictures"
        ) from error
