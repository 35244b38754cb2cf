"""Figures of the planted-truth benchmark against closed forms and scikit-learn."""

import math

import numpy as np
import pytest
from scipy.stats import kstest, norm
from sklearn.metrics import average_precision_score, roc_auc_score

from benchmarks.shortcuts.roc import (
    curves,
    flags_per_100,
    iou,
    pointing,
    rank,
    threshold_at,
    uniformity,
    weighted_auroc,
    weighted_average_precision,
    weighted_tpr,
)
from macoaudit.errors import UsageError


def test_a_small_ranking_by_hand() -> None:
    # Flagging from the top: +, -, (+ and - tied), +, -.
    scores = np.array([5.0, 4, 3, 3, 2, 1])
    truths = np.array([True, False, True, False, True, False])
    found, false = curves(scores, truths, np.ones((1, 6)))
    assert found.tolist() == [[0, 1, 1, 2, 3, 3]]
    assert false.tolist() == [[0, 0, 1, 2, 2, 3]]
    # Pairs won: 3 by the first, 1.5 by the tied one (beats 1, ties 1), 1 by the last: 5.5 of 9.
    assert weighted_auroc(found, false)[0] == pytest.approx(5.5 / 9)
    assert weighted_average_precision(found, false)[0] == pytest.approx((1 + 2 / 4 + 3 / 5) / 3)
    assert weighted_tpr(found, false, 0.05)[0] == pytest.approx(1 / 3)
    assert weighted_tpr(found, false, 2 / 3)[0] == 1.0


def test_weighted_curves_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scores, truths = rng.integers(0, 12, 80).astype(float), rng.random(80) < 0.3
    weights = rng.integers(0, 4, (5, 80)).astype(float)
    found, false = curves(scores, truths, weights)
    for draw, area, precision in zip(
        weights,
        weighted_auroc(found, false),
        weighted_average_precision(found, false),
        strict=True,
    ):
        assert area == pytest.approx(roc_auc_score(truths, scores, sample_weight=draw))
        assert precision == pytest.approx(
            average_precision_score(truths, scores, sample_weight=draw)
        )


def test_auroc_of_two_normal_laws_is_covered_by_its_interval() -> None:
    """``AUROC = Phi(d / sqrt 2)``; independent pairs, each a network of its own."""
    rng = np.random.default_rng(1)
    truths = np.arange(2000) % 2 == 0
    scores = rng.standard_normal(2000) + 1.5 * truths
    found = rank(scores, truths, [str(i) for i in range(2000)], n_draws=300)
    expected = norm.cdf(1.5 / math.sqrt(2))
    assert found.auroc.low < expected < found.auroc.high
    assert found.auroc.high - found.auroc.low < 0.05
    # TPR at a false positive rate a is Phi(d - z), z the upper a quantile.
    assert found.tpr_at_5.value == pytest.approx(norm.cdf(1.5 - norm.isf(0.05)), abs=0.06)
    assert (found.n_positive, found.n_negative, found.n_networks) == (1000, 1000, 2000)
    assert found.n_draws == 300


def test_copies_of_a_network_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(2)
    truths = np.arange(60) % 2 == 0
    scores = rng.standard_normal(60) + truths
    names = [str(i // 2) for i in range(60)]
    once = rank(scores, truths, names, n_draws=200)
    repeated = rank(np.tile(scores, 5), np.tile(truths, 5), names * 5, n_draws=200)
    assert repeated.auroc.value == pytest.approx(once.auroc.value)
    assert repeated.auroc.low == pytest.approx(once.auroc.low)
    assert repeated.auroc.high == pytest.approx(once.auroc.high)
    as_if_independent = rank(
        np.tile(scores, 5), np.tile(truths, 5), [str(i) for i in range(300)], n_draws=200
    )
    assert as_if_independent.auroc.high - as_if_independent.auroc.low < 0.7 * (
        once.auroc.high - once.auroc.low
    )


def test_perfect_and_reversed_scores() -> None:
    truths = [True, True, False, False]
    best = rank([4.0, 3, 2, 1], truths, list("abcd"), n_draws=50)
    assert best.auroc.value == best.average_precision.value == best.tpr_at_1.value == 1.0
    assert best.n_draws < 50  # some draws hold one kind only
    worst = rank([1.0, 2, 3, 4], truths, list("abcd"), n_draws=50)
    assert worst.auroc.value == 0.0
    assert worst.tpr_at_5.value == 0.0


@pytest.mark.parametrize(
    ("scores", "truths", "names", "message"),
    [
        ([1.0, 2.0], [True], ["a", "b"], "one of each"),
        ([1.0, math.nan], [True, False], ["a", "b"], "leave out what failed"),
        ([1.0, 2.0], [True, True], ["a", "b"], "there must be both"),
    ],
)
def test_bad_rankings_are_refused(scores, truths, names, message) -> None:
    with pytest.raises(UsageError, match=message):
        rank(scores, truths, names)


def test_threshold_flags_no_more_than_allowed() -> None:
    scores = np.arange(200, dtype=float)
    truths = np.zeros(200, dtype=bool)
    truths[150:160] = True
    threshold = threshold_at(scores, truths, 0.05)
    clean = scores[~truths]
    assert (clean >= threshold).mean() <= 0.05 < (clean >= threshold - 1).mean()
    assert threshold_at([1.0, 1.0], [False, False], 0.05) == math.inf
    with pytest.raises(UsageError, match="no clean pair"):
        threshold_at([1.0], [True], 0.05)


def test_no_flag_among_100_classes_still_allows_some() -> None:
    none = flags_per_100([False] * 100)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(100 * (1 - 0.025 ** (1 / 100)))  # Clopper and Pearson
    assert flags_per_100([True] + [False] * 49).value == pytest.approx(2.0)
    with pytest.raises(UsageError, match="no class"):
        flags_per_100([])


def test_uniformity_of_p_values() -> None:
    even = (np.arange(100) + 0.5) / 100
    assert uniformity(even).statistic == pytest.approx(0.005)  # half a step
    assert uniformity(even).p_value > 0.99
    small, large = uniformity(even**3), uniformity(even ** (1 / 3))
    assert small.p_too_small < 1e-6 < 0.5 < large.p_too_small
    assert large.p_value < 1e-6
    assert small.statistic == pytest.approx(kstest(even**3, "uniform").statistic)
    with pytest.raises(UsageError, match=r"outside 0\.\.1"):
        uniformity([0.5, 1.5])


def test_overlap_and_pointing() -> None:
    true, found = np.zeros((8, 8), dtype=bool), np.zeros((8, 8), dtype=bool)
    assert iou(found, true) == 0.0
    true[:4, :4] = found[2:6, :4] = True
    assert iou(found, true) == pytest.approx(8 / 24)
    assert iou(true, true) == 1.0
    heat = np.zeros((8, 8))
    heat[0, 0] = 1.0
    assert pointing(heat, true) == 1.0
    assert pointing(heat[::-1], true) == 0.0
    assert pointing(np.zeros((8, 8)), true) == pytest.approx(16 / 64)  # a flat map is a guess
