import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest
from runs import HOSTILE, make_run

from macoaudit.errors import ReportError, UsageError
from macoaudit.pipeline import render_reports
from macoaudit.progress import Clock
from macoaudit.report import epoch, pdf_child
from macoaudit.report import pdf as pdf_module
from macoaudit.report.html import write_html
from macoaudit.report.pdf import (
    LIMITS,
    ChildLimits,
    render_document,
    render_job,
    render_pdf,
    require_pdf,
    write_pdf,
)
from macoaudit.report.view import build_view
from macoaudit.report.words import visible
from macoaudit.store import RunFolder

PACKAGE = Path(pdf_child.__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def rendered(small):
    return render_pdf(*small)


@pytest.fixture(scope="module")
def reader(rendered):
    return pypdf.PdfReader(io.BytesIO(rendered.data))


def flat_text(reader):
    # pypdf reads some of WeasyPrint's two-byte codes with a NUL before each letter.
    text = " ".join(page.extract_text() for page in reader.pages).replace("\0", "")
    return " ".join(text.split())


def outline(entries, depth=1):
    for entry in entries:
        if isinstance(entry, list):
            yield from outline(entry, depth + 1)
        else:
            yield depth, entry.title


def test_text_holds_every_image_and_number(small, reader):
    run, _ = small
    text = flat_text(reader)
    assert "Complete" in text
    for image in run.images:
        assert image.path in text
        if image.reason:
            assert image.reason in text
        for inversion in image.inversions:
            assert f"{inversion.similarity:.3f}" in text
    assert f"Page 1 of {len(reader.pages)}" in text


def test_title_language_and_tags(reader):
    root = reader.trailer["/Root"]
    assert reader.metadata.title == "Inversion report: vit_tiny"
    assert root["/Lang"] == "en-GB"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/StructTreeRoot"]["/K"]


def _figures(node, found):
    node = node.get_object()
    if isinstance(node, list):
        for item in node:
            _figures(item, found)
    elif isinstance(node, dict):
        if "/Alt" in node:
            found.append(str(node["/Alt"]))
        if "/K" in node:
            _figures(node["/K"], found)
    return found


def test_pictures_have_alternative_texts_with_their_number(small, reader):
    run, _ = small
    alts = _figures(reader.trailer["/Root"]["/StructTreeRoot"], [])
    n_seeds = sum(len(image.inversions) for image in run.images)
    n_references = sum(image.status == "ok" for image in run.images)
    assert len(alts) == 3 * n_seeds + n_references
    for image in run.images:
        for inversion in image.inversions:
            number = f"{inversion.similarity:.3f}"
            assert any(image.path in alt and number in alt for alt in alts)


def test_outline_follows_the_headings(small, reader):
    view = build_view(small[0], LIMITS)
    entries = list(outline(reader.outline))
    assert entries[0] == (1, view.title)
    assert [title for depth, title in entries if depth == 2] == [
        "What was audited",
        "How to read this report",
        "All images in a table",
        "Images",
        "Images without a result",
        "Checks not made",
        "Limits",
        "To reproduce this run",
        "Glossary",
    ]
    assert [title for depth, title in entries if depth == 3] == [c.title for c in view.cards]


def test_contents_and_table_name_the_right_pages(small, reader):
    view = build_view(small[0], LIMITS)
    starts = {}
    for destination in (e for e in _flat(reader.outline)):
        starts[destination.title] = reader.get_destination_page_number(destination) + 1
    first = " ".join(reader.pages[0].extract_text().split())
    for title in ("What was audited", "Images without a result", "Glossary"):
        after = first[first.rindex(title) + len(title) :].lstrip(". ")
        assert after.startswith(str(starts[title]))
    table = reader.pages[starts["All images in a table"] - 1].extract_text()
    table = " ".join(table.split())
    for card in view.cards:
        # A name may be broken over lines; its line ends with two counts and the page.
        title = r"\s?".join(re.escape(letter) for letter in card.title)
        line = re.search(title + r".*?\d of \d \d of \d (\d+)", table)
        assert line is not None
        assert int(line[1]) == starts[card.title]


def _flat(entries):
    for entry in entries:
        if isinstance(entry, list):
            yield from _flat(entry)
        else:
            yield entry


def test_a_card_is_never_split(small, reader):
    # The title of a card and its last line must be on one page.
    view = build_view(small[0], LIMITS)
    for card in view.cards:
        pages = [" ".join(page.extract_text().split()) for page in reader.pages]
        at = next(i for i, p in enumerate(pages) if card.title in p and "Not checked:" in p)
        assert f"Inversion, seed 1: {card.seeds[1].score.value}" in pages[at]
        assert "Reference, as the model sees it" in pages[at]


def test_running_heads_name_report_section_and_page(small, reader):
    view = build_view(small[0], LIMITS)
    last = len(reader.pages)
    for number, page in enumerate(reader.pages, start=1):
        text = " ".join(page.extract_text().replace("\0", "").split())
        assert f"Page {number} of {last}" in text
        assert view.title in text
    glossary = " ".join(reader.pages[last - 1].extract_text().replace("\0", "").split())
    assert "Glossary" in glossary or "To reproduce this run" in glossary


def test_a_card_longer_than_a_sheet_says_where_it_goes_on(tmp_path):
    run = make_run(tmp_path, 2, n_seeds=3, measured=True)
    reader = pypdf.PdfReader(io.BytesIO(render_pdf(run, tmp_path).data))
    pages = [" ".join(p.extract_text().replace("\0", "").split()) for p in reader.pages]
    starts = {e.title: reader.get_destination_page_number(e) for e in _flat(reader.outline)}
    for image in run.images:
        cued = [n for n, page in enumerate(pages) if f"{image.path} (continued)" in page]
        begins = starts[image.path]
        assert cued == list(range(begins + 1, begins + 1 + len(cued)))
        judged = [n for n, page in enumerate(pages[begins:], begins) if "Judges: do they" in page]
        assert begins == judged[0] or judged[0] in cued  # its last block is on a sheet that says so
    assert any("(continued)" in page for page in pages)


def test_same_run_same_bytes(small, rendered):
    assert render_pdf(*small).data == rendered.data


def test_child_gets_a_fixed_date_unless_the_caller_sets_one(tmp_path, monkeypatch):
    seen = []

    def record(command, *, env, **options):
        seen.append(env["SOURCE_DATE_EPOCH"])
        return subprocess.CompletedProcess(command, 0, b'{"ok": true, "version": "70.0"}\n', b"")

    monkeypatch.setattr(pdf_module.subprocess, "run", record)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    require_pdf()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    require_pdf()
    assert seen == [epoch.DEFAULT, "86400"]


NO_DATES = ("", "-1", "1.5", "+5", " 5", "5 ", "1_0", "0x10", "now", "\u0665", "1e9")


@pytest.mark.parametrize("value", [*NO_DATES, "253402300800", "9" * 400])
def test_a_date_that_is_no_whole_number_is_refused_before_any_work(value, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    monkeypatch.setattr(pdf_module.subprocess, "run", None)  # nothing may be started
    with pytest.raises(
        UsageError, match=r"SOURCE_DATE_EPOCH is .* whole number of seconds"
    ) as info:
        require_pdf()
    assert len(str(info.value)) < 300


@pytest.mark.parametrize("value", ["0", "1700000000", "253402300799"])
def test_a_date_within_range_is_taken_as_it_is(value, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    assert epoch.source_date_epoch() == value


@pytest.mark.parametrize("fixture", ["hostile", "hostile_measured"])
def test_hostile_names_are_printed(fixture, request):
    run, folder = request.getfixturevalue(fixture)
    text = flat_text(pypdf.PdfReader(io.BytesIO(render_pdf(run, folder).data)))
    squeezed = text.replace(" ", "")
    for name in HOSTILE:
        if name.isascii():  # other scripts depend on the fonts of the machine
            assert visible(name).replace(" ", "") in squeezed


def _job(tmp_path, document, limits=None, assets=None):
    scratch = tmp_path / "job"
    (scratch / "assets").mkdir(parents=True)
    for name, data in (assets or {}).items():
        (scratch / "assets" / name).write_bytes(data)
    types = dict.fromkeys(assets or {}, "image/png")
    return render_job(document, scratch, types, limits or ChildLimits())


@pytest.mark.parametrize(
    "body",
    [
        '<img src="file://{secret}">',
        '<link rel="attachment" href="file://{secret}">',
        '<style>@import url("file://{secret}");</style>',
        '<p style="background: url(file://{secret})">x</p>',
        "<style>@font-face {{ font-family: x; src: url(file://{secret}); }} p {{ font-family: x }}"
        "</style><p>x</p>",
        '<img src="http://127.0.0.1:9/x.png">',
        '<img src="data:image/png;base64,AAAA">',
        '<img src="asset:unknown">',
        '<base href="file:///"><img src="//127.0.0.1/x.png">',
    ],
)
def test_any_other_address_stops_the_rendering(tmp_path, body):
    secret = tmp_path / "secret.txt"
    secret.write_text("planted-secret")
    document = f"<!doctype html><title>t</title>{body.format(secret=secret)}"
    with pytest.raises(ReportError, match="document asks for"):
        _job(tmp_path, document)
    assert not (tmp_path / "job" / "report.pdf").exists()


def test_an_asset_that_is_never_asked_for_is_an_error(tmp_path):
    with pytest.raises(ReportError, match="1 of 1 pictures or fonts were never asked for"):
        _job(tmp_path, '<img src="relative.png">', assets={"ab12": b"x"})


def test_a_plain_document_is_rendered(tmp_path):
    assert _job(tmp_path, "<!doctype html><title>t</title><p>hello").n_pages == 1


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ChildLimits(wall_s=0.05), "no result within 0.05 s"),
        (ChildLimits(memory_bytes=150 * 2**20), "memory limit was reached"),
        (ChildLimits(cpu_s=1), "processor time ran out"),
    ],
    ids=["time", "memory", "cpu"],
)
def test_a_limit_leaves_the_other_files_and_says_why(tmp_path, limits, reason):
    run = make_run(tmp_path, 40, share_pictures=True)
    (tmp_path / "results.json").write_text("{}")
    page = write_html(run, tmp_path).read_bytes()
    (tmp_path / "report.pdf").write_bytes(b"earlier")
    with pytest.raises(ReportError, match=reason):
        write_pdf(run, tmp_path, limits=limits)
    assert (tmp_path / "report.html").read_bytes() == page
    assert (tmp_path / "report.pdf").read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "images",
        "report.html",
        "report.pdf",
        "results.json",
    ]


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_no_room_for_the_pictures_leaves_the_other_files(tmp_path, small, monkeypatch):
    run, folder = small
    (tmp_path / "report.pdf").write_bytes(b"earlier")
    monkeypatch.setattr(pdf_module, "_add_asset", full)
    with pytest.raises(ReportError, match=r"could not be rendered: .*No space left.* set TMPDIR"):
        render_pdf(run, folder)
    with pytest.raises(ReportError, match="No space left"):
        write_pdf(run, tmp_path)
    assert (tmp_path / "report.pdf").read_bytes() == b"earlier"


