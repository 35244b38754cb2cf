"""A run with every measure, read in its page and its printed form as a reader would."""

import base64
import io
from dataclasses import replace

import measured as examples
import pypdf
import pytest
from pages import Page
from PIL import Image
from runs import make_run

from macoaudit.report import html as html_module
from macoaudit.report.cards import build_card, build_row, card_pictures
from macoaudit.report.html import PAGE_BUDGET_BYTES, SMALL_BUDGET_BYTES, SMALL_SIDE_PX, render_html
from macoaudit.report.near import plausibility_view
from macoaudit.report.pdf import LIMITS, render_pdf
from macoaudit.report.retention import keeping_sentence
from macoaudit.report.view import Limits, build_view
from macoaudit.results import Retained, Skipped

ALL = Limits(cards=1000)


@pytest.fixture(scope="module")
def page(measured_run):
    return Page(render_html(*measured_run))


@pytest.fixture(scope="module")
def printed(measured_run):
    return pypdf.PdfReader(io.BytesIO(render_pdf(*measured_run).data))


def flat(text):
    return " ".join(text.replace("\0", "").split())


def good(run):
    return [image for image in run.images if image.status == "ok"]


def numbers(image):
    """Every rounded number of an image's measures that a reader must find."""
    retention, proof = image.retention, image.retention.faithfulness
    for found in retention.attributes.values():
        if isinstance(found, Retained):
            yield f"{found.value:.2f}"
            yield f"{found.low:.2f} to {found.high:.2f}"
            yield f"{found.p_value:.3f}"
        else:
            yield found.reason
    yield f"of the map's places {100 * retention.retained_frac:.0f} % count as kept"
    if isinstance(proof, Skipped):
        yield proof.reason
    else:
        yield f"Faithfulness {proof.value:.3f}"
        for point in proof.curve:
            yield f"{point.moved_dropped:.3f}"
    near = image.plausibility
    yield f"k = {near.k} nearest of n = {near.n_reference}"
    yield f"{near.raw_distance:.2f}"
    for exemplar in [*image.other_class, *image.inversions[0].exemplars]:
        yield f"{exemplar.name} {exemplar.similarity:.3f}"
    for point in image.depth:
        yield f"{point.layer}: {point.similarity:.3f}"


def cards_text(page):
    return {page.text(card.find(".//*{*}h3")): page.text(card) for card in page.all("article")}


def test_every_number_of_a_measure_is_in_its_card(measured_run, page):
    texts = cards_text(page)
    for image in good(measured_run[0]):
        for number in numbers(image):
            assert number in texts[image.path]
        assert keeping_sentence(image.retention) in texts[image.path]


def test_every_number_of_a_measure_is_printed(measured_run, printed):
    text = flat(" ".join(p.extract_text() for p in printed.pages))
    squeezed = text.replace(" ", "")
    for image in good(measured_run[0]):
        for number in numbers(image):
            assert number.replace(" ", "") in squeezed


def test_a_map_without_proof_says_so_in_words_and_sign(measured_run, page):
    texts = cards_text(page)
    outcomes = set()
    for image in good(measured_run[0]):
        proof, text = image.retention.faithfulness, texts[image.path]
        outcome = "none" if isinstance(proof, Skipped) else proof.holds
        outcomes.add(outcome)
        assert ("✓ Proof by deletion holds" in text) == (outcome is True)
        assert ("✗ Proof by deletion fails" in text) == (outcome is False)
        assert ("○ Proof by deletion not made" in text) == (outcome == "none")
        assert ("the map is not validated for this image" in text) == (outcome is not True)
        words = {True: "deletion proof holds", False: "deletion proof FAILS"}
        assert f"Retained map: 36 % kept; {words.get(outcome, 'no deletion proof')}" in text
    assert outcomes == {True, False, "none"}


def test_the_encoded_pictures_are_those_of_the_cards(measured_run, page):
    run, _ = measured_run
    wanted = [p for i in good(run) for p in card_pictures(build_card(i, ""))]
    assert sorted(p.alt for p in wanted) == sorted(i.get("alt") for i in page.all("img"))
    assert {p.small for p in wanted} == {True, False}
    for image in page.all("img"):
        if "Natural image" in image.get("alt") or "at layer" in image.get("alt"):
            data = base64.b64decode(image.get("src").partition(",")[2])
            assert len(data) <= SMALL_BUDGET_BYTES
            with Image.open(io.BytesIO(data)) as opened:
                assert max(opened.size) <= SMALL_SIDE_PX


def test_sections_and_contents_follow_what_was_measured(measured_run, page, small):
    assert page.by_id("trust") is not None
    assert page.by_id("depth") is not None
    ids = {e.get("id") for e in Page(render_html(*small)).root.iter()}
    assert not {"trust", "depth"} & ids
    assert page.text(page.by_id("trust")).count("If it failed:") == len(measured_run[0].trust)


def test_words_on_measures_appear_only_with_them(measured_run, small):
    plain, full = build_view(small[0], ALL).texts, build_view(measured_run[0], ALL).texts
    names = {fact.name for fact in full.how_to_read} - {fact.name for fact in plain.how_to_read}
    assert names == {
        "Retained map",
        "Attributes, null and ceiling",
        "Proof by deletion",
        "Plausibility",
        "Nearest natural images",
        "Judges by class folders",
        "Depth profile",
        "Trust checks",
    }
    extra = " ".join(set(full.limits) - set(plain.limits))
    for word in ("K = 2", "blocks.7", "not calibrated", "fills", "no test of truth"):
        assert word in extra
    terms = [fact.name for fact in full.glossary]
    assert terms == sorted(terms, key=str.lower)
    assert {"Ceiling", "Null", "Moved copies"} <= set(terms)


