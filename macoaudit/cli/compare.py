"""``macoaudit compare``: what changed between two runs, as a page of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from macoaudit.cli.console import say
from macoaudit.cli.options import Verbose
from macoaudit.cli.running import model_slug
from macoaudit.errors import UsageError
from macoaudit.files import write_bytes

FILES = {
    "json": "compare.json",
    "md": "compare.md",
    "html": "compare.html",
    "pdf": "compare.pdf",
}
"""What can be written, in the order of writing: the report that may fail comes last."""
_MOST_CHARACTERS = 60
"""Of a run's name in the name of the folder."""


def command(
    a: Annotated[Path, typer.Argument(metavar="A", help="A run folder, or its results.json.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The run to compare with it.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into (default: one beside B).")
    ] = None,
    report_format: Annotated[
        str, typer.Option("--format", help="html, pdf, json, md; several as html,pdf.")
    ] = "html,pdf,json,md",
    no_js: Annotated[
        bool, typer.Option("--no-js", help="Leave the script out of the page.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier comparison in the folder.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only what changed, in one sentence.")
    ] = False,
    verbose: Verbose = False,
) -> int:
    """Compare two runs of audit or of invert: two states of a network, or two networks.

    Only the two records and their pictures are read. Exits with 0 when they were compared, whatever
    changed, and with 2 when they cannot be: comparing is no gate, audit --baseline is.
    """
    names = _formats(report_format)
    # Slow to import, so not at the top: --help and a bad option need no template engine.
    from macoaudit.comparing import compare, comparison_text, load_run
    from macoaudit.formats.compare_markdown import compare_to_markdown
    from macoaudit.report.compare_html import render_compare_html
    from macoaudit.report.compare_pdf import render_compare_pdf
    from macoaudit.report.compare_view import CompareLimits, build_compare_view
    from macoaudit.report.pdf import require_pdf

    first, second = load_run(a, "A"), load_run(b, "B")
    comparison = compare(first, second)
    folder = out or _beside(second.folder, first.name, second.name)
    _require_free(folder, names, force)
    if "pdf" in names:
        require_pdf()
    everything = CompareLimits(findings=len(comparison.findings), cards=0)
    render: dict[str, Callable[[], bytes]] = {
        "json": lambda: comparison_text(comparison).encode(),
        "md": lambda: compare_to_markdown(
            build_compare_view(comparison, first.run, second.run, everything)
        ).encode(),
        "html": lambda: render_compare_html(comparison, first, second, no_js=no_js).encode(),
        "pdf": lambda: render_compare_pdf(comparison, first, second).data,
    }
    written = []
    for name in (name for name in FILES if name in names):
        write_bytes(folder / FILES[name], render[name]())
        written.append(folder / FILES[name])
    if not quiet:
        for caution in comparison.cautions:
            say(f"read with care: {caution.text}")
        for path in written:
            say(str(path))
    say(comparison.headline)
    return 0


def _formats(text: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    unknown = [name for name in names if name not in FILES]
    if unknown:
        raise UsageError(f"--format is {text!r}; use html, pdf, json or md, several as html,pdf")
    return names


def _beside(folder: Path, first: str, second: str) -> Path:
    """Name a folder beside run B after both runs."""
    slugs = [model_slug(name)[:_MOST_CHARACTERS].strip(".") or "run" for name in (first, second)]
    return folder.resolve().parent / f"compare-{slugs[0]}-{slugs[1]}"


def _require_free(folder: Path, names: list[str], force: bool) -> None:
    """Refuse to replace anything without ``--force``.

    Raises:
        UsageError: when the folder is a file, or holds one of the files already.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {folder}: is a file. Give a folder")
    there = [FILES[name] for name in names if (folder / FILES[name]).exists()]
    there += [FILES[name] for name in names if (folder / FILES[name]).is_symlink()]
    if there and not force:
        raise UsageError(
            f"--out {folder}: holds {', '.join(sorted(set(there)))} already. Give another folder, "
            "or --force to replace them"
        )
