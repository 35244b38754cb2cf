"""Candidate regions, exchange tests and patch transfer on scenes whose truth is known."""

import math

import pytest
import torch
from scipy.stats import kstest
from torch import nn

from macoaudit.errors import UsageError
from macoaudit.shortcuts import (
    Candidates,
    Evidence,
    NotTested,
    TransferSettings,
    candidates_from_maps,
    compact_region,
    occlusion_maps,
    patch_transfer,
)
from macoaudit.shortcuts.candidates import occluder_boxes
from macoaudit.shortcuts.donors import Donors
from macoaudit.shortcuts.nulls import rank_p, stratified_test
from macoaudit.shortcuts.reading import log_odds
from macoaudit.shortcuts.transfer import (
    FILLS,
    control_contents,
    forbidden_places,
    necessity,
)
from tests.planted import (
    LAZY_WEIGHT,
    MARK,
    MARK_WEIGHT,
    MARKED,
    SIDE_PX,
    Counting,
    loaded,
    mark_mask,
    planted_scenes,
)

# Nothing in this module may hang on the packaged threshold: effects are compared with hand values.
SMALL = TransferSettings(n_controls=48, n_draws=999, max_images=4, max_donors=5)


@pytest.fixture(scope="module")
def shortcut():
    return loaded(Counting(shortcut=True))


@pytest.fixture(scope="module")
def clean():
    return loaded(Counting(shortcut=False))


@pytest.fixture(scope="module")
def scenes():
    return planted_scenes(4)


def occluded(model, scenes):
    """One region an image: the compact peak of its occlusion map."""
    return candidates_from_maps(occlusion_maps(model, *scenes), (SIDE_PX, SIDE_PX), "occlusion")


@pytest.fixture(scope="module")
def candidates(shortcut, scenes):
    return occluded(shortcut, scenes)


def test_the_region_is_the_larger_of_two_peaks_and_leaves_the_broad_one():
    values = torch.zeros(20, 20)
    values[2:4, 2:4] = 1.0
    values[10:13, 10:13] = 0.9  # more mass, less height
    values[15:, :] = 0.4  # the most mass, but below half of the peak
    expected = torch.zeros(20, 20, dtype=torch.bool)
    expected[10:13, 10:13] = True
    assert torch.equal(compact_region(values), expected)


def test_diagonal_neighbours_are_connected_and_gaps_are_not():
    values = torch.zeros(20, 20)
    for step in range(4):
        values[step, step] = 1.0
    values[10, 10:13] = 1.0
    assert compact_region(values).nonzero().tolist() == [[step, step] for step in range(4)]


def test_a_broad_peak_is_cut_to_the_area():
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    hill = torch.exp(-((rows - 20) ** 2 + (columns - 12) ** 2) / (2 * 12**2))
    region = compact_region(hill, 0.1)
    assert 0.07 < float(region.float().mean()) <= 0.1
    assert region[20, 12]


@pytest.mark.parametrize("values", [torch.zeros(8, 8), torch.ones(8, 8), -torch.rand(8, 8)])
def test_a_map_without_a_peak_has_no_region(values):
    assert not compact_region(values).any()
    assert not candidates_from_maps(values[None], (16, 16), "x").found.any()


def test_squares_cover_every_pixel():
    for size in ((24, 24), (33, 20), (7, 50)):
        cover = torch.zeros(size)
        for top, left, bottom, right in occluder_boxes(size):
            cover[top:bottom, left:right] += 1
        assert cover.shape == size
        assert cover.min() >= 1


def test_log_odds_of_a_softmax():
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    p = logits.softmax(1)[:, 2]
    assert torch.allclose(log_odds(logits, 2), (p / (1 - p)).log())


def test_occlusion_finds_the_mark_and_only_where_it_counts(candidates, clean, scenes):
    for image in range(4):
        region = candidates.masks[image]
        overlap = int((region & mark_mask()).sum()) / int((region | mark_mask()).sum())
        assert overlap >= 0.4
        assert candidates.region(image).area_frac <= 0.1
    without = occlusion_maps(clean, *scenes)
    assert float(without[:4, MARK[0], MARK[1]].abs().max()) < 1e-6
    again = occluded(loaded(Counting(shortcut=True)), scenes)
    assert torch.equal(candidates.masks, again.masks)


def test_a_rank_by_hand():
    null = torch.tensor([1.0, 2, 3, 3, 5])
    assert rank_p(3.0, null) == 4 / 6
    assert rank_p(9.0, null) == 1 / 6


def test_one_unit_gives_its_rank_among_its_controls(generator):
    controls = torch.arange(7.0)[None]
    p, null = stratified_test(torch.tensor([9.0]), controls, n_draws=20_000, generator=generator)
    assert p == pytest.approx(1 / 8, abs=0.01)
    assert null.mean == pytest.approx(30 / 8, abs=0.05)
    p, _ = stratified_test(torch.tensor([-1.0]), controls, n_draws=500, generator=generator)
    assert p == 1.0


