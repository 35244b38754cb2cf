"""Visualisation: known optima, dead and unreachable targets, seeds, methods, accentuation."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from macoaudit.config import MacoConfig, Ramp, ViewConfig, constant
from macoaudit.drawing import Accent, target_key, visualize
from macoaudit.drawing_config import drawing_settings
from macoaudit.errors import LayerError, UsageError
from macoaudit.images import preprocess, read_image
from macoaudit.models import LoadedModel, Reading, load_model, logits_function
from macoaudit.parametrization import (
    FourierParametrization,
    PixelParametrization,
    build_parametrization,
    mix_colors,
)
from macoaudit.preprocessing import Preprocessing
from macoaudit.spectrum import load_spectrum
from macoaudit.targets import Target, Term, WeightedSum

SAMPLES = Path(__file__).parent.parent / "samples"
SIDE = 32
WHOLE = ViewConfig(side_low=constant(1.0), side_high=constant(1.0))
SHORT = MacoConfig(n_steps=8, tolerance=0.0)


class Linear(nn.Module):
    """One linear map of the image: the gradient of every score is known."""

    def __init__(self):
        super().__init__()
        self.flat = nn.Flatten()
        self.head = nn.Linear(3 * SIDE * SIDE, 4)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            weight = torch.randn(4, 3, SIDE, SIDE, generator=generator)
            weight = nn.functional.avg_pool2d(weight, 5, stride=1, padding=2)
            weight -= weight.mean((1, 2, 3), keepdim=True)
            self.head.weight.copy_(weight.flatten(1))
            self.head.bias.copy_(torch.tensor([0.0, 1.0, 2.0, 3.0]))
            self.head.weight[3] = 0  # a dead class

    def forward(self, image):
        return self.head(self.flat(image))


class Broken(Linear):
    """The last class is not finite."""

    def forward(self, image):
        logits = super().forward(image)
        return torch.cat([logits[:, :3], logits[:, 3:] * torch.nan], 1)


def wrapped(module: nn.Module) -> LoadedModel:
    return LoadedModel(
        name="own",
        architecture="own",
        module=module.eval(),
        preprocessing=Preprocessing((SIDE, SIDE), 3, (0.0,) * 3, (1.0,) * 3),
        labels=("a", "b", "c", "d"),
        num_classes=4,
        weights_sha256="0" * 64,
        weights_origin="factory",
        device=torch.device("cpu"),
    )


@pytest.fixture(scope="module")
def linear():
    return wrapped(Linear())


@pytest.fixture(scope="module")
def demo():
    return load_model("demo")


def draw(model, targets, config=SHORT, **arguments):
    return visualize(model, targets, spectrum=load_spectrum(), config=config, **arguments)


@pytest.fixture(scope="module")
def photo(demo):
    return preprocess(read_image(SAMPLES / "tree" / "tree-1.jpg"), demo.preprocessing)


def alike(one, two) -> bool:
    """Equal but for rounding, which the batch size may move."""
    return float((one - two).abs().mean()) < 0.5 / 255


def logit(index):
    return Target("logit", index=index)


class TestLinear:
    def test_pixels_follow_the_weights_to_black_and_white(self, linear):
        """The maximum of a linear score over [0, 1] is where the weights' signs are."""
        config = MacoConfig(n_steps=60, views=WHOLE, learning_rate=constant(4.0), tolerance=0.0)
        drawn = draw(linear, [logit(0)], config, method="pixel")
        weight = linear.module.head.weight[0].detach().view(3, SIDE, SIDE)
        assert torch.equal(drawn.image_01[0] > 0.5, weight > 0)
        best = float(weight.clamp_min(0).sum())
        assert 0.95 * best < float(drawn.score[0]) <= best + 1e-3

    def test_score_is_that_of_the_written_picture(self, linear):
        drawn = draw(linear, [logit(0), logit(1)], seeds=(0, 1))
        with torch.no_grad():
            logits = logits_function(linear)(drawn.image_01)
            start = logits_function(linear)(drawn.start_01)
        places = torch.tensor([0, 0, 1, 1])
        torch.testing.assert_close(drawn.score, logits[torch.arange(4), places])
        torch.testing.assert_close(drawn.start_score, start[torch.arange(4), places])
        torch.testing.assert_close(drawn.logits, logits)
        eighths = drawn.image_01 * 255
        torch.testing.assert_close(eighths, eighths.round(), atol=1e-3, rtol=0)

    @pytest.mark.parametrize("method", ["maco", "fourier", "pixel"])
    def test_every_method_raises_the_score(self, linear, method):
        config = replace(drawing_settings(method), n_steps=24)
        drawn = draw(linear, [logit(0), logit(1)], config, method=method)
        assert drawn.statuses == ("ok", "ok")
        assert float((drawn.score - drawn.start_score).min()) > 1
        assert drawn.n_steps == (24, 24)

    def test_a_negative_weight_draws_the_opposite(self, linear):
        down = WeightedSum((Term(-1.0, logit(0)),))
        drawn = draw(linear, [logit(0), down])
        assert float(drawn.logits[0, 0]) > float(drawn.logits[1, 0])
        assert float(drawn.score[1]) == pytest.approx(-float(drawn.logits[1, 0]), abs=1e-4)

    def test_maco_finds_the_phases_of_the_weights(self, linear):
        """Oracle: ``sum_k r_k |W_k| cos(phase_k - angle W_k)`` is largest at the weights' phases.

        In the spectrum's own colours and before the squash; its bend costs a little agreement.
        """
        config = MacoConfig(
            n_steps=200, views=WHOLE, learning_rate=Ramp(0.5, 0.0), frequency_power=0.0,
            tolerance=0.0,
        )  # fmt: skip
        drawn = draw(linear, [logit(0)], config)
        matrix = load_spectrum().color_matrix
        planes = drawn.image_01[0].clamp(0.002, 0.998).logit()
        image = torch.fft.rfft2(mix_colors(matrix.inverse(), planes))
        weight = linear.module.head.weight[0].detach().view(3, SIDE, SIDE)
        wanted = torch.fft.rfft2(mix_colors(matrix.T, weight))
        product = (image * wanted.conj())[:, 1:, 1:-1]
        assert float(product.real.sum() / product.abs().sum()) > 0.9


