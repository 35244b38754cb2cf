"""``macoaudit audit``: reads, inverts, draws, tests, and writes one record with its reports."""

import time
from collections.abc import Callable, Sequence

from macoaudit.audit_config import AuditConfig
from macoaudit.auditing.labels import label_images, require_two_classes
from macoaudit.auditing.reading import read_images
from macoaudit.auditing.setup import AuditSetup, prepare_audit
from macoaudit.auditing.work import AuditWork
from macoaudit.pipeline import Clock, Progress, render_reports, require_outside
from macoaudit.report.pdf import require_pdf
from macoaudit.results import Run
from macoaudit.store import RunFolder, digest_json

Tell = Callable[[Progress], None]


def run_audit(
    config: AuditConfig,
    *,
    command_line: Sequence[str] = (),
    on_progress: Tell | None = None,
) -> Run:
    """Audit a network on a folder of images for shortcuts.

    All images are read and tested; those that the policy chooses are inverted, and classes that
    have images are drawn. Every stage consists of units that are found again when the same run is
    started again. Nothing is written before there are usable images of two classes.

    Args:
        config: settings of the audit.
        command_line: as the user typed it, for the record.
        on_progress: called after every step and stage.

    Returns:
        The record that ``results.json`` holds. ``summary["verdict"]`` is ``pass``, ``fail``, or
        None where the audit is incomplete: too many bad images, or nothing that could be tested.

    Raises:
        MacoauditError: for anything that keeps the whole audit from being made.
        KeyboardInterrupt: when it was interrupted; what is finished is in the run folder, and
            ``results.json`` says "incomplete".
    """
    settings = config.inversion
    masks = () if config.masks is None else (config.masks,)
    require_outside(settings.out, (*settings.images, *settings.references, *masks))
    if "pdf" in settings.formats:
        require_pdf()  # a missing library is found before the first inversion, not after the last
    tell = on_progress or (lambda progress: None)
    clock = Clock()
    began = time.perf_counter()
    tell(Progress("load", 0, 0))
    setup = prepare_audit(config)
    clock.timed("load", began)
    work = _begin(setup, clock, tell)
    try:
        work.invert()
        work.draw()
        work.test()
        tell(Progress("report", 1, 1, noun="reports"))
        run = render_reports(work.record(command_line), settings.formats, work.folder, clock)
        work.folder.write_results(run)
    except KeyboardInterrupt:
        work.folder.write_results(work.record(command_line, interrupted=True))
        raise
    return run


def _begin(setup: AuditSetup, clock: Clock, tell: Tell) -> AuditWork:
    """Read the images, and open the run folder when there is something to audit."""
    config = setup.settings
    key = digest_json(setup.facts())
    began = time.perf_counter()
    read, unit = read_images(
        setup.model,
        setup.files,
        folder=RunFolder(config.out, key) if config.resume else None,
        key=key,
        tell=lambda done, total: tell(Progress("read", done, total)),
    )
    labelled = label_images(setup.model, read.good)
    require_two_classes(setup.model, labelled)
    folder = RunFolder.open(config.out, run_key=key, resume=config.resume)
    if not folder.has(unit["key"]):
        folder.write(unit["key"], unit["payload"], {})
    clock.timed("read", began)
    return AuditWork(setup, read, labelled, folder, clock, tell)
