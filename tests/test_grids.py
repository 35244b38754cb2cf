"""Layers as grids over the image: which they are, and which stand for content and depth."""

import pytest
import torch
from torch import Tensor, nn

from macoaudit.errors import LayerError
from macoaudit.models import (
    LoadedModel,
    content_layers,
    depth_layers,
    grid_function,
    load_model,
)
from macoaudit.models.grids import Grid, block_layers, grid_of
from macoaudit.preprocessing import Preprocessing


def planted(
    module: nn.Module, size: tuple[int, int] = (32, 32), num_classes: int = 0
) -> LoadedModel:
    return LoadedModel(
        name="planted",
        architecture="planted",
        module=module,
        preprocessing=Preprocessing(size, 3, (0.0,) * 3, (1.0,) * 3),
        labels=tuple(f"class {i}" for i in range(num_classes)),
        num_classes=num_classes,
        weights_sha256="0" * 64,
        weights_origin="factory",
        device=torch.device("cpu"),
    )


class Prefixed(nn.Module):
    """A network that says how many tokens stand in front of its patches."""

    def __init__(self, n_prefix: object) -> None:
        super().__init__()
        self.num_prefix_tokens = n_prefix


class TestGridOf:
    @pytest.mark.parametrize(
        ("shape", "size", "n_prefix", "grid"),
        [
            ((8, 10, 10), (32, 32), 0, Grid(10, 10, 0, False)),
            ((10, 10, 8), (32, 32), 0, Grid(10, 10, 0, True)),
            ((3, 32, 32), (32, 32), 0, Grid(32, 32, 0, False)),
            ((64, 6, 9), (32, 48), 0, Grid(6, 9, 0, False)),
            ((6, 9, 64), (32, 48), 0, Grid(6, 9, 0, True)),
            # where both would do, channels come first, as torch has them
            ((7, 7, 7), (32, 32), 0, Grid(7, 7, 0, False)),
            ((197, 64), (224, 224), 1, Grid(14, 14, 1, True)),
            ((196, 64), (224, 224), 1, Grid(14, 14, 0, True)),
            ((200, 64), (224, 224), 4, Grid(14, 14, 4, True)),
            ((1 + 6 * 9, 64), (32, 48), 1, Grid(6, 9, 1, True)),
            # 9 tokens may be 3 x 3, but the network says that 5 of them are no patches
            ((9, 64), (32, 32), 5, Grid(2, 2, 5, True)),
            ((196, 64), (224, 224), "three", Grid(14, 14, 0, True)),
        ],
    )
    def test_what_is_one(self, shape, size, n_prefix, grid):
        assert grid_of(shape, planted(Prefixed(n_prefix), size)) == grid

    @pytest.mark.parametrize(
        "shape",
        [(64,), (64, 1, 1), (1, 1, 64), (195, 64), (2, 64), (1, 64), (8, 10, 11), (8, 64, 64)],
    )
    def test_what_is_none(self, shape):
        assert grid_of(shape, planted(Prefixed(1))) is None

    def test_a_grid_has_the_images_aspect(self):
        assert grid_of((64, 10, 10), planted(Prefixed(0), (32, 48))) is None


