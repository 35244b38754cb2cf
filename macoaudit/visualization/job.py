"""``macoaudit visualize``: from named targets to a run folder of pictures with its reports."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from macoaudit import __version__
from macoaudit.drawing_config import VisualizeConfig
from macoaudit.pipeline import Clock, Progress, render_reports, require_outside, volatile_facts
from macoaudit.report.pdf import require_pdf
from macoaudit.results import Run, Skipped, Visualization
from macoaudit.store import RunFolder, digest_json
from macoaudit.visualization.drawing import PictureJob
from macoaudit.visualization.natural import NaturalStage
from macoaudit.visualization.records import summarise
from macoaudit.visualization.setup import Drawing, prepare_drawing


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
    require_outside(config.out, config.references)
    if "pdf" in config.formats:
        require_pdf()  # a missing library is found before the first picture, not after the last
    tell = on_progress or (lambda progress: None)
    clock = Clock()
    began = time.perf_counter()
    tell(Progress("load", 0, 0, noun="pictures"))
    setup = prepare_drawing(config)
    job = PictureJob(setup, clock, tell)
    clock.timed("load", began)
    folder = _open(setup)
    stage = NaturalStage(setup, folder, clock.timed, _told(tell))
    records: Sequence[Visualization] = ()
    try:
        job.draw(folder)
        records = job.in_order()
        records = stage.run(records)
        tell(Progress("report", job.total, job.total, noun="pictures"))
        run = _record(setup, records, stage.skipped, clock, command_line)
        run = render_reports(run, config.formats, folder, clock)
        folder.write_results(run)
    except KeyboardInterrupt:
        records = records or job.in_order()
        stopped = interrupted(job.total - len(records), "visualize")
        run = _record(setup, records, (*stage.skipped, stopped), clock, command_line, whole=False)
        folder.write_results(run)
        raise
    return run


def interrupted(n_missing: int, command: str) -> Skipped:
    """Say that a run was interrupted, and how many pictures it lacks."""
    return Skipped(command, f"the run was interrupted; {n_missing} pictures are not drawn")


def _told(tell: Callable[[Progress], None]) -> Callable[[int, int], None]:
    return lambda done, total: tell(Progress("compare", done, total, noun="pictures"))


def _open(setup: Drawing) -> RunFolder:
    """Open the run folder."""
    config = setup.config
    facts = {
        **setup.facts(),
        "targets": [[goal.name, goal.to_json()] for goal in setup.goals],
        "references": [[file.relative, file.label] for file in setup.references],
        "plausibility_k": config.plausibility_k,
    }
    return RunFolder.open(config.out, run_key=digest_json(facts), resume=config.resume)


def spectrum_record(setup: Drawing) -> dict[str, Any]:
    """The spectrum of a run, for its settings."""
    spectrum = setup.spectrum
    return {
        "digest": spectrum.digest,
        "n_images": spectrum.n_images,
        "recipe": dict(spectrum.recipe),
    }


def _record(
    setup: Drawing,
    drawn: Sequence[Visualization],
    skipped: Sequence[Skipped],
    clock: Clock,
    command_line: Sequence[str],
    *,
    whole: bool = True,
) -> Run:
    """Sum the run up; pictures that were not reached are said to be missing."""
    config = setup.config
    failed = any(one.status == "failed" for one in drawn)
    layers = tuple(dict.fromkeys(reading.layer for reading in setup.shapes))
    shape = next(iter(setup.shapes.values())) if len(setup.shapes) == 1 else ()
    targets = asdict(config.targets)
    for name in ("directions", "sum_files"):
        targets[name] = [path.name for path in targets[name]]
    return Run(
        command="visualize",
        status="incomplete" if failed or not whole else "complete",
        tool={"name": "macoaudit", "version": __version__},
        model=setup.model.record(", ".join(layers), shape),
        config={
            **config.settings(),
            "accentuate_sha256": setup.accent_sha256,
            "targets": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in targets.items()
            },
            "spectrum": spectrum_record(setup),
        },
        images=(),
        skipped=(*setup.skipped, *skipped),
        summary=summarise(drawn, len(setup.goals)),
        volatile=volatile_facts(clock, setup.model.device, command_line),
        visualizations=tuple(drawn),
    )
