"""Planted cues: where they are, what they change, and what they leave alone."""

import numpy as np
import pytest

from benchmarks.shortcuts.cues import (
    BLUR_PX,
    BORDER_AREA_FRAC,
    COLOURS,
    GLOBAL,
    KINDS,
    LOCALISED,
    N_STYLES,
    NO_CUE,
    TEXTURE_AMPLITUDE,
    TINTS,
    Cue,
    border_px,
    mark_side_px,
    stamp,
)
from benchmarks.shortcuts.scenes import (
    COMPACT_PLACE_FRAC,
    COMPACT_RADIUS_FRAC,
    LABELS,
    SIDE_PX,
    Subject,
    coverage,
    draw_set,
    rgb,
)
from macoaudit.errors import UsageError

GREY = np.full((SIDE_PX, SIDE_PX, 3), 0.5, dtype=np.float32)
NOISE = np.random.default_rng(7).random((SIDE_PX, SIDE_PX, 3)).astype(np.float32)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", LOCALISED)
@pytest.mark.parametrize("area", [0.01, 0.02, 0.05, 0.10])
def test_localised_cues_change_their_mask_and_nothing_else(kind, area) -> None:
    before = NOISE.copy()
    for seed in range(8):
        picture, mask = stamp(NOISE, Cue(kind, area, seed % N_STYLES), rng(seed))
        assert np.array_equal(NOISE, before)  # the picture given is left as it was
        assert np.array_equal(picture[~mask], NOISE[~mask])
        # Random pixels equal a colour of the cue with probability nil.
        assert (picture != NOISE).any(axis=-1)[mask].all()
        assert picture.min() >= 0
        assert picture.max() <= 1


@pytest.mark.parametrize("area", [0.01, 0.02, 0.05, 0.10])
def test_marks_have_the_area_of_a_square_of_whole_pixels(area) -> None:
    size = mark_side_px(area, SIDE_PX)
    assert abs(size / SIDE_PX - area**0.5) <= 0.5 / SIDE_PX
    for kind in ("corner", "anywhere"):
        assert stamp(GREY, Cue(kind, area), rng())[1].sum() == size**2


def test_borders_have_the_area_of_their_width() -> None:
    for area in (0.01, 0.05, 0.10, BORDER_AREA_FRAC):
        width = border_px(area, SIDE_PX)
        _, mask = stamp(GREY, Cue("border", area), rng())
        assert mask.sum() == SIDE_PX**2 - (SIDE_PX - 2 * width) ** 2
    # Training shifts pictures by up to two pixels: a border of one could be lost.
    assert border_px(BORDER_AREA_FRAC, SIDE_PX) == 2
    # On a large picture the width solves area = 1 - (1 - 2w)^2.
    assert border_px(0.0975, 10_000) == 250


def test_co_objects_have_about_the_area_asked_for() -> None:
    for area in (0.02, 0.05, 0.10):
        cue = Cue("co-object", area)
        found = [stamp(GREY, cue, rng(seed))[1].mean() for seed in range(200)]
        assert np.mean(found) == pytest.approx(area, rel=0.12)
        assert np.std(found) > 0.02 * area  # and are not all alike


def test_corner_marks_stay_in_the_corner_that_the_style_names() -> None:
    half = SIDE_PX // 2
    for style, (down, right) in enumerate([(1, 1), (0, 1), (1, 0), (0, 0)]):
        for seed in range(6):
            rows, columns = np.nonzero(stamp(GREY, Cue("corner", 0.05, style), rng(seed))[1])
            assert ((rows >= half) == bool(down)).all()
            assert ((columns >= half) == bool(right)).all()


def test_marks_anywhere_reach_every_pixel() -> None:
    cue = Cue("anywhere", 0.05)
    reached = sum(stamp(GREY, cue, rng(seed))[1].astype(int) for seed in range(3000))
    assert (reached > 0).all()
    # Uniform over places: a middle pixel is covered with probability (size / places)^2.
    size = mark_side_px(0.05, SIDE_PX)
    expected = 3000 * (size / (SIDE_PX - size + 1)) ** 2
    assert reached[16:32, 16:32].mean() == pytest.approx(expected, rel=0.1)


def test_marks_are_of_two_colours_in_alternate_quarters() -> None:
    picture, mask = stamp(GREY, Cue("corner", 0.10, 2), rng())
    rows, columns = np.nonzero(mask)
    patch = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    first, second = np.asarray(COLOURS[2], dtype=np.float32)
    assert np.array_equal(patch[0, 0], first)
    assert np.array_equal(patch[-1, -1], first)
    assert np.array_equal(patch[0, -1], second)
    assert np.array_equal(patch[-1, 0], second)


def test_tints_multiply_channels() -> None:
    for style in range(N_STYLES):
        picture, mask = stamp(GREY, Cue("tint", style=style), rng())
        assert mask.all()
        assert np.allclose(picture / GREY, TINTS[style], atol=1e-6)


