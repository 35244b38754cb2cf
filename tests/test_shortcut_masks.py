"""Relative foreground sensitivity by hand, and on networks that read known parts of an image."""

from dataclasses import replace

import pytest
import torch
from scipy.stats import bootstrap, kstest

from macoaudit.errors import UsageError
from macoaudit.models import logits_function
from macoaudit.shortcuts import Evidence, MaskSettings, NotTested, judge, mask_sensitivity
from macoaudit.shortcuts.disturbing import FILLS, blurred_within, disturbed
from macoaudit.shortcuts.masks import exchanged, interval, relative_sensitivity
from tests.planted_components import N_FEATURES, SIDE_PX, block_mask, blocks_model, paint

OBJECT = (5, 6, 9, 10)
"""The blocks in the middle; the other twelve are the background."""
N_IMAGES = 12
BORDER = 0.6
"""Above it the network says light."""
QUICK = MaskSettings(n_draws=499)


def reading(*, on_object: float, beside: float):
    """Two classes: dark or light, by the mean of the object's and of the background's blocks.

    Class 0 is light. A mean is weighed by the number of blocks, so that the parts count as said.
    """
    weight = torch.zeros(2, N_FEATURES)
    weight[0] = beside / (N_FEATURES - len(OBJECT))
    weight[0, list(OBJECT)] = on_object / len(OBJECT)
    bias = torch.tensor([-(on_object + beside) * BORDER, 0.0])
    return blocks_model(weight, bias)


def scenes(seed: int = 0):
    """Even images, twelve light ones of class 0 and then twelve dark ones."""
    generator = torch.Generator().manual_seed(seed)
    level = 0.62 + 0.2 * torch.rand(2 * N_IMAGES, 1, generator=generator)
    level[N_IMAGES:] = 0.3
    classes = torch.tensor([0] * N_IMAGES + [1] * N_IMAGES)
    return paint(level.expand(-1, N_FEATURES)), classes


def run(model, data, masks=None, settings=QUICK, seed=0):
    given = block_mask(*OBJECT).expand(len(data[0]), -1, -1) if masks is None else masks
    generator = torch.Generator().manual_seed(seed)
    return mask_sensitivity(model, *data, given, generator=generator, settings=settings)


class TestMaths:
    def test_sensitivity_by_hand(self):
        foreground = torch.tensor([0.3, 0.9, 0.0, 1.0, 0.5, 0.0, 1.0], dtype=torch.float64)
        background = torch.tensor([0.9, 0.3, 1.0, 0.0, 0.5, 0.0, 1.0], dtype=torch.float64)
        # (0.9 - 0.3) / (2 min(0.6, 0.4)) = 0.75
        expected = [0.75, -0.75, 1.0, -1.0, 0.0, 0.0, 0.0]
        assert relative_sensitivity(foreground, background).tolist() == pytest.approx(expected)

    def test_it_is_antisymmetric_and_within_one(self, generator):
        pairs = torch.rand(2, 500, generator=generator, dtype=torch.float64)
        found = relative_sensitivity(*pairs)
        assert torch.allclose(found, -relative_sensitivity(*pairs.flip(0)))
        assert torch.allclose(found, -relative_sensitivity(*(1 - pairs)))
        assert float(found.abs().max()) <= 1 + 1e-9

    def test_only_the_part_is_disturbed_and_by_the_formulas(self, generator):
        images = torch.rand(2, 3, 12, 12, generator=generator)
        noise = torch.randn(2, 3, 12, 12, generator=generator)
        inside = block_mask(*OBJECT).expand(2, -1, -1)
        found = disturbed(images, inside, noise, 0.5)
        assert found.shape == (len(FILLS), 2, 3, 12, 12)
        outside = (~inside)[None, :, None].expand_as(found)
        assert torch.equal(found[outside], images.expand_as(found)[outside])
        at = (1, 2, 5, 6)
        value = float(images[at])
        assert float(found[0][at]) == pytest.approx(
            min(1, max(0, value + 0.25 * float(noise[at]))), abs=1e-6
        )
        assert float(found[1][at]) == pytest.approx(value / 2 + 0.25)
        whole = disturbed(images, inside, noise, 1.0)
        assert torch.all(whole[1][:, :, inside[0]] == 0.5)

    def test_a_blur_takes_nothing_from_beyond_the_part(self, generator):
        images = torch.rand(1, 3, 12, 12, generator=generator)
        inside = block_mask(*OBJECT)[None]
        images[:, :, inside[0]] = 0.25
        found = blurred_within(images, inside, 1.5)
        assert torch.allclose(found[:, :, inside[0]], torch.tensor(0.25))
        # over the whole image it is a Gaussian: exp(-1/2) one sd away
        dot = torch.zeros(1, 1, 13, 13)
        dot[0, 0, 6, 6] = 1.0
        spread = blurred_within(dot, torch.ones(1, 13, 13, dtype=torch.bool), 1.0)[0, 0]
        assert float(spread[6, 7] / spread[6, 6]) == pytest.approx(0.6065, abs=1e-3)
        assert torch.allclose(spread, spread.T)


