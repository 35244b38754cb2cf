"""Lucid's transforms: their laws, an exact adjoint, and moves whose result is known."""

import math

import pytest
import torch

from macoaudit.config import AffineViews, MacoConfig, ViewConfig
from macoaudit.drawing_config import drawing_settings, lucid_views
from macoaudit.errors import UsageError
from macoaudit.transforms import AffineMap, draw_moves

STILL = (0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
BARE = AffineViews(pad_frac=0.0)


def moved(image, config=BARE, view=None, **moves):
    names = ("jitter_y", "jitter_x", "fine_y", "fine_x", "scale", "angle")
    values = [moves.get(name, still) for name, still in zip(names, STILL, strict=True)]
    size = (image.shape[-2], image.shape[-1])
    mapping = AffineMap(torch.tensor([[values]]), size, view or size, config)
    return mapping.apply(image)[0, 0], mapping


def picture(generator, size=(9, 9)):
    return torch.rand(1, 3, *size, generator=generator)


def test_standing_still_is_the_identity(generator):
    image = picture(generator)
    torch.testing.assert_close(moved(image)[0], image[0])


def test_a_shift_by_whole_pixels_moves_them_and_fills_with_grey(generator):
    image = picture(generator, (8, 8))
    view, _ = moved(image, jitter_y=2 * 2 / 8, jitter_x=-2 / 8)  # two rows down, one column left
    torch.testing.assert_close(view[:, :6, 1:], image[0, :, 2:, :-1])
    grey = torch.full((3, 8, 8), 0.5)
    torch.testing.assert_close(view[:, 6:], grey[:, 6:])
    torch.testing.assert_close(view[:, :, 0], grey[:, :, 0])


def test_a_quarter_turn_is_a_quarter_turn(generator):
    image = picture(generator)
    view, _ = moved(image, angle=math.pi / 2)
    turned = [image[0].rot90(k, (-2, -1)) for k in (1, 3)]
    assert any(torch.allclose(view, candidate, atol=1e-5) for candidate in turned)


def test_scaling_up_shows_the_middle():
    ramp = torch.linspace(0, 1, 33)[None, None, None].expand(1, 1, 33, 33)
    view, _ = moved(ramp, scale=2.0)
    # half the range around the middle: the slope is half as steep
    torch.testing.assert_close(view[0, 16, 16], torch.tensor(0.5))
    torch.testing.assert_close(view[0, 16, 20] - view[0, 16, 12], torch.tensor(4 / 32))


def test_padding_shows_grey_around_the_whole_canvas():
    black = torch.zeros(1, 1, 16, 16)
    view, _ = moved(black, AffineViews(pad_frac=1.0), view=(32, 32))
    expected = torch.full((1, 32, 32), 0.5)
    expected[:, 8:24, 8:24] = 0
    torch.testing.assert_close(view, expected, atol=1e-4, rtol=0)


def test_the_adjoint_is_exact(generator):
    """<A x, y> = <x, A* y> for the linear part, summed over views."""
    config = AffineViews()
    moves = torch.stack([draw_moves(config, 1, 3, generator)[0] for _ in range(2)])
    mapping = AffineMap(moves, (10, 12), (14, 9), config)
    x = torch.rand(2, 3, 10, 12, generator=generator)
    y = torch.rand(2, 3, 3, 14, 9, generator=generator)
    linear = mapping.apply(x) - mapping.apply(torch.zeros_like(x))
    left, right = (linear * y).sum((1, 2, 3, 4)), (x * mapping.adjoint(y)).sum((1, 2, 3))
    torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4)
    ones = torch.ones(2, 3, 3, 14, 9)
    torch.testing.assert_close(mapping.coverage(), mapping.adjoint(ones)[:, 0])


def test_moves_follow_their_laws(generator):
    config = AffineViews()
    moves = draw_moves(config, 3000, 1, generator)[:, 0]
    # half sides: half the range of the shift to either side
    for columns, frac in ((slice(0, 2), 8 / 128), (slice(2, 4), 4 / 128)):
        assert float(moves[:, columns].abs().max()) <= frac
        assert float(moves[:, columns].abs().max()) > 0.98 * frac
        assert abs(float(moves[:, columns].mean())) < 0.05 * frac
    assert 0.9 <= float(moves[:, 4].min()) < 0.902
    assert 1.098 < float(moves[:, 4].max()) <= 1.1
    degrees = moves[:, 5].rad2deg()
    torch.testing.assert_close(degrees, degrees.round(), atol=1e-4, rtol=0)
    assert float(degrees.abs().max()) == pytest.approx(10)
    upright = float((degrees.round() == 0).float().mean())
    assert upright == pytest.approx(5 / 26 + 21 / 26 / 21, abs=0.03)


def test_moves_are_the_generator_s_alone():
    draws = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        draws.append(draw_moves(AffineViews(), 4, 2, torch.Generator().manual_seed(7)))
    assert torch.equal(*draws)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pad_frac": -0.1}, "pad_frac is -0.1"),
        ({"jitter_frac": 1.5}, "jitter_frac is 1.5"),
        ({"scale_range": (1.1, 0.9)}, "scale_range"),
        ({"rotation_deg": 200.0}, "rotation_deg is 200"),
    ],
)
def test_refused_laws(fields, message):
    with pytest.raises(UsageError, match=message):
        AffineViews(**fields)


def test_settings_of_the_methods():
    maco, fourier = drawing_settings("maco"), drawing_settings("fourier")
    assert maco.tolerance == fourier.tolerance == 0
    assert maco.views == MacoConfig().views
    assert fourier.views == lucid_views() == ViewConfig(affine=AffineViews())
    assert drawing_settings("maco", "paper").canvas_px == 512
    with pytest.raises(UsageError, match="--compat paper is a way to draw MACO"):
        drawing_settings("pixel", "paper")
