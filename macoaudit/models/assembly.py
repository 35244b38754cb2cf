"""What the ways to build a network share: the request, the parts, seeding and preprocessing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from macoaudit.models.timm_import import import_timm
from macoaudit.preprocessing import Preprocessing
from macoaudit.results import WeightsOrigin

RANDOM: Literal["random"] = "random"


@dataclass(frozen=True)
class Request:
    """What the user asked for beside the model's name."""

    weights: Path | Literal["random"] | None
    allow_pickle: bool
    offline: bool
    seed: int


@dataclass(frozen=True)
class Parts:
    """A network before it is put on a device."""

    name: str
    architecture: str
    module: nn.Module
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    origin: WeightsOrigin


def seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Build a network from a local random state, so that nothing else's randomness moves."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def preprocessing_from(config: Mapping[str, Any]) -> Preprocessing:
    """Read a preprocessing from the keys of timm's data config, which are a card's keys too.

    Raises:
        UsageError: when a value is outside its range.
    """
    channels, height, width = config["input_size"]
    return Preprocessing(
        input_size=(int(height), int(width)),
        channels=int(channels),
        mean=tuple(float(value) for value in config["mean"]),
        std=tuple(float(value) for value in config["std"]),
        crop_pct=float(config["crop_pct"]),
        crop_mode=config.get("crop_mode", "center"),
        interpolation=config["interpolation"],
    )


def timm_preprocessing(module: nn.Module, overrides: Mapping[str, Any]) -> Preprocessing:
    """Take timm's resolved data config, with the card's values in place of its own.

    Raises:
        UsageError: when a value is outside its range.
    """
    config = import_timm().data.resolve_model_data_config(module)
    return preprocessing_from({**config, **overrides})
