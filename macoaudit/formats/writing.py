"""Writing the short formats beside the record."""

from collections.abc import Callable, Mapping
from pathlib import Path

from macoaudit.config import REPORT_FILES, VerdictFormat
from macoaudit.formats.junit import to_junit
from macoaudit.formats.markdown import to_markdown
from macoaudit.formats.sarif import to_sarif
from macoaudit.report.files import write_atomic
from macoaudit.results import Run

_WRITERS: Mapping[VerdictFormat, Callable[[Run], str]] = {
    "sarif": to_sarif,
    "junit": to_junit,
    "md": to_markdown,
}


def write_verdict_format(run: Run, folder: Path, name: VerdictFormat) -> Path:
    """Write one short format into a run folder.

    Args:
        run: of ``audit``.
        folder: the run folder.
        name: which one.

    Returns:
        The file's path.

    Raises:
        UsageError: when the run has no verdict.
        ReportError: when its verdict does not fit it, or the file cannot be written.
    """
    path = folder / REPORT_FILES[name]
    write_atomic(path, _WRITERS[name](run).encode())
    return path
