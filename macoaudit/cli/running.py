"""What the commands that write a run folder share: reading options, and saying what came out."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast, get_args

from macoaudit.cli.console import say, say_item, shown_path
from macoaudit.config import REPORT_FILES, ReportFormat, VerdictFormat
from macoaudit.errors import UsageError
from macoaudit.results import Run, skipped_checks
from macoaudit.store import results_text

Printed = Literal["json", "annotations"]
"""Documents that go to stdout."""
_REASONS = 40


def run_folder(out: Path | None, command: str, *names: str) -> Path:
    """Choose the run folder.

    Args:
        out: as given; None for ``runs/COMMAND-NAME...``.
        command: whose it is.
        names: what the run is of.

    Raises:
        UsageError: for ``-``, which is no folder.
    """
    if out == Path("-"):
        raise UsageError(
            f"--out is '-'; {command} writes a folder. Give one, and --format json to have its "
            "record on stdout as well"
        )
    return out or Path("runs") / "-".join([command, *(model_slug(name) for name in names)])


def model_slug(model: str) -> str:
    """Turn a model's name into a part of a folder's name."""
    name = Path(model).stem if model.endswith(".toml") else model
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)


def parse_batch_size(text: str) -> int | None:
    """Parse ``--batch-size``; None for ``auto``: 8 fills two CPU cores, a GPU wants more rows.

    Raises:
        UsageError: for anything else than ``auto`` or a number from 1.
    """
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--batch-size is {text!r}; use 'auto' or a number from 1")
    return int(text)


def parse_share(text: str) -> float:
    """Parse ``--max-bad``: a share such as ``5%`` or ``0.05``.

    Raises:
        UsageError: when it is no number.
    """
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise UsageError(f"--max-bad is {text!r}; use a share such as 5% or 0.05") from error
    return value


def parse_formats(
    text: str, *, verdict: bool = True, annotations: bool = False, json_to_file: bool = False
) -> tuple[tuple[ReportFormat, ...], tuple[Printed, ...]]:
    """Parse ``--format`` into the reports to write and the documents to print on stdout.

    Args:
        text: as given.
        verdict: whether the command may have a verdict, which sarif, junit and md hold.
        annotations: whether it can print workflow annotations, which hold the verdict too.
        json_to_file: whether json goes into a file and leaves stdout to annotations.

    Raises:
        UsageError: for an unknown format, for none beside others, for one that the command cannot
            write, and for two documents on stdout.
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    known = {*REPORT_FILES, *get_args(Printed), "none"}
    if not set(names) <= known or ("none" in names and len(names) > 1):
        more = ", sarif, junit, md" * verdict + ", annotations" * annotations
        raise UsageError(
            f"--format is {text!r}; use html, pdf, json{more}, several as html,pdf, or none"
        )
    refused = [] if verdict else [name for name in names if name in get_args(VerdictFormat)]
    refused += ["annotations"] if "annotations" in names and not annotations else []
    if refused:
        told = f"--format {refused[0]}: it holds the verdict of an audit, "
        if verdict:
            raise UsageError(f"{told}and is printed by macoaudit report RUN --format annotations")
        raise UsageError(f"{told}and this command gives none. Use html, pdf or json")
    if {"json", "annotations"} <= set(names) and not json_to_file:
        raise UsageError(
            f"--format is {text!r}: json and annotations would both be printed on stdout. Leave "
            "one of them out; macoaudit report RUN makes the other, and with --output FILE json "
            "into a file"
        )
    files = tuple(cast(ReportFormat, name) for name in names if name in REPORT_FILES)
    return files, tuple(cast(Printed, name) for name in names if name in get_args(Printed))


def report_names(formats: Sequence[ReportFormat]) -> tuple[str, ...]:
    """Name the files of a run that are worth looking at: the record, then the reports.

    Args:
        formats: of the reports.
    """
    return ("results.json", *(REPORT_FILES[name] for name in formats))


def print_annotations(run: Run) -> None:
    """Print an audit's findings as workflow commands on stdout.

    Raises:
        UsageError: when the run has no verdict.
    """
    # Slow to import, so not at the top: --help and a bad option need no report.
    from macoaudit.formats import to_annotations

    text = to_annotations(run)
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())  # in UTF-8 whatever the terminal has
    sys.stdout.buffer.flush()


def print_record(run: Run) -> None:
    """Print ``results.json`` on stdout."""
    sys.stdout.write(results_text(run))
    sys.stdout.flush()


def say_skipped(run: Run) -> None:
    """Say how many checks were not made, and each reason once."""
    skipped = skipped_checks(run)
    total = sum(skipped.values())
    if not total:
        return
    say("1 check was skipped:" if total == 1 else f"{total} checks were skipped:")
    for item, count in list(skipped.items())[:_REASONS]:
        say_item(f"{item.check}: {item.reason}" + (f" ({count} times)" if count > 1 else ""))
    if len(skipped) > _REASONS:
        say_item(f"... {len(skipped) - _REASONS} more reasons in results.json")


def say_written(run: Run, out: Path, names: Sequence[str], *, quiet: bool) -> None:
    """Say which reports failed and, unless quiet, which files there are."""
    for error in run.volatile.get("report_errors", []):
        say(f"macoaudit: no {error}")
    if quiet:
        return
    for name in names:
        if (out / name).exists():
            say(shown_path(out / name))


def exit_code(run: Run) -> int:
    """The verdict's own for an audit; 2 for any other run that is incomplete or lacks a report.

    A report that could not be written is said, and changes no verdict.
    """
    if run.gate is None and run.volatile.get("report_errors"):
        return 2
    return recorded_code(run)


def recorded_code(run: Run) -> int:
    """Exit code of a record, whatever became of its reports.

    An audit's is that of its gate; one that has none was not judged, which is no pass.
    """
    if run.gate is not None:
        return run.gate.exit_code
    return 2 if run.status != "complete" or run.command == "audit" else 0
