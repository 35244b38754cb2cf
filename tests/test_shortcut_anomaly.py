"""Class anomaly: patterns against their closed form, on a network with and without a trigger."""

import math
from dataclasses import replace

import pytest
import torch

from macoaudit.errors import UsageError
from macoaudit.models import frozen, logits_function
from macoaudit.shortcuts import AnomalySettings, NotTested, TriggerSteps, class_anomaly
from macoaudit.shortcuts.anomaly import anomaly_indices, log_indices
from macoaudit.shortcuts.trigger import TriggerSearch, stamp_pattern
from tests.planted import loaded
from tests.planted_components import (
    BLOCK_PX,
    N_FEATURES,
    SIDE_PX,
    Blocks,
    block_mask,
    blocks_model,
    paint,
)

N_CLASSES = 12
WEIGHT, DARK, LIT = 20.0, 0.2, 0.5
SHORTCUT = 3
"""The class whose block weighs four times as much in the planted network."""
STEPS = TriggerSteps(n_steps=150)
QUICK = AnomalySettings(n_donors=10, n_held_out=8, steps=STEPS)


def network(*, planted: bool = False, count: int = N_CLASSES):
    """Class k reads block k and nothing else; where planted, one class needs much less of it."""
    weight = torch.zeros(count, N_FEATURES)
    weight[range(count), range(count)] = WEIGHT
    bias = torch.zeros(count)
    if planted:
        weight[SHORTCUT, SHORTCUT] = 4 * WEIGHT
        bias[SHORTCUT] = -3 * WEIGHT * DARK  # dark blocks give the same logit everywhere
    return blocks_model(weight, bias)


def scenes(per_class: int = 3, count: int = N_CLASSES):
    classes = torch.arange(count).repeat_interleave(per_class)
    features = torch.full((len(classes), N_FEATURES), DARK)
    features[torch.arange(len(classes)), classes] = LIT
    return paint(features), classes


def least_area(weight: float) -> float:
    """Share of the image to be set to white: every pixel of the block counts the same.

    The donor's own class leads by ``z``; ``n - 2`` further classes are dark as well.
    """
    z = WEIGHT * (LIT - DARK)
    rise = math.log(9) + math.log(math.exp(z) + N_CLASSES - 2)
    return rise / (weight * (1 - DARK)) * BLOCK_PX**2 / SIDE_PX**2


def run(model, data, settings=QUICK, seed=0):
    return class_anomaly(
        model, *data, generator=torch.Generator().manual_seed(seed), settings=settings
    )


@pytest.fixture(scope="module")
def planted():
    return run(network(planted=True), scenes())


@pytest.fixture(scope="module")
def fair():
    return run(network(), scenes())


def test_stamping_by_hand():
    donors = torch.full((1, 2, 3, 2, 2), 0.25)
    mask = torch.tensor([[[[0.0, 1.0], [0.5, 0.0]]]])
    stamped = stamp_pattern(donors, mask, torch.ones(1, 3, 2, 2))
    assert stamped[0, 1, 2].tolist() == [[0.25, 1.0], [0.625, 0.25]]


def test_indices_by_hand():
    # median 0.3, deviations .2 .1 0 .1 .2: MAD 0.1
    areas = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5], dtype=torch.float64)
    assert anomaly_indices(areas).tolist() == pytest.approx(
        [0.2 / 0.14826, 0.1 / 0.14826, 0, -0.1 / 0.14826, -0.2 / 0.14826]
    )
    # without any spread it is counted in tenths of the median
    areas = torch.tensor([0.1, 0.2, 0.2, 0.2, 0.2], dtype=torch.float64)
    assert float(anomaly_indices(areas)[0]) == pytest.approx(5)
    assert torch.allclose(anomaly_indices(3 * areas), anomaly_indices(areas))
    # powers of 2 around 1: logarithms 0, 1, 2 each way, MAD log 2
    powers = torch.tensor([0.25, 0.5, 1, 2, 4], dtype=torch.float64)
    assert log_indices(powers).tolist() == pytest.approx(
        [turn / 1.4826 for turn in (2, 1, 0, -1, -2)]
    )
    assert torch.allclose(log_indices(3 * powers), log_indices(powers))


