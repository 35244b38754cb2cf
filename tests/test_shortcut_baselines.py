"""Baselines of the planted-truth benchmark on networks whose shortcut is built in by hand."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.shortcuts.architectures import build
from benchmarks.shortcuts.baselines import BASELINES, BaselineResult
from benchmarks.shortcuts.baselines.chance import by_chance
from benchmarks.shortcuts.baselines.gradcam import by_gradcam, concentration, grad_cam, periphery
from benchmarks.shortcuts.baselines.neural_cleanse import (
    anomaly_index,
    by_triggers,
    reverse_triggers,
)
from benchmarks.shortcuts.baselines.property_score import (
    by_properties,
    predictive_power,
    properties,
)
from benchmarks.shortcuts.baselines.result import check_pictures, top_region
from benchmarks.shortcuts.baselines.spray import (
    Clusters,
    attribution,
    by_clusters,
    cluster,
    focus,
    ruled,
)
from benchmarks.shortcuts.grid import Architecture, Entry
from macoaudit.errors import LayerError, UsageError
from macoaudit.models import LoadedModel
from macoaudit.preprocessing import Preprocessing

SIDE, N_CLASSES, PER_CLASS = 24, 6, 12
MARK = (slice(None), slice(0, 4), slice(0, 4))
"""Upper left corner of one picture, 1/36 of its area."""


def loaded(module: nn.Module, side: int = SIDE, n_classes: int = N_CLASSES) -> LoadedModel:
    """A module as a loaded network whose grey is 0.5."""
    preprocessing = Preprocessing(
        input_size=(side, side),
        channels=3,
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    )
    return LoadedModel(
        name="planted",
        architecture="tests:planted",
        module=module.eval(),
        preprocessing=preprocessing,
        labels=tuple(f"class {c}" for c in range(n_classes)),
        num_classes=n_classes,
        weights_sha256="0" * 64,
        weights_origin="factory",
        device=torch.device("cpu"),
    )


def labels(n_classes: int = N_CLASSES, per_class: int = PER_CLASS) -> Tensor:
    return torch.arange(n_classes).repeat_interleave(per_class)


class Rows(nn.Module):
    """Class c > 0 is a bright band of four rows; class 0 is a bright mark in the corner.

    The mark's 16 pixels move its logit as far as 96 pixels move any other.
    """

    def __init__(self) -> None:
        super().__init__()
        weight = torch.zeros(N_CLASSES, 3, SIDE, SIDE)
        for c in range(1, N_CLASSES):
            weight[c, :, 4 * c : 4 * c + 4] = 1 / 96
        weight[0][MARK] = 1 / 16
        self.weight = nn.Parameter(weight)

    def forward(self, image_norm: Tensor) -> Tensor:
        return 3 * torch.einsum("nchw,kchw->nk", image_norm, self.weight)


def row_pictures(generator: torch.Generator, carries: float = 1.0) -> tuple[Tensor, Tensor]:
    """Dark noise with each class's evidence; the mark on the first pictures of class 0 only."""
    classes = labels()
    image_01 = 0.2 * torch.rand(len(classes), 3, SIDE, SIDE, generator=generator)
    for picture, c in zip(image_01, classes.tolist(), strict=True):
        picture[:, 4 * c : 4 * c + 4] += 0.7 if c else 0.0
    for picture in image_01[: round(carries * PER_CLASS)]:
        picture[MARK] = 1.0
    return image_01, classes


