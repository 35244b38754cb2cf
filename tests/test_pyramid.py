"""The complex steerable pyramid: Parseval, exact inverse and adjoint, phases that move a wave."""

import math

import pytest
import torch

from macoaudit.errors import UsageError
from macoaudit.pyramid import Coefficients, ComplexSteerablePyramid, most_scales

SIZES = [(224, 224), (225, 225), (224, 160), (33, 48), (28, 28), (97, 64), (8, 8), (9, 31)]


def noise(*shape, dtype=torch.float64, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def energy(coefficients):
    bands = coefficients.bands.abs().square().sum()
    return (bands + coefficients.high.square().sum() + coefficients.low.square().sum()).item()


@pytest.mark.parametrize("highpass", ["residual", "oriented"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_an_image_comes_back_and_its_energy_is_kept(size, highpass, dtype, bound):
    pyramid = ComplexSteerablePyramid(size, highpass=highpass, dtype=dtype)
    image = noise(2, 3, *size, dtype=dtype)
    taken = pyramid.analyse(image)
    assert (pyramid.synthesise(taken) - image).abs().max() < bound
    assert energy(taken) / image.square().sum().item() == pytest.approx(1, abs=bound)


@pytest.mark.parametrize("orientations", [2, 3, 4, 5, 6, 7, 8, 16, 64])
def test_any_number_of_orientations(orientations):
    pyramid = ComplexSteerablePyramid((33, 48), orientations=orientations, dtype=torch.float64)
    image = noise(33, 48)
    taken = pyramid.analyse(image)
    assert taken.bands.shape == (3, orientations, 33, 48)
    assert (pyramid.synthesise(taken) - image).abs().max() < 1e-12


@pytest.mark.parametrize("scales", [1, 2, 3, 4, 5])
def test_any_number_of_scales(scales):
    pyramid = ComplexSteerablePyramid((224, 160), scales=scales, dtype=torch.float64)
    image = noise(224, 160)
    assert pyramid.scales == scales
    assert pyramid.wavelengths_px == tuple(4.0 * 2**j for j in range(scales))
    assert (pyramid.synthesise(pyramid.analyse(image)) - image).abs().max() < 1e-12


@pytest.mark.parametrize("highpass", ["residual", "oriented"])
@pytest.mark.parametrize("size", [(33, 48), (28, 28)])
def test_synthesis_is_the_adjoint_of_analysis(size, highpass):
    """``<A x, c> = <x, S c>`` for coefficients that are no image's: not only on the range of A."""
    pyramid = ComplexSteerablePyramid(size, highpass=highpass, dtype=torch.float64)
    image, taken = noise(*size), pyramid.analyse(noise(*size, seed=1))
    shape = taken.bands.shape
    other = Coefficients(
        torch.complex(noise(*shape, seed=2) - 0.5, noise(*shape, seed=3) - 0.5),
        noise(*size, seed=4),
        noise(*size, seed=5),
    )
    left = pyramid.analyse(image)
    product = (left.bands.conj() * other.bands).real.sum()
    product += (left.high * other.high).sum() + (left.low * other.low).sum()
    assert product.item() == pytest.approx((image * pyramid.synthesise(other)).sum().item())


def test_a_wave_is_moved_by_its_phase():
    """Phase changed by -w d: the wave moves by d pixels; a band of the mirror side by +w d."""
    side, cycles, shift_px = 64, 8, 2
    at = torch.arange(side, dtype=torch.float64)
    omega = 2 * math.pi * cycles / side
    wave = (omega * at).cos().expand(side, side)
    pyramid = ComplexSteerablePyramid((side, side), dtype=torch.float64)
    taken = pyramid.analyse(wave)
    sign = torch.tensor([1.0, 1.0, 0.0, -1.0], dtype=torch.float64)[:, None, None]
    moved = Coefficients(
        taken.bands * torch.exp(-1j * omega * shift_px * sign), taken.high, taken.low
    )
    torch.testing.assert_close(
        pyramid.synthesise(moved), wave.roll(shift_px, dims=1), rtol=0, atol=1e-12
    )


def test_a_wave_is_in_the_band_of_its_wavelength_and_direction():
    """The middle of scale s, of wavelength 4 2^s px, along the rows: orientation K / 2 alone."""
    side = 64
    at = torch.arange(side, dtype=torch.float64)
    for scale, wavelength in enumerate((4, 8, 16)):
        wave = (2 * math.pi * at / wavelength).cos()[:, None].expand(side, side)
        pyramid = ComplexSteerablePyramid((side, side), scales=4, dtype=torch.float64)
        bands = pyramid.analyse(wave).bands.abs().square().sum(dim=(-2, -1))
        assert bands.sum().item() == pytest.approx(wave.square().sum().item())
        assert bands[scale].sum().item() == pytest.approx(wave.square().sum().item())
        assert bands[scale].argmax() == 2
        assert bands[:, 0].sum() < 1e-20  # waves across the columns have no energy along the rows


def test_the_local_amplitude_of_a_wave_is_constant():
    """A quadrature pair: the real part alone would swing between zero and its peak."""
    at = torch.arange(64, dtype=torch.float64)
    wave = (2 * math.pi * at / 8).cos().expand(64, 64)
    amplitude = ComplexSteerablePyramid((64, 64), dtype=torch.float64).analyse(wave).bands[1, 0]
    assert (amplitude.abs().amax() - amplitude.abs().amin()) < 1e-12
    assert amplitude.real.amin() < -0.5 * amplitude.abs().amax()


def test_a_shift_of_the_image_is_a_shift_of_the_coefficients():
    pyramid = ComplexSteerablePyramid((33, 48), dtype=torch.float64)
    image = noise(33, 48)
    there = pyramid.analyse(image.roll((3, -5), dims=(0, 1))).bands
    torch.testing.assert_close(there, pyramid.analyse(image).bands.roll((3, -5), dims=(-2, -1)))


def test_a_quarter_turn_swaps_the_orientations():
    """A square image turned by 90 degrees: orientation k becomes k + K/2, on odd sides exactly."""
    pyramid = ComplexSteerablePyramid((33, 33), dtype=torch.float64)
    image = noise(33, 33)
    straight = pyramid.analyse(image).bands.abs().square().sum(dim=(-2, -1))
    turned = pyramid.analyse(image.rot90()).bands.abs().square().sum(dim=(-2, -1))
    torch.testing.assert_close(turned, straight.roll(2, dims=-1))


def test_leading_axes_are_independent():
    pyramid = ComplexSteerablePyramid((28, 28), dtype=torch.float64)
    image = noise(2, 3, 28, 28)
    together = pyramid.analyse(image).bands
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(together[i, j], pyramid.analyse(image[i, j]).bands)


def test_gradients_flow_both_ways():
    pyramid = ComplexSteerablePyramid((8, 9), orientations=2, dtype=torch.float64)
    image = noise(8, 9).requires_grad_()

    def there_and_back(x):
        taken = pyramid.analyse(x)
        return pyramid.synthesise(
            Coefficients(taken.bands * torch.exp(0.3j * taken.bands.abs()), taken.high, taken.low)
        )

    assert torch.autograd.gradcheck(there_and_back, image)


def test_the_bands_alone_are_the_rest_of_the_residuals():
    pyramid = ComplexSteerablePyramid((33, 48), dtype=torch.float64)
    taken = pyramid.analyse(noise(33, 48))
    nothing = Coefficients(torch.zeros_like(taken.bands), taken.high, taken.low)
    torch.testing.assert_close(
        pyramid.synthesise_bands(taken.bands) + pyramid.synthesise(nothing),
        pyramid.synthesise(taken),
    )


def test_a_constant_image_has_no_phase():
    taken = ComplexSteerablePyramid((33, 48), dtype=torch.float64).analyse(
        torch.full((33, 48), 0.3, dtype=torch.float64)
    )
    assert taken.bands.abs().max() < 1e-15
    assert (taken.low - 0.3).abs().max() < 1e-15


def test_an_oriented_high_pass_moves_fine_detail():
    """A wave of 2.5 px has its phase only in the oriented form."""
    at = torch.arange(40, dtype=torch.float64)
    wave = (2 * math.pi * at / 2.5).cos().expand(40, 40)
    for highpass, share in (("residual", 0.6), ("oriented", 1.0)):
        pyramid = ComplexSteerablePyramid((40, 40), highpass=highpass, dtype=torch.float64)
        held = pyramid.analyse(wave).bands.abs().square().sum() / wave.square().sum()
        assert (held > 1 - 1e-12) if share == 1.0 else (held < share)


def test_the_most_scales():
    assert [most_scales(size) for size in ((8, 8), (15, 99), (16, 16), (224, 224))] == [1, 1, 2, 5]


@pytest.mark.parametrize(
    ("size", "options", "message"),
    [
        ((7, 64), {}, "size"),
        ((64, 64), {"scales": 0}, "scales: is 0"),
        ((64, 64), {"scales": 5}, "give 1 to 4"),
        ((64, 64), {"orientations": 1}, "orientations: is 1"),
        ((64, 64), {"orientations": 65}, "orientations: is 65"),
        ((64, 64), {"dtype": torch.float16}, "float16"),
    ],
)
def test_what_cannot_be(size, options, message):
    with pytest.raises(UsageError, match=message):
        ComplexSteerablePyramid(size, **options)


def test_another_size_or_dtype_is_refused():
    pyramid = ComplexSteerablePyramid((28, 28))
    with pytest.raises(UsageError, match="made for"):
        pyramid.analyse(torch.rand(28, 29))
    with pytest.raises(UsageError, match="float64"):
        pyramid.analyse(noise(28, 28))
