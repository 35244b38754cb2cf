"""Retention of attributes: likenesses with known answers, and their null, ceiling and interval."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from macoaudit.results import Retained, Skipped
from macoaudit.retention import Scored, band_names, likeness, retained, traits

GRID = (4, 4)
IN_PLACE = torch.arange(16)[None]


def noise(*size: int, seed: int = 0, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, channels, *size, generator=generator)


def compared(reference: Tensor, other: Tensor, matches: Tensor = IN_PLACE) -> dict[str, float]:
    found = likeness(
        traits(reference, GRID), traits(other, GRID), matches.expand(len(other), len(matches[0]))
    )
    return {name: float(value) for name, value in found.items()}


def flat(*rgb: float, size: int = 16) -> Tensor:
    return torch.tensor(rgb)[None, :, None, None].expand(1, -1, size, size)


class TestBands:
    @pytest.mark.parametrize("size", [(32, 32), (24, 40), (21, 33)])
    @pytest.mark.parametrize("shift", [(1, 0), (0, 3), (5, 2)])
    def test_of_a_shift_is_the_mean_of_cos_of_its_phase_ramp(self, size, shift):
        image = noise(*size)
        found = compared(image, image.roll(shift, (2, 3)))
        height, width = size
        bins = {name: [] for name in band_names(size)}
        for fy in range(-(height // 2), height - height // 2):
            for fx in range(width // 2 + 1):
                octave = math.floor(math.log2(math.hypot(fy, fx))) if fy or fx else -1
                name = f"bands_{octave + 1}"
                if name in bins:
                    # the row of -height/2 is the same bin as that of +height/2
                    ramp = fy * shift[0] / height + fx * shift[1] / width
                    bins[name].append(math.cos(2 * math.pi * ramp))
        for name, values in bins.items():
            assert found[name] == pytest.approx(np.mean(values), abs=1e-4)

    def test_of_the_image_itself_is_one_and_of_another_about_zero(self):
        image = noise(64, 64)
        assert band_names((64, 64)) == tuple(f"bands_{i}" for i in range(1, 6))
        own, other = compared(image, image), compared(image, noise(64, 64, seed=1))
        for name in band_names((64, 64)):
            assert own[name] == pytest.approx(1, abs=1e-5)
        # n independent uniform phases: sd 1 / sqrt(2 n), n at least half a ring of 16..32
        assert abs(other["bands_5"]) < 4 / math.sqrt(2 * 1200)
        assert abs(other["bands_4"]) < 4 / math.sqrt(2 * 300)

    def test_the_octaves_of_a_size(self):
        assert band_names((224, 224)) == tuple(f"bands_{i}" for i in range(1, 7))
        assert band_names((32, 64)) == tuple(f"bands_{i}" for i in range(1, 5))

    def test_a_wave_is_in_its_octave_alone(self):
        x = torch.arange(64) / 64
        wave = (0.5 + 0.02 * torch.sin(2 * math.pi * 5 * x)).expand(1, 3, 64, 64)
        turned = (0.5 + 0.02 * torch.sin(2 * math.pi * 5 * x + 1.0)).expand(1, 3, 64, 64)
        found = compared(wave, turned)
        assert found["bands_3"] == pytest.approx(math.cos(1.0), abs=1e-3)
        assert found["bands_1"] == found["bands_2"] == 0

    def test_a_flat_image_has_no_phases(self):
        found = compared(flat(0.5, 0.5, 0.5), noise(16, 16))
        assert {found[name] for name in band_names((16, 16))} == {0.0}


class TestColor:
    @pytest.mark.parametrize(
        ("rgb", "lab"),
        # sRGB primaries under D65 in CIE Lab, as published (for example by Lindbloom)
        [
            ((1, 0, 0), (53.24, 80.09, 67.20)),
            ((0, 1, 0), (87.73, -86.18, 83.18)),
            ((0, 0, 1), (32.30, 79.19, -107.86)),
            ((1, 1, 0), (97.14, -21.55, 94.48)),
            ((0, 1, 1), (91.11, -48.09, -14.13)),
            ((1, 1, 1), (100.0, 0.0, 0.0)),
            ((0, 0, 0), (0.0, 0.0, 0.0)),
            ((0.5, 0.5, 0.5), (53.39, 0.0, 0.0)),
        ],
    )
    def test_lab_of_known_colors(self, rgb, lab):
        found = traits(flat(*map(float, rgb)), GRID)
        values = (found.layout.mean(), *found.color.mean((0, 2)))
        assert [float(value) for value in values] == pytest.approx(lab, abs=0.06)

    def test_grey_has_none_at_any_lightness(self):
        ramp = torch.linspace(0, 1, 64).view(1, 1, 8, 8)
        for image in (ramp, ramp.expand(1, 3, 8, 8)):
            assert float(traits(image, (8, 8)).color.abs().max()) < 1e-3

    def halves(self, left: tuple[float, ...], right: tuple[float, ...]) -> Tensor:
        return torch.cat([flat(*left)[..., :8], flat(*right)[..., 8:]], 3)

    def test_planted_chroma(self):
        red, green, grey = (0.8, 0.2, 0.2), (0.2, 0.6, 0.2), (0.5, 0.5, 0.5)
        image = self.halves(red, green)
        assert compared(image, image)["color"] == pytest.approx(1, abs=1e-5)
        # the same two colours the other way round: both centred channels change their sign
        assert compared(image, self.halves(green, red))["color"] == pytest.approx(-1, abs=1e-5)
        # and found where their content is, they are the same colours
        mirrored = torch.arange(16).view(4, 4).flip(1).reshape(1, 16)
        assert compared(image, self.halves(green, red), mirrored)["color"] == pytest.approx(1)
        assert compared(image, self.halves(grey, grey))["color"] == 0
        assert compared(self.halves(grey, grey), image)["color"] == 0

    def test_correlation_by_hand(self):
        reference, other = noise(16, 16), noise(16, 16, seed=1)
        a, b = (traits(image, GRID).color[0].double().numpy() for image in (reference, other))
        a, b = ((v - v.mean(1, keepdims=True)).ravel() for v in (a, b))
        expected = np.corrcoef(a, b)[0, 1]
        assert compared(reference, other)["color"] == pytest.approx(expected, abs=1e-5)

    def test_a_shade_does_not_change_it(self):
        image = self.halves((0.6, 0.3, 0.3), (0.3, 0.5, 0.3))
        assert compared(image, 0.5 * image)["color"] == pytest.approx(1, abs=0.02)


class TestOrientation:
    def grating(self, degrees: float) -> Tensor:
        angle = math.radians(degrees)
        y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
        wave = torch.sin(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / 12)
        return (0.5 + 0.1 * wave).expand(1, 3, 96, 96)

    @pytest.mark.parametrize("start", [0, 20, 70])
    @pytest.mark.parametrize("difference", [0, 15, 30, 45, 60, 90, 135, 180])
    def test_of_gratings_is_the_cosine_of_twice_their_angle(self, start, difference):
        found = compared(self.grating(start), self.grating(start + difference))
        expected = math.cos(2 * math.radians(difference))
        # differences over two pixels turn a wave of 12 px by a degree or so
        assert found["orientation"] == pytest.approx(expected, abs=0.05)

    def test_contrast_and_position_do_not_count(self):
        a, b = self.grating(30), self.grating(30).roll((5, 17), (2, 3))
        assert compared(a, 0.5 + 0.3 * (b - 0.5))["orientation"] == pytest.approx(1, abs=0.02)

    def test_without_edges_it_is_zero(self):
        assert compared(self.grating(0), flat(0.5, 0.5, 0.5, size=96))["orientation"] == 0


class TestLayout:
    def two_valued(self, seed: int = 0) -> Tensor:
        """A picture of two greys, half of the 8 x 8 cells each."""
        order = torch.randperm(64, generator=torch.Generator().manual_seed(seed)).view(8, 8)
        cells = torch.where(order < 32, 0.2, 0.7)
        return cells.repeat_interleave(4, 0).repeat_interleave(4, 1).expand(1, 3, 32, 32)

    def test_of_an_image_and_its_negative(self):
        image = self.two_valued()
        assert compared(image, image)["layout"] == pytest.approx(1, abs=1e-5)
        assert compared(image, 0.9 - image)["layout"] == pytest.approx(-1, abs=1e-5)

    def test_correlation_by_hand(self):
        a, b = (noise(32, 32, seed=seed) for seed in (0, 1))
        expected = np.corrcoef(*(traits(i, GRID).layout.numpy().ravel() for i in (a, b)))[0, 1]
        assert compared(a, b)["layout"] == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize("cells", [(1, 0), (3, 5), (7, 7)])
    def test_shifted_by_whole_cells(self, cells):
        image = self.two_valued()
        moved = image.roll((4 * cells[0], 4 * cells[1]), (2, 3))
        found = compared(image, moved)
        assert found["layout_shifted"] == pytest.approx(1, abs=1e-5)
        assert found["layout"] < 0.5

    def test_it_needs_a_pattern(self):
        assert compared(self.two_valued(), flat(0.4, 0.4, 0.4, size=32))["layout"] == 0

    def test_lightness_alone_counts(self):
        image = self.two_valued()
        colored = traits(flat(0.0, 0.0, 1.0, size=32), GRID).layout
        assert float(colored.std()) < 1e-3
        assert compared(image, 0.5 + 0.5 * image)["layout"] == pytest.approx(1, abs=1e-3)


def test_a_batch_is_the_same_as_its_members():
    reference = traits(noise(32, 32), GRID)
    batch = torch.cat([noise(32, 32, seed=seed) for seed in (1, 2, 3)])
    matches = torch.randint(16, (3, 16), generator=torch.Generator().manual_seed(0))
    together = likeness(reference, traits(batch, GRID), matches)
    for index in range(3):
        alone = likeness(
            reference, traits(batch[index : index + 1], GRID), matches[index : index + 1]
        )
        for name, value in alone.items():
            assert float(together[name][index]) == pytest.approx(float(value), abs=1e-5)


def scored(
    *observed: float, null: tuple[float, ...] = (0.1, 0.2, 0.3), ceiling: float = 1.0
) -> Scored:
    return Scored(torch.tensor(observed), torch.tensor(null), ceiling)


class TestRetained:
    def found(self, given: Scored) -> Retained:
        result = retained("layout", given, torch.Generator().manual_seed(0))
        assert isinstance(result, Retained)
        return result

    @pytest.mark.parametrize(
        ("observed", "value"),
        [(0.2, 0.0), (1.0, 1.0), (0.6, 0.5), (0.4, 0.25), (-0.5, 0.0), (1.2, 1.0)],
    )
    def test_the_value_is_zero_at_the_null_and_one_at_the_ceiling(self, observed, value):
        result = self.found(scored(observed))
        assert result.value == pytest.approx(value, abs=1e-6)
        assert (result.low, result.high) == (None, None)  # one seed has no interval
        assert (result.observed, result.null, result.ceiling) == pytest.approx((observed, 0.2, 1))

    @pytest.mark.parametrize(
        ("observed", "p_value"), [(0.05, 4 / 4), (0.1, 4 / 4), (0.15, 3 / 4), (0.9, 1 / 4)]
    )
    def test_the_p_value_counts_null_draws_at_least_as_like(self, observed, p_value):
        assert self.found(scored(observed)).p_value == pytest.approx(p_value)

    def test_the_p_value_is_of_the_mean_over_seeds(self):
        assert self.found(scored(0.05, 0.45)).p_value == pytest.approx(2 / 4)

    def test_the_interval_of_two_seeds_spans_them(self):
        """Of four resamples of two seeds one is the lower twice and one the upper twice."""
        result = self.found(scored(0.4, 0.6, null=(0.2,) * 8))
        assert result.value == pytest.approx(0.375)
        assert (result.low, result.high) == pytest.approx((0.25, 0.5), abs=1e-6)

    @pytest.mark.parametrize("seed", range(5))
    def test_the_interval_holds_the_value(self, seed):
        generator = torch.Generator().manual_seed(seed)
        given = Scored(
            torch.rand(3, generator=generator), 0.5 * torch.rand(64, generator=generator), 0.8
        )
        result = self.found(given)
        assert 0 <= result.low <= result.value <= result.high <= 1

    def test_equal_seeds_still_leave_the_doubt_of_the_null(self):
        result = self.found(scored(0.5, 0.5, null=(0.0, 0.4) * 16))
        assert result.low < result.value - 0.02
        assert result.high > result.value + 0.02

    def test_a_null_that_reaches_the_ceiling_in_some_draws_is_doubt_not_a_number(self):
        """Of 32 null images 30 keep the class: some resamples of them keep it always."""
        null = (1.0,) * 30 + (0.0,) * 2
        result = self.found(scored(1.0, 1.0, 0.0, null=null))
        assert result.value == 0
        assert result.high == 1
        sure = self.found(scored(1.0, 1.0, 1.0, null=null))
        assert sure.value == 1
        assert all(math.isfinite(end) for end in (sure.low, sure.high))
        assert sure.low == 0  # in an eighth of the resamples there is nothing above the null

    @pytest.mark.parametrize("ceiling", [0.2, 0.24, 0.0])
    def test_without_room_above_the_null_there_is_no_number(self, ceiling):
        result = retained("color", scored(0.2, ceiling=ceiling), torch.Generator())
        assert isinstance(result, Skipped)
        assert result.check == "color"
        assert f"{ceiling:.2f}" in result.reason
        assert "0.20" in result.reason

    @pytest.mark.parametrize("which", ["observed", "null", "ceiling"])
    def test_what_is_not_finite_is_no_number(self, which):
        values = {"observed": torch.ones(2), "null": torch.zeros(3), "ceiling": 1.0}
        if which == "ceiling":
            values[which] = math.nan
        else:
            values[which][0] = math.inf
        result = retained("layout", Scored(**values), torch.Generator())
        assert isinstance(result, Skipped)
        assert "not finite" in result.reason
