"""Every kind of audit as a PDF: its words are there, nothing leaves the page, and it is PDF/UA.

The validator is ``page-validation``, an independent implementation of the machine-checkable rules
of PDF/UA-1; the structural tests are ours and say what they do not cover (:mod:`printed`).
"""

import io
import shutil
import sys
from pathlib import Path

import drawings
import page as validator
import pypdf
import pytest
from printed import Tags, text_of, words_off_the_page

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "formats"))

from verdicts import OUTCOMES, outcome_run

from macoaudit.report.pdf import render_pdf
from macoaudit.report.words import visible

poppler = pytest.mark.skipif(
    shutil.which("pdftotext") is None, reason="poppler's pdftotext, which tells boxes, is missing"
)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(kind, marks=pytest.mark.slow if kind == "fixed" else ())
        for kind in sorted(OUTCOMES)
    ],
)
def printed(request, tmp_path_factory):
    """Kind, record and PDF of every kind of audit in turn; their pictures are missing."""
    run = outcome_run(request.param)
    return request.param, run, render_pdf(run, tmp_path_factory.mktemp("run")).data


def failures(data):
    report = validator.validate_pdf_bytes(data, profile="ua1")
    assert report.rules.total > 90
    return [(one.rule_id, one.message) for one in report.failures]


def test_verdict_and_findings_are_in_the_text(printed):
    kind, run, data = printed
    text = text_of(data)
    squeezed = text.replace(" ", "")
    assert OUTCOMES[kind][1].capitalize() in text.split("Contents")[0]
    for one in run.gate.findings:
        if one.state != "fixed":
            assert one.fingerprint in squeezed
        if visible(one.class_name).isascii():
            assert visible(one.class_name).replace(" ", "") in squeezed


@poppler
def test_no_word_leaves_the_page(printed):
    assert words_off_the_page(printed[2]) == []


def test_a_validator_finds_no_fault(printed):
    assert failures(printed[2]) == []


def test_the_tags_are_whole(printed):
    assert Tags(printed[2]).faults() == []


@pytest.mark.parametrize("fixture", ["small", "measured_run"])
def test_reports_with_pictures_too(fixture, request):
    run, folder = request.getfixturevalue(fixture)
    data = render_pdf(run, folder).data
    assert failures(data) == []
    assert Tags(data).faults() == []
    if shutil.which("pdftotext"):
        assert words_off_the_page(data) == []


def test_reports_of_drawings_too(tmp_path):
    run = drawings.make(tmp_path, tuple(drawings.drawn(n, f"class {n}") for n in range(5)))
    data = render_pdf(run, tmp_path).data
    assert failures(data) == []
    assert Tags(data).faults() == []


def test_the_questions_find_faults(tmp_path):
    """The same file with one thing broken at a time: each is found."""
    data = render_pdf(outcome_run("pass"), tmp_path).data

    def broken(change):
        writer = pypdf.PdfWriter(clone_from=pypdf.PdfReader(io.BytesIO(data)))
        change(writer)
        buffer = io.BytesIO()
        writer.write(buffer)
        return Tags(buffer.getvalue()).faults()

    def first(writer, kind):
        tree = Tags.__new__(Tags)
        tree.tree = writer.root_object["/StructTreeRoot"]
        return next(element for element, _ in Tags.elements(tree) if element["/S"] == kind)

    name = pypdf.generic.NameObject
    assert broken(lambda w: None) == []
    assert "no language" in broken(lambda w: w.root_object.pop("/Lang"))
    assert "a header cell without a direction" in broken(
        lambda w: first(w, "/TH")["/A"].get_object().pop("/Scope")
    )
    assert "a heading of level 3 follows one of level 1" in broken(
        lambda w: first(w, "/H2").update({name("/S"): name("/H3")})
    )
    assert "/P in /L" in broken(lambda w: first(w, "/LI").update({name("/S"): name("/P")}))
    assert any(
        "in the tree" in fault
        for fault in broken(
            lambda w: first(w, "/P").update({name("/K"): pypdf.generic.ArrayObject()})
        )
    )