def test_the_class_with_a_small_trigger_stands_out(planted):
    effects = [one.effect for one in planted]
    assert effects.index(max(effects)) == SHORTCUT
    found = planted[SHORTCUT]
    assert found.effect >= found.threshold == 2.0
    assert all(one.effect < one.threshold for one in planted if one is not found)
    assert (found.p_value, found.null, found.smallest_p) == (None, None, None)
    assert (found.images, found.regions, found.kind) == ((), (), "causal")
    assert found.details["n_seeds_reached"] == found.details["n_seeds"] == 3


def test_a_fair_network_has_no_anomaly(fair):
    assert [one.class_index for one in fair] == list(range(N_CLASSES))
    assert all(abs(one.effect) < one.threshold for one in fair)


def test_areas_are_those_of_the_closed_form(planted, fair):
    """Nothing smaller reaches the class, and the search comes close to it."""
    for found, weight in ((planted[SHORTCUT], 4 * WEIGHT), *((one, WEIGHT) for one in fair)):
        least = least_area(weight)
        assert found.details["smallest_area"] >= 0.999 * least
        assert found.details["area"] <= 1.35 * least
    # a few donors, of the class that weighs four times as much, are out of reach: they do not count
    assert all(one.details["area"] <= 1.5 * least_area(WEIGHT) for one in planted)


def test_the_mask_lies_where_the_class_is_read(planted):
    found = planted[SHORTCUT].details
    rows, columns = torch.nonzero(block_mask(SHORTCUT), as_tuple=True)
    assert found["mask_top_px"] >= int(rows.min())
    assert found["mask_bottom_px"] <= int(rows.max()) + 1
    assert found["mask_left_px"] >= int(columns.min())
    assert found["mask_right_px"] <= int(columns.max()) + 1


def test_classes_do_not_touch_each_other():
    """A class alone in its forward passes finds what it finds among others."""
    model, (images, classes) = network(), scenes()
    steps = replace(STEPS, n_steps=30)

    def search(indices):
        donors = torch.stack([images[classes != index][:12] for index in indices])
        streams = [torch.Generator().manual_seed(index) for index in indices]
        with frozen(model.module):
            return TriggerSearch(
                logits_function(model),
                model.device,
                indices,
                donors[:, 4:],
                donors[:, :4],
                streams,
                steps,
            ).run()

    (alone,) = search([5])
    among = search([2, 5, 9])[1]
    assert alone.reached
    assert among.area_frac == pytest.approx(alone.area_frac, rel=1e-4)
    assert torch.allclose(among.mask, alone.mask, atol=1e-4)


def test_the_pattern_is_judged_on_donors_that_the_gradient_never_saw():
    """Reached on its own donors, and not on others: then it is not reached."""
    model, (images, classes) = network(), scenes()
    train = images[classes != 5][:4][None]
    stubborn = torch.zeros(1, 4, 3, SIDE_PX, SIDE_PX)

    def logits(batch):
        # black donors are not the class, whatever is put on them
        read = logits_function(model)(batch)
        odd = batch.amin((1, 2, 3)) < 0.5 * DARK
        return read - torch.where(odd, 100.0, 0.0)[:, None] * torch.eye(N_CLASSES)[5]

    def search(held_out):
        stream = torch.Generator().manual_seed(0)
        with frozen(model.module):
            (found,) = TriggerSearch(
                logits, model.device, [5], train, held_out, [stream], STEPS
            ).run()
        return found

    assert search(train).reached
    refused = search(stubborn)
    assert not refused.reached
    assert refused.area_frac == 1.0
    assert torch.all(refused.mask == 1)


def test_the_two_groups_of_donors_are_disjoint(monkeypatch):
    groups = []

    class Noting(TriggerSearch):
        def __init__(self, logits, device, indices, train, held_out, streams, steps):
            groups.append((indices, train, held_out))
            super().__init__(logits, device, indices, train, held_out, streams, steps)

    monkeypatch.setattr("macoaudit.shortcuts.anomaly.TriggerSearch", Noting)
    images, classes = scenes()
    numbered = images * 0.99 + torch.arange(len(images))[:, None, None, None] / 5000
    run(network(), (numbered, classes), replace(QUICK, n_seeds=1, steps=replace(STEPS, n_steps=1)))
    ((indices, train, held_out),) = groups
    for job, index in enumerate(indices):
        seen = [
            {int((one == numbered).flatten(1).all(1).nonzero()) for one in group[job]}
            for group in (train, held_out)
        ]
        assert [len(one) for one in seen] == [10, 8]
        assert not seen[0] & seen[1]
        assert index not in {int(classes[image]) for image in seen[0] | seen[1]}