class TestOutcomes:
    def test_a_dead_class_is_found_behind_its_standard_score(self, linear):
        """Its logit never moves, though the score would rise by pushing other classes down."""
        dead, alive = (Target("logit", index=index, form="standard") for index in (3, 0))
        drawn = draw(linear, [dead, alive], SHORT)
        assert drawn.statuses == ("dead", "ok")

    def test_a_dead_target_is_said_and_its_mate_is_drawn(self, linear):
        drawn = draw(linear, [logit(3), logit(0)])
        assert drawn.statuses == ("dead", "ok")
        assert "does not respond to the image (zero gradient)" in str(drawn.reasons[0])
        alone = draw(linear, [logit(0)])
        assert alike(alone.image_01[0], drawn.image_01[1])

    def test_a_number_that_is_not_finite_is_a_failure(self):
        drawn = draw(wrapped(Broken()), [logit(3)])
        assert drawn.statuses == ("failed",)
        assert "not finite" in str(drawn.reasons[0])

    def test_a_score_that_did_not_rise_is_unreachable(self, linear):
        """With a step of zero the picture is the start, so nothing was gained."""
        drawn = draw(linear, [logit(0)], replace(SHORT, learning_rate=constant(0.0)))
        assert drawn.statuses == ("unreachable",)
        assert "ended at" in str(drawn.reasons[0])


class Rectified(Linear):
    """Classes behind a rectifier: no gradient wherever ``w.x`` is below a threshold."""

    def __init__(self, threshold: float):
        super().__init__()
        self.threshold = threshold

    def forward(self, image):
        return nn.functional.relu(super().forward(image) - self.threshold)


class Pretending(Linear):
    """A gradient everywhere, and yet one score for every image."""

    def forward(self, image):
        logits = super().forward(image)
        return logits - logits.detach()


