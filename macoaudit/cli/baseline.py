"""``macoaudit baseline``: make an audit the baseline of the next ones, and check one."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from macoaudit.cli.console import say, to_stdout
from macoaudit.cli.options import Verbose
from macoaudit.errors import UsageError
from macoaudit.files import write_bytes
from macoaudit.gate import Baseline, Policy, decide, read_baseline, utc_today
from macoaudit.report.words import visible
from macoaudit.results import GatedFinding, Run, Severity

app = typer.Typer(
    name="baseline",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The earlier audit that only new and worse findings fail against: update one, check one.",
)
RESULTS = "results.json"
_SEVERITIES: tuple[Severity, ...] = ("high", "medium", "info")


@app.command("update")
def update(
    run: Annotated[Path, typer.Argument(help="Run folder of a complete audit, or its record.")],
    to: Annotated[Path, typer.Option("--to", help="The baseline: a file that is kept.")],
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace the baseline of another network, or a broken one."),
    ] = False,
    verbose: Verbose = False,
) -> int:
    """Make the record of a complete audit the baseline, and say what that accepts and drops.

    What it accepts fails no later audit with --baseline. Exits with 0 when written, else with 2.
    """
    file = run / RESULTS if run.is_dir() else run
    fresh = read_baseline(file, argument="RUN")
    content = _content(file, fresh)
    if to.is_dir():
        raise UsageError(f"--to {to}: is a folder. Name a file, such as {to / 'baseline.json'}")
    target = to.resolve()
    if target == file.resolve():
        raise UsageError(f"--to {to}: is the run's own record. Name another file, to be kept")
    known = _known(to, fresh, force) if to.exists() else None
    lines = _changes(fresh, known)
    write_bytes(target, content)
    for line in lines:
        _print(line)
    _print(f"{to}: {_told(fresh.run)}")
    return 0


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A baseline, or the run folder of an audit.")],
    verbose: Verbose = False,
) -> int:
    """Say whether a file can serve as baseline, of which network, and with which findings.

    Exits with 0 when an audit could use it, else with 2.
    """
    known = read_baseline(file, argument="FILE")
    _print(f"{file}: {_told(known.run)}")
    return 0


def _print(line: str) -> None:
    to_stdout().print(Text(visible(line)), soft_wrap=True)


def _content(file: Path, fresh: Baseline) -> bytes:
    """Read the bytes again that were checked; they are written as they are.

    Raises:
        UsageError: when the file changed between.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"RUN {file}: cannot be read ({error.strerror or error})") from error
    if hashlib.sha256(content).hexdigest() != fresh.sha256:
        raise UsageError(f"RUN {file}: changed while it was read. Wait until the audit has ended")
    return content


def _known(to: Path, fresh: Baseline, force: bool) -> Baseline | None:
    """Read the baseline that is replaced; None where it cannot be compared with and is forced."""
    try:
        known = read_baseline(to, argument="--to")
    except UsageError as error:
        if not force:
            raise UsageError(f"{error}. --force replaces it all the same") from error
        say(f"{error}; replaced because of --force")
        return None
    old, new = known.run.model.name, fresh.run.model.name
    if old == new:
        return known
    told = f"--to {to}: is the baseline of the network {old!r}, and RUN is of {new!r}"
    if not force:
        raise UsageError(f"{told}. Name another file, or --force to replace it")
    say(f"{told}; replaced because of --force")
    return None


def _changes(fresh: Baseline, known: Baseline | None) -> list[str]:
    """What the update accepts and what it drops, by no policy: as the tests call it."""
    decided = decide(fresh.run, Policy(), known, utc_today())
    if known is None:
        return [f"accepts {_named(one)}" for one in decided.findings]
    if known.sha256 == fresh.sha256:
        return ["nothing changes: it is the same record"]
    words = {
        "new": "accepts, new:",
        "worsened": "accepts, worse:",
        "unchanged": "keeps:",
        "fixed": "drops, not found any more:",
    }
    lines = [f"{words[one.state]} {_named(one)}" for one in decided.findings if one.state]
    return lines + [f"drops, not tested again: {note}" for note in decided.notes]


def _named(one: GatedFinding) -> str:
    margin = f"{one.margin:.2f}"
    if one.baseline_margin is not None:
        margin = f"{one.baseline_margin:.2f} to {margin}"
    return f"{one.severity} finding of class {one.class_name} ({one.rule}, margin {margin})"


def _told(run: Run) -> str:
    """Say of which network a baseline is, what it holds and when it was made."""
    model, gate = run.model, run.gate
    counts = Counter(one.severity for one in run.findings)
    severities = ", ".join(f"{counts[name]} {name}" for name in _SEVERITIES if counts[name])
    n = len(run.findings)
    findings = f"{n:,} finding{'' if n == 1 else 's'}" + (f" ({severities})" if n else "")
    started = run.volatile.get("started")
    when = f"made {started}" if isinstance(started, str) else "when it was made is not recorded"
    judged = "" if gate is None else f", policy {gate.policy}, verdict {gate.outcome}"
    return (
        f"can serve as baseline of the network {model.name!r} (weights "
        f"{model.weights_sha256[:12]}): {findings}; {when} by {run.tool.get('name', 'macoaudit')} "
        f"{run.tool.get('version', '')}{judged}"
    )
