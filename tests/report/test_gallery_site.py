"""The site of a gallery: everything is said, nothing is loaded from elsewhere, the filter finds."""

import itertools
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawings import KINDS, drawn, make
from pages import Page, without_volatile
from PIL import Image
from runs import HOSTILE

from macoaudit.report import gallery_site
from macoaudit.report.gallery_concepts import MOST_CONCEPTS
from macoaudit.report.gallery_records import Section
from macoaudit.report.gallery_site import SITE_BUDGET_BYTES, write_gallery
from macoaudit.report.pieces import Picture
from macoaudit.report.words import visible
from macoaudit.results import (
    ClassDrivers,
    DrivingChannel,
    PicturePlausibility,
    Run,
    Skipped,
    TargetTerm,
    TargetTransfer,
    Visualization,
)

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
GONE = {
    "files": {},
    "transfer": (),
    "prediction": None,
    "plausibility": None,
    "exemplars": None,
    "score": None,
}


def channel(number: int) -> Visualization:
    term = TargetTerm(
        1.0, "channel", "penultimate", number, None, None, "dot", None, f"channel {number}"
    )
    return drawn(1000 + number, f"channel {number}", terms=(term,), transfer=(), exemplars=None,
                 plausibility=None)  # fmt: skip


def gallery(folder: Path, classes: tuple[Visualization, ...]) -> Run:
    """A run of ``gallery``: classes, one channel that drives them all, and the records of it."""
    run = make(folder, (*classes, channel(7)))
    driver = DrivingChannel(7, 0.25, 8.0, 2.0, 0.125, "t1007")
    missing = DrivingChannel(9, -0.5, -2.0, 1.0, 0.0625, "t1009")
    drivers = tuple(
        ClassDrivers(n, "x", "penultimate", 1, 12.5, -0.5, 192, (driver, missing))
        for n in sorted({one.terms[0].index for one in classes if one.status == "ok"})
    )
    return replace(
        run,
        command="gallery",
        drivers=drivers,
        skipped=(Skipped("transfer", "judge three is not there"),),
        summary={"n_channels": 1, "exemplars_of_class_frac": 0.5},
    )


def judged(*agree: bool) -> tuple[TargetTransfer, ...]:
    return tuple(
        TargetTransfer(f"judge {n}", yes, yes, 1 if yes else 900, 1000, 0.5, 0.001)
        for n, yes in enumerate(agree)
    )


def far(percentile: float) -> PicturePlausibility:
    return PicturePlausibility("judge penultimate", 3, 41, 0.75, percentile, 7.5)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("gallery")
    classes = (
        drawn(0, "tabby cat (logit 0)", transfer=judged(True, True), plausibility=far(0.25)),
        drawn(1, "Tiger cat (logit 1)", transfer=judged(True, False), plausibility=far(0.75)),
        drawn(2, "beagle (logit 2)", transfer=judged(False, False), plausibility=far(0.5)),
        drawn(3, "dead dog (logit 3)", status="dead", reason="zero gradient", **GONE),
        drawn(4, "far cat (logit 4)", status="unreachable", reason="ended lower", **GONE),
        drawn(5, "zebra (logit 5)", transfer=(), plausibility=None, score=99.0),
    )
    run = gallery(folder, classes)
    write_gallery(run, folder)
    return run, folder / "site"


def pages(folder: Path) -> list[Path]:
    return [folder / "index.html", *sorted((folder / "classes").glob("*.html"))]


