"""Properties, their screen and their shifts on images and networks whose answer is known."""

import pytest
import torch
from scipy.stats import kstest
from torch import nn

from macoaudit.shortcuts.properties import PROPERTIES, measure_properties
from macoaudit.shortcuts.screen import (
    ScreenSettings,
    balanced_accuracy,
    folds,
    property_screen,
    quantile_bins,
)
from macoaudit.shortcuts.shifting import (
    ShiftSettings,
    as_far,
    distance,
    property_shift,
    solve_amount,
)
from macoaudit.shortcuts.verdict import verdict
from tests.planted import loaded

SHIFTED = [one for one in PROPERTIES if one.shift is not None]


class Blue(nn.Module):
    """Class 0 when blue exceeds the two others by 0.1; it sees nothing else."""

    def __init__(self, weight: float = 30.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, image):
        red, green, blue = image.mean((2, 3)).unbind(1)
        odds = self.weight * (blue - (red + green) / 2 - 0.1)
        return torch.stack([odds, torch.zeros_like(odds), torch.full_like(odds, -9.0)], 1)


def grey_noise(count, seed=0, side=16):
    generator = torch.Generator().manual_seed(seed)
    level = 0.4 + 0.2 * torch.rand(count, 1, 1, 1, generator=generator)
    return level + 0.1 * torch.rand(count, 3, side, side, generator=generator)


def tinted():
    images = grey_noise(30)
    images[:12, 2] += 0.3
    return images, torch.tensor([0] * 12 + [1] * 18)


def number(name, images):
    names, values = measure_properties(images)
    return values[:, names.index(name)]


def test_numbers_by_hand():
    images = torch.full((1, 3, 20, 20), 0.25)
    images[:, :, 10:] = 0.75
    assert number("brightness", images).item() == pytest.approx(0.5)
    assert number("saturation", images).item() == 0
    assert number("lower left corner brightness", images).item() == pytest.approx(
        0.75 - (0.5 * 400 - 0.75 * 16) / 384
    )
    assert number("uprightness of edges", images).item() == pytest.approx(-1)
    assert number("mirror likeness", images).item() == 0
    images[:, 2] += 0.2
    assert number("blue balance", images).item() == pytest.approx(0.2, abs=1e-6)
    assert number("red balance", images).item() == pytest.approx(-0.1, abs=1e-6)
    assert number("share of bright pixels", torch.full((1, 3, 9, 9), 0.9)).item() == 1


def test_facts_of_the_file_are_further_columns():
    names, values = measure_properties(grey_noise(2), {"quality": torch.tensor([90.0, 75.0])})
    assert names[-1] == "quality"
    assert values[:, -1].tolist() == [90.0, 75.0]
    assert len(set(names)) == len(names) == values.shape[1] >= 18


@pytest.mark.parametrize("one", SHIFTED, ids=lambda one: one.name)
def test_a_shift_of_nothing_changes_nothing_and_the_number_rises_with_it(one):
    images = grey_noise(3)
    images[:, 0, :8] += 0.1  # some colour and contrast to shift
    assert torch.allclose(one.shift(images, torch.zeros(3)), images, atol=1e-6)
    steps = [one.measure(one.shift(images, torch.full((3,), a))) for a in (-0.4, 0.0, 0.15)]
    assert (steps[0] < steps[1]).all()
    assert (steps[1] < steps[2]).all()
    for image in (one.shift(images, torch.full((3,), a)) for a in (-1.0, 1.0)):
        assert image.min() >= 0
        assert image.max() <= 1


def test_amounts_are_solved():
    target = torch.tensor([0.25, -0.5, 7.0])
    found = solve_amount(lambda a: a**3, target, -1.0)
    exact = torch.tensor([0.25 ** (1 / 3), -(0.5 ** (1 / 3)), 1.0])
    assert torch.allclose(found, exact, atol=1e-3)
    images, far = grey_noise(2), torch.tensor([0.05, 0.1])
    moved = as_far(images, SHIFTED[0].shift, -1.0, far)
    assert torch.allclose(distance(images, moved), far, atol=1e-3)
    assert (moved < images).all()


