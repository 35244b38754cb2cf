from dataclasses import replace

import pytest
from runs import make_run

from macoaudit.errors import ReportError
from macoaudit.report.view import Limits, build_view

ALL = Limits(cards=1000)


def test_cards_run_from_the_weakest_similarity_up(tmp_path):
    view = build_view(make_run(tmp_path, 9, share_pictures=True), ALL)
    values = [float(card.score.value) for card in view.cards]
    assert values == sorted(values)
    assert len(values) == 9


def test_fewer_cards_keep_the_weakest_and_say_so(tmp_path):
    run = make_run(tmp_path, 9, share_pictures=True)
    weakest = sorted(image.similarity for image in run.images)[:4]
    view = build_view(run, Limits(cards=4))
    assert [card.score.value for card in view.cards] == [f"{value:.3f}" for value in weakest]
    assert view.cards_note.startswith("4 of 9 shown")
    assert sum(len(chunk) for chunk in view.rows) == 9
    assert sum(row.anchor is not None for chunk in view.rows for row in chunk) == 4


def test_rows_keep_run_order_in_chunks(tmp_path):
    run = make_run(tmp_path, 7, share_pictures=True)
    view = build_view(run, Limits(cards=0, chunk=3))
    assert [len(chunk) for chunk in view.rows] == [3, 3, 1]
    assert [row.path for chunk in view.rows for row in chunk] == [i.path for i in run.images]


def test_row_limit_keeps_failures_then_the_weakest(tmp_path):
    run = make_run(tmp_path, 6, share_pictures=True, bad=True)
    view = build_view(run, Limits(cards=0, rows=4))
    rows = view.rows[0]
    weakest = sorted(i.similarity for i in run.images if i.similarity is not None)[:2]
    assert {row.similarity for row in rows if row.status == "ok"} == {f"{v:.3f}" for v in weakest}
    assert sum(row.status != "ok" for row in rows) == 2
    assert view.rows_note.startswith("4 of 8 lines shown")


def test_no_pass_or_fail_is_claimed(small):
    banner = build_view(small[0], ALL).banner
    assert banner.status == "Complete"
    assert "does not pass or fail" in banner.explanation
    tiles = {tile.name: tile.value for tile in banner.tiles}
    assert (tiles["images"], tiles["inverted"], tiles["failed"], tiles["skipped"]) == (
        "5",
        "3",
        "1",
        "1",
    )


def test_counts_of_kept_class_and_judges_are_those_of_the_record(small):
    run = small[0]
    inversions = [
        i.prediction.index == image.prediction.index
        for image in run.images
        for i in image.inversions
    ]
    judged = [t.rank <= 5 for image in run.images for t in image.transfer]
    tiles = {tile.name: tile.value for tile in build_view(run, ALL).banner.tiles}
    assert f"{sum(inversions)} of {len(inversions)}" in tiles.values()
    assert f"{sum(judged)} of {len(judged)}" in tiles.values()
    assert 0 < sum(inversions) < len(inversions)


def test_random_weights_are_loud(small):
    run = small[0]
    assert build_view(run, ALL).banner.warning is None
    view = build_view(replace(run, model=replace(run.model, weights_origin="random")), ALL)
    assert "Random weights" in view.banner.warning
    assert any("weights are random" in item for item in view.texts.limits)


def test_incomplete_run_says_so(small):
    banner = build_view(replace(small[0], status="incomplete"), ALL).banner
    assert (banner.status, banner.complete) == ("Incomplete", False)
    assert "not whole" in banner.explanation


def test_limits_follow_the_settings(small, tmp_path):
    several = " ".join(build_view(small[0], ALL).texts.limits)
    assert "Up to 2 seeds" in several
    assert "central 90 %" in several
    one = " ".join(build_view(make_run(tmp_path, 1, judged=False), ALL).texts.limits)
    assert "One seed is one sample" in one
    assert "No judge network" in one


def test_every_setting_is_in_the_appendix(small):
    run = small[0]
    names = {fact.name for group in build_view(run, ALL).reproduce for fact in group.facts}
    assert {"learning_rate", "views.n_crops", "views.noise_std", "precision"} <= names


def test_only_volatile_facts_differ_between_equal_runs(small):
    run = small[0]
    other = replace(run, volatile={"started": "2030-01-01T00:00:00Z", "device": "cuda:0"})
    one, two = build_view(run, ALL), build_view(other, ALL)
    assert one != two
    assert replace(one, volatile=()) == replace(two, volatile=())


def test_skipped_checks_of_an_image_keep_their_reason(small):
    card = build_view(small[0], ALL).cards[0]
    assert card.not_checked == (
        "plausibility (no folder of natural images was given with --reference)",
        "retention (not part of this version's invert)",
    )


def test_what_a_card_leaves_out_is_said(small):
    card = build_view(small[0], Limits(cards=1, seeds=1, transfer=1)).cards[0]
    assert [len(seed.pictures) for seed in card.seeds] == [3, 0]
    assert card.transfer_note == (
        "Pictures of 1 of 2 seeds shown. 1 of 4 judge rows shown. The HTML report shows all."
    )


def test_model_without_classes_compares_no_predictions(small):
    run = small[0]
    image = run.images[1]
    bare = replace(
        image,
        prediction=None,
        transfer=(),
        inversions=tuple(replace(i, prediction=None) for i in image.inversions),
    )
    card = build_view(replace(run, images=(bare,)), ALL).cards[0]
    assert "gives no classes" in card.prediction_sentence
    assert card.reference_prediction is None


def test_another_command_is_refused(small):
    with pytest.raises(ReportError, match=r"command 'gallery'.*renders runs of 'invert'"):
        build_view(replace(small[0], command="gallery"), ALL)


def test_counts_of_the_summary_are_tiles_where_recorded(measured_run, small):
    tiles = {tile.name: tile.value for tile in build_view(measured_run[0], ALL).banner.tiles}
    assert tiles["maps proven by deletion (both)"] == "5 of 8"
    assert tiles["images whose retained region matters"] == "7 of 8"
    assert tiles["images whose dropped region does not"] == "6 of 8"
    means = build_view(measured_run[0], ALL).banner.means
    assert [(row.name, row.value) for row in means][:2] == [
        ("colours", "0.68"),
        ("spatial layout in the same place", "0.09"),
    ]
    assert build_view(small[0], ALL).banner.means == ()
    assert not any("deletion" in tile.name for tile in build_view(small[0], ALL).banner.tiles)
