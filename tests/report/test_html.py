import base64
import hashlib
import io
import itertools
import json
import re
from dataclasses import replace

import pytest
from pages import Page, without_volatile
from PIL import Image
from runs import HOSTILE, make_run, volatile

from macoaudit.errors import ReportError
from macoaudit.report import html as html_module
from macoaudit.report.charts import STYLES
from macoaudit.report.html import (
    FRAME_BUDGET_BYTES,
    PAGE_BUDGET_BYTES,
    THUMBNAIL_BUDGET_BYTES,
    render_html,
    write_html,
)
from macoaudit.report.templates import find_templates
from macoaudit.report.words import visible
from macoaudit.results import from_json, to_json


@pytest.fixture(scope="module", params=["small", "measured_run"])
def page(request):
    return Page(render_html(*request.getfixturevalue(request.param)))


def test_nothing_is_loaded_from_outside(page):
    for element in page.root.iter():
        for name in ("src", "srcset", "poster", "data", "background", "action", "formaction"):
            value = element.get(name)
            assert value is None or value.startswith("data:image/webp;base64,")
        if (target := element.get("href")) is not None:
            assert target.startswith("#")
    assert not page.all("link", "iframe", "object", "embed", "base", "form")
    css = "".join(style.text for style in page.all("style"))
    assert "@import" not in css
    assert "url(" not in css


