"""The report of visualisations: every picture, number and reason, within the same budgets."""

import io
import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from pages import Page, without_volatile
from PIL import Image
from pypdf import PdfReader
from runs import HOSTILE, make_run, natural

from macoaudit.report import html as html_module
from macoaudit.report.html import FRAME_BUDGET_BYTES, render_html
from macoaudit.report.pdf import render_pdf
from macoaudit.report.view import DrawnView, Limits, build_view
from macoaudit.report.words import visible
from macoaudit.results import (
    Prediction,
    Run,
    Skipped,
    TargetTerm,
    TargetTransfer,
    Visualization,
)

KINDS = ("image", "transparency", "masked")


def drawn(number: int, name: str, **changes) -> Visualization:
    term = TargetTerm(1.0, "logit", "logits", number, None, None, "dot", None, name)
    base = Visualization(
        id=f"t{number}",
        name=name,
        terms=(term,),
        method="maco",
        seed=0,
        status="ok",
        reason=None,
        score=12.3456 + number,
        start_score=-0.25,
        image_score=None,
        similarity=None,
        prediction=Prediction(number, name, 0.75),
        n_starts=1,
        n_steps=64,
        converged=False,
        transfer=(TargetTransfer("judge one", True, True, 1, 1000, 0.5, 0.001),),
        files={kind: f"images/t{number}/{kind}-0.png" for kind in KINDS},
    )
    return replace(base, **changes)


def make(folder, pictures: tuple[Visualization, ...]) -> Run:
    rng = np.random.default_rng(0)
    for one in pictures:
        for name in one.files.values():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(natural(rng, 128)).save(folder / name)
    run = make_run(folder, 1, share_pictures=True)
    return replace(
        run, command="visualize", images=(), trust=(), visualizations=pictures, summary={}
    )


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    gone = {"files": {}, "transfer": (), "prediction": None}
    sum_terms = (
        TargetTerm(2.0, "channel", "layer3", 5, None, None, "dot", None, "layer3, channel 5"),
        TargetTerm(-0.5, "token", "blocks.1", 5, None, "cls", "dot", None, "class token, 5"),
    )
    pictures = (
        drawn(0, "tabby (logit 0)"),
        drawn(1, "more of five", terms=sum_terms, transfer=(), method="fourier"),
        drawn(2, "dead one", status="dead", reason="zero gradient", **gone),
        drawn(3, "far one", status="unreachable", reason="ended lower", **gone),
        drawn(4, "held one", image_score=3.25, similarity=0.9375,
              skipped=(Skipped("transfer", "judge two is not finite"),)),
    )  # fmt: skip
    return make(folder, pictures), folder


def test_every_picture_number_and_reason_is_there(few):
    run, folder = few
    page = Page(render_html(run, folder))
    text = page.text()
    assert len(page.all("article")) == 5
    assert len([i for i in page.all("img") if "Visualisation of" in i.get("alt")]) == 2 * 3
    assert len(page.all("img")) == 3 * 3
    for words in (
        "tabby (logit 0)", "12.35", "-0.25", "zero gradient", "ended lower", "dead target",
        "unreachable", "Sum of: 2 x layer3, channel 5; -0.5 x class token, 5.",
        "The given image itself scores 3.25.", "0.938", "judge two is not finite",
        "agrees: its first class", "2 pictures could not be drawn. None is shown as grey.",
        "Fourier baseline", "judges' answers that find the class",
    ):  # fmt: skip
        assert words in text, words


def test_the_page_is_as_accessible_and_closed_as_the_other(few):
    run, folder = few
    page = Page(render_html(run, folder))
    assert page.text(page.all("title")[0]) == "Visualisations: vit_tiny"
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
    empty = render_html(replace(run, visualizations=()), folder)
    assert len(empty.encode()) <= FRAME_BUDGET_BYTES
    source = render_html(run, folder)
    limit = len(source.encode()) - 4_000
    monkeypatch.setattr(html_module, "PAGE_BUDGET_BYTES", limit)
    smaller = render_html(run, folder)
    assert len(smaller.encode()) <= limit
    page = Page(smaller)
    n_cards = len(page.all("article"))
    assert 0 < n_cards < 5
    assert f"{n_cards} of 5 shown, the first ones" in page.text()
    assert "held one" in page.text(page.by_id("table"))


def test_equal_runs_give_equal_pages_outside_the_volatile_block(few):
    run, folder = few
    other = replace(run, volatile={"wall_s": 99.0})
    assert without_volatile(render_html(run, folder)) == without_volatile(
        render_html(other, folder)
    )


def test_hostile_names_stay_text(tmp_path):
    pictures = tuple(
        drawn(n, name, transfer=(TargetTransfer(name, False, False, 9, 10, 0.0, 0.0),))
        for n, name in enumerate(HOSTILE)
    )
    broken = tuple(
        replace(one, status="failed", reason=one.name, files={}, score=None) for one in pictures
    )
    source = render_html(make(tmp_path, (*pictures, *broken)), tmp_path)
    page = Page(source)
    assert len(page.all("script")) == 1
    for element in page.root.iter():
        assert not any(name.startswith("on") for name in element.attrib)
    for name in HOSTILE:
        assert " ".join(visible(name).split()) in page.text()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", source)


def test_limits_cut_cards_and_lines(few):
    view = build_view(few[0], Limits(cards=2, rows=3, chunk=2))
    assert isinstance(view, DrawnView)
    assert len(view.cards) == 2
    assert [len(chunk) for chunk in view.rows] == [2, 1]
    assert view.rows[0][0].anchor == "card-1"
    assert view.rows[1][0].anchor is None
    assert "3 of 5 lines shown" in str(view.rows_note)


def test_random_weights_and_incomplete_runs_are_said_loudly(few):
    run = few[0]
    model = replace(run.model, weights_origin="random")
    view = build_view(replace(run, model=model, status="incomplete"), Limits(cards=9))
    assert "Random weights" in str(view.banner.warning)
    assert view.banner.status == "Incomplete"


def test_the_pdf_holds_every_target(few):
    run, folder = few
    rendered = render_pdf(run, folder)
    assert rendered.warnings == ()
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(rendered.data)).pages)
    for one in run.visualizations:
        assert one.name in " ".join(text.split())
