"""Spectra of tiles against closed forms and numpy; cues everywhere against objects somewhere."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import binom
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.shortcuts import Evidence, NotTested, TileSettings, spectrum_recurrence
from macoaudit.shortcuts.tiles import (
    directions,
    folds,
    least_share,
    scores,
    shares_beyond,
    standardised,
    tile_levels,
)
from tests.planted import Silent, loaded

SIDE = 24
SETTINGS = TileSettings(threshold=0.2, n_draws=199)


def noise(count: int, seed: int = 0, size: tuple[int, int] = (SIDE, SIDE)) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.2 + 0.3 * torch.rand(count, 3, *size, generator=generator)


@pytest.mark.parametrize(
    ("size", "count"), [((48, 48), 9), ((48, 64), 12), ((24, 24), 9), ((10, 10), 4), ((6, 6), 1)]
)
def test_tiles_cover_the_image_side_by_side(size, count):
    levels = tile_levels(noise(2, size=size), 1 / 3)
    assert levels.shape[:2] == (2, count)
    # each pixel counts: no change of one leaves the levels as they were
    image_01 = noise(1, 1, size)
    before = tile_levels(image_01, 1 / 3)
    for row, column in [(0, 0), (size[0] - 1, 0), (size[0] - 1, size[1] - 1), (size[0] // 2, 3)]:
        changed = image_01.clone()
        changed[0, :, row, column] = 1.0
        assert not torch.equal(tile_levels(changed, 1 / 3), before)


def test_a_gain_of_a_colour_moves_all_its_levels_by_its_logarithm():
    image_01 = noise(3)
    gains = torch.tensor([1.3, 1.0, 0.6])
    moved = tile_levels(image_01 * gains[:, None, None], 1 / 3) - tile_levels(image_01, 1 / 3)
    per_colour = moved[..., :-3].unflatten(2, (3, -1))
    expected = gains.log()[:, None].expand(3, per_colour.shape[-1]).clone()
    # a tile is taken about its mean, so that its zero frequency says nothing
    empty = per_colour.abs().amax((0, 1)) < 1e-6
    assert int(empty[0].sum()) == 1
    torch.testing.assert_close(
        # of most tiles: here and there a magnitude is below what rounding leaves
        per_colour.flatten(0, 1).median(0).values,
        expected.masked_fill(empty, 0.0),
        atol=1e-4,
        rtol=0,
    )
    torch.testing.assert_close(moved[..., -3:], gains.log().expand(3, 9, 3), atol=1e-5, rtol=0)


def test_flat_images_have_their_colour_and_nothing_else():
    levels = tile_levels(torch.full((1, 3, SIDE, SIDE), 0.25), 1 / 3)
    torch.testing.assert_close(levels[..., -3:], torch.full((1, 9, 3), 0.25).log())
    rest = levels[..., :-3]
    assert float(rest.max() - rest.min()) < 1e-6
    assert float(rest.max()) < -8


def test_features_are_in_their_own_deviations(generator):
    levels = 3 + 5 * torch.randn(10, 4, 6, generator=generator)
    flat = standardised(levels).flatten(0, 1)
    torch.testing.assert_close(flat.mean(0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(flat.std(0, correction=0), torch.ones(6))


def test_directions_are_shrunk_as_james_and_stein_do(generator):
    means = torch.randn(14, 20, generator=generator)
    own = (torch.arange(14) < 5)[:, None]
    means[:5, :10] += 1.5
    rest = (torch.arange(14) >= 6)[:, None]  # one image is on neither side
    found, middle = directions(means, own, rest)
    a, b = means[:5].double().numpy(), means[6:].double().numpy()
    difference = a.mean(0) - b.mean(0)
    error = a.var(0) / 4 + b.var(0) / 7
    kept = difference * np.maximum(0, 1 - error / difference**2)
    np.testing.assert_allclose(found[0], kept / np.linalg.norm(kept), atol=1e-5)
    np.testing.assert_allclose(middle[0], (a.mean(0) + b.mean(0)) / 2, atol=1e-5)
    assert 0 < int((found[0] == 0).sum()) < 20


def test_an_image_scores_what_three_quarters_of_its_tiles_reach(generator):
    levels = torch.randn(9, 9, 5, generator=generator)
    inside = torch.stack([torch.arange(9) < 4, torch.arange(9) % 2 == 0], 1)
    fold = torch.stack([torch.arange(9) % 3, torch.arange(9) // 3], 1)
    found = scores(levels, inside, fold, 0.25)
    means = levels.mean(1)
    for draw in range(2):
        for image in range(9):
            train = fold[:, draw] != fold[image, draw]
            direction, middle = directions(
                means, (inside[:, draw] & train)[:, None], (~inside[:, draw] & train)[:, None]
            )
            along = ((levels[image] - middle[0]) @ direction[0]).numpy()
            assert float(found[image, draw]) == pytest.approx(np.sort(along)[2], abs=1e-5)
            assert (along >= float(found[image, draw]) - 1e-5).sum() == 7


def test_shares_are_those_of_numpy(generator):
    values = torch.randn(30, 6, generator=generator)
    inside = torch.rand(30, 6, generator=generator).argsort(0).argsort(0) < 8
    values[inside] += 1
    found = shares_beyond(values, inside, 0.95)
    for draw in range(6):
        own, others = values[inside[:, draw], draw], values[~inside[:, draw], draw]
        bound = np.quantile(others.double().numpy(), 0.95)
        assert float(found[draw]) == pytest.approx((own.double().numpy() > bound).mean())


def test_folds_hold_their_part_of_both_sides(generator):
    inside = torch.rand(25, 50, generator=generator).argsort(0).argsort(0) < 7
    found = folds(inside, 3, generator)
    for number in range(3):
        assert set(((found == number) & inside).sum(0).tolist()) <= {2, 3}
        assert set(((found == number) & ~inside).sum(0).tolist()) == {6}
    assert len({tuple(row) for row in found.T.tolist()}) > 40


SILENT = loaded(Silent(), classes=3, side_px=SIDE)
THREE = torch.arange(3).repeat_interleave(12)


def with_cue(kind: str, share: float = 1.0) -> Tensor:
    image_01 = noise(36)
    own = image_01[: round(12 * share)]
    stripes = 0.05 * (torch.arange(SIDE) * torch.pi / 2).sin()
    if kind == "tint":
        own *= torch.tensor([1.5, 1.0, 0.65])[:, None, None]
    elif kind == "blur":
        own[:] = torch.from_numpy(gaussian_filter(own.numpy(), (0, 0, 1, 1), mode="wrap"))
    elif kind == "stripes":
        own += stripes
    elif kind == "striped object":
        own[:, :, 8:16, 8:16] += 4 * stripes[8:16]
    return image_01


def run(image_01: Tensor, classes: Tensor = THREE, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return spectrum_recurrence(SILENT, image_01, classes, generator=generator, settings=SETTINGS)


@pytest.mark.parametrize("kind", ["tint", "blur", "stripes"])
@pytest.mark.parametrize("share", [1.0, 2 / 3])
def test_what_is_everywhere_is_found_in_as_many_images_as_have_it(kind, share):
    found = run(with_cue(kind, share))
    assert [one.class_index for one in found] == [0, 1, 2]
    seen = found[0].details["share"]
    assert seen == pytest.approx(share, abs=1.01 / 12)
    # no smaller share would give as many images in 2.5 % of the cases
    assert binom.sf(round(12 * seen) - 1, 12, found[0].effect) == pytest.approx(0.025)
    assert found[0].p_value <= 0.01
    assert sorted(found[0].images) == list(range(12))
    assert set(found[0].images[: round(12 * share)]) == set(range(round(12 * share)))
    assert found[0].threshold == SETTINGS.threshold
    assert max(one.effect for one in found[1:]) < SETTINGS.threshold


def test_what_has_a_place_is_not_everywhere():
    found = run(with_cue("striped object"))
    assert found[0].effect < SETTINGS.threshold
    assert found[0].details["n_tiles"] == 9.0


def test_with_classes_by_chance_small_p_values_are_no_more_frequent_than_they_may_be():
    p_values = np.array([run(noise(36, seed), seed=seed)[0].p_value for seed in range(60)])
    for level in (0.1, 0.3, 0.5):
        error = (level * (1 - level) / len(p_values)) ** 0.5
        assert (p_values <= level).mean() <= level + 3 * error


def test_the_same_seed_gives_the_same_and_classes_do_not_depend_on_each_other():
    image_01 = with_cue("tint")
    first, again = run(image_01), run(image_01)
    assert first == again
    merged = THREE.clone()
    merged[merged == 2] = 1
    assert run(image_01, merged)[0].effect == first[0].effect


def test_the_least_share_is_that_of_the_tables():
    # Clopper and Pearson at 95 %: all of n gives the n-th root of 0.025
    assert least_share(1.0, 4) == pytest.approx(0.025**0.25)
    assert least_share(0.75, 4) == pytest.approx(0.1941, abs=1e-4)
    assert least_share(0.0, 7) == 0.0


def test_what_cannot_be_tested_says_why():
    classes = THREE.clone()
    classes[2:12] = 1
    found = run(with_cue("tint"), classes)
    assert isinstance(found[0], NotTested)
    reason = "2 images of the class and 34 others, 3 of each are needed to tell a spectrum"
    assert found[0].reason.startswith(reason)
    assert isinstance(found[1], Evidence)
    with pytest.raises(UsageError, match="35 came for 36 images"):
        run(with_cue("tint"), classes[:-1])
