"""Multiplicity against hand values, and the rules by which tests become findings."""

import pytest
import torch

from macoaudit.errors import UsageError
from macoaudit.shortcuts import (
    Evidence,
    NotTested,
    NullSummary,
    Region,
    benjamini_hochberg,
    cannot_pass,
    draws_needed,
    judge,
    verdict,
)
from macoaudit.shortcuts.records import KINDS

LABELS = [f"kind {index}" for index in range(60)]


def evidence(test, index=0, p=0.0005, effect=0.9, subject=None, n=1999, regions=()):
    null = None if p is None else NullSummary(effect, n, 0.0, 0.1, 0.2)
    return Evidence(
        test=test,
        class_index=index,
        effect=effect,
        effect_name="size",
        threshold=0.3,
        p_value=p,
        null=null,
        smallest_p=None if p is None else 1 / (1 + n),
        images=(3, 7),
        regions=regions,
        subject=subject,
    )


def test_benjamini_hochberg_by_hand():
    # m p / rank: .04, .04, .04, .05 -> cumulative minimum from the right
    assert benjamini_hochberg([0.01, 0.05, 0.03, 0.02]) == pytest.approx((0.04, 0.05, 0.04, 0.04))
    assert benjamini_hochberg([0.2]) == (0.2,)
    assert benjamini_hochberg([]) == ()


def test_the_false_discovery_rate_holds_where_everything_is_null():
    generator = torch.Generator().manual_seed(0)
    draws = 1 - torch.rand(2000, 20, generator=generator)
    any_flag = [min(benjamini_hochberg(row.tolist())) <= 0.05 for row in draws]
    assert sum(any_flag) / 2000 == pytest.approx(0.05, abs=0.015)  # 3 standard errors


@pytest.mark.parametrize("value", [0.0, -0.1, 1.5, float("nan")])
def test_no_p_value(value):
    with pytest.raises(UsageError, match=r"use \(1 \+ as extreme\)"):
        benjamini_hochberg([0.5, value])


@pytest.mark.parametrize(("n_classes", "draws"), [(50, 999), (1000, 19_999), (3, 59), (1, 19)])
def test_draws_that_a_lone_flag_needs(n_classes, draws):
    assert draws_needed(n_classes, 0.05) == draws
    assert cannot_pass(1 / (draws + 1), n_classes, 0.05) is None
    assert cannot_pass(1 / draws, n_classes, 0.05) is not None
    lone = benjamini_hochberg([1 / (draws + 1), *[1.0] * (n_classes - 1)])
    assert lone[0] <= 0.05 * (1 + 1e-9)


def test_draws_needed_refuses_nonsense():
    with pytest.raises(UsageError, match="n_classes 0"):
        draws_needed(0, 0.05)


def severities(*results):
    return [one.severity for one in verdict(results, LABELS).findings]


@pytest.mark.parametrize(
    ("tests", "severity"),
    [
        (("patch transfer", "stamp"), "high"),
        (("anomaly", "component"), "high"),
        (("property shift", "property"), "high"),
        (("patch transfer",), "medium"),
        (("anomaly",), "medium"),
        (("patch transfer", "property"), "medium"),  # two claims that do not support each other
        (("property shift", "stamp"), "medium"),
        (("stamp", "component"), "info"),
        (("property",), "info"),
        (("masks",), "info"),
    ],
)
def test_severity(tests, severity):
    assert severities(*(evidence(test) for test in tests)) == [severity]


def test_both_bounds_must_be_met():
    assert severities(evidence("patch transfer", effect=0.29), evidence("stamp")) == ["info"]
    assert severities(evidence("patch transfer", p=0.06), evidence("stamp")) == ["info"]
    assert severities(evidence("patch transfer", p=0.06), evidence("stamp", p=0.06)) == []
    # no p-value: calibrated threshold alone
    assert severities(evidence("anomaly", p=None)) == ["medium"]


def test_classes_do_not_lend_each_other_evidence():
    assert severities(evidence("patch transfer", 0), evidence("stamp", 1)) == ["medium", "info"]