class Cells(nn.Module):
    """Averages over cells of 4 x 4 pixels, kept by a second block, and the mean of all cells."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Sequential(nn.Conv2d(3, 1, 4, 4)))
        self.blocks.append(nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(inplace=True)))
        self.head = nn.Linear(1, N_CLASSES)
        for part in (self.blocks[0][0], self.blocks[1][0], self.head):
            nn.init.constant_(part.weight, 1.0 / part.weight[0].numel())
            nn.init.zeros_(part.bias)

    def forward(self, image_norm: Tensor) -> Tensor:
        # Grey is 0 after normalisation, so that only what is brighter is active.
        return self.head(self.blocks(image_norm).mean((2, 3)))


# ---------------------------------------------------------------- what all of them give back


def test_every_baseline_scores_every_class_and_repeats_itself() -> None:
    image_01, classes = row_pictures(torch.Generator().manual_seed(0))
    # The linear network has no grid; a cell network has one and logits as well.
    model = loaded(Cells())
    for name, baseline in BASELINES.items():
        first, again = (
            baseline(model, image_01, classes, torch.Generator().manual_seed(3)) for _ in range(2)
        )
        assert first.scores.shape == (N_CLASSES,), name
        assert first.scores.dtype == np.float64, name
        assert np.array_equal(first.scores, again.scores), name
        assert first.flagged == again.flagged, name
        if first.regions is not None:
            assert first.regions.shape == (len(image_01), SIDE, SIDE), name
            assert first.regions.dtype == np.bool_, name
    assert BASELINES["property"](model, image_01, classes, torch.Generator()).regions is None


def test_the_network_is_left_as_it_was() -> None:
    image_01, classes = row_pictures(torch.Generator().manual_seed(0))
    model = loaded(Cells())
    model.module.train()
    for baseline in BASELINES.values():
        baseline(model, image_01, classes, torch.Generator().manual_seed(0))
    assert model.module.training
    assert all(p.requires_grad and p.grad is None for p in model.module.parameters())
    assert not any(part._forward_hooks for part in model.module.modules())


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (labels()[:-1], "image_01 and classes"),
        (labels() + 1, "classes is .*0 to 5"),
        (labels().clamp(max=4), "at least 4 of every class"),
    ],
)
def test_pictures_that_cannot_be_compared_are_refused(classes: Tensor, message: str) -> None:
    image_01 = torch.zeros(len(labels()), 3, SIDE, SIDE)
    with pytest.raises(UsageError, match=message):
        check_pictures(loaded(Rows()), image_01, classes)


def test_a_result_must_be_numbers_of_known_classes() -> None:
    with pytest.raises(UsageError, match="not finite"):
        BaselineResult(np.array([0.0, np.nan]), None, ())
    with pytest.raises(UsageError, match="there are 2 classes"):
        BaselineResult(np.zeros(2), None, (2,))


def test_a_region_is_the_highest_tenth_and_never_empty_ground() -> None:
    maps = np.zeros((2, 10, 10), dtype=np.float32)
    maps[0] = np.arange(100).reshape(10, 10)
    maps[1, 4, 4:7] = 1
    found = top_region(maps)
    assert np.array_equal(np.flatnonzero(found[0]), np.arange(90, 100))
    assert np.array_equal(np.argwhere(found[1]), [[4, 4], [4, 5], [4, 6]])


# ---------------------------------------------------------------- chance


def test_chance_is_uniform_with_squares_of_a_tenth() -> None:
    image_01 = torch.zeros(len(labels()), 3, SIDE, SIDE)
    generator = torch.Generator().manual_seed(0)
    runs = [by_chance(loaded(Rows()), image_01, labels(), generator) for _ in range(400)]
    scores = np.concatenate([run.scores for run in runs])
    assert scores.mean() == pytest.approx(0.5, abs=4 * math.sqrt(1 / 12 / len(scores)))
    assert np.mean(scores < 0.95) == pytest.approx(0.95, abs=4 * math.sqrt(0.0475 / len(scores)))
    assert sum(len(run.flagged) for run in runs) == int((scores >= 0.95).sum())
    regions = runs[0].regions
    assert regions is not None
    assert set(regions.sum(axis=(1, 2)).tolist()) == {64}  # round(24 sqrt 0.1) = 8 pixels a side


# ---------------------------------------------------------------- simple properties


def test_properties_of_plain_colours_by_hand() -> None:
    image_01 = torch.zeros(2, 3, 8, 12)
    image_01[0] = torch.tensor([0.1, 0.2, 0.3])[:, None, None]
    image_01[1, :, :, ::2] = 1.0  # white and black columns
    found = properties(image_01)
    assert found["aspect ratio"].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert found["area"].tolist() == [96, 96]
    luma = 0.02125 + 0.14308 + 0.02163
    assert found["brightness"].tolist() == pytest.approx([luma, 0.5], rel=1e-6)
    assert found["RMS contrast"].tolist() == pytest.approx([0, 0.5], abs=1e-6)
    # Black pixels have no share; half of the second picture is white with a third each.
    for name, value in (("red", 1 / 6), ("green", 1 / 3), ("blue", 1 / 2)):
        assert found[name].tolist() == pytest.approx([value, 1 / 6], rel=1e-6)


def test_predictive_power_of_known_properties() -> None:
    """A property that tells gives 1; a constant one ``2 p - 1``, with members a share p."""
    rng = np.random.default_rng(0)
    member = np.arange(800) % 4 == 0
    assert predictive_power(np.where(member, 1.0, 0.0), member, seed=0) == 1
    # A tree answers with the share p: its error is 2 p (1 - p), that of the median p.
    assert predictive_power(np.ones(800), member, seed=0) == pytest.approx(-0.5, abs=0.02)
    # Independent numbers: a grown tree errs wherever its neighbour's membership differs.
    assert predictive_power(rng.random(800), member, seed=0) == pytest.approx(-0.5, abs=0.15)


def test_a_tinted_class_is_the_one_flagged() -> None:
    generator = torch.Generator().manual_seed(1)
    image_01 = 0.1 + 0.6 * torch.rand(N_CLASSES * PER_CLASS, 3, SIDE, SIDE, generator=generator)
    image_01 *= 0.5 + torch.rand(len(image_01), 1, 1, 1, generator=generator)
    image_01[labels() == 2, 0] *= 1.4
    found = by_properties(loaded(Rows()), image_01, labels(), generator)
    assert found.flagged == (2,)
    assert found.scores.argmax() == 2


# ---------------------------------------------------------------- Grad-CAM


def test_grad_cam_of_averaged_cells_is_their_brightness() -> None:
    """Cells over their mean: every weight is 1/36, so the map is relu(cell) / 36."""
    image_01, classes = row_pictures(torch.Generator().manual_seed(0))
    found = grad_cam(loaded(Cells()), image_01, classes)
    norm = (image_01 - 0.5) / 0.5
    expected = norm.mean(1).unflatten(1, (6, 4)).unflatten(3, (6, 4)).mean((2, 4)).relu() / 36
    torch.testing.assert_close(found, expected)


def test_a_mark_in_the_corner_has_the_highest_score_and_is_the_region() -> None:
    image_01, classes = row_pictures(torch.Generator().manual_seed(0))
    found = by_gradcam(loaded(Cells()), image_01, classes, torch.Generator())
    # All of the mark's mass is in one cell at the edge: 1 + 1. A band covers six cells of a row,
    # two of them at the edge (the last row, all): its entropy is log 6 of log 36.
    expected = [2, *[1 / 3 + 0.5] * 4, 1.5]
    assert found.scores.tolist() == pytest.approx(expected, abs=0.02)
    assert found.regions is not None
    assert found.regions[:PER_CLASS, :4, :4].all()
    assert found.flagged == ()


def test_periphery_and_concentration_by_hand() -> None:
    maps = torch.zeros(3, 6, 6)
    maps[0] = 1.0
    maps[1, 2, 3] = 5.0
    assert periphery(maps).tolist() == pytest.approx([20 / 36, 0, 0])
    assert concentration(maps[:1]) == pytest.approx(0, abs=1e-6)
    assert concentration(maps[1:2]) == 1
    assert concentration(maps[2:]) == 0
    maps[2, 0, 0] = 0.1  # two places, half the mass each, whatever their heights
    assert concentration(maps[1:]) == pytest.approx(1 - math.log(2) / math.log(36), rel=1e-6)


def test_grad_cam_of_a_transformer_is_taken_in_front_of_its_last_block() -> None:
    """With a class token the last block's patch tokens have no gradient."""
    module = build(Entry("vit", 0)).eval()
    model = loaded(module, side=48, n_classes=8)
    generator = torch.Generator().manual_seed(0)
    image_01, classes = torch.rand(8, 3, 48, 48, generator=generator), torch.arange(8)
    found = grad_cam(model, image_01, classes)

    x = module.patch_embed((image_01 - 0.5) / 0.5)
    x = module.blocks[:-1](module.norm_pre(module.patch_drop(module._pos_embed(x))))
    x = x.detach().requires_grad_(True)
    logits = module.forward_head(module.norm(module.blocks[-1](x)))
    torch.testing.assert_close(logits, module((image_01 - 0.5) / 0.5))
    (slope,) = torch.autograd.grad(logits.diagonal().sum(), x)
    weights = slope[:, 1:].mean(1)
    expected = torch.einsum("npd,nd->np", x[:, 1:], weights).relu().view(8, 6, 6)
    torch.testing.assert_close(found, expected.detach())
    assert bool(found.any())