class TestPages:
    def test_first_page_says_everything_without_its_script(self, site):
        run, folder = site
        page = Page((folder / "index.html").read_text())
        text = page.text()
        for words in (
            "zero gradient", "ended lower", "judges: 1 of 2 find it",
            "natural images as far out: 75 %", "score 12.35", "judge three is not there",
            "6 of 1,000 classes of the network are here", "Driving channels",
        ):  # fmt: skip
            assert words in text, words
        pairs = [(d.find("{*}dt"), d.find("{*}dd")) for d in page.all("div")]
        facts: dict[str, str] = {}
        for name, value in pairs:
            if value is not None:  # the glossary comes later and has some of the names too
                facts.setdefault(page.text(name), page.text(value))
        for name, value in {
            "classes": "6", "drawn": "4", "dead": "1", "unreachable": "1", "failed": "0",
            "judges' answers that find the class": "3 of 6",
            "natural images as far out (median)": "50 %",
            "nearest natural images of the class": "50 %", "Channels drawn": "1",
            "Judges": "judge 0, judge 1", "Weights digest (SHA-256)": run.model.weights_sha256,
        }.items():  # fmt: skip
            assert facts[name] == value, name
        assert page.by_id("tools").get("hidden") is not None
        assert len(page.all("li")) >= 6
        links = [a.get("href") for a in page.all("a") if "classes/" in a.get("href")]
        assert len(links) == 6
        assert all((folder / link).is_file() for link in links)

    def test_class_page_says_everything(self, site):
        _, folder = site
        page = Page((folder / "classes" / "t1.html").read_text())
        text = page.text()
        for words in (
            "Score 13.35, at the start -0.25", "agrees: its first class", "does not agree",
            "900 of 1,000", "Farther from natural images than 25 %", "Nearest natural images",
            "class drawn: 0.562", "Channel 7", "12 % of all that adds to the logit",
            "weight 0.25, activation 8, together 2 of the logit 12.5", "Channel 9, downward",
            "was not drawn", "The 2 of 192 channels of penultimate", "the bias -0.5",
        ):  # fmt: skip
            assert words in text, words
        assert [e.get("id") for e in page.all("input")] == [
            "show-image",
            "show-masked",
            "show-mask",
        ]
        assert "Concepts" not in text
        links = {a.get("rel"): a.get("href") for a in page.all("a")}
        assert (links["prev"], links["next"]) == ("t0.html", "t2.html")

    def test_a_class_that_was_not_drawn_has_its_reason(self, site):
        _, folder = site
        page = Page((folder / "classes" / "t3.html").read_text())
        assert "zero gradient" in page.text()
        assert page.all("img") == []

    def test_nothing_is_loaded_from_elsewhere_and_everything_is_there(self, site):
        _, folder = site
        for path in folder.rglob("*"):
            if path.suffix in (".html", ".css", ".js"):
                source = path.read_text()
                assert not re.search(r"https?:|[\"'(]//|@import|url\(|fetch\(|import\(", source), (
                    path
                )
        for path in pages(folder):
            page = Page(path.read_text())
            assert "default-src 'none'" in page.all("meta")[1].get("content")
            loads = [e.get("src") for e in page.all("img", "script")]
            loads += [e.get("href") for e in page.all("link", "a")]
            for load in loads:
                if not load.startswith("#"):
                    target = (path.parent / load).resolve()
                    assert target.is_relative_to(folder.resolve())
                    assert target.is_file(), load
            assert not page.all("style")
            assert not any("style" in e.attrib for e in page.root.iter())

    def test_accessible(self, site):
        _, folder = site
        for path in pages(folder):
            page = Page(path.read_text())
            assert all(image.get("alt") for image in page.all("img"))
            assert all(image.get("width") and image.get("height") for image in page.all("img"))
            levels = [int(e.tag[-1]) for e in page.all("h1", "h2", "h3", "h4")]
            assert levels.count(1) == 1
            assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
            assert len(page.all("caption")) == len(page.all("table"))
            labelled = {id(e) for label in page.all("label") for e in label.iter()}
            assert all(id(e) in labelled for e in page.all("input", "select"))
            ids = [e.get("id") for e in page.root.iter() if e.get("id")]
            assert len(ids) == len(set(ids))
        index = Page((folder / "index.html").read_text())
        assert all(image.get("loading") == "lazy" for image in index.all("img"))

    def test_equal_runs_give_equal_sites_outside_the_volatile_block(self, site, tmp_path):
        run, folder = site
        shutil.copytree(folder.parent, tmp_path / "again", dirs_exist_ok=True)
        write_gallery(replace(run, volatile={"wall_s": 99.0}), tmp_path / "again")
        for path in folder.rglob("*.*"):
            other = tmp_path / "again" / "site" / path.relative_to(folder)
            if path.name == "index.html":
                first, second = (
                    re.sub(r'<div id="volatile">.*?</details>', "", p.read_text(), flags=re.S)
                    for p in (path, other)
                )
                assert first == second
            else:
                assert without_volatile(path.read_bytes().decode("latin-1")) == without_volatile(
                    other.read_bytes().decode("latin-1")
                )

    def test_pages_of_classes_that_are_no_longer_asked_for_go(self, site, tmp_path):
        run, folder = site
        shutil.copytree(folder.parent, tmp_path / "again", dirs_exist_ok=True)
        fewer = replace(run, visualizations=run.visualizations[:2], drivers=())
        write_gallery(fewer, tmp_path / "again")
        again = tmp_path / "again" / "site"
        assert {path.name for path in (again / "classes").iterdir()} == {"t0.html", "t1.html"}
        assert not list((again / "pictures").glob("t2*"))

    def test_concepts_are_shown_where_there_are_any(self, site, tmp_path):
        run, folder = site
        shutil.copytree(folder.parent, tmp_path / "again", dirs_exist_ok=True)
        picture = Picture("exemplars/a.png", "whiskers in 1.jpg", "Where whiskers lie", small=True)
        section = Section("Concept 1 <b>", "Importance 0.50.", (picture,), folder.parent)
        write_gallery(run, tmp_path / "again", concepts={1: (section,)})
        page = Page((tmp_path / "again" / "site" / "classes" / "t1.html").read_text())
        assert "Concepts found in its images" in page.text()
        assert "Concept 1 <b>" in page.text()
        assert "Where whiskers lie" in [image.get("alt") for image in page.all("img")]

    def test_hostile_names_stay_text(self, tmp_path):
        names = (*HOSTILE, "<script>alert(1)</script>")
        classes = tuple(
            drawn(n, f"{name} (logit {n})", transfer=judged(True)) for n, name in enumerate(names)
        )
        dead = tuple(
            drawn(100 + n, f"{name} (logit {100 + n})", status="dead", reason=name, **GONE)
            for n, name in enumerate(names)
        )
        write_gallery(gallery(tmp_path, (*classes, *dead)), tmp_path)
        folder = tmp_path / "site"
        for path in pages(folder):
            source = path.read_text()
            page = Page(source)
            scripts = [e.get("src") for e in page.all("script")]
            assert scripts == (["gallery.js"] if path.name == "index.html" else [])
            for element in page.root.iter():
                assert not any(name.startswith("on") for name in element.attrib)
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", source)
        text = Page((folder / "index.html").read_text()).text()
        for name in names:
            assert " ".join(visible(name).split()) in text


