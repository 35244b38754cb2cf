"""A comparison as Markdown, for a comment or a step summary."""

import re
from collections.abc import Sequence

from macoaudit.formats.markdown import MAX_BYTES, escaped
from macoaudit.formats.plain import more, plain
from macoaudit.report.compare_records import CompareView

_FRAME_BYTES = 2_000
"""Kept for headings and for the lines that say how much was left out."""

# Numbers of ours, with their signs, arrows and intervals: in a table nothing in them is structure.
_NUMBER = re.compile(r"(?:[\d.,+% \N{MINUS SIGN}\N{EN DASH}\N{RIGHTWARDS ARROW}]|to|of)+")


def compare_to_markdown(view: CompareView) -> str:
    """Write a comparison as Markdown of at most 60,000 bytes in UTF-8.

    Lines are there as a whole or not at all; how many were left out is said.

    Args:
        view: the comparison as plain data, with all its rows.
    """
    lines = [f"## macoaudit: {_cell(view.title)}", "", f"**{_cell(view.headline)}**"]
    left = MAX_BYTES - _FRAME_BYTES - _size(lines)
    blocks: list[tuple[str, Sequence[str], Sequence[Sequence[str]], str]] = [
        ("Read with care", (), [(text,) for text in view.cautions], "caution"),
        ("In short", (), [(text,) for text in view.bullets], "line"),
        (
            "What was compared",
            ("", "A", "B", "Differs"),
            [(row.name, row.a, row.b, "yes" if row.differs else "no") for row in view.sides],
            "fact",
        ),
        (
            "Findings",
            ("Class", "State", "Rule", "Margin, A to B"),
            [(one.title, one.state, one.rule, one.values) for one in view.findings],
            "finding",
        ),
        (
            "Over all common images",
            ("Number", "Images", "A", "B", "Difference", "95 % interval", "p", "p corrected"),
            [
                (r.name, r.n, r.a, r.b, r.difference, r.interval, r.p, r.adjusted_p)
                for r in view.changes
            ],
            "line",
        ),
        (
            "Images, the largest change first",
            ("Image", "Similarity A", "Similarity B", "Difference", "Predicted class", "Verdicts"),
            [
                (r.path, r.a, r.b, r.difference, r.changed, r.verdicts)
                for chunk in view.rows
                for r in chunk
            ],
            "image",
        ),
        (
            "Images in one run only",
            ("Image", "Only in", "Reason"),
            [(row.path, row.run, row.reason) for row in view.alone],
            "image",
        ),
        (
            "What the records state differently",
            ("Key", "A", "B"),
            [(row.key, row.a, row.b) for row in view.differences],
            "key",
        ),
        ("What this comparison cannot show", (), [(text,) for text in view.limits], "line"),
    ]
    for title, columns, rows, noun in blocks:
        if rows:
            added, left = _block(title, columns, rows, noun, left)
            lines += added
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return escaped(plain(text, 2_000))


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _block(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], noun: str, left: int
) -> tuple[list[str], int]:
    """One heading with a list or a table, as much of it as fits."""
    head = ["", f"### {title}", ""]
    if columns:
        head += [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    kept: list[str] = []
    for row in rows:
        cells = [text if columns and _NUMBER.fullmatch(text) else _cell(text) for text in row]
        line = f"| {' | '.join(cells)} |" if columns else f"- {cells[0]}"
        if len(line.encode()) + 1 > left:
            break
        left -= len(line.encode()) + 1
        kept.append(line)
    rest = len(rows) - len(kept)
    lines = [*head, *kept, *(["", f"{more(rest, noun)}."] if rest else [])]
    return lines, left
