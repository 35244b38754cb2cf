"""What the commands that write a run folder share: reading options, and saying what came out."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

from macoaudit.cli.console import say
from macoaudit.config import ReportFormat
from macoaudit.errors import UsageError
from macoaudit.results import Run, skipped_checks
from macoaudit.store import results_text

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


def parse_formats(text: str) -> tuple[tuple[ReportFormat, ...], bool]:
    """Parse ``--format`` into the reports to write and whether the record is to be printed.

    Raises:
        UsageError: for a format that is not html, pdf, json or none.
    """
    names = [name.strip() for name in text.split(",")]
    if not set(names) <= {"html", "pdf", "json", "none"} or ("none" in names and len(names) > 1):
        raise UsageError(f"--format is {text!r}; use html, pdf, json, several as html,pdf, or none")
    reports = (name for name in dict.fromkeys(names) if name in ("html", "pdf"))
    return tuple(cast(Literal["html", "pdf"], name) for name in reports), "json" in names


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
        say(f"  {item.check}: {item.reason}" + (f" ({count} times)" if count > 1 else ""))
    if len(skipped) > _REASONS:
        say(f"  ... {len(skipped) - _REASONS} more reasons in results.json")


def say_written(run: Run, out: Path, names: Sequence[str], *, quiet: bool) -> None:
    """Say which reports failed and, unless quiet, which files there are."""
    for error in run.volatile.get("report_errors", []):
        say(f"macoaudit: no {error}")
    if quiet:
        return
    for name in names:
        if (out / name).exists():
            say(str(out / name))


def exit_code(run: Run) -> int:
    """That of the gate for an audit; 2 for any run that is incomplete or lacks a report.

    A report that could not be written takes nothing from a verdict that is no pass.
    """
    if run.gate is not None and run.gate.exit_code:
        return run.gate.exit_code
    return 2 if run.volatile.get("report_errors") else recorded_code(run)


def recorded_code(run: Run) -> int:
    """Exit code of a record, whatever became of its reports.

    An audit's is that of its gate; one that has none was not judged, which is no pass.
    """
    if run.gate is not None:
        return run.gate.exit_code
    return 2 if run.status != "complete" or run.command == "audit" else 0