def test_three_units_give_the_chance_that_two_repeat_their_best(generator):
    observed, controls = torch.ones(3), torch.zeros(3, 4)
    p, _ = stratified_test(observed, controls, n_draws=40_000, generator=generator)
    exact = 3 * 0.2**2 * 0.8 + 0.2**3
    assert p == pytest.approx(exact, abs=4 * math.sqrt(exact / 40_000))


def test_exchangeable_values_give_uniform_p(generator):
    draws = torch.randn(400, 4, 9, generator=generator) * torch.rand(400, 4, 1, generator=generator)
    p = [
        stratified_test(one[:, 0], one[:, 1:], n_draws=199, generator=generator)[0] for one in draws
    ]
    assert kstest(p, "uniform").pvalue > 0.01


def test_control_pieces_are_real_pixels_from_allowed_places(generator):
    # every pixel holds its own number, so that a piece tells where it came from
    source = torch.arange(100.0).view(1, 1, 10, 10)
    mask = torch.zeros(10, 10, dtype=torch.bool)
    mask[6:8, 7:9] = True
    forbidden = torch.zeros(1, 10, 10, dtype=torch.bool)
    forbidden[0, :, 5:] = True
    saliency = torch.zeros(1, 10, 10)
    saliency[0, 4:6, 1:3] = 1.0
    pieces = control_contents(mask, source, saliency, forbidden, 12, generator)
    places = [divmod(int(piece[0, 6, 7]), 10) for piece in pieces]
    for (y, x), piece in zip(places, pieces, strict=True):
        assert piece[0, 6:8, 7:9].flatten().tolist() == [
            10 * y + x,
            10 * y + x + 1,
            10 * y + x + 10,
            10 * y + x + 11,
        ]
        assert x + 1 < 5
    assert set(places[:6]) <= {(4, 1), (3, 1), (5, 1), (4, 0), (4, 2)}
    assert len(set(places[6:])) > 3
    assert control_contents(mask, source, saliency, ~forbidden & False | True, 4, generator) is None


def test_controls_stay_off_the_own_region_and_the_shared_place():
    masks = torch.zeros(3, 40, 40, dtype=torch.bool)
    masks[0, 5:8, 5:8] = True
    masks[1, 5:8, 5:8] = True
    masks[2, 30:33, 30:33] = True
    off = forbidden_places(masks)
    assert off[2, 5:8, 5:8].all()  # two of three have it here
    assert off[2, 30:33, 30:33].all()
    assert off[0, 4, 4]  # the guard
    assert not off[0, 30, 30]


def test_the_planted_class_is_found_and_the_true_ones_are_not(shortcut, scenes, candidates):
    generator = torch.Generator().manual_seed(0)
    found = patch_transfer(shortcut, *scenes, candidates, generator=generator, settings=SMALL)
    assert [one.class_index for one in found] == [0, 1, 2, 3]
    planted, *others = found
    assert isinstance(planted, Evidence)
    # the mark weighs 14 against 10 of a whole object: every donor falls for it
    assert planted.effect == 1.0
    assert planted.p_value <= 0.01
    assert planted.details["base_rate"] == 0.0
    assert planted.details["control_fooling_rate"] == 0.0
    assert len(planted.images) == len(planted.regions) == 4
    for other in others:
        # a tenth of the image is at most 0.4 of an object
        assert other.effect == 0.0


def test_the_clean_network_is_not_flagged(clean, scenes):
    generator = torch.Generator().manual_seed(0)
    found = patch_transfer(
        clean, *scenes, occluded(clean, scenes), generator=generator, settings=SMALL
    )
    assert [one.effect for one in found] == [0.0] * 4


def test_necessity_is_the_share_of_the_lead(shortcut, scenes, generator):
    images, classes = scenes
    others = images[classes != MARKED]
    lost = necessity(shortcut, images[0], mark_mask(), MARKED, others, generator)
    exact = MARK_WEIGHT / (MARK_WEIGHT + LAZY_WEIGHT)
    for fill in ("surroundings", "mean of other classes", "patch of another class"):
        assert float(lost[FILLS.index(fill)]) == pytest.approx(exact, rel=1e-4)
    assert torch.isnan(necessity(shortcut, images[0], mark_mask(), 2, others, generator)).all()


def test_classes_draw_from_their_own_streams(shortcut, scenes, candidates):
    images, classes = scenes

    def run():
        generator = torch.Generator().manual_seed(3)
        return patch_transfer(
            shortcut, images, classes, candidates, generator=generator, settings=SMALL
        )

    first, again = run(), run()
    assert [vars(one)["p_value"] for one in first] == [vars(one)["p_value"] for one in again]
    assert [one.details for one in first] == [one.details for one in again]


