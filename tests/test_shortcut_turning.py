"""Copies in any pose: sampling, concordance, poses and pixels against turns that are exact."""

import numpy as np
import pytest
import torch
from torch import Tensor

from macoaudit.shortcuts import NotTested, RecurrenceSettings, stamp_consistency
from macoaudit.shortcuts.recurring import Grid, to_grid
from macoaudit.shortcuts.regions import Proposal, windows
from macoaudit.shortcuts.turning import (
    Pose,
    best_poses,
    coarsened,
    disc,
    sampled,
    turned_concordances,
    turned_pieces,
    turned_table,
)
from tests.planted import Silent, loaded

SIDE = 28
SETTINGS = RecurrenceSettings(
    free_gap=0.2, fixed_gap=0.1, frame_gap=0.1, turned_gap=0.1, max_images=50, n_draws=99
)


def noise(count: int, seed: int = 0, side: int = SIDE) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def smooth(count: int, seed: int = 0, side: int = SIDE) -> Tensor:
    coarse = noise(count, seed, side // 4)
    return torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)


def hammer(side: int = 9) -> tuple[Tensor, Tensor]:
    """An object that no turn but a whole one brings onto itself: colours and where it is."""
    shape = torch.zeros(side, side, dtype=torch.bool)
    shape[:3, 1:8] = True
    shape[3:, 3:6] = True
    colour = torch.zeros(3, side, side)
    colour[0], colour[2, :3] = 1.0, 1.0
    return colour, shape


def test_a_disc_has_its_area():
    assert disc(1).tolist() == [[1.0]]
    assert torch.equal(disc(8), disc(8).rot90())
    assert float(disc(101).sum()) == pytest.approx(np.pi * 101**2 / 4, rel=0.01)


@pytest.mark.parametrize("quarters", range(4))
def test_quarter_turns_are_those_of_torch(quarters):
    values = noise(2)
    centre = torch.tensor([[10.5, 12.5]] * 2)
    turn = torch.full((2,), quarters * np.pi / 2)
    found = sampled(values, centre, turn, (9, 9), (4.5, 4.5))
    # (row, column) = (cos, -sin; sin, cos) (row, column): down goes to the right
    exact = values[:, :, 6:15, 8:17].rot90(quarters, (-1, -2))
    torch.testing.assert_close(found, exact, atol=1e-5, rtol=0)