class Saturated(Linear):
    """Scores end a little above the one that every start has."""

    def forward(self, image):
        return super().forward(image).clamp(max=-1e3)


# Views that are the canvas itself without noise: only the start decides who answers.
QUIET = replace(WHOLE, noise_uniform=constant(0.0), noise_normal=constant(0.0))
STILL = MacoConfig(n_steps=8, views=QUIET, tolerance=0.0)


def first_scores(model) -> torch.Tensor:
    """Scores of a class at the first starts of eight seeds."""
    return draw(model, [logit(0)], STILL, seeds=tuple(range(8))).start_score


class TestOtherStarts:
    """A zero gradient at one start is no proof that nothing answers."""

    def test_a_channel_that_no_image_reaches_is_dead_and_says_how_many_starts_were_tried(self):
        """Values in [0, 1] and these weights cannot get above a hundred thousand."""
        drawn = draw(wrapped(Rectified(1e5)), [logit(0), Target("channel", "head", 1)], STILL)
        assert drawn.statuses[0] == "dead"
        assert drawn.n_starts[0] == 17
        assert "zero gradient) at any of 17 random starts" in str(drawn.reasons[0])
        # the layer in front of the rectifier answers
        assert drawn.statuses[1] == "ok"
        assert drawn.n_starts[1] == 1

    def test_one_that_is_silent_at_its_own_start_only_is_drawn_from_another(self, linear):
        threshold = float(first_scores(linear)[0]) + 1e-3
        drawn = draw(wrapped(Rectified(threshold)), [logit(0)], STILL)
        assert drawn.statuses == ("ok",)
        assert 2 <= drawn.n_starts[0] <= 17
        assert 0 < float(drawn.start_score[0]) < float(drawn.score[0])

    def test_the_other_start_is_the_same_again_and_no_matter_who_else_is_drawn(self, linear):
        model = wrapped(Rectified(float(first_scores(linear)[0]) + 1e-3))
        alone = draw(model, [logit(0)], STILL)
        again = draw(model, [logit(0)], STILL)
        assert torch.equal(alone.image_01, again.image_01)
        together = draw(model, [logit(3), logit(0), logit(1)], STILL)
        assert together.statuses[:2] == ("dead", "ok")
        assert together.n_starts[1] == alone.n_starts[0]
        assert alike(together.image_01[1], alone.image_01[0])

    def test_who_answers_keeps_its_start(self, linear):
        """The threshold below every start changes scores by a constant and no picture."""
        model = wrapped(Rectified(float(first_scores(linear).min()) - 1e3))
        drawn = draw(model, [logit(0)], STILL)
        assert drawn.n_starts == (1,)
        plain = draw(linear, [logit(0)], STILL)
        assert alike(drawn.image_01, plain.image_01)
        assert torch.equal(drawn.start_01, plain.start_01)

    @pytest.mark.parametrize("method", ["fourier", "pixel"])
    def test_methods_that_start_from_grey_find_a_natural_start(self, method):
        config = replace(drawing_settings(method), n_steps=8, views=WHOLE)
        grey = draw(wrapped(Linear()), [logit(0)], config, method=method).start_score
        model = wrapped(Rectified(float(grey) + 0.5))
        drawn = draw(model, [logit(0)], config, method=method)
        assert drawn.statuses == ("ok",)
        assert drawn.n_starts[0] > 1
        assert float(drawn.start_01.std()) > 0.1  # no longer grey

    def test_a_score_that_cannot_rise_is_unreachable_in_spite_of_its_gradient(self):
        drawn = draw(wrapped(Pretending()), [logit(0)], STILL)
        assert drawn.statuses == ("unreachable",)
        assert drawn.n_starts == (1,)

    def test_a_score_at_its_ceiling_everywhere_is_dead(self):
        assert draw(wrapped(Saturated()), [logit(0)], STILL).statuses == ("dead",)

    def test_activations_that_are_not_finite_are_a_failure_and_not_silence(self):
        drawn = draw(wrapped(Broken()), [logit(3)], STILL)
        assert drawn.statuses == ("failed",)
        assert drawn.n_starts == (1,)

    def test_a_given_image_is_never_replaced(self):
        model = wrapped(Rectified(2.5))  # the last class, always 3, is above it
        image = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
        accent = Accent(image, Reading("layer", "head"), 0.0, 1.0)
        drawn = draw(model, [logit(0)], STILL, accent=accent)
        assert drawn.statuses == ("dead",)
        assert drawn.n_starts == (1,)
        assert "does not respond to the given image" in str(drawn.reasons[0])


