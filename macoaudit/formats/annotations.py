"""Workflow commands of GitHub Actions: findings as annotations of a job."""

from collections.abc import Sequence
from typing import Literal

from macoaudit.formats.plain import more, plain
from macoaudit.formats.verdicts import (
    ShownFinding,
    shown_findings,
    verdict_line,
    verdict_of,
    worst_first,
)
from macoaudit.results import GateRecord, Run

Level = Literal["error", "warning", "notice"]
PER_LEVEL = 10
"""Annotations of one level that GitHub shows of a step."""
PER_JOB = 50
_MESSAGE = 1000


def to_annotations(run: Run) -> str:
    """Write an audit as workflow commands, one a line; the first one is the verdict.

    Findings that fail are errors, other high and medium ones warnings, the rest notices.
    Suppressed and fixed findings are counted in the verdict only.

    Args:
        run: of ``audit``.

    Raises:
        UsageError: when the run has no verdict.
        ReportError: when its verdict does not fit it.
    """
    gate, shown = verdict_of(run), worst_first(shown_findings(run))
    first: Level = "notice" if gate.outcome == "pass" else "error"
    room: dict[Level, int] = {"error": PER_LEVEL, "warning": PER_LEVEL, "notice": PER_LEVEL}
    room[first] -= 1
    told = [one for one in shown if one.state not in ("suppressed", "fixed")]
    kept: list[str] = []
    for one in told:
        level = _level(one)
        if room[level] and len(kept) + 1 < PER_JOB:
            room[level] -= 1
            kept.append(_finding(one, level))
    verdict = _verdict(run, gate, len(told) - len(kept))
    return "\n".join([_command(first, "macoaudit", verdict), *kept]) + "\n"


def _verdict(run: Run, gate: GateRecord, left_out: int) -> str:
    notes: Sequence[str] = gate.notes if gate.outcome == "incomplete" else ()
    parts = [verdict_line(run), *(plain(note) for note in notes[:3])]
    if left_out:
        parts.append(more(left_out, "finding"))
    return "; ".join(parts)


def _level(shown: ShownFinding) -> Level:
    if shown.gated.fails:
        return "error"
    return "notice" if shown.gated.severity == "info" else "warning"


def _finding(shown: ShownFinding, level: Level) -> str:
    gated = shown.gated
    title = f"{plain(gated.rule, 100)} {gated.severity} {plain(gated.class_name)}"
    return _command(level, title, shown.sentence)


def _command(level: Level, title: str, message: str) -> str:
    return f"::{level} title={_property(title)}::{_data(plain(message, _MESSAGE))}"


def _data(text: str) -> str:
    """Escape a message; the per cent sign first, because the others are written with it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