def test_what_cannot_be_tested_says_why(shortcut, scenes, candidates, generator):
    images, classes = scenes
    pick = [0, 4, 5, 6, 7]
    few = Candidates("x", candidates.saliency[pick], candidates.masks[pick])
    found = patch_transfer(shortcut, images[pick], classes[pick], few, generator=generator)
    assert found == (
        NotTested("patch transfer", 0, "1 of its images have a compact region, 2 are needed"),
        NotTested(
            "patch transfer", 1, "1 images that the network calls another class, 4 are needed"
        ),
    )


def test_a_region_that_leaves_no_other_place_has_controls_of_other_classes(
    shortcut, scenes, candidates, generator
):
    # The region is all of the image: every piece is a whole image, and these keep their class.
    images, classes = scenes
    everywhere = Candidates("x", candidates.saliency, torch.ones_like(candidates.masks))
    found = patch_transfer(
        shortcut, images, classes, everywhere, generator=generator, settings=SMALL
    )
    for one in found:
        assert one.effect == 1.0
        assert one.details["control_fooling_rate"] == 0.0
        assert one.details["n_controls"] == 48  # 12 of each of four images, none of its class
    assert all(one.p_value <= 0.01 for one in found)


def test_half_of_the_controls_is_that_place_on_images_of_other_classes(shortcut, scenes):
    """All others carry the mark, the class does not: its own pieces are grey, those convince."""
    images, classes = scenes
    images = images.clone()
    images[:, :, MARK[0], MARK[1]] = 1.0
    own = classes == 1
    images[own, :, MARK[0], MARK[1]] = 0.3
    at_mark = Candidates("x", torch.zeros(16, 24, 24), mark_mask().repeat(16, 1, 1))
    # Donors without the mark, of classes that are not pasted.
    donors = {
        index: Donors(torch.zeros(0, dtype=torch.long), torch.arange(4, 8)) for index in (0, 2, 3)
    }
    donors[1] = donors[0]
    generator = torch.Generator().manual_seed(0)
    found = patch_transfer(
        shortcut, images, classes, at_mark, generator=generator, donors=donors, settings=SMALL
    )
    # Class 0: half of its controls are the grey of elsewhere; of the other half, those of class 1
    # (4 of 12 images) are grey too, and the others carry the mark: 1/2 * 2/3 of all.
    assert found[0].effect == 1.0
    assert found[0].details["control_fooling_rate"] == pytest.approx(1 / 3, abs=0.15)


def test_the_donors_are_those_that_were_given(shortcut, scenes, candidates, generator):
    images, classes = scenes
    nothing = torch.zeros(0, dtype=torch.long)
    donors = {index: Donors(nothing, nothing) for index in (1, 2, 3)}
    donors[0] = Donors(nothing, torch.tensor([4, 5, 8, 9, 12]))
    found = patch_transfer(
        shortcut, images, classes, candidates, generator=generator, donors=donors, settings=SMALL
    )
    assert found[0].details["n_donors"] == 5
    assert all("0 images that the network calls another class" in one.reason for one in found[1:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i, c: (i[..., :20, :], c), "24 px came|20, 24"),
        (lambda i, c: (i, c[:-1]), "15 came for 16 images"),
        (lambda i, c: (i, c + 1), "indices 1 to 4"),
    ],
)
def test_input_that_does_not_fit(shortcut, scenes, candidates, generator, change, message):
    images, classes = change(*scenes)
    with pytest.raises(UsageError, match=message):
        patch_transfer(shortcut, images, classes, candidates, generator=generator)


def test_without_a_cue_p_is_uniform():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 12, 3))
    model = loaded(module, classes=3, side_px=12)
    settings = TransferSettings(n_controls=16, n_draws=99, max_images=3, max_donors=4)
    p_values = []
    for seed in range(30):
        generator = torch.Generator().manual_seed(seed)
        images = torch.rand(9, 3, 12, 12, generator=generator)
        masks = torch.zeros(9, 12, 12, dtype=torch.bool)
        for mask in masks:
            y, x = torch.randint(10, (2,), generator=generator).tolist()
            mask[y : y + 2, x : x + 2] = True
        random = Candidates("random", torch.rand(9, 12, 12, generator=generator), masks)
        classes = torch.arange(3).repeat_interleave(3)
        # Given, as this network calls all noise one class and would leave none to choose from.
        donors = {
            index: Donors(torch.zeros(0, dtype=torch.long), torch.nonzero(classes != index)[:4, 0])
            for index in range(3)
        }
        found = patch_transfer(
            model, images, classes, random, generator=generator, donors=donors, settings=settings
        )
        p_values += [one.p_value for one in found]
    assert len(p_values) == 90
    assert kstest(p_values, "uniform").pvalue > 0.01


assert SIDE_PX == 24  # the messages above name it
