"""Oracles 1 to 3 and 10: the magnitude constraint, the uniform phase, the closed-form gradient."""

import math

import pytest
import torch

from macoaudit.config import PhaseConfig, preset
from macoaudit.parametrization import (
    LUCID_COLOR_MATRIX,
    MacoParametrization,
    frequency_step,
    self_conjugate_columns,
)
from macoaudit.spectrum import load_spectrum, resample, resampled_dc

SIZES = [(16, 16), (17, 17), (15, 22), (24, 9), (33, 20)]


def make(size, *, config=None, n=2, seed=0, dtype=torch.float32):
    spectrum = load_spectrum()
    made = MacoParametrization(
        resample(spectrum, size),
        resampled_dc(spectrum, size),
        spectrum.color_matrix,
        width=size[1],
        config=config or PhaseConfig(),
        generators=[torch.Generator().manual_seed(seed + i) for i in range(n)],
        device=torch.device("cpu"),
    )
    for name in ("parameters", "_sign_phase", "template", "color_matrix", "_free"):
        setattr(made, name, getattr(made, name).to(dtype))
    return made


def decorrelated(parametrization, linear):
    inverse = torch.linalg.inv(parametrization.color_matrix)
    return torch.einsum("ij,bjhw->bihw", inverse, linear)


@pytest.mark.parametrize("size", [*SIZES, (224, 224), (225, 225), (333, 200)])
def test_magnitude_equals_the_template_on_every_bin(size):
    """float64: per bin, 1e-9 relative; self-conjugate and zero-frequency bins included."""
    parametrization = make(size, n=1, dtype=torch.float64)
    parametrization.parameters += 0.37  # as an update would: the constraint must hold again
    z = decorrelated(parametrization, parametrization.decode().linear)
    magnitude = torch.fft.rfft2(z, norm="ortho").abs()[0]
    torch.testing.assert_close(magnitude, parametrization.template, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("size", SIZES)
def test_magnitude_in_float32_is_exact_relative_to_the_largest(size):
    parametrization = make(size, n=1)
    z = decorrelated(parametrization, parametrization.decode().linear)
    magnitude = torch.fft.rfft2(z, norm="ortho").abs()[0]
    error = (magnitude - parametrization.template).abs().max() / parametrization.template.max()
    assert float(error) < 2e-6


def test_updates_keep_the_constraint():
    """After real gradient steps the spectrum is still the template's."""
    parametrization = make((20, 18), n=1, dtype=torch.float64)
    weights = torch.rand(1, 3, 20, 18, dtype=torch.float64)
    for _ in range(5):
        decoded = parametrization.decode()
        parametrization.parameters += 0.5 * parametrization.pull_back(decoded, weights).sign()
    z = decorrelated(parametrization, parametrization.decode().linear)
    magnitude = torch.fft.rfft2(z, norm="ortho").abs()[0]
    torch.testing.assert_close(magnitude, parametrization.template, rtol=1e-9, atol=1e-11)


def test_mean_colour_is_the_natural_one():
    spectrum = load_spectrum()
    linear = make((32, 32), n=3).decode().linear
    expected = spectrum.color_matrix @ spectrum.dc / math.sqrt(math.prod(spectrum.size))
    torch.testing.assert_close(linear.mean((2, 3)), expected.expand(3, 3), rtol=0, atol=1e-4)


def test_initial_phase_is_uniform_and_its_image_has_no_preferred_place():
    parametrization = make((96, 96), n=4)
    phase = parametrization.parameters
    free = parametrization._free.bool().expand_as(phase)
    bins = int(free.sum())
    mean = torch.polar(torch.ones_like(phase), phase)[free].mean().abs()
    assert float(mean) < 4 / math.sqrt(bins)
    column = torch.polar(torch.ones(1), phase[..., 1:40, 0].flatten()).mean().abs()
    assert float(column) < 4 / math.sqrt(4 * 3 * 39)
    assert float(phase[free].std()) == pytest.approx(math.pi / math.sqrt(3), rel=0.02)
    linear = parametrization.decode().linear
    energy = (linear - linear.mean((2, 3), keepdim=True)).square().sum(1)
    energy = energy.roll((12, 12), (1, 2))  # the block of 24 x 24 around pixel (0, 0)
    share = energy[:, :24, :24].sum((1, 2)) / energy.sum((1, 2))
    assert float(share.mean()) == pytest.approx(24 * 24 / 96**2, abs=0.03)


def test_the_peers_start_has_a_preferred_place():
    """Compat: a normal, standardised phase has |mean e^{i phase}| near 0.61, energy at (0, 0)."""
    for name in ("horama", "xplique"):
        parametrization = make((96, 96), n=2, config=preset(name).phase)
        phase = parametrization.parameters
        phase = (phase - phase.mean((1, 2, 3), keepdim=True)) / phase.std((1, 2, 3), keepdim=True)
        mean = torch.polar(torch.ones_like(phase), phase).mean().abs()
        assert float(mean) == pytest.approx(math.exp(-0.5), abs=0.02)
        decoded = parametrization.decode()
        energy = decoded.linear.square().sum(1).roll((12, 12), (1, 2))
        assert float(energy[:, :24, :24].sum() / energy.sum()) > 2 * 24 * 24 / 96**2


def test_the_peers_lose_magnitude_in_the_self_conjugate_columns():
    config = PhaseConfig(hermitian=False)
    parametrization = make((64, 64), n=4, config=config)
    z = decorrelated(parametrization, parametrization.decode().linear)
    ratio = torch.fft.rfft2(z, norm="ortho").abs() / parametrization.template
    # E |cos(difference / 2)| of two uniform phases is 2 / pi
    assert float(ratio[..., 1:, 0].mean()) == pytest.approx(2 / math.pi, abs=0.04)
    inner = ratio[..., 5:20]
    torch.testing.assert_close(inner, torch.ones_like(inner), rtol=1e-3, atol=0)


@pytest.mark.parametrize("size", SIZES)
def test_gradient_equals_autograd(size):
    """The closed form against automatic differentiation through tie, FFT, colours and squash."""
    parametrization = make(size, dtype=torch.float64)
    decoded = parametrization.decode()
    upstream = torch.randn(2, 3, *size, dtype=torch.float64)
    closed = parametrization.pull_back(decoded, upstream)

    free = parametrization.parameters.clone().requires_grad_()
    height, width = size
    half = (height - 1) // 2
    phase = free.clone()
    for column in self_conjugate_columns(width):
        mirrored = torch.cat(
            [
                parametrization._sign_phase[..., :1, column],
                free[..., 1 : half + 1, column],
                parametrization._sign_phase[..., half + 1 : height - half, column],
                -free[..., 1 : half + 1, column].flip(-1),
            ],
            dim=-1,
        )
        before, after = phase[..., :column], phase[..., column + 1 :]
        phase = torch.cat([before, mirrored[..., None], after], dim=-1)
    spectrum = torch.polar(parametrization.template.expand_as(phase), phase)
    z = torch.fft.irfft2(spectrum, s=size, norm="ortho")
    linear = torch.einsum("ij,bjhw->bihw", parametrization.color_matrix, z)
    image = torch.sigmoid(4 * (linear - 0.5))
    torch.testing.assert_close(image, decoded.image_01)
    (expected,) = torch.autograd.grad(image, free, upstream)
    for column in self_conjugate_columns(width):
        # autograd sees one half as the parameter; the closed form keeps both halves in step
        torch.testing.assert_close(
            closed[..., height - half :, column], -closed[..., 1 : half + 1, column].flip(-1)
        )
        closed[..., half + 1 :, column] = 0
        expected[..., half + 1 :, column] = 0
    torch.testing.assert_close(closed, expected, rtol=1e-9, atol=1e-11)


def test_standardised_gradient_matches_finite_differences():
    parametrization = make((10, 9), n=1, config=preset("horama").phase, dtype=torch.float64)
    upstream = torch.randn(1, 3, 10, 9, dtype=torch.float64)
    gradient = parametrization.pull_back(parametrization.decode(), upstream)
    for index in [(0, 0, 1, 2), (0, 1, 3, 0), (0, 2, 7, 4)]:
        values = []
        for shift in (1e-6, -2e-6):
            parametrization.parameters[index] += shift
            values.append(float((parametrization.decode().image_01 * upstream).sum()))
        parametrization.parameters[index] += 1e-6
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(float(gradient[index]), rel=1e-4)


def test_images_are_in_range_and_members_are_independent():
    both = make((24, 24), n=2).decode().image_01
    second = make((24, 24), n=1, seed=1).decode().image_01
    assert float(both.min()) >= 0
    assert float(both.max()) <= 1
    assert torch.equal(both[1], second[0])


def test_same_generator_same_bits_whatever_the_global_state():
    torch.manual_seed(1)
    first = make((24, 24)).decode().image_01
    torch.manual_seed(2)
    assert torch.equal(first, make((24, 24)).decode().image_01)


def test_select_keeps_the_members_named():
    parametrization = make((12, 12), n=3)
    images = parametrization.decode().image_01
    parametrization.select(torch.tensor([0, 2]))
    assert torch.equal(parametrization.decode().image_01, images[[0, 2]])


def test_frequency_step_is_one_below_the_knee_and_falls_as_a_power():
    scale = frequency_step((32, 32), 0.5, 4.0, torch.device("cpu"))
    assert float(scale[0, 0]) == 1
    assert float(scale[3, 2]) == 1
    assert float(scale[0, 16]) == pytest.approx((16 / 4) ** -0.5)
    assert float(scale[-8, 0]) == float(scale[8, 0]) == pytest.approx(2**-0.5)


def test_lucid_matrix_is_the_published_one():
    """Lucid's matrix [[.26, .09, .02], [.27, 0, -.05], [.27, -.09, .03]] over its largest norm."""
    published = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
    expected = published / published.norm(dim=0).max()
    torch.testing.assert_close(torch.tensor(LUCID_COLOR_MATRIX), expected, rtol=1e-5, atol=1e-6)
