"""Layers: finding them, the penultimate vector, token outputs, and a model left as it was."""

import dataclasses

import pytest
import torch
from torch import nn

from macoaudit.errors import LayerError, ModelError
from macoaudit.models import (
    LoadedModel,
    Preprocessing,
    activation_function,
    activations_and_logits,
    list_layers,
    load_model,
    logits_function,
    resolve_layer,
)

FAMILIES = ("test_vit", "test_vit2", "test_resnet", "test_convnext", "test_efficientnet")


class Tail(nn.Module):
    """Says when it runs."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part
        self.n_runs = 0

    def forward(self, value):
        self.n_runs += 1
        return self.part(value)


class Odd(nn.Module):
    """Every kind of module that cannot be a target, and one that can."""

    def __init__(self) -> None:
        super().__init__()
        self.good = nn.Conv2d(1, 2, 1)
        self.shared = nn.ReLU()
        self.unused = nn.Linear(1, 1)
        self.pair = Pair()
        self.windows = nn.Flatten(0, 1)
        self.counts = Counts()

    def forward(self, image):
        value = self.shared(self.shared(self.good(image)))
        self.pair(value)
        self.windows(value)
        self.counts(value)
        return value.mean(dim=(2, 3))


class Pair(nn.Module):
    def forward(self, value):
        return value, value


class Counts(nn.Module):
    def forward(self, value):
        return (value > 0).long()


def loaded(module: nn.Module, num_classes: int, size: tuple[int, int] = (4, 6)) -> LoadedModel:
    return LoadedModel(
        name="own",
        architecture="own:make",
        module=module.eval(),
        preprocessing=Preprocessing(size, 1, (0.5,), (0.25,)),
        labels=tuple(f"class {index}" for index in range(num_classes)),
        num_classes=num_classes,
        weights_sha256="0" * 64,
        weights_origin="factory",
        device=torch.device("cpu"),
    )


@pytest.fixture
def small() -> LoadedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        parts = [nn.Flatten(), nn.Linear(24, 5), nn.ReLU(), Tail(nn.Linear(5, 3))]
        return loaded(nn.Sequential(*parts), 3)


def images(model: LoadedModel, generator: torch.Generator, n: int = 2) -> torch.Tensor:
    size = model.preprocessing.input_size
    return torch.rand(n, model.preprocessing.channels, *size, generator=generator)


def n_hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


class TestPenultimate:
    @pytest.mark.parametrize("name", FAMILIES)
    def test_the_classifier_on_it_gives_the_plain_forwards_logits(self, name, generator):
        model = load_model(name, weights="random")
        image_01 = images(model, generator)
        with torch.no_grad():
            activations = activation_function(model, "penultimate")(image_01)
            classifier = model.module.get_classifier()
            plain = model.module(model.preprocessing.normalise(image_01))
            assert activations.shape == (2, classifier.in_features)
            torch.testing.assert_close(classifier(activations), plain)

    @pytest.mark.parametrize("name", FAMILIES)
    def test_one_pass_gives_both(self, name, generator):
        model = load_model(name, weights="random")
        image_01 = images(model, generator)
        with torch.no_grad():
            activations, logits = activations_and_logits(model, "penultimate")(image_01)
            assert torch.equal(activations, activation_function(model, "penultimate")(image_01))
            assert torch.equal(logits, model.module(model.preprocessing.normalise(image_01)))
            assert torch.equal(logits, logits_function(model)(image_01))

    def test_of_another_network_is_the_input_of_its_last_linear(self, small, generator):
        image_01 = images(small, generator)
        module = small.module
        normalised = (image_01 - 0.5) / 0.25
        expected = torch.relu(normalised.flatten(1) @ module[1].weight.T + module[1].bias)
        activations, logits = activations_and_logits(small, "penultimate")(image_01)
        torch.testing.assert_close(activations, expected)
        torch.testing.assert_close(activation_function(small, "penultimate")(image_01), expected)
        assert torch.equal(logits, module(normalised))

    def test_without_such_a_linear_the_user_is_told_to_name_a_layer(self):
        model = loaded(Odd(), 2)
        with pytest.raises(LayerError, match=r"puts out its 2 classes\. Name a"):
            activation_function(model, "penultimate")

    def test_takes_no_token_part(self, tiny_vit):
        with pytest.raises(LayerError, match="penultimate is one vector; leave :mean out"):
            resolve_layer(tiny_vit, "penultimate:mean")


class TestDottedLayers:
    def test_a_block_of_a_transformer_equals_the_network_run_by_hand(self, tiny_vit, generator):
        image_01 = images(tiny_vit, generator)
        module = tiny_vit.module
        with torch.no_grad():
            value = module.patch_embed(tiny_vit.preprocessing.normalise(image_01))
            value = module.blocks[0](module.norm_pre(module._pos_embed(value)))
            assert torch.equal(activation_function(tiny_vit, "blocks.0")(image_01), value)

    def test_token_parts_follow_from_the_whole_output(self, tiny_vit, generator):
        image_01 = images(tiny_vit, generator)
        with torch.no_grad():
            whole, cls, mean, tokens = (
                activation_function(tiny_vit, "blocks.1" + part)(image_01)
                for part in ("", ":cls", ":mean", ":tokens")
            )
        assert whole.shape == (2, 101, 64)  # (160 / 16)^2 patches and the class token
        assert torch.equal(cls, whole[:, 0])
        assert torch.equal(tokens, whole[:, 1:])
        torch.testing.assert_close(mean, whole[:, 1:].sum(dim=1) / 100)

    def test_in_front_of_the_class_token_every_token_is_a_patch(self, tiny_vit):
        assert resolve_layer(tiny_vit, "patch_embed:tokens").shape == (100, 64)
        with pytest.raises(LayerError, match="no class token at this layer"):
            resolve_layer(tiny_vit, "patch_embed:cls")

    def test_a_network_without_class_token(self):
        model = load_model("test_vit", weights="random")
        import timm

        module = timm.create_model("test_vit", class_token=False, global_pool="avg").eval()
        model = dataclasses.replace(model, module=module)
        assert resolve_layer(model, "blocks.0:tokens").shape == (100, 64)
        with pytest.raises(LayerError, match="Use :mean or :tokens"):
            resolve_layer(model, "blocks.0:cls")

    def test_the_tail_is_not_computed(self, small, generator):
        function = activation_function(small, "1")
        before = small.module[3].n_runs
        function(images(small, generator))
        activation_function(small, "penultimate")  # the probe itself runs the whole network
        probes = small.module[3].n_runs
        assert (before, probes - before) == (1, 1)

    def test_in_place_layers_behind_it_do_not_change_it(self, tiny_resnet, generator):
        image_01 = images(tiny_resnet, generator)
        assert tiny_resnet.module.act1.inplace
        with torch.no_grad():
            alone = activation_function(tiny_resnet, "bn1")(image_01)
            together, logits = activations_and_logits(tiny_resnet, "bn1")(image_01)
        assert alone.min() < 0
        assert torch.equal(alone, together)
        assert torch.equal(logits, logits_function(tiny_resnet)(image_01))

    def test_gradients_reach_the_image(self, tiny_vit, generator):
        image_01 = images(tiny_vit, generator).requires_grad_()
        activation_function(tiny_vit, "blocks.0:cls")(image_01).sum().backward()
        assert image_01.grad is not None
        assert image_01.grad.abs().sum() > 0

    def test_a_batch_of_two_is_two_singles(self, tiny_vit, generator):
        image_01 = images(tiny_vit, generator)
        function = activation_function(tiny_vit, "blocks.1:mean")
        with torch.no_grad():
            singles = torch.cat([function(image_01[:1]), function(image_01[1:])])
            torch.testing.assert_close(function(image_01), singles)


class TestBadLayers:
    @pytest.mark.parametrize(
        ("layer", "message"),
        [
            ("blocks.7", "no such layer. Did you mean blocks"),
            ("", "no such layer"),
            ("blocks.0:max", "is not one of :cls, :mean, :tokens"),
            ("blocks.0:", "is not one of"),
            ("head:mean", r":mean needs an output \(batch, token, dim\)"),
        ],
    )
    def test_of_a_transformer(self, tiny_vit, layer, message):
        with pytest.raises(LayerError, match=message):
            resolve_layer(tiny_vit, layer)

    @pytest.mark.parametrize(
        ("layer", "message"),
        [
            ("shared", "runs 2 times"),
            ("unused", "runs 0 times"),
            ("pair", "output is a tuple"),
            ("counts", "output is a torch.int64"),
            ("windows", r"shape \(4, 4, 6\) for 2 images; the first axis must be the batch"),
        ],
    )
    def test_outputs_that_cannot_be_targets(self, layer, message):
        with pytest.raises(LayerError, match=message):
            resolve_layer(loaded(Odd(), 2), layer)

    def test_a_network_without_classes_has_no_logits(self):
        model = loaded(Odd(), 0)
        with pytest.raises(ModelError, match="no classes, so there are no logits"):
            logits_function(model)

    def test_an_output_that_is_not_one_classifiers(self, generator):
        model = loaded(Odd(), 7)
        with pytest.raises(ModelError, match=r"\(2, 2\) for 2 images and 7 classes"):
            logits_function(model)(images(model, generator))


class TestListing:
    def test_lists_what_can_be_a_target_in_the_order_of_running(self):
        assert [
            (layer.name, layer.kind, layer.shape) for layer in list_layers(loaded(Odd(), 2))
        ] == [("good", "Conv2d", (2, 4, 6))]

    def test_every_listed_layer_resolves_to_its_shape(self, tiny_resnet):
        layers = list_layers(tiny_resnet)
        assert layers[-1].name == "penultimate"
        assert len(layers) > 20
        for layer in (layers[0], layers[7], layers[-1]):
            assert resolve_layer(tiny_resnet, layer.name).shape == layer.shape


class TestHooks:
    def test_none_stays(self, tiny_vit, tiny_resnet, generator):
        for model, layer in ((tiny_vit, "blocks.0"), (tiny_resnet, "layer1")):
            list_layers(model)
            activation_function(model, layer)(images(model, generator))
            activations_and_logits(model, layer)(images(model, generator))
            assert n_hooks(model.module) == 0

    def test_none_stays_after_an_error_in_the_network(self, small, generator):
        functions = [activation_function(small, "2"), activations_and_logits(small, "1")]

        def fail(*_args):
            raise ZeroDivisionError

        small.module[1].forward = fail
        for function in functions:
            with pytest.raises(ZeroDivisionError):
                function(images(small, generator))
        with pytest.raises(ZeroDivisionError):
            list_layers(small)
        assert n_hooks(small.module) == 0