class Last(nn.Module):
    """Features with the channels last, then tokens behind one of the class."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.tokens, self.vector = (nn.Identity() for _ in range(3))
        self.num_prefix_tokens = 1

    def forward(self, image: Tensor) -> Tensor:
        pooled = nn.functional.avg_pool2d(image, 4)
        last = self.last(pooled.movedim(1, -1))
        patches = last.flatten(1, 2)
        tokens = self.tokens(torch.cat([patches.mean(1, keepdim=True), patches], 1))
        return self.vector(tokens[:, 0])


@pytest.mark.parametrize("layer", ["last", "tokens"])
def test_every_form_gives_the_same_maps(layer, generator):
    model = planted(Last(), (32, 48))
    image = torch.rand(2, 3, 32, 48, generator=generator)
    found = grid_function(model, layer)(image)
    assert torch.allclose(found, nn.functional.avg_pool2d(image, 4))


def test_a_vector_is_refused(generator):
    read = grid_function(planted(Last()), "vector")
    with pytest.raises(LayerError, match=r"--layer vector: its output \(3,\) is no grid"):
        read(torch.rand(1, 3, 32, 32, generator=generator))


class Nested(nn.Module):
    """Stages of blocks, a norm with its activation, and a classifier."""

    def __init__(self) -> None:
        super().__init__()

        def block() -> nn.Module:
            return nn.TransformerEncoderLayer(8, 2, 8, batch_first=True)

        self.embed = nn.Conv2d(3, 8, 4, stride=4)
        self.stages = nn.ModuleList([nn.Sequential(block(), block()), nn.Sequential(block())])
        self.norm = nn.Sequential(_NormAct(8))
        self.head = nn.Linear(8, 4)

    def forward(self, image: Tensor) -> Tensor:
        tokens = self.embed(image).flatten(2).mT
        for stage in self.stages:
            tokens = stage(tokens)
        return self.head(self.norm(tokens).mean(1))


class _NormAct(nn.LayerNorm):
    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.act = nn.ReLU()

    def forward(self, value: Tensor) -> Tensor:
        return self.act(super().forward(value))


def test_blocks_are_the_outermost_members_of_lists_that_learn():
    model = planted(Nested().eval(), num_classes=4)
    names = [layer.name for layer in block_layers(model)]
    assert names == ["stages.0.0", "stages.0.1", "stages.1.0"]
    assert depth_layers(model, 2) == ("stages.0.0", "stages.1.0", "penultimate")


def test_a_network_without_blocks_offers_its_layers_but_not_the_class_scores():
    module = nn.Sequential(
        nn.Conv2d(3, 5, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4)
    )
    model = planted(nn.Sequential(module), num_classes=4)
    assert [layer.name for layer in block_layers(model)] == ["0.0", "0.1", "0.2", "0.3"]
    assert depth_layers(model, 2) == ("0.1", "0.3", "penultimate")
    assert depth_layers(model, 50) == ("0.0", "0.1", "0.2", "0.3", "penultimate")
    assert [layer.name for layer in content_layers(model)] == ["0.1"]


def test_without_a_penultimate_layer_the_depth_ends_with_the_last_one():
    module = nn.Sequential(nn.Conv2d(3, 5, 3, 2), nn.ReLU())
    assert depth_layers(planted(module)) == ("0", "1")


def test_without_a_grid_there_is_no_content_layer():
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4))
    assert content_layers(planted(module, num_classes=4)) == ()


# The first content layer: the last block of 8 places a side or more where coarser ones follow, else
# the block at three fifths of the depth; then the one halfway to the last grid, and that one.
# The depth: four blocks evenly spaced, the last one among them.
@pytest.mark.parametrize(
    ("name", "content", "grid", "depth"),
    [
        ("resnet10t", ("layer3.0", "layer4.0"), (11, 11), [f"layer{i}.0" for i in (1, 2, 3, 4)]),
        (
            "vit_tiny_patch16_224",
            ("blocks.7", "blocks.9", "blocks.11"),
            (14, 14),
            [f"blocks.{i}" for i in (2, 5, 8, 11)],
        ),
        ("convnext_atto", ("stages.2", "stages.3"), (14, 14), [f"stages.{i}" for i in range(4)]),
        (
            "mobilenetv2_100",
            ("blocks.4.2", "blocks.5.1", "blocks.6.0"),
            (14, 14),
            [f"blocks.{i}" for i in ("2.0", "3.1", "4.1", "6.0")],
        ),
        (
            "test_vit",
            ("blocks.3", "blocks.4", "blocks.5"),
            (10, 10),
            [f"blocks.{i}" for i in (0, 2, 3, 5)],
        ),
        pytest.param(
            "deit_tiny_distilled_patch16_224",
            ("blocks.7", "blocks.9", "blocks.11"),
            (14, 14),
            [f"blocks.{i}" for i in (2, 5, 8, 11)],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "swin_tiny_patch4_window7_224",
            ("layers.2", "layers.3"),
            (14, 14),
            [f"layers.{i}" for i in range(4)],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "densenet121",
            ("features.denseblock3", "features.transition3", "features.denseblock4"),
            (14, 14),
            [f"features.denseblock{i}" for i in (1, 2, 3, 4)],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            # grids of 7 x 7 alone: three fifths of eight blocks
            "mixer_s32_224",
            ("blocks.4", "blocks.5", "blocks.7"),
            (7, 7),
            [f"blocks.{i}" for i in (1, 3, 5, 7)],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_of_known_architectures(name, content, grid, depth, generator):
    model = load_model(name, weights="random")
    chosen = content_layers(model)
    assert tuple(layer.name for layer in chosen) == content
    assert (chosen[0].grid.height, chosen[0].grid.width) == grid
    assert depth_layers(model) == (*depth, "penultimate")
    size = model.preprocessing.input_size
    with torch.no_grad():
        features = grid_function(model, content[0])(torch.rand(1, 3, *size, generator=generator))
    assert features.shape[2:] == grid
    assert float(features.std()) > 0


@pytest.mark.slow
def test_a_plain_stack_of_layers():
    """VGG has no blocks: layers, the last of 14 x 14 for content, no class scores for depth."""
    model = load_model("vgg11", weights="random")
    assert content_layers(model)[0].name == "features.19"
    depth = depth_layers(model)
    assert depth[:2] == ("features.7", "features.15")
    assert depth[-1] == "penultimate"
    assert not {"head", "head.fc", "head.flatten"} & set(depth)


def test_features_stay_where_their_pixels_are():
    """A spot in one corner of the image moves the features of that corner most."""
    model = load_model("vit_tiny_patch16_224", weights="random")
    layer = content_layers(model)[0]
    plain = torch.full((1, 3, 224, 224), 0.5)
    spot = plain.clone()
    spot[..., 160:192, 32:64] = 1.0
    read = grid_function(model, layer.name)
    with torch.no_grad():
        moved = (read(spot) - read(plain)).norm(dim=1)[0]
    places = {divmod(int(place), 14) for place in moved.flatten().topk(4).indices}
    assert places == {(10, 2), (10, 3), (11, 2), (11, 3)}
