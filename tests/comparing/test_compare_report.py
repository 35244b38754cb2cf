"""The report of a comparison: one file, legible without script, hostile names, budgets, PDF."""

import base64
import hashlib
import io
import itertools
import re
import shutil
from dataclasses import replace

import audited as records
import gated
import pytest
from audits import make_audit
from pages import Page
from paired import audited, compared, images, inverted, loaded
from pypdf import PdfReader
from runs import HOSTILE, make_hostile, make_run

from macoaudit.comparing import compare
from macoaudit.formats.compare_markdown import compare_to_markdown
from macoaudit.formats.markdown import MAX_BYTES
from macoaudit.report.compare_html import PAGE_BUDGET_BYTES, render_compare_html
from macoaudit.report.compare_pdf import render_compare_pdf
from macoaudit.report.compare_view import CompareLimits, build_compare_view
from macoaudit.report.html import FRAME_BUDGET_BYTES
from macoaudit.report.templates import find_templates
from macoaudit.report.words import visible
from macoaudit.results import Prediction, Retained

ALL = CompareLimits(findings=10_000, cards=0)


def flat_text(data: bytes) -> str:
    # pypdf reads some of WeasyPrint's two-byte codes with a NUL before each letter.
    pages = PdfReader(io.BytesIO(data)).pages
    return " ".join(" ".join(one.extract_text() for one in pages).replace("\0", "").split())


def changed(run):
    """The same images seen by a later state: other similarities, verdicts and a prediction."""

    def later(number, image):
        if image.similarity is None:
            return image
        drop = 0.015625 * (number + 1)
        inversions = tuple(replace(i, similarity=i.similarity - drop) for i in image.inversions)
        attributes = {
            name: replace(one, value=0.03125, low=0.0, high=0.0625)
            if isinstance(one, Retained) and name == "color"
            else one
            for name, one in image.retention.attributes.items()
        }
        return replace(
            image,
            similarity=image.similarity - drop,
            inversions=inversions,
            prediction=Prediction(8, "goldfish", 0.5) if number == 1 else image.prediction,
            retention=replace(image.retention, attributes=attributes),
        )

    return replace(
        run,
        model=replace(run.model, weights_sha256="6a" * 32),
        images=tuple(later(number, image) for number, image in enumerate(run.images)),
    )


@pytest.fixture(scope="session")
def inversions(tmp_path_factory):
    """Two runs of ``invert`` over seven images, one of which only A has."""
    folder = tmp_path_factory.mktemp("inversions")
    run = make_run(folder, 7, n_seeds=2, measured=True)
    later = replace(changed(run), images=changed(run).images[:6])
    a, b = loaded(run, "before", folder), loaded(later, "after", folder)
    return compare(a, b), a, b


@pytest.fixture(scope="session")
def audits(tmp_path_factory):
    """Two audits: mushroom is fixed, fish worse, cactus new, tree unchanged."""
    folder = tmp_path_factory.mktemp("audits")
    run = make_audit(folder)
    mushroom, fish, cactus, tree = run.findings

    def with_findings(*found):
        return gated.gated(replace(run, findings=found, shortcuts=gated.covered(found)))

    a = with_findings(mushroom, fish, tree)
    b = with_findings(replace(fish, margin=4.0), cactus, tree)
    a, b = loaded(a, "before", folder), loaded(b, "after", folder)
    return compare(a, b), a, b


