"""The report of an audit: verdict, findings, what was tested and what was not, every number."""

import io
import itertools
import re
from dataclasses import replace
from datetime import date

import audited
import pytest
from audits import make_audit, nothing_found, untestable
from pages import Page, without_volatile
from PIL import Image
from pypdf import PdfReader
from runs import HOSTILE

from macoaudit.gate import Policy, decide
from macoaudit.report import html as html_module
from macoaudit.report.audit_view import AuditView
from macoaudit.report.effect_bar import EDGE_PX, WIDTH_PX, effect_bar
from macoaudit.report.finding_cards import finding_anchors, findings_in_order
from macoaudit.report.finding_evidence import points_text
from macoaudit.report.html import FRAME_BUDGET_BYTES, PAGE_BUDGET_BYTES, render_html
from macoaudit.report.pdf import limits_for, render_pdf
from macoaudit.report.pictures import Encoded, thumbnail
from macoaudit.report.view import Limits, build_view
from macoaudit.report.words import visible
from macoaudit.results import FindingRegion, NullRecord, Run, ShortcutTest


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    return make_audit(folder), folder


@pytest.fixture(scope="module")
def page(few) -> Page:
    return Page(render_html(*few))


def cards(page: Page) -> list:
    return [one for one in page.all("article") if "finding" in one.get("class").split()]


def cells(page: Page, table) -> list[list[str]]:
    """Text of every cell of a table's body."""
    rows = [one for one in table.iter() if one.tag.endswith("}tr")]
    return [[page.text(cell) for cell in row] for row in rows]


def table_of(page: Page, caption: str):
    wanted = [
        table
        for table in page.all("table")
        if any(caption in page.text(one) for one in table.iter() if one.tag.endswith("caption"))
    ]
    assert len(wanted) == 1, caption
    return wanted[0]


def many(run: Run, n: int) -> Run:
    """The same findings, tests and coverage for each of many classes."""

    def renamed(one, number: int):
        name = f"class number {number}"
        return replace(one, class_index=number, class_name=name)

    findings = tuple(replace(renamed(run.findings[k % 4], k), id=f"shortcut-{k}") for k in range(n))
    tests = tuple(
        renamed(test, k)
        for k in range(n)
        for test in run.tests
        if test.class_index == run.findings[k % 4].class_index
    )
    classes = tuple(renamed(run.shortcuts.classes[k % 4], k) for k in range(n))
    return replace(
        run, findings=findings, tests=tests, shortcuts=replace(run.shortcuts, classes=classes)
    )


