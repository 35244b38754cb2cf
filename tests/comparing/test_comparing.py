"""Comparisons of records with planted differences: what they find, and nothing else."""

import json
from dataclasses import replace
from pathlib import Path

import audited as records
import gated
import jsonschema
import pytest
from paired import (
    CHANGES,
    SIMILARITIES,
    audited,
    cautions,
    compared,
    image,
    images,
    inverted,
    kept,
    loaded,
)
from scipy import stats

import macoaudit
from macoaudit.comparing import compare, comparison_text, comparison_to_json, load_run
from macoaudit.errors import UsageError
from macoaudit.results import Prediction, Skipped, to_json

SCHEMA = json.loads((Path(macoaudit.__file__).parent / "data/compare.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


class TestIdentity:
    @pytest.mark.parametrize("make", [inverted, audited])
    def test_a_run_and_itself_differ_in_nothing(self, make):
        found = compared(make(), make())
        assert found.relation == "same weights"
        assert found.differences == found.cautions == found.only_in_one == ()
        assert [one.difference for one in found.images] == [0.0] * 8
        for one in (found.similarity, *found.attributes):
            assert (one.mean_difference, one.low, one.high, one.n_changed) == (0.0, 0.0, 0.0, 0)
            assert one.p_value is None
            assert one.reason.startswith("no image differs")
        assert found.n_verdicts == 16
        assert found.n_verdicts_changed == found.n_predictions_changed == 0
        assert {one.state for one in found.findings} <= {"unchanged"}
        assert all(one.difference in (0.0, None) for one in found.classes)
        assert "is the same in both runs" in found.headline


class TestPlanted:
    def test_similarity_over_images(self):
        found = compared(inverted(), inverted(images(CHANGES))).similarity
        assert found.n == found.n_changed == 8
        assert found.mean_difference == sum(CHANGES) / 8
        assert found.mean_a == sum(SIMILARITIES) / 8
        assert found.low < sum(CHANGES) / 8 < found.high
        expected = stats.wilcoxon(CHANGES, method="exact")
        assert (found.statistic, found.p_value) == (expected.statistic, expected.pvalue)
        assert found.adjusted_p is None

    def test_each_image_and_the_largest_change_first(self):
        found = compared(inverted(), inverted(images(CHANGES))).images
        assert {one.a.path: one.difference for one in found} == {
            f"fish/{number}.png": change for number, change in enumerate(CHANGES)
        }
        sizes = [abs(one.difference) for one in found]
        assert sizes == sorted(sizes, reverse=True)
        assert found[0].a.path == "fish/2.png"

    def test_attributes_are_corrected_for_their_number(self):
        found = {
            one.name: one for one in compared(inverted(), inverted(images(CHANGES))).attributes
        }
        assert list(found) == ["color", "layout"]
        expected = stats.wilcoxon(CHANGES, method="exact").pvalue
        assert found["color"].mean_difference == pytest.approx(sum(CHANGES) / 8, abs=1e-15)
        assert found["color"].p_value == pytest.approx(expected)
        # the layout did not change, so there is no second test to correct for
        assert found["color"].adjusted_p == found["color"].p_value
        assert found["layout"].p_value is found["layout"].adjusted_p is None

    def test_both_ways_round(self):
        a, b = inverted(), inverted(images(CHANGES)[:7])
        there, back = compared(a, b), compared(b, a)
        for one, other in zip(
            (there.similarity, *there.attributes), (back.similarity, *back.attributes), strict=True
        ):
            assert (one.mean_difference, one.low, one.high) == (
                -other.mean_difference,
                -other.high,
                -other.low,
            )
            assert one.p_value == other.p_value
        assert {o.a.path: o.difference for o in there.images} == {
            o.a.path: -o.difference for o in back.images
        }
        assert [o.run for o in there.only_in_one] == ["A"]
        assert [o.run for o in back.only_in_one] == ["B"]

    def test_too_few_images_are_said_to_be_too_few(self):
        found = compared(inverted(images()[:5]), inverted(images(CHANGES)[:5]))
        one = found.similarity
        assert (one.n, one.low, one.p_value) == (5, None, None)
        assert one.mean_difference == sum(CHANGES[:5]) / 5
        assert one.reason == "only 5 of 6 needed images: no interval and no test"
        assert "too few images for an interval" in found.headline

    def test_the_headline_says_which_way(self):
        up = compared(inverted(), inverted(images([0.0625 + c / 64 for c in CHANGES])))
        assert "similarity of 8 common images rose by 0.063 (95 % interval +0.06" in up.headline
        down = compared(inverted(), inverted(images([-0.0625 + c / 64 for c in CHANGES])))
        assert "fell by 0.06" in down.headline
        none = compared(inverted(), inverted(images([0.1, -0.1, 0.09, -0.09, 0.08, -0.08, 0, 0])))
        assert "did not change measurably (mean difference 0.000" in none.headline


class TestMatching:
    def test_content_comes_before_the_name(self):
        """Two files exchanged their names."""
        a = [image("x/1.png", 0.5, content="one"), image("x/2.png", 0.75, content="two")]
        b = [image("x/1.png", 0.25, content="two"), image("x/2.png", 0.625, content="one")]
        found = {one.a.path: one for one in compared(inverted(a), inverted(b)).images}
        assert (found["x/1.png"].b.path, found["x/1.png"].difference) == ("x/2.png", 0.125)
        assert (found["x/2.png"].b.path, found["x/2.png"].difference) == ("x/1.png", -0.5)
        assert {one.matched_by for one in found.values()} == {"content"}

    def test_copies_of_one_file_keep_their_names(self):
        a = [image(f"x/{n}.png", 0.5, content="same") for n in (1, 2, 3)]
        b = [image(f"x/{n}.png", 0.5 + n / 8, content="same") for n in (3, 2, 4)]
        found = {one.a.path: one.b.path for one in compared(inverted(a), inverted(b)).images}
        assert found == {"x/2.png": "x/2.png", "x/3.png": "x/3.png", "x/1.png": "x/4.png"}

    def test_one_name_and_other_content_is_counted_in_no_mean(self):
        a, b = inverted(), inverted([image("fish/0.png", 0.25, content="new"), *images()[1:]])
        found = compared(a, b)
        pair = next(one for one in found.images if one.a.path == "fish/0.png")
        assert (pair.matched_by, pair.same_content) == ("path", False)
        assert pair.difference is pair.prediction_changed is None
        assert pair.why_not == "the files have one path and other content"
        assert found.similarity.n == 7
        (text,) = cautions(found)["images"]
        assert "1 file of the same name with other content" in text

    def test_images_of_one_run_only_are_listed_with_the_reason(self):
        broken = image(
            "fish/9.png", None, sha256=None, status="failed", reason="truncated", prediction=None
        )
        a = inverted([*images(), image("old.png", 0.5)])
        b = inverted([*images()[:7], image("new.png", 0.5), broken])
        found = compared(a, b)
        assert {(one.run, one.image.path): one.reason for one in found.only_in_one} == {
            ("A", "fish/7.png"): "no image of this content or path in B",
            ("A", "old.png"): "no image of this content or path in B",
            ("B", "new.png"): "no image of this content or path in A",
            ("B", "fish/9.png"): "no image of this content or path in A; failed in B: truncated",
        }
        assert "2 images only in A, 2 images only in B" in cautions(found)["images"][0]

    def test_what_was_not_inverted_or_failed_says_so(self):
        failed = replace(
            image("fish/1.png", None), status="failed", reason="NaN", sha256=None, prediction=None
        )
        b = [image("fish/0.png", None), failed, *images()[2:]]
        found = {one.a.path: one for one in compared(inverted(), inverted(b)).images}
        assert found["fish/0.png"].why_not == "not inverted in B"
        assert found["fish/1.png"].why_not == "failed in B: NaN"
        assert found["fish/1.png"].same_content is None
        back = {one.a.path: one for one in compared(inverted(b), inverted()).images}
        assert back["fish/0.png"].why_not == "not inverted in A"

    def test_nothing_in_common_is_refused(self):
        with pytest.raises(UsageError, match="first and second have no image in common"):
            compared(inverted(), inverted([image("other.png", 0.5)]))
        with pytest.raises(UsageError, match="no image in common"):
            compared(inverted([]), inverted([]))

    def test_audits_without_a_common_image_still_have_classes(self):
        found = compared(audited(), audited(images=(image("other.png", 0.5),)))
        assert found.images == ()
        assert len(found.classes) == 7
        assert found.similarity.reason == "no image has it in both runs: no interval and no test"
        assert "no common image was inverted in both runs" in found.headline


class TestPredictions:
    def test_another_class_is_a_change(self):
        b = [replace(one, prediction=Prediction(2, "cactus", 0.5)) for one in images()[:3]]
        found = compared(inverted(), inverted([*b, *images()[3:]]))
        assert (found.n_predictions, found.n_predictions_changed) == (8, 3)
        assert "the predicted class changed for 3 of 8 common images" in found.headline

    def test_two_networks_are_compared_by_the_names_of_classes(self):
        b = images(index=5)  # the same name at another place
        one_network = compared(inverted(), inverted(b))
        assert one_network.n_predictions_changed == 8
        two = compared(inverted(), inverted(b, model=gated.model("other")))
        assert two.n_predictions_changed == 0
        assert two.relation == "two networks"


class TestAttributes:
    def one(self, a, b):
        pair = compared(
            inverted([image("x.png", 0.5, attributes=a)]),
            inverted([image("x.png", 0.5, attributes=b)]),
        ).images[0]
        return {attribute.name: attribute for attribute in pair.attributes}

    def test_verdicts_and_differences(self):
        found = self.one(
            {"color": kept(0.75), "layout": kept(0.0625), "top5": kept(0.75)},
            {"color": kept(0.0625), "layout": kept(0.125), "top5": kept(0.25, 0.5)},
        )
        assert (found["color"].verdict_a, found["color"].verdict_b) == ("kept", "dropped")
        assert found["color"].changed
        assert found["color"].difference == -0.6875
        assert (found["layout"].verdict_b, found["layout"].changed) == ("dropped", False)
        assert (found["top5"].verdict_b, found["top5"].changed) == ("chance", True)

    def test_what_was_not_measured_is_no_change(self):
        found = self.one(
            {"color": Skipped("color", "flat image"), "layout": kept(0.5)}, {"color": kept(0.5)}
        )
        assert found["color"].reason_a == "flat image"
        assert found["color"].changed is found["color"].difference is None
        assert found["layout"].reason_b == "not among what was measured"
        found = self.one({"color": kept(0.5)}, None)
        assert found["color"].reason_b == "retention was not measured"


class TestFindings:
    def states(self, a, b, **changes):
        found = compared(audited(a), audited(b, **changes))
        return {(one.class_name, one.state) for one in found.findings}

    @pytest.mark.parametrize(
        ("before", "now", "state", "back"),
        [
            (2.0, 2.0, "unchanged", "unchanged"),
            (2.0, 2.5, "unchanged", "unchanged"),
            (2.0, 2.75, "worsened", "weaker"),
            (None, 2.0, "new", "fixed"),
        ],
    )
    def test_states_and_their_opposites(self, before, now, state, back):
        a, b = ([] if margin is None else [gated.high(margin)] for margin in (before, now))
        assert self.states(a, b) == {("mushroom", state)}
        assert self.states(b, a) == {("mushroom", back)}

    def test_a_severity_that_fell_is_weaker(self):
        medium = records.finding(0, severity="medium", margin=2.0)
        assert self.states([gated.high(2.0)], [medium]) == {("mushroom", "weaker")}

    def test_what_the_other_run_did_not_test_is_neither_new_nor_fixed(self):
        blind = audited([])
        blind = replace(blind, shortcuts=gated.untested(blind.shortcuts, 0))
        seeing = audited([gated.high(2.0)])
        (one,) = compared(seeing, blind).findings
        assert (one.state, one.margin_a, one.margin_b) == ("not tested in B", 2.0, None)
        assert one.difference is None
        (one,) = compared(blind, seeing).findings
        assert one.state == "not tested in A"
        assert "1 in a class that A did not test (high)" in compared(blind, seeing).headline

    def test_margins_are_those_of_the_class_where_there_is_no_finding(self):
        (one,) = compared(audited([gated.high(2.0)]), audited([])).findings
        assert (one.state, one.margin_a, one.margin_b, one.difference) == (
            "fixed",
            2.0,
            0.125,
            -1.875,
        )
        assert one.b is None
        assert (one.a.severity, one.a.fails, one.a.counted) == ("high", True, "high")

    def test_two_networks_match_by_rule_class_and_region(self):
        a, b = audited([gated.high(2.0)]), audited([gated.high(2.0)], model=gated.model("other"))
        found = compared(a, b)
        (one,) = found.findings
        assert one.state == "unchanged"
        # each keeps the name that its own gate gave it
        assert one.a.fingerprint == a.gate.findings[0].fingerprint
        assert one.b.fingerprint == b.gate.findings[0].fingerprint
        assert one.a.fingerprint != one.b.fingerprint
        (text,) = cautions(found)["networks"]
        assert text.startswith("A and B are two networks (demo and other)")
        assert found.headline.startswith("From demo (A) to other (B): 0 findings new")

    def test_another_rule_is_another_finding(self):
        other = gated.high(2.0, tests=("spectrum transfer", "spectrum recurrence"))
        assert self.states([gated.high(2.0)], [other]) == {
            ("mushroom", "new"),
            ("mushroom", "fixed"),
        }

    def test_high_ones_come_first_and_the_unchanged_last(self):
        info = records.finding(2, severity="info", margin=0.25)
        same = gated.high(4.0, 3)
        found = compared(audited([gated.high(2.0), same]), audited([info, same])).findings
        assert [(one.class_name, one.state) for one in found] == [
            ("mushroom", "fixed"),
            ("cactus", "new"),
            ("tree", "unchanged"),
        ]

    def test_a_policy_changes_no_state_and_is_cautioned(self):
        from macoaudit.gate import Policy, RulePolicy

        lax = Policy(
            name="lax.toml",
            sha256="1" * 64,
            rules={"shortcut/place": RulePolicy(severities={"high": "info"})},
        )
        a = audited([gated.high(2.0)])
        b = gated.gated(gated.audit([gated.high(2.0)], images=images()), lax)
        found = compared(a, b)
        (one,) = found.findings
        assert (one.state, one.b.severity, one.b.counted, one.b.fails) == (
            "unchanged",
            "high",
            "info",
            False,
        )
        assert found.a.gate.outcome == "fail"
        assert found.b.gate.outcome == "pass"
        (text,) = cautions(found)["policy"]
        assert "policy, policy_sha256" in text

    def test_a_baseline_alone_is_no_other_policy(self):
        b = audited()
        b = replace(b, gate=replace(b.gate, baseline_sha256="2" * 64))
        found = compared(audited(), b)
        assert found.cautions == ()
        assert [one.key for one in found.differences] == ["gate.baseline_sha256"]


class TestClasses:
    def test_margins_and_what_was_tested(self):
        b = audited([])
        b = replace(b, shortcuts=gated.untested(b.shortcuts, 4))
        found = {one.class_name: one for one in compared(audited([gated.high(2.0)]), b).classes}
        mushroom, house, boat = found["mushroom"], found["house"], found["boat"]
        assert (mushroom.margin_a, mushroom.margin_b, mushroom.difference) == (2.0, 0.125, -1.875)
        assert (mushroom.severity_a, mushroom.severity_b) == ("high", None)
        assert (house.tested_a, house.tested_b, house.difference) == (True, False, None)
        assert (boat.tested_a, boat.tested_b) == (False, False)

    def test_classes_of_one_run_only_and_in_another_order(self):
        b = audited([])
        rows = b.shortcuts.classes
        moved = (replace(rows[1], class_index=0), replace(rows[0], class_index=1), *rows[3:])
        new = replace(rows[2], class_name="lamp")
        b = replace(b, shortcuts=replace(b.shortcuts, classes=(*moved, new)))
        found = compared(audited([]), b)
        places = {one.class_name: (one.index_a, one.index_b) for one in found.classes}
        assert places["mushroom"] == (0, 1)
        assert places["fish"] == (1, 0)
        assert places["lamp"] == (None, 2)
        assert places["cactus"] == (2, None)
        (text,) = cautions(found)["labels"]
        assert text == (
            "The labels differ: 1 class only in A, 1 class only in B, 2 classes at another place."
        )


class TestUnlike:
    """Whatever makes two runs unlike is said at the top."""

    @pytest.mark.parametrize(
        ("change", "about", "said"),
        [
            ({"config": {"seeds": [4]}}, "seeds", "Seeds differ (seeds)"),
            ({"config": {"seeds": [0, 1], "x": 1}}, "settings", "Settings differ ("),
            ({"config": {"gate": {"max_minutes": 3}}}, "policy", "(gate)"),
            ({"tool": {"name": "macoaudit", "version": "0.2.0"}}, "versions", "(macoaudit)"),
            (
                {"volatile": {"versions": {"torch": "2.14.0", "timm": "1.0.31"}}},
                "versions",
                "Versions differ (torch)",
            ),
            ({"status": "incomplete"}, "incomplete", "B is incomplete"),
            (
                {"summary": {"incomplete": ["no time was left"]}},
                "incomplete",
                "B is incomplete: no time was left.",
            ),
            (
                {"model": replace(gated.model(), input_size=(3, 64, 64))},
                "input",
                "The input is prepared differently (input_size)",
            ),
            (
                {"model": replace(gated.model(), layer="blocks.1")},
                "networks",
                "penultimate in A, blocks.1 in B",
            ),
            (
                {"model": replace(gated.model(), weights_origin="random")},
                "networks",
                "B has random weights",
            ),
        ],
    )
    def test_it_is_cautioned(self, change, about, said):
        found = cautions(compared(inverted(), inverted(**change)))
        assert any(said in text for text in found[about])

    def test_a_baseline_given_by_an_option_is_no_other_policy(self):
        sides = [
            inverted(config={"gate": {"fail_on": "high", "overrides": overrides}})
            for overrides in ([], ["baseline"])
        ]
        found = compared(*sides)
        assert found.cautions == ()
        assert [one.key for one in found.differences] == ["config.gate.overrides"]

    def test_other_weights_of_one_name_are_two_states(self):
        model = replace(gated.model(), weights_sha256="1" * 64)
        found = compared(inverted(), inverted(model=model))
        assert found.relation == "other weights"
        assert found.headline.startswith("Two states of demo: ")
        assert found.cautions == ()
        assert [one.key for one in found.differences] == ["model.weights_sha256"]

    def test_labels(self):
        moved = [replace(images()[0], label="bird"), *images()[1:]]
        found = compared(inverted(), inverted(moved))
        assert cautions(found)["labels"] == [
            "The labels differ: 1 common image with another label."
        ]

    def test_every_key_that_differs_with_both_values(self):
        config = {"seeds": [0, 1], "images": ["other"], "maco": {"n_steps": 32, "views": {"m": 1}}}
        found = compared(inverted(), inverted(config=config)).differences
        assert {(o.group, o.key, str(o.a), str(o.b), o.only_in) for o in found} == {
            ("images", "config.images", "['photos']", "['other']", None),
            ("settings", "config.maco.n_steps", "64", "32", None),
            ("settings", "config.maco.views.m", "None", "1", "B"),
            ("settings", "config.maco.views.n", "8", "None", "A"),
        }

    def test_times_and_command_lines_are_no_difference(self):
        volatile = {**inverted().volatile, "started": "2027", "command_line": ["x"], "wall_s": 9.0}
        assert compared(inverted(), inverted(volatile=volatile)).differences == ()


class TestJson:
    @pytest.mark.parametrize(
        "pair",
        [
            lambda: (inverted(), inverted(images(CHANGES))),
            lambda: (audited(), audited([], model=gated.model("other"))),
            lambda: (inverted(images()[:5]), inverted([image("fish/1.png", None)])),
        ],
    )
    def test_it_fits_the_schema_and_is_the_same_each_time(self, pair):
        first, second = compared(*pair()), compared(*pair())
        document = comparison_to_json(first)
        VALIDATOR.validate(document)
        assert comparison_text(first) == comparison_text(second)
        assert json.loads(comparison_text(first)) == document

    def test_the_schema_finds_what_does_not_belong(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        document = comparison_to_json(compared(audited(), audited()))
        for place, change in (
            (document, {"more": 1}),
            (document["similarity"], {"p_value": 2.0}),
            (document["images"][0], {"matched_by": "luck"}),
            (document["findings"][0], {"state": "gone"}),
        ):
            kept_ = dict(place)
            place.update(change)
            assert not VALIDATOR.is_valid(document)
            place.clear()
            place.update(kept_)
        assert VALIDATOR.is_valid(document)


class TestReading:
    def test_a_folder_or_its_record(self, tmp_path):
        path = gated.write(tmp_path / "my run", audited())
        found = load_run(tmp_path / "my run", "A")
        assert found.run == audited()
        assert (found.name, found.folder) == ("my run", tmp_path / "my run")
        assert load_run(path, "B") == found

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda text: text[:-9], "is truncated or was edited"),
            (lambda text: text.replace('"similarity": 0.5,', '"similarity": NaN,'), "a number is"),
            (lambda text: text.replace('"status": "ok"', '"status": "fine"'), "does not fit"),
            (
                lambda text: text.replace('"schema_version": 1', '"schema_version": 2'),
                "schema_version is 2",
            ),
            (lambda text: text.replace('"n_steps": 64', '"n_steps": -4'), "was edited"),
            (lambda text: "[]", "is not a record"),
            (
                lambda text: text.replace('"command": "audit"', '"command": "visualize"'),
                "visualize",
            ),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, tmp_path, change, said):
        path = gated.write(tmp_path, audited())
        text = change(path.read_text())
        assert text != path.read_text()
        path.write_text(text)
        with pytest.raises(UsageError, match=f"B is .*{said}"):
            load_run(tmp_path, "B")

    def test_nothing_there(self, tmp_path):
        with pytest.raises(UsageError, match=r"A is .*results.json cannot be read"):
            load_run(tmp_path, "A")

    def test_other_commands(self):
        with pytest.raises(UsageError, match="A is a run of macoaudit invert and B of audit"):
            compare(loaded(inverted()), loaded(audited()))

    def test_the_record_goes_back_and_forth(self, tmp_path):
        run = inverted(images(CHANGES))
        gated.write(tmp_path, run)
        assert to_json(load_run(tmp_path, "A").run) == to_json(run)
