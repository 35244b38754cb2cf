"""Fixtures that more than one test module uses."""

import os
from pathlib import Path

import pytest
import torch

from macoaudit.models import LoadedModel, load_model


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real networks and photographs; the test is skipped where there is none."""
    folder = os.environ.get("MACOAUDIT_ASSETS")
    if not folder:
        pytest.skip("MACOAUDIT_ASSETS is not set: no real networks and photographs here")
    return Path(folder)


@pytest.fixture
def generator() -> torch.Generator:
    """A random source of the test's own."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def tiny_vit() -> LoadedModel:
    """A transformer with one class token: 160 px, 64 numbers a token, random weights."""
    return load_model("test_vit", weights="random")


@pytest.fixture(scope="session")
def tiny_resnet() -> LoadedModel:
    """A convolutional network with in-place activations and BatchNorm, random weights."""
    return load_model("test_resnet", weights="random")
