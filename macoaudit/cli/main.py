"""The ``macoaudit`` command: parses arguments, maps errors and signals to exit codes.

Exit codes: 0 done, or an audit passed; 1 an audit fails by its policy; 2 usage
error, could not run, or incomplete (an audit in which nothing could be tested is that, never a
pass); 130 and 143 after SIGINT and SIGTERM. An uncaught exception is 2, never 1.
"""

import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any

import typer

from macoaudit import __version__
from macoaudit.cli import (
    audit,
    baseline,
    compare,
    concepts,
    gallery,
    invert,
    models,
    morph,
    phase,
    policy,
    report,
    spectrum,
    visualize,
)
from macoaudit.cli.console import fail
from macoaudit.errors import MacoauditError

app = typer.Typer(
    name="macoaudit",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Feature inversion and model auditing: what did this network actually learn?",
)
app.command("invert")(invert.command)
app.command("audit")(audit.command)
app.command("visualize")(visualize.command)
app.command("gallery")(gallery.command)
app.command("concepts")(concepts.command)
app.command("morph")(morph.command)
app.command("spectrum")(spectrum.command)
app.add_typer(phase.app)
app.add_typer(policy.app)
app.add_typer(baseline.app)
app.command("compare")(compare.command)
app.command("models")(models.command)
app.command("report")(report.command)


def _version(value: bool) -> bool:
    if value:
        typer.echo(f"macoaudit {__version__}")
        raise typer.Exit
    return value


@app.callback()
def _common(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Feature inversion and model auditing: what did this network actually learn?"""


# Newer versions of Typer bring their own copy of click, older ones take an installed one; the class
# that all usage errors share is reached by way of a public name in both.
_UsageError: type[Exception] = next(
    parent
    for parent in typer.BadParameter.__mro__
    if parent.__name__ == "ClickException" and issubclass(parent, Exception)
)


class _Terminated(KeyboardInterrupt):
    """SIGTERM, unwinding the same way as SIGINT."""


class _Signals:
    """SIGTERM as an exception, and which signal it was that ended a command."""

    def __init__(self) -> None:
        self.terminated = False
        # Python allows handlers in the main thread only; elsewhere a caller has its own.
        self._main = threading.current_thread() is threading.main_thread()

    def _terminate(self, signum: int, frame: FrameType | None) -> None:
        if not self.terminated:  # a second one must not cut the first one's cleaning up short
            self.terminated = True
            raise _Terminated

    def __enter__(self) -> "_Signals":
        if self._main:
            self._previous = signal.signal(signal.SIGTERM, self._terminate)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._main:
            signal.signal(signal.SIGTERM, self._previous)


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code and never raises."""
    verbose = "-v" in arguments or "--verbose" in arguments
    with _Signals() as signals:
        try:
            result = app(args=arguments, prog_name="macoaudit", standalone_mode=False)
        except (KeyboardInterrupt, typer.Abort):
            result = 130
        except typer.Exit as stop:
            result = stop.exit_code
        except SystemExit:  # Typer and rich, when the reader of a pipe has seen enough
            return _reader_gone()
        except _UsageError as error:
            return _usage(error)
        except Exception as error:
            return _failed(error, verbose)
        code = result if isinstance(result, int) else 0
        if code != 130:
            return code
        kept = "; finished images are kept, the same command goes on from there"
        resumable = (["invert"], ["audit"], ["visualize"], ["gallery"], ["concepts"], ["morph"])
        again = kept if arguments[:1] in resumable else ""
        if signals.terminated:
            return fail(f"terminated{again}", 143)
        return fail(f"interrupted{again}", 130)


def _usage(error: Any) -> int:  # noqa: ANN401 - click's or Typer's own
    """Say what is wrong with the command line, on one line; the help where there is no command."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return 2
    path = "macoaudit" if context is None else context.command_path
    return fail(f"{error.format_message().rstrip('.')}. See '{path} --help'", 2)


def _reader_gone() -> int:
    """Leave quietly: what is still in the buffer has nowhere to go, now and at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 2


def _failed(error: Exception, verbose: bool) -> int:
    if verbose:
        sys.excepthook(type(error), error, error.__traceback__)
    if isinstance(error, MacoauditError):
        return fail(str(error), 2)
    name = type(error).__name__
    advice = "" if verbose else ". Run again with -v for the traceback and report it"
    return fail(f"internal error: {name}: {error}{advice}", 2)
