"""The null and the ceiling: random phases and an image's own phases on the natural magnitude."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from macoaudit.baseline import own_phases, random_phase_images
from macoaudit.config import MacoConfig
from macoaudit.images import preprocess, read_image
from macoaudit.models import LoadedModel
from macoaudit.parametrization import MacoParametrization, build_parametrization
from macoaudit.preprocessing import Preprocessing
from macoaudit.spectrum import load_spectrum

PHOTOGRAPHS = Path(__file__).parent.parent / "samples" / "photographs"
SPECTRUM = load_spectrum()
CONFIG = MacoConfig()
MODEL = LoadedModel(
    name="planted",
    architecture="planted",
    module=nn.Identity(),
    preprocessing=Preprocessing((48, 48), 3, (0.0,) * 3, (1.0,) * 3),
    labels=(),
    num_classes=0,
    weights_sha256="0" * 64,
    weights_origin="factory",
    device=torch.device("cpu"),
)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def parametrization(size: tuple[int, int], seed: int = 0, members: int = 2) -> MacoParametrization:
    generators = [seeded(seed + member) for member in range(members)]
    return build_parametrization(SPECTRUM, CONFIG, size, generators, torch.device("cpu"))


def magnitude(images: MacoParametrization, image_01: Tensor) -> Tensor:
    """|rfft2| of an image before squash and colours, orthonormal."""
    linear = image_01.double().logit() / images.config.squash_slope + 0.5
    z = torch.einsum("ij,bjhw->bihw", images.color_matrix.double().inverse(), linear)
    return torch.fft.rfft2(z, norm="ortho").abs()


SIZES = [(32, 32), (24, 40), (21, 33), (20, 33), (33, 20)]


class TestTakePhases:
    @pytest.mark.parametrize("size", SIZES)
    def test_an_image_of_the_parametrization_comes_back(self, size):
        first, second = parametrization(size), parametrization(size, seed=10)
        image = first.decode().image_01
        assert float((second.decode().image_01 - image).abs().max()) > 0.3
        second.take_phases(image)
        # the sign of the real bins comes from the image, the zero frequency's from the spectrum
        assert torch.allclose(second.decode().image_01, image, atol=2e-3)

    @pytest.mark.parametrize("size", SIZES)
    def test_any_image_keeps_its_phases_and_gets_the_magnitude(self, size):
        images = parametrization(size)
        given = 0.1 + 0.8 * torch.rand(2, 3, *size, generator=seeded(3))
        images.take_phases(given)
        decoded = images.decode()
        expected = images.template.double().expand(2, -1, -1, -1)
        assert torch.allclose(decoded.spectrum.abs().double(), expected, rtol=1e-4)
        assert torch.allclose(magnitude(images, decoded.image_01), expected, rtol=0.01, atol=0.01)
        linear = given.double().logit() / images.config.squash_slope + 0.5
        z = torch.einsum("ij,bjhw->bihw", images.color_matrix.double().inverse(), linear)
        own = torch.fft.rfft2(z, norm="ortho")
        turned = (own.angle() - decoded.spectrum.angle().double()).cos()
        turned[..., 0, 0] = 1  # the zero frequency has the spectrum's sign
        assert float(turned.min()) > 1 - 1e-5

    def test_the_zero_frequency_keeps_the_natural_mean(self):
        images = parametrization((32, 32))
        before = images.decode().spectrum[..., 0, 0]
        images.take_phases(torch.full((2, 3, 32, 32), 0.02) + 0.01 * torch.rand(3, 32, 32))
        assert torch.allclose(images.decode().spectrum[..., 0, 0], before, rtol=1e-5)

    def test_members_are_apart(self):
        given = 0.1 + 0.8 * torch.rand(2, 3, 32, 32, generator=seeded(3))
        together, alone = parametrization((32, 32)), parametrization((32, 32), seed=1, members=1)
        together.take_phases(given)
        alone.take_phases(given[1:])
        assert torch.allclose(together.decode().image_01[1:], alone.decode().image_01, atol=1e-5)


class TestRandomPhases:
    def test_they_are_the_same_each_time_and_differ_from_each_other(self):
        a, b = (random_phase_images(MODEL, SPECTRUM, CONFIG, 3) for _ in range(2))
        assert torch.equal(a, b)
        assert a.shape == (3, 3, 48, 48)
        assert torch.equal(random_phase_images(MODEL, SPECTRUM, CONFIG, 2), a[:2])
        assert float((a[0] - a[1]).abs().mean()) > 0.02

    def test_they_are_as_pictures_hold_them(self):
        images = random_phase_images(MODEL, SPECTRUM, CONFIG, 2)
        assert float((images * 255 - (images * 255).round()).abs().max()) < 1e-3
        assert float(images.min()) >= 0
        assert float(images.max()) <= 1

    def test_their_magnitude_is_the_natural_one(self):
        images = random_phase_images(MODEL, SPECTRUM, CONFIG, 2).clamp(0.5 / 255, 1 - 0.5 / 255)
        like = parametrization((48, 48))
        ratio = magnitude(like, images) / like.template
        low = ratio[..., :8, :8]  # rounding to 8 bits is noise in the high frequencies
        assert float((low.log().abs()).median()) < 0.1

    def test_another_canvas_is_resized_to_what_the_network_sees(self):
        config = replace(CONFIG, canvas_px=64)
        assert random_phase_images(MODEL, SPECTRUM, config, 1).shape == (1, 3, 48, 48)


class TestOwnPhases:
    def test_an_image_the_method_can_draw_is_its_own_ceiling(self):
        image = random_phase_images(MODEL, SPECTRUM, CONFIG, 1)[0]
        ceiling = own_phases(MODEL, SPECTRUM, CONFIG, image)
        assert float((ceiling - image).abs().mean()) < 2 / 255

    def test_a_natural_image_keeps_its_looks(self):
        """Phases carry the picture: with its own it is recognised, with random ones it is not."""
        image = preprocess(read_image(PHOTOGRAPHS / "cat.jpg"), MODEL.preprocessing)
        ceiling = own_phases(MODEL, SPECTRUM, CONFIG, image)
        null = random_phase_images(MODEL, SPECTRUM, CONFIG, 4)

        def alike(other: Tensor) -> float:
            return float(torch.corrcoef(torch.stack([image.flatten(), other.flatten()]))[0, 1])

        assert alike(ceiling) > 0.6
        assert max(alike(other) for other in null) < 0.5

    def test_black_and_white_are_allowed(self):
        image = (torch.rand(3, 48, 48, generator=seeded(0)) > 0.5).float()
        ceiling = own_phases(MODEL, SPECTRUM, CONFIG, image)
        assert bool(torch.isfinite(ceiling).all())
