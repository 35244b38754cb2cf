"""The page of every kind of audit: the verdict of the record, and nobody's name is markup."""

import re

import pytest
from pages import Page
from verdicts import HOSTILE, OUTCOMES

from macoaudit.formats.verdicts import verdict_line
from macoaudit.report.html import render_html
from macoaudit.report.words import visible


@pytest.fixture
def page(audit, tmp_path) -> Page:
    return Page(render_html(audit, tmp_path))


def rows(page: Page, caption: str) -> list[list[str]]:
    (table,) = [
        one
        for one in page.all("table")
        if any(page.text(c) == caption for c in one.iter() if c.tag.endswith("}caption"))
    ]
    body = next(one for one in table.iter() if one.tag.endswith("}tbody"))
    return [[page.text(cell) for cell in row] for row in body]


def test_the_verdict_s_word_and_exit_code_are_those_of_the_record(page, audit, kind):
    _, word, code = OUTCOMES[kind]
    banner = page.text(page.by_id("result"))
    assert re.match(rf"Verdict \S {word.capitalize()}\b", banner), banner[:80]
    assert f"Exit code {code}." in banner
    assert verdict_line(audit).lower().startswith(word)


def test_every_finding_is_listed_with_what_the_gate_makes_of_it(page, audit):
    gated = {one.finding: one for one in audit.gate.findings if one.state != "fixed"}
    text = page.text()
    if not gated:
        assert "Findings at a glance" not in text
        return
    found = rows(page, "Findings at a glance")
    assert len(found) == len(gated)
    fails = sorted(
        (visible(one.class_name), "yes" if one.fails else "no") for one in gated.values()
    )
    assert sorted((" ".join(row[0].split()), row[2]) for row in found) == [
        (" ".join(name.split()), word) for name, word in fails
    ]
    for one in gated.values():
        assert one.fingerprint in text
        assert (f'fingerprint = "{one.fingerprint}"' in text) == (one.suppressed is None)


def test_changes_against_the_baseline_are_counted(page, audit, kind):
    banner = page.text(page.by_id("result"))
    if kind == "fixed":
        line = "Against the baseline: 2 new, 1 worsened, 1 unchanged, 1 fixed."
        assert line in banner
        assert "Fixed since the baseline: house" in banner
    else:
        assert "No baseline." in banner


def test_suppressed_ones_say_why(page, kind):
    text = page.text()
    said = "Suppressed: mushroom (high, the spot is the eye; looked at by hand)" in text
    assert said == (kind == "suppressed")


def test_no_name_is_markup(page, audit, kind):
    """Scripts, handlers and addresses: none but ours, whatever the names hold."""
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert not page.all("iframe", "object", "embed", "link", "form", "base")
    for element in page.root.iter():
        assert not any(name.startswith("on") for name in element.attrib), element.attrib
        assert element.get("src", "data:").startswith("data:")
        assert element.get("href", "#").startswith("#")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", page.source)
    ids = [one.get("id") for one in page.root.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    if kind == "hostile":
        text = page.text()
        for name in HOSTILE:
            assert " ".join(visible(name).split()) in text
        drawings = [one for one in page.root.iter() if "heat" in (one.get("class") or "")]
        words = " ".join(drawings[0].itertext())
        assert "<img src=x onerror" in words
