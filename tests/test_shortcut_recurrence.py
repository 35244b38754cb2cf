"""Donors, windows, concordance and recurring pixels on images whose every copy is known."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest
from torch import Tensor

from macoaudit.shortcuts import (
    Evidence,
    NotTested,
    RecurrenceSettings,
    SearchSettings,
    occlusion_maps,
    stamp_consistency,
)
from macoaudit.shortcuts.donors import Donors, choose_donors, least_covered, search_pool
from macoaudit.shortcuts.reading import log_odds, read_logits
from macoaudit.shortcuts.records import Region
from macoaudit.shortcuts.recurring import (
    Table,
    best_places,
    concordances,
    cut,
    frame_concordances,
    gaps,
    group_gaps,
    null_effects,
    strongest,
    tables,
    to_grid,
)
from macoaudit.shortcuts.regions import (
    Pasting,
    Proposal,
    apart,
    area_px,
    enlarged,
    filled,
    frame,
    grid_size,
    map_boxes,
    parts,
    propose,
    windows,
)
from macoaudit.shortcuts.tightening import agreeing, moved, spread_ratio
from tests.planted import Counting, Silent, loaded, mark_mask, planted_scenes

SIDE = 32
# No packaged value may matter here: the thresholds are calibrated elsewhere.
SETTINGS = RecurrenceSettings(
    threshold=1.0,
    free_gap=0.2,
    fixed_gap=0.1,
    frame_gap=0.1,
    turned_gap=0.12,
    own_quantile=0.4,
    other_quantile=0.95,
    shift_cells=2,
    frame_cells=(2, 3),
    max_images=50,
    n_draws=99,
)


def noise(count: int, seed: int = 0, size: tuple[int, int] = (SIDE, SIDE)) -> Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def mean_of_blocks(image: np.ndarray, factor: int) -> np.ndarray:
    channels, height, width = image.shape
    blocks = image.reshape(channels, height // factor, factor, width // factor, factor)
    return blocks.mean((2, 4))


# Donors


def logits_of(probabilities: list[list[float]]) -> Tensor:
    return torch.tensor(probabilities, dtype=torch.float64).log()


def test_the_pool_takes_the_surest_right_images_of_each_class_in_turn():
    logits = logits_of(
        [
            [0.6, 0.3, 0.1],  # 0 right
            [0.9, 0.05, 0.05],  # 1 right, surest of class 0
            [0.2, 0.7, 0.1],  # 2 of class 0, called 1
            [0.1, 0.8, 0.1],  # 3 right
            [0.3, 0.4, 0.3],  # 4 right
            [0.5, 0.4, 0.1],  # 5 of class 1, called 0
            [0.2, 0.2, 0.6],  # 6 right
            *[[0.8, 0.1, 0.1]] * 8,  # of class 2, all called 0
        ]
    )
    classes = torch.tensor([0, 0, 0, 1, 1, 1, *[2] * 9])
    assert search_pool(logits, classes, 4).tolist() == [1, 3, 6, 0]
    # five are right; a third of fifteen images is five as well
    assert search_pool(logits, classes, 100).tolist() == [1, 3, 6, 0, 4]
    assert search_pool(logits[:7], classes[:7], 100).tolist() == [1, 3]
    assert search_pool(logits[:2], classes[:2], 9).tolist() == []


def test_the_pool_is_never_more_than_a_third_and_always_right(generator):
    for count in (1, 2, 3, 8, 29):
        logits = torch.randn(count, 4, generator=generator, dtype=torch.float64)
        classes = torch.randint(4, (count,), generator=generator)
        for size in (0, 2, 100):
            pool = search_pool(logits, classes, size)
            assert len(pool) <= min(size, count // 3)
            assert len(set(pool.tolist())) == len(pool)
            assert bool((logits[pool].argmax(1) == classes[pool]).all())


def test_donors_are_other_images_that_the_network_sees_something_else_in(generator):
    logits = 2 * torch.randn(60, 4, generator=generator, dtype=torch.float64)
    classes = torch.randint(4, (60,), generator=generator)
    pool = search_pool(logits, classes, 12)
    streams = {index: torch.Generator().manual_seed(index) for index in range(4)}
    found = choose_donors(logits, classes, pool, n_test=9, generators=streams)
    own = logits.softmax(1).gather(1, classes[:, None])[:, 0]
    for index, donors in found.items():
        fits = (classes != index) & (logits.argmax(1) != index)
        assert donors.search.tolist() == [one for one in pool.tolist() if bool(fits[one])]
        assert not set(donors.test.tolist()) & set(pool.tolist())
        assert bool(fits[donors.test].all())
        free = set(torch.nonzero(fits).flatten().tolist()) - set(pool.tolist())
        assert len(donors.test) == len(set(donors.test.tolist())) == min(9, len(free))
        # the firm ones first, then from the surest down
        sureness = own[donors.test].clamp_max(0.8)
        assert torch.equal(sureness, sureness.sort(descending=True).values)
        left_out = [float(own[one]) for one in free - set(donors.test.tolist())]
        assert max(left_out, default=0.0) <= float(own[donors.test].min()) + 1e-12 or bool(
            (own[donors.test] >= 0.8).all()
        )


def test_firm_donors_are_drawn_by_chance(generator):
    logits = logits_of([[0.05, 0.95]] * 10 + [[0.3, 0.7]] * 3)
    classes = torch.ones(13, dtype=torch.long)
    drawn = []
    for seed in range(300):
        streams = {0: torch.Generator().manual_seed(seed)}
        found = choose_donors(
            logits, classes, torch.zeros(0, dtype=torch.long), n_test=4, generators=streams
        )
        drawn += found[0].test.tolist()
    assert max(drawn) < 10
    assert chisquare(np.bincount(drawn, minlength=10)).pvalue > 0.001


def test_the_donors_least_covered_by_hand():
    masks = torch.zeros(2, 2, 2, dtype=torch.bool)
    masks[0, 0] = True  # the upper row
    masks[1, :, 1] = True  # the right column
    evidence = torch.tensor(
        [
            [[3.0, 1.0], [0.0, 0.0]],  # all in the upper row, a quarter right
            [[0.0, 0.0], [10.0, 30.0]],  # none above, three quarters right: scale is no matter
            [[0.1, 0.1], [0.1, 0.1]],  # half, half
            [[0.0, 0.0], [0.0, 0.0]],  # no evidence at all: nothing can be covered
        ]
    )
    assert least_covered(masks, evidence, 3).tolist() == [[1, 3, 2], [3, 0, 2]]
    assert least_covered(masks, evidence, 9).shape == (2, 4)


# Windows


@pytest.mark.parametrize("size", [(24, 24), (48, 62), (31, 20)])
@pytest.mark.parametrize("side_frac", [0.1, 1 / 4, 1 / 3, 0.8])
def test_windows_are_squares_that_cover_every_pixel(size, side_frac):
    found = windows(size, side_frac)
    side = max(2, round(side_frac * min(size)))
    cover = torch.zeros(size)
    for top, left, bottom, right in found:
        assert 0 <= top < bottom <= size[0]
        assert 0 <= left < right <= size[1]
        assert bottom - top == right - left == side
        cover[top:bottom, left:right] += 1
    assert int(cover.min()) >= 1
    assert len(set(found)) == len(found)
    for axis in (0, 1):
        starts = np.unique([box[axis] for box in found])
        # a third of a side apart; whole pixels round
        assert np.diff(starts).max(initial=0) <= max(1, side // 3) + 1


def test_the_grid_has_48_cells_on_the_shorter_side_or_the_pixels():
    assert grid_size((24, 30)) == (24, 30)
    assert grid_size((224, 224)) == (48, 48)
    assert grid_size((96, 192)) == (48, 96)


def test_the_grid_holds_means_of_cells_about_the_mean_colour():
    image_01 = noise(3, size=(96, 144))
    grid = to_grid(image_01)
    small = np.stack([mean_of_blocks(one, 2) for one in image_01.numpy()])
    centred = small - small.mean((0, 2, 3), keepdims=True)
    assert grid.size == (48, 72)
    assert np.allclose(grid.values.numpy(), centred, atol=1e-5)
    assert np.allclose(grid.energy[:, 0].numpy(), (centred**2).sum(1), atol=1e-5)
    assert torch.equal(grid.only([2, 0]).values, grid.values[[2, 0]])


def test_masks_of_windows_and_their_boxes_are_inverse():
    boxes = [(0, 0, 2, 3), (4, 1, 9, 7)]
    masks = filled((9, 8), boxes)
    assert [Region(0, mask).box_px for mask in masks] == boxes
    assert [int(mask.sum()) for mask in masks] == [area_px(box) for box in boxes]
    doubled = enlarged(masks, (18, 16))
    assert torch.equal(doubled, masks.repeat_interleave(2, 1).repeat_interleave(2, 2))
    assert enlarged(masks, (9, 8)) is masks


def test_a_frame_is_all_up_to_a_width_from_the_edge():
    found = frame((7, 9), 2)
    rows, columns = np.indices((7, 9))
    distance = np.minimum.reduce([rows, columns, 6 - rows, 8 - columns])
    assert np.array_equal(found.numpy(), distance < 2)


def test_of_overlapping_windows_the_better_is_kept():
    boxes = windows((24, 24), 1 / 3)
    masks = filled((24, 24), boxes).flatten(1)
    ranked = torch.randperm(len(boxes), generator=torch.Generator().manual_seed(0)).tolist()
    for bound in (0.0, 0.2, 0.5):
        kept = apart(boxes, ranked, bound)
        assert kept[0] == ranked[0]
        assert kept == [one for one in ranked if one in set(kept)]

        def iou(one: int, other: int) -> float:
            both = float((masks[one] & masks[other]).sum())
            return both / float((masks[one] | masks[other]).sum())

        assert all(iou(one, other) <= bound for one, other in itertools.combinations(kept, 2))
        for place, one in enumerate(ranked):  # what is not kept overlaps a better one that is
            if one not in kept:
                assert any(iou(one, better) > bound for better in kept if better in ranked[:place])
    assert apart(boxes, ranked, 1.0) == ranked


def test_parts_lie_in_their_window():
    box = (3, 5, 15, 17)
    found = parts(box, 0.5)
    assert found == [(3, 5, 9, 11), (3, 11, 9, 17), (9, 5, 15, 11), (9, 11, 15, 17), (6, 8, 12, 14)]
    for top, left, bottom, right in parts((0, 2, 7, 13), 0.65):
        assert 0 <= top < bottom <= 7
        assert 2 <= left < right <= 13
    assert parts(box, 0.0) == []
    assert parts((0, 0, 4, 4), 0.6) == []  # two cells tell nothing


def test_a_map_proposes_the_box_of_its_peak():
    peak = torch.zeros(24, 24)
    peak[5:9, 12:17] = 2.0
    tiny = torch.zeros(24, 24)
    tiny[3, 3] = 1.0
    found = map_boxes({"peak": peak, "again": peak, "flat": torch.ones(24, 24)}, (24, 24))
    assert found == {(5, 12, 9, 17): "peak"}
    assert map_boxes({"one pixel": tiny}, (24, 24)) == {}
    (box,) = map_boxes({"coarse": torch.eye(6)[[3]].T @ torch.eye(6)[[1]]}, (24, 24))
    assert box[0] <= 14 < box[2]
    assert box[1] <= 6 < box[3]


@pytest.fixture(scope="module")
def shortcut():
    return loaded(Counting(shortcut=True))


@pytest.fixture(scope="module")
def scenes():
    return planted_scenes(4)


def test_rises_are_those_of_pasting_one_by_one(shortcut, scenes):
    images, classes = scenes
    donors = images[[4, 5, 8, 12, 13]]
    evidence = occlusion_maps(shortcut, donors, classes[[4, 5, 8, 12, 13]]).clamp_min(0)
    boxes = [(17, 17, 24, 24), (0, 0, 8, 8), (4, 6, 12, 14)]
    masks = filled((24, 24), boxes)
    found = Pasting(shortcut, donors, evidence, 0).rises(images[0], masks, 3)
    for (top, left, bottom, right), rise in zip(boxes, found.tolist(), strict=True):
        covered = evidence[:, top:bottom, left:right].sum((1, 2)) / evidence.sum((1, 2))
        rises = []
        for place in np.argsort(covered.numpy(), kind="stable")[:3]:
            pasted = donors[place].clone()
            pasted[:, top:bottom, left:right] = images[0, :, top:bottom, left:right]
            both = log_odds(read_logits(shortcut, torch.stack([pasted, donors[place]])), 0)
            rises.append(float(both[0].clamp_max(1) - both[1].clamp_max(1)))
        assert rise == pytest.approx(np.mean(rises), abs=1e-9)
    # the mark alone makes 14 against 10 of the donor's object: beyond 1, where it counts no more
    assert float(found[0]) == pytest.approx(1 + 10, abs=0.1)


def test_the_window_that_carries_farthest_covers_the_mark(shortcut, scenes):
    images, classes = scenes
    donors = {
        0: Donors(torch.tensor([4, 8, 12]), torch.zeros(0, dtype=torch.long)),
        1: Donors(torch.zeros(0, dtype=torch.long), torch.tensor([0])),
    }
    shown = torch.zeros(16, 24, 24)
    shown[:, 2:6, 2:6] = 1.0
    told: list[tuple[int, int]] = []
    shortcut.module.train()
    weight = shortcut.module.head.weight
    weight.requires_grad_(True)
    settings = SearchSettings(
        sides_frac=(0.25,), n_first=1, n_again=6, n_donors=3, n_kept=3, part_frac=0.65, overlap=0.5
    )
    found = propose(
        shortcut,
        images,
        classes,
        donors,
        {0: [0, 1], 1: [4]},
        maps={"a map": shown},
        settings=settings,
        on_image=lambda done, of: told.append((done, of)),
    )
    assert shortcut.module.training
    assert weight.requires_grad
    assert weight.grad is None
    shortcut.module.eval()
    assert found[1] == ()  # nothing to search with, although it has test donors
    assert told == [(1, 3), (2, 3)]
    for image in (0, 1):
        own = [one for one in found[0] if one.image == image]
        best = max(own, key=lambda one: one.rise)
        assert bool((filled((24, 24), [best.box])[0] & mark_mask()).sum() >= 9)
        assert best.source == "window"
        # three windows with five parts each, and what the map shows, however it ranks
        assert [one.source for one in own].count("window") == 3 * 6
        (mapped, *_) = [one for one in own if one.source == "a map"]
        assert mapped.box == (2, 2, 6, 6)
        wholes = [own[place].box for place in range(0, 18, 6)]
        assert all(
            float((a & b).sum()) <= 0.5 * float((a | b).sum())
            for a, b in itertools.combinations(filled((24, 24), wholes), 2)
        )
    again = propose(shortcut, images, classes, donors, {0: [0, 1]}, settings=settings)
    plain = tuple(one for one in found[0] if one.source == "window")
    assert again[0] == plain  # no randomness, and maps take no place from windows


# Concordance


def test_concordance_is_that_of_a_naive_loop():
    image_01 = noise(3, size=(9, 11))
    values = image_01.numpy().astype(np.float64)
    values -= values.mean((0, 2, 3), keepdims=True)
    grid = to_grid(image_01)
    images, boxes, shift = [0, 2, 2], [(1, 2, 5, 6), (0, 0, 3, 5), (5, 7, 9, 11)], 1
    free, fixed = concordances(grid, images, boxes, shift)
    for row, (source, (top, left, bottom, right)) in enumerate(zip(images, boxes, strict=True)):
        template = values[source][:, top:bottom, left:right]
        height, width = template.shape[1:]
        for image in range(3):
            anywhere, nearby = [], []
            for y in range(9 - height + 1):
                for x in range(11 - width + 1):
                    piece = values[image][:, y : y + height, x : x + width]
                    total = (template**2).sum() + (piece**2).sum()
                    anywhere.append(2 * (template * piece).sum() / total)
                    if max(abs(y - top), abs(x - left)) <= shift:
                        nearby.append(anywhere[-1])
            assert float(free[row, image]) == pytest.approx(max(anywhere), abs=1e-5)
            assert float(fixed[row, image]) == pytest.approx(max(nearby), abs=1e-5)


@pytest.mark.parametrize("width", [1, 3])
def test_concordance_of_frames_is_that_of_a_naive_loop(width):
    image_01 = noise(4, size=(12, 15))
    values = image_01.numpy().astype(np.float64)
    values -= values.mean((0, 2, 3), keepdims=True)
    found = frame_concordances(to_grid(image_01), width).numpy()
    inner = np.zeros((12, 15), dtype=bool)
    inner[width:-width, width:-width] = True
    for one, other in itertools.product(range(4), repeat=2):
        a, b = values[one][:, ~inner], values[other][:, ~inner]
        exact = 2 * (a * b).sum() / ((a**2).sum() + (b**2).sum())
        assert found[one, other] == pytest.approx(exact, abs=1e-5)


def test_identical_copies_have_concordance_one_where_they_may_lie():
    image_01 = noise(4)
    mark = noise(1, seed=9)[0, :, :6, :6]
    for image, (y, x) in enumerate([(10, 10), (12, 9), (20, 3)]):
        image_01[image, :, y : y + 6, x : x + 6] = mark
    grid = to_grid(image_01)
    free, fixed = concordances(grid, [0], [(10, 10, 16, 16)], 2)
    assert free[0, :3].tolist() == pytest.approx([1.0] * 3, abs=1e-5)
    assert fixed[0, :2].tolist() == pytest.approx([1.0] * 2, abs=1e-5)
    assert float(fixed[0, 2]) < 0.8
    assert float(free[0, 3]) < 0.8
    places = best_places(grid, "free", 0, (10, 10, 16, 16), [0, 1, 2], 2)
    assert places == [(0, 0), (2, -1), (10, -7)]
    near = best_places(grid, "fixed", 0, (10, 10, 16, 16), [1, 2], 2)
    assert near[0] == (2, -1)
    assert max(abs(step) for step in near[1]) <= 2
    assert best_places(grid, "frame", 0, (0, 0, 0, 0), [1, 2], 2) == [(0, 0), (0, 0)]


def test_surfaces_without_contrast_are_like_nothing():
    flat = torch.full((3, 3, 20, 20), 0.5)
    free, fixed = concordances(to_grid(flat), [0], [(2, 2, 8, 8)], 2)
    assert float(free.abs().max()) == float(fixed.abs().max()) == 0.0
    # and a negative is as unlike as can be
    image_01 = torch.cat([noise(1), 1 - noise(1)])
    assert float(frame_concordances(to_grid(image_01), 3)[0, 1]) < -0.9


# Gaps


def table(rows: list[list[float]], images: list[int], kind: str = "free") -> Table:
    return Table(kind, torch.tensor(rows), torch.tensor(images), torch.arange(len(rows)))


def test_the_gap_of_a_window_by_hand():
    own = torch.tensor([True, True, True, True, False, False, False])
    found = table(
        [[1.0, 0.2, 0.4, 0.9, 0.0, 0.1, 0.5], [0.3, 1.0, 0.3, 0.3, 0.9, 0.9, 0.9]], [0, 1]
    )
    rows = torch.arange(2)
    # of 0.2, 0.4, 0.9 the middle one; of 0, 0.1, 0.5 the middle one; its own image's 1 is left out
    assert gaps(found, own, rows, 0.5, 0.5).tolist() == pytest.approx([0.3, -0.6])
    # between the first two: 0.2 + 0.8 * 0.2; between the last two: 0.1 + 0.9 * 0.4
    assert float(gaps(found, own, rows, 0.4, 0.95)[0]) == pytest.approx(0.36 - 0.46)


def test_gaps_are_those_of_numpy(generator):
    values = torch.rand(12, 20, generator=generator)
    own = torch.rand(20, generator=generator) < 0.4
    images = torch.nonzero(own).flatten()[torch.randint(int(own.sum()), (12,), generator=generator)]
    found = gaps(Table("free", values, images, torch.arange(12)), own, torch.arange(12), 0.3, 0.9)
    for row in range(12):
        inside = [float(values[row, i]) for i in range(20) if own[i] and i != int(images[row])]
        outside = values[row][~own].numpy()
        exact = np.quantile(inside, 0.3) - np.quantile(outside, 0.9)
        assert float(found[row]) == pytest.approx(exact, abs=1e-6)


def test_the_gap_of_a_class_is_the_median_over_its_images_of_the_best_window():
    own = torch.tensor([True, True, True, False, False])
    rows = [
        # images 0, 0, 1, 2 of the class, 3 of another; all others 0 on the right: gap = the own
        [9.0, 0.1, 0.1, 0.0, 0.0],
        [9.0, 0.5, 0.5, 0.0, 0.0],
        [0.2, 9.0, 0.2, 0.0, 0.0],
        [0.3, 0.3, 9.0, 0.0, 0.0],
        [1.0, 1.0, 1.0, 9.0, 1.0],
    ]
    found = (table(rows, [0, 0, 1, 2, 3]), table(rows[4:], [3], "fixed"))
    gap_of = group_gaps(found, own, SETTINGS)
    # best of each: 0.5, 0.2, 0.3; no row of the second table is of the class
    assert set(gap_of) == {"free"}
    assert gap_of["free"] == (pytest.approx(0.3), 1)


def test_the_kind_highest_over_its_bound_counts():
    found = strongest({"free": (0.3, 4), "fixed": (0.2, 5), "frame": (0.05, 6)}, SETTINGS)
    assert (found.kind, found.row) == ("fixed", 5)
    assert found.effect == pytest.approx(2.0)
    below = strongest({"free": (-0.3, 4), "fixed": (-0.4, 5)}, SETTINGS)
    assert (below.kind, below.effect) == ("free", pytest.approx(-1.5))


def test_null_draws_are_effects_of_random_groups_each_as_likely():
    values = torch.rand(5, 5, generator=torch.Generator().manual_seed(3))
    found = (table(values.tolist(), list(range(5))),)
    exact = {}
    for group in itertools.combinations(range(5), 2):
        own = torch.zeros(5, dtype=torch.bool)
        own[list(group)] = True
        exact[group] = strongest(group_gaps(found, own, SETTINGS), SETTINGS).effect
    settings = RecurrenceSettings(free_gap=0.2, n_draws=150)

    def run(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return null_effects(found, 5, 2, 2, settings, generator)

    draws = run(0)
    assert torch.equal(draws, run(0))
    assert not torch.equal(draws, run(1))
    known = np.array(sorted(exact.values()))
    nearest = np.abs(draws.numpy()[:, None] - known).argmin(1)
    assert np.allclose(known[nearest], draws.numpy(), atol=1e-6)
    assert chisquare(np.bincount(nearest, minlength=10)).pvalue > 0.001


def test_null_groups_have_as_many_images_with_windows():
    """Two images of six have windows; a group of three holds one of them by request."""
    rows = torch.zeros(2, 6)
    rows[0, 1] = rows[1, 0] = 1.0  # the two are copies of each other
    found = (Table("free", rows, torch.tensor([0, 1]), torch.arange(2)),)
    settings = RecurrenceSettings(free_gap=1.0, own_quantile=1.0, other_quantile=1.0, n_draws=50)
    generator = torch.Generator().manual_seed(0)
    both = null_effects(found, 6, 3, 2, settings, generator)
    assert both.tolist() == [1.0] * 50  # its copy is inside
    single = null_effects(found, 6, 3, 1, settings, generator)
    assert single.tolist() == [-1.0] * 50  # its copy is among the others


# From windows to pixels


def test_moving_a_mask_loses_what_leaves_the_image(generator):
    mask = torch.rand(7, 9, generator=generator) < 0.5
    padded = np.zeros((21, 27), dtype=bool)
    padded[7:14, 9:18] = mask.numpy()
    for down, across in itertools.product((-8, -3, 0, 2, 6), (-9, -4, 0, 1, 8)):
        if abs(down) > 7 or abs(across) > 9:
            continue
        exact = np.roll(padded, (down, across), (0, 1))[7:14, 9:18]
        assert np.array_equal(moved(mask, down, across).numpy(), exact)


def disc(size: int) -> np.ndarray:
    at = np.arange(size) - (size - 1) / 2
    return np.asarray(np.hypot(at[:, None], at[None]) <= size / 2)


def pasted(shape: np.ndarray, places: list[tuple[int, int]], seed: int = 0) -> Tensor:
    """Noise with a copy of one textured mark of a shape in each image."""
    image_01 = noise(len(places) + 6, seed, (48, 48))
    mark = noise(1, seed + 100, shape.shape)[0]
    for image, (y, x) in zip(image_01, places, strict=False):
        region = image[:, y : y + shape.shape[0], x : x + shape.shape[1]]
        region[:, torch.from_numpy(shape)] = mark[:, torch.from_numpy(shape)]
    return image_01


def iou(found: Tensor, exact: np.ndarray) -> float:
    both, either = found.numpy() & exact, found.numpy() | exact
    return float(both.sum() / either.sum())


@pytest.mark.parametrize("count", [3, 8])
@pytest.mark.parametrize(
    "shape", [np.ones((14, 14), dtype=bool), np.ones((10, 20), dtype=bool), disc(17)]
)
def test_copies_agree_where_the_mark_is(shape, count):
    rng = np.random.default_rng(0)
    height, width = shape.shape
    places = [(16, 14)] + [
        (int(rng.integers(48 - height)), int(rng.integers(48 - width))) for _ in range(count - 1)
    ]
    grid = to_grid(pasted(shape, places))
    offsets = [(y - 16, x - 14) for y, x in places]
    # a window that covers part of the mark and some of what is around it
    window = (14, 16, 26, 28)
    found = agreeing(grid, list(range(count)), offsets, window)
    exact = np.zeros((48, 48), dtype=bool)
    exact[16 : 16 + height, 14 : 14 + width] = shape
    # noise around a mark blurs its edge, the more the fewer copies there are
    assert iou(found, exact) >= (0.75 if count == 3 else 0.85)
    # what is missing or too much is no farther than the smoothing reaches
    wide = torch.nn.functional.max_pool2d(torch.from_numpy(exact)[None].float(), 3, 1, 1)[0] > 0
    assert not bool((found & ~wide).any())


def test_where_nothing_is_shared_the_window_stays():
    grid = to_grid(noise(8, size=(48, 48)))
    window = (10, 12, 22, 24)
    exact = filled((48, 48), [window])[0]
    assert torch.equal(agreeing(grid, [0, 1, 2, 3], [(0, 0)] * 4, window), exact)
    assert torch.equal(agreeing(grid, [0], [(0, 0)], window), exact)  # one copy is no agreement
    # images that agree everywhere have no piece that could be the mark
    same = noise(1, size=(48, 48)).repeat(3, 1, 1, 1)
    grid = to_grid(torch.cat([same, noise(5, seed=1, size=(48, 48))]))
    wide = (4, 4, 40, 40)
    found = agreeing(grid, [0, 1, 2], [(0, 0)] * 3, wide)
    assert torch.equal(found, filled((48, 48), [wide])[0])


def test_the_spread_of_noise_is_that_of_all_images_and_that_of_copies_is_none():
    image_01 = noise(40, size=(24, 24))
    image_01[:3, :, 4:16, 4:16] = image_01[0, :, 4:16, 4:16]
    ratio = spread_ratio(to_grid(image_01), [0, 1, 2], [(0, 0)] * 3)
    assert float(ratio[5:15, 5:15].max()) == pytest.approx(0.0, abs=1e-6)
    # three independent images: the unbiased variance
    assert float(ratio[18:, :].mean()) == pytest.approx(1.0, abs=0.15)


# The test


def carriers(kind: str, seed: int, count: int = 6) -> tuple[Tensor, Tensor]:
    """Three classes of soft noise; images of the first carry one and the same thing."""
    soft = torch.nn.functional.interpolate(
        noise(3 * count, seed, (8, 8)), size=(24, 24), mode="bilinear", align_corners=False
    )
    image_01 = 0.2 + 0.4 * soft + 0.2 * noise(3 * count, seed + 1, (24, 24))
    rng = np.random.default_rng(seed)
    mark = noise(1, 77, (7, 7))[0]
    ring = frame((24, 24), 3)
    for image in image_01[:count]:
        if kind == "frame":
            image[:, ring] = torch.tensor([0.9, 0.1, 0.8])[:, None]
        elif kind != "nothing":
            y, x = (2, 14) if kind == "fixed" else rng.integers(0, 17, 2).tolist()
            image[:, y : y + 7, x : x + 7] = mark
    return image_01, torch.arange(3).repeat_interleave(count)


def every_window(classes: Tensor, per_image: int, seed: int) -> dict[int, list[Proposal]]:
    """Random windows of every image, so that nothing depends on a search."""
    generator = torch.Generator().manual_seed(seed)
    boxes = windows((24, 24), 7 / 24)
    found: dict[int, list[Proposal]] = {}
    for image, index in enumerate(classes.tolist()):
        picks = torch.randperm(len(boxes), generator=generator)[:per_image].tolist()
        rises = torch.rand(len(picks), generator=generator).tolist()
        found.setdefault(index, []).extend(
            Proposal(image, boxes[pick], rise, "window")
            for pick, rise in zip(picks, rises, strict=True)
        )
    return found


SILENT = loaded(Silent(), classes=4)


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("fixed", "a copy at one place"),
        ("free", "a copy anywhere in the image"),
        ("frame", "a frame along the edge"),
    ],
)
def test_planted_copies_are_found_for_what_they_are(kind, subject):
    image_01, classes = carriers(kind, 0)
    proposals = every_window(classes, 500, 0)  # all windows there are
    found = stamp_consistency(
        SILENT,
        image_01,
        classes,
        proposals,
        generator=torch.Generator().manual_seed(0),
        settings=SETTINGS,
    )
    planted, *others = found.results
    assert isinstance(planted, Evidence)
    assert planted.subject == subject
    assert planted.effect > 1.5
    assert planted.p_value <= 0.05
    # at least the draws that were asked for, and enough for a lone flag among four classes
    assert planted.smallest_p <= min(1 / 100, 0.05 / 4)
    assert sorted(planted.images) == list(range(6))  # all six carry it
    for image, region in zip(planted.images, planted.regions, strict=True):
        assert region.image == image
        assert torch.equal(region.mask, found.candidates.masks[image])
    if kind != "free":
        exact = frame((24, 24), 3) if kind == "frame" else filled((24, 24), [(2, 14, 9, 21)])[0]
        assert all(iou(region.mask, exact.numpy()) >= 0.6 for region in planted.regions)
    for one in others:
        assert one.effect < 1


def test_marks_anywhere_are_shown_where_they_are():
    image_01, classes = carriers("free", 3)
    rng = np.random.default_rng(3)
    exact = np.zeros((6, 24, 24), dtype=bool)
    for mask in exact:
        y, x = rng.integers(0, 17, 2).tolist()
        mask[y : y + 7, x : x + 7] = True
    found = stamp_consistency(
        SILENT,
        image_01,
        classes,
        every_window(classes, 500, 0),
        generator=torch.Generator().manual_seed(0),
        settings=SETTINGS,
    )
    overlaps = [iou(one.mask, exact[one.image]) for one in found.results[0].regions]
    assert len(overlaps) == 6
    assert min(overlaps) >= 0.5


def test_scenes_without_a_copy_have_none():
    for seed in (1, 2, 3):
        image_01, classes = carriers("nothing", seed)
        found = stamp_consistency(
            SILENT,
            image_01,
            classes,
            every_window(classes, 20, seed),
            generator=torch.Generator().manual_seed(0),
            settings=replace(SETTINGS, n_draws=9),
        )
        assert all(one.effect < 1 for one in found.results)


def test_where_nothing_recurs_the_window_that_carries_farthest_is_shown():
    image_01, classes = carriers("nothing", 1)
    proposals = every_window(classes, 6, 1)
    found = stamp_consistency(
        SILENT,
        image_01,
        classes,
        proposals,
        generator=torch.Generator().manual_seed(0),
        settings=replace(
            SETTINGS, free_gap=9.0, fixed_gap=9.0, frame_gap=9.0, turned_gap=9.0, n_draws=9
        ),
    )
    for one in found.results:
        ranked = sorted(proposals[one.class_index], key=lambda proposal: -proposal.rise)
        assert one.images == tuple(dict.fromkeys(proposal.image for proposal in ranked))
        for region in one.regions:
            best = next(proposal for proposal in ranked if proposal.image == region.image)
            assert torch.equal(region.mask, filled((24, 24), [best.box])[0])
            assert found.candidates.sources[region.image] == "window"


def test_with_permuted_classes_small_p_values_are_no_more_frequent_than_they_may_be():
    settings = RecurrenceSettings(frame_cells=(2,), max_images=50, n_draws=19)
    p_values = []
    for seed in range(30):
        image_01, classes = carriers("fixed", seed, count=4)
        order = torch.randperm(12, generator=torch.Generator().manual_seed(seed))
        shuffled = classes[order]
        found = stamp_consistency(
            SILENT,
            image_01,
            shuffled,
            every_window(shuffled, 4, seed),
            generator=torch.Generator().manual_seed(seed),
            settings=settings,
        )
        p_values.append(found.results[0].p_value)
    assert kstest(p_values, "uniform", alternative="greater").pvalue > 0.01
    assert len(set(p_values)) > 8


def test_the_same_seed_gives_the_same_and_classes_do_not_depend_on_each_other():
    image_01, classes = carriers("fixed", 0)
    proposals = every_window(classes, 8, 0)

    def run(order: list[int], seed: int = 0):
        return stamp_consistency(
            SILENT,
            image_01,
            classes,
            {index: proposals[index] for index in order},
            generator=torch.Generator().manual_seed(seed),
            settings=SETTINGS,
        ).results

    first, again = run([0, 1, 2]), run([0, 1, 2])
    turned, other = run([2, 0, 1]), run([0, 1, 2], 1)
    for a, b in ((first, again), (first, turned)):
        assert [(x.effect, x.p_value, x.null) for x in a] == [
            (x.effect, x.p_value, x.null) for x in b
        ]
    assert [one.effect for one in first] == [one.effect for one in other]
    assert [one.null for one in first] != [one.null for one in other]


def test_no_more_images_of_a_class_are_compared_than_asked_for():
    """Of six marked images two have windows; with the four first, they are all that is seen."""
    image_01, classes = carriers("fixed", 0)
    box = (2, 14, 9, 21)
    proposals = {0: [Proposal(image, box, 1.0, "window") for image in (4, 5)]}
    image_01[0:2] = image_01[6:8]  # two images without the mark
    few = replace(SETTINGS, max_images=3, n_draws=19, frame_cells=(), free_gap=9.0)
    found = stamp_consistency(
        SILENT,
        image_01,
        classes,
        proposals,
        generator=torch.Generator().manual_seed(0),
        settings=few,
    ).results[0]
    # 4 and 5 come first, then image 0, which lacks the mark: between them its 40 % quantile
    grid = to_grid(image_01)
    chosen = [0, 4, 5, 6, 7, 8, 12, 13, 14]
    _, fixed = concordances(grid, [4, 5], [box, box], 2)
    best = [
        np.quantile([float(fixed[row, 0]), float(fixed[row, other])], 0.4)
        - np.quantile(fixed[row, chosen[3:]].numpy(), 0.95)
        for row, other in ((0, 5), (1, 4))
    ]
    assert found.effect == pytest.approx(np.median(best) / 0.1, abs=1e-4)
    # but the mark is shown in all images that hold it
    assert {2, 3, 4, 5} <= set(found.images)


def test_every_image_with_windows_is_compared_however_many_there_are():
    image_01, classes = carriers("fixed", 0)
    proposals = every_window(classes, 3, 0)

    def effects(count: int) -> list[float]:
        found = stamp_consistency(
            SILENT,
            image_01,
            classes,
            proposals,
            generator=torch.Generator().manual_seed(0),
            settings=replace(SETTINGS, n_draws=9, max_images=count),
        )
        return [one.effect for one in found.results]

    assert effects(2) == effects(6)


def test_what_cannot_be_tested_says_why():
    image_01, classes = carriers("fixed", 0)
    generator = torch.Generator().manual_seed(0)
    single = classes.clone()
    single[1:6] = 1
    found = stamp_consistency(
        SILENT, image_01, single, every_window(single, 3, 0), generator=generator, settings=SETTINGS
    )
    assert found.results[0] == NotTested("stamp", 0, "1 image of the class, 2 are needed to recur")
    assert bool(found.candidates.found[0])  # its best window is kept all the same
    one_class = torch.zeros_like(classes)
    (only,) = stamp_consistency(
        SILENT, image_01, one_class, every_window(one_class, 3, 0), generator=generator
    ).results
    assert "nothing to compare them with" in only.reason
    found = stamp_consistency(SILENT, image_01, classes, {}, generator=generator)
    assert all("no windows" in one.reason for one in found.results)
    assert not found.candidates.found.any()
    partly = {0: every_window(classes, 3, 0)[0], 1: (), 2: ()}
    found = stamp_consistency(
        SILENT, image_01, classes, partly, generator=generator, settings=SETTINGS
    )
    assert isinstance(found.results[0], Evidence)
    assert all(isinstance(one, NotTested) for one in found.results[1:])


def test_tables_name_the_rows_they_come_from():
    image_01, classes = carriers("frame", 0)
    proposals = every_window(classes, 2, 0)
    rows = [one for own in proposals.values() for one in own][:5]
    free, fixed, framed = tables(to_grid(image_01), rows, SETTINGS)
    for found in (free, fixed):
        assert found.values.shape == (5, 18)
        assert found.image.tolist() == [one.image for one in rows]
    assert framed.image.tolist() == [0, 1, 2] * 2
    assert framed.row.tolist() == [2, 2, 2, 3, 3, 3]
    grid = to_grid(image_01)
    assert torch.equal(framed.values[3], frame_concordances(grid, 3)[0])
    assert torch.equal(cut(grid, rows[0].image, (1, 2, 4, 6)), grid.values[0, :, 1:4, 2:6])
    # frames that would meet in the middle are none
    wide = RecurrenceSettings(frame_cells=(11, 12, 30))
    assert tables(grid, rows, wide)[2].row.tolist() == [11, 11, 11]
