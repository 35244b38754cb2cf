"""What the terminal shows: messages on stderr, documents on stdout."""

import os
import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from macoaudit.report.words import visible

_MOST_COLUMNS = 10_000


def to_stderr() -> Console:
    """Console for messages; in a file or a pipe, plain text with lines as long as they must be."""
    return _console(stderr=True, width=_columns() or _free(sys.stderr.isatty()))


def to_stdout() -> Console:
    """Console for documents; in a file or a pipe, lines are as long as they have to be."""
    shown = sys.stdout.isatty()
    return _console(stderr=False, width=(_columns() if shown else None) or _free(shown))


def _console(*, stderr: bool, width: int | None) -> Console:
    # Rich leaves bold letters in where NO_COLOR is set, and takes no width of a plain terminal's
    # variables unless there is a height, too.
    return Console(
        stderr=stderr,
        highlight=False,
        markup=False,
        emoji=False,
        width=width,
        height=None if width is None else 25,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def _free(terminal: bool) -> int | None:
    """The width of a terminal is its own; a log that is folded cannot be searched."""
    return None if terminal else _MOST_COLUMNS


def _columns() -> int | None:
    """The width that the user set; None where none was."""
    text = os.environ.get("COLUMNS")
    if text is None:
        return None
    columns = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    return min(columns, _MOST_COLUMNS) or shutil.get_terminal_size().columns


def say(message: str) -> None:
    """Print one line on stderr, whatever characters it holds; it is not wrapped."""
    console = to_stderr()
    console.print(Text(_printable(console, message)), soft_wrap=True)


def _printable(console: Console, message: str) -> str:
    """Make a line safe to print: for a terminal, and for services that read logs.

    GitHub's runner obeys lines that begin with two colons, whatever spaces come before, and an
    older form with brackets anywhere in a line; names and reasons come from outside.
    """
    line = visible(message)
    if console.is_terminal:
        return line
    quoted = f"| {line}" if line.lstrip().startswith("::") else line
    return quoted.replace("##[", "## [")


def say_item(message: str, indent: int = 2) -> None:
    """Print one item of a list on stderr: wrapped for people, one line for programs.

    Args:
        message: of any characters.
        indent: spaces before every line of it.
    """
    console = to_stderr()
    if console.is_terminal:
        console.print(Padding(Text(visible(message)), (0, 0, 0, indent), expand=False))
    else:
        say(" " * indent + message)


def shown_path(path: Path) -> str:
    """Write a path as short as it can be: relative to the working folder where it lies in it."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(path)


def fail(message: str, code: int) -> int:
    """Print one line on stderr and return the exit code."""
    line = " ".join(message.split("\n"))
    console = to_stderr()
    text = Text.assemble(("macoaudit: ", "bold red"), _printable(console, line))
    console.print(text, soft_wrap=True)
    return code
