"""What an audit comes to, for people at a terminal: findings, notes, files, verdict."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from macoaudit.cli.console import say, say_item, to_stderr
from macoaudit.cli.running import recorded_code, say_skipped, say_written
from macoaudit.report.words import visible
from macoaudit.results import GatedFinding, GateOutcome, Run

_SYMBOLS: dict[GateOutcome, str] = {"pass": "✓", "fail": "✗", "incomplete": "!"}
_COLOURS: dict[GateOutcome, str] = {"pass": "green", "fail": "red", "incomplete": "yellow"}
_NARROW = 80
"""Columns below which a table would be all corners."""
_ROWS = 40
_NAME = 40
"""Characters of a class's name in a table."""


def say_audit(run: Run, folder: Path, names: Sequence[str], *, quiet: bool) -> None:
    """Print what an audit found, what it wrote, and the verdict as the last line, on stderr.

    Args:
        run: of ``audit``.
        folder: the run folder.
        names: files in it.
        quiet: print the verdict alone.
    """
    if not quiet:
        _say_findings(run)
        _say_notes(run)
        say_skipped(run)
    say_written(run, folder, names, quiet=quiet)
    say_verdict(run, quiet=quiet)


def say_verdict(run: Run, *, quiet: bool) -> None:
    """Print what the exit code means, unless quiet, and the verdict as the last line, on stderr.

    Args:
        run: of ``audit``.
        quiet: print the verdict alone.
    """
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.auditing import outcome_line, outcome_of

    if not quiet:
        say(f"exit code {recorded_code(run)}: {_meaning(run)}")
    console, outcome, line = to_stderr(), outcome_of(run), visible(outcome_line(run))
    if console.is_terminal:
        symbol = f"{_SYMBOLS[outcome]} " if console.encoding.startswith("utf") else ""
        word, rest = line[: len(outcome)], line[len(outcome) :]
        text = Text.assemble((symbol + word, f"bold {_COLOURS[outcome]}"), rest)
        console.print(text)
    else:
        say(line)


def _meaning(run: Run) -> str:
    """Say in words what the exit code tells."""
    gate = run.gate
    if gate is None:
        return "the record holds no verdict, which is no pass"
    if gate.outcome == "incomplete":
        return "the audit is incomplete, so it neither passes nor fails"
    count = sum(one.fails for one in gate.findings)
    if not count:
        return f"no finding fails the audit (fail_on is {gate.fail_on})"
    fails = f"{count} finding{' fails' if count == 1 else 's fail'} the audit"
    rule = f"(fail_on is {gate.fail_on})"
    return f"{fails} {rule}" + (", and --exit-zero forgives that" if gate.exit_code == 0 else "")


def _say_notes(run: Run) -> None:
    notes = () if run.gate is None else run.gate.notes
    if notes:
        say("1 note:" if len(notes) == 1 else f"{len(notes)} notes:")
    for note in notes[:_ROWS]:
        say_item(note)
    if len(notes) > _ROWS:
        say_item(f"... {len(notes) - _ROWS} more notes in results.json")


def _say_findings(run: Run) -> None:
    gated = () if run.gate is None else run.gate.findings
    if not gated:
        return
    console = to_stderr()
    seen = {one.id: one.seen for one in run.findings}
    rows = [(one, _state(one), _seen(one, seen)) for one in gated[:_ROWS]]
    if console.is_terminal and console.width >= _NARROW:
        console.print(_table(rows))
    else:
        for one, state, text in rows:
            _say_finding(one, state, text, whole=not console.is_terminal)
    if len(gated) > _ROWS:
        say(f"... {len(gated) - _ROWS} more findings in results.json")
    if console.is_terminal:
        say("")


def _table(rows: Sequence[tuple[GatedFinding, str, str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("severity", no_wrap=True)
    table.add_column("class", overflow="fold", max_width=20)
    table.add_column("state", no_wrap=True)
    table.add_column("margin", justify="right", no_wrap=True)
    table.add_column("fails", no_wrap=True)
    table.add_column("what was seen", overflow="fold", min_width=20)
    for one, state, text in rows:
        fails = Text("yes", style="bold red") if one.fails else Text("no")
        margin = f"{one.margin:.2f}"
        table.add_row(one.severity, Text(_name(one)), state, margin, fails, Text(visible(text)))
    return table


def _say_finding(one: GatedFinding, state: str, text: str, *, whole: bool) -> None:
    """Print a finding as a line and a paragraph, or as a whole line.

    In a log every line begins with a word of ours: services obey lines that begin with two colons,
    and names and texts come from outside.
    """
    head = f"{one.severity} {_name(one)}: {state}, margin {one.margin:.2f}"
    head += ", fails" if one.fails else ""
    if whole:
        say(f"{head}: {text}")
        return
    say_item(head, indent=0)
    say_item(text)


def _state(one: GatedFinding) -> str:
    if one.suppressed is not None and one.state != "fixed":
        return "suppressed"
    return one.state or "found"


def _seen(one: GatedFinding, seen: dict[str, str]) -> str:
    if one.state == "fixed":
        return "gone since the baseline"
    return seen.get(one.finding, "") + ("" if one.suppressed is None else f" ({one.suppressed})")


def _name(one: GatedFinding) -> str:
    name = visible(one.class_name)
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"