class TestVerdict:
    def test_stands_first_and_names_the_classes(self, page):
        text = page.text()
        assert text.startswith("Verdict ▲ 4 findings: 2 high (1 needs review), 1 medium, 1 info")
        assert "High: mushroom, fish; medium: cactus; info: tree." in text
        assert "Not tested, so not cleared: boat, kite." in text
        assert "15 of 28 tests could be made, on 21 images" in text
        tiles = {
            page.text(one[0]): page.text(one[1])
            for one in page.by_id("result").iter()
            if one.tag.endswith("}div") and len(one) == 2 and one[0].tag.endswith("}dt")
        }
        assert tiles["classes tested"] == "5 of 7"
        assert (tiles["high"], tiles["medium"], tiles["info"]) == ("2", "1", "1")

    def test_nothing_found_says_what_was_tested(self, few):
        run, folder = few
        page = Page(render_html(nothing_found(run), folder))
        text = page.text()
        assert text.startswith("Verdict ● Nothing found in the 5 of 7 classes that were tested")
        assert "with a margin of 0.19; from 1 on a class can be high." in text
        assert "Not tested, so not cleared: boat, kite." in text
        assert cards(page) == []
        assert len(cells(page, table_of(page, "Every test that was made"))) == 1 + 15
        assert "✓" not in text.split("Findings")[0]

    def test_a_tick_only_where_every_class_was_tested(self, few):
        run = nothing_found(few[0])
        audit = replace(run.shortcuts, classes=run.shortcuts.classes[:5])
        banner = build_view(replace(run, shortcuts=audit), Limits(cards=9)).banner
        assert (banner.symbol, banner.level) == ("✓", "none")
        assert banner.status == "Nothing found; 5 classes tested, every one"

    def test_nothing_testable_is_no_pass(self, few):
        run, folder = few
        page = Page(render_html(untestable(run), folder))
        text = page.text()
        assert text.startswith("Verdict ○ Incomplete: nothing could be tested This is not a pass.")
        assert "None, but the audit is incomplete: this is not a pass." in text
        assert "No test could be made." in text
        assert "0 of 28 tests could be made" in text
        assert audited.FEW_IMAGES in text

    def test_an_audit_without_a_record_of_tests_is_incomplete(self, few):
        run, folder = few
        bare = replace(run, shortcuts=None, findings=(), tests=())
        text = Page(render_html(bare, folder)).text()
        assert "Incomplete: nothing could be tested" in text
        assert "The run does not record that shortcuts were looked for." in text

    def test_the_headline_is_the_gate_s(self, few):
        """Equal findings, three verdicts: what fails decides, not what was found."""
        run, today = few[0], date(2026, 5, 1)

        def banner(of: Run, policy: Policy):
            verdict = decide(of, policy, None, today)
            return build_view(replace(of, gate=verdict), Limits(cards=9)).banner

        failed = banner(run, Policy())
        assert failed.status.startswith("Fail: 4 findings: 2 high")
        assert (failed.level, failed.complete) == ("high", True)
        assert "Failing: fish (high), mushroom (high)." in failed.sentences
        passed = banner(run, Policy(fail_on="never"))
        assert passed.status.startswith("Pass: 4 findings: 2 high")
        assert (passed.level, passed.complete) == ("medium", True)
        cut = banner(replace(run, summary={"incomplete": ["the time was up"]}), Policy())
        assert cut.status.startswith("Incomplete. So far: 4 findings: 2 high")
        assert (cut.level, cut.complete) == ("open", False)
        assert "Incomplete: the time was up." in cut.sentences

    def test_a_run_cut_short_and_random_weights_are_said(self, few):
        run = replace(few[0], status="incomplete")
        model = replace(run.model, weights_origin="random")
        banner = build_view(replace(run, model=model), Limits(cards=9)).banner
        assert banner.status.startswith("Incomplete. So far: 4 findings: 2 high")
        assert banner.level == "open"
        assert "Random weights" in str(banner.warning)


