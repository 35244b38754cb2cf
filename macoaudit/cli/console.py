"""What the terminal shows: messages on stderr, documents on stdout."""

import sys

from rich.console import Console
from rich.text import Text

from macoaudit.report.words import visible


def to_stderr() -> Console:
    """Console for messages: no colours of its own, plain text where stderr is no terminal."""
    return Console(stderr=True, highlight=False)


def to_stdout() -> Console:
    """Console for documents; in a file or a pipe, lines are as long as they have to be."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)


def say(message: str) -> None:
    """Print one line on stderr, whatever characters it holds."""
    to_stderr().print(Text(visible(message)), soft_wrap=True)


def fail(message: str, code: int) -> int:
    """Print one line on stderr and return the exit code."""
    line = " ".join(message.split("\n"))
    text = Text.assemble(("macoaudit: ", "bold red"), visible(line))
    to_stderr().print(text, soft_wrap=True)
    return code
