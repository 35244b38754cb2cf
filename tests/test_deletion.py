"""Proof by deletion: regions, fills, and maps that must and must not pass."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from macoaudit.results import Faithfulness, Skipped
from macoaudit.retention import AREAS, FILLS, delete, faithfulness, move_maps, region

SURROUNDINGS = FILLS.index("surroundings")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class TestRegion:
    @pytest.mark.parametrize("size", [(10, 10), (7, 7), (14, 14), (3, 5), (2, 2)])
    @pytest.mark.parametrize("area", AREAS)
    def test_counts(self, size, area):
        maps = torch.rand(4, *size, generator=seeded(0))
        for highest in (True, False):
            found = region(maps, area, highest=highest)
            wanted = max(1, round(area * size[0] * size[1]))
            assert found.flatten(1).sum(1).tolist() == [wanted] * 4

    def test_it_is_the_highest_and_the_lowest(self):
        maps = torch.rand(3, 10, 10, generator=seeded(1))
        for area in AREAS:
            high, low = region(maps, area, highest=True), region(maps, area, highest=False)
            for values, inside in zip(maps, high, strict=True):
                assert values[inside].min() > values[~inside].max()
            assert torch.equal(low, region(-maps, area, highest=True))

    def test_ties_go_by_position(self):
        values = torch.zeros(1, 4, 5)
        values[0, 2, 2] = 1
        high, low = (region(values, 0.2, highest=highest)[0] for highest in (True, False))
        assert high.flatten().nonzero().flatten().tolist() == [0, 1, 2, 12]
        assert low.flatten().nonzero().flatten().tolist() == [0, 1, 2, 3]


def neighbours(values: Tensor) -> set[frozenset[float]]:
    """Pairs of values next to each other, around the edges too."""
    pairs = set()
    for axis in (0, 1):
        rolled = values.roll(1, axis)
        pairs |= {
            frozenset(pair)
            for pair in zip(values.flatten().tolist(), rolled.flatten().tolist(), strict=True)
        }
    return pairs


class TestMoves:
    @pytest.mark.parametrize("size", [(6, 6), (5, 8), (2, 2)])
    def test_they_keep_values_and_who_is_whose_neighbour(self, size):
        values = torch.arange(float(size[0] * size[1])).view(size)
        moved = move_maps(values, 40, seeded(0))
        assert moved.shape == (40, *size)
        for copy in moved:
            assert torch.equal(copy.flatten().sort().values, values.flatten())
            assert neighbours(copy) == neighbours(values)
            assert not torch.equal(copy, values)

    def test_every_place_gets_its_turn(self):
        values = torch.zeros(6, 6)
        values[0, 0] = 1
        share = move_maps(values, 3600, seeded(0)).mean(0)
        # 100 expected a place, sd 10
        assert float((share - 1 / 36).abs().max()) * 3600 < 45

    def test_squares_are_turned_others_are_not_stretched(self):
        bar = torch.zeros(6, 6)
        bar[2] = 1
        upright = [bool((m.sum(0) == 6).any()) for m in move_maps(bar, 200, seeded(0))]
        assert 60 < sum(upright) < 140
        bar = torch.zeros(4, 6)
        bar[2] = 1
        assert all(bool((m.sum(1) == 6).any()) for m in move_maps(bar, 50, seeded(0)))

    def test_the_same_seed_moves_the_same(self):
        values = torch.rand(5, 5, generator=seeded(1))
        a, b, c = (move_maps(values, 9, seeded(seed)) for seed in (0, 0, 1))
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def picture(seed: int, side: int = 56, channels: int = 3) -> Tensor:
    low, high = sorted(torch.rand(2, generator=seeded(seed + 1000)).tolist())
    return low + (high - low) * torch.rand(channels, side, side, generator=seeded(seed))


def masks(seed: int, area: float, grid: int = 7) -> Tensor:
    return region(torch.rand(2, grid, grid, generator=seeded(seed)), area, highest=True)


def over_pixels(regions: Tensor, side: int) -> Tensor:
    block = side // regions.shape[-1]
    return regions.repeat_interleave(block, 1).repeat_interleave(block, 2)


class TestDelete:
    @given(
        seed=st.integers(0, 10_000),
        area=st.sampled_from((0.02, 0.1, 0.3, 0.6, 0.95)),
        grid=st.sampled_from((2, 7, 14, 28)),
        channels=st.sampled_from((1, 3)),
    )
    @settings(max_examples=40, deadline=None)
    def test_range_and_the_rest_of_the_image(self, seed, area, grid, channels):
        image, regions = picture(seed, channels=channels), masks(seed, area, grid)
        deleted = delete(image, regions)
        assert deleted.shape == (len(FILLS), 2, *image.shape)
        low, high = image.amin((1, 2)), image.amax((1, 2))
        for channel in range(channels):
            assert float(deleted[:, :, channel].min()) >= float(low[channel])
            assert float(deleted[:, :, channel].max()) <= float(high[channel])
        kept = ~over_pixels(regions, 56)[None, :, None].expand_as(deleted)
        assert torch.equal(deleted[kept], image.expand_as(deleted)[kept])

    @given(
        seed=st.integers(0, 10_000),
        area=st.sampled_from((0.05, 0.1, 0.3, 0.6, 0.95)),
        grid=st.sampled_from((7, 14)),
    )
    @settings(max_examples=40, deadline=None)
    def test_surroundings_know_nothing_of_what_was_deleted(self, seed, area, grid):
        image, regions = picture(seed), masks(seed, area, grid)[:1]
        inside = over_pixels(regions, 56).expand_as(image)
        other = torch.where(inside, torch.rand(image.shape, generator=seeded(seed + 1)), image)
        # The image's own range is kept to, and it must not change either.
        kept = image.masked_fill(inside, torch.nan).flatten(1)
        rows = [row[~row.isnan()] for row in kept]
        low, high = (torch.stack([f(row) for row in rows]) for f in (torch.amin, torch.amax))
        clamped = [
            torch.where(inside, x.clamp(low[:, None, None], high[:, None, None]), x)
            for x in (image, other)
        ]
        a, b = (delete(x, regions)[SURROUNDINGS, 0] for x in clamped)
        assert torch.allclose(a, b, atol=1e-5)

    def test_something_of_it_is_gone(self):
        image = torch.full((3, 56, 56), 0.2)
        image[:, 8:24, 8:24] = 0.9
        regions = torch.zeros(1, 7, 7, dtype=torch.bool)
        regions[0, 1:3, 1:3] = True
        blurred, filled = delete(image, regions)[:, 0]
        assert torch.allclose(filled, torch.full_like(filled, 0.2), atol=1e-5)
        assert float(blurred[:, 8:24, 8:24].mean()) < 0.85
        assert float(blurred[:, 14:18, 14:18].mean()) < 0.9

    def test_blur_of_a_flat_image_is_that_image_up_to_its_edges(self):
        image = torch.full((3, 32, 32), 0.4)
        everything = torch.ones(1, 4, 4, dtype=torch.bool)
        assert torch.allclose(delete(image, everything), image.expand(2, 1, 3, 32, 32), atol=1e-6)

    def test_a_wide_region_takes_the_colors_next_to_it(self):
        image = torch.zeros(3, 56, 56)
        image[:, :, 28:] = 1
        regions = torch.zeros(1, 7, 7, dtype=torch.bool)
        regions[0, :, 2:5] = True
        filled = delete(image, regions)[SURROUNDINGS, 0, 0]
        assert float(filled[:, 17].mean()) < 0.2
        assert float(filled[:, 38].mean()) > 0.8

    def test_no_region_is_no_change(self):
        image = picture(0)
        nothing = torch.zeros(1, 7, 7, dtype=torch.bool)
        assert torch.equal(delete(image, nothing), image.expand(2, 1, -1, -1, -1))

    def test_sizes_that_do_not_divide(self):
        image = torch.rand(3, 37, 61, generator=seeded(0))
        deleted = delete(image, masks(0, 0.3, 5))
        assert deleted.shape == (2, 2, 3, 37, 61)
        assert bool(torch.isfinite(deleted).all())


N_MOVES = 19
Y, X = torch.meshgrid(torch.arange(10.0), torch.arange(10.0), indexing="ij")
# What the planted network looks at: a spot in a corner, and a little of everything.
SPOT = torch.exp(-((Y - 2) ** 2 + (X - 3) ** 2 / 2) / 6) + 0.01 * (1 + Y + 0.37 * X)


def looks_at(weights: Tensor):
    """The analytic network: deleting a region costs the weights inside."""
    share = weights / weights.sum()
    return lambda regions: (regions.float() * share).sum((1, 2))


def proof(values: Tensor, effect=None, seed: int = 0) -> Faithfulness | Skipped:
    effect = effect or looks_at(SPOT)
    return faithfulness(values, effect, n_moves=N_MOVES, generator=seeded(seed))


class TestFaithfulness:
    def test_the_map_that_says_what_the_network_looks_at_holds(self):
        found = proof(SPOT)
        assert isinstance(found, Faithfulness)
        assert found.p_value == pytest.approx(1 / (1 + N_MOVES))
        assert found.holds
        assert found.value > found.null_high > found.null_mean
        assert (found.n_moves, found.fills) == (N_MOVES, FILLS)
        assert found.mean.area_frac == pytest.approx(0.2)

    def test_its_numbers_by_hand(self):
        found = proof(SPOT)
        ranked = (SPOT / SPOT.sum()).flatten().sort().values
        expected = [(float(ranked[-n:].sum()), float(ranked[:n].sum())) for n in (10, 20, 30)]
        assert [point.area_frac for point in found.curve] == [0.1, 0.2, 0.3]
        for point, (high, low) in zip(found.curve, expected, strict=True):
            assert point.retained == pytest.approx(high, abs=1e-6)
            assert point.dropped == pytest.approx(low, abs=1e-6)
            assert point.dropped < point.moved_dropped
            assert point.moved_retained < point.retained
        assert found.value == pytest.approx(sum(h - low for h, low in expected) / 3, abs=1e-6)

    def test_the_map_turned_inside_out_fails(self):
        found = proof(-SPOT)
        assert isinstance(found, Faithfulness)
        assert found.p_value == 1
        assert not found.retained_matters
        assert not found.dropped_does_not
        assert not found.holds
        assert found.value == pytest.approx(-proof(SPOT).value)

    def test_half_a_truth_is_half_a_proof(self):
        """The spot is marked, but what the network looks at second is called dropped."""
        weights = SPOT + SPOT.flip(0)
        found = proof(SPOT - 2 * SPOT.flip(0), looks_at(weights))
        assert found.retained_matters
        assert not found.dropped_does_not
        assert not found.holds

    @pytest.mark.parametrize("values", [torch.zeros(10, 10), torch.full((10, 10), 0.7)])
    def test_a_constant_map_proves_nothing(self, values):
        found = proof(values)
        assert isinstance(found, Skipped)
        assert found.check == "faithfulness"
        assert "same value everywhere" in found.reason

    def test_a_network_that_does_not_care_proves_nothing(self):
        found = proof(SPOT, lambda regions: torch.zeros(len(regions)))
        assert isinstance(found, Faithfulness)
        assert found.p_value == 1
        assert not found.holds

    def test_an_effect_that_is_not_finite_is_no_proof(self):
        found = proof(SPOT, lambda regions: torch.full((len(regions),), torch.nan))
        assert isinstance(found, Skipped)
        assert "not finite" in found.reason

    def test_random_maps_have_uniform_p_values(self):
        """Of 400 maps of noise each of the 20 possible p-values comes 20 times, give or take."""
        effect = looks_at(SPOT)
        p_values = torch.tensor(
            [
                proof(torch.rand(10, 10, generator=seeded(seed)), effect, seed=seed).p_value
                for seed in range(400)
            ]
        )
        # mean of the uniform law on 1/20..1 and 4 standard errors of it
        assert float(p_values.mean()) == pytest.approx(0.525, abs=4 * 0.288 / 20)
        for level in (0.1, 0.25, 0.5, 0.75):
            spread = (level * (1 - level) / 400) ** 0.5
            assert float((p_values <= level + 1e-6).float().mean()) == pytest.approx(
                level, abs=4 * spread
            )

    def test_smooth_maps_too(self):
        """Moved copies keep the blobs of a smooth map, so that they are its fair rivals."""
        effect = looks_at(SPOT)
        p_values = []
        for seed in range(300):
            spectrum = torch.fft.rfft2(torch.randn(10, 10, generator=seeded(seed)))
            spectrum[3:8], spectrum[:, 3:] = 0, 0
            p_values.append(proof(torch.fft.irfft2(spectrum, s=(10, 10)), effect, seed).p_value)
        assert sum(p_values) / 300 == pytest.approx(0.525, abs=4 * 0.288 / 300**0.5)
        assert sum(p <= 0.1 for p in p_values) / 300 == pytest.approx(0.1, abs=4 * 0.0173)
