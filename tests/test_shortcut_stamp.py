"""Stamp consistency against closed forms and on scenes whose truth is known."""

import pytest
import torch
from scipy.stats import kstest

from macoaudit.shortcuts import (
    Candidates,
    NotTested,
    StampSettings,
    occlusion_candidates,
    stamp_consistency,
)
from macoaudit.shortcuts.stamp import (
    concentration,
    likeness,
    place_maps,
    region_windows,
    robust_z,
)
from tests.planted import MARKED, Counting, loaded, planted_scenes

SIDE = 6


def noise(count, seed=0, side=20):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def test_a_moved_stamp_of_any_gain_is_fully_alike():
    images = noise(3)
    stamp = noise(1, seed=9, side=SIDE)[0]
    corners = [(5, 6), (8, 3), (4, 4)]
    gains = [(1.0, 0.0), (0.3, 0.5), (0.6, 0.1)]
    for image, (y, x), (gain, offset) in zip(images, corners, gains, strict=True):
        image[:, y : y + SIDE, x : x + SIDE] = gain * stamp + offset
    found = likeness(images, corners, SIDE, 0 + 1)
    assert torch.allclose(found, torch.ones(3, 3, dtype=torch.float64), atol=1e-5)
    moved = [(6, 6), (8, 3), (4, 4)]  # the first window is one pixel too low: found by its shift
    found = likeness(images, moved, SIDE, 1)
    assert found[1, 2] == pytest.approx(1, abs=1e-5)
    assert 0.5 < float(found[0, 1]) < 1  # only the search side can make up for the shift


def test_an_inverse_stamp_is_opposite_and_a_flat_one_is_like_nothing():
    images = noise(3)
    corner = slice(7, 7 + SIDE)
    images[1, :, corner, corner] = 1 - images[0, :, corner, corner]
    images[2] = 0.5
    # without room to move, there is one correlation
    found = likeness(images, [(7, 7)] * 3, SIDE, 0)
    assert found[0, 1] == pytest.approx(-1, abs=1e-5)
    assert found[2].tolist() == [0.0, 0.0, 0.0]
    assert found[0, 0] == pytest.approx(1)


def test_likeness_is_numpys_correlation():
    images = noise(2)
    found = likeness(images, [(2, 3), (9, 1)], SIDE, 0)
    a, b = images[0, :, 2:8, 3:9], images[1, :, 9:15, 1:7]
    a, b = (one - one.mean((1, 2), keepdim=True) for one in (a, b))
    assert found[0, 1] == pytest.approx(float((a * b).sum() / (a.norm() * b.norm())), abs=1e-5)


def test_concentration_in_its_limits():
    assert concentration(torch.full((2, 16), 1 / 16)) == pytest.approx(0)
    assert concentration(torch.eye(16)[[3, 3]]) == pytest.approx(1)
    assert concentration(torch.eye(16)) == pytest.approx(0)  # everywhere in turn
    assert concentration(torch.eye(16)[:4]) == pytest.approx(0.5)  # log 4 of log 16


def test_a_robust_z_by_hand():
    # median 3, deviations 2 1 0 1 2: MAD 1
    assert robust_z(7.4478, [1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(3)
    assert robust_z(1.06, [1.0, 1.0, 1.0]) == pytest.approx(3)  # the least spread


def candidates_at(places, side=24, size=4):
    masks = torch.zeros(len(places), side, side, dtype=torch.bool)
    for mask, (y, x) in zip(masks, places, strict=True):
        mask[y : y + size, x : x + size] = True
    return Candidates("given", masks.float(), masks)


def test_windows_stay_inside():
    found = candidates_at([(0, 0), (20, 20), (10, 5)])
    assert region_windows(found, torch.arange(3), 6) == [(0, 0), (18, 18), (9, 4)]
    assert torch.allclose(place_maps(found).sum(1), torch.ones(3, dtype=torch.float64))


def test_the_planted_class_is_found_and_the_others_are_not():
    model = loaded(Counting(shortcut=True))
    images, classes = planted_scenes(5)
    regions = occlusion_candidates(model, images, classes)
    found = stamp_consistency(
        model,
        images,
        classes,
        regions,
        generator=torch.Generator().manual_seed(0),
        settings=StampSettings(n_draws=199),
    )
    planted = found[MARKED]
    assert planted.effect >= planted.threshold
    assert planted.p_value <= 0.02
    assert planted.smallest_p == 0.01
    assert planted.details["likeness"] > 0.6
    assert all(one.effect < one.threshold or one.p_value > 0.05 for one in found[1:])


def test_without_a_cue_each_p_is_uniform():
    model = loaded(Counting(shortcut=False))
    classes = torch.arange(4).repeat_interleave(4)
    found = []
    for seed in range(15):
        generator = torch.Generator().manual_seed(seed)
        places = torch.randint(20, (16, 2), generator=generator).tolist()
        found += stamp_consistency(
            model,
            noise(16, seed=seed, side=24),
            classes,
            candidates_at(places),
            generator=generator,
            settings=StampSettings(n_draws=49),
        )
    for name in ("likeness_p", "concentration_p"):
        assert kstest([one.details[name] for one in found], "uniform").pvalue > 0.01


def test_what_cannot_be_tested_says_why(generator):
    model = loaded(Counting(shortcut=True))
    images = noise(9, side=24)
    places = candidates_at([(index, 2 * index) for index in range(9)])
    classes = torch.tensor([0, 0, 1, 1, 1, 2, 2, 3, 3])
    few = stamp_consistency(
        model, images[:5], classes[:5], candidates_at([(3, 3)] * 5), generator=generator
    )
    assert [one.class_index for one in few] == [0, 1]
    assert all("2 classes have two images" in one.reason for one in few)
    places.masks[0] = False
    found = stamp_consistency(
        model,
        images,
        classes,
        places,
        generator=generator,
        settings=StampSettings(n_draws=9, min_classes=3),
    )
    assert found[0] == NotTested("stamp", 0, "fewer than 2 of its images have a compact region")
    assert [one.class_index for one in found] == [0, 1, 2, 3]
