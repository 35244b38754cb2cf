"""Crops in the documented range, exact maps and adjoints, flat coverage."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from macoaudit.config import Ramp, ViewConfig, constant, preset
from macoaudit.errors import UsageError
from macoaudit.views import (
    ViewMap,
    axis_weights,
    draw_boxes,
    draw_cutouts,
    is_whole_view,
    noise_like,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@settings(max_examples=40, deadline=None)
@given(
    low=st.floats(0.05, 1.0),
    span=st.floats(0.0, 0.95),
    n_crops=st.integers(1, 4),
    center=st.sampled_from(["inside", "torus", "normal"]),
    seed=st.integers(0, 2**31),
)
def test_uniform_sides_stay_in_the_stated_range(low, span, n_crops, center, seed):
    high = min(1.0, low + span)
    config = ViewConfig(
        n_crops=n_crops, side_low=constant(low), side_high=constant(high), center=center
    )
    boxes = draw_boxes(config, 7, generator(seed))
    assert boxes.shape == (7, n_crops, 3)
    side = boxes[..., 2]
    assert float(side.min()) >= low - 1e-6
    assert float(side.max()) <= high + 1e-6
    if center == "inside":
        assert float(boxes[..., :2].min()) >= 0
        assert float((boxes[..., :2] + side[..., None]).max()) <= 1 + 1e-6


def test_the_last_steps_settle_on_the_whole_canvas():
    config = ViewConfig(n_crops=2, settle_frac=0.25, cutout=constant(0.3))
    boxes = draw_boxes(config, 20, generator())
    cutouts = draw_cutouts(config, 20, generator())
    assert cutouts is not None
    assert not is_whole_view(boxes[None, 14], (8, 8), (8, 8))
    assert is_whole_view(boxes[None, 15:].flatten(1, 2), (8, 8), (8, 8))
    assert bool((cutouts[:15, :, 2] == 0.3).all())
    assert bool((cutouts[15:, :, 2] == 0).all())


def test_normal_law_is_truncated_not_clamped():
    """The paper's law N(0.25, 0.1): no side below 0.05, and no heap of sides at the limit."""
    boxes = draw_boxes(preset("paper").views, 20_000, generator())
    side = boxes[..., 2].flatten()
    assert float(side.min()) >= 0.05
    assert float(side.max()) <= 1.0
    assert int((side == 0.05).sum()) == 0
    # mean of N(0.25, 0.1) truncated to [0.05, 1]: mu + sd phi(a) / (1 - Phi(a)), a = -2
    assert float(side.mean()) == pytest.approx(0.25 + 0.1 * 0.05399 / 0.97725, abs=0.002)


def test_sides_follow_the_ramp():
    config = ViewConfig(side_low=Ramp(0.3, 1.0, "linear"), side_high=constant(1.0))
    side = draw_boxes(config, 1000, generator())[:, 0, 2]
    assert float(side[:100].min()) < 0.45
    for step in (500, 900, 999):
        assert float(side[step:].min()) >= 0.3 + 0.7 * step / 1000 - 1e-6


def test_preset_laws():
    horama = draw_boxes(preset("horama").views, 4000, generator())
    assert horama.shape[1] == 6
    assert 0.25 - 1e-6 <= float(horama[..., 2].min()) < 0.251
    assert 0.299 < float(horama[..., 2].max()) <= 0.30 + 1e-6
    center = horama[..., :2] + horama[..., 2:] / 2
    assert float(center.std()) == pytest.approx(0.15, rel=0.02)
    xplique = draw_boxes(preset("xplique").views, 256, generator())
    assert xplique.shape[1] == 32
    assert float(xplique[0, :, 2].mean()) == pytest.approx(0.5, abs=0.03)
    assert float(xplique[-1, :, 2].min()) >= 0.05
    assert float(xplique[-1, :, 2].mean()) < 0.12


def test_whole_crop_at_the_same_size_is_the_identity():
    weights = axis_weights(torch.zeros(1), torch.ones(1), 11, 11, "clamp")[0]
    torch.testing.assert_close(weights, torch.eye(11))


@pytest.mark.parametrize(("n_in", "n_out"), [(12, 12), (12, 30), (30, 12), (33, 20)])
def test_crop_on_pixel_borders_equals_torch_interpolate(n_in, n_out):
    """An independent resampler: the crop cut out first, then resized by torch."""
    image = torch.rand(1, 3, n_in, n_in, generator=generator(1))
    first, count = 3, n_in - 5
    boxes = torch.tensor([[[first / n_in, first / n_in, count / n_in]]])
    views = ViewMap(boxes, (n_in, n_in), (n_out, n_out), ViewConfig()).apply(image)[:, 0]
    crop = image[:, :, first : first + count, first : first + count]
    expected = torch.nn.functional.interpolate(
        crop, (n_out, n_out), mode="bilinear", antialias=True, align_corners=False
    )
    # away from the crop's own border, where torch cannot see the neighbours outside
    edge = 1 + 2 * n_out // count
    inside = (..., slice(edge, -edge), slice(edge, -edge))
    torch.testing.assert_close(views[inside], expected[inside], rtol=1e-4, atol=1e-5)


def test_torus_view_of_the_whole_canvas_is_a_circular_shift():
    image = torch.rand(1, 2, 10, 10, generator=generator(2))
    boxes = torch.tensor([[[0.3, 0.8, 1.0]]])
    view = ViewMap(boxes, (10, 10), (10, 10), ViewConfig(center="torus")).apply(image)[:, 0]
    torch.testing.assert_close(view, image.roll((-3, -8), (-2, -1)))


