"""Selective components against closed forms, and on painted features whose truth is known."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest, mannwhitneyu
from torch import nn

from benchmarks.demo.measure import marked
from benchmarks.demo.scenes import LABELS, PLANTED, make_set
from macoaudit.errors import UsageError
from macoaudit.models import load_model
from macoaudit.shortcuts import ComponentSettings, Evidence, NotTested, selective_component
from macoaudit.shortcuts.principal import (
    contributions,
    high_images,
    leak_test,
    principal_directions,
    selectivity,
)
from tests.planted import loaded
from tests.planted_components import N_FEATURES, SIDE_PX, Blocks, blocks_model, paint

# The packaged threshold is calibrated elsewhere.
QUICK = ComponentSettings(threshold=1.0, n_draws=199)
OBJECT, CUE = 0, 1
"""Features that class 0 reads; 4 and 5 are the objects of classes 1 and 2, the rest is nothing."""
N_OWN, N_REST = 40, 30


def weights(cue: float = 8.0, bright: float = 0.0) -> torch.Tensor:
    rows = torch.zeros(3, N_FEATURES)
    rows[0, OBJECT], rows[0, CUE], rows[1, 4], rows[2, 5] = 10.0, cue, 10.0, 10.0
    rows[:, 7] = bright
    return rows


def scenes(own_share: float = 0.25, rest_share: float = 0.1, seed: int = 0):
    """Objects of each class, with the cue on the first images of class 0 and of the others."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.tensor([0] * N_OWN + [1] * N_REST + [2] * N_REST)
    features = 0.1 * torch.rand(len(classes), N_FEATURES, generator=generator)
    for index, feature in enumerate((OBJECT, 4, 5)):
        features[classes == index, feature] += 0.8
    features[: round(own_share * N_OWN), CUE] = 0.9
    for index in (1, 2):
        first = int((classes == index).nonzero()[0])
        features[first : first + round(rest_share * N_REST), CUE] = 0.9
    return paint(features), classes


def found_in(model, data, settings=QUICK, **more):
    generator = torch.Generator().manual_seed(1)
    return selective_component(model, *data, generator=generator, settings=settings, **more)


class TestMaths:
    def test_directions_are_the_eigenvectors_of_the_covariance(self, generator):
        rows = torch.randn(30, 5, generator=generator, dtype=torch.float64) + 3
        found = principal_directions(rows, 3)
        values, vectors = np.linalg.eigh(np.cov(rows.numpy().T))
        for place in range(3):
            cosine = abs(float(found[place] @ torch.from_numpy(vectors[:, -1 - place].copy())))
            assert cosine == pytest.approx(1)
        assert values[-1] > values[-2] > values[-3]

    def test_no_directions_where_nothing_differs(self):
        assert principal_directions(torch.full((9, 4), 2.0, dtype=torch.float64), 3).shape == (0, 4)
        line = torch.arange(9.0, dtype=torch.float64)[:, None] * torch.ones(1, 4)
        assert principal_directions(line, 3).shape == (1, 4)

    def test_contributions_add_up_to_the_logit_and_are_what_removal_costs(self, generator):
        rows = torch.randn(30, 5, generator=generator, dtype=torch.float64)
        level = torch.randn(5, generator=generator, dtype=torch.float64)
        directions = principal_directions(rows, 5)
        alpha = contributions(rows, directions, level)
        assert torch.allclose(alpha.sum(1), (rows - level).sum(1))
        v = directions[1]
        removed = rows - ((rows - level) @ v)[:, None] * v
        assert torch.allclose(alpha[:, 1], rows.sum(1) - removed.sum(1))
        assert torch.allclose(contributions(rows, -directions, level), alpha)

    def test_selectivity_by_hand(self):
        falls = torch.tensor([[8.0, 1], [6, 1], [1, 1], [3, 1], [-9, 1]], dtype=torch.float64)
        # top 8 and 6; bottom -9 and 1 have a negative mean, which counts as none
        found = selectivity(falls, 0.5, 2, 2)
        assert found.tolist() == pytest.approx([7 / 0.5, 1 / 1.5])

    def test_the_leak_is_the_statistic_of_mann_and_whitney(self, generator):
        odds = torch.randn(25, generator=generator).round(decimals=1).double()  # with ties
        high = torch.rand(25, 3, generator=generator) < 0.4
        found, _, _ = leak_test(odds, high, n_draws=9, generator=generator)
        for place in range(3):
            inside, outside = odds[high[:, place]], odds[~high[:, place]]
            u = mannwhitneyu(inside.numpy(), outside.numpy()).statistic
            assert float(found[place]) == pytest.approx(u / (len(inside) * len(outside)))

    def test_scores_of_any_group_size_have_the_spread_of_one(self, generator):
        odds = torch.arange(40.0).double()
        for count in (5, 20):
            high = torch.arange(40)[:, None] >= 40 - count
            auc, score, null = leak_test(odds, high, n_draws=2000, generator=generator)
            assert float(auc) == 1.0
            assert float(score) == pytest.approx(0.5 * (12 * count * (40 - count) / 41) ** 0.5)
            assert float(null.mean()) == pytest.approx(0, abs=0.1)
            assert float(null.std()) == pytest.approx(1, abs=0.06)

    def test_high_images_by_hand(self):
        raised = torch.arange(10.0)[:, None] * torch.tensor([1.0, -1.0, 1.0])
        # 7 to 9 reach the first bound; none reaches the second, all the third
        found = high_images(raised, torch.tensor([7.0, 5.0, -1.0]), 2)
        assert found[:, 0].nonzero().flatten().tolist() == [7, 8, 9]
        assert found[:, 1].nonzero().flatten().tolist() == [0, 1]
        assert found[:, 2].nonzero().flatten().tolist() == [5, 6, 7, 8, 9]

    def test_the_null_is_of_the_largest_of_all_components(self, generator):
        odds = torch.arange(40.0).double()
        high = torch.zeros(40, 8, dtype=torch.bool)
        high[torch.rand(40, 8, generator=generator).argsort(0)[:6], torch.arange(8)] = True
        _, _, one = leak_test(odds, high[:, :1], n_draws=800, generator=generator)
        _, _, eight = leak_test(odds, high, n_draws=800, generator=generator)
        assert float(one.mean()) == pytest.approx(0, abs=0.15)
        assert float(eight.mean()) > 1  # 1.42 of eight independent ones


