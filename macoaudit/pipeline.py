"""From a folder of images to a run folder: what every command shares, and ``invert`` itself."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from macoaudit import __version__
from macoaudit.config import InvertConfig, ReportFormat
from macoaudit.errors import ReportError, UsageError
from macoaudit.formats import write_verdict_format
from macoaudit.images import ImageFile, find_images
from macoaudit.inverting import InversionJob, summary
from macoaudit.preparation import Setup, prepare
from macoaudit.progress import Clock, Progress, volatile_facts
from macoaudit.report.html import write_html
from macoaudit.report.pdf import require_pdf, write_pdf
from macoaudit.results import ImageAudit, Run, Skipped
from macoaudit.store import RunFolder, digest_json

__all__ = [
    "Clock",
    "Progress",
    "inversion_settings",
    "render_reports",
    "require_outside",
    "run_invert",
    "usable",
    "volatile_facts",
]


def run_invert(
    config: InvertConfig,
    *,
    command_line: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Invert every image of a folder and write the run folder.

    Images are read, inverted and written group by group, so memory does not grow with the folder.
    A finished group is a unit: it is found again when the same run is started again. Nothing is
    written before the first image has turned out to be usable.

    Args:
        config: settings of the run.
        command_line: as the user typed it, for the record.
        on_progress: called after every step and stage.

    Returns:
        The record that ``results.json`` holds.

    Raises:
        MacoauditError: for anything that keeps the whole run from being made. A single image that
            cannot be used is part of the record instead.
        KeyboardInterrupt: when it was interrupted; what is finished is in the run folder, and
            ``results.json`` says "incomplete".
    """
    files = find_images(config.images)
    require_outside(config.out, (*config.images, *config.references))
    if "pdf" in config.formats:
        require_pdf()  # a missing library is found before the first inversion, not after the last
    tell = on_progress or (lambda progress: None)
    clock = Clock()
    began = time.perf_counter()
    tell(Progress("load", 0, len(files)))
    setup = prepare(config)
    clock.timed("load", began)
    job = InversionJob(setup, files, clock, tell)
    try:
        folder = job.invert(lambda: _open(setup, files))
        job.measure(folder)
        tell(Progress("report", len(files), len(files)))
        run = _record(setup, job, clock, command_line)
        run = render_reports(run, config.formats, folder, clock)
        folder.write_results(run)
    except KeyboardInterrupt:
        if job.folder is not None:
            run = _record(setup, job, clock, command_line, interrupted=True)
            job.folder.write_results(run)
        raise
    return run


def require_outside(out: Path, paths: Sequence[Path]) -> None:
    """Keep a run out of the folders it reads, where the next start would find its pictures.

    Args:
        out: the run folder.
        paths: files and folders of images that the run reads.

    Raises:
        UsageError: when the run folder lies in one of them.
    """
    for path in paths:
        if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
            raise UsageError(
                f"--out {out}: lies in the folder of images {path}, so the run's pictures "
                "would be taken for images. Give a folder outside it"
            )


def _open(setup: Setup, files: Sequence[ImageFile]) -> RunFolder:
    facts = {
        **setup.facts(),
        "images": [[file.relative, file.label] for file in files],
        "references": [[file.relative, file.label] for file in setup.references],
    }
    config = setup.config
    return RunFolder.open(config.out, run_key=digest_json(facts), resume=config.resume)


def _record(
    setup: Setup,
    job: InversionJob,
    clock: Clock,
    command_line: Sequence[str],
    *,
    interrupted: bool = False,
) -> Run:
    """Sum the run up; images that were not reached are skipped ones."""
    config, images = setup.config, job.images(interrupted=interrupted)
    skipped = [*job.skipped(images), *_no_trust(config)]
    if interrupted:
        skipped.append(Skipped("invert", "the run was interrupted"))
    whole = not interrupted and usable(images, config.max_bad_frac)
    return Run(
        command="invert",
        status="complete" if whole else "incomplete",
        tool={"name": "macoaudit", "version": __version__},
        model=setup.model.record(config.layer, setup.activation_shape),
        config=inversion_settings(setup),
        images=images,
        skipped=tuple(skipped),
        trust=job.trust,
        summary=summary(images),
        volatile=volatile_facts(clock, setup.model.device, command_line),
    )


def usable(images: Sequence[ImageAudit], max_bad_frac: float) -> bool:
    """Say whether enough images gave a result; one bad one is tolerated where another is fine.

    Args:
        images: all of a run.
        max_bad_frac: share of bad ones that is tolerated.
    """
    n_bad = sum(image.status != "ok" for image in images)
    return n_bad < len(images) and n_bad <= max(1, max_bad_frac * len(images))


def inversion_settings(setup: Setup) -> dict[str, object]:
    """Every setting of a run that inverts images, as plain data.

    Args:
        setup: the run's.
    """
    config, spectrum = setup.config, setup.spectrum
    return {
        **config.settings(),
        "images": [path.name or str(path) for path in config.images],
        "spectrum": {
            "digest": spectrum.digest,
            "n_images": spectrum.n_images,
            "recipe": dict(spectrum.recipe),
        },
    }


def _no_trust(config: InvertConfig) -> tuple[Skipped, ...]:
    """Say that there is no trust panel, where it was not wanted."""
    if config.trust and config.measures:
        return ()
    option = "--no-measures" if config.trust else "--no-trust"
    return (Skipped("trust panel", f"not run: turned off with {option}"),)


def _render(run: Run, folder: Path, name: ReportFormat) -> None:
    if name == "html":
        write_html(run, folder)
    elif name == "pdf":
        write_pdf(run, folder)
    else:
        write_verdict_format(run, folder, name)


def render_reports(
    run: Run, formats: Sequence[ReportFormat], folder: RunFolder, clock: Clock
) -> Run:
    """Render the reports; one that fails is a note in the record, never a lost run.

    Args:
        run: the record.
        formats: what to write.
        folder: the run folder.
        clock: wall times so far; those of the reports are added.

    Returns:
        The record with the wall times up to here, and errors where a report failed.
    """
    errors = []
    for name in formats:
        began = time.perf_counter()
        try:
            _render(run, folder.path, name)
        except (ReportError, UsageError) as error:  # the latter: a run without a verdict
            errors.append(str(error))
        clock.timed(name, began)
    volatile = dict(run.volatile)
    if errors:
        volatile["report_errors"] = errors
    volatile["stages"] = {name: round(value, 3) for name, value in clock.stages.items()}
    volatile["wall_s"] = round(time.time() - clock.started, 3)
    return replace(run, volatile=volatile)
