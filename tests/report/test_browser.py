"""The pages in a real browser: nobody is shut out, nothing leaves, nothing is lost without script.

One headless Chromium for all tests; pages are opened from disk, as a reader opens them.
"""

import json
import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from audits import make_audit, nothing_found
from drawings import drawn, make
from morphs import morph_run
from runs import make_run
from test_concept_report import make as make_concepts
from test_gallery_site import gallery

from macoaudit.comparing import Loaded, compare
from macoaudit.gate import Policy, decide
from macoaudit.gate.policy import SetAside
from macoaudit.report.compare_html import render_compare_html
from macoaudit.report.gallery_site import write_gallery
from macoaudit.report.html import render_html
from macoaudit.report.words import DASH
from macoaudit.results import Run, to_json

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium; install one with: sh .ci/native.sh browser"
    ),
]
RUNS = ("audit", "clean", "invert", "visualize", "concepts", "morph", "hostile")
KINDS = (*RUNS, "gallery", "class", "compare")
LOOKS = ((1280, "light"), (420, "dark"), (1280, "dark"), (420, "light"))
TODAY = date(2026, 5, 1)
READY = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
"""What is folded away is looked at too."""


def gated(run: Run) -> Run:
    """The audit with a verdict: one finding is set aside, one counts as less."""
    first = decide(run, Policy(), None, TODAY)
    aside = SetAside(first.findings[1].fingerprint, "it is the eye", "vision team", TODAY)
    return replace(run, gate=decide(run, Policy(suppressions=(aside,)), None, TODAY))


@pytest.fixture(scope="module")
def runs(tmp_path_factory, hostile_measured) -> dict[str, tuple[Run, Path]]:
    folders = {kind: tmp_path_factory.mktemp(kind) for kind in KINDS}
    audit = make_audit(folders["audit"])
    pictures = tuple(drawn(n, f"class {n}") for n in range(3))
    gone = drawn(3, "class 3", status="dead", reason="zero gradient", files={}, transfer=(),
                 plausibility=None, exemplars=None, prediction=None, score=None)  # fmt: skip
    return {
        "audit": (gated(audit), folders["audit"]),
        "clean": (gated_clean(audit), folders["audit"]),
        "invert": (
            make_run(folders["invert"], 3, n_seeds=2, bad=True, measured=True),
            folders["invert"],
        ),
        "visualize": (make(folders["visualize"], (*pictures, gone)), folders["visualize"]),
        "concepts": (make_concepts(folders["concepts"]), folders["concepts"]),
        "morph": (
            morph_run(folders["morph"], (True, True, False), skipped=1),
            folders["morph"],
        ),
        "hostile": hostile_measured,
        "gallery": (gallery(folders["gallery"], (*pictures, gone)), folders["gallery"]),
    }


def gated_clean(run: Run) -> Run:
    clean = nothing_found(run)
    return replace(clean, gate=decide(clean, Policy(), None, TODAY))


@pytest.fixture(scope="module")
def pages(runs, tmp_path_factory) -> dict[tuple[str, bool], str]:
    """Address of each page, with its script and without."""
    place = tmp_path_factory.mktemp("pages")
    found = {}
    for kind in RUNS:
        for script in (True, False):
            path = place / f"{kind}-{script}.html"
            path.write_text(render_html(*runs[kind], no_js=not script), encoding="utf-8")
            found[kind, script] = path.as_uri()
    index = write_gallery(*runs["gallery"])
    one = sorted(index.parent.glob("class*/*.html")) or sorted(index.parent.rglob("class-*.html"))
    found["gallery", True] = found["gallery", False] = index.as_uri()
    found["class", True] = found["class", False] = one[0].as_uri()
    pair = [
        Loaded(*runs[kind], kind, digit * 64) for kind, digit in (("audit", "a"), ("clean", "b"))
    ]
    path = place / "compare.html"
    path.write_text(render_compare_html(compare(*pair), *pair), encoding="utf-8")
    found["compare", True] = found["compare", False] = path.as_uri()
    return found


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


