"""``macoaudit report``: render a run again."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from macoaudit.cli.console import say, shown_path
from macoaudit.cli.options import Verbose
from macoaudit.cli.running import (
    parse_formats,
    print_annotations,
    print_record,
    recorded_code,
)
from macoaudit.cli.verdict import say_verdict
from macoaudit.config import VerdictFormat
from macoaudit.errors import UsageError
from macoaudit.files import write_bytes
from macoaudit.store import read_results, results_text


def command(
    run: Annotated[Path, typer.Argument(help="A run folder, or its results.json.")],
    report_format: Annotated[
        str,
        typer.Option(
            "--format",
            help="html, pdf, json; of an audit also sarif, junit, md and annotations (of GitHub "
            "Actions, on stdout); several as html,pdf.",
        ),
    ] = "html,pdf",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="With --format json: a file, or - for stdout."),
    ] = None,
    no_js: Annotated[
        bool, typer.Option("--no-js", help="Leave the script out of the page.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no paths.")] = False,
    verbose: Verbose = False,
) -> int:
    """Render the report of a run folder again from its results.json.

    Exits with 2 when the run is incomplete; an audit exits as it did.
    """
    to_file = output is not None and output != Path("-")
    formats, printed = parse_formats(report_format, annotations=True, json_to_file=to_file)
    if not formats and not printed:
        raise UsageError(f"--format is {report_format!r}; name a format: html, pdf or json")
    if output is not None and "json" not in printed:
        raise UsageError(
            f"--output {output}: only json goes there; the other reports are written into the run "
            "folder. Add --format json, or leave --output out"
        )
    # Slow to import, so not at the top: --help and a bad option need no template engine.
    from macoaudit.formats import verdict_of, write_verdict_format
    from macoaudit.report.gallery_concepts import concept_sections
    from macoaudit.report.gallery_site import write_gallery
    from macoaudit.report.html import write_html
    from macoaudit.report.pdf import require_pdf, write_pdf

    record = read_results(run)
    folder = run if run.is_dir() else run.parent
    if record.command == "gallery" and "pdf" in formats:
        raise UsageError(f"{run}: is a gallery, which is a site and no PDF. Use --format html")
    verdicts = [name for name in get_args(VerdictFormat) if name in formats]
    if verdicts or "annotations" in printed or record.gate is not None:
        verdict_of(record)  # refused before anything is written
    if "pdf" in formats:
        require_pdf()
    written = []
    if "html" in formats and record.command == "gallery":
        sections = concept_sections(record, folder)
        written.append(write_gallery(record, folder, concepts=sections))
    elif "html" in formats:
        written.append(write_html(record, folder, no_js=no_js))
    if "pdf" in formats:
        written.append(write_pdf(record, folder))
    written += [write_verdict_format(record, folder, name) for name in verdicts]
    if "json" in printed and output is not None and to_file:
        write_bytes(output, results_text(record).encode())
        written.append(output)
    elif "json" in printed:
        print_record(record)
    if "annotations" in printed:
        print_annotations(record)
    if not quiet:
        for path in written:
            say(shown_path(path))
    if record.command == "audit":
        say_verdict(record, quiet=quiet)
    elif record.status != "complete":
        say("macoaudit: the run is incomplete")
    return recorded_code(record)
