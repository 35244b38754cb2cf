"""Distances to natural images against loops, known laws and planted neighbours."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.images import NaturalImage, find_images, read_natural
from macoaudit.models import activation_function, load_model
from macoaudit.natural import (
    Bank,
    flaw,
    nearest,
    nearest_distance,
    plausibility,
    plausibility_in,
    prototype_transfer,
    sound,
    unit,
)
from macoaudit.results import Plausibility, Skipped, Transfer


def draw(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_hand(query: Tensor, bank: Tensor, k: int) -> tuple[float, float]:
    """The definition with loops and sorted lists: every point against all others."""
    points = [row / math.sqrt(sum(float(v) ** 2 for v in row)) for row in (*bank, query)]

    def distance(index: int) -> float:
        own = points[index]
        others = [
            math.sqrt(sum((float(a) - float(b)) ** 2 for a, b in zip(own, other, strict=True)))
            for place, other in enumerate(points)
            if place != index
        ]
        return sum(sorted(others)[:k]) / k

    scored = distance(len(bank))
    as_far = sum(distance(j) >= scored - 1e-12 for j in range(len(bank)))
    return scored, (1 + as_far) / (len(bank) + 1)


class TestDistance:
    def test_a_member_of_the_reference_set_has_distance_zero(self):
        """Oracle 14, first part; and a distance by hand."""
        reference = draw(0, 40, 16).float() * 100
        assert float(nearest_distance(reference[7:9], reference).abs().max()) == 0
        line = torch.tensor([[0.0], [1.0], [5.0]])
        distances = nearest_distance(torch.tensor([[2.0], [6.0]]), line, k=2)
        torch.testing.assert_close(distances, torch.tensor([1.5, 3.0]))
        with pytest.raises(UsageError, match="k is 4; the reference set has 3 members, use 1 to 3"):
            nearest_distance(line, line, k=4)

    @pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
    def test_unit_length_at_any_scale(self, scale):
        rows = unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]]) * scale)
        expected = torch.tensor([[0.6, 0.8], [0.0, 0.0]], dtype=torch.float64)
        torch.testing.assert_close(rows, expected, rtol=1e-6, atol=0)

    @pytest.mark.parametrize(
        ("vector", "said"),
        [
            ([1.0, math.nan], "not finite"),
            ([1.0, math.inf], "not finite"),
            ([0.0, 0.0], "zero everywhere"),
            ([2.0, 2.0], "one number repeated"),
            ([0.0, 2.0], None),
        ],
    )
    def test_what_cannot_be_compared(self, vector, said):
        reason = flaw(torch.tensor(vector))
        assert (reason is None) == (said is None)
        assert said is None or said in str(reason)
        assert sound(torch.tensor([vector, [0.0, 1.0]])).tolist() == [said is None, True]


class TestPercentile:
    @given(
        seed=st.integers(0, 10_000),
        count=st.integers(2, 9),
        k=st.integers(1, 8),
        grid=st.booleans(),
    )
    @settings(deadline=None, max_examples=60)
    def test_it_is_the_definition_with_ties_and_duplicates_too(self, seed, count, k, grid):
        k = min(k, count - 1)
        features = draw(seed, count + 3, 3)
        if grid:  # many equal distances and equal points
            features = features.round().clamp(-1, 1) + torch.tensor([0.0, 0.0, 0.5])
        bank, query = features[:count], features[count:]
        distances, percentiles = Bank.of(bank, k).percentile(query)
        for index, row in enumerate(query):
            distance, percentile = by_hand(row, bank, k)
            assert float(distances[index]) == pytest.approx(distance, abs=1e-12)
            assert float(percentiles[index]) == pytest.approx(percentile, abs=1e-12)

    @pytest.mark.parametrize(("k", "member"), [(1, 0), (3, 11), (3, 5), (10, 4)])
    def test_leaving_a_member_out_is_a_bank_made_without_it(self, k, member):
        features = draw(1, 12, 6)
        features[3] = features[7]  # equal neighbours
        left = torch.cat([features[:member], features[member + 1 :]])
        without, anew = Bank.of(features, k).without(member), Bank.of(left, k)
        torch.testing.assert_close(without.near, anew.near[:, :k])
        torch.testing.assert_close(without.units, anew.units)
        query = draw(2, 5, 6)
        for ours, theirs in zip(without.percentile(query), anew.percentile(query), strict=True):
            torch.testing.assert_close(ours, theirs)
        with pytest.raises(UsageError, match="cannot be left out"):
            without.without(0)

    def test_a_bank_of_more_rows_than_are_held_at_once(self, monkeypatch):
        features = draw(3, 50, 4)
        whole = Bank.of(features, 3)
        monkeypatch.setattr("macoaudit.natural.bank._BLOCK", 7)
        blocks = Bank.of(features, 3)
        assert torch.equal(whole.near, blocks.near)
        assert torch.equal(whole.who, blocks.who)

    def test_held_out_natural_images_are_uniform(self):
        """80 in the bank, 80 held out: Kolmogorov and Smirnov have no objection."""
        features = draw(0, 160, 32)
        _, percentiles = Bank.of(features[:80], 3).percentile(features[80:])
        assert stats.kstest(percentiles.numpy(), "uniform").pvalue > 0.05
        assert 0.4 < float(percentiles.mean()) < 0.6

    def test_over_many_banks_the_law_is_the_discrete_uniform_exactly(self):
        """One held-out image per bank, 4000 banks of 9: ten values, each with chance 1/10.

        The p-value that asks only whether the query is farther from the bank than its members are
        among themselves ("split" form) fails the same test.
        """
        counts, naive = Counter(), Counter()
        for seed in range(4000):
            features = draw(seed, 10, 5)
            bank = Bank.of(features[:9], 3)
            distance, percentile = bank.percentile(features[9:])
            counts[round(float(percentile) * 10)] += 1
            own = bank.near[:, :3].mean(1)
            naive[1 + int((own >= distance).sum())] += 1
        assert set(counts) == set(range(1, 11))
        assert stats.chisquare(list(counts.values())).pvalue > 0.01
        assert stats.chisquare([naive[rank] for rank in range(1, 11)]).pvalue < 1e-4

    def test_with_ties_it_is_never_too_small(self):
        """Mutual nearest neighbours tie at k = 1: P(percentile <= t) stays at or below t."""
        ranks = [
            round(float(Bank.of(features[:9], 1).percentile(features[9:])[1]) * 10)
            for features in (draw(seed, 10, 5) for seed in range(2000))
        ]
        shares = [sum(rank <= t for rank in ranks) / len(ranks) for t in range(1, 10)]
        slack = 3 * math.sqrt(0.25 / len(ranks))
        assert all(share <= t / 10 + slack for t, share in enumerate(shares, start=1))
        assert shares[6] < 0.65  # a test that ties are there at all

    def test_the_calibrated_form_does_not_see_the_length_and_the_raw_one_does(self):
        bank, query = draw(5, 30, 8), draw(6, 4, 8)
        lengths = draw(7, 30, 1).exp()
        plain, scaled = Bank.of(bank, 3), Bank.of(bank * lengths, 3)
        for ours, theirs in zip(
            plain.percentile(query), scaled.percentile(query * 1e-3), strict=True
        ):
            torch.testing.assert_close(ours, theirs)
        ratio = nearest_distance(query * 7, bank * 7) / nearest_distance(query, bank)
        torch.testing.assert_close(ratio, torch.full((4,), 7.0, dtype=torch.float64))


class TestPlausibility:
    def test_far_and_near_queries_are_told_apart(self):
        direction = torch.zeros(16, dtype=torch.float64)
        direction[0] = 10
        bank = draw(0, 40, 16) + direction
        far, near = -direction + draw(1, 1, 16)[0], bank.mean(0)
        found = plausibility("net", (4, 9), torch.stack([far, near]), bank[0] * 0.9, bank[1:], 3)
        assert isinstance(found, Plausibility)
        assert [row.seed for row in found.seeds] == [4, 9]
        assert found.seeds[0].percentile == pytest.approx(1 / 40)
        assert found.seeds[1].percentile == 1
        assert found.seeds[0].distance > 1.5 > found.seeds[1].distance
        assert found.percentile == pytest.approx((1 / 40 + 1) / 2)
        assert found.distance == pytest.approx(sum(r.distance for r in found.seeds) / 2)
        assert (found.space, found.k, found.n_reference) == ("net", 3, 39)
        alone = Bank.of(bank[1:], 3).percentile(bank[:1])
        assert found.reference_distance == pytest.approx(float(alone[0]))
        assert found.reference_percentile == pytest.approx(float(alone[1]))
        assert found.seeds[0].raw_distance == pytest.approx(
            float((bank[1:] - far).norm(dim=1).min())
        )

    def test_a_member_of_the_bank_has_raw_distance_zero(self):
        bank = draw(0, 20, 8)
        found = plausibility("net", (0,), bank[3:4], bank[0], bank[1:], 1)
        assert isinstance(found, Plausibility)
        assert found.raw_distance == 0
        assert found.distance == pytest.approx(0, abs=1e-12)

    def test_a_bank_measured_before_gives_the_same(self):
        features, query = draw(0, 20, 8), draw(1, 2, 8)
        bank = Bank.of(features, 3)
        once = plausibility_in(bank.without(6), "net", (0, 1), query, features[6])
        left = torch.cat([features[:6], features[7:]])
        again = plausibility("net", (0, 1), query, features[6], left, 3)
        assert once == again

    @pytest.mark.parametrize(
        ("spoil", "said"),
        [
            (
                "bank is small",
                r"^3 other natural images are too few .* 3 .* 4 or more.*--reference",
            ),
            ("seed 5", "feature vector of the inversion of seed 5 is zero everywhere"),
            ("reference", "feature vector of the reference image is not finite"),
            ("member", "2 of 20 natural images have a feature vector that is not finite"),
            ("equal", "all 20 natural images have the same feature vector"),
        ],
    )
    def test_what_cannot_be_measured_is_skipped_with_the_reason(self, spoil, said):
        bank, query, reference = draw(0, 20, 8), draw(1, 2, 8), draw(2, 8)
        if spoil == "bank is small":
            bank = bank[:3]
        elif spoil == "seed 5":
            query[1] = 0
        elif spoil == "reference":
            reference[2] = math.nan
        elif spoil == "member":
            bank[3:5] = 1
        else:
            bank = bank[:1].expand(20, 8)
        found = plausibility("net", (0, 5), query, reference, bank, 3)
        assert isinstance(found, Skipped)
        assert found.check == "plausibility"
        with pytest.raises(AssertionError, match=said):
            raise AssertionError(found.reason.removeprefix("net: "))

    def test_the_smallest_bank_there_can_be(self):
        found = plausibility("net", (0,), draw(0, 1, 8), draw(1, 8), draw(2, 4, 8), 3)
        assert isinstance(found, Plausibility)
        assert found.n_reference == 4


class TestNearest:
    def test_against_every_cosine_by_hand(self):
        query, bank = draw(0, 5, 7), draw(1, 30, 7)
        allowed = torch.ones(5, 30, dtype=torch.bool)
        allowed[2, ::2] = False
        for row, found in enumerate(nearest(query, bank, 4, allowed)):
            cosines = torch.nn.functional.cosine_similarity(query[row : row + 1], bank).tolist()
            expected = sorted((j for j in range(30) if allowed[row, j]), key=lambda j: -cosines[j])[
                :4
            ]
            assert list(found.indices) == expected
            assert found.cosines == pytest.approx([cosines[j] for j in expected])

    def test_equal_members_come_in_their_order(self):
        member = draw(3, 1, 96).float()
        scale = torch.arange(1.0, 101.0)[:, None]
        found = nearest(member, member * scale, 100, torch.ones(1, 100, dtype=torch.bool))
        assert found[0].indices == tuple(range(100))
        assert found[0].cosines == pytest.approx([1.0] * 100)
        assert max(found[0].cosines) <= 1

    def test_fewer_than_asked_and_none(self):
        bank = torch.tensor([[1.0, 0.0], [0.0, 0.0], [math.nan, 1.0], [0.5, 1.0]])
        query = torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]])
        allowed = torch.tensor([[True] * 4, [True, True, True, False], [True] * 4])
        found = nearest(query, bank, 3, allowed)
        assert [row.indices for row in found] == [(3, 0), (0,), ()]
        assert found[0].cosines == pytest.approx((1.0, 1 / math.sqrt(5)))
        with pytest.raises(UsageError, match="count is 0; use at least 1"):
            nearest(query, bank, 0, allowed)


class TestPrototypes:
    def planted(self) -> tuple[Tensor, list[str | None]]:
        """Three clusters around axes, ten images each, and two images without a class."""
        centres = torch.eye(3, 12, dtype=torch.float64).repeat_interleave(10, 0) * 5
        features = torch.cat([centres + draw(0, 30, 12), draw(1, 2, 12) * 100])
        return features, [name for name in "abc" for _ in range(10)] + [None, None]

    def test_planted_clusters_are_found(self):
        bank, labels = self.planted()
        axes = torch.eye(3, 12, dtype=torch.float64) + 0.01
        query = torch.stack([axes[1] * 100, axes[0] + 0.5 * axes[1], axes[2]])
        rows = prototype_transfer("j", (3, 4, 5), query, bank[10] * 0.1, bank, labels, "b")
        assert isinstance(rows, list)
        assert [row.rank for row in rows] == [1, 2, rows[2].rank]
        assert rows[2].rank > 1
        assert [row.seed for row in rows] == [3, 4, 5]
        assert [row.top1_agrees for row in rows] == [True, False, False]
        first = rows[0]
        assert (first.judge, first.method, first.n_classes) == ("j", "prototype", 3)
        assert (first.probability, first.reference_probability) == (None, None)
        assert first.reference_rank == 1

    def test_ranks_by_hand(self):
        """Prototypes are means of unit features: a long member weighs no more than a short one."""
        bank = torch.tensor([[100.0, 0.0], [0.0, 1.0], [1.0, -1.0], [-1.0, 0.2]])
        labels = ["x", "x", "y", "z"]
        # prototype of x is at 45 degrees, of y at -45, of z at about 169
        for degrees, expected in ((44, 1), (1, 1), (-1, 2), (-100, 3), (170, 2), (-140, 3)):
            angle = math.radians(degrees)
            query = torch.tensor([[math.cos(angle), math.sin(angle)]])
            rows = prototype_transfer("j", (0,), query, query[0], bank, labels, "x")
            assert isinstance(rows, list)
            assert (rows[0].rank, rows[0].reference_rank) == (expected, expected), degrees

    def test_the_first_five_of_seven(self):
        bank = torch.eye(7)
        query = torch.arange(7.0)[None]
        agree = {}
        for place in range(7):
            rows = prototype_transfer(
                "j", (0,), query, query[0], bank, list("abcdefg"), "abcdefg"[place]
            )
            assert isinstance(rows, list)
            agree[rows[0].rank] = (rows[0].top1_agrees, rows[0].top5_agrees)
        assert agree == {rank: (rank == 1, rank <= 5) for rank in range(1, 8)}

    @pytest.mark.parametrize(
        ("label", "only", "said"),
        [
            (None, None, "no class folder"),
            ("q", None, "'q' is a class that no judge has"),
            ("a", "a", "'a' is the only class folder"),
        ],
    )
    def test_what_cannot_be_ranked(self, label, only, said):
        bank, labels = self.planted()
        if only:
            labels = [name if name == only else None for name in labels]
        found = prototype_transfer("j", (0,), draw(5, 1, 12), draw(6, 12), bank, labels, label)
        assert isinstance(found, Skipped)
        assert found.check == "transfer"
        assert found.reason.startswith("judge j: ")
        assert said in found.reason

    def test_a_dead_judge_is_skipped(self):
        bank, labels = self.planted()
        dead = torch.ones_like(bank)
        found = prototype_transfer("j", (0,), dead[:1], dead[0], dead, labels, "a")
        assert isinstance(found, Skipped)
        assert "one number repeated" in found.reason
        bank[31] = math.nan  # has no class: takes no part
        rows = prototype_transfer("j", (0,), bank[:1], bank[1], bank, labels, "a")
        assert isinstance(rows, list)
        assert isinstance(rows[0], Transfer)


@pytest.mark.assets
def test_real_photographs_are_uniform_and_noise_is_far(assets):
    """Every second photograph in the bank, the others held out, in a real network's features."""
    model = load_model(assets / "models" / "mobilenetv2.toml")
    files = find_images([assets / "photos"])[:160]
    items = read_natural(files, model.preprocessing)
    images = torch.stack([item.image_01 for item in items if isinstance(item, NaturalImage)])
    noise = torch.rand(4, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    read = activation_function(model, "penultimate")
    with torch.no_grad():
        features = torch.cat([read(part) for part in torch.cat([images, noise]).split(8)])
    held_out = features[1:160:2]
    distances, percentiles = Bank.of(features[0:160:2], 3).percentile(
        torch.cat([held_out, features[160:]])
    )
    assert stats.kstest(percentiles[:80].numpy(), "uniform").pvalue > 0.05
    # farther than most photographs, but not than all: measured 0.12 to 0.15
    assert float(percentiles[80:].max()) < 0.2
    assert float(distances[80:].min()) > float(distances[:80].median())