@pytest.mark.parametrize("architecture", ["cnn", "convnext"])
def test_grad_cam_of_the_grids_networks_has_six_cells_a_side(architecture: Architecture) -> None:
    model = loaded(build(Entry(architecture, 0)), side=48, n_classes=8)
    image_01 = torch.rand(8, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    found = grad_cam(model, image_01, torch.arange(8))
    assert found.shape == (8, 6, 6)
    assert bool(found.any())


def test_a_network_without_a_grid_has_no_grad_cam() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, N_CLASSES))
    image_01, classes = row_pictures(torch.Generator().manual_seed(0))
    with pytest.raises(LayerError, match="no block is a grid"):
        grad_cam(loaded(flat), image_01, classes)


# ---------------------------------------------------------------- Neural Cleanse


def test_anomaly_index_by_hand() -> None:
    # Median 10, absolute deviations 9, 1, 0, 1, 2: MAD 1.
    sizes = np.array([1.0, 9, 10, 11, 12])
    expected = np.array([9, 1, 0, -1, -2]) / 1.4826
    assert anomaly_index(sizes) == pytest.approx(expected)
    assert anomaly_index(np.full(4, 5.0)).tolist() == [0, 0, 0, 0]
    assert np.isfinite(anomaly_index(np.array([1.0, 5, 5, 5]))).all()