class TestSize:
    def test_a_hundred_classes_fit_whatever_their_pictures_are(self, tmp_path):
        """Noise is what compresses worst; three classes of it bound a hundred."""
        classes = tuple(
            replace(
                drawn(n, f"class {n} (logit {n})", transfer=judged(*[True] * 6)),
                exemplars=replace(
                    drawn(n, "x").exemplars,
                    images=tuple(
                        replace(near, file=f"exemplars/{n}-{k}.png", name="a long name " * 5)
                        for k, near in enumerate(drawn(n, "x").exemplars.images * 2)
                    )[:3],
                ),
            )
            for n in range(3)
        )
        run = gallery(tmp_path, classes)
        one = DrivingChannel(7, 0.25, 8.0, 2.0, 0.125, "")
        run = replace(
            run,
            visualizations=(*classes, *(channel(k) for k in range(9))),
            drivers=tuple(
                replace(run.drivers[n], channels=tuple(
                    replace(one, channel=3 * n + k, visualization=f"t{1000 + 3 * n + k}")
                    for k in range(3)
                ))
                for n in range(3)
            ),
        )  # fmt: skip
        rng = np.random.default_rng(0)
        names = [name for one in run.visualizations for name in one.files.values()]
        names += [f"exemplars/{n}-{k}.png" for n in range(3) for k in range(3)]
        seen = [f"concepts/{n}-{k}-{j}.png" for n in range(3) for k in range(3) for j in range(4)]
        names += seen
        words = "It takes part in 0.51 of what mixing the concepts does to the logit. " * 3
        concepts = {
            n: tuple(
                Section(f"Concept {k + 1}", words, tuple(
                    Picture(name, "0.51", "Where concept 1 lies in a picture", small=j > 0)
                    for j, name in enumerate(seen[12 * n + 4 * k : 12 * n + 4 * k + 4])
                ), tmp_path)
                for k in range(MOST_CONCEPTS)
            )
            for n in range(3)
        }  # fmt: skip
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (512, 512, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name)
        write_gallery(run, tmp_path, concepts=concepts)
        size = {
            path: path.stat().st_size for path in (tmp_path / "site").rglob("*.*") if path.is_file()
        }
        shared = sum(
            size[tmp_path / "site" / name] for name in ("style.css", "gallery.js", "index.html")
        )
        each = (sum(size.values()) - shared) / 3
        assert len(list((tmp_path / "site" / "pictures").iterdir())) == 3 * (3 + 2 + 3 + 3 + 12)
        # Of the first page, a class's share is below its whole length by three.
        assert (
            shared + 100 * (each + size[tmp_path / "site" / "index.html"] / 3) < SITE_BUDGET_BYTES
        )
        for path in (tmp_path / "site" / "classes").iterdir():
            assert path.stat().st_size <= gallery_site.PAGE_BUDGET_BYTES
        for kind in KINDS:
            found = tmp_path / "site" / "pictures" / f"t0-{kind}-0.webp"
            assert found.stat().st_size <= gallery_site.FULL_BUDGET_BYTES[kind]

    def test_script_and_style_are_small(self, site):
        assert (site[1] / "gallery.js").stat().st_size <= 10_000
        assert (site[1] / "style.css").stat().st_size <= 30_000