def test_policy_allows_this_script_and_nothing_else(page):
    policy = next(
        meta.get("content")
        for meta in page.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    (script,) = page.all("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert sorted(policy.split("; ")) == sorted(
        [
            "default-src 'none'",
            "img-src data:",
            "style-src 'unsafe-inline'",
            "base-uri 'none'",
            "form-action 'none'",
            f"script-src 'sha256-{digest}'",
        ]
    )
    assert len(script.text.encode()) <= 10_000


def test_without_script_everything_is_in_the_text(small):
    run, folder = small
    source = render_html(run, folder, no_js=True)
    bare = Page(source)
    assert not bare.all("script", "button", "dialog")
    assert "script-src" not in source
    assert not any("hidden" in element.attrib for element in bare.root.iter())
    text = bare.text()
    for image in run.images:
        assert image.path in text
        if image.reason:
            assert image.reason in text
        for inversion in image.inversions:
            assert f"{inversion.similarity:.3f}" in text
            assert f"{inversion.start_similarity:.3f}" in text
    with_script = Page(render_html(run, folder))
    assert with_script.text() == text


@pytest.mark.parametrize("fixture", ["hostile", "hostile_measured"])
def test_hostile_names_stay_text(fixture, request):
    run, folder = request.getfixturevalue(fixture)
    source = render_html(run, folder)
    assert source.encode("utf-8")
    page = Page(source)
    assert len(page.all("script")) == 1
    for element in page.root.iter():
        assert not any(name.startswith("on") for name in element.attrib)
        assert element.get("src", "data:").startswith("data:")
    text = page.text()
    for name in HOSTILE:
        assert " ".join(visible(name).split()) in text
    assert "{{7*7}}" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", source)


def test_numbers_agree_in_caption_alt_table_and_json(small):
    run, folder = small
    page = Page(render_html(run, folder))
    record = json.loads(json.dumps(to_json(run)))
    rows = {
        page.text(row[0]): [page.text(cell) for cell in row]
        for row in page.by_id("table").iter("{http://www.w3.org/1999/xhtml}tr")
    }
    for image in record["images"]:
        if image["status"] != "ok":
            continue
        assert f"{image['similarity']:.3f}" in rows[image["path"]]
        for inversion in image["inversions"]:
            number, seed = f"{inversion['similarity']:.3f}", inversion["seed"]
            alts = [i.get("alt") for i in page.all("img") if image["path"] in i.get("alt")]
            assert sum(f"seed {seed}" in alt and number in alt for alt in alts) == 3
            captions = [page.text(caption) for caption in page.all("figcaption")]
            assert f"Inversion, seed {seed}: {number}" in captions


def test_accessible_structure(page):
    assert page.all("html")[0].get("lang") == "en-GB"
    assert page.text(page.all("title")[0]) == "Inversion report: vit_tiny"
    assert len(page.all("h1")) == len(page.all("main")) == 1
    assert page.all("header")
    assert page.all("nav")[0].get("aria-label")
    levels = [int(e.tag[-1]) for e in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all(image.get("alt") for image in page.all("img"))
    drawings = [element for element in page.root.iter() if element.tag.endswith("}svg")]
    for drawing in drawings:
        assert drawing.get("role") == "img"
        assert drawing.get("aria-label") == drawing[0].text
        assert drawing[0].tag.endswith("}title")
        assert len(drawing[0].text) > 20
    assert all(th.get("scope") in ("col", "row") for th in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    ids = [e.get("id") for e in page.root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    targets = [a.get("href")[1:] for a in page.all("a")]
    assert set(targets) <= set(ids)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, two: str) -> float:
    low, high = sorted((_luminance(one), _luminance(two)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_formula_on_known_pairs():
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    assert _contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_contrast_of_both_palettes():
    css = (find_templates() / "report.css").read_text()
    palettes = [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", css, flags=re.S)
    ]
    light, dark = palettes[0], palettes[1]
    assert light["page"] != dark["page"]
    for palette in (light, dark, {**light, **palettes[2]}, {**dark, **palettes[2]}):
        for ink in ("ink", "muted", "accent", "high", "medium", "info"):
            for ground in ("page", "surface"):
                assert _contrast(palette[ink], palette[ground]) >= 4.5, (ink, ground)
        for style, *_ in STYLES:
            for ground in ("page", "surface"):
                assert _contrast(palette[style], palette[ground]) >= 4.5, (style, ground)
        assert _contrast(palette["warn-ink"], palette["warn-page"]) >= 4.5


def test_print_colours_have_contrast_on_white():
    css = (find_templates() / "print.css").read_text()
    inks = set(re.findall(r"(?<![-\w])color: (#[0-9a-f]{6})", css)) - {"#ffffff"}
    assert len(inks) >= 3
    assert all(_contrast(ink, "#ffffff") >= 4.5 for ink in inks)
    assert _contrast("#6b2d00", "#fff0dc") >= 4.5
    assert all(_contrast(color, "#ffffff") >= 4.5 for _, color, _ in STYLES)


@pytest.mark.parametrize("fixture", ["small", "measured_run"])
def test_frame_keeps_its_budget(fixture, request):
    run, folder = request.getfixturevalue(fixture)
    empty = render_html(replace(run, images=()), folder)
    assert len(empty.encode()) <= FRAME_BUDGET_BYTES
    assert empty.count("<style>") == empty.count("<script>") == 1


def test_thumbnails_keep_their_budget(page):
    for image in page.all("img"):
        data = base64.b64decode(image.get("src").partition(",")[2])
        assert len(data) <= THUMBNAIL_BUDGET_BYTES
        with Image.open(io.BytesIO(data)) as opened:
            assert opened.format == "WEBP"
            assert max(opened.size) <= 256
            assert opened.size == (int(image.get("width")), int(image.get("height")))


def test_page_keeps_its_budget_and_says_what_it_leaves_out(small, monkeypatch):
    run, folder = small
    whole = len(render_html(run, folder).encode())
    monkeypatch.setattr(html_module, "PAGE_BUDGET_BYTES", whole - 5_000)
    source = render_html(run, folder)
    assert len(source.encode()) <= whole - 5_000
    page = Page(source)
    n_cards = len(page.all("article"))
    assert 0 < n_cards < 3
    weakest = sorted(i.similarity for i in run.images if i.similarity is not None)[:n_cards]
    shown = [page.text(p).split()[0] for p in page.all("p") if p.get("class") == "score"]
    assert shown == [f"{value:.3f}" for value in weakest]
    assert f"{n_cards} of 3 shown" in page.text()
    assert all(image.path in page.text(page.by_id("table")) for image in run.images)


@pytest.mark.parametrize(
    "n_images", [10, *(pytest.param(n, marks=pytest.mark.slow) for n in (250, 5000))], ids=str
)
def test_all_images_stay_in_the_table_within_the_page_budget(tmp_path, n_images):
    run = make_run(tmp_path, n_images, side_px=224, share_pictures=True)
    source = render_html(run, tmp_path)
    assert len(source.encode()) <= PAGE_BUDGET_BYTES
    page = Page(source)
    assert len(page.all("article")) >= min(n_images, 60)
    lines = [row for row in page.by_id("table").iter() if row.tag.endswith("}tr")]
    assert len(lines) == n_images + len(page.by_id("table").findall(".//*{*}thead"))
    assert source.count("<style>") == source.count("<script>") == 1
    shown = f"{len(page.all('article')):,} of {n_images:,} shown"
    assert (shown in page.text()) == (len(page.all("article")) < n_images)


def test_sixty_measured_images_are_all_there_in_8_mb(tmp_path):
    """Pictures of noise, which no encoder makes small, with two seeds, and a chart on each card."""
    run = make_run(tmp_path, 60, n_seeds=2, side_px=224, share_pictures=True, measured=True)
    source = render_html(run, tmp_path)
    assert len(source.encode()) < 8_000_000
    page = Page(source)
    assert len(page.all("article")) == 60
    assert sum("small" in (e.get("class") or "") for e in page.root.iter() if "}svg" in e.tag) > 30
    for image in page.all("img"):  # coarser, but not beyond recognition
        assert max(int(image.get("width")), int(image.get("height"))) >= 96


def test_digests_name_settings_and_images(small):
    run, folder = small

    def digests(of) -> list[str]:
        text = Page(render_html(of, folder)).text()
        return re.findall(r"(?:Configuration|Images) digest \(SHA-256\)([0-9a-f]{64})", text)

    one = digests(run)
    assert len(set(one)) == 2
    assert digests(replace(run, images=run.images[::-1], volatile={})) == one
    other = digests(replace(run, config={**run.config, "n_steps": 257}))
    assert (other[0] != one[0], other[1]) == (True, one[1])
    first = replace(run.images[1], sha256="0" * 64)
    third = digests(replace(run, images=(run.images[0], first, *run.images[2:])))
    assert (third[0], third[1] != one[1]) == (one[0], True)


def test_equal_runs_give_equal_bytes_outside_the_volatile_block(small):
    run, folder = small
    later = replace(run, volatile=volatile("2031-01-01T00:00:00Z"))
    one, two = render_html(run, folder), render_html(later, folder)
    assert one != two
    assert without_volatile(one) == without_volatile(two)


def test_json_round_trip_gives_the_same_page(small):
    run, folder = small
    again = from_json(json.loads(json.dumps(to_json(run))))
    assert render_html(again, folder) == render_html(run, folder)


@pytest.mark.parametrize("outcome", ["empty", "one", "all-bad", "incomplete"])
def test_every_outcome_gives_a_readable_page(tmp_path, outcome):
    run = make_run(tmp_path, 0 if outcome in ("empty", "all-bad") else 1, bad=outcome == "all-bad")
    if outcome == "incomplete":
        run = replace(run, status="incomplete")
    text = Page(render_html(run, tmp_path)).text()
    assert ("Incomplete" if outcome == "incomplete" else "Complete") in text
    assert ("No image was inverted" in text) == (outcome in ("empty", "all-bad"))
    if outcome == "all-bad":
        assert "image file is truncated" in text
        assert "more than 178956970 pixels" in text


def test_a_missing_or_foreign_picture_is_named_in_its_place(tmp_path):
    run = make_run(tmp_path / "run", 1)
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8), (1, 2, 3)).save(secret)
    image = run.images[0]
    files = {**image.inversions[0].files, "image": "../secret.png", "masked": "gone\u202e.png"}
    (tmp_path / "run" / image.inversions[0].files["transparency"]).write_bytes(b"\x89PNG broken")
    inversion = replace(image.inversions[0], files=files)
    run = replace(run, images=(replace(image, inversions=(inversion,)),))
    page = Page(render_html(run, tmp_path / "run"))
    assert len(page.all("img")) == 1
    text = page.text()
    assert "picture ../secret.png lies outside the run folder" in text
    assert "picture gone\\u202e.png is not in the run folder" in text
    assert "cannot be read" in text


def test_written_file_is_the_page_and_a_failure_leaves_the_old_one(small, tmp_path):
    run, folder = small
    path = write_html(run, folder)
    assert path == folder / "report.html"
    assert path.read_bytes() == render_html(run, folder).encode()
    with pytest.raises(ReportError, match=r"cannot be written.*choose another with --out"):
        write_html(run, tmp_path / "no-such-folder")
    with pytest.raises(ReportError, match="renders runs of"):
        write_html(replace(run, command="lens"), folder)
    assert path.read_bytes() == render_html(run, folder).encode()
    assert not list(folder.glob(".report*"))
