"""The report of concepts: what and where on one page, within the same budgets as the others."""

import io
import itertools
from dataclasses import replace
from pathlib import Path

import measured
import numpy as np
import pytest
from pages import Page, without_volatile
from PIL import Image
from pypdf import PdfReader
from runs import HOSTILE, make_run, natural

from macoaudit.report import html as html_module
from macoaudit.report.concept_cards import FIRST_PLACES, effect_text
from macoaudit.report.concept_view import ConceptsView
from macoaudit.report.html import FRAME_BUDGET_BYTES, render_html
from macoaudit.report.pdf import LIMITS, render_pdf
from macoaudit.report.view import Limits, build_view
from macoaudit.report.words import visible
from macoaudit.results import ConceptRecord, Prediction, Run, TargetTerm, Visualization

KINDS = ("image", "transparency", "masked")


def drawn(rank: int, name: str) -> Visualization:
    term = TargetTerm(1.0, "direction", "layer3", rank - 1, None, None, "dot", "2" * 64, name)
    return Visualization(
        id=f"t{rank}",
        name=name,
        terms=(term,),
        method="maco",
        seed=0,
        status="ok",
        reason=None,
        score=3.25,
        start_score=0.5,
        image_score=None,
        similarity=None,
        prediction=Prediction(2, name, 0.75),
        n_steps=64,
        converged=False,
        files={kind: f"images/t{rank}/{kind}-0.png" for kind in KINDS},
    )


def make(folder: Path, n_images: int = 3, name: str = "cat", paths=None) -> Run:
    run = make_run(folder, n_images, share_pictures=True, paths=paths)
    images = tuple(
        replace(image, inversions=(), transfer=(), similarity=None) for image in run.images
    )
    found = measured.concepts(tuple(image.id for image in images), name)
    pictures = (drawn(1, f"{name}, concept 1"),)
    rng = np.random.default_rng(0)
    files = [file for one in pictures for file in one.files.values()]
    for one in found.concepts:
        files += [crop.files["crop"] for crop in one.crops]
        files += [place.files["overlay"] for place in one.places]
    picture = Image.fromarray(natural(rng, 96))
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        picture.save(folder / file)
    return replace(
        run,
        command="concepts",
        images=images,
        trust=(),
        visualizations=pictures,
        concepts=(found,),
        summary={"class": name, "n_predicted_as_class": 1},
    )


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    folder = tmp_path_factory.mktemp("concepts")
    return make(folder), folder


def test_what_where_how_much_and_why_these_images_are_on_the_page(few):
    run, folder = few
    page = Page(render_html(run, folder))
    text = page.text()
    assert page.text(page.all("title")[0]) == "Concepts of cat: vit_tiny"
    assert len(page.all("article")) == 2
    # A line of the glance (2 or 3 pictures), drawings, a crop, three places.
    assert len(page.all("img")) == (3 + 3 + 1 + 3) + (2 + 0 + 1 + 3)
    for words in (
        "Concept 1", "evidence for cat", "0.75", "+1.50", "evidence against cat",
        "\N{MINUS SIGN}0.50", "Not drawn: the concept's direction points nowhere.",
        "for 1 the label of their folder decided", "the network's own prediction",
        "The network predicts cat for 1 of them.", "importance was measured on 1 of 2 images",
        "split into positive and negative halves", "leave 15 % of the crops' activations",
        "3 images are few", "Each line is one part of what the network sees in cat",
        "Shutting it out lowers that logit by 1.50 on average (lowers it in 1 of 1 image).",
        "Shutting it out raises that logit by 0.50",
    ):  # fmt: skip
        assert words in text, words
    alts = [image.get("alt") for image in page.all("img")]
    assert any("around 80 % down and 90 % across, strength 100 %" in alt for alt in alts)
    assert any("nowhere, strength 0 %" in alt for alt in alts)


