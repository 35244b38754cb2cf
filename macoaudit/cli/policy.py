"""``macoaudit policy``: write a policy file, and check one."""

import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from macoaudit.cli.console import say, to_stdout
from macoaudit.cli.options import Verbose
from macoaudit.errors import UsageError
from macoaudit.files import write_bytes
from macoaudit.gate import DEFAULT_FILE, SetAside, read_policy, utc_today
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
    file: Annotated[Path, typer.Argument(help="A policy file.")] = Path(DEFAULT_FILE),
    verbose: Verbose = False,
) -> int:
    """Check a policy file, and list suppressions that have expired or soon will.

    Exits with 0 when an audit could use it, else with 2.
    """
    today = utc_today()
    policy = read_policy(file, today)
    console = to_stdout()
    for one in sorted(policy.suppressions, key=lambda one: (one.expires, one.fingerprint)):
        if (line := _expiry(one, today)) is not None:
            console.print(Text(visible(line)))
    count = len(policy.suppressions)
    noun = "suppression" if count == 1 else "suppressions"
    console.print(Text(visible(f"{file}: can be used, {count} {noun}")))
    return 0


def _expiry(one: SetAside, today: datetime.date) -> str | None:
    """Say that a suppression has expired or soon will; None when there is time."""
    left = (one.expires - today).days
    if left > SOON_DAYS:
        return None
    when = f"expired after {one.expires}" if left < 0 else f"expires after {one.expires}"
    days = "" if left < 0 else " (today)" if left == 0 else f" (in {left} days)"
    return f"{one.fingerprint} {when}{days}: {one.reason} ({one.owner})"