class TestFindings:
    def test_high_ones_are_first_and_each_has_its_anchor(self, page):
        assert [one.get("id") for one in cards(page)] == [f"finding-shortcut-{n}" for n in range(4)]
        for name in ("glance", "coverage"):
            caption = {"glance": "Findings at a glance", "coverage": "Coverage of all classes"}
            table = table_of(page, caption[name])
            links = [one.get("href") for one in table.iter() if one.tag.endswith("}a")]
            assert links == [f"#finding-shortcut-{n}" for n in range(4)]

    def test_order_is_by_severity_then_doubt_then_margin(self, few):
        run = few[0]
        sure = replace(audited.finding(0), id="z", margin=0.5)
        shuffled = replace(run, findings=(*reversed(run.findings), sure))
        ids = [one.id for one in findings_in_order(shuffled)]
        assert ids == ["shortcut-0", "z", "shortcut-1", "shortcut-2", "shortcut-3"]

    def test_anchors_are_unique_and_need_no_quoting(self):
        ids = ("a b", "a\u00e4b", '"><b>', "ok.1_x")
        anchors = finding_anchors(audited.finding(0, id=name) for name in ids)
        assert anchors == ["finding-a-b", "finding-a-b.2", "finding-b", "finding-ok.1_x"]

    def test_every_word_is_there_in_order(self, page):
        for card, name in zip(cards(page), audited.CLASSES, strict=False):
            text = page.text(card)
            assert text.startswith(name)
            places = [text.index(words) for words in audited.WORDS[name]]
            assert places == sorted(places)
            assert ("compact evidence, needs review" in text) == (name == "fish")

    def test_numbers_equal_the_record(self, few, page):
        run = few[0]
        for card, finding in zip(cards(page), run.findings, strict=True):
            (table,) = [
                one
                for one in card.iter()
                if one.tag.endswith("}table") and one.get("class") == "tests"
            ]
            rows = {row[0]: row for row in cells(page, table)[1:]}
            tests = [one for one in run.tests if one.class_index == finding.class_index]
            assert len(rows) == len(tests) == 4
            for test in tests:
                kind = "with object masks" if test.kind == "masks" else test.kind
                name = test.test + (f": {test.subject}" if test.subject else "") + kind
                row = rows[name]
                if test.outcome == "not tested":
                    assert row[1:] == ["○ not made", test.reason]
                    continue
                assert row[1].endswith(test.outcome)
                assert row[2] == test.effect_name
                assert float(row[3]) == pytest.approx(test.effect, abs=5.1e-4)
                assert float(row[4]) == pytest.approx(test.threshold, abs=5.1e-4)
                assert row[6].startswith("0.062 / 0.188")
                assert float(row[7].rstrip("*")) == pytest.approx(test.p_value, abs=5.1e-4)
                assert row[7].endswith("*") == (test.p_value == test.smallest_p)
                assert float(row[8]) == pytest.approx(test.adjusted_p, abs=5.1e-4)
            assert f"margin {finding.margin:.2f}" in page.text(card)
        assert page.text(cards(page)[0]).endswith(
            "patch transfernecessity0.562 patch transferdonors24"
        )

    def test_pictures_say_what_they_show(self, page):
        alts = [one.get("alt") for one in cards(page)[0].iter() if one.tag.endswith("}img")]
        place = "20 \u00d7 16 px from row 4, column 36, 6.2 % of the image"
        assert f"Image mushroom/mushroom-0.jpg with the region outlined: {place}" in alts
        rise = "pasted on others: mushroom +71.9 points on average"
        assert f"The region of mushroom/mushroom-0.jpg alone; {rise}" in alts
        assert (
            "tree/tree-0.jpg before: the network says tree, probability of mushroom 1.6 %" in alts
        )
        assert (
            "tree/tree-0.jpg after, with the region of mushroom/mushroom-0.jpg: the network says "
            "mushroom, probability of mushroom 90.6 %" in alts
        )
        assert len(alts) == 2 + 2 * 2 + 2 * 2
        assert any(alt.startswith("Visualisation of mushroom, seed 0") for alt in alts)

    def test_the_class_is_drawn_beside_it_or_the_reason_said(self, few, page):
        card = cards(page)[0]
        links = {one.get("href") for one in card.iter() if one.tag.endswith("}a")}
        assert {"#drawing-1", "#image-1"} <= links
        assert "tree could not be drawn: zero gradient." in page.text(cards(page)[3])
        run = replace(few[0], findings=(audited.finding(0, visualization=None),))
        assert "mushroom was not drawn in this run." in Page(render_html(run, few[1])).text()

    def test_an_unknown_image_and_a_missing_picture_are_named(self, few):
        run, folder = few
        gone = FindingRegion("gone", (0, 0, 1, 1), 0.5, None, {"overlay": "a.png", "region": "b"})
        run = replace(run, findings=(audited.finding(0, regions=(gone,), images=("gone",)),))
        text = Page(render_html(run, folder)).text()
        assert "picture a.png is not in the run folder" in text
        assert "gone: 1 \u00d7 1 px from row 0, column 0" in text

    def test_many_pictures_are_folded_away_and_counted(self, few):
        run = few[0]
        region, example = run.findings[0].regions[0], run.findings[0].examples[0]
        rich = replace(run.findings[0], regions=(region,) * 15, examples=(example,) * 5)
        (card,) = build_view(replace(run, findings=(rich,)), Limits(cards=1)).findings
        assert (len(card.regions), len(card.more_regions)) == (4, 8)
        assert (len(card.examples), len(card.more_examples)) == (4, 1)
        assert card.left_out == "Not shown here: 3 regions (all in the run folder)."
        assert card.more_regions[0].overlay.small
        (printed,) = build_view(replace(run, findings=(rich,)), limits_for(run)).findings
        assert (len(printed.regions), len(printed.more_regions)) == (3, 0)
        assert printed.left_out == (
            "Not shown here: 12 regions and 2 examples (all in the run folder)."
        )

    def test_the_region_alone_is_cut_out(self, few):
        folder = few[1]
        name = few[0].findings[0].regions[0].files["region"]
        whole, cut = thumbnail(folder, name), thumbnail(folder, name, trim=True)
        assert isinstance(whole, Encoded)
        assert isinstance(cut, Encoded)
        assert (whole.width_px, whole.height_px) == (64, 64)
        assert (cut.width_px, cut.height_px) == (16, 20)

    def test_nothing_left_to_cut_out_is_shown_whole(self, tmp_path):
        Image.new("RGBA", (9, 7), (1, 2, 3, 0)).save(tmp_path / "empty.png")
        Image.new("RGB", (9, 7)).save(tmp_path / "full.png")
        for name in ("empty.png", "full.png"):
            shown = thumbnail(tmp_path, name, trim=True)
            assert isinstance(shown, Encoded)
            assert (shown.width_px, shown.height_px) == (9, 7)