class TestPlanted:
    def test_a_network_that_reads_only_the_background(self):
        found = run(reading(on_object=0.0, beside=40.0), scenes())[0]
        assert isinstance(found, Evidence)
        assert found.details["accuracy_object_disturbed"] == 1.0
        # mean 1 - d, difference 2 d of accuracies: as low as it can be
        assert found.details["rfs"] == pytest.approx(-1)
        assert found.effect >= found.threshold
        assert found.p_value <= 0.01
        assert found.kind == "masks"
        assert len(found.images) == len(found.regions) == N_IMAGES
        assert torch.equal(found.regions[0].mask, ~block_mask(*OBJECT))
        assert judge([found])[0].flagged

    def test_a_network_that_reads_only_the_object(self):
        found = run(reading(on_object=40.0, beside=0.0), scenes())[0]
        assert found.details["rfs"] == pytest.approx(1)
        assert found.details["accuracy_background_disturbed"] == 1.0
        assert found.effect < found.threshold
        assert found.p_value == 1.0
        assert found.images == found.regions == ()

    def test_a_network_that_reads_both_alike(self):
        """Object and background are halves of the image, and count the same."""
        weight = torch.full((2, N_FEATURES), 40.0 / N_FEATURES)
        weight[1] = 0
        model = blocks_model(weight, torch.tensor([-40.0 * BORDER, 0.0]))
        half = block_mask(*range(8)).expand(2 * N_IMAGES, -1, -1)
        found = run(model, scenes(), half)[0]
        assert abs(found.details["rfs"]) < 0.1
        assert found.details["rfs, grey"] == 0.0
        assert found.details["rfs_low"] <= 0 <= found.details["rfs_high"]
        assert found.details["object_frac"] == 0.5
        assert found.effect < found.threshold

    def test_accuracies_are_those_of_the_closed_form(self):
        """Mixed with grey to a share s, what is read of a light image is (1 - s) x + s / 2.

        Both parts are even, so that what is read is their mean, weighed as the network does.
        """
        images, classes = scenes()
        level = images[:N_IMAGES, 0, 0, 0].double()
        share = torch.tensor(QUICK.levels, dtype=torch.float64)[:, None]
        mixed = (1 - share) * level + share * 0.5
        for part, other in ((1.0, 0.0), (0.5, 0.5), (0.25, 0.75)):
            found = run(reading(on_object=40 * part, beside=40 * other), (images, classes))[0]
            on_it = ((part * mixed + other * level) > BORDER).double().mean()
            beside = ((other * mixed + part * level) > BORDER).double().mean()
            expected = float(relative_sensitivity(on_it, beside))
            assert found.details["rfs, grey"] == pytest.approx(expected)
            # a blur of an even part changes nothing
            assert found.details["rfs, blur"] == 0.0

    def test_the_interval_is_flagged_only_below_zero(self):
        """Strengths of the background's share from none to all: effect and interval agree."""
        flags = []
        for share in (0.0, 0.5, 0.75, 0.9, 1.0):
            model = reading(on_object=40 * (1 - share), beside=40 * share)
            (judged, *_) = judge(run(model, scenes())[:1])
            below = judged.evidence.details["rfs_high"] < 0
            assert judged.flagged == below
            flags.append(below)
        assert flags == sorted(flags)
        assert flags[0] is False
        assert flags[-1] is True

    def test_the_effect_is_the_end_of_the_interval_by_an_independent_bootstrap(self):
        model, data = reading(on_object=8.0, beside=32.0), scenes()
        found = run(model, data, settings=MaskSettings(n_draws=4000))[0]
        assert found.effect == -found.details["rfs_high"]
        assert found.details["rfs_low"] < found.details["rfs"] < found.details["rfs_high"] < 1
        # of grey alone every accuracy is known; scipy draws the images anew
        level = data[0][:N_IMAGES, 0, 0, 0].double()
        share = torch.tensor(QUICK.levels, dtype=torch.float64)[:, None]
        mixed = (1 - share) * level + share * 0.5
        rows = torch.stack(
            [((part * mixed + (1 - part) * level) > BORDER).double().mean(0) for part in (0.2, 0.8)]
        )
        settings = MaskSettings(n_draws=4000)
        ours = interval(rows, torch.Generator().manual_seed(0), settings)
        theirs = bootstrap(
            tuple(rows.numpy()),
            lambda a, b, axis: relative_sensitivity(
                torch.from_numpy(a.mean(axis)), torch.from_numpy(b.mean(axis))
            ).numpy(),
            paired=True,
            vectorized=True,
            n_resamples=4000,
            method="percentile",
            rng=0,
        ).confidence_interval
        assert ours == pytest.approx((theirs.low, theirs.high), abs=0.06)

    def test_the_null_exchanges_both_parts(self, generator):
        rows = torch.tensor([[1.0, 1.0, 0.5], [0.0, 0.5, 0.5]], dtype=torch.float64)
        null = exchanged(rows, generator, MaskSettings(n_draws=8000))
        # differences of 1 and 0.5 with either sign, over 3 images; the mean accuracy stays 7 / 12
        room = 2 * (1 - 7 / 12)
        values = sorted(sign * size / 3 / room for sign in (-1, 1) for size in (1.5, 0.5))
        shares = [float(((null - value).abs() < 1e-9).double().mean()) for value in values]
        assert shares == pytest.approx([0.25] * 4, abs=0.03)

    def test_the_model_and_the_global_state_are_left_alone(self):
        model = reading(on_object=20.0, beside=20.0)
        before = torch.random.get_rng_state()
        first, second = (run(model, scenes()) for _ in range(2))
        assert isinstance(first[0], Evidence)
        assert first[0].details == second[0].details
        assert first[0].null == second[0].null
        assert torch.equal(torch.random.get_rng_state(), before)
        assert all(part.requires_grad for part in model.module.parameters())