def test_table_has_the_measures_and_dashes_where_there_is_none(measured_run):
    cells = [build_row(image, None) for image in measured_run[0].images]
    assert [row.content for row in cells] == ["–", *["36 %"] * 5, "–"]  # noqa: RUF001
    assert [row.proof for row in cells[1:6]] == ["yes", "NO", "yes", "yes", "not made"]
    assert {row.as_far for row in cells[1:6]} == {"12 %"}


@pytest.mark.parametrize(
    ("share", "as_far", "farther"),
    [
        (0.12, "12 %", "88 %"),
        (0.125, "12 %", "88 %"),
        (0.375, "38 %", "62 %"),
        (0.0, "0 %", "100 %"),
        (0.004, "< 1 %", "> 99 %"),
        (0.998, "> 99 %", "< 1 %"),
        (1.0, "100 %", "0 %"),
    ],
)
def test_plausibility_says_both_shares_so_that_they_add_up(tmp_path, share, as_far, farther):
    image = make_run(tmp_path, 1, measured=True).images[0]
    found = replace(image.plausibility, percentile=share, reference_percentile=share)
    view = plausibility_view(replace(image, plausibility=found))
    assert f"natural images than {farther} of natural images" in view.sentence
    assert f"({as_far} are at least as far)" in view.sentence
    assert f"farther than {farther} of them" in view.reference


def test_a_judge_of_few_classes_is_not_credited_for_its_first_five(tmp_path):
    image = make_run(tmp_path, 1, measured=True).images[0]
    rank_three = [replace(t, rank=3, top1_agrees=False, top5_agrees=True) for t in image.transfer]
    card = build_card(replace(image, transfer=tuple(rank_three)), "")
    assert [(t.method, t.verdict, t.rank) for t in card.transfer] == [
        ("own classes", "partly: among its first five", "3 of 1,000"),
        ("class folders", "does not agree", "3 of 12"),
    ]
    assert card.transfer[1].probability == "–"  # noqa: RUF001
    assert build_row(replace(image, transfer=tuple(rank_three)), None).transfer == "1 of 2"


def test_measures_that_were_skipped_leave_a_card_as_before(tmp_path):
    run = make_run(tmp_path, 1, measured=True)
    gone = Skipped("retention", "one seed")
    bare = replace(
        run.images[0], retention=gone, plausibility=None, depth=(), other_class=(),
        inversions=tuple(replace(i, exemplars=()) for i in run.images[0].inversions),
    )  # fmt: skip
    run = replace(run, images=(bare,), trust=())
    text = Page(render_html(run, tmp_path)).text()
    assert "Not checked: retention (one seed)" in text
    assert "network kept" not in text
    assert "What came back" not in text


def test_bytes_are_counted_for_each_use_of_a_picture(tmp_path, monkeypatch):
    # Neighbours are shown again and again; the first try must already keep the budget.
    run = make_run(tmp_path, 12, n_seeds=3, measured=True, share_pictures=True)
    budget = 400_000
    monkeypatch.setattr(html_module, "PAGE_BUDGET_BYTES", budget)
    found = html_module._thumbnails(run, tmp_path, budget)
    cards = build_view(run, Limits(cards=found.n_cards)).cards
    used = sum(len(found.pictures[p.key].url) for card in cards for p in card_pictures(card))
    assert 0 < found.n_cards < 12
    assert used <= budget
    assert len(render_html(run, tmp_path).encode()) <= budget


def test_printed_cards_keep_their_parts_whole(measured_run, printed):
    view = build_view(measured_run[0], LIMITS)
    pages = [flat(p.extract_text()) for p in printed.pages]
    for card in view.cards:
        at = next(i for i, p in enumerate(pages) if card.title in p and "Of this image" in p)
        assert "Reference, as the model sees it" in pages[at]
        assert "Retained map" in pages[at]
        assert "Inversion, seed 1" in pages[at]
        assert "What came back" in pages[at]
        assert card.retention.proof.headline.replace(" ", "") in pages[at].replace(" ", "")
    titles = [entry.title for entry in _outline(printed.outline)]
    assert titles[1:4] == ["Trust checks", "What was audited", "How to read this report"]
    assert "Depth profile" in titles


def _outline(entries):
    for entry in entries:
        if isinstance(entry, list):
            yield from _outline(entry)
        else:
            yield entry


def test_drawings_are_described_in_print(measured_run, printed):
    from test_pdf import _figures

    view = build_view(measured_run[0], LIMITS)
    alts = _figures(printed.trailer["/Root"]["/StructTreeRoot"], [])
    charts = [c.retention.proof.chart for c in view.cards if c.retention.proof.chart]
    wanted = [chart.title for chart in [*charts, *view.depth.charts]]
    wanted += [p.alt for card in view.cards for p in card_pictures(card)]
    assert sorted(alts) == sorted(wanted)


def test_same_measured_run_same_bytes(measured_run):
    run, folder = measured_run
    assert render_html(run, folder) == render_html(run, folder)


@pytest.mark.slow
def test_many_measured_images_stay_within_the_budgets(tmp_path):
    run = make_run(tmp_path, 250, n_seeds=3, side_px=224, measured=True, share_pictures=True)
    source = render_html(run, tmp_path)
    assert len(source.encode()) <= PAGE_BUDGET_BYTES
    page = Page(source)
    assert 20 <= len(page.all("article")) < 250
    assert "of 250 shown" in page.text()
    rendered = render_pdf(run, tmp_path)
    assert rendered.cpu_s < 60
    assert rendered.peak_mb < 800
    assert 80 < rendered.n_pages < 125


def test_the_example_records_show_every_outcome():
    outcomes = {check.outcome for check in examples.trust()}
    assert outcomes == {"as expected", "not as expected", "skipped"}
