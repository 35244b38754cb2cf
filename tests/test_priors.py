"""The variation by hand, its bounds, and its gradient against autograd."""

import math

import pytest
import torch

from macoaudit.priors import relative_variation, relative_variation_gradient


def test_one_step_edge_by_hand():
    """An edge of height 1 and its periodic return: 2 of 8 columns have a gradient.

    mean |g| = 2/8, rms = sqrt(2/8).
    """
    image = torch.zeros(1, 1, 8, 8)
    image[..., 4:] = 1
    expected = 0.25 / math.sqrt(0.25)
    # sqrt(eps) = 1e-3 is added where the image is flat
    assert float(relative_variation(image)) == pytest.approx(expected, abs=2e-3)


def test_edges_are_sparser_than_noise_and_scale_does_not_matter():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 3, 64, 64, generator=generator) * 0.2
    edge = torch.zeros(1, 3, 64, 64)
    edge[..., 20:40, 10:50] = 1
    assert float(relative_variation(edge)) < 0.3
    # |gradient| of Gaussian noise with 6 correlated parts: near the mean of a chi law over its rms
    assert 0.9 < float(relative_variation(noise)) < 1
    torch.testing.assert_close(
        relative_variation(noise * 3), relative_variation(noise), rtol=1e-3, atol=0
    )


def test_gradient_equals_autograd_with_the_denominator_held():
    image = torch.rand(2, 3, 9, 7, dtype=torch.float64, requires_grad=True)
    across, down = image - image.roll(1, -1), image - image.roll(1, -2)
    square = across.square().sum(1) + down.square().sum(1)
    energy = square.mean((1, 2)).sqrt().detach()
    spread = (square + 1e-6).sqrt().mean((1, 2))
    (expected,) = torch.autograd.grad((spread / energy).sum(), image)
    torch.testing.assert_close(relative_variation_gradient(image.detach()), expected)


def test_constant_image_has_no_gradient_and_no_nan():
    constant = torch.full((1, 3, 8, 8), 0.5)
    assert float(relative_variation_gradient(constant).abs().max()) == 0
    assert math.isfinite(float(relative_variation(constant)))


def test_descent_lowers_it():
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    before = float(relative_variation(image))
    after = image - 0.5 * relative_variation_gradient(image)
    assert float(relative_variation(after)) < before
