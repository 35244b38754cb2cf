"""Filters of a class: gains, projections and transfer against closed forms and scikit-learn."""

import itertools

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from macoaudit.errors import UsageError
from macoaudit.shortcuts import (
    FilterSettings,
    NotTested,
    spectrum_transfer,
)
from macoaudit.shortcuts.donors import Donors
from macoaudit.shortcuts.filters import (
    apply_filter,
    log_gain,
    log_magnitudes,
    projections,
)
from tests.planted import loaded

SIDE = 16
# No packaged value may matter here: the thresholds are calibrated elsewhere.
SETTINGS = FilterSettings(
    threshold=0.1,
    n_controls=8,
    n_draws=199,
    n_folds=3,
    min_images=3,
    min_donors=4,
)


def noise(count: int, seed: int = 0, size: tuple[int, int] = (SIDE, SIDE)) -> Tensor:
    """Faint noise about a middle grey: no filter below takes it out of 0..1."""
    values = torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))
    return 0.45 + 0.1 * values


def smooth_gain(size: tuple[int, int], strength: float) -> Tensor:
    """A gain that depends on the frequency's length alone, as that of a real filter does."""
    rows, columns = np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None]
    gain = strength * (1 - 4 * np.hypot(rows, columns))
    gain[0, 0] = 0.0  # the mean stays
    return torch.from_numpy(np.stack([gain, -gain, 0.5 * gain]))


def filtered(image_01: Tensor, gain: Tensor) -> Tensor:
    """By numpy's transform, one colour at a time."""
    size = tuple(image_01.shape[-2:])
    spectrum = np.fft.rfft2(image_01.double().numpy()) * np.exp(gain.numpy())
    return torch.from_numpy(np.fft.irfft2(spectrum, s=size)).float()


# Gains


def test_log_magnitudes_are_those_of_the_mean_normalised_transform():
    image_01 = torch.rand(2, 3, 7, 10, generator=torch.Generator().manual_seed(0))
    found = log_magnitudes(image_01)
    exact = np.log(np.abs(np.fft.rfft2(image_01.double().numpy()) / 70))
    assert found.shape == (2, 3, 7, 6)
    heard = exact > np.log(1 / 255)  # far above the floor
    assert np.allclose(found.numpy()[heard], exact[heard], atol=1e-9)
    # the first frequency is the mean colour
    assert np.allclose(found[:, :, 0, 0].exp().numpy(), image_01.double().mean((2, 3)).numpy())


def test_empty_frequencies_count_as_rounding_of_8_bits():
    flat = torch.full((1, 3, 8, 8), 0.5)
    found = log_magnitudes(flat)
    rounding = np.log(1 / 255 / 12**0.5 / 8)
    assert torch.allclose(found[0, :, 1:], torch.tensor(rounding, dtype=torch.float64))
    # which is what rounding to 8 bits leaves of noise, on average: the power of a uniform error
    levels = (255 * noise(60, size=(32, 32))).round() / 255
    error = (levels - noise(60, size=(32, 32))).double()
    power = np.abs(np.fft.rfft2(error.numpy(), norm="forward"))[:, :, 1:, 1:-1] ** 2
    assert np.sqrt(power.mean()) == pytest.approx(1 / 255 / 12**0.5 / 32, rel=0.02)


def test_the_gain_is_the_difference_shrunk_by_its_noise(generator):
    levels = torch.randn(30, 3, 4, 5, generator=generator, dtype=torch.float64)
    levels[:10, 0] += 3.0
    inside = torch.arange(30) < 10
    found = log_gain(levels, inside)
    own, rest = levels[:10].numpy(), levels[10:].numpy()
    difference = own.mean(0) - rest.mean(0)
    error = own.var(0, ddof=1) / 10 + rest.var(0, ddof=1) / 20
    exact = difference * np.maximum(0, 1 - error / difference**2)
    assert np.allclose(found.numpy(), exact)
    assert float(log_gain(20 * levels, inside).abs().max()) == 5.0


