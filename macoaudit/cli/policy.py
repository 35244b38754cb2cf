"""``macoaudit policy``: write a policy file, and check one."""

import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from macoaudit.cli.console import fail, say, to_stdout
from macoaudit.cli.options import Verbose
from macoaudit.errors import UsageError
from macoaudit.files import write_bytes
from macoaudit.gate import DEFAULT_FILE, Policy, SetAside, read_policy, utc_today
from macoaudit.gate.writing import TEXT
from macoaudit.report.words import visible

app = typer.Typer(
    name="policy",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What fails an audit: write a policy file, check one.",
)
SOON_DAYS = 30


@app.command("init")
def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path(DEFAULT_FILE),
    verbose: Verbose = False,
) -> int:
    """Write a policy file with every key explained; what is there already stays as it is."""
    if file.exists() or file.is_symlink():
        raise UsageError(f"{file}: is there already. Name another file, or remove this one")
    write_bytes(file, TEXT.encode())
    say(str(file))
    return 0


@app.command("check")
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help=f"Policy files (default: {DEFAULT_FILE})."),
    ] = None,
    verbose: Verbose = False,
) -> int:
    """Check policy files, and list suppressions that have expired or soon will.

    Exits with 0 when an audit could use each of them, else with 2.
    """
    today = utc_today()
    code = 0
    for file in files or [Path(DEFAULT_FILE)]:
        try:
            policy = read_policy(file, today)
        except UsageError as error:  # the others are checked all the same
            code = fail(str(error), 2)
        else:
            _say_policy(file, policy, today)
    return code


def _say_policy(file: Path, policy: Policy, today: datetime.date) -> None:
    console = to_stdout()
    for one in sorted(policy.suppressions, key=lambda one: (one.expires, one.fingerprint)):
        if (line := _expiry(one, today)) is not None:
            console.print(Text(visible(line)), soft_wrap=True)
    count = len(policy.suppressions)
    noun = "suppression" if count == 1 else "suppressions"
    line = f"{file}: can be used, {count} {noun}"
    console.print(Text(visible(line)), soft_wrap=True)


def _expiry(one: SetAside, today: datetime.date) -> str | None:
    """Say that a suppression has expired or soon will; None when there is time."""
    left = (one.expires - today).days
    if left > SOON_DAYS:
        return None
    when = f"expired after {one.expires}" if left < 0 else f"expires after {one.expires}"
    days = "" if left < 0 else " (today)" if left == 0 else f" (in {left} days)"
    return f"{one.fingerprint} {when}{days}: {one.reason} ({one.owner})"