class TestBar:
    SPAN = WIDTH_PX - 2 * EDGE_PX

    def made(self, effect: float, threshold: float, null: NullRecord | None) -> ShortcutTest:
        first = audited.tests()[0]
        return replace(first, effect=effect, threshold=threshold, null=null)

    def test_one_axis_where_chance_is_of_the_effect(self):
        null = NullRecord(observed=0.8, n=9, mean=0.1, sd=0.1, high=0.2)
        bar = effect_bar(self.made(0.8, 0.4, null))
        (lane,) = bar.lanes
        assert float(lane.bar_x) == pytest.approx(EDGE_PX, abs=0.06)
        assert float(lane.bar_width) == pytest.approx(self.SPAN, abs=0.06)
        assert float(lane.threshold_x) == pytest.approx(EDGE_PX + self.SPAN / 2, abs=0.06)
        assert float(lane.null_x) == pytest.approx(EDGE_PX + self.SPAN / 8, abs=0.06)
        assert float(lane.null_width) == pytest.approx(self.SPAN / 8, abs=0.06)
        assert bar.title == (
            "flip rate 0.800, threshold 0.400; chance has mean 0.100 and 95th percentile 0.200 "
            "for the measured 0.800"
        )

    def test_two_lines_where_chance_is_of_another_number(self):
        null = NullRecord(observed=5.0, n=9, mean=-5.0, sd=1.0, high=0.0)
        first, second = effect_bar(self.made(0.25, 1.0, null)).lanes
        assert first.null_x is None
        assert float(first.bar_width) == pytest.approx(self.SPAN / 4, abs=0.06)
        assert second.threshold_x is None
        assert float(second.zero) == pytest.approx(EDGE_PX + self.SPAN / 2, abs=0.06)
        assert float(second.null_x) == pytest.approx(EDGE_PX, abs=0.06)

    def test_an_effect_below_zero_points_left(self):
        (lane,) = effect_bar(self.made(-1.0, 1.0, None)).lanes
        assert float(lane.bar_x) == pytest.approx(EDGE_PX, abs=0.06)
        assert float(lane.bar_width) == pytest.approx(self.SPAN / 2, abs=0.06)
        assert float(lane.threshold_x) == pytest.approx(WIDTH_PX - EDGE_PX, abs=0.06)

    def test_all_zero_is_drawn_and_not_made_is_not(self):
        assert len(effect_bar(self.made(0.0, 0.0, None)).lanes) == 1
        assert effect_bar(audited.not_made("masks", 0, "no masks")) is None

    def test_close_numbers_are_told_apart(self):
        assert effect_bar(self.made(0.30001, 0.3, None)).title == (
            "flip rate 0.300010, threshold 0.300000"
        )

    def test_signs_of_points(self):
        assert [points_text(value) for value in (0.71875, -0.25, 0.0)] == [
            "+71.9 points",
            "\N{MINUS SIGN}25.0 points",
            "0.0 points",
        ]