def test_the_smallest_trigger_belongs_to_the_planted_class_and_lies_on_the_mark() -> None:
    generator = torch.Generator().manual_seed(0)
    image_01, classes = row_pictures(generator)
    model = loaded(Rows())
    masks = reverse_triggers(model, image_01, classes, generator)
    sizes = masks.sum((1, 2))
    assert sizes.argmin() == 0
    assert masks[0, :4, :4].sum() > 0.8 * sizes[0]
    for c in range(1, N_CLASSES):  # the others need their band
        assert masks[c, 4 * c : 4 * c + 4].sum() > 0.5 * sizes[c]
    found = by_triggers(model, image_01, classes, generator)
    assert found.scores.argmax() == 0
    assert found.flagged == (0,)
    assert found.regions is not None
    assert found.regions[0, :4, :4].sum() > 0.8 * found.regions[0].sum()


def test_triggers_work_on_pictures_they_were_not_tried_on() -> None:
    """The mask that is kept leads pictures of other classes to its class, with some pattern."""
    generator = torch.Generator().manual_seed(2)
    image_01, classes = row_pictures(generator)
    model = loaded(Rows())
    masks = reverse_triggers(model, image_01, classes, generator)
    fresh, of = row_pictures(torch.Generator().manual_seed(9))
    module = model.module
    assert isinstance(module, Rows)
    for c in range(N_CLASSES):
        # The best pattern of a linear network is white where its class gains over the others.
        pattern = (module.weight[c] >= module.weight.amax(0)).float()
        shown = fresh * (1 - masks[c]) + pattern * masks[c]
        with torch.no_grad():
            predicted = module((shown - 0.5) / 0.5).argmax(1)
        assert (predicted == c)[of != c].float().mean() >= 0.9, c


# ---------------------------------------------------------------- SpRAy