@pytest.mark.parametrize("center", ["inside", "torus", "normal"])
@pytest.mark.parametrize("canvas", [(16, 16), (21, 14)])
@pytest.mark.parametrize("cutout", [0.0, 0.5])
def test_adjoint_is_the_transpose_and_coverage_its_image_of_ones(center, canvas, cutout):
    config = ViewConfig(
        n_crops=3, side_low=constant(0.3), center=center, cutout=constant(cutout), cutout_fill=0.0
    )
    boxes = torch.stack([draw_boxes(config, 1, generator(i))[0] for i in range(2)]).double()
    cutouts = None
    if cutout:
        drawn = [draw_cutouts(config, 1, generator(i)) for i in range(2)]
        cutouts = torch.stack([one[0] for one in drawn if one is not None]).double()
    view_map = ViewMap(boxes, canvas, (9, 9), config, cutouts)
    x = torch.rand(2, 3, *canvas, generator=generator(5), dtype=torch.float64)
    y = torch.rand(2, 3, 3, 9, 9, generator=generator(6), dtype=torch.float64)
    left, right = (view_map.apply(x) * y).sum(), (x * view_map.adjoint(y)).sum()
    torch.testing.assert_close(left, right)
    ones = view_map.adjoint(torch.ones_like(y))
    for channel in range(3):
        torch.testing.assert_close(ones[:, channel], view_map.coverage())


def test_cutout_erases_the_stated_square_and_nothing_else():
    config = ViewConfig(cutout=constant(0.5), cutout_fill=0.25)
    boxes = torch.tensor([[[0.0, 0.0, 1.0]]])
    image = torch.rand(1, 3, 8, 8, generator=generator(1))
    cutouts = torch.tensor([[[0.25, 0.5, 0.5]]])  # rows 0 to 3, columns 2 to 5 of 8
    view = ViewMap(boxes, (8, 8), (8, 8), config, cutouts).apply(image)[:, 0]
    expected = image.clone()
    expected[..., 0:4, 2:6] = 0.25
    torch.testing.assert_close(view, expected)


def test_cutouts_shrink_with_their_ramp():
    config = ViewConfig(n_crops=2, cutout=Ramp(0.4, 0.0, "linear"))
    cutouts = draw_cutouts(config, 10, generator())
    assert cutouts is not None
    assert cutouts.shape == (10, 2, 3)
    torch.testing.assert_close(cutouts[:, 0, 2], 0.4 * (1 - torch.arange(10) / 10))
    assert 0 <= float(cutouts[..., :2].min()) <= float(cutouts[..., :2].max()) <= 1
    assert draw_cutouts(ViewConfig(), 10, generator()) is None


def test_torus_coverage_is_flat_in_expectation_and_normal_is_not():
    flatness = {}
    for center in ("torus", "normal"):
        config = ViewConfig(
            n_crops=1, side_low=constant(0.25), side_high=constant(0.3), center=center
        )
        boxes = draw_boxes(config, 4096, generator(3))[:, 0][None]
        coverage = ViewMap(boxes, (32, 32), (32, 32), config).coverage()[0]
        flatness[center] = float(coverage.std() / coverage.mean())
    assert flatness["torus"] < 0.12
    assert flatness["normal"] > 1.0


def test_whole_view_is_recognised():
    whole = torch.tensor([[[0.0, 0.0, 1.0]]])
    assert is_whole_view(whole, (8, 8), (8, 8))
    assert not is_whole_view(whole, (16, 16), (8, 8))
    assert not is_whole_view(torch.tensor([[[0.1, 0.0, 0.9]]]), (8, 8), (8, 8))


def test_noise_has_its_law_and_each_member_its_stream():
    generators = [generator(1), generator(2)]
    noise = noise_like((3, 64, 64), 0.2, 0.0, generators, torch.device("cpu"))
    assert noise is not None
    assert float(noise.abs().max()) <= 0.2
    assert float(noise.std()) == pytest.approx(0.2 / 3**0.5, rel=0.02)
    alone = noise_like((3, 64, 64), 0.2, 0.0, [generator(2)], torch.device("cpu"))
    assert alone is not None
    assert torch.equal(noise[1], alone[0])
    both = noise_like((3, 64, 64), 0.1, 0.3, [generator(4)], torch.device("cpu"))
    assert both is not None
    assert float(both.std()) == pytest.approx((0.01 / 3 + 0.09) ** 0.5, rel=0.03)
    assert noise_like((3, 4, 4), 0.0, 0.0, generators, torch.device("cpu")) is None


def test_bad_settings_are_refused():
    with pytest.raises(UsageError, match=r"n_crops is 0; use at least 1"):
        ViewConfig(n_crops=0)
    with pytest.raises(UsageError, match=r"low <= high within side_range"):
        ViewConfig(side_low=constant(0.8), side_high=constant(0.4))
    with pytest.raises(UsageError, match=r"noise_uniform is -0.1; it must not be negative"):
        ViewConfig(noise_uniform=constant(-0.1))
    with pytest.raises(UsageError, match=r"cutout is 1.0; use 0 \(none\) to below 1"):
        ViewConfig(cutout=constant(1.0))
    with pytest.raises(UsageError, match="border is 'mirror'"):
        axis_weights(torch.zeros(1), torch.ones(1), 4, 4, "mirror")
