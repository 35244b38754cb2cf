"""Intervals and tests over images, against closed forms, enumeration and scipy."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from macoaudit.comparing.statistics import (
    MIN_PAIRS,
    holm,
    mean_interval,
    signed_rank,
    tail_share,
)


class TestInterval:
    def test_the_tail_is_hesterbergs(self):
        # t_{0.975, 6} = 2.446912, Phi(-2.446912 sqrt(7/6)) = Phi(-2.642964)
        assert tail_share(7) == pytest.approx(0.004109, abs=2e-6)
        assert tail_share(10**7) == pytest.approx(0.025, abs=1e-6)

    def test_of_many_values_it_is_the_normal_one(self):
        """Mean 1/4 and standard deviation 1: 1/4 -+ 1.96 / 20."""
        low, high = mean_interval([1.25, -0.75] * 200)
        assert low == pytest.approx(0.25 - 0.098, abs=0.004)
        assert high == pytest.approx(0.25 + 0.098, abs=0.004)

    def test_it_covers_the_mean_in_about_95_of_100_small_samples(self):
        random = np.random.default_rng(5)
        hits = 0
        for _ in range(600):
            low, high = mean_interval(random.normal(3, 2, 8).tolist(), n_resamples=999)
            hits += low <= 3 <= high
        # the plain percentile interval covers 0.88 of these; 600 draws are good to 0.02
        assert 0.92 <= hits / 600 <= 0.985

    def test_of_negated_values_it_is_the_negated_one_exactly(self):
        values = np.random.default_rng(1).normal(size=23).tolist()
        low, high = mean_interval(values)
        assert mean_interval([-one for one in values]) == (-high, -low)

    def test_it_is_the_same_each_time_and_none_with_too_few(self):
        values = [0.1, 0.2, -0.1, 0.4, 0.0, 0.3]
        assert len(values) == MIN_PAIRS
        assert mean_interval(values) == mean_interval(values)
        assert mean_interval(values[1:]) is None
        assert mean_interval([0.0] * 9) == (0.0, 0.0)

    def test_many_images_are_drawn_in_pieces(self):
        values = np.random.default_rng(2).normal(size=5000).tolist()
        low, high = mean_interval(values, n_resamples=999)
        half = 1.96 * np.std(values) / math.sqrt(5000)
        assert (high - low) / 2 == pytest.approx(half, rel=0.12)


def enumerated(values: list[float]) -> float:
    """Two-sided p over every sign: how often the signed ranks' sum is as far from 0."""
    changed = [one for one in values if one]
    ranks = stats.rankdata(np.abs(changed))
    seen = abs(sum(rank * math.copysign(1, one) for rank, one in zip(ranks, changed, strict=True)))
    sums = [
        abs(sum(rank * sign for rank, sign in zip(ranks, signs, strict=True)))
        for signs in itertools.product((-1, 1), repeat=len(changed))
    ]
    return sum(one >= seen - 1e-9 for one in sums) / len(sums)


class TestSignedRank:
    def test_six_of_one_sign(self):
        found = signed_rank([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
        assert found.p_value == pytest.approx(2 / 2**6)
        assert found.statistic == 0
        assert found.test == "Wilcoxon signed-rank, exact"
        assert found.reason is None

    @pytest.mark.parametrize(
        "values",
        [
            [1.0, -2.0, 3.0, 4.0, -5.0, 6.0, 7.0],
            [0.5, 0.5, -0.5, 1.0, 2.0, 2.0, 3.0],
            [0.0, 0.0, 1.0, 2.0, -3.0, 4.0, 5.0, 6.0],
            [0.0, 0.25, 0.25, -0.25, 0.5, 0.5, 0.75, 1.0],
        ],
    )
    def test_small_ones_are_exact(self, values):
        found = signed_rank(values)
        assert found.p_value == pytest.approx(enumerated(values), abs=1e-12)
        assert found.n_changed == sum(one != 0 for one in values)
        assert "exact" in found.test

    @pytest.mark.parametrize("n", [20, 50, 51, 200])
    def test_it_is_scipys(self, n):
        values = np.random.default_rng(n).normal(0.2, 1, n).tolist()
        found = signed_rank(values)
        method = "exact" if n <= 50 else "asymptotic"
        expected = stats.wilcoxon(values, method=method)
        assert (found.statistic, found.p_value) == (expected.statistic, expected.pvalue)
        assert found.test.endswith("exact" if n <= 50 else "normal approximation")

    def test_many_with_ties_are_approximated_and_it_is_said(self):
        found = signed_rank([0.25, -0.25, 0.5] * 10)
        assert found.test == "Wilcoxon signed-rank, normal approximation"

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ([], "no image differs"),
            ([0.0] * 9, "no image differs"),
            ([0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "only 5 of 7 images differ"),
        ],
    )
    def test_too_few_give_no_p_value_but_a_reason(self, values, said):
        found = signed_rank(values)
        assert found.p_value is found.statistic is found.test is None
        assert found.reason.startswith(said)
        assert "6 are needed" in found.reason


class TestHolm:
    def test_by_hand(self):
        # ascending: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1 raised to what went before
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_what_was_not_made_does_not_count(self):
        assert holm([None, 0.02, None, 0.5]) == [None, 0.04, None, 0.5]
        assert holm([None]) == [None]

    def test_none_is_above_1_or_below_its_own(self):
        raw = np.random.default_rng(0).uniform(size=30).tolist()
        corrected = holm(raw)
        assert all(p <= q <= 1 for p, q in zip(raw, corrected, strict=True))
