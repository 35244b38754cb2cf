"""``macoaudit audit``: reads, inverts, draws, tests, and writes one record with its reports."""

import time
from collections.abc import Callable, Sequence

from macoaudit.audit_config import AuditConfig
from macoaudit.auditing.key import run_key
from macoaudit.auditing.labels import label_images, require_two_classes
from macoaudit.auditing.reading import read_images
from macoaudit.auditing.setup import AuditSetup, prepare_audit
from macoaudit.auditing.work import AuditWork
from macoaudit.errors import UsageError
from macoaudit.gate import Gate, Policy, require_same_model
from macoaudit.pipeline import Clock, Progress, render_reports, require_outside
from macoaudit.report.pdf import require_pdf
from macoaudit.results import Run
from macoaudit.store import RunFolder

Tell = Callable[[Progress], None]


INTERRUPTED = "the run was interrupted"


class _BudgetSpent(KeyboardInterrupt):
    """The time is up: unwinds as an interruption does, so that finished work is kept."""


def run_audit(
    config: AuditConfig,
    *,
    gate: Gate | None = None,
    command_line: Sequence[str] = (),
    on_progress: Tell | None = None,
) -> Run:
    """Audit a network on a folder of images for shortcuts.

    All images are read and tested; those that the policy chooses are inverted, and classes that
    have images are drawn. Every stage consists of units that are found again when the same run is
    started again. Nothing is written before there are usable images of two classes.

    Args:
        config: settings of the audit.
        gate: what it is judged by; None: high findings fail it.
        command_line: as the user typed it, for the record.
        on_progress: called after every step and stage.

    Returns:
        The record that ``results.json`` holds. Its ``gate`` says what the audit comes to: ``pass``,
        ``fail``, or ``incomplete`` (too many bad images, nothing that could be tested, or the time
        was up).

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
    extent = config.extent.name
    gate = gate or Gate(Policy(name=extent, preset=extent))
    tell = _within(gate.policy.budget.max_minutes, on_progress or (lambda progress: None))
    clock = Clock()
    began = time.perf_counter()
    tell(Progress("load", 0, 0))
    setup = prepare_audit(config, gate)
    if gate.baseline is not None:  # before the work, not after it
        require_same_model(gate.baseline, setup.model.name)
    clock.timed("load", began)
    try:
        work = _begin(setup, clock, tell)
    except _BudgetSpent as spent:
        raise UsageError(f"{_spent(gate)} before the images were read; give more") from spent
    stopped = None
    try:
        work.invert()
        work.draw()
        work.test()
    except _BudgetSpent:
        stopped = f"{_spent(gate)}; finished work is kept, and the same command goes on from there"
    except KeyboardInterrupt:
        work.folder.write_results(work.record(command_line, stopped=INTERRUPTED))
        raise
    try:
        tell(Progress("report", 1, 1, noun="reports"))
        record = work.record(command_line, stopped=stopped)
        run = render_reports(record, settings.formats, work.folder, clock)
        work.folder.write_results(run)
    except KeyboardInterrupt:
        work.folder.write_results(work.record(command_line, stopped=INTERRUPTED))
        raise
    return run


def _within(max_minutes: float | None, tell: Tell) -> Tell:
    """Stop an audit whose time is up at the next step; its reports are written all the same."""
    if max_minutes is None:
        return tell
    end = time.monotonic() + 60 * max_minutes

    def told(progress: Progress) -> None:
        tell(progress)
        if time.monotonic() > end and progress.stage not in ("load", "report"):
            raise _BudgetSpent

    return told


def _spent(gate: Gate) -> str:
    return f"the budget of {gate.policy.budget.max_minutes:g} minutes (max_minutes) was used up"


def _begin(setup: AuditSetup, clock: Clock, tell: Tell) -> AuditWork:
    """Read the images, and open the run folder when there is something to audit."""
    config = setup.settings
    key = run_key(setup)
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
