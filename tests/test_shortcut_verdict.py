"""Multiplicity against hand values, and the rules by which tests become findings."""

from dataclasses import replace

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
from macoaudit.shortcuts.verdict import margins

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
        (("spectrum transfer", "spectrum recurrence"), "high"),
        (("patch transfer",), "info"),  # a true object carries its class too
        (("anomaly",), "info"),
        (("patch transfer", "property"), "info"),  # two claims that do not support each other
        (("property shift", "stamp"), "info"),
        (("spectrum transfer", "stamp"), "info"),
        (("patch transfer", "spectrum recurrence"), "info"),
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
    anomaly = evidence("anomaly", p=None)
    assert severities(anomaly, evidence("component")) == ["high"]
    assert severities(replace(anomaly, effect=0.29), evidence("component", p=1.0)) == []


@pytest.mark.parametrize(
    ("consistency", "severity"), [(0.19, "info"), (0.21, "medium"), (0.29, "medium")]
)
def test_a_causal_test_that_nearly_pairs_is_medium(consistency, severity):
    """The margin is the smaller of both effects over 0.3: from 2/3, at 0.2, it is nearly one."""
    pair = evidence("patch transfer"), evidence("stamp", effect=consistency)
    (found,) = verdict(pair, LABELS).findings
    assert found.severity == severity
    assert found.margin == pytest.approx(consistency / 0.3)
    # it takes a flagged cause: a strong consistency test beside a weak one is information
    swapped = evidence("patch transfer", effect=consistency), evidence("stamp")
    assert severities(*swapped) == ["info"]


def test_margins_by_hand():
    rows = [
        # class 0: min(0.6, 0.3) / 0.3 = 1 and min(0.6, 0.9) / 0.3 = 2: the best pair counts
        evidence("patch transfer", 0, effect=0.6),
        evidence("stamp", 0, effect=0.3),
        evidence("component", 0, effect=0.9),
        # class 1: two causes, one mark; p-values do not matter
        evidence("patch transfer", 1, effect=0.03, p=1.0),
        evidence("anomaly", 1, effect=0.15, p=None),
        evidence("stamp", 1, effect=0.24, p=0.9),
        # class 2: no two of these are a pair
        evidence("patch transfer", 2),
        evidence("property", 2, subject="hue"),
        evidence("spectrum recurrence", 2),
        # class 3: each subject with its own
        evidence("property shift", 3, effect=0.06, subject="hue"),
        evidence("property", 3, effect=0.3, subject="hue"),
        evidence("property", 3, effect=0.9, subject="blur"),
        # class 4: below nothing
        evidence("spectrum transfer", 4, effect=-0.15),
        evidence("spectrum recurrence", 4, effect=0.6),
        NotTested("patch transfer", 5, "1 image"),
    ]
    found = margins(rows)
    assert found == pytest.approx({0: 2.0, 1: 0.5, 3: 0.2, 4: -0.5})
    judged = verdict(rows, LABELS)
    assert judged.margins == pytest.approx(found)
    assert judged.classes_untested == (2, 5)
    by_class = {one.class_index: one.margin for one in judged.findings}
    assert by_class[0] == pytest.approx(2.0)
    assert by_class[2] == 0.0
    assert margins([]) == {}


def test_a_margin_of_one_is_where_a_high_finding_begins():
    """With p-values small enough, margin >= 1 and severity high are one and the same."""
    for cause in (0.1, 0.29, 0.3, 0.7):
        for mark in (0.1, 0.29, 0.3, 0.7):
            rows = evidence("patch transfer", effect=cause), evidence("stamp", effect=mark)
            found = verdict(rows, LABELS)
            high = any(one.severity == "high" for one in found.findings)
            assert high == (found.margins[0] >= 1)


def test_classes_do_not_lend_each_other_evidence():
    both = evidence("patch transfer", 0), evidence("stamp", 1)
    assert severities(*both) == ["info", "info"]
    assert verdict(both, LABELS).incomplete


def test_shift_and_screen_must_be_about_the_same_property():
    shift, screen = "property shift", "property"
    assert severities(evidence(shift, subject="hue"), evidence(screen, subject="hue")) == ["high"]
    apart = evidence(shift, subject="hue"), evidence(screen, subject="blur")
    assert severities(*apart) == ["info"]
    # nothing was paired: no margin, and the class was not cleared
    found = verdict(apart, LABELS)
    assert found.margins == {}
    assert found.classes_untested == (0,)


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


def test_evidence_everywhere_needs_review_in_words_of_its_own():
    pair = evidence("spectrum transfer"), evidence("spectrum recurrence")
    (finding,) = verdict(pair, LABELS).findings
    assert (finding.severity, finding.review) == ("high", "evidence everywhere")
    assert finding.words.advice.startswith("Evidence everywhere, needs review")
    # the mark that is there as well is what to look at first
    both = verdict([*pair, evidence("patch transfer"), evidence("stamp")], LABELS).findings[0]
    assert both.review == "compact evidence"
    lone = verdict([pair[0]], LABELS).findings[0]
    assert (lone.severity, lone.review) == ("info", None)


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
    rows += [evidence("stamp", 1, effect=0.25), evidence("stamp", 2)]
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
    copied = evidence("stamp", subject="a copy at one place")
    rows = evidence("patch transfer", effect=0.87, regions=regions), copied
    words = verdict(rows, LABELS).findings[0].words
    assert words.seen.startswith('Class "kind 0": a small region of its images, pasted onto')
    assert "hold a copy at one place, pixel for pixel" in words.seen
    assert "patch transfer: size 0.87 (threshold 0.30; p = 0.0005 corrected" in words.strength
    assert words.where == ("Images #3, #7; on #3 in rows 2 to 3, columns 5 to 8; 8.0% of an image.")
    assert "the region is the object itself" in words.false_alarm_if
    assert words.advice.startswith("Compact evidence, needs review")


def test_a_class_name_is_text_and_every_test_has_words():
    for test in KINDS:
        found = verdict([evidence(test, subject="{name}")], ["{subject} <b>"]).findings[0]
        assert '"{subject} <b>"' in found.words.seen
        assert all(vars(found.words).values())