def test_shift_and_screen_must_be_about_the_same_property():
    shift, screen = "property shift", "property"
    assert severities(evidence(shift, subject="hue"), evidence(screen, subject="hue")) == ["high"]
    assert severities(evidence(shift, subject="hue"), evidence(screen, subject="blur")) == [
        "medium"
    ]


def test_p_values_are_corrected_per_test_over_the_classes():
    rows = [evidence("stamp", index, p=0.04 if index == 0 else 1.0) for index in range(4)]
    assert judge(rows)[0].adjusted_p == pytest.approx(0.16)
    other_test = [*rows, *(evidence("patch transfer", index, p=1.0) for index in range(4))]
    assert judge(other_test)[0].adjusted_p == pytest.approx(0.16)


def test_too_few_draws_is_not_cleared():
    rows = [evidence("stamp", 0, p=1 / 65, n=64)]
    rows += [evidence("stamp", index, p=1.0, n=64) for index in range(1, 10)]
    rows += [evidence("patch transfer", index, p=0.9) for index in range(10)]
    found = verdict(rows, LABELS)
    (reason,) = found.not_tested
    assert (reason.test, reason.class_index) == ("stamp", 0)
    assert "199 draws" in reason.reason
    assert found.classes_untested == (0,)
    assert not found.findings


def test_compact_evidence_needs_review_unless_masks_tell():
    pair = evidence("patch transfer"), evidence("stamp")
    assert verdict(pair, LABELS).findings[0].needs_review
    assert not verdict([*pair, evidence("masks")], LABELS).findings[0].needs_review
    assert not verdict([pair[0], evidence("component")], LABELS).findings[0].needs_review


def test_nothing_tested_is_incomplete():
    assert verdict([], LABELS).incomplete
    skipped = NotTested("patch transfer", 2, "1 image")
    found = verdict([skipped, evidence("stamp", 2, p=1.0)], LABELS)
    assert found.incomplete
    assert found.classes_untested == (2,)
    assert found.not_tested == (skipped,)
    assert not verdict(
        [evidence("patch transfer", p=1.0), evidence("stamp", p=1.0)], LABELS
    ).incomplete


def test_high_findings_come_first():
    rows = [evidence("stamp", 0), evidence("anomaly", 1, p=None), evidence("patch transfer", 2)]
    rows.append(evidence("stamp", 2))
    found = verdict(rows, LABELS)
    assert [(one.class_index, one.severity) for one in found.findings] == [
        (2, "high"),
        (1, "medium"),
        (0, "info"),
    ]


def test_bad_results_are_refused():
    with pytest.raises(UsageError, match="stamp of class 0 came twice"):
        verdict([evidence("stamp"), evidence("stamp")], LABELS)
    with pytest.raises(UsageError, match="class 9 has none"):
        verdict([evidence("stamp", 9)], ["a", "b"])


def test_the_words_say_what_the_numbers_were():
    mask = torch.zeros(10, 10, dtype=torch.bool)
    mask[2:4, 5:9] = True
    regions = Region(3, mask), Region(7, mask)
    rows = evidence("patch transfer", effect=0.87, regions=regions), evidence("stamp")
    words = verdict(rows, LABELS).findings[0].words
    assert words.seen.startswith('Class "kind 0": a small region of its images, pasted onto')
    assert "look alike or lie at one place" in words.seen
    assert "patch transfer: size 0.87 (threshold 0.30; p = 0.0005 corrected" in words.strength
    assert words.where == ("Images #3, #7; on #3 in rows 2 to 3, columns 5 to 8; 8.0% of an image.")
    assert "the region is the object itself" in words.false_alarm_if
    assert words.advice.startswith("Compact evidence, needs review")


def test_a_class_name_is_text_and_every_test_has_words():
    for test in KINDS:
        found = verdict([evidence(test, subject="{name}")], ["{subject} <b>"]).findings[0]
        assert '"{subject} <b>"' in found.words.seen
        assert all(vars(found.words).values())
