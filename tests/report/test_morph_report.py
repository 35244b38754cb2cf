"""The report of morphs: what it says of planted numbers, in the page and in print."""

from dataclasses import replace
from pathlib import Path

import pytest
from morphs import morph, morph_run
from pages import Page
from runs import HOSTILE

from macoaudit.report.html import PAGE_BUDGET_BYTES, render_html
from macoaudit.report.morph_words import heat_level, orientation_names
from macoaudit.report.pdf import render_document
from macoaudit.report.view import Limits, MorphView, build_view
from macoaudit.report.words import visible
from macoaudit.results import from_json, to_json


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Two morphs that flip, one that does not, one that was skipped."""
    folder = tmp_path_factory.mktemp("planted")
    return morph_run(folder, (True, True, False), skipped=1), folder


def drawings(page: Page) -> list:
    return [element for element in page.root.iter() if element.tag.endswith("}svg")]


def test_the_record_round_trips(planted):
    run, _ = planted
    assert from_json(to_json(run)) == run


def test_every_number_and_word_is_in_the_page(planted):
    run, folder = planted
    page = Page(render_html(run, folder))
    text = page.text()
    assert len(page.all("article")) == 3
    for words in (
        "2 of 3",  # reach the class
        "The lens makes hen its first class at a distance of 2.50; pixels do at 0.75, random "
        "phases never do.",
        "The lens brings hen to 30.0 % at a distance of 3.00, and not to the first place",
        "1 of 2 in the frame of the lens, 0 of 2 in the frame of pixels",
        "Of the change's energy there lies above half Nyquist: lens 10 %, pixels 80 %",
        "step 1, L2 1.00", "step 3, L2 3.00",
        "✓ hen",
        "scale 0: 4 px", "scale 1: 8 px", "0° (upright)", "90° (level)",
        "60 %", "25 %", "10 %", "5 %",
        "The lens does not make the target the first class",
        "In a frame more than 5 % of the values were cut off",
        "on one scale: full colour is a change of ±0.250 in brightness",
        "it is no evidence that the change can be recognised", "Mode: live",
        "none picked",
        "the network sees the target in the image already",
        "never", "Flips over all morphs", "Distance reached",
    ):  # fmt: skip
        assert words in text, words


def test_alternative_texts_hold_the_numbers(planted):
    run, folder = planted
    page = Page(render_html(run, folder))
    alts = [image.get("alt") for image in page.all("img")]
    assert all(alts)
    assert any("step 2 of photo 0.png: L2 2.00, target hen 40.0 %, first class cock" in alt
               for alt in alts)  # fmt: skip
    assert any("full colour at ±0.250; 80 % of its energy" in alt for alt in alts)
    drawn = [svg.get("aria-label") for svg in drawings(page)]
    curves = [label for label in drawn if "probability of the target" in (label or "")]
    assert len(curves) == 2 * 3
    assert "L2 2.00: target 40.0 %, source 50.0 %, one 35.0 %, two 5.0 %" in curves[0]
    assert "on." in curves[0]
    assert "never becomes the target" in curves[4]


def test_what_was_not_measured_has_no_column(planted):
    run, folder = planted
    assert "Warp explains" not in Page(render_html(run, folder)).text()
    warped = replace(
        run,
        morphs=tuple(
            replace(one, tracks=tuple(replace(t, warp_energy=(0.4,) * 4) for t in one.tracks))
            for one in run.morphs
        ),
    )
    assert "Warp explains" in Page(render_html(warped, folder)).text()


def test_nothing_depends_on_the_script(planted):
    run, folder = planted
    with_it, without = render_html(run, folder), render_html(run, folder, no_js=True)
    assert "<script" not in without
    assert Page(without).text() == Page(with_it).text()
    assert render_html(run, folder) == with_it
    assert len(with_it.encode()) < PAGE_BUDGET_BYTES


def test_hostile_names_are_text(tmp_path):
    run = morph_run(tmp_path, (True,) * len(HOSTILE), names=HOSTILE)
    text = render_html(run, tmp_path)
    page = Page(text)
    for name in HOSTILE:
        assert visible(name) in page.text().replace("  ", " ") or visible(name)[:40] in text
    assert len(page.all("script")) == 1
    assert not [image for image in page.all("img") if image.get("onerror")]
    assert "alert(1)>" not in text


def test_print_has_the_same_words_and_no_motion(planted):
    run, _ = planted
    view = build_view(run, Limits(cards=2))
    assert isinstance(view, MorphView)
    assert len(view.cards) == 2
    shown = _no_pictures(view)
    page = Page(render_document(view, shown, {"regular": "a", "semibold": "b"}))
    text = page.text(page.root)
    assert "Play the lens" not in text
    assert "2 of 3 shown, the first ones" in text
    assert "it is no evidence that the change can be recognised" in text


def _no_pictures(view):
    from macoaudit.report.html import Shown
    from macoaudit.report.view import pictures_of

    found = (picture for card in view.cards for picture in pictures_of(card))
    return {picture.key: Shown(None, 0, 0, "test") for picture in found}


def test_frozen_mode_and_confusions_in_words(planted):
    run, folder = planted
    pair = {"source": 0, "target": 1, "weight": 0.75, "n_images": 3}
    pair |= {"source_name": "cock", "target_name": "hen"}
    frozen = replace(
        run,
        config={**run.config, "mode": "frozen", "amplifications": [0.0, 0.5, 2.0]},
        summary={**run.summary, "confusions": {"0001": pair}},
    )
    text = Page(render_html(frozen, folder)).text()
    for words in (
        "Mode frozen: one gradient at the source, extrapolated", "amplifications 0, 0.5, 2",
        "phases capped at 1.57 rad", "t 1, L2 1.00", "Sum of the second's probability", "0.750",
        "Mode frozen follows one gradient",
    ):  # fmt: skip
        assert words in text, words


def test_a_missing_picture_is_said(tmp_path):
    run = morph_run(tmp_path, (True,))
    (tmp_path / run.morphs[0].tracks[0].files["1"]).unlink()
    text = Page(render_html(run, tmp_path)).text()
    assert "is not in the run folder" in text


@pytest.mark.parametrize(
    ("share", "level"), [(0.0, 0), (0.019, 0), (0.02, 1), (0.05, 2), (0.39, 4), (0.40, 5)]
)
def test_colours_of_the_heat_table(share, level):
    assert heat_level(share) == level


def test_orientations_are_named_where_the_angle_has_a_name():
    assert orientation_names(2) == ("0° (upright)", "90° (level)")
    assert orientation_names(3) == ("0° (upright)", "60°", "120°")


def test_the_planted_morph_is_what_the_tests_say():
    one = morph(Path(), "x", True)
    assert one.tracks[0].flip_l2 == 2.5
    assert one.key_frame == 3