@pytest.mark.parametrize("size", [(16, 16), (15, 12)])
def test_a_known_gain_is_recovered(size):
    gain = smooth_gain(size, 0.8)
    plain, others = noise(60, 1, size), noise(60, 2, size)
    images = torch.cat([filtered(plain, gain), others])
    assert 0 < float(images.min()) <= float(images.max()) < 1
    found = log_gain(log_magnitudes(images), torch.arange(120) < 60)
    # log magnitudes of noise spread by pi / sqrt(24): the mean over 60 of both sides by 0.12
    error = (found - gain)[:, 1:, 1:-1]
    assert float(error.square().mean().sqrt()) < 0.16
    strong = gain[:, 1:, 1:-1].abs() > 0.6
    correlation = np.corrcoef(found[:, 1:, 1:-1][strong], gain[:, 1:, 1:-1][strong])[0, 1]
    assert correlation > 0.97


def test_of_pure_noise_two_thirds_of_the_gains_are_none():
    levels = log_magnitudes(noise(80, size=(24, 24)))
    found = log_gain(levels, torch.arange(80) % 2 == 0)
    # none within one standard error: 68 % of a normal law
    assert float((found == 0).double().mean()) == pytest.approx(0.683, abs=0.03)
    same = noise(10)
    equal = log_gain(log_magnitudes(torch.cat([same, same])), torch.arange(20) < 10)
    assert float(equal.abs().max()) == 0.0


# Filters


@pytest.mark.parametrize("size", [(16, 16), (15, 11)])
def test_a_filter_changes_magnitudes_by_its_gain_and_leaves_phases(size):
    image_01, gain = noise(4, size=size), smooth_gain(size, 0.7)
    found = apply_filter(image_01, gain)
    assert found.dtype == image_01.dtype
    before = np.fft.rfft2(image_01.double().numpy())
    after = np.fft.rfft2(found.double().numpy())
    strong = np.abs(before) > 0.05  # the phase of next to nothing is rounding
    assert strong.mean() > 0.9
    assert np.abs(np.angle(after / before))[strong].max() < 1e-3
    ratio = np.log(np.abs(after / before))
    assert np.allclose(ratio[strong], np.broadcast_to(gain, ratio.shape)[strong], atol=1e-3)
    assert torch.allclose(apply_filter(found, -gain), image_01, atol=1e-5)
    assert torch.allclose(apply_filter(image_01, 0 * gain), image_01, atol=1e-6)


