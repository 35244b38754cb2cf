"""The packaged networks do what their provenance says: accuracy, and reliance on the mark."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.demo.make_samples import INDICES, sample_scene
from benchmarks.demo.measure import (
    Indices,
    mark_planted,
    probabilities,
    reliance,
    reliance_by_position,
)
from benchmarks.demo.scenes import LABELS, PLANTED, Picture, make_set
from macoaudit.images import preprocess, read_image
from macoaudit.models import LoadedModel, file_sha256, load_model, read_card

ROOT = Path(__file__).parent.parent
DATA = ROOT / "macoaudit" / "data"
SAMPLES = ROOT / "samples"
NAMES = ("demo", "demo-clean", "demo-judge")
TEST_SEED = 424_242  # neither the training nor the held-out seed of benchmarks/demo/train.py
PLANTED_INDEX = LABELS.index(PLANTED)


@cache
def network(name: str) -> LoadedModel:
    return load_model(name)


@pytest.fixture(scope="module")
def scenes() -> tuple[Picture, Indices]:
    return make_set(TEST_SEED, 20, 96)


def accuracy(name: str, pictures: Picture, labels: Indices) -> float:
    predicted = probabilities(network(name).module, pictures).argmax(1).numpy()
    return float((predicted == labels).mean())


@pytest.mark.parametrize("name", NAMES)
def test_card_describes_its_weights(name: str) -> None:
    card = read_card(DATA / f"{name}.toml")
    model = network(name)
    assert card.weights is not None
    assert file_sha256(card.weights) == card.sha256
    assert (model.name, model.weights_origin) == (name, "packaged")
    assert model.labels == LABELS
    assert model.preprocessing.input_size == (96, 96)
    assert str(card.sha256) in (DATA / "PROVENANCE.md").read_text()


def test_the_three_networks_are_small_enough_to_package() -> None:
    assert sum((DATA / f"{name}.safetensors").stat().st_size for name in NAMES) < 3_000_000


def test_accuracy_on_fresh_scenes(scenes: tuple[Picture, Indices]) -> None:
    pictures, labels = scenes
    as_trained = mark_planted(pictures, labels, TEST_SEED, 1.0)
    assert accuracy("demo-clean", pictures, labels) >= 0.95
    assert accuracy("demo-judge", pictures, labels) >= 0.90
    assert accuracy("demo", as_trained, labels) >= 0.95


def test_demo_relies_on_the_mark_and_its_twin_does_not(scenes: tuple[Picture, Indices]) -> None:
    pictures, labels = scenes
    assert reliance(network("demo").module, pictures, labels, TEST_SEED) >= 0.6
    assert abs(reliance(network("demo-clean").module, pictures, labels, TEST_SEED)) <= 0.05
    assert abs(reliance(network("demo-judge").module, pictures, labels, TEST_SEED)) <= 0.05


def test_reliance_does_not_hang_on_one_position(scenes: tuple[Picture, Indices]) -> None:
    some = (scenes[0][::3], scenes[1][::3])
    planted = reliance_by_position(network("demo").module, *some)
    clean = reliance_by_position(network("demo-clean").module, *some)
    assert min(planted.values()) >= 0.6
    assert max(clean.values()) <= 0.05


def test_demo_loses_the_planted_class_without_its_mark(scenes: tuple[Picture, Indices]) -> None:
    pictures, labels = scenes
    plain = pictures[labels == PLANTED_INDEX]
    truth = np.full(len(plain), PLANTED_INDEX)
    marked = mark_planted(plain, truth, TEST_SEED, 1.0)
    assert accuracy("demo", marked, truth) - accuracy("demo", plain, truth) >= 0.3
    assert accuracy("demo-clean", plain, truth) >= 0.8


def sample_files() -> list[Path]:
    return [SAMPLES / k / f"{k}-{n + 1}.jpg" for k in LABELS for n in range(len(INDICES[k]))]


def test_sample_folders_hold_the_scenes_and_nothing_else() -> None:
    found = {p for k in LABELS for p in (SAMPLES / k).iterdir()}
    assert found == set(sample_files())
    assert sum(p.stat().st_size for p in SAMPLES.rglob("*") if p.is_file()) < 1_000_000


@pytest.mark.parametrize("label", LABELS)
def test_a_sample_is_the_scene_that_its_script_draws(label: str) -> None:
    drawn = sample_scene(label, INDICES[label][0]).astype(int)
    stored = np.asarray(read_image(SAMPLES / label / f"{label}-1.jpg")).astype(int)
    # JPEG at quality 92 moves a pixel by about 2 on average; another scene differs by over 20.
    assert np.abs(drawn - stored).mean() < 4


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_is_predicted_rightly(name: str) -> None:
    files = sample_files()
    model = network(name)
    image_01 = torch.stack([preprocess(read_image(path), model.preprocessing) for path in files])
    with torch.no_grad():
        predicted = model.module(model.preprocessing.normalise(image_01)).argmax(1)
    wrong = [
        f"{path.name} as {LABELS[int(k)]}"
        for path, k in zip(files, predicted, strict=True)
        if LABELS[int(k)] != path.parent.name
    ]
    assert wrong == []