def test_attribution_of_a_linear_network_is_input_times_weight() -> None:
    """Noise cannot change a constant gradient: ``sum over channels (x - mean) w / std``."""
    image_01, classes = row_pictures(torch.Generator().manual_seed(0))
    module = Rows()
    found = attribution(loaded(module), image_01, classes, torch.Generator().manual_seed(5))
    expected = ((image_01 - 0.5) / 0.5 * 3 * module.weight.detach()[classes]).sum(1)
    torch.testing.assert_close(found, expected)


def spots(*places: tuple[int, int]) -> np.ndarray:
    maps = np.zeros((len(places), 12, 12), dtype=np.float32)
    for picture, (row, column) in zip(maps, places, strict=True):
        picture[row, column] = 1
    return maps


def test_two_ways_of_deciding_are_two_clusters_with_eigengap_one() -> None:
    """Two cliques: the eigenvalues are 0 twice and then 1."""
    found = cluster(spots(*[(0, 0)] * 5, *[(6, 7)] * 9), seed=0)
    assert len(set(found.member[:5])) == len(set(found.member[5:])) == 1
    assert found.member[0] != found.member[-1]
    assert found.eigengap == pytest.approx(1, abs=1e-4)
    assert found.silhouette == pytest.approx(1)


def test_one_way_of_deciding_does_not_separate() -> None:
    equal = cluster(spots(*[(3, 3)] * 8), seed=0)
    assert equal.silhouette <= 0
    assert equal.eigengap == pytest.approx(0, abs=1e-9)
    noise = np.random.default_rng(0).random((24, 12, 12)).astype(np.float32)
    found = cluster(noise, seed=0)
    assert found.silhouette + found.eigengap < 0.2


def test_focus_is_one_for_a_spot_and_zero_for_an_even_or_empty_map() -> None:
    maps = np.concatenate([spots((0, 0)), np.ones((1, 12, 12)), np.zeros((1, 12, 12))])
    assert focus(maps.astype(np.float32)).tolist() == pytest.approx([1, 0, 0], abs=1e-9)


def test_each_rule_flags_whom_it_concerns() -> None:
    classes = np.repeat(np.arange(5), 10)
    even = np.ones((50, 12, 12), dtype=np.float32)
    whole = np.zeros(50, dtype=np.int64)

    def found(member: np.ndarray, silhouette: float = 0.0) -> Clusters:
        return Clusters(member, 0.0, silhouette)

    small = whole.copy()
    small[[30, 31]] = 1  # 4 % of the pictures, all of class 3
    assert ruled(found(small), even, classes) == (3,)
    small[32] = 1  # 6 %
    assert ruled(found(small), even, classes) == ()
    small[[30, 31, 32, 40]] = 0, 1, 0, 1  # 4 %, purity 0.5
    assert ruled(found(small), even, classes) == ()
    focused = even.copy()
    focused[classes == 1] = spots((0, 0))[0]
    assert ruled(found((classes == 1).astype(np.int64)), focused, classes) == (1,)
    assert ruled(found((classes <= 1).astype(np.int64)), focused, classes) == ()
    # Separated clusters that do not follow the labels concern all of them.
    mixed = np.arange(50, dtype=np.int64) % 2
    assert ruled(found(mixed, 0.3), even, classes) == (0, 1, 2, 3, 4)
    assert ruled(found(mixed, 0.29), even, classes) == ()
    assert ruled(found(classes, 0.9), even, classes) == ()


def test_a_class_that_is_told_in_two_ways_has_the_highest_score() -> None:
    """Half of class 1 by its band and half by a mark in the corner; the others by their band."""
    module = Rows()
    with torch.no_grad():
        module.weight[1] += module.weight[0]
    generator = torch.Generator().manual_seed(0)
    image_01, classes = row_pictures(generator)
    half = torch.nonzero(classes == 1)[::2, 0]
    image_01[half] = 0.2 * torch.rand(len(half), 3, SIDE, SIDE, generator=generator)
    image_01[half, :, :4, :4] = 1.0
    found = by_clusters(loaded(module), image_01, classes, generator)
    assert found.scores.argmax() == 1
    assert found.scores[1] > 1.5
    assert found.regions is not None
    assert found.regions[half, :4, :4].mean() > 0.9