class TestCoverage:
    def test_every_class_is_there_with_its_counts(self, few, page):
        rows = cells(page, table_of(page, "Coverage of all classes"))[1:]
        for row, one in zip(rows, few[0].shortcuts.classes, strict=True):
            assert row[0] == one.class_name
            assert row[2:4] == [str(one.n_images), str(one.n_labelled)]
            assert row[4] == ("yes" if one.tested else "NO")
            assert row[5] == ("\N{EN DASH}" if one.margin is None else f"{one.margin:.2f}")
        assert [row[1] for row in rows[:3]] == ["▲ high", "▲ high, needs review", "◆ medium"]
        assert rows[5][6:] == ["0 of 4", audited.FEW_IMAGES]
        assert f"Of every class: {audited.NO_MASKS}." in page.text()

    def test_tests_that_were_not_made_are_grouped_by_reason(self, page):
        assert cells(page, table_of(page, "Tests not made, by reason"))[1:] == [
            [audited.NO_MASKS, "masks", "all 7 classes"],
            [audited.FEW_IMAGES, "patch transfer, stamp, property", "boat, kite"],
        ]

    def test_every_test_is_in_the_table(self, few, page):
        rows = cells(page, table_of(page, "Every test that was made"))[1:]
        made = [test for test in few[0].tests if test.outcome != "not tested"]
        assert [(row[0], row[1].split(":")[0]) for row in rows] == [
            (test.class_name, test.test) for test in made
        ]


class TestPage:
    def test_is_as_accessible_and_closed_as_the_others(self, page):
        assert page.text(page.all("title")[0]) == "Audit report: vit_tiny"
        assert all(image.get("alt") for image in page.all("img"))
        assert all(image.get("src").startswith("data:") for image in page.all("img"))
        levels = [int(e.tag[-1]) for e in page.all("h1", "h2", "h3", "h4")]
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        assert len(page.all("caption")) == len(page.all("table"))
        assert all(th.get("scope") for th in page.all("th"))
        ids = [e.get("id") for e in page.root.iter() if e.get("id")]
        assert len(ids) == len(set(ids))
        assert {a.get("href")[1:] for a in page.all("a")} <= set(ids)
        drawings = [e for e in page.root.iter() if e.tag.endswith("}svg")]
        assert len(drawings) == 13  # a bar for each test on a card, and the heat table
        assert all(e.get("role") == "img" and e.get("aria-label") for e in drawings)

    def test_a_colour_is_never_alone(self, page):
        for card, word in zip(cards(page), ("high", "high", "medium", "info"), strict=True):
            assert word in page.text(card)[:60]

    def test_drawings_and_inversions_of_the_same_run_follow(self, page):
        order = [
            *("result", "audited", "findings", "heat", "images", "coverage", "tests", "not-made"),
            *("skipped", "drawings", "reading", "limits", "reproduce", "glossary"),
        ]
        ids = [one.get("id") for one in page.all("section")]
        assert [name for name in ids if name in order] == order
        assert len([one for one in page.all("article") if "target" in one.get("class")]) == 4
        assert "3 of 10 images inverted." in page.text(page.by_id("images"))
        assert page.by_id("image-3") is not None

    def test_a_bare_run_renders(self, few):
        run, folder = few
        bare = replace(run, images=(), visualizations=(), findings=())
        page = Page(render_html(bare, folder))
        assert "No image was inverted in this run." in page.text()
        assert len(render_html(bare, folder).encode()) <= FRAME_BUDGET_BYTES

    def test_it_speaks_no_judgement_that_the_numbers_do_not_carry(self, page):
        assert "spurious" not in page.source.lower()

    def test_equal_runs_give_equal_pages_outside_the_volatile_block(self, few):
        run, folder = few
        other = replace(run, volatile={"wall_s": 99.0})
        assert without_volatile(render_html(run, folder)) == without_volatile(
            render_html(other, folder)
        )

    def test_hostile_names_stay_text(self, few):
        run, folder = few
        findings = tuple(
            audited.finding(
                0, id=name, class_name=name, seen=name, strength=name, where=name,
                false_alarm_if=name, advice=name, images=(name,), tests=(name,),
                regions=(replace(run.findings[0].regions[0], image=name),),
                examples=(replace(run.findings[0].examples[0], before=name, source=name),),
            )
            for name in HOSTILE
        )  # fmt: skip
        first = run.tests[0]
        tests = tuple(
            replace(first, class_index=n, class_name=name, subject=name, effect_name=name,
                    details={name: 0.5})
            for n, name in enumerate(HOSTILE)
        )  # fmt: skip
        off = tuple(
            replace(audited.not_made("masks", 0, name), class_name=name) for name in HOSTILE
        )
        classes = tuple(
            replace(run.shortcuts.classes[0], class_index=n, class_name=name, reasons=(name,))
            for n, name in enumerate(HOSTILE)
        )
        audit = replace(run.shortcuts, classes=classes)
        run = replace(run, findings=findings, tests=(*tests, *off), shortcuts=audit)
        source = render_html(run, folder)
        page = Page(source)
        assert len(page.all("script")) == 1
        for element in page.root.iter():
            assert not any(name.startswith("on") for name in element.attrib)
        for name in HOSTILE:
            assert page.text().count(" ".join(visible(name).split())) >= 8
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", source)