class TestBatches:
    def test_a_member_does_not_depend_on_its_mates(self, demo):
        targets = [logit(0), Target("channel", "penultimate", 3), logit(1)]
        together = draw(demo, targets, seeds=(4, 5))
        alone = draw(demo, targets[1:2], seeds=(5,))
        assert alike(together.image_01[3], alone.image_01[0])
        assert not torch.equal(together.image_01[2], together.image_01[3])

    def test_the_same_again_bit_by_bit_whatever_the_global_seed(self, demo):
        torch.manual_seed(1)
        first = draw(demo, [logit(0)])
        torch.manual_seed(2)
        assert torch.equal(draw(demo, [logit(0)]).image_01, first.image_01)

    def test_the_model_is_left_as_it_was(self, demo):
        before = [p.requires_grad for p in demo.module.parameters()]
        draw(demo, [logit(0), Target("channel", "penultimate", 0)])
        assert [p.requires_grad for p in demo.module.parameters()] == before
        assert not any(m._forward_hooks for m in demo.module.modules())

    def test_keys_are_the_target_s(self):
        assert target_key(logit(3)) == target_key(Target("logit", index=3, name="cat"))
        assert target_key(logit(3)) != target_key(logit(4))

    def test_many_kinds_at_once_on_a_transformer(self, tiny_vit):
        goals = [
            Target("token", "blocks.1", 5, part="cls"),
            Target("token", "blocks.1", 5, part="17"),
            Target("neuron", "blocks.1", 5),
            Target("head", "blocks.1", 1),
            Target("direction", "blocks.1", vector=(1.0,) * 32 + (-1.0,) * 32, form="cosine"),
        ]
        drawn = draw(tiny_vit, goals, replace(SHORT, n_steps=16, views=WHOLE))
        assert drawn.statuses == ("ok",) * 5
        assert abs(float(drawn.score[4])) <= 1


class TestAccent:
    @pytest.mark.parametrize("method", ["maco", "fourier", "pixel"])
    def test_every_method_starts_as_the_image(self, demo, photo, method):
        accent = Accent(photo, Reading("layer", "penultimate"), 1.0, 0.1)
        config = replace(drawing_settings(method), n_steps=4)
        drawn = draw(demo, [logit(0)], config, method=method, accent=accent)
        torch.testing.assert_close(drawn.start_01[0], photo.clamp(0.01, 0.99), atol=5e-3, rtol=0)
        assert drawn.image_score is not None
        with torch.no_grad():
            own = logits_function(demo)(photo[None])[0, 0]
        torch.testing.assert_close(drawn.image_score[0], own, atol=1e-4, rtol=1e-4)

    def test_shorter_steps_stay_nearer_to_the_image(self, demo, photo):
        def distance(rate):
            accent = Accent(photo, Reading("layer", "penultimate"), 0.0, rate)
            drawn = draw(
                demo, [logit(2)], replace(drawing_settings("maco"), n_steps=8), accent=accent
            )
            return float((drawn.image_01[0] - drawn.start_01[0]).norm())

        assert distance(0.0) < 1e-3  # no step at all
        assert 0 < distance(0.03) < distance(0.3)

    def test_the_penalty_holds_on_to_the_image(self, demo, photo):
        def similarity(weight):
            accent = Accent(photo, Reading("layer", "penultimate"), weight, 1.0)
            config = replace(drawing_settings("fourier"), n_steps=16)
            drawn = draw(demo, [logit(2)], config, method="fourier", accent=accent)
            assert drawn.similarity is not None
            return float(drawn.similarity[0]), float(drawn.score[0])

        (free, high), (held, low) = similarity(0.0), similarity(30.0)
        assert held > free
        assert high > low

    def test_a_dead_target_is_found_behind_the_penalty(self, linear, generator):
        image = torch.rand(3, SIDE, SIDE, generator=generator)
        accent = Accent(image, Reading("layer", "flat"), 1.0, 1.0)
        config = replace(drawing_settings("pixel"), n_steps=4)
        drawn = draw(linear, [logit(3), logit(0)], config, method="pixel", accent=accent)
        assert drawn.statuses == ("dead", "ok")