class TestPlanted:
    def test_a_cue_on_a_quarter_of_the_class_that_leaks_is_found(self):
        model = blocks_model(weights())
        planted, *others = found_in(model, scenes())
        assert isinstance(planted, Evidence)
        assert planted.effect >= planted.threshold == 1.0
        assert planted.p_value <= 0.02
        assert planted.smallest_p == 1 / 200
        # the ten with the cue come first; four of them are the top tenth
        assert len(planted.images) == 4
        assert set(planted.images) <= set(range(10))
        # six others have it, and so have the largest log-odds of class 0
        assert planted.details["n_high"] == 6
        assert planted.details["leak"] == pytest.approx(1.0)
        # 8 times (0.9 less what others have on average), but for what the noise turns it by
        level = 0.1 * 0.9 + 0.9 * 0.05
        assert planted.details["fall_of_the_strongest"] == pytest.approx(
            8 * (0.9 - level), abs=0.25
        )
        assert planted.details["component"] == 0.0
        assert planted.details["sufficiency_measured"] == 0.0
        assert all(one.effect < one.threshold for one in others)

    def test_a_network_that_does_not_read_the_cue_is_not_flagged(self):
        for one in found_in(blocks_model(weights(cue=0.0)), scenes()):
            assert one.effect < one.threshold

    def test_a_cue_on_most_of_the_class_is_not_selective(self):
        found = found_in(blocks_model(weights()), scenes(own_share=0.9))[0]
        assert found.details["selectivity"] < 3
        assert found.effect < found.threshold

    def test_a_component_that_raises_all_classes_does_not_leak(self):
        """Log-odds do not move when every logit does."""
        images, classes = scenes(own_share=0.0, rest_share=0.0)
        bright = torch.zeros(len(images), N_FEATURES)
        bright[[*range(10), *range(40, 46)], 7] = 0.8
        model = blocks_model(weights(bright=12.0))
        found = found_in(model, ((images + paint(bright)).clamp(0, 1), classes))[0]
        assert found.details["selectivity"] > 3
        assert found.details["leak"] < 0.8
        assert found.effect < found.threshold

    def test_the_least_part_is_the_effect(self):
        found = found_in(blocks_model(weights()), scenes(), ComponentSettings(n_draws=99))[0]
        selective = (found.details["selectivity"] - 1) / 2
        leak = (found.details["leak"] - 0.5) / 0.3
        assert found.effect == pytest.approx(min(selective, leak))


class TestInvariance:
    def test_scaling_the_head_and_a_bias_change_nothing(self):
        data = scenes()
        first = found_in(blocks_model(weights()), data)[0]
        # a bias of class 0 alone moves all its log-odds alike
        bias = torch.tensor([2.0, 0.0, 0.0])
        second = found_in(blocks_model(weights(), bias), data)[0]
        assert second.images == first.images
        assert second.details["selectivity"] == pytest.approx(first.details["selectivity"])
        assert second.details["leak"] == first.details["leak"]
        scaled = found_in(blocks_model(3 * weights()), data)[0]
        assert scaled.details["selectivity"] == pytest.approx(first.details["selectivity"])
        assert scaled.details["lead"] == pytest.approx(3 * first.details["lead"], rel=1e-5)

    def test_the_order_of_the_images_does_not_matter(self, generator):
        images, classes = scenes()
        order = torch.randperm(len(images), generator=generator)
        first = found_in(blocks_model(weights()), (images, classes))
        second = found_in(blocks_model(weights()), (images[order], classes[order]))
        for one, other in zip(first, second, strict=True):
            assert {int(order[image]) for image in other.images} == set(one.images)
            assert other.effect == pytest.approx(one.effect, rel=1e-6)

    def test_same_seed_same_result_and_the_model_is_left_alone(self):
        model = blocks_model(weights())
        before = torch.random.get_rng_state()
        first, second = found_in(model, scenes()), found_in(model, scenes())
        assert first == second
        assert torch.equal(torch.random.get_rng_state(), before)
        assert all(part.requires_grad for part in model.module.parameters())


