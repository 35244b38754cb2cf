"""A Markdown summary, for a step summary or a comment: the verdict, the findings, the gaps."""

import re
from collections.abc import Sequence

from macoaudit.formats.plain import more, plain
from macoaudit.formats.verdicts import (
    ShownFinding,
    shown_findings,
    untested,
    verdict_line,
    verdict_of,
    worst_first,
)
from macoaudit.results import GateRecord, Run

MAX_BYTES = 60_000
"""In UTF-8. GitHub takes 64 kB as a comment, and a larger step summary is not shown at all."""
_NOTES_BYTES = 8_000
_UNTESTED_BYTES = 12_000
"""Kept for what was not tested, however many findings there are."""
_SYMBOLS = {"pass": "✅", "fail": "❌", "incomplete": "⚠️"}
_COLUMNS = ("Severity", "Class", "State", "Fails", "What was seen")
# What tables, HTML and code spans are made of is written as a reference: where a backslash comes
# before one of these, renderers disagree. A reference is never structure.
_REFERENCES = {character: f"&#{ord(character)};" for character in "&<>|\\`"}
_ESCAPED = dict.fromkeys("*_[]()!#~${}", "\\")
_TABLE = str.maketrans({**_REFERENCES, **{key: f"\\{key}" for key in _ESCAPED}})
_BREAK = "&#8203;"  # nothing to see, but no mention, number of an issue or address goes on after it
_MENTION = re.compile(r"(@|#(?=\d)|:(?=//)|(?i:\bwww)(?=\.))")
_LEADING = re.compile(r"^(?:[-+=:]|\d+(?=[.)]))")


def escaped(text: str) -> str:
    """Write plain text so that Markdown shows exactly its characters.

    Args:
        text: one line; spaces around it are dropped, because four of them would begin code.
    """
    pieces = _MENTION.split(text.strip())
    shown = "".join(
        piece.translate(_TABLE) + (_BREAK if place % 2 else "")
        for place, piece in enumerate(pieces)
    )
    return _LEADING.sub(lambda match: f"&#{ord(match[0][0])};{match[0][1:]}", shown)


def to_markdown(run: Run) -> str:
    """Write an audit as a Markdown summary of at most :data:`MAX_BYTES` bytes in UTF-8.

    Findings are there as a whole or not at all; how many were left out is said.

    Args:
        run: of ``audit``.

    Raises:
        UsageError: when the run has no verdict.
        ReportError: when its verdict does not fit it.
    """
    gate, shown = verdict_of(run), worst_first(shown_findings(run))
    head = _head(run, gate)
    gaps = [f"- {escaped(one.what)}: {escaped(one.reason)}" for one in untested(run)]
    rows = [_row(one) for one in shown]
    frame = 1_000  # headings and the lines that say how many were left out
    left = MAX_BYTES - frame - _size(head)
    kept = _fitting(rows, left - min(_size(gaps), _UNTESTED_BYTES))
    kept_gaps = _fitting(gaps, left - _size(kept))
    lines = [*head, "", "### Findings", ""]
    if rows:
        lines += [f"| {' | '.join(_COLUMNS)} |", f"|{' --- |' * len(_COLUMNS)}", *kept]
        lines += _more(len(rows) - len(kept), "finding")
    else:
        lines.append("No finding. A class without a finding is not proven clean.")
    lines += ["", "### Not tested", ""]
    lines += kept_gaps or ["Every test of every class was made."]
    lines += _more(len(gaps) - len(kept_gaps), "reason")
    return "\n".join(lines) + "\n"


def _head(run: Run, gate: GateRecord) -> list[str]:
    baseline = "none" if gate.baseline_sha256 is None else gate.baseline_sha256[:12]
    lines = [
        f"## {_SYMBOLS[gate.outcome]} macoaudit: {gate.outcome}",
        "",
        f"**{escaped(verdict_line(run))}** (exit code {gate.exit_code})",
        "",
        f"Model {escaped(plain(run.model.name))}, weights "
        f"{escaped(plain(run.model.weights_sha256, 100)[:12])}; policy "
        f"{escaped(plain(gate.policy))}, fails on {gate.fail_on}; baseline {escaped(baseline)}.",
    ]
    if gate.notes:
        notes = [f"- {escaped(plain(note))}" for note in gate.notes]
        kept = _fitting(notes, _NOTES_BYTES)
        lines += ["", "### Notes", "", *kept, *_more(len(notes) - len(kept), "note")]
    return lines


def _row(shown: ShownFinding) -> str:
    gated = shown.gated
    state = shown.state
    if gated.suppressed is not None:
        state = f"{state}: {plain(gated.suppressed)}"
    cells = (
        gated.severity,
        escaped(plain(gated.class_name)),
        escaped(state),
        "yes" if gated.fails else "no",
        escaped(shown.sentence),
    )
    return f"| {' | '.join(cells)} |"


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _fitting(lines: Sequence[str], limit: int) -> list[str]:
    """The first lines that fit together; none is cut."""
    kept: list[str] = []
    for line in lines:
        limit -= len(line.encode()) + 1
        if limit < 0:
            break
        kept.append(line)
    return kept


def _more(number: int, noun: str) -> list[str]:
    return ["", f"{more(number, noun)}."] if number else []
