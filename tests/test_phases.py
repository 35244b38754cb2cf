"""Exchanging phases and magnitudes: exact properties."""

import math

import pytest
import torch

from macoaudit.errors import UsageError
from macoaudit.phases import (
    clipped_share,
    likeness,
    natural_magnitude,
    natural_noise,
    random_phases,
    swap_phases,
)
from macoaudit.spectrum import load_spectrum, measure_spectrum, resample, resampled_dc

SIZES = [(32, 32), (33, 33), (32, 33), (45, 20)]


def picture(size: tuple[int, int], seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(3, *size, generator=generator)
    return torch.nn.functional.avg_pool2d(noise, 5, stride=1, padding=2)


def magnitude(image: torch.Tensor) -> torch.Tensor:
    return torch.fft.fft2(image.double()).abs()


@pytest.mark.parametrize("size", SIZES)
class TestSwap:
    def test_magnitudes_change_hands_on_every_bin(self, size):
        first, second = picture(size, 1), picture(size, 2)
        one, other = swap_phases(first, second)
        torch.testing.assert_close(magnitude(one), magnitude(second))
        torch.testing.assert_close(magnitude(other), magnitude(first))

    def test_phases_stay(self, size):
        first, second = picture(size, 1), picture(size, 2)
        one, _ = swap_phases(first, second)
        wanted, found = torch.fft.fft2(first.double()), torch.fft.fft2(one)
        turned = found * wanted.conj()
        torch.testing.assert_close(turned.real, turned.abs())

    def test_energy_is_that_of_the_magnitude(self, size):
        first, second = picture(size, 1), picture(size, 2)
        one, other = swap_phases(first, second)
        assert float(one.square().sum()) == pytest.approx(float(second.double().square().sum()))
        assert float(other.square().sum()) == pytest.approx(float(first.double().square().sum()))

    def test_twice_returns_both(self, size):
        first, second = picture(size, 1), picture(size, 2)
        again = swap_phases(*swap_phases(first, second))
        torch.testing.assert_close(again[0], first.double())
        torch.testing.assert_close(again[1], second.double())

    def test_a_picture_with_itself_is_itself(self, size):
        image = picture(size)
        for result in swap_phases(image, image):
            torch.testing.assert_close(result, image.double())


def test_a_shift_is_a_phase():
    """Moving a picture round changes phases only, so the moved one's phase moves the other."""
    image = picture((32, 32))
    moved = image.roll((5, -3), (1, 2))
    one, other = swap_phases(image, moved)
    torch.testing.assert_close(one, image.double())
    torch.testing.assert_close(other, moved.double())


@pytest.mark.parametrize("size", SIZES)
def test_random_phases_keep_magnitudes_and_colour_and_lose_the_picture(size):
    image = picture(size)
    drawn = random_phases(image, torch.Generator().manual_seed(3))
    torch.testing.assert_close(magnitude(drawn), magnitude(image), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(drawn.mean((1, 2)), image.double().mean((1, 2)))
    # A few coarse waves hold most of the energy: single draws are alike by chance, not the mean.
    draws = [random_phases(image, torch.Generator().manual_seed(seed)) for seed in range(64)]
    alike = torch.tensor([likeness(one, image) for one in draws])
    assert abs(float(alike.mean())) < 4 * float(alike.std()) / 64**0.5
    assert float(alike.abs().max()) < 0.9
    again = random_phases(image, torch.Generator().manual_seed(3))
    assert torch.equal(drawn, again)
    assert not torch.equal(drawn, random_phases(image, torch.Generator().manual_seed(4)))


def in_its_colours(image: torch.Tensor, spectrum) -> torch.Tensor:
    inverse = spectrum.color_matrix.double().inverse()
    return torch.fft.rfft2(torch.einsum("ij,jhw->ihw", inverse, image.double()), norm="ortho")


@pytest.mark.parametrize("size", SIZES)
def test_natural_magnitude_has_the_template_on_every_bin_and_the_pictures_phases(size):
    spectrum, image = load_spectrum(), picture(size)
    result = in_its_colours(natural_magnitude(image, spectrum), spectrum)
    wanted = resample(spectrum, size).double()
    torch.testing.assert_close(result.abs(), wanted, rtol=1e-5, atol=1e-6)
    dc = resampled_dc(spectrum, size).double()
    torch.testing.assert_close(result[:, 0, 0].real, dc, rtol=1e-5, atol=1e-6)
    turned = (result * in_its_colours(image, spectrum).conj()).flatten(1)[:, 1:]
    torch.testing.assert_close(turned.real, turned.abs(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_natural_noise_has_the_template_on_every_bin(size):
    spectrum = load_spectrum()
    drawn = natural_noise(spectrum, size, torch.Generator().manual_seed(0))
    found = in_its_colours(drawn, spectrum)
    torch.testing.assert_close(found.abs(), resample(spectrum, size).double(), rtol=1e-4, atol=1e-5)


def test_a_picture_on_its_own_mean_magnitude_is_itself():
    image = picture((32, 32))
    spectrum = measure_spectrum([image], torch.eye(3))
    # the template is kept in 16 bits
    torch.testing.assert_close(
        natural_magnitude(image, spectrum), image.double(), rtol=0, atol=2e-3
    )


def test_other_channels_are_refused():
    with pytest.raises(UsageError, match="it has 3 channels, the picture 1"):
        natural_magnitude(picture((32, 32))[:1], load_spectrum())


def test_clipped_share_counts_what_rounding_does_not_forgive():
    values = torch.tensor([-1.0, -0.001, 0.0, 0.5, 1.0, 1.001, 1.01, 2.0])
    assert clipped_share(values.view(1, 2, 4)) == pytest.approx(3 / 8)


def test_likeness_has_its_extremes():
    image = picture((16, 16))
    assert likeness(image, image * 0.3 + 0.4) == pytest.approx(1)
    assert likeness(image, 1 - image) == pytest.approx(-1)
    assert math.isnan(likeness(image, torch.full_like(image, 0.2)))