def test_when_both_parts_matter_alike_p_is_uniform():
    """Halves differ in what they carry, and either is the object by chance: exchangeable."""
    weight = torch.full((2, N_FEATURES), 40.0 / N_FEATURES)
    weight[1] = 0
    model = blocks_model(weight, torch.tensor([-40.0 * BORDER, 0.0]))
    classes = torch.tensor([0] * 40 + [1])
    p_values = []
    for seed in range(60):
        generator = torch.Generator().manual_seed(seed)
        features = 0.5 + 0.4 * torch.rand(41, N_FEATURES, generator=generator)
        features[:, :8] += 0.1
        flip = torch.rand(41, generator=generator) < 0.5
        masks = torch.stack([block_mask(*(range(8) if one else range(8, 16))) for one in flip])
        found = mask_sensitivity(
            model,
            paint(features),
            classes,
            masks,
            generator=generator,
            settings=replace(QUICK, n_draws=199),
        )
        p_values.append(found[0].p_value)
    assert kstest(p_values, "uniform").pvalue > 0.01


class TestNotTested:
    def test_masks_that_cannot_be_used_are_counted(self):
        images, classes = scenes()
        good = block_mask(*OBJECT)
        masks = [good] * len(images)
        masks[0], masks[1] = None, torch.ones(5, 7, dtype=torch.bool)
        masks[2], masks[3] = torch.zeros_like(good), torch.ones_like(good)
        found = run(reading(on_object=0.0, beside=40.0), (images, classes), masks)
        assert found[0] == NotTested(
            "masks",
            0,
            "8 of its images have a mask, 10 are needed, 1 with a mask of another size, "
            "1 with a mask of the whole image, 1 with an empty mask, 1 without a mask",
        )
        few = replace(QUICK, min_images=8)
        found = run(reading(on_object=0.0, beside=40.0), (images, classes), masks, few)
        assert found[0].details["n_images"] == 8
        assert found[0].details["n_left_out"] == 4
        assert set(found[0].images) == set(range(4, N_IMAGES))

    def test_masks_of_another_size_as_one_tensor(self):
        masks = torch.ones(2 * N_IMAGES, SIDE_PX + 1, SIDE_PX, dtype=torch.bool)
        found = run(reading(on_object=0.0, beside=40.0), scenes(), masks)
        assert "12 with a mask of another size" in found[0].reason

    def test_networks_that_noise_cannot_tell_apart(self):
        weight = torch.zeros(2, N_FEATURES)
        found = run(blocks_model(weight, torch.tensor([5.0, 0.0])), scenes())
        assert "no noise on either part changes" in found[0].reason
        assert "all noise on either part changes" in found[1].reason

    def test_arguments_that_do_not_fit(self):
        model, data = reading(on_object=0.0, beside=40.0), scenes()
        with pytest.raises(UsageError, match="masks: 3 came for 24 images"):
            run(model, data, [None] * 3)
        with pytest.raises(UsageError, match=r"levels \(0.0, 0.5\) came"):
            run(model, data, settings=replace(QUICK, levels=(0.0, 0.5)))


def test_the_border_of_the_planted_network():
    model = reading(on_object=40.0, beside=0.0)
    images = paint(torch.tensor([[BORDER + 0.01], [BORDER - 0.01]]).expand(-1, N_FEATURES))
    with torch.no_grad():
        assert logits_function(model)(images).argmax(1).tolist() == [0, 1]