def test_the_page_is_as_accessible_and_closed_as_the_others(few):
    run, folder = few
    page = Page(render_html(run, folder))
    assert all(image.get("alt") for image in page.all("img"))
    assert all(image.get("src").startswith("data:") for image in page.all("img"))
    levels = [int(e.tag[-1]) for e in page.all("h1", "h2", "h3", "h4")]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table"))
    ids = [e.get("id") for e in page.root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    assert {a.get("href")[1:] for a in page.all("a")} <= set(ids)


def test_budgets(few, monkeypatch):
    run, folder = few
    empty = render_html(replace(run, concepts=(), visualizations=(), images=()), folder)
    assert len(empty.encode()) <= FRAME_BUDGET_BYTES
    assert "The run ended before the concepts were found." in empty
    limit = len(render_html(run, folder).encode()) - 4_000
    monkeypatch.setattr(html_module, "PAGE_BUDGET_BYTES", limit)
    smaller = render_html(run, folder)
    assert len(smaller.encode()) <= limit
    assert len(Page(smaller).all("article")) == 1
    assert "1 of 2 shown; all are in results.json." in smaller


def test_equal_runs_give_equal_pages_outside_the_volatile_block(few):
    run, folder = few
    other = replace(run, volatile={"wall_s": 99.0})
    assert without_volatile(render_html(run, folder)) == without_volatile(
        render_html(other, folder)
    )


def test_hostile_names_stay_text(tmp_path):
    name = HOSTILE[0]
    page = Page(render_html(make(tmp_path, len(HOSTILE), name, HOSTILE), tmp_path))
    assert len(page.all("script")) == 1
    for element in page.root.iter():
        assert not any(attribute.startswith("on") for attribute in element.attrib)
    for path in HOSTILE:
        assert " ".join(visible(path).split()) in page.text()


def test_many_images_are_folded_away_and_print_shows_the_strongest(tmp_path):
    run = make(tmp_path, FIRST_PLACES + 4)
    page = Page(render_html(run, tmp_path))
    assert "4 more images" in page.text()
    view = build_view(run, LIMITS)
    assert isinstance(view, ConceptsView)
    assert [len(card.places) for card in view.cards] == [FIRST_PLACES] * 2
    assert view.cards[0].more_places == ()
    assert f"{FIRST_PLACES} of {FIRST_PLACES + 4} images shown." in view.cards[0].places_note
    assert len(build_view(run, Limits(cards=1, rows=3, chunk=2)).rows) == 2


def test_random_weights_and_incomplete_runs_are_said_loudly(few):
    run = few[0]
    model = replace(run.model, weights_origin="random")
    view = build_view(replace(run, model=model, status="incomplete"), Limits(cards=9))
    assert "Random weights" in str(view.banner.warning)
    assert view.banner.status == "Incomplete"
    assert "The run is not whole" in view.banner.explanation


@pytest.mark.parametrize(
    ("effect", "importance", "side", "level"),
    [
        (0.2, 0.5, "evidence for cat", "for"),
        (-0.2, 0.001, "evidence against cat", "against"),
        (-0.001, 0.001, "hardly matters for cat", "none"),
        (0.0, 0.0, "hardly matters for cat", "none"),
        (0.001, 0.3, "evidence for cat", "for"),
    ],
)
def test_the_side_is_said_only_where_there_is_one(few, effect, importance, side, level):
    run = few[0]
    (found,) = run.concepts

    def changed(one: ConceptRecord) -> ConceptRecord:
        return replace(one, effect=effect, effect_by_image=(effect,), importance=importance)

    found = replace(found, concepts=tuple(map(changed, found.concepts)))
    view = build_view(replace(run, concepts=(found,)), Limits(cards=9))
    assert (view.cards[0].side, view.cards[0].level) == (side, level)


def test_effects_are_printed_with_their_sign():
    assert [effect_text(value) for value in (1.234, -1.0, 0.001, -0.001, 0.0)] == [
        "+1.23",
        "\N{MINUS SIGN}1.00",
        "0.00",
        "0.00",
        "0.00",
    ]


def test_the_pdf_holds_what_and_where(few):
    run, folder = few
    rendered = render_pdf(run, folder)
    assert rendered.warnings == ()
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(rendered.data)).pages)
    text = " ".join(text.split())
    for words in ("Concept 1", "Concept 2", "evidence for cat", "Where it lies", "+1.50"):
        assert words in text, words