class Desk:
    """A page of the browser, with what it said and what it asked for."""

    def __init__(self, browser, **options) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        self.said: list[str] = []
        self.left: list[str] = []
        self.context.route(re.compile(r"^(?!file:|data:)"), self._refuse)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))

    def _refuse(self, route) -> None:
        self.left.append(route.request.url)
        route.abort()

    def open(self, address: str):
        self.page.goto(address)
        return self.page


@pytest.fixture(scope="module")
def desks(chromium):
    """Pages with and without scripts, one of each for all tests."""
    found = {True: Desk(chromium), False: Desk(chromium, java_script_enabled=False)}
    yield found
    for desk in found.values():
        desk.context.close()


@pytest.fixture(scope="module")
def desk(desks) -> Desk:
    return desks[True]


@pytest.fixture(scope="module")
def axe() -> str:
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()


class TestEveryPage:
    @pytest.mark.parametrize("kind", KINDS)
    def test_axe_finds_no_violation(self, desk, pages, axe, kind):
        """In light and dark, wide and narrow, with the script and without."""
        for script in (True, False) if kind in RUNS[:-1] else (True,):
            page = desk.open(pages[kind, script])
            page.evaluate(axe)
            page.evaluate(READY)
            for width, scheme in LOOKS if script else LOOKS[:2]:
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=scheme)
                found = page.evaluate(
                    "axe.run(document, {resultTypes: ['violations'], preload: false})"
                    ".then((found) => found.violations.map((one) => [one.id, one.nodes.length, "
                    "one.nodes[0].html.slice(0, 200), one.nodes[0].failureSummary]))"
                )
                assert found == [], (kind, script, width, scheme)
                assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert desk.said == []
        assert desk.left == []

    def test_axe_finds_what_is_wrong(self, desk, pages, axe):
        """The check above can fail."""
        page = desk.open(pages["clean", False])
        page.evaluate(axe)
        page.evaluate("document.querySelector('main').append(document.createElement('button'))")
        page.evaluate("document.querySelector('h1').style.color = '#eeeeee'")
        found = page.evaluate("axe.run().then((found) => found.violations.map((one) => one.id))")
        assert {"button-name", "color-contrast"} <= set(found)

    @pytest.mark.parametrize("kind", RUNS)
    def test_without_scripts_everything_is_legible(self, desks, pages, runs, kind):
        """The page with its script, in a browser that runs none."""
        page = desks[False].open(pages[kind, True])
        assert page.locator("button, dialog, input, [hidden]").count() == 0
        folded = page.locator("details").count()
        for summary in page.locator("summary").all():  # works without scripts
            if not summary.evaluate("one => one.parentElement.open"):
                summary.click()
        assert page.locator("details[open]").count() == folded
        text = " ".join(page.locator("body").inner_text().split())
        run = runs[kind][0]
        for finding in run.findings:
            assert finding.class_name in text
            assert f"margin {finding.margin:.2f}" in text
        for one in () if run.gate is None else run.gate.findings:
            assert one.fingerprint in text
        for test in run.tests:
            if test.effect is not None:
                assert f"{test.effect:.3f}" in text
        for image in run.images:
            for inversion in image.inversions:
                assert f"{inversion.similarity:.3f}" in text
        assert desks[False].left == []

    @pytest.mark.parametrize("kind", RUNS)
    def test_the_policy_holds(self, desk, pages, kind, tmp_path):
        """A script, a handler, a picture and a frame that somebody put in do nothing."""
        source = Path(pages[kind, True].removeprefix("file://")).read_text()
        planted = (
            "<script>window.planted = 1</script><img src=x onerror='window.planted = 2'>"
            "<img src='https://evil.example/a.png'><iframe src='https://evil.example/'></iframe>"
            "<link rel=stylesheet href='https://evil.example/a.css'></main>"
        )
        path = tmp_path / "page.html"
        path.write_text(source.replace("</main>", planted))
        said, left = list(desk.said), list(desk.left)
        page = desk.open(path.as_uri())
        assert page.evaluate("window.planted") is None
        news = desk.said[len(said) :]
        assert sum("Content Security Policy" in one for one in news) >= 4
        assert desk.left == left
        desk.said[:], desk.left[:] = said, left

    @pytest.mark.parametrize("kind", KINDS)
    def test_keys_reach_everything_in_order_and_show_where_they_are(self, desk, pages, kind):
        page = desk.open(pages[kind, True])
        page.set_viewport_size({"width": 1280, "height": 900})
        wanted = page.evaluate(  # of radio buttons the keys reach one
            '[...document.querySelectorAll(\'a[href], button, select, summary, [tabindex="0"], '
            "input:not([type=radio]:not(:checked))')]"
            ".filter((one) => one.checkVisibility() && !one.closest('dialog')).length"
        )
        seen = []
        for _ in range(min(wanted, 60)):
            page.keyboard.press("Tab")
            seen.append(
                page.evaluate(
                    "() => { const one = document.activeElement, look = getComputedStyle(one);"
                    "return [one.tagName, look.outlineStyle, parseFloat(look.outlineWidth),"
                    "[...document.querySelectorAll('*')].indexOf(one)]; }"
                )
            )
        dark = [one for one in seen if one[1] == "none" or one[2] < 2]
        assert dark == []
        places = [place for *_, place in seen]
        assert places == sorted(set(places))
        assert seen[0][0] == "A"  # past the contents to the report

    @pytest.mark.parametrize("kind", RUNS)
    def test_motion_and_print(self, desk, pages, kind):
        page = desk.open(pages[kind, True])
        assert (
            page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "smooth"
        )
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
        page.emulate_media(media="print", color_scheme="dark")
        for hidden in ("nav", ".tools", ".skip"):
            assert page.locator(hidden).first.is_hidden() or page.locator(hidden).count() == 0
        white = "rgb(255, 255, 255)"
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == white
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        page.emulate_media(media="screen", color_scheme="light", reduced_motion="no-preference")