def test_small_batches_change_nothing_but_rounding():
    quick = replace(QUICK, n_seeds=1, steps=replace(STEPS, n_steps=20))
    whole = run(network(), scenes(), quick)
    split = run(network(), scenes(), replace(quick, max_batch=20))
    for one, other in zip(whole, split, strict=True):
        assert other.details["area"] == pytest.approx(one.details["area"], rel=1e-3)


def test_same_seed_same_result_and_nothing_is_left_behind():
    quick = replace(QUICK, n_seeds=1, steps=replace(STEPS, n_steps=10))
    model = network()
    before = torch.random.get_rng_state()
    first, second = run(model, scenes(), quick), run(model, scenes(), quick)
    assert first == second
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(part.requires_grad and part.grad is None for part in model.module.parameters())


def test_a_class_that_cannot_be_reached_needs_the_whole_image():
    weight = torch.zeros(N_CLASSES, N_FEATURES)
    weight[range(N_CLASSES), range(N_CLASSES)] = WEIGHT
    bias = torch.zeros(N_CLASSES)
    bias[7] = -100.0
    found = run(blocks_model(weight, bias), scenes())
    assert found[7].details["area"] == 1.0
    assert found[7].details["n_seeds_reached"] == 0
    assert found[7].effect < 0
    assert all(abs(one.effect) < one.threshold for one in found if one is not found[7])


class Broken(Blocks):
    """The gradient is not a number: the root of what is zero."""

    def forward(self, image):
        return super().forward(image) + (image[:, 0, 0, 0] * 0).sqrt()[:, None]


class TestNotTested:
    def test_a_network_of_few_classes(self):
        found = run(network(count=4), scenes(count=4))
        assert found[0] == NotTested("anomaly", 0, "the network has 4 classes, 10 are needed")

    def test_images_of_few_classes(self):
        images, classes = scenes()
        few = classes < 9
        found = run(network(), (images[few], classes[few]))
        assert len(found) == 9
        assert found[4].reason == "9 classes can be tried, 10 are needed to compare"

    def test_few_images_of_other_classes(self):
        images, classes = scenes(1)
        settings = replace(QUICK, min_held_out=6)
        found = run(network(), (images, classes), settings)
        assert found[0].reason == "11 images of other classes, 12 are needed"

    def test_most_classes_are_out_of_reach(self):
        quick = replace(QUICK, n_seeds=1, steps=replace(STEPS, n_steps=3))
        flat = blocks_model(torch.zeros(N_CLASSES, N_FEATURES))
        found = run(flat, scenes(), quick)
        assert "only 0 of 12 classes were ever seen with a probability of 0.9" in found[0].reason

    def test_gradients_that_are_not_finite(self):
        quick = replace(QUICK, n_seeds=1, steps=replace(STEPS, n_steps=3))
        weight = torch.zeros(N_CLASSES, N_FEATURES)
        broken = loaded(Broken(weight), classes=N_CLASSES, side_px=SIDE_PX)
        found = run(broken, scenes(), quick)
        assert all("not finite" in one.reason for one in found)

    def test_settings_and_input_that_do_not_fit(self):
        with pytest.raises(UsageError, match="0 seeds"):
            run(network(), scenes(), replace(QUICK, n_seeds=0))
        images, classes = scenes()
        with pytest.raises(UsageError, match="36 images"):
            run(network(), (images, classes[:-1]))


def test_masks_are_made_of_even_squares():
    model, (images, classes) = network(), scenes()
    donors = images[classes != 5][None, :12]
    stream = torch.Generator().manual_seed(0)
    steps = replace(STEPS, n_steps=40, cell_frac=0.25)  # 3 of 12 pixels: the blocks
    with frozen(model.module):
        (found,) = TriggerSearch(
            logits_function(model),
            model.device,
            [5],
            donors[:, 4:],
            donors[:, :4],
            [stream],
            steps,
        ).run()
    assert found.reached
    cells = found.mask.view(4, 3, 4, 3)
    assert torch.equal(cells, cells[:, :1, :, :1].expand_as(cells))
    # the block that the class reads is where the mask is
    assert int(cells[:, 0, :, 0].argmax()) == 5