def test_filtered_values_stay_within_the_image_range():
    strong = torch.full((3, SIDE, SIDE // 2 + 1), 3.0, dtype=torch.float64)
    found = apply_filter(noise(2), strong)
    assert float(found.min()) >= 0
    assert float(found.max()) == 1.0


# Projections


def test_projections_by_the_gram_matrix_are_those_in_the_space_of_features(generator):
    features = torch.randn(12, 30, generator=generator, dtype=torch.float64)
    variance = torch.rand(30, generator=generator, dtype=torch.float64) + 0.5
    gram = (features / variance) @ features.T
    inside = torch.stack(
        [torch.arange(12) % 2 == 0, torch.arange(12) < 5, torch.arange(12) % 3 == 0], 1
    )
    fold = torch.tensor([0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0])
    found = projections(gram, inside, fold)
    for image, draw in itertools.product(range(12), range(3)):
        train = fold != fold[image]
        own = features[inside[:, draw] & train].mean(0)
        rest = features[~inside[:, draw] & train].mean(0)
        # half the difference of both means' squared lengths, from pairs of different images
        middle = [
            np.mean([float((a * b / variance).sum()) for a, b in itertools.permutations(side, 2)])
            for side in (features[inside[:, draw] & train], features[~inside[:, draw] & train])
        ]
        exact = (features[image] * (own - rest) / variance).sum() - (middle[0] - middle[1]) / 2
        assert float(found[image, draw]) == pytest.approx(float(exact), abs=1e-9)


THREE = torch.arange(3).repeat_interleave(8)


def with_cue(kind: str) -> Tensor:
    image_01 = noise(24)
    own = image_01[:8]
    if kind == "tint":
        own *= torch.tensor([1.5, 1.0, 0.65])[:, None, None]
    elif kind == "blur":
        own[:] = torch.from_numpy(gaussian_filter(own.numpy(), (0, 0, 1, 1), mode="wrap"))
    return image_01


# Transfer


class Linear(nn.Module):
    """Logits are weights times the mean colours, about grey."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 3)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[20.0, 0, -20], [0, 5, 0], [0, 0, 0]]))
            self.head.bias.copy_(torch.tensor([0.0, -2.5, 0]))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(image.mean((2, 3)))


@pytest.fixture
def linear():
    return loaded(Linear(), classes=3, side_px=SIDE)


def donors_of_others(places: list[int]) -> dict[int, Donors]:
    nothing = torch.zeros(0, dtype=torch.long)
    return {index: Donors(nothing, torch.tensor(places, dtype=torch.long)) for index in range(3)}


def test_the_effect_on_a_network_that_reads_the_mean_colour_is_its_closed_form(linear):
    """Only the first frequency moves the means, by the ratio of the geometric means."""
    image_01 = with_cue("tint")
    brightness = 0.9 + 0.2 * torch.rand(24, 1, 1, 1, generator=torch.Generator().manual_seed(5))
    image_01 = image_01 * brightness
    chosen = [8, 10, 16, 20, 23]
    (found, *_) = spectrum_transfer(
        linear,
        image_01,
        THREE,
        donors_of_others(chosen),
        generator=torch.Generator().manual_seed(0),
        settings=SETTINGS,
    )
    colours = image_01.double().mean((2, 3)).numpy()
    own, rest = np.log(colours[:8]), np.log(colours[8:])
    difference = own.mean(0) - rest.mean(0)
    error = own.var(0, ddof=1) / 8 + rest.var(0, ddof=1) / 16
    gain = np.exp(difference * np.maximum(0, 1 - error / difference**2))
    weight, bias = (one.detach().double().numpy() for one in linear.module.head.parameters())

    def probability(colour: np.ndarray) -> np.ndarray:
        powers = np.exp(colour @ weight.T + bias)
        return powers / powers.sum(1, keepdims=True)

    before, after = probability(colours[chosen]), probability(colours[chosen] * gain)
    exact = (after - before)[:, 0].mean()
    assert exact > 0.5
    assert found.details["mean rise, whole"] == pytest.approx(exact, abs=1e-4)
    assert found.effect >= exact - 1e-4  # or that of the upper half
    assert found.details["n_donors"] == 5
    assert found.details["largest_control_rise"] < found.effect
    assert found.p_value <= 0.05
    assert found.images == tuple(range(8))
    assert found.threshold == SETTINGS.threshold


def test_a_network_that_ignores_the_cue_is_not_moved(linear):
    """A blur keeps the mean colours, and so every logit."""
    found = spectrum_transfer(
        linear,
        with_cue("blur"),
        THREE,
        donors_of_others([8, 9, 16, 17]),
        generator=torch.Generator().manual_seed(0),
        settings=SETTINGS,
    )
    assert abs(found[0].effect) < 0.02


def test_transfer_repeats_and_leaves_the_network_as_it_was(linear):
    linear.module.train()
    linear.module.head.weight.requires_grad_(True)
    image_01 = with_cue("tint")

    def run(seed: int):
        return spectrum_transfer(
            linear,
            image_01,
            THREE,
            donors_of_others([8, 9, 16, 17]),
            generator=torch.Generator().manual_seed(seed),
            settings=SETTINGS,
        )

    first = run(0)
    assert first == run(0)
    other = run(1)
    # the class's own filter has nothing random, the half of it and the controls have
    whole = "mean rise, whole"
    assert [one.details[whole] for one in other] == [one.details[whole] for one in first]
    assert [one.details for one in other] != [one.details for one in first]
    assert linear.module.training
    assert linear.module.head.weight.requires_grad
    assert linear.module.head.weight.grad is None


def test_what_cannot_be_tested_says_why(linear):
    image_01, generator = with_cue("tint"), torch.Generator().manual_seed(0)
    classes = THREE.clone()
    classes[2:8] = 1  # two images of class 0
    reason = "2 images of the class and 22 others, 3 of each are needed to tell a filter"
    moved = spectrum_transfer(
        linear,
        image_01,
        classes,
        donors_of_others([8, 16, 17]),
        generator=generator,
        settings=SETTINGS,
    )
    assert moved[0].reason.startswith(reason)
    assert moved[1] == NotTested("spectrum transfer", 1, "3 donors of other classes, 4 are needed")
    with pytest.raises(UsageError, match="23 came for 24 images"):
        spectrum_transfer(linear, image_01, classes[:-1], {}, generator=generator)