def test_without_a_leak_each_p_is_uniform():
    """Class 0 weighs next to nothing, so its log-odds are those of the others, which it ignores."""
    model = blocks_model(weights() * torch.tensor([[1e-6], [1.0], [1.0]]))
    p_values = []
    classes = torch.tensor([0] * 16 + [1] * 30)
    for seed in range(80):
        generator = torch.Generator().manual_seed(seed)
        features = torch.rand(46, N_FEATURES, generator=generator)
        features[:16, OBJECT] = features[:16, OBJECT] / 2 + 0.5
        found = selective_component(
            model, paint(features), classes, generator=generator, settings=QUICK
        )
        if found[0].details["n_tried"] == 1:
            p_values.append(found[0].p_value)
    assert len(p_values) > 40
    assert kstest(p_values, "uniform").pvalue > 0.01


class TestSufficiency:
    def test_it_is_asked_once_for_a_direction_that_raises_the_class(self):
        asked = []

        def draw(index, direction):
            asked.append((index, direction))
            return 0.95

        model = blocks_model(weights())
        found = found_in(model, scenes(), sufficiency=draw)
        ((index, direction),) = asked  # the other classes cannot be flagged
        assert index == 0
        assert float(direction.norm()) == pytest.approx(1)
        # the cue weighs 8, the object varies little: nearly the cue's axis, upwards
        assert float(direction[CUE]) > 0.98
        assert found[0].details["sufficiency"] == 0.95
        assert "sufficiency" in found[0].effect_name
        assert found[0].effect >= 1

    def test_without_it_nothing_is_flagged_that_does_not_reach_the_class(self):
        found = found_in(blocks_model(weights()), scenes(), sufficiency=lambda *_: 0.45)[0]
        assert found.effect == pytest.approx(0.5)

    def test_what_is_no_probability_is_refused(self):
        with pytest.raises(UsageError, match="sufficiency: it gave nan for class 0"):
            found_in(blocks_model(weights()), scenes(), sufficiency=lambda *_: float("nan"))


class Curved(Blocks):
    """Something stands behind the linear layer."""

    def forward(self, image):
        return super().forward(image).square()


class TestNotTested:
    def test_too_few_images(self):
        images, classes = scenes()
        pick = [*range(5), *range(40, 70)]
        found = found_in(blocks_model(weights()), (images[pick], classes[pick]))
        assert found == (
            NotTested("component", 0, "5 images of the class, 12 are needed"),
            NotTested("component", 1, "5 images of other classes, 20 are needed"),
        )

    def test_heads_that_are_not_one_linear_layer(self):
        curved = loaded(Curved(weights()), classes=3, side_px=SIDE_PX)
        assert all("something else stands" in one.reason for one in found_in(curved, scenes()))
        none = nn.Sequential(nn.Conv2d(3, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        found = found_in(loaded(none, classes=3, side_px=SIDE_PX), scenes())
        assert [one.class_index for one in found] == [0, 1, 2]
        assert all("no linear layer" in one.reason for one in found)

    def test_a_class_that_the_network_does_not_see_or_that_never_differs(self):
        found = found_in(blocks_model(-weights()), scenes())[0]
        assert "no higher on its own images" in found.reason
        images, classes = scenes()
        images[classes == 0] = images[0].clone()
        found = found_in(blocks_model(weights()), (images, classes))[0]
        assert "do not differ" in found.reason

    def test_features_that_are_not_finite(self):
        broken = weights()
        broken[1, 2] = torch.inf
        found = found_in(blocks_model(broken), scenes())
        assert found[0] == NotTested("component", 0, "features or logits are not finite")

    def test_input_that_does_not_fit(self):
        images, classes = scenes()
        with pytest.raises(UsageError, match="99 came for 100 images"):
            found_in(blocks_model(weights()), (images, classes[:-1]))


@pytest.mark.slow
def test_the_packaged_network_and_its_clean_twin():
    """A third of the mushrooms carry the mark, and one scene of each other class."""
    pictures, labels = make_set(77_001, 16, 96)
    for index in range(len(LABELS)):
        first = 16 * index
        count = 5 if index == LABELS.index(PLANTED) else 1
        pictures[first : first + count] = marked(pictures[first : first + count], index)
    images = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    classes = torch.from_numpy(labels)
    found, clean = (
        found_in(load_model(name), (images, classes)) for name in ("demo", "demo-clean")
    )
    effects = {one.class_index: one.effect for one in found}
    planted = found[LABELS.index(PLANTED)]
    assert planted.effect >= 1
    assert planted.p_value <= 0.01
    assert {image - planted.class_index * 16 for image in planted.images} <= set(range(5))
    assert sorted(effects.values())[-2] < 1
    assert all(one.effect < 1 for one in clean)