def test_bins_and_folds():
    values = torch.arange(10.0)[:, None].double()
    assert quantile_bins(values, 5).flatten().tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert quantile_bins(torch.ones(6, 1).double(), 5).unique().numel() == 1
    found = folds(10, 5, torch.Generator().manual_seed(0))
    assert found.bincount().tolist() == [2] * 5


def test_balanced_accuracy_in_its_limits():
    is_class = torch.tensor([True] * 5 + [False] * 15)[:, None]
    fold = torch.arange(20) % 5
    telling = is_class.long()
    constant = torch.zeros(20, 1, dtype=torch.long)
    found = balanced_accuracy(torch.cat([telling, constant], 1), is_class, fold, 2)
    assert found[0, 0] == 1.0
    # in each training part every bin holds the same share of both: a tie, half a hit
    assert found[0, 1] == 0.5


def test_the_tint_is_found_and_shifting_it_moves_the_network():
    model, (images, classes) = loaded(Blue(), classes=3, side_px=16), tinted()
    generator = torch.Generator().manual_seed(0)
    settings = ScreenSettings(n_draws=199)
    screened = property_screen(model, images, classes, generator=generator, settings=settings)
    assert "balance" in screened[0].subject or screened[0].subject == "saturation"
    assert screened[0].effect == pytest.approx(1.0)
    assert screened[0].p_value == 1 / 200
    others = frozenset(name for name in measure_properties(images[:1])[0] if name != "blue balance")
    blue = property_screen(
        model, images, classes, generator=generator, allowed=others, settings=settings
    )
    assert blue[0].subject == "blue balance"
    shifted = property_shift(
        model, images, classes, blue, generator=generator, settings=ShiftSettings(n_draws=499)
    )
    # odds 30 (0.3 - 0.1) = 6 where they were -3
    assert shifted[0].effect == pytest.approx(0.9975 - 0.0474, abs=0.01)
    assert shifted[0].p_value <= 0.01
    assert shifted[0].details["control_distance"] > 0.5 * shifted[0].details["distance"]
    first = verdict([*blue, *shifted], model.labels).findings[0]
    assert (first.class_index, first.severity) == (0, "high")


def test_a_property_that_the_network_ignores_is_no_cause():
    model, (images, classes) = loaded(Blue(weight=0.0), classes=3, side_px=16), tinted()
    generator = torch.Generator().manual_seed(0)
    blue = property_screen(
        model,
        images,
        classes,
        generator=generator,
        settings=ScreenSettings(n_draws=99),
        allowed=frozenset({"saturation", "red balance", "green balance"}),
    )
    shifted = property_shift(model, images, classes, blue, generator=generator)
    assert all(one.effect == 0.0 and one.p_value == 1.0 for one in shifted)


def test_predictions_by_chance_give_uniform_p():
    model = loaded(Blue(), classes=3, side_px=16)
    p_values = []
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        classes = torch.arange(36) % 3
        found = property_screen(
            model,
            grey_noise(36, seed),
            classes,
            generator=generator,
            settings=ScreenSettings(n_draws=39),
        )
        p_values.append(found[0].p_value)
    assert kstest(p_values, "uniform").pvalue > 0.01


def test_what_cannot_be_tested_says_why():
    model, (images, classes) = loaded(Blue(), classes=3, side_px=16), tinted()
    generator = torch.Generator().manual_seed(0)
    few = property_screen(model, images[9:], classes[9:], generator=generator)
    assert "3 images of the class and 18 others" in few[0].reason
    shifted = property_shift(model, images[9:], classes[9:], few, generator=generator)
    assert shifted[0].reason.startswith("no property was picked: 3 images")
    facts = {"quality": torch.cat([torch.ones(12), torch.zeros(18)])}
    names = frozenset(one.name for one in PROPERTIES)
    by_file = property_screen(
        model,
        images,
        classes,
        generator=generator,
        facts=facts,
        allowed=names,
        settings=ScreenSettings(n_draws=99),
    )
    assert by_file[0].subject == "quality"
    shifted = property_shift(model, images, classes, by_file, generator=generator)
    assert "no change of the pixels moves quality alone" in shifted[0].reason
    none = property_screen(model, images, classes, generator=generator, allowed=names)
    assert none[0].reason == "every property is allowed"
