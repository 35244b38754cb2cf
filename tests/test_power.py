"""Power spectra along the radius, against closed forms."""

import math

import pytest
import torch

from macoaudit.errors import SpectrumError
from macoaudit.power import high_frequency_share, radial_power


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def cosine(ky: int, kx: int, size: tuple[int, int], amplitude: float = 0.25) -> torch.Tensor:
    y = torch.arange(size[0], dtype=torch.float64)[:, None] / size[0]
    x = torch.arange(size[1], dtype=torch.float64)[None, :] / size[1]
    wave = 0.5 + amplitude * torch.cos(2 * math.pi * (ky * y + kx * x))
    return wave[None, None].expand(1, 3, *size)


@pytest.mark.parametrize("size", [(64, 64), (63, 63), (64, 96), (45, 70)])
def test_white_noise_has_its_variance_at_every_frequency(size):
    images = noise(40, 3, *size)
    frequencies, power = radial_power(images)
    mean = power.mean(0)[3:]  # the first rings hold a few bins only
    assert mean == pytest.approx(torch.full_like(mean, 1 / 12).numpy(), rel=0.12)
    assert mean.mean() == pytest.approx(1 / 12, rel=0.01)
    assert frequencies[0] == pytest.approx(1 / min(size))
    assert frequencies[-1] == pytest.approx(min(size) // 2 / min(size))


@pytest.mark.parametrize(("ky", "kx", "ring"), [(0, 5, 5), (12, 0, 12), (3, 4, 5), (-6, 8, 10)])
def test_a_cosine_is_in_one_ring_with_half_its_squared_amplitude(ky, kx, ring):
    size = (64, 64)
    frequencies, power = radial_power(cosine(ky, kx, size))
    assert int(power[0].argmax()) == ring - 1
    assert frequencies[ring - 1] == pytest.approx(math.hypot(ky, kx) / 64)
    others = power[0].clone()
    others[ring - 1] = 0
    assert others.max() < 1e-25
    # Variance amplitude^2 / 2 over H W pixels, in a ring of so many bins.
    k = torch.fft.fftfreq(64, d=1 / 64)
    bins = int((torch.hypot(k[:, None], k[None, :]).round() == ring).sum())
    assert power[0, ring - 1] == pytest.approx(0.25**2 / 2 * 64 * 64 / bins)


def test_the_slope_of_a_power_law_is_recovered():
    size, slope = 128, 2.0
    k = torch.fft.fftfreq(size, d=1 / size, dtype=torch.float64)
    radius = torch.hypot(k[:, None], k[None, :]).clamp_min(1)
    phases = torch.fft.fft2(noise(1, 1, size, size)).angle()
    image = torch.fft.ifft2(radius ** (-slope / 2) * torch.exp(1j * phases)).real
    frequencies, power = radial_power(image)
    x, y = frequencies[4:].log(), power[0, 4:].log()
    x = x - x.mean()
    assert float((x * y).sum() / (x * x).sum()) == pytest.approx(-slope, abs=0.02)


@pytest.mark.parametrize("size", [(32, 32), (33, 48), (31, 17)])
def test_parseval_the_energy_above_a_frequency_is_that_of_the_filtered_picture(size):
    images = noise(2, 3, *size)
    spectrum = torch.fft.fft2(images)
    ky = torch.fft.fftfreq(size[0], dtype=torch.float64)[:, None]
    kx = torch.fft.fftfreq(size[1], dtype=torch.float64)[None, :]
    kept = torch.fft.ifft2(spectrum * (torch.hypot(ky, kx) > 0.2)).real
    wanted = (
        kept.square().sum((1, 2, 3)) / images.var((2, 3), correction=0).sum(1) / math.prod(size)
    )
    assert high_frequency_share(images, 0.2) == pytest.approx(wanted.numpy(), rel=1e-9)
    assert high_frequency_share(images, 0.0) == pytest.approx([1, 1])


@pytest.mark.parametrize("above", [0.1, 0.25, 0.4])
def test_white_noise_has_the_share_of_the_area_outside_a_disc(above):
    share = high_frequency_share(noise(20, 1, 64, 64), above).mean()
    assert share == pytest.approx(1 - math.pi * above**2, abs=0.01)


def test_a_cosine_is_wholly_above_or_below():
    images = cosine(0, 16, (64, 64))  # 0.25 cycles per pixel
    assert high_frequency_share(images, 0.24) == pytest.approx([1])
    assert high_frequency_share(images, 0.26) == pytest.approx([0], abs=1e-20)


def test_brightness_does_not_count_and_contrast_counts_squared():
    images = noise(1, 3, 32, 32) / 4
    _, power = radial_power(images)
    _, brighter = radial_power(images + 0.5)
    _, stronger = radial_power(images * 2)
    torch.testing.assert_close(brighter, power)
    torch.testing.assert_close(stronger, power * 4)


def test_images_do_not_touch_each_other():
    images = noise(3, 3, 24, 24)
    _, together = radial_power(images)
    _, alone = radial_power(images[1:2])
    torch.testing.assert_close(together[1:2], alone)


def test_a_ramp_leaks_at_its_border_unless_its_periodic_part_is_taken():
    ramp = torch.linspace(0, 1, 64, dtype=torch.float64).expand(1, 1, 64, 64).contiguous()
    assert high_frequency_share(ramp, 0.25) > 0.01
    _, raw = radial_power(ramp)
    _, periodic = radial_power(ramp, border="periodic")
    assert periodic.sum() < 1e-3 * raw.sum()


def test_one_colour_has_no_energy_to_share_out():
    images = torch.cat([torch.full((1, 3, 16, 16), 0.3), noise(1, 3, 16, 16).float()])
    flat, noisy = high_frequency_share(images, 0.25)
    assert math.isnan(flat)
    assert math.isfinite(noisy)


@pytest.mark.parametrize(
    ("images", "above", "message"),
    [
        (torch.zeros(1, 3, 4, 9), 0.2, "4x9 came"),
        (torch.full((1, 3, 9, 9), torch.nan), 0.2, "not finite"),
        (torch.zeros(1, 3, 9, 9), 0.5, "above: 0.5 came"),
        (torch.zeros(1, 3, 9, 9), -0.1, "above: -0.1 came"),
        (torch.zeros(1, 3, 9, 9), math.nan, "above: nan came"),
    ],
)
def test_what_cannot_be_measured_is_refused(images, above, message):
    with pytest.raises(SpectrumError, match=message):
        high_frequency_share(images, above)


def test_an_unknown_border_is_refused():
    with pytest.raises(SpectrumError, match="border: 'mirror' came"):
        radial_power(torch.zeros(1, 3, 9, 9), border="mirror")
