"""Workflow commands, read back as the runner reads them."""

import re
from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from verdicts import HOSTILE, OUTCOMES, many, outcome_run, with_findings

from macoaudit.formats import to_annotations
from macoaudit.formats.annotations import PER_JOB, PER_LEVEL, _command, _data, _property
from macoaudit.formats.plain import plain

COMMAND = re.compile(r"::(error|warning|notice) title=([^:,\r\n]*)::([^\r\n]*)")


def unescaped(text):
    for code, character in (("3A", ":"), ("2C", ","), ("0D", "\r"), ("0A", "\n"), ("25", "%")):
        text = text.replace(f"%{code}", character)
    return text


def commands(run):
    """Level, title and message of every line; every line is a command."""
    text = to_annotations(run)
    assert text.endswith("\n")
    found = [COMMAND.fullmatch(line) for line in text[:-1].split("\n")]
    assert all(found)
    return [(one[1], unescaped(one[2]), unescaped(one[3])) for one in found]


def test_the_first_is_the_verdict(kind, audit):
    level, title, message = commands(audit)[0]
    assert title == "macoaudit"
    assert message.startswith(f"{OUTCOMES[kind][1]}: ")
    assert level == ("notice" if OUTCOMES[kind][2] == 0 else "error")


def test_what_fails_is_an_error_and_what_is_set_aside_is_none():
    told = commands(outcome_run("fixed"))
    assert [(level, title) for level, title, _ in told[1:]] == [
        ("error", "shortcut/place high mushroom"),
        ("warning", "shortcut/place high fish"),
        ("warning", "shortcut/spectrum medium cactus"),
        ("notice", "shortcut/property info tree"),
    ]
    assert [title for _, title, _ in commands(outcome_run("suppressed"))[1:]] == [
        "shortcut/spectrum medium cactus",
        "shortcut/property info tree",
    ]


def test_an_incomplete_audit_says_why():
    ((_, _, message),) = commands(outcome_run("incomplete"))
    assert "no class could be tested" in message


def test_no_name_ends_its_command():
    told = commands(outcome_run("hostile"))
    assert all(title.startswith("shortcut/") for _, title, _ in told[1:])
    titles = " ".join(title for _, title, _ in told)
    assert plain(HOSTILE[0]) in titles


def test_at_most_ten_of_a_level():
    run = many(30)
    told = commands(run)
    count = Counter(level for level, _, _ in told)
    assert count == {"error": PER_LEVEL, "warning": PER_LEVEL, "notice": PER_LEVEL}
    assert len(told) <= PER_JOB
    assert told[0][2].endswith(f"; {90 - 29} more findings, see the report")
    assert [title for _, title, _ in told[1:4]] == [
        f"shortcut/place high high {place:05d}" for place in range(3)
    ]


def test_with_room_nothing_is_left_out():
    assert "more finding" not in to_annotations(with_findings())


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("%:,\r\n25A0D3C a"), max_size=30))
def test_escaping_is_undone_by_the_runner(text):
    assert unescaped(_property(text)) == text
    assert not set("\r\n:,") & set(_property(text))
    assert unescaped(_data(text)) == text
    assert not set("\r\n") & set(_data(text))


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(), max_size=30))
def test_any_message_is_one_command(text):
    line = _command("error", plain(text), text)
    assert COMMAND.fullmatch(line)
    assert len(line.splitlines()) == 1


def test_a_per_cent_sign_is_not_read_as_an_escape():
    run = with_findings()
    finding = replace(run.findings[0], seen="88 %0A of them")
    run = replace(run, findings=(finding, *run.findings[1:]))
    assert "88 %250A of them" in to_annotations(run)
    assert commands(run)[1][2].startswith("88 %0A of them")