FILTERS = {
    "": ["0", "1", "2", "3", "4", "5"],
    "q=CAT": ["0", "1", "4"],
    "q=cat+tiger": ["1"],
    "q=5": ["5"],
    "q=%3Cscript%3E": [],
    "status=dead": ["3"],
    "status=unreachable": ["4"],
    "judges=every": ["0"],
    "judges=some": ["1"],
    "judges=none": ["2"],
    "judges=unasked": ["3", "4", "5"],
    "low=50": ["1", "2"],
    "low=20&high=50": ["0", "2"],
    "sort=name": ["2", "3", "4", "0", "1", "5"],
    "sort=-score": ["5", "2", "1", "0", "3", "4"],
    "sort=far&high=100": ["0", "2", "1"],
    "sort=-far&q=cat": ["1", "0", "4"],
    "sort=judged&low=0": ["2", "1", "0"],
    "q=cat&status=drawn&judges=every": ["0"],
}
# Sets one filter after the other, the way a changed address does, and notes what is then shown.
ASK = """
const found = {}, texts = {};
(async () => {
  for (const filter of %s) {
    location.hash = filter || "#";
    await new Promise((done) => setTimeout(done, 20));
    const shown = [...document.querySelectorAll("#classes > li:not([hidden])")];
    found[filter] = shown.map((item) => item.dataset.index);
    texts[filter] = [document.getElementById("count").textContent,
      document.getElementById("nothing").hidden, document.getElementById("tools").hidden];
  }
  const out = document.createElement("pre");
  out.id = "out";
  out.textContent = JSON.stringify([found, texts]);
  document.body.append(out);
})();
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine to run the script in")
def test_search_filter_and_order_in_a_browser(site, tmp_path):
    folder = tmp_path / "site"
    shutil.copytree(site[1], folder)
    (folder / "ask.js").write_text(ASK % json.dumps(list(FILTERS)))
    index = folder / "index.html"
    index.write_text(index.read_text().replace("</body>", '<script src="ask.js"></script></body>'))
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
        "--enable-logging=stderr", "--virtual-time-budget=20000",
        f"--user-data-dir={tmp_path / 'profile'}", index.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    assert ":CONSOLE" not in done.stderr, done.stderr
    page = Page(done.stdout)
    found, texts = json.loads(page.text(page.by_id("out")))
    assert found == FILTERS
    for filters, (count, nothing_hidden, tools_hidden) in texts.items():
        shown = len(FILTERS[filters])
        assert count == f"{shown} of 6 classes shown"
        assert nothing_hidden == (shown > 0)
        assert not tools_hidden