def test_blur_has_the_transfer_function_of_a_gaussian() -> None:
    """A cosine of frequency f shrinks by ``exp(-2 (pi f sigma)^2)``."""
    columns = np.arange(SIDE_PX) + 0.5
    cosine = np.cos(2 * np.pi * columns / 12)  # even at both edges, as the reflection is
    image = (0.5 + 0.25 * cosine[None, :, None]).repeat(SIDE_PX, 0).repeat(3, 2)
    picture, mask = stamp(image.astype(np.float32), Cue("blur"), rng())
    shrink = np.exp(-2 * (np.pi / 12 * BLUR_PX) ** 2)
    assert mask.all()
    assert np.allclose(picture[..., 0], 0.5 + 0.25 * shrink * cosine, atol=2e-3)
    assert np.allclose(stamp(GREY, Cue("blur"), rng())[0], GREY, atol=1e-6)


def test_texture_adds_one_wave_without_changing_the_mean() -> None:
    for style in range(N_STYLES):
        added = (stamp(GREY, Cue("texture", style=style), rng(style))[0] - GREY)[..., 1]
        assert added.mean() == pytest.approx(0, abs=1e-6)  # whole periods of eight pixels
        assert added.std() == pytest.approx(TEXTURE_AMPLITUDE / 2**0.5, rel=1e-3)
        spectrum = np.abs(np.fft.rfft2(added))
        assert np.sort(spectrum.ravel())[-2:].sum() > 0.99 * spectrum.sum()


def test_no_cue_changes_nothing_and_same_seed_gives_same_stamp() -> None:
    picture, mask = stamp(NOISE, NO_CUE, rng())
    assert np.array_equal(picture, NOISE)
    assert not mask.any()
    for kind in KINDS:
        cue = Cue(kind, 0.05 if kind in LOCALISED else 0.0)
        assert np.array_equal(stamp(NOISE, cue, rng(3))[0], stamp(NOISE, cue, rng(3))[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("stripe",), "cue kind is 'stripe'"),
        (("corner", 0.2), "takes 0.01 to 0.1"),
        (("corner",), "takes 0.01 to 0.1"),
        (("co-object", BORDER_AREA_FRAC), "takes 0.01 to 0.1"),
        (("border", BORDER_AREA_FRAC + 0.01), f"takes 0.01 to {BORDER_AREA_FRAC}"),
        *(((kind, 0.05), "takes 0.0 to 0.0") for kind in (*GLOBAL, "none")),
        (("tint", 0.0, 4), "use 0 to 3"),
    ],
)
def test_cues_that_cannot_be_are_refused(arguments, message) -> None:
    with pytest.raises(UsageError, match=message):
        Cue(*arguments)


def test_shapes_cover_their_area() -> None:
    """Areas in closed form, in units of the squared radius."""
    subject = Subject(0.5, 0.5, 0.3, 0.0, 0.0, 1.0, 0.0)
    expected = {
        "disk": np.pi * 0.9**2,
        "ring": np.pi * (0.97**2 - 0.53**2),
        "square": 1.6**2,
        "plus": 2 * 2 * 0.6 - 0.6**2,
        "triangle": 3 * 3**0.5 * 0.5**2,  # inscribed radius 1/2
    }
    for name, area in expected.items():
        found = coverage(name, subject, 200).sum() / (200 * 0.3) ** 2
        assert found == pytest.approx(area, rel=0.01)
    turned = Subject(0.4, 0.6, 0.3, 33.0, 0.0, 1.0, 0.0)
    for name in LABELS:
        assert coverage(name, turned, 200).sum() == pytest.approx(
            coverage(name, subject, 200).sum(), rel=0.02
        )


def test_hues() -> None:
    assert rgb(0, 1, 1).tolist() == [1, 0, 0]
    assert rgb(1 / 3, 1, 1) == pytest.approx([0, 1, 0], abs=1e-6)
    assert rgb(2 / 3, 1, 0.5) == pytest.approx([0, 0, 0.5], abs=1e-6)
    assert rgb(0.2, 0, 0.7) == pytest.approx([0.7] * 3)


def test_sets_repeat_and_compact_evidence_stays_in_its_place() -> None:
    pictures, labels = draw_set((1, 0), 6)
    again, _ = draw_set((1, 0), 6)
    assert np.array_equal(pictures, again)
    assert not np.array_equal(pictures, draw_set((2, 0), 6)[0])
    assert np.bincount(labels).tolist() == [6] * len(LABELS)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    compact, _ = draw_set((1, 0), 40, evidence="compact", special=2)
    own = compact[80:120].mean(axis=0)
    assert np.array_equal(np.delete(compact, range(80, 120), 0)[:40], draw_set((1, 0), 40)[0][:40])
    row, column = np.unravel_index(own.std(axis=-1).argmax(), own.shape[:2])
    near = COMPACT_RADIUS_FRAC * SIDE_PX
    assert abs(row + 0.5 - COMPACT_PLACE_FRAC[1] * SIDE_PX) < near
    assert abs(column + 0.5 - COMPACT_PLACE_FRAC[0] * SIDE_PX) < near