class TestAudit:
    """What the script adds to the page of an audit."""

    @pytest.fixture
    def page(self, desk, pages):
        page = desk.open(pages["audit", True])
        page.set_viewport_size({"width": 1280, "height": 900})
        return page

    def column(self, page, table: str, place: int) -> list[str]:
        cells = page.locator(f"{table} tbody tr:visible > :nth-child({place + 1})")
        return [" ".join(text.split()) for text in cells.all_inner_texts()]

    def test_tables_sort_numbers_as_numbers(self, page):
        head = page.locator("table.found th", has_text="Margin")
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "ascending"
        assert self.column(page, "table.found", 4) == ["0.44", "0.69", "1.44", "1.81"]
        head.locator("button").press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        assert self.column(page, "table.found", 4) == ["1.81", "1.44", "0.69", "0.44"]
        page.locator("table.found th", has_text="Severity").locator("button").click()
        words = [cell.split()[1] for cell in self.column(page, "table.found", 1)]
        assert words == ["high", "high", "medium", "info"]

    def test_numbers_are_read_as_they_are_written(self, page):
        """Thousands, bounds, signs and units; a dash is last both ways."""
        texts = ["1,234", DASH, "97.9 %", "< 0.001", "-0.50", "5 of 9", "0.25*", "\u2212 3"]
        texts[-1] = "\u22123"
        page.evaluate(
            "(texts) => [...document.querySelectorAll('table.every tbody tr')].slice(0, 8)"
            ".forEach((row, index) => { row.cells[3].textContent = texts[index]; })",
            texts,
        )
        page.evaluate(
            "[...document.querySelectorAll('table.every tbody tr')].slice(8)"
            ".forEach((row) => row.remove())"
        )
        page.evaluate(READY)
        button = page.locator("table.every th", has_text="Effect").locator("button")
        up = ["\u22123", "-0.50", "< 0.001", "0.25*", "5 of 9", "97.9 %", "1,234"]
        button.click()
        assert self.column(page, "table.every", 3) == [*up, DASH]
        button.click()
        assert self.column(page, "table.every", 3) == [*reversed(up), DASH]

    def titles(self, page) -> list[str]:
        return page.locator("#findings article:visible h3").all_inner_texts()

    def test_cards_are_ordered_by_severity_margin_and_class(self, page):
        listed = ["mushroom", "fish", "cactus", "tree"]
        assert self.titles(page) == listed
        order = page.get_by_label("Order by").first
        options = order.locator("option").all_inner_texts()
        assert options == ["as listed", "severity, gravest first", "margin, largest first", "name"]
        order.select_option("name")
        assert self.titles(page) == sorted(listed)
        order.select_option("margin")
        assert self.titles(page) == ["mushroom", "fish", "cactus", "tree"]
        order.select_option("")
        assert self.titles(page) == listed

    def test_cards_and_lines_are_filtered(self, page):
        box = page.locator("#findings").get_by_role("searchbox")
        box.fill("HIGH")
        assert self.titles(page) == ["mushroom", "fish"]
        assert page.locator("#findings [role=status]").inner_text() == "2 of 4 shown"
        page.get_by_label("Order by").first.select_option("name")
        assert self.titles(page) == ["fish", "mushroom"]
        page.locator("table.found a", has_text="cactus").click()  # a link to a hidden card
        assert "cactus" in self.titles(page)
        box.fill("")
        assert len(self.titles(page)) == 4
        page.evaluate(READY)
        lines = page.locator("#tests").get_by_role("searchbox")
        lines.fill("stamp")
        shown = self.column(page, "table.every", 1)
        assert len(shown) == 5
        assert all("stamp" in one for one in shown)

    def test_a_picture_is_enlarged_by_keys_alone(self, page):
        first = page.locator("#findings .pic button").first
        first.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Enlarged picture")
        assert dialog.is_visible()
        alt = dialog.locator("img").get_attribute("alt")
        assert alt == first.locator("img").get_attribute("alt")
        assert dialog.locator("p").inner_text() == alt
        held = set()
        for _ in range(7):
            page.keyboard.press("Tab")
            held.add(page.evaluate("document.activeElement.closest('dialog') ? 'in' : "
                                   "document.activeElement.tagName"))  # fmt: skip
        assert held <= {"in", "BODY"}  # BODY: the browser's own bar
        dialog.get_by_role("button", name="Next").press("Enter")
        second = dialog.locator("img").get_attribute("alt")
        assert second != alt
        page.keyboard.press("ArrowLeft")
        assert dialog.locator("img").get_attribute("alt") == alt
        page.keyboard.press("ArrowRight")
        assert dialog.locator("img").get_attribute("alt") == second
        page.keyboard.press("Escape")
        assert dialog.is_hidden()
        assert page.evaluate(
            "document.activeElement === document.querySelector('#findings .pic button')"
        )

    def test_the_suppression_entry_is_complete(self, page, runs):
        gate = runs["audit"][0].gate
        entries = page.locator("pre code").all_text_contents()
        open_ones = [one for one in gate.findings if one.suppressed is None]
        assert len(entries) == len(open_ones) == 3
        for one in open_ones:
            assert sum(f'fingerprint = "{one.fingerprint}"' in entry for entry in entries) == 1

    def test_plots_follow_light_and_dark(self, page):
        def inks() -> list[str]:
            return page.evaluate(
                "[...document.querySelectorAll('svg.heat path')]"
                ".map((one) => getComputedStyle(one).fill)"
            )

        light = inks()
        page.emulate_media(color_scheme="dark")
        dark = inks()
        page.emulate_media(color_scheme="light")
        assert len(light) == len(dark)
        changed = sum(a != b for a, b in zip(light, dark, strict=True))
        assert changed >= 3


def test_what_a_page_says_is_what_is_recorded(desk, pages, runs):
    """Every number of the table of tests, as the browser shows it."""
    page = desk.open(pages["audit", True])
    page.evaluate(READY)
    rows = page.evaluate(
        "[...document.querySelectorAll('table.every tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.innerText.trim()))"
    )
    made = [one for one in to_json(runs["audit"][0])["tests"] if one["outcome"] != "not tested"]
    assert json.loads(json.dumps(made))
    for row, one in zip(rows, made, strict=True):
        assert row[0] == one["class_name"]
        assert row[3] == f"{one['effect']:.3f}".replace("-0.000", "0.000")
        assert row[4] == f"{one['threshold']:.3f}"
