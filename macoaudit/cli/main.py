"""The ``macoaudit`` command: parses arguments, maps errors and signals to exit codes.

Exit codes: 0 done; 1 findings at or above the policy's threshold; 2 usage error, could not run, or
incomplete; 130 and 143 after SIGINT and SIGTERM. An uncaught exception is 2, never 1.
"""

import signal
import sys
from types import FrameType

import click
import typer

from macoaudit import __version__
from macoaudit.cli import invert, models, report, spectrum
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
app.command("spectrum")(spectrum.command)
app.command("models")(models.command)
app.command("report")(report.command)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"macoaudit {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Feature inversion and model auditing: what did this network actually learn?"""


_KEPT = "finished images are kept, the same command goes on from there"


class _Terminated(KeyboardInterrupt):
    """SIGTERM, unwinding the same way as SIGINT."""


def _on_sigterm(signum: int, frame: FrameType | None) -> None:
    raise _Terminated


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code and never raises."""
    verbose = "-v" in arguments or "--verbose" in arguments
    previous = signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        result = app(args=arguments, prog_name="macoaudit", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except _Terminated:
        return fail(f"terminated; {_KEPT}", 143)
    except (KeyboardInterrupt, click.exceptions.Abort):
        return fail(f"interrupted; {_KEPT}", 130)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except MacoauditError as error:
        if verbose:
            sys.excepthook(type(error), error, error.__traceback__)
        return fail(str(error), 2)
    except Exception as error:
        if verbose:
            sys.excepthook(type(error), error, error.__traceback__)
            return 2
        name = type(error).__name__
        return fail(f"internal error: {name}: {error}. Run again with -v and report it", 2)
    finally:
        signal.signal(signal.SIGTERM, previous)