class TestStarts:
    @pytest.mark.parametrize("size", [(9, 12), (10, 9), (8, 8)])
    def test_maco_takes_an_image_over_and_keeps_its_magnitudes(self, generator, size):
        images = build_parametrization(
            load_spectrum(None),
            drawing_settings("maco"),
            size,
            [torch.Generator().manual_seed(seed) for seed in (0, 1)],
            torch.device("cpu"),
        )
        given = 0.1 + 0.8 * torch.rand(2, 3, *size, generator=generator)
        images.take_images(given)
        start = images.decode()
        torch.testing.assert_close(start.image_01, given, atol=1e-5, rtol=1e-5)
        images.parameters += torch.randn(images.parameters.shape, generator=generator)
        moved = images.decode()
        assert float((moved.image_01 - given).abs().mean()) > 0.01
        torch.testing.assert_close(moved.spectrum.abs(), start.spectrum.abs(), atol=1e-5, rtol=1e-5)
        # the magnitudes of the image that is drawn, not only of the array it is made from
        unmixed = torch.einsum("cd,bdhw->bchw", images.color_matrix.inverse(), moved.linear)
        drawn = torch.fft.rfft2(unmixed, norm="ortho").abs()
        torch.testing.assert_close(drawn, start.spectrum.abs(), atol=1e-4, rtol=1e-4)
        images.select(torch.tensor([1]))
        torch.testing.assert_close(images.decode().image_01[0], moved.image_01[1])

    def test_fourier_and_pixels_take_an_image_over_exactly(self, generator):
        image = 0.1 + 0.8 * torch.rand(2, 3, 9, 12, generator=generator)
        matrix = torch.randn(3, 3, generator=generator) + 2 * torch.eye(3)
        generators = [torch.Generator(), torch.Generator()]
        device = torch.device("cpu")
        fourier = FourierParametrization(matrix, size=(9, 12), generators=generators, device=device)
        pixel = PixelParametrization(3, size=(9, 12), generators=generators, device=device)
        for images in (fourier, pixel):
            images.take_images(image)
            torch.testing.assert_close(images.decode().image_01, image, atol=1e-4, rtol=1e-4)

    def test_pixel_gradient_in_closed_form(self, generator):
        pixel = PixelParametrization(
            3, size=(5, 4), generators=[generator], device=torch.device("cpu"), squash_slope=3.0
        )
        gradient = torch.randn(1, 3, 5, 4, generator=generator)
        free = pixel.parameters.clone().requires_grad_()
        (expected,) = torch.autograd.grad((free * 3).sigmoid(), free, gradient)
        torch.testing.assert_close(pixel.pull_back(pixel.decode(), gradient), expected)
        assert float(pixel.parameters.std()) == pytest.approx(0.01, rel=0.3)
        pixel.select(torch.tensor([], dtype=torch.int64))
        assert len(pixel.parameters) == 0


class TestRefused:
    def test_arguments(self, linear, demo):
        with pytest.raises(UsageError, match="targets: none came"):
            draw(linear, [])
        with pytest.raises(UsageError, match="there are 4 classes, use 0 to 3"):
            draw(linear, [logit(4)])
        with pytest.raises(UsageError, match="precision is 'fp16'"):
            draw(linear, [logit(0)], precision="fp16")
        with pytest.raises(LayerError, match="no such layer"):
            draw(demo, [Target("channel", "layer9", 0)])