def test_outside_the_image_is_nothing():
    found = sampled(torch.ones(1, 1, 6, 6), torch.zeros(1, 2), torch.zeros(1), (4, 4), (2.0, 2.0))
    exact = [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    torch.testing.assert_close(found[0, 0], torch.tensor(exact).float(), atol=1e-6, rtol=0)


def test_large_grids_are_halved_and_small_ones_left():
    grid = to_grid(noise(2, side=48))
    coarse, factor = coarsened(grid)
    assert (factor, coarse.size) == (2, (24, 24))
    blocks = grid.values.unflatten(3, (24, 2)).unflatten(2, (24, 2)).mean((3, 5))
    torch.testing.assert_close(coarse.values, blocks)
    torch.testing.assert_close(coarse.energy, blocks.square().sum(1, keepdim=True))
    small = to_grid(noise(2, side=31))
    assert coarsened(small) == (small, 1)


def test_concordance_is_that_of_a_naive_loop():
    grid = to_grid(noise(4, 3, 20))
    box = (4, 6, 11, 13)
    found = turned_concordances(grid, [1], [box], 4)[0]
    inside = disc(7).bool().numpy()
    original = grid.values[1, :, 4:11, 6:13].numpy()
    for image in range(4):
        x, best = grid.values[image].numpy(), -1.0
        for quarters in range(4):
            t = np.rot90(original, quarters, (1, 2))[:, inside]
            for row in range(14):
                for column in range(14):
                    other = x[:, row : row + 7, column : column + 7][:, inside]
                    value = 2 * (t * other).sum() / ((t**2).sum() + (other**2).sum())
                    best = max(best, float(value))
        assert float(found[image]) == pytest.approx(best, abs=1e-4)
    assert float(found[1]) == pytest.approx(1.0, abs=1e-5)


def test_a_turned_copy_is_one_and_a_mirrored_one_is_not():
    image_01 = smooth(3, 5)
    image_01[1] = image_01[0].rot90(1, (1, 2))
    image_01[2] = image_01[0].flip(2)
    found = turned_concordances(to_grid(image_01), [0], [(5, 5, 16, 16)], 8)[0]
    assert float(found[1]) == pytest.approx(1.0, abs=1e-3)
    assert float(found[2]) < 0.97


def planted(count: int, seed: int = 1) -> tuple[Tensor, Tensor, list[tuple[int, int, int]]]:
    """Images that hold the hammer somewhere in a quarter turn, where it is, and how."""
    image_01, masks = smooth(count, seed), torch.zeros(count, SIDE, SIDE, dtype=torch.bool)
    colour, shape = hammer()
    rng, placed = np.random.default_rng(seed), []
    for image in range(count):
        row, column, quarters = (int(v) for v in (*rng.integers(0, SIDE - 9, 2), rng.integers(4)))
        inside = shape.rot90(quarters, (-1, -2))
        part = (slice(row, row + 9), slice(column, column + 9))
        image_01[image][:, *part][:, inside] = colour.rot90(quarters, (-1, -2))[:, inside]
        masks[image][part] = inside
        placed.append((row, column, quarters))
    return image_01, masks, placed


def test_poses_are_those_that_were_planted():
    image_01, _, placed = planted(8)
    row, column, first = placed[0]
    found = best_poses(to_grid(image_01), 0, (row, column, row + 9, column + 9), range(8))
    for pose, (top, left, quarters) in zip(found, placed, strict=True):
        assert (pose.row, pose.column) == pytest.approx((top + 4.5, left + 4.5), abs=0.51)
        # a turn that brings down to the right is one from the first axis to the second
        turn = ((first - quarters) % 4) * np.pi / 2
        assert np.cos(pose.turn_rad - turn) == pytest.approx(1.0, abs=0.05)


def test_pixels_of_turned_copies_are_those_of_the_object():
    image_01, masks, placed = planted(8)
    row, column, _ = placed[0]
    box = (row, column, row + 9, column + 9)
    grid = to_grid(image_01)
    found = turned_pieces(grid, range(8), best_poses(grid, 0, box, range(8)), box)
    for piece, exact in zip(found, masks, strict=True):
        assert float((piece & exact).sum() / (piece | exact).sum()) > 0.7
    alone = turned_pieces(grid, [0], [Pose(row + 4.5, column + 4.5, 0.0)], box)
    assert torch.nonzero(alone[0]).amin(0).tolist() == [row, column]
    assert int(alone.sum()) == 81


def test_the_table_names_the_rows_it_comes_from():
    grid = to_grid(noise(3))
    proposals = [Proposal(2, (0, 0, 9, 9), 1.0, "window"), Proposal(0, (3, 3, 9, 9), 1.0, "window")]
    table = turned_table(grid, proposals, 4)
    assert (table.kind, table.image.tolist(), table.row.tolist()) == ("turned", [2, 0], [0, 1])
    assert float(table.values[0, 2]) == pytest.approx(1.0, abs=1e-4)
    assert float(table.values[1, 0]) == pytest.approx(1.0, abs=1e-4)
    assert turned_table(grid, [], 4).values.shape == (0, 3)


def test_a_window_larger_than_an_image_is_like_nothing():
    grid = Grid(torch.zeros(2, 3, 6, 12), torch.zeros(2, 1, 6, 12))
    assert turned_concordances(grid, [0], [(0, 0, 8, 8)], 4).tolist() == [[-1.0, -1.0]]


def stamps(image_01: Tensor, classes: Tensor, settings: RecurrenceSettings = SETTINGS):
    boxes = windows((SIDE, SIDE), 1 / 3)
    proposals = {
        index: [
            Proposal(image, box, 0.5, "window")
            for image in torch.nonzero(classes == index).flatten().tolist()[:4]
            for box in boxes
        ]
        for index in set(classes.tolist())
    }
    return stamp_consistency(
        loaded(Silent(), classes=2, side_px=SIDE),
        image_01,
        classes,
        proposals,
        generator=torch.Generator().manual_seed(0),
        settings=settings,
    )


def test_an_object_in_any_pose_is_found_and_shown():
    classes = (torch.arange(24) >= 10).long()
    own, masks, _ = planted(10)
    image_01 = torch.cat([own, smooth(14, 7)])
    found = stamps(image_01, classes)
    assert found.results[0].subject == "the same object in any pose"
    assert found.results[0].effect > 1
    assert found.results[0].p_value <= 0.02
    assert found.results[1].effect < 1
    shown = found.results[0].regions
    assert len(shown) >= 8
    for region in shown:
        overlap = region.mask & masks[region.image]
        assert float(overlap.sum() / region.mask.sum()) > 0.6


def test_a_copy_as_it_stands_is_called_that():
    classes = (torch.arange(24) >= 10).long()
    image_01 = smooth(24, 8)
    colour, shape = hammer()
    for image in range(10):
        row, column = (image * 5) % 19, (image * 7) % 19
        image_01[image, :, row : row + 9, column : column + 9][:, shape] = colour[:, shape]
    found = stamps(image_01, classes).results[0]
    assert not isinstance(found, NotTested)
    assert found.subject == "a copy anywhere in the image"
    assert found.effect == pytest.approx(found.details["gap, free"] / SETTINGS.free_gap)
    # it recurs turned as well, and further over its bound
    assert found.details["gap, turned"] / SETTINGS.turned_gap > found.effect
