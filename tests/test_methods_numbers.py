"""Measures of the comparison of methods against closed forms, the library and simulations."""

import math

import pytest
import torch

from macoaudit.errors import UsageError
from macoaudit.methods.comparing import Group, compare, of_mean
from macoaudit.methods.distances import (
    CMMD_SCALE,
    SIGMA,
    cmmd,
    frechet,
    gaussian,
    kid,
    library_frechet,
    mmd,
    polynomial,
)
from macoaudit.methods.natural import natural_floor, natural_percentile, nearest_in_class
from macoaudit.methods.records import Measure
from macoaudit.methods.resampling import (
    Estimate,
    estimate,
    mean_of,
    median_of,
    once,
    percentile_interval,
    resample_counts,
    wilson,
)
from macoaudit.methods.scoring import ranks_of
from macoaudit.methods.spectra import centres, power_spectra, template_share
from macoaudit.methods.words import sentence, told
from macoaudit.metrics import frechet_distance
from macoaudit.models import import_timm
from macoaudit.natural import Bank
from macoaudit.phases import natural_noise
from macoaudit.spectrum import load_spectrum


def draws(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class TestFrechet:
    def test_of_a_set_with_itself_is_zero(self):
        x = draws(30, 8)
        assert float(frechet(x, x)(once(30))[0]) == pytest.approx(0, abs=1e-6)

    def test_of_a_moved_set_is_the_squared_move(self):
        x, mu = draws(30, 8), draws(8, seed=1)
        assert float(frechet(x + mu, x)(once(30))[0]) == pytest.approx(float(mu @ mu), rel=1e-6)

    def test_of_a_scaled_set_is_that_of_the_gaussians(self):
        # C2 = s^2 C1 and equal means: tr(C1 + C2 - 2 s C1) = (1 - s)^2 tr C1
        x = draws(40, 6)
        x = x - x.mean(0)
        wanted = (1 - 3.0) ** 2 * float(torch.cov(x.T).trace())
        assert float(frechet(x, 3 * x)(once(40))[0]) == pytest.approx(wanted, rel=1e-6)

    @pytest.mark.parametrize("width", [5, 60])
    def test_agrees_with_the_library_and_the_covariances(self, width):
        x, y = draws(20, width) + 0.5, 1.5 * draws(33, width, seed=1)
        own = float(frechet(x, y)(once(20))[0])
        assert own == pytest.approx(frechet_distance(x, y), rel=1e-5)
        import_timm()  # lets torchvision load, which torchmetrics imports
        pytest.importorskip("torchmetrics")
        found = library_frechet(x, y)
        assert found is not None
        assert own == pytest.approx(found[0], rel=1e-5)
        assert "torchmetrics" in found[1]

    def test_a_bootstrap_sample_is_the_set_with_copies(self):
        x, y = draws(6, 4), draws(15, 4, seed=1)
        counts = torch.tensor([[2, 0, 1, 3, 0, 0], [1, 1, 1, 1, 1, 1]])
        copied = x.repeat_interleave(counts[0], 0)
        both = frechet(x, y)(counts)
        assert float(both[0]) == pytest.approx(frechet_distance(copied, y), rel=1e-6)
        assert float(both[1]) == pytest.approx(frechet_distance(x, y), rel=1e-6)

    def test_one_picture_is_refused(self):
        with pytest.raises(UsageError, match="two or more of each"):
            frechet(draws(1, 3), draws(5, 3))


class TestMmd:
    def test_kid_agrees_with_the_library_on_sets_of_equal_size(self):
        import_timm()
        kid_library = pytest.importorskip("torchmetrics.image.kid")
        x, y = draws(12, 7), draws(12, 7, seed=1) + 0.3
        wanted = float(kid_library.poly_mmd(y, x))
        assert float(kid(x, y)(once(12))[0]) == pytest.approx(wanted, rel=1e-9)

    def test_gaussian_mmd_of_two_far_clusters(self):
        # Members of a cluster coincide (k = 1), clusters are far apart (k = e): 1 + 1 - 2e.
        x, y = torch.zeros(4, 2).double(), torch.zeros(5, 2).double()
        y[:, 0] = 20.0
        wanted = 2 - 2 * math.exp(-(20.0**2) / (2 * SIGMA**2))
        assert float(mmd(gaussian(x, y))(once(4))[0]) == pytest.approx(wanted, rel=1e-12)

    def test_cmmd_of_opposite_directions(self):
        # Unit vectors of opposite sign are 2 apart.
        x, y = torch.tensor([[3.0, 0], [5.0, 0]]), torch.tensor([[-1.0, 0], [-2.0, 0]])
        wanted = CMMD_SCALE * (2 - 2 * math.exp(-4 / (2 * SIGMA**2)))
        assert float(cmmd(x, y)(once(2))[0]) == pytest.approx(wanted, rel=1e-9)

    def test_is_unbiased_under_permutation(self):
        pool = draws(24, 3)
        values = []
        for seed in range(300):
            order = torch.randperm(24, generator=torch.Generator().manual_seed(seed))
            x, y = pool[order[:8]], pool[order[8:]]
            values.append(float(mmd(polynomial(x, y))(once(8))[0]))
        found = torch.tensor(values)
        assert abs(float(found.mean())) < 4 * float(found.std()) / math.sqrt(300)

    def test_copies_of_a_member_are_not_paired(self):
        x, y = draws(5, 3), draws(6, 3, seed=1)
        grams = polynomial(x, y)
        w = torch.tensor([2, 0, 1, 1, 1])
        pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
        own = sum(float(w[i] * w[j] * grams.within[i, j]) for i, j in pairs)
        own /= sum(float(w[i] * w[j]) for i, j in pairs)
        other = float(grams.other.sum() - grams.other.trace()) / 30
        wanted = own + other - 2 * float(w.double() @ grams.between.mean(1)) / 5
        assert float(mmd(grams)(w[None])[0]) == pytest.approx(wanted, rel=1e-9)

    def test_floor_of_natural_images_is_near_zero(self):
        floor = natural_floor("KID", draws(60, 4), 20)
        assert floor.lowest < 0 < floor.highest
        assert floor.n_part == 20
        assert natural_floor("FID", draws(60, 4), 50).n_part == 30


class TestNatural:
    def test_a_member_of_the_reference_has_distance_zero(self):
        bank = draws(9, 5)
        found = nearest_in_class(bank[2:4], (0, 0), bank, [None] * 9, by_class=False)
        assert found.tolist() == [0.0, 0.0]

    def test_the_nearest_of_the_class_and_of_any(self):
        bank = torch.tensor([[0.0], [4.0], [10.0]])
        query = torch.tensor([[1.0]])
        assert nearest_in_class(query, (7,), bank, (1, 7, 7), by_class=True).tolist() == [3.0]
        assert nearest_in_class(query, (7,), bank, (1, 7, 7), by_class=False).tolist() == [1.0]
        assert nearest_in_class(query, (5,), bank, (1, None, 7), by_class=True).isinf().all()

    def test_an_image_is_left_out_of_its_own_bank(self):
        bank = torch.tensor([[0.0], [4.0], [10.0]])
        found = nearest_in_class(bank, (0, 0, 0), bank, (0, 0, 0), by_class=True, same=(0, 1, 2))
        assert found.tolist() == [4.0, 4.0, 6.0]

    def test_natural_images_are_typical_of_themselves(self):
        assert natural_percentile(Bank.of(draws(200, 16), 1)) == pytest.approx(0.5, abs=0.1)


class TestIntervals:
    def test_wilson_by_hand(self):
        # 9 of 10: (0.9 + 0.19207) / 1.38415 -+ ...
        low, high = wilson(0.9, 10)
        assert (low, high) == (pytest.approx(0.59585, abs=1e-5), pytest.approx(0.98212, abs=1e-5))
        assert wilson(1.0, 10)[1] == 1.0
        assert wilson(0.0, 10)[0] == 0.0

    def test_the_interval_of_a_mean_covers_it_as_often_as_it_says(self):
        hits = 0
        for seed in range(300):
            found = estimate(mean_of(draws(40, seed=seed)), 40, 400)
            assert found.low is not None
            assert found.high is not None
            hits += found.low <= 0 <= found.high
        # 95 % less the known shortfall at 40; binomial spread of 300 trials is 1.4 %.
        assert 0.89 <= hits / 300 <= 0.985

    def test_median_of_even_odd_and_resampled_classes(self):
        values = torch.tensor([5.0, 1.0, 3.0, 9.0])
        median = median_of(values)
        assert float(median(once(4))[0]) == 4.0
        assert float(median_of(values[:3])(once(3))[0]) == 3.0
        assert float(median(torch.tensor([[0, 3, 0, 1]]))[0]) == 1.0

    def test_draws_sum_to_the_classes_and_repeat(self):
        counts = resample_counts(7, 50)
        assert counts.sum(1).tolist() == [7] * 50
        assert torch.equal(counts, resample_counts(7, 50))

    def test_an_open_end_is_none(self):
        many = torch.tensor([1.0] * 90 + [math.inf] * 10)
        assert percentile_interval(many) == (1.0, None)

    def test_one_class_has_no_interval(self):
        assert estimate(mean_of(torch.tensor([2.0])), 1, 10) == Estimate(2.0, None, None, 1)

    def test_differences_are_paired_over_the_shared_classes(self):
        one = Group("maco", (3, 3, 5, 8))
        two = Group("fourier", (5, 3, 9))
        values = {
            "maco": torch.tensor([1.0, 3.0, 10.0, 99.0]),
            "fourier": torch.tensor([9.0, 1, 50]),
        }
        builders = {g.name: of_mean(g, values[g.name]) for g in (one, two)}
        methods, (versus,) = compare((one, two), builders, 200, "bootstrap percentiles", ratio=True)
        assert methods["maco"].value == pytest.approx((2 + 10 + 99) / 3)  # class 3 counts once
        # Both classes differ by exactly one, so the paired difference is certain.
        assert (versus.difference.value, versus.difference.n) == (1.0, 2)
        assert (versus.difference.low, versus.difference.high) == (1.0, 1.0)
        assert versus.ratio is not None
        assert versus.ratio.value == pytest.approx(6 / 5)


class TestSpectra:
    def test_a_wave_is_counted_where_it_is(self):
        x = torch.arange(64, dtype=torch.float64)
        slow = 0.5 + 0.3 * torch.sin(2 * math.pi * x * 8 / 64)  # 0.125 cycles a pixel
        fast = 0.5 + 0.1 * torch.sin(2 * math.pi * x * 20 / 64)  # 0.3125
        rows = torch.stack([slow, fast, slow + fast - 0.5])
        image = rows[:, None, None, :].expand(3, 3, 64, 64).float()
        found = power_spectra(image)
        assert found.high_frac.tolist() == pytest.approx([0.0, 1.0, 0.1], abs=1e-5)
        assert int(found.radial[0].argmax()) == int((centres() - 0.125 - 0.001).abs().argmin())

    def test_the_share_of_a_power_law(self):
        size = 128
        f = torch.fft.fftfreq(size, dtype=torch.float64)
        radius = torch.hypot(f[:, None], f[None])
        amplitude = torch.where(radius > 0, radius.clamp_min(1e-9) ** -1.0, 0.0)
        noise = torch.fft.fft2(draws(size, size))
        image = torch.fft.ifft2(amplitude * noise / noise.abs()).real
        image = (0.5 + 0.1 * image / image.std())[None, None].float()
        wanted = float((amplitude**2)[radius >= 0.25].sum() / (amplitude**2).sum())
        found = power_spectra(image)
        assert float(found.high_frac[0]) == pytest.approx(wanted, rel=1e-3)
        # Power falls as 1/f^2: a factor of 4 an octave.
        bands = centres()
        low, high = (int((bands - value).abs().argmin()) for value in (0.1, 0.2))
        slope = math.log(float(found.radial[0, high] / found.radial[0, low])) / math.log(
            float(bands[high] / bands[low])
        )
        assert slope == pytest.approx(-2, abs=0.1)

    def test_the_window_takes_the_jump_at_the_border_away(self):
        ramp = torch.linspace(0, 1, 96)[None, None, None].expand(1, 1, 96, 96)
        plain, faded = (float(power_spectra(ramp, w).high_frac[0]) for w in ("none", "hann"))
        assert plain > 0.005
        assert faded < plain / 1000

    @pytest.mark.parametrize("size", [(64, 64), (65, 48), (47, 81)])
    def test_the_share_that_a_magnitude_prescribes(self, size):
        """Of pictures with random phases on it, before anything cuts their values off."""
        spectrum = load_spectrum()
        image_01 = torch.stack([natural_noise(spectrum, size, seeded(n)) for n in range(48)])
        found = power_spectra(image_01.float()).high_frac
        wanted = template_share(spectrum, size)
        assert float(found.mean()) == pytest.approx(wanted, abs=5 * float(found.std()) / 48**0.5)
        assert wanted == pytest.approx(float(found.mean()), rel=0.03)

    def test_a_picture_of_one_colour_has_no_high_share(self):
        assert float(power_spectra(torch.full((1, 3, 8, 8), 0.5)).high_frac[0]) == 0.0


def test_ranks_count_the_classes_above():
    logits = torch.tensor([[0.1, 0.9, 0.5], [1.0, 1.0, 2.0]])
    assert ranks_of(logits, (2, 0)).tolist() == [2, 2]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class TestWords:
    def measure(self, key, better, values):
        groups = [Group(name, tuple(range(len(v)))) for name, v in values.items()]
        builders = {g.name: of_mean(g, torch.tensor(values[g.name])) for g in groups}
        methods, versus = compare(groups, builders, 200, "bootstrap percentiles")
        return Measure(
            key, key, "judge", "net", better, "bootstrap percentiles", None, "", methods, versus
        )

    def test_a_difference_that_leaves_zero_out_is_said(self):
        found = self.measure("top1", "higher", {"maco": [1.0, 1, 1, 1], "fourier": [0.0, 0, 0, 0]})
        text = sentence(found, found.versus[0])
        assert text is not None
        assert "MACO is recognised more often than Fourier: 100 % against 0 %" in text
        assert "difference +100 points" in text

    def test_what_is_not_certain_is_not_said(self):
        values = {"maco": [0.0, 1, 0, 1], "fourier": [1.0, 0, 1, 0]}
        found = self.measure("top1", "higher", values)
        assert told(found, found.versus[0]).words == "open"
        assert "cannot be told apart" in str(sentence(found, found.versus[0]))

    def test_an_end_that_is_printed_as_zero_is_not_certain(self):
        values = {"maco": [0.003] * 4, "fourier": [0.001] * 4}
        found = self.measure("plausibility_percentile", "higher", values)
        assert found.versus[0].difference.low > 0
        assert told(found, found.versus[0]).words == "open"

    def test_lower_is_better_for_distances(self):
        values = {"maco": [9.0, 9, 8], "fourier": [1.0, 1, 1]}
        found = self.measure("FID", "lower", values)
        assert told(found, found.versus[0]).words == "worse"

    def test_nearer_to_natural_needs_one_side(self):
        found = self.measure(
            "high_frequency_none", "near 0", {"maco": [10.0] * 3, "fourier": [50.0] * 3}
        )
        assert told(found, found.versus[0]).words == "better"
        found = self.measure(
            "high_frequency_none", "near 0", {"maco": [-40.0] * 3, "fourier": [50.0] * 3}
        )
        assert told(found, found.versus[0]).words == "open"
