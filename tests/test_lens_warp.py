"""The share of an edit that a smooth warp explains."""

import pytest
import torch

from macoaudit.lens import warp_share


def blobs(size=(48, 40), seed=0):
    drawn = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(seed))
    fy, fx = torch.fft.fftfreq(size[0])[:, None], torch.fft.fftfreq(size[1])[None, :]
    kept = torch.fft.ifft2(torch.fft.fft2(drawn) * torch.exp(-2 * (8 * torch.hypot(fy, fx)) ** 2))
    return kept.real / kept.real.abs().amax()


def shifted(image, by):
    """Moved by a fraction of a pixel through the Fourier phase."""
    height, width = image.shape[-2:]
    fy, fx = torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)[None, :]
    turn = torch.exp(-2j * torch.pi * (fy * by[0] + fx * by[1]))
    return torch.fft.ifft2(torch.fft.fft2(image) * turn).real


@pytest.mark.parametrize("by", [(0.5, 0.0), (0.0, -1.0), (1.5, 1.0)])
def test_a_shift_is_a_warp(by):
    image = blobs()
    assert warp_share(image, shifted(image, by)).item() > 0.9


def test_noise_and_contrast_are_not():
    image = blobs()
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(1)) / 10
    assert warp_share(image, image + noise).item() < 0.1
    # Brighter by the same everywhere: no displacement of a smooth image does that.
    assert warp_share(image, image + 1.0).item() < 0.2


def test_nothing_changed_is_nothing_explained():
    image = blobs()
    assert warp_share(image, image).item() == 0


def test_images_are_fitted_by_themselves():
    image = torch.cat([blobs(seed=0), blobs(seed=1)])
    edited = torch.cat([shifted(image[:1], (1.0, 0.0)), image[1:] + 0.3])
    together = warp_share(image, edited)
    for i in range(2):
        alone = warp_share(image[i : i + 1], edited[i : i + 1])
        assert together[i].item() == pytest.approx(alone.item(), abs=1e-3)