class TestSize:
    def test_cards_are_given_up_from_the_end_and_findings_stay_listed(self, few, monkeypatch):
        run, folder = few
        limit = len(render_html(run, folder).encode()) - 4_000
        monkeypatch.setattr(html_module, "PAGE_BUDGET_BYTES", limit)
        smaller = render_html(run, folder)
        assert len(smaller.encode()) <= limit
        assert len(cards(Page(smaller))) == 4
        view = build_view(run, Limits(cards=2))
        assert isinstance(view, AuditView)
        assert [card.title for card in view.findings] == ["mushroom", "fish"]
        assert [row.anchor for row in view.glance][2:] == [None, None]
        assert view.findings_note.startswith("2 of 4 shown, the gravest first")
        assert view.drawn.cards == view.inverted.cards == ()

    def test_fifty_classes_keep_findings_first_and_tables_scrollable(self, few):
        run, folder = few
        source = render_html(many(run, 50), folder)
        assert len(source.encode()) <= PAGE_BUDGET_BYTES
        page = Page(source)
        assert len(cards(page)) == 50
        badges = [page.text(card).split("margin")[0] for card in cards(page)]
        words = [next(w for w in ("high", "medium", "info") if w in badge) for badge in badges]
        assert words == ["high"] * 26 + ["medium"] * 12 + ["info"] * 12
        table = table_of(page, "Coverage of all classes")
        assert len(cells(page, table)) == 51
        region = next(e for e in page.root.iter() if table in list(e))
        assert "tall" in region.get("class").split()
        assert region.get("tabindex") == "0"
        assert "and 18 more" in page.text(page.by_id("result"))


class TestPdf:
    @pytest.mark.parametrize("change", [None, nothing_found, untestable])
    def test_holds_the_verdict_the_findings_and_the_coverage(self, few, change):
        run, folder = few
        run = run if change is None else change(run)
        rendered = render_pdf(run, folder)
        assert rendered.warnings == ()
        reader = PdfReader(io.BytesIO(rendered.data))
        text = " ".join(page.extract_text() for page in reader.pages).replace("\0", "")
        text = " ".join(text.split())
        view = build_view(run, limits_for(run))
        first = " ".join(reader.pages[0].extract_text().replace("\0", "").split())
        assert view.banner.status in first
        for one in run.shortcuts.classes:
            assert one.class_name in text
        for finding in run.findings:
            for words in (finding.seen, finding.strength, finding.false_alarm_if):
                assert words in text
        for test in run.tests:
            words = test.reason if test.effect is None else f"{test.effect:.3f}"
            assert words in text
        assert audited.FEW_IMAGES in text
        assert "Coverage of all classes" in text
        titles = [entry.title for entry in reader.outline[1] if not isinstance(entry, list)]
        assert titles[:4] == ["Findings", "Coverage", "Tests not made", "Every test that was made"]
        assert reader.metadata.title == "Audit report: vit_tiny"