def test_no_room_for_the_file_leaves_the_earlier_one(tmp_path, small, rendered, monkeypatch):
    (tmp_path / "report.pdf").write_bytes(b"earlier")
    monkeypatch.setattr(pdf_module, "render_pdf", lambda *a, **o: rendered)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError, match="No space left"):
        write_pdf(small[0], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.pdf"]
    assert (tmp_path / "report.pdf").read_bytes() == b"earlier"


def test_a_failed_pdf_is_a_note_in_the_record_and_nothing_else(tmp_path, small, monkeypatch):
    run, folder = small
    place = RunFolder.open(tmp_path / "run", run_key="x")
    shutil.copytree(folder / "images", place.path / "images")
    monkeypatch.setattr(pdf_module, "_add_asset", full)
    done = render_reports(run, ("html", "pdf"), place, Clock())
    assert [name.name for name in place.path.glob("report.*")] == ["report.html"]
    (note,) = done.volatile["report_errors"]
    assert "No space left" in note
    assert replace(done, volatile={}) == replace(run, volatile={})


def test_missing_library_is_told_before_any_work(tmp_path, small, monkeypatch):
    fake = tmp_path / "weasyprint"
    fake.mkdir()
    (fake / "__init__.py").write_text("raise OSError('cannot load library libpango-1.0-0')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(
        ReportError, match=r"libpango-1\.0-0\. Install it with: pip install"
    ) as info:
        require_pdf()
    assert "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0" in str(info.value)
    with pytest.raises(ReportError, match=r"could not be rendered.*libpango"):
        render_pdf(*small)


def test_an_old_weasyprint_is_refused(tmp_path, monkeypatch):
    (tmp_path / "weasyprint.py").write_text("__version__ = '69.0'\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ReportError, match=r"69\.0 is installed, 70 or later is needed"):
        require_pdf()


def test_require_pdf_accepts_this_machine():
    require_pdf()


def test_a_file_that_is_no_pdf_is_refused(tmp_path, small, monkeypatch):
    def forged(argument, wall_s, scratch):
        (Path(scratch) / "report.pdf").write_bytes(b"not a pdf")
        return {"ok": True, "n_pages": 1, "warnings": [], "peak_mb": 1.0, "cpu_s": 1.0}

    monkeypatch.setattr(pdf_module, "_run_child", forged)
    with pytest.raises(ReportError, match="9 bytes that are no whole PDF"):
        render_pdf(*small)


def test_this_process_never_imports_weasyprint():
    code = (
        "import sys, macoaudit.report.html, macoaudit.report.pdf as pdf; pdf.require_pdf(); "
        "print('weasyprint' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    assert done.stdout.strip() == "False"


def test_the_child_imports_nothing_of_the_package():
    source = Path(pdf_child.__file__).read_text()
    assert "from macoaudit" not in source
    assert "import macoaudit" not in source


def test_printed_document_names_only_assets(small):
    run, folder = small
    scratch = folder.parent / "doc"
    (scratch / "assets").mkdir(parents=True, exist_ok=True)
    assets = {}
    pictures = pdf_module._prepare_pictures(build_view(run, LIMITS), folder, scratch, assets)
    fonts = {"regular": "asset:a", "semibold": "asset:b"}
    document = render_document(build_view(run, LIMITS), pictures, fonts)
    assert "data:" not in document
    assert document.count("<img ") == len(assets)
    assert all((scratch / "assets" / name).read_bytes()[:2] == b"\xff\xd8" for name in assets)
    assert json.dumps(assets)


def test_outcomes_without_pictures_are_readable(tmp_path):
    run = make_run(tmp_path, 0, bad=True, origin="random")
    reader = pypdf.PdfReader(
        io.BytesIO(render_pdf(replace(run, status="incomplete"), tmp_path).data)
    )
    text = flat_text(reader)
    assert "Incomplete" in text
    assert "never trained" in text
    assert "No image was inverted" in text
    assert len(reader.pages) <= 6


@pytest.mark.slow
def test_sixty_images_within_time_and_memory(tmp_path):
    rendered = render_pdf(make_run(tmp_path, 60, side_px=224), tmp_path)
    assert rendered.cpu_s < 20
    assert rendered.peak_mb < 600
    assert 30 <= rendered.n_pages <= 60


@pytest.mark.slow
def test_large_runs_are_cut_and_stay_within_bounds(tmp_path):
    run = make_run(tmp_path, 1500, n_seeds=1, share_pictures=True)
    rendered = render_pdf(run, tmp_path)
    assert rendered.cpu_s < 60
    assert rendered.peak_mb < 600
    text = flat_text(pypdf.PdfReader(io.BytesIO(rendered.data)))
    assert "100 of 1,500 shown" in text
    assert "1,000 of 1,500 lines shown" in text
