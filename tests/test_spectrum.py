"""Oracles 2, 9 of the method: resampling in frequency coordinates, and known spectra."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from macoaudit.errors import SpectrumError
from macoaudit.spectrum import (
    color_decorrelation,
    load_spectrum,
    measure_spectrum,
    periodic_component,
    power_law_slope,
    resample,
    resample_as_picture,
    resampled_dc,
    save_spectrum,
)


def power_law_image(size, slope, seed, channels=3):
    """A real image whose |rfft2| is exactly 1 / k^slope, with random phase and zero mean."""
    height, width = size
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(channels, height, width, generator=generator, dtype=torch.float64)
    spectrum = torch.fft.rfft2(noise)
    ky = torch.fft.fftfreq(height, d=1 / height)[:, None]
    kx = torch.arange(width // 2 + 1)[None, :]
    radius = torch.hypot(ky, kx).to(torch.float64)
    radius[0, 0] = 1
    magnitude = radius**-slope
    magnitude[0, 0] = 0
    return torch.fft.irfft2(spectrum / spectrum.abs() * magnitude, s=size, norm="ortho")


def band_energy(magnitude, width, low, high):
    """Energy of a band of cycles per picture, each bin and its mirror counted."""
    height = magnitude.shape[1]
    ky = torch.fft.fftfreq(height, d=1 / height)[:, None]
    kx = torch.arange(magnitude.shape[2])[None, :]
    radius = torch.hypot(ky, kx)
    weight = torch.full((magnitude.shape[2],), 2.0, dtype=torch.float64)
    weight[0] = 1
    if width % 2 == 0:
        weight[-1] = 1
    inside = (radius >= low) & (radius < high)
    return float(((magnitude.to(torch.float64) ** 2) * weight * inside).sum())


@pytest.fixture(scope="module")
def measured():
    images = [power_law_image((64, 64), 1.2, seed) for seed in range(4)]
    return measure_spectrum(images, torch.eye(3))


def test_copies_of_one_image_give_its_own_magnitude():
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(3, 24, 31, generator=generator)
    spectrum = measure_spectrum([image] * 5, torch.eye(3))
    expected = torch.fft.rfft2(image.double(), norm="ortho").abs()
    assert spectrum.n_images == 5
    assert spectrum.size == (24, 31)
    torch.testing.assert_close(spectrum.magnitude.double(), expected, rtol=1e-3, atol=1e-6)


def test_dc_is_the_signed_mean_and_not_the_mean_of_magnitudes():
    low, high = torch.full((3, 16, 16), -0.5), torch.full((3, 16, 16), 0.25)
    spectrum = measure_spectrum([low, high], torch.eye(3))
    # orthonormal scaling: a constant c has rfft2[0, 0] = c * sqrt(H W); the mean of both is -2
    torch.testing.assert_close(spectrum.dc, torch.full((3,), -0.125 * 16))
    torch.testing.assert_close(spectrum.magnitude[:, 0, 0], torch.full((3,), 2.0))


@pytest.mark.parametrize("slope", [0.8, 1.2, 1.6])
def test_slope_of_a_power_law_is_recovered(slope):
    images = [power_law_image((96, 96), slope, seed) for seed in range(2)]
    spectrum = measure_spectrum(images, torch.eye(3))
    torch.testing.assert_close(
        power_law_slope(spectrum.magnitude, 96), torch.full((3,), slope), rtol=0, atol=2e-3
    )


@pytest.mark.parametrize("size", [(32, 32), (64, 64), (65, 65), (128, 128), (224, 225), (333, 200)])
def test_positive_and_negative_frequencies_agree(measured, size):
    magnitude = resample(measured, size)
    assert magnitude.shape == (3, size[0], size[1] // 2 + 1)
    columns = [0] if size[1] % 2 else [0, size[1] // 2]
    for column in columns:
        values = magnitude[:, 1:, column]
        torch.testing.assert_close(values, values.flip(1), rtol=1e-6, atol=0)


def test_native_size_is_the_identity(measured):
    assert torch.equal(resample(measured, (64, 64)), measured.magnitude)


@pytest.mark.parametrize("side", [48, 97, 128, 224])
def test_power_law_is_continued_at_any_size(measured, side):
    """The template of 1/k^a at another size is 1/k^a again, beyond the measured band too."""
    magnitude = resample(measured, (side, side))
    scale = side / 64
    for ky, kx in [(3, 2), (0, 9), (10, 10), (-7, 3), (side // 2 - 2, 5), (0, side // 2 - 1)]:
        expected = math.hypot(ky, kx) ** -1.2 * scale
        # bilinear interpolation of a convex function is above it; 3 % at the lowest cycles
        assert float(magnitude[0, ky, kx]) == pytest.approx(expected, rel=0.03), (ky, kx)


def test_band_shares_do_not_depend_on_size(measured):
    """Energy per pixel of a band of cycles is the same on every canvas."""
    for low, high in [(1, 4), (4, 10), (10, 20)]:
        native = band_energy(measured.magnitude, 64, low, high) / 64**2
        for side in (50, 81, 160):
            other = band_energy(resample(measured, (side, side)), side, low, high) / side**2
            assert other == pytest.approx(native, rel=0.02)


def test_wide_canvas_keeps_physical_frequencies():
    """On an H x W canvas the magnitude depends on cycles per pixel, not per side."""
    images = [power_law_image((64, 64), 1.0, seed) for seed in range(2)]
    magnitude = resample(measure_spectrum(images, torch.eye(3)), (64, 128))
    # 5 cycles over 64 px is the same frequency as 10 cycles over 128 px
    assert float(magnitude[0, 5, 0]) == pytest.approx(float(magnitude[0, 0, 10]), rel=0.02)


def test_dc_scales_with_the_canvas(measured):
    image = torch.full((3, 16, 16), 0.3)
    spectrum = measure_spectrum([image, image * 1.5], torch.eye(3))
    dc = resampled_dc(spectrum, (40, 24))
    torch.testing.assert_close(dc / math.sqrt(40 * 24), torch.full((3,), 0.375))


def test_the_peers_resampling_tilts_the_first_cycle():
    """The defect that the frequency coordinates avoid: r(+1, 0) / r(-1, 0) far from 1 (Horama)."""
    # a mean of 1/16 makes the zero frequency 4 times the first, much as in photographs
    images = [1 / 16 + power_law_image((64, 64), 1.0, seed) for seed in range(2)]
    spectrum = measure_spectrum(images, torch.eye(3))
    peers = resample_as_picture(spectrum, (160, 160))
    assert float(peers[0, 1, 0] / peers[0, -1, 0]) > 1.5
    smaller = resample_as_picture(spectrum, (28, 28))
    assert float(smaller[0, 1, 0] / smaller[0, -1, 0]) < 0.8


def test_periodic_component_of_a_periodic_image_is_itself_and_a_ramp_loses_its_jump():
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(48.0), indexing="ij")
    wave = (0.5 + 0.3 * torch.sin(2 * math.pi * (2 * y / 32 + 3 * x / 48)))[None].double()
    # a sampled periodic wave still differs between first and last row by one sample's step
    assert float((periodic_component(wave) - wave).abs().max()) < 0.2
    constant = torch.full((1, 16, 16), 0.7, dtype=torch.float64)
    torch.testing.assert_close(periodic_component(constant), constant)
    ramp = (x / 47)[None].double()
    periodic = periodic_component(ramp)
    assert float((periodic[:, :, 0] - periodic[:, :, -1]).abs().max()) < 0.1
    assert float(periodic.mean()) == pytest.approx(float(ramp.mean()), abs=1e-9)


def test_colour_matrix_decorrelates_to_unit_variance():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.tensor([[0.2, 0.1, 0.0], [0.2, 0.0, 0.05], [0.2, -0.1, 0.02]])
    images = [
        0.5 + torch.einsum("ij,jhw->ihw", mixing, torch.randn(3, 40, 40, generator=generator))
        for _ in range(6)
    ]
    matrix = color_decorrelation(images)
    pixels = torch.cat([image.flatten(1) for image in images], 1)
    z = torch.linalg.inv(matrix) @ pixels
    torch.testing.assert_close(torch.cov(z), torch.eye(3), rtol=0, atol=1e-3)


def test_file_round_trip_and_digest(tmp_path, measured):
    file = tmp_path / "s.safetensors"
    save_spectrum(measured, file)
    again = load_spectrum(file)
    assert again.digest == measured.digest
    assert torch.equal(again.magnitude, measured.magnitude)
    assert again.recipe == {"border": "raw"}
    assert not list(tmp_path.glob("*.partial"))


def test_changed_file_is_refused(tmp_path, measured):
    file = tmp_path / "s.safetensors"
    save_spectrum(measured, file)
    data = bytearray(file.read_bytes())
    data[-3] ^= 0x40
    file.write_bytes(bytes(data))
    with pytest.raises(SpectrumError, match="file was changed, measure it again"):
        load_spectrum(file)


def test_bad_input_says_what_to_do(tmp_path):
    with pytest.raises(SpectrumError, match="no image to measure"):
        measure_spectrum([], torch.eye(3))
    with pytest.raises(SpectrumError, match=r"image 2 has shape \(3, 9, 8\).*one size first"):
        measure_spectrum([torch.rand(3, 8, 8), torch.rand(3, 9, 8)], torch.eye(3))
    with pytest.raises(SpectrumError, match="image 1 has a value that is not finite"):
        measure_spectrum([torch.full((3, 8, 8), torch.nan)], torch.eye(3))
    with pytest.raises(SpectrumError, match="border is 'x'"):
        measure_spectrum([torch.rand(3, 8, 8)], torch.eye(3), border="x")
    with pytest.raises(SpectrumError, match="do not vary in every channel"):
        color_decorrelation([torch.rand(1, 8, 8).expand(3, 8, 8)])
    with pytest.raises(SpectrumError, match="macoaudit spectrum IMAGES -o FILE"):
        load_spectrum(tmp_path / "missing.safetensors")
    (tmp_path / "text").write_text("no spectrum")
    with pytest.raises(SpectrumError, match="not a readable macoaudit spectrum"):
        load_spectrum(tmp_path / "text")


def test_packaged_spectrum_is_natural():
    spectrum = load_spectrum()
    slope = power_law_slope(spectrum.magnitude, spectrum.width)
    assert bool(((slope > 0.9) & (slope < 1.6)).all())  # 1/f^1 to 1/f^1.5: natural images
    mean_color = spectrum.color_matrix @ (spectrum.dc / math.sqrt(math.prod(spectrum.size)))
    assert bool(((mean_color > 0.3) & (mean_color < 0.6)).all())
    assert spectrum.n_images >= 200


@settings(max_examples=15, deadline=None)
@given(height=st.integers(8, 70), width=st.integers(8, 70))
def test_any_canvas_gets_a_positive_finite_template(height, width):
    magnitude = resample(load_spectrum(), (height, width))
    assert magnitude.shape == (3, height, width // 2 + 1)
    assert bool(torch.isfinite(magnitude).all())
    assert bool((magnitude > 0).all())
