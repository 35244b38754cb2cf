"""Markdown: read with a parser of it, so that what is shown is what was meant."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt
from verdicts import HOSTILE, SECRET, many, outcome_run, with_findings

from macoaudit.formats import to_markdown
from macoaudit.formats.markdown import MAX_BYTES, escaped
from macoaudit.formats.plain import plain
from macoaudit.results import Skipped

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
BREAK = "\u200b"
BLOCKS = (
    "-",
    "12. x",
    "12) x",
    "+ x",
    "# x",
    "> x",
    "---",
    "===",
    "a  b",
    "~~~",
    ": x",
    "    code",
)
"""What begins a list, a heading, a quote or code at the beginning of a line."""


def spans(token):
    return [(child.type, child.content) for child in token.children or ()]


def cells(text):
    """The table's rows as shown, without the breaks that nothing is seen of."""
    rows, row = [], None
    tokens = MARKDOWN.parse(text)
    for before, token in pairwise(tokens):
        if token.type == "tr_open":
            row = []
            rows.append(row)
        if before.type in ("td_open", "th_open"):
            assert {kind for kind, _ in spans(token)} <= {"text", "text_special"}
            row.append("".join(content for _, content in spans(token)).replace(BREAK, ""))
    return rows


class TestEscaping:
    @pytest.mark.parametrize("text", [*map(plain, HOSTILE), *BLOCKS])
    @pytest.mark.parametrize("frame", ["{}", "- {}", "| a |\n| --- |\n| {} |"])
    def test_text_is_shown_as_it_is(self, text, frame):
        tokens = MARKDOWN.parse(frame.replace("{}", escaped(text)))
        inline = [token for token in tokens if token.type == "inline"][-1]
        assert {kind for kind, _ in spans(inline)} <= {"text", "text_special"}
        shown = "".join(content for _, content in spans(inline)).replace(BREAK, "")
        assert shown == text.strip()
        blocks = {token.type for token in tokens}
        assert not blocks & {"html_block", "heading_open", "blockquote_open", "fence", "hr",
                             "code_block", "ordered_list_open"}  # fmt: skip
        assert sum(token.type == "bullet_list_open" for token in tokens) == frame.startswith("-")

    @pytest.mark.parametrize("text", ["@team", "#12", "https://x.y", "www.x.y", "WWW.x.y", "a@b.c"])
    def test_nothing_becomes_a_mention_or_an_address(self, text):
        shown = MARKDOWN.render(escaped(text))
        assert not re.search(r"@\w|#\d|://\S|www\.", shown, re.IGNORECASE)


def test_the_verdict_comes_first(kind, audit):
    first = to_markdown(audit).splitlines()[0]
    assert first.endswith(f"macoaudit: {audit.gate.outcome}")
    assert f"(exit code {audit.gate.exit_code})" in to_markdown(audit)


def test_a_row_for_every_finding():
    rows = cells(to_markdown(outcome_run("fixed")))
    assert [row[:4] for row in rows] == [
        ["Severity", "Class", "State", "Fails"],
        ["high", "mushroom", "worsened", "yes"],
        ["high", "fish", "unchanged", "no"],
        ["medium", "cactus", "new", "no"],
        ["info", "tree", "new", "no"],
        ["high", "house", "fixed", "no"],
    ]


def test_hostile_names_stay_in_their_cells():
    run = outcome_run("hostile")
    text = to_markdown(run)
    rows = cells(text)
    assert {len(row) for row in rows} == {5}
    assert {row[1] for row in rows[1:]} == {plain(name).strip() for name in HOSTILE}
    kinds = {token.type for token in MARKDOWN.parse(text)}
    inline = {
        child.type for token in MARKDOWN.parse(text) for child in token.children or () if child
    }
    assert "html_block" not in kinds
    assert not inline & {"html_inline", "link_open", "image", "code_inline", "em_open", "s_open"}


def test_what_was_not_tested_is_named():
    text = to_markdown(with_findings())
    part = text.split("### Not tested")[1]
    assert "- class boat: 1 image of the class, 4 are needed" in part
    assert "- judge: secret place/judge.toml cannot be read" in part
    assert SECRET not in text
    assert "No finding." in to_markdown(outcome_run("pass"))


class TestSize:
    def test_findings_are_whole_and_the_rest_is_counted(self):
        text = to_markdown(many(2000))
        assert len(text.encode()) <= MAX_BYTES
        rows = cells(text)[1:]
        assert len(rows) > 200
        assert {len(row) for row in rows} == {5}
        assert [row[1] for row in rows] == [f"high {place:05d}" for place in range(len(rows))]
        assert f"{6000 - len(rows):,} more findings, see the report." in text
        assert "- class boat: " in text  # gaps have room of their own

    @pytest.mark.parametrize("letter", ["x", "|", "猫", "\x00", "@"])
    def test_no_text_makes_it_too_large(self, letter):
        run, name = many(100), letter * 10_000
        findings = tuple(replace(one, seen=name) for one in run.findings)
        gates = tuple(replace(one, class_name=name) for one in run.gate.findings)
        notes = (name,) * 500
        run = replace(
            run,
            findings=findings,
            gate=replace(run.gate, findings=gates, policy=name, notes=notes),
            model=replace(run.model, name=name),
            skipped=tuple(Skipped(f"{n}{name}", name) for n in range(500)),
        )
        text = to_markdown(run)
        assert len(text.encode()) <= MAX_BYTES
        assert "more findings, see the report." in text
        assert "more notes, see the report." in text
        assert "more reasons, see the report." in text
        assert {len(row) for row in cells(text)} == {5}

    def test_nothing_is_left_out_where_there_is_room(self):
        assert " more " not in to_markdown(with_findings())
