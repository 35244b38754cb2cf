"""Concepts of real networks: bad input, the layer that is chosen, and the planted mark."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from benchmarks.concepts import TOP, figure, marked_scenes
from benchmarks.demo.scenes import LABELS, PLANTED
from macoaudit.concepts import (
    ConceptSet,
    class_index,
    class_of_label,
    concept_layer,
    concepts,
    images_of_class,
    place_coefficients,
    split_signs,
)
from macoaudit.drawing import visualize
from macoaudit.drawing_config import drawing_settings
from macoaudit.errors import LayerError, UsageError
from macoaudit.models import (
    LoadedModel,
    grid_function,
    imagenet_names,
    load_model,
    logits_function,
    resumed_logits,
)
from macoaudit.spectrum import load_spectrum
from macoaudit.targets import Target

MUSHROOM = LABELS.index(PLANTED)


@pytest.fixture(scope="module")
def demo() -> LoadedModel:
    return load_model("demo")


@pytest.fixture(scope="module")
def scenes() -> tuple[Tensor, Tensor]:
    return marked_scenes(8, 99, 0.85)


@pytest.fixture(scope="module")
def found(demo: LoadedModel, scenes: tuple[Tensor, Tensor]) -> ConceptSet:
    return concepts(demo, scenes[0], MUSHROOM, n_concepts=5, n_designs=8, n_measured=3)


def images_for(model: LoadedModel, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    size = (count, model.preprocessing.channels, *model.preprocessing.input_size)
    return torch.rand(size, generator=generator)


@pytest.mark.parametrize("fixture", ["tiny_vit", "tiny_resnet", "demo"])
def test_the_rest_of_a_network_goes_on_from_a_layer(fixture, request):
    model = request.getfixturevalue(fixture)
    images = images_for(model, 2)
    layer = concept_layer(model, images)
    with torch.no_grad():
        grids = grid_function(model, layer)(images)
        known = logits_function(model)(images)
        own = torch.cat(
            [resumed_logits(model, layer)(images[i : i + 1], grids[i : i + 1]) for i in range(2)]
        )
        torch.testing.assert_close(own, known, atol=1e-4, rtol=1e-4)
        batch = torch.cat([grids[:1], grids[:1], grids[:1] * 0])
        several = resumed_logits(model, layer)(images[:1], batch)
        torch.testing.assert_close(several[:2], known[:1].expand(2, -1), atol=1e-4, rtol=1e-4)
        assert not torch.allclose(several[2], known[0], atol=1e-3)


def test_the_chosen_layer_of_a_class_token_transformer_is_one_that_is_read(tiny_vit):
    images = images_for(tiny_vit, 1)
    layers = [name for name, _ in tiny_vit.module.named_modules() if name.startswith("blocks.")]
    last = max(int(name.split(".")[1]) for name in layers)
    # Only the class token goes on from the last block.
    assert concept_layer(tiny_vit, images) == f"blocks.{last - 1}"
    with pytest.raises(LayerError, match=rf"no logit depends.*Use blocks\.{last - 1}"):
        concepts(tiny_vit, images, 0, layer=f"blocks.{last}")


def test_records_are_ordered_complete_and_repeatable(demo, scenes, found):
    again = concepts(demo, scenes[0], MUSHROOM, n_concepts=5, n_designs=8, n_measured=3)
    importances = [concept.importance for concept in found.concepts]
    ranks = [(concept.effect <= 0, -concept.importance) for concept in found.concepts]
    assert ranks == sorted(ranks)
    assert importances == [concept.importance for concept in again.concepts]
    assert found.signed  # SiLU
    assert len(found.concepts) == 5
    assert found.n_images == 8
    assert found.n_crops == 8 * len(found.crop_boxes)
    assert any("importance was measured on 3 of 8" in note for note in found.notes)
    for concept, other in zip(found.concepts, again.concepts, strict=True):
        assert torch.equal(concept.maps, other.maps)
        assert concept.maps.shape == (8, 96, 96)
        assert bool((concept.maps >= 0).all())
        n = len(concept.direction)
        assert torch.equal(concept.direction, concept.part[:n] - concept.part[n:])
        strengths = [crop.coefficient for crop in concept.top_crops]
        assert strengths == sorted(strengths, reverse=True)
        assert len({crop.image for crop in concept.top_crops}) == len(concept.top_crops)


def test_a_linear_head_gives_the_squared_shares():
    # One grid, mean pooling, linear head: masks act linearly, total indices are squared shares.
    model = load_model("demo")
    images, _ = marked_scenes(3, 5, 0.85)
    result = concepts(
        model, images, MUSHROOM, layer="layer4.0", n_concepts=4, n_designs=256, n_measured=1
    )
    grid = grid_function(model, "layer4.0")(images[:1]).detach()
    head = model.module.get_submodule("fc")
    assert isinstance(head, nn.Linear)
    parts = torch.stack([concept.part for concept in result.concepts])
    amounts = place_coefficients(split_signs(grid), parts)[0].mean((-2, -1))
    directions = torch.stack([concept.direction for concept in result.concepts])
    effects = amounts * (directions @ head.weight[MUSHROOM].detach().double())
    known = effects**2 / (effects**2).sum()
    importance = torch.tensor([concept.importance for concept in result.concepts])
    torch.testing.assert_close(importance.double(), known, atol=0.02, rtol=0)
    measured = torch.tensor([concept.effect for concept in result.concepts])
    torch.testing.assert_close(measured.double(), effects, atol=1e-3, rtol=1e-3)


def test_a_concept_can_be_drawn_along_its_direction(demo, found):
    vector = tuple(found.concepts[0].direction.float().tolist())
    config = replace(drawing_settings("maco"), n_steps=12)
    target = Target("direction", layer=found.layer, vector=vector)
    drawn = visualize(demo, [target], spectrum=load_spectrum(), config=config)
    assert drawn.statuses == ("ok",)
    with torch.no_grad():
        grid = grid_function(demo, found.layer)(drawn.image_01)
    known = grid.mean((2, 3)) @ torch.tensor(vector)
    torch.testing.assert_close(drawn.score, known, atol=1e-4, rtol=1e-4)
    assert float(drawn.score) > float(drawn.start_score)


def test_the_model_is_left_as_it_was_found(demo, scenes):
    demo.module.train()
    wanted = [parameter.requires_grad for parameter in demo.module.parameters()]
    try:
        concepts(demo, scenes[0][:2], MUSHROOM, n_concepts=2, n_designs=2, n_measured=1)
        assert all(part.training for part in demo.module.modules())
        assert [parameter.requires_grad for parameter in demo.module.parameters()] == wanted
        assert not any(part._forward_hooks for part in demo.module.modules())
    finally:
        demo.module.eval()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mushrom", "has no such class. Did you mean mushroom"),
        ("10", "give a number from 0 to 9"),
        ("-1", "has no such class"),
        ("", "has no such class"),
    ],
)
def test_an_unknown_class_is_refused(demo, name, message):
    with pytest.raises(UsageError, match=message):
        class_index(demo, name)


def test_classes_are_found_by_name_and_number(demo):
    assert class_index(demo, " Mushroom") == class_index(demo, str(MUSHROOM)) == MUSHROOM
    for index in (-1, 10):
        with pytest.raises(UsageError, match="has 10 classes"):
            concepts(demo, images_for(demo, 1), index)


@pytest.mark.parametrize(
    ("label", "index"),
    [("mushroom", 6), ("MUSHROOM", 6), ("6", 6), ("10", None), ("photographs", None), ("", None)],
)
def test_a_folder_is_named_after_a_class_or_is_not(demo, label, index):
    assert class_of_label(demo, label) == index


def test_folders_of_imagenet_are_named_by_their_ids(demo):
    many = replace(demo, num_classes=1000, labels=imagenet_names())
    assert class_of_label(many, "n01440764") == 0  # tench, the first of ImageNet-1k
    assert class_of_label(many, "tiger_shark") == many.labels.index("tiger shark") == 3
    assert class_of_label(many, "n00000000") is None
    assert class_of_label(demo, "n01440764") is None


def test_a_class_without_images_says_what_they_are_taken_for(demo, scenes):
    assert images_of_class(demo, scenes[0], MUSHROOM).tolist() == list(range(8))
    with pytest.raises(UsageError, match=r"none of the 8 images.*mushroom \(8\)"):
        images_of_class(demo, scenes[0], LABELS.index("fish"))
    with pytest.raises(UsageError, match="there are no images"):
        images_of_class(demo, scenes[0][:0], MUSHROOM)
    with pytest.raises(UsageError, match="there is no image of it"):
        concepts(demo, scenes[0][:0], MUSHROOM)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"layer": "penultimate"}, LayerError, "no grid"),
        ({"layer": "fc"}, LayerError, "no grid"),
        ({"layer": "layer9"}, LayerError, "no such layer"),
        ({"n_concepts": 0}, UsageError, "use at least 1"),
        ({"n_designs": 12}, UsageError, "power of two"),
        ({"n_measured": 0}, UsageError, "use at least 1"),
        ({"crop_sides_frac": (2.0,)}, UsageError, "crop sides"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(demo, scenes, change, error, message):
    with pytest.raises(error, match=message):
        concepts(demo, scenes[0][:2], MUSHROOM, **change)


def test_images_of_another_size_are_refused(demo):
    with pytest.raises(UsageError, match="preprocess them"):
        concepts(demo, torch.rand(2, 3, 64, 64), MUSHROOM)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("layer3.0.bn2", "activations of 34 of 34 pictures are not finite"),
        ("layer4.0.bn2", "the logit of the class is not finite"),
    ],
)
def test_activations_and_logits_that_are_not_finite_are_refused(part, message):
    model = load_model("demo")
    with torch.no_grad():
        model.module.get_submodule(part).weight[0] = torch.nan
    with pytest.raises(UsageError, match=message):
        concepts(model, images_for(model, 2), MUSHROOM, layer="layer3.0", n_concepts=2, n_designs=2)


@pytest.mark.slow
def test_the_planted_mark_is_a_top_concept_on_its_place_and_not_of_the_clean_twin():
    images, discs = marked_scenes(24, 4242, 0.85)
    shares = {}
    for name in ("demo", "demo-clean"):
        model = load_model(name)
        kept = images_of_class(model, images, MUSHROOM)
        assert len(kept) >= 20
        result = figure(concepts(model, images[kept], MUSHROOM), discs[kept])
        shares[name] = result["best_of_top_three"]["images_on_mark"]
        assert result["best_of_top_three"]["rank"] <= TOP
    assert shares["demo"] >= 0.8
    assert shares["demo-clean"] < 0.2
