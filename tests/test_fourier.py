"""The Fourier parametrization: closed-form gradient, scaling, free mean colour, independence."""

import math

import pytest
import torch

from macoaudit.optimize import Parametrization
from macoaudit.parametrization import FourierParametrization
from macoaudit.spectrum import load_spectrum

SIZES = [(16, 16), (17, 17), (15, 22), (24, 9), (33, 20)]


def make(size, *, n=2, seed=0, dtype=torch.float32):
    made = FourierParametrization(
        load_spectrum().color_matrix,
        size=size,
        generators=[torch.Generator().manual_seed(seed + i) for i in range(n)],
        device=torch.device("cpu"),
    )
    for name in ("parameters", "scale", "color_matrix", "_weight"):
        setattr(made, name, getattr(made, name).to(dtype))
    return made


def image_of(made, parameters):
    """The definition, written out again."""
    height, width = made.size
    fy, fx = torch.fft.fftfreq(height).double(), torch.arange(width // 2 + 1).double() / width
    frequency = (fy[:, None] ** 2 + fx[None, :] ** 2).sqrt()
    scale = 1 / torch.maximum(frequency, torch.tensor(1.0 / max(height, width))) / 4
    spectrum = torch.complex(parameters[..., 0], parameters[..., 1]) * scale
    z = torch.fft.irfft2(spectrum, s=(height, width), norm="ortho")
    return torch.sigmoid(4 * torch.einsum("ij,bjhw->bihw", made.color_matrix, z))


def test_it_is_a_parametrization():
    assert isinstance(make((16, 16)), Parametrization)


@pytest.mark.parametrize("size", SIZES)
def test_gradient_equals_autograd(size):
    made = make(size, dtype=torch.float64)
    made.parameters *= 30  # away from grey, where the squash is nearly linear
    decoded = made.decode()
    upstream = torch.randn(2, 3, *size, dtype=torch.float64)
    free = made.parameters.clone().requires_grad_()
    image = image_of(made, free)
    torch.testing.assert_close(decoded.image_01, image.detach(), rtol=1e-6, atol=1e-7)
    (expected,) = torch.autograd.grad(image, free, upstream)
    torch.testing.assert_close(made.pull_back(decoded, upstream), expected, rtol=1e-5, atol=1e-6)


def test_a_single_frequency_is_a_cosine_of_known_height():
    """s = 1 at 3 cycles: z = 2 cos(2 pi 3 x / W) / (f * 4 * sqrt(HW)), f = 3 / W."""
    size = (12, 20)
    made = make(size, n=1, dtype=torch.float64)
    made.parameters.zero_()
    made.parameters[0, 0, 0, 3, 0] = 1.0
    x = torch.arange(20).double()
    wave = 2 * torch.cos(2 * math.pi * 3 * x / 20) / (3 / 20 * 4 * math.sqrt(12 * 20))
    expected = made.color_matrix[:, 0, None, None] * wave.expand(12, 20)
    torch.testing.assert_close(made.decode().linear[0], expected, rtol=1e-6, atol=1e-8)


def test_the_mean_colour_is_free_and_the_start_is_grey():
    made = make((32, 32))
    start = made.decode().image_01
    torch.testing.assert_close(start, torch.full_like(start, 0.5), rtol=0, atol=0.2)
    brighter = make((32, 32))
    for _ in range(20):
        brighter.parameters += 0.05 * brighter.pull_back(brighter.decode(), torch.ones_like(start))
    assert float(brighter.decode().image_01.mean((2, 3)).min()) > 0.8


def test_members_have_their_own_streams_whatever_the_global_state():
    torch.manual_seed(1)
    both = make((24, 24), n=2).decode().image_01
    torch.manual_seed(2)
    assert torch.equal(both[1], make((24, 24), n=1, seed=1).decode().image_01[0])
    assert not torch.equal(both[0], both[1])


def test_select_keeps_the_members_named():
    made = make((12, 14), n=3)
    images = made.decode().image_01
    made.select(torch.tensor([0, 2]))
    assert torch.equal(made.decode().image_01, images[[0, 2]])