@pytest.fixture(scope="session", params=["inversions", "audits"])
def pair(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def page(pair):
    return Page(render_compare_html(*pair))


class TestPage:
    def test_nothing_is_loaded_from_outside(self, page):
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

    def test_policy_allows_this_script_and_nothing_else(self, page):
        policy = next(
            meta.get("content")
            for meta in page.all("meta")
            if meta.get("http-equiv") == "Content-Security-Policy"
        )
        (script,) = page.all("script")
        digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
        assert policy == (
            "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
            f"form-action 'none'; script-src 'sha256-{digest}'"
        )

    def test_accessible_structure(self, page):
        assert page.all("html")[0].get("lang") == "en-GB"
        assert len(page.all("h1")) == len(page.all("main")) == 1
        levels = [int(e.tag[-1]) for e in page.all("h1", "h2", "h3", "h4", "h5", "h6")]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        assert page.all("img")
        assert all(image.get("alt") for image in page.all("img"))
        assert all(th.get("scope") in ("col", "row") for th in page.all("th"))
        assert len(page.all("caption")) == len(page.all("table"))
        ids = [e.get("id") for e in page.root.iter() if e.get("id")]
        assert len(ids) == len(set(ids))
        assert {a.get("href")[1:] for a in page.all("a")} <= set(ids)
        # what a screen reader lists of regions is told apart
        named = [page.text(page.by_id(e.get("aria-labelledby"))) for e in page.all("section")]
        named += [e.get("aria-label") for e in page.root.iter() if e.get("role") == "region"]
        assert len(named) == len(set(named))

    def test_without_script_everything_is_in_the_text(self, pair):
        source = render_compare_html(*pair, no_js=True)
        bare = Page(source)
        assert not bare.all("script", "button", "dialog")
        assert "script-src" not in source
        assert bare.text() == Page(render_compare_html(*pair)).text()
        comparison, text = pair[0], bare.text()
        assert comparison.headline in text
        for one in comparison.images:
            assert one.a.path in text
            if one.difference is not None:
                assert f"{one.a.similarity:.3f} → {one.b.similarity:.3f}" in text
                assert f"{abs(one.difference):.3f}" in text
        for one in comparison.findings:
            assert f"{one.margin_a:.2f} → {one.margin_b:.2f}" in text
        for one in comparison.differences:
            assert one.key in text

    def test_equal_runs_give_equal_bytes(self, pair):
        assert render_compare_html(*pair) == render_compare_html(*pair)

    def test_pictures_of_both_runs_stand_side_by_side(self, inversions):
        comparison = inversions[0]
        page = Page(render_compare_html(*inversions))
        cards = [e for e in page.all("article") if "pair-card" in e.get("class")]
        assert len(cards) == 6
        for card, one in zip(cards, comparison.images, strict=True):
            alts = [e.get("alt") for e in card.iter() if e.tag.endswith("}img")]
            name = one.a.path
            assert alts[0] == f"Reference {name}"
            assert alts[1].startswith(f"Inversion of {name} in A, seed 0: similarity ")
            assert alts[2].startswith(f"Inversion of {name} in B, seed 0: similarity ")
            assert alts[3].startswith(f"Map of what the inversions of {name} retain in A: ")
            assert len(alts) == 5
        # the one that only A has is named with its reason
        assert "no image of this content or path in B" in page.text(page.by_id("alone"))

    def test_cautions_come_before_everything(self, audits):
        a, b = audits[1:]
        other = replace(b, run=replace(b.run, model=replace(b.run.model, name="other")))
        page = Page(render_compare_html(compare(a, other), a, other))
        text = page.text(page.by_id("result"))
        assert text.startswith("What changed Read with care: one thing makes the two runs unlike")
        assert text.index("two networks") < text.index("From ")
        alike = Page(render_compare_html(*audits))
        assert "Both runs are complete and state the same" in alike.text(alike.by_id("result"))

    def test_findings_of_both_runs(self, audits):
        page = Page(render_compare_html(*audits))
        cards = {
            page.text(next(e for e in card.iter() if e.tag.endswith("}h3"))): page.text(card)
            for card in page.all("article")
            if "finding" in card.get("class").split()
        }
        assert list(cards) == ["fish", "mushroom", "cactus", "tree"]
        assert "▲ worse in B margin 1.44 → 4.00" in cards["fish"]
        assert "✓ gone in B margin 1.81 → 0.12" in cards["mushroom"]
        assert "The class was tested; its margin is 0.12." in cards["mushroom"]
        assert "fails the audit" in cards["mushroom"]
        assert "▲ new in B" in cards["cactus"]
        assert "= unchanged" in cards["tree"]
        assert "FAIL (exit code 1" in page.text(page.by_id("result"))

    def test_nothing_is_said_as_a_certainty(self, audits):
        text = Page(render_compare_html(*audits)).text()
        assert "no proof that the cue was unlearned" in text
        assert "What this comparison cannot show" in text


class TestBudgets:
    def test_many_images_keep_within_the_budget_and_it_is_said(self, inversions):
        budget = 130_000
        source = render_compare_html(*inversions, budget_bytes=budget)
        assert len(source.encode()) <= budget
        assert re.search(r"\d of 6 cards shown, the largest change first", Page(source).text())
        assert PAGE_BUDGET_BYTES <= 8_000_000

    def test_sixty_images(self, tmp_path):
        run = make_run(tmp_path, 60, share_pictures=True, measured=True, n_seeds=2)
        a, b = loaded(run, "a", tmp_path), loaded(changed(run), "b", tmp_path)
        page = render_compare_html(compare(a, b), a, b)
        assert len(page.encode()) < PAGE_BUDGET_BYTES
        assert page.count('class="card pair-card"') == 60
        assert page.count("<style>") == page.count("<script>") == 1

    def test_the_frame_is_small(self, inversions):
        a, b = inversions[1:]
        one = [replace(x, run=replace(x.run, images=x.run.images[:1])) for x in (a, b)]
        page = render_compare_html(compare(*one), *one, budget_bytes=FRAME_BUDGET_BYTES + 30_000)
        assert len(page.encode()) <= FRAME_BUDGET_BYTES + 30_000

    @pytest.mark.slow
    @pytest.mark.timeout(900)
    def test_five_thousand_images(self):
        many = [
            replace(image, id=f"{image.id}-{n}", path=f"{n}/{image.path}", sha256=None)
            for n in range(625)
            for image in images()
        ]
        many = [replace(one, sha256=hashlib.sha256(one.path.encode()).hexdigest()) for one in many]
        a = loaded(inverted(many), "a")
        source = render_compare_html(compare(a, a), a, a)
        assert len(source.encode()) <= PAGE_BUDGET_BYTES
        assert "of 5,000 cards shown" in source


def hostile_pair(folder):
    run = make_run(folder, len(HOSTILE), paths=HOSTILE, share_pictures=True, measured=True)
    run = make_hostile(run)
    run = replace(
        run,
        config={HOSTILE[1]: HOSTILE[2], "same": 1},
        images=tuple(
            replace(one, label=name, prediction=Prediction(3, name, 0.5))
            for name, one in zip(HOSTILE, run.images, strict=True)
        ),
    )
    b = replace(
        run,
        model=replace(run.model, name=HOSTILE[1], layer=HOSTILE[0]),
        config={HOSTILE[1]: HOSTILE[0]},
        tool={"name": "macoaudit", "version": HOSTILE[3]},
        images=tuple(replace(one, label=HOSTILE[0]) for one in run.images[1:]),
    )
    a = loaded(run, HOSTILE[0], folder)
    return a, loaded(b, HOSTILE[1], folder)


def hostile_audits():
    """Classes, words and reasons that try to be markup."""
    found = [
        replace(records.finding(index % 4, severity="high", margin=2.0), class_index=index,
                class_name=name, id=f"{index}", seen=name, strength=name)
        for index, name in enumerate(HOSTILE)
    ]  # fmt: skip
    rows = tuple(
        replace(audited().shortcuts.classes[0], class_index=index, class_name=name, margin=2.0)
        for index, name in enumerate(HOSTILE)
    )
    run = gated.audit(found, images=images())
    run = gated.gated(replace(run, shortcuts=replace(run.shortcuts, classes=rows)))
    none = gated.gated(replace(run, findings=(), gate=None))
    return loaded(run, "a"), loaded(none, "b")


@pytest.fixture(scope="module", params=["names", "classes"])
def hostile(request, tmp_path_factory):
    made = (
        hostile_pair(tmp_path_factory.mktemp("hostile"))
        if request.param == "names"
        else hostile_audits()
    )
    return compare(*made), *made


class TestHostile:
    def test_names_stay_text_in_the_page(self, hostile):
        source = render_compare_html(*hostile)
        page = Page(source)
        assert len(page.all("script")) == 1
        for element in page.root.iter():
            assert not any(name.startswith("on") for name in element.attrib)
            assert element.get("src", "data:").startswith("data:")
        text = page.text()
        for name in HOSTILE:
            assert " ".join(visible(name).split()) in text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", source)

    def test_names_stay_text_in_markdown(self, hostile):
        comparison, a, b = hostile
        text = compare_to_markdown(build_compare_view(comparison, a.run, b.run, ALL))
        assert text.encode()
        assert "<img" not in text
        assert "<script" not in text
        assert "</script" not in text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
        # every line of a table has as many cells as its head
        for block in re.split(r"\n\n", text):
            rows = [line for line in block.splitlines() if line.startswith("|")]
            assert len({line.count("|") for line in rows}) <= 1

    def test_it_prints(self, hostile):
        assert "{{7*7}}" in flat_text(render_compare_pdf(*hostile).data)


class TestMissingPictures:
    def test_what_is_gone_is_named_in_its_place(self, tmp_path):
        run = make_run(tmp_path / "a", 2, n_seeds=1, measured=True)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        (tmp_path / "b" / run.images[0].inversions[0].files["image"]).unlink()
        (tmp_path / "b" / run.images[1].retention.map).write_bytes(b"no picture")
        (tmp_path / "secret.png").write_bytes(b"x")
        outside = replace(run.images[1], files={"reference": "../secret.png"})
        later = replace(run, images=(run.images[0], outside))
        a, b = loaded(run, "a", tmp_path / "a"), loaded(later, "b", tmp_path / "b")
        page = Page(render_compare_html(compare(b, a), b, a))
        text = page.text()
        assert "is not in the run folder" in text
        assert "cannot be read" in text
        assert "lies outside the run folder" in text
        # the pictures of the other run are there
        assert sum("in B, seed 0" in image.get("alt") for image in page.all("img")) == 2
        assert render_compare_pdf(compare(b, a), b, a).n_pages > 1


class TestMarkdown:
    def test_it_says_what_the_page_says(self, pair):
        comparison, a, b = pair
        text = compare_to_markdown(build_compare_view(comparison, a.run, b.run, ALL))
        plain = text.replace("\\", "").replace("&#46;", ".")
        assert comparison.headline in plain
        for one in comparison.findings:
            assert f"{one.margin_a:.2f} → {one.margin_b:.2f}" in text
        for one in comparison.images:
            if one.difference is not None:
                assert f"| {one.a.similarity:.3f} | {one.b.similarity:.3f} |" in text
        assert "### What this comparison cannot show" in text

    def test_it_keeps_within_its_size_and_says_what_is_left_out(self):
        many = [
            replace(image, id=f"{image.id}-{n}", path=f"{n}/{'x' * 200}{image.path}")
            for n in range(200)
            for image in images()
        ]
        found = loaded(inverted(many), "a")
        view = build_compare_view(compare(found, found), found.run, found.run, ALL)
        text = compare_to_markdown(view)
        assert len(text.encode()) <= MAX_BYTES
        assert re.search(r"1,\d\d\d more images, see the report", text)
        assert text.rstrip().splitlines()[-1].startswith("- ") or "more line" in text[-80:]


@pytest.fixture(scope="module")
def printed(audits):
    return render_compare_pdf(*audits)


class TestPdf:
    def test_it_says_what_the_page_says(self, audits, printed):
        reader = PdfReader(io.BytesIO(printed.data))
        text = flat_text(printed.data)
        for name in ("mushroom", "fish", "cactus", "tree"):
            assert name in text
        assert "gone in B" in text
        assert "1.81 → 0.12" in text
        assert printed.warnings == ()
        assert 3 <= printed.n_pages <= 20
        assert reader.metadata.title == "vit_tiny: two audits compared"
        assert reader.trailer["/Root"]["/Lang"] == "en-GB"
        titles = [one.title for one in reader.outline if not isinstance(one, list)]
        assert titles

    def test_the_same_bytes_twice(self, audits, printed):
        assert render_compare_pdf(*audits).data == printed.data


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_bars_stand_out_in_light_and_dark():
    """Graphics need 3 : 1 against what is behind them."""
    css = (find_templates() / "compare.css").read_text()
    base = (find_templates() / "report.css").read_text()
    light, dark = re.findall(r"\.comparison \{ --up: (#\w+); --down: (#\w+); \}", css)[:2]
    tracks = re.findall(r"--track: (#\w+)", base)[:2]
    for colours, track in zip((light, dark), tracks, strict=True):
        for colour in colours:
            values = sorted([_luminance(colour), _luminance(track)])
            assert (values[1] + 0.05) / (values[0] + 0.05) >= 3


def test_the_view_holds_no_number_of_its_own():
    """Changing a picture's caption or the record's name changes no figure: all are the record's."""
    found = compared(inverted(), inverted(images([0.03125] * 8)))
    view = build_compare_view(found, inverted(), inverted(images([0.03125] * 8)), ALL)
    assert view.changes[0].difference == "+0.031"
    assert view.changes[0].interval == "+0.031 to +0.031"
