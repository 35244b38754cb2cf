"""``macoaudit report``: render a run again."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from macoaudit.cli.invert import parse_formats
from macoaudit.report.html import write_html
from macoaudit.report.pdf import require_pdf, write_pdf
from macoaudit.store import read_results


def command(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    report_format: Annotated[
        str, typer.Option("--format", help="html,pdf, html or pdf.")
    ] = "html,pdf",
    no_js: Annotated[
        bool, typer.Option("--no-js", help="Leave the script out of the page.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show a traceback on errors.")
    ] = False,
) -> int:
    """Render the report of a run folder again from its results.json."""
    formats = parse_formats(report_format)
    if "pdf" in formats:
        require_pdf()
    record = read_results(run)
    console = Console(stderr=True, highlight=False)
    if "html" in formats:
        console.print(Text(str(write_html(record, run, no_js=no_js))), soft_wrap=True)
    if "pdf" in formats:
        console.print(Text(str(write_pdf(record, run))), soft_wrap=True)
    return 0 if record.status == "complete" else 2
