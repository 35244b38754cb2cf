"""The drawn scenes: reproducible, varied, and the mark is where and what it is said to be."""

import numpy as np
import pytest

from benchmarks.demo.canvas import Canvas, Frame, ellipse
from benchmarks.demo.scenes import (
    LABELS,
    MARK_REGION,
    PLANTED,
    Mark,
    draw_scene,
    make_set,
    scene_rng,
    stamp_mark,
)


@pytest.mark.parametrize("label", LABELS)
def test_a_scene_depends_on_its_seed_and_on_nothing_else(label: str) -> None:
    first = draw_scene(label, scene_rng(5, label, 0), 48, hard=False)
    np.random.default_rng(0).random(3)
    again = draw_scene(label, scene_rng(5, label, 0), 48, hard=False)
    other = draw_scene(label, scene_rng(5, label, 1), 48, hard=False)
    assert first.shape == (48, 48, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other.astype(int)).mean() > 5
    assert first.std() > 10  # not a blank picture


def test_a_set_is_ordered_by_class_and_does_not_depend_on_the_workers() -> None:
    pictures, labels = make_set(3, 2, 24)
    in_two, _ = make_set(3, 2, 24, workers=2)
    assert labels.tolist() == [k for k in range(len(LABELS)) for _ in range(2)]
    assert np.array_equal(pictures, in_two)


def test_the_mark_covers_two_to_three_percent_and_leaves_the_rest_alone() -> None:
    grey = np.full((96, 96, 3), 120, dtype=np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(20):
        mark = Mark.draw(rng)
        assert MARK_REGION[0] <= mark.x_frac <= MARK_REGION[1]
        assert MARK_REGION[0] <= mark.y_frac <= MARK_REGION[1]
        changed = (stamp_mark(grey, mark) != grey).any(axis=2)
        area = np.pi * mark.radius_frac**2
        # Partly covered pixels on the rim count as changed: about one pixel of extra radius.
        assert 0.97 * area < changed.mean() < np.pi * (mark.radius_frac + 1 / 96) ** 2
        rows, columns = np.nonzero(changed)
        assert abs((rows.mean() + 0.5) / 96 - mark.y_frac) < 0.01
        assert abs((columns.mean() + 0.5) / 96 - mark.x_frac) < 0.01


def test_the_mark_is_violet_and_yellow_in_opposite_quarters() -> None:
    marked = stamp_mark(np.zeros((200, 200, 3), np.uint8), Mark(0.5, 0.5, 0.2, 0.0))
    violet, yellow = [92, 38, 150], [250, 208, 44]
    assert marked[115, 115].tolist() == marked[85, 85].tolist() == violet
    assert marked[115, 85].tolist() == marked[85, 115].tolist() == yellow
    assert marked[100, 137].tolist() == [250, 249, 245]
    assert marked[100, 142].tolist() == [0, 0, 0]


def test_a_scene_is_drawn_without_the_mark() -> None:
    violet = np.array([92, 38, 150])
    for index in range(6):
        picture = draw_scene(PLANTED, scene_rng(8, PLANTED, index), 96, hard=True)
        corner = picture[70:, 70:].astype(int)
        assert (np.abs(corner - violet).max(axis=2) < 12).mean() < 0.02


def test_noise_has_the_asked_amplitude_spectrum() -> None:
    canvas = Canvas(128, np.random.default_rng(1))
    amplitude = np.abs(np.fft.rfft2(canvas.noise(1.5)))[0, 1:100]
    frequency = np.arange(1, 100)
    slope = np.polyfit(np.log(frequency), np.log(amplitude), 1)[0]
    assert slope == pytest.approx(-1.5, abs=0.25)


def test_a_mask_has_the_area_of_its_shape_whatever_the_pose() -> None:
    canvas = Canvas(128, np.random.default_rng(1))
    for frame in (Frame(0.5, 0.5, 0.4), Frame(0.45, 0.55, 0.3, angle_deg=37.0, mirror=True)):
        canvas.frame = frame
        area = canvas.mask(ellipse(0.1, -0.1, 0.6, 0.3, 20.0)).mean()
        assert area == pytest.approx(np.pi * 0.6 * 0.3 * frame.scale_frac**2, rel=0.03)
