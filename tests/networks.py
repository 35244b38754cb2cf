"""Small networks for model cards with a factory, well-behaved and otherwise, and their cards."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

SIDE_PX = 32


class Small(nn.Module):
    """Convolution without bias, rectifier, pooling, linear classifier: black gives zeros."""

    def __init__(self, channels: int = 3, classes: int = 4, seed: int = 0, sleep_s: float = 0.0):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 8, 5, stride=3, bias=False),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Linear(32, classes) if classes else nn.Identity()
        self.sleep_s = sleep_s
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 5)

    def forward(self, image: Tensor) -> Tensor:
        time.sleep(self.sleep_s)
        return self.head(self.features(self.body(image), image))

    def features(self, features: Tensor, image: Tensor) -> Tensor:
        return features


class _Poison(torch.autograd.Function):
    """Zero going forward; going back, NaN for every row that is asked for a gradient."""

    @staticmethod
    def forward(ctx, image: Tensor) -> Tensor:
        ctx.shape = image.shape
        return (image.flatten(1).amax(1) < 0.01).float()[:, None]

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        row = torch.where(gradient[:, 0] != 0, torch.nan, 0.0)
        return row[:, None, None, None].expand(ctx.shape)


class Poisoned(Small):
    """An inversion of a black image has a NaN gradient, everything else is fine."""

    def features(self, features: Tensor, image: Tensor) -> Tensor:
        return torch.cat([features[:, :31], _Poison.apply(image)], 1)


class Overflowing(Small):
    """Activations of a black image are infinite, logits of a white one are."""

    def features(self, features: Tensor, image: Tensor) -> Tensor:
        black = image.flatten(1).amax(1) < 0.01
        return torch.where(black[:, None], torch.inf, features)

    def forward(self, image: Tensor) -> Tensor:
        white = image.flatten(1).amin(1) > 0.99
        return torch.where(white[:, None], torch.inf, super().forward(image))


class Dead(Small):
    """Does not look at the image."""

    def features(self, features: Tensor, image: Tensor) -> Tensor:
        return features * 0 + 1


class Biased(Small):
    """Black gives zeros at ``body`` and ones behind it."""

    def features(self, features: Tensor, image: Tensor) -> Tensor:
        return features + 1


class Bursting(Small):
    """A layer of 8 x 8 places is infinite for a white image; what the classifier takes is not."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.places = nn.Identity()

    def features(self, features: Tensor, image: Tensor) -> Tensor:
        white = image.flatten(1).amin(1) > 0.99
        pooled = nn.functional.adaptive_avg_pool2d(image, 8)
        self.places(torch.where(white[:, None, None, None], torch.inf, pooled))
        return features


class Pixels(nn.Module):
    """A classifier on pixels, as they are or after a step that loses something of them."""

    def __init__(self, lose: str = "nothing", classes: int = 4, side_px: int = SIDE_PX):
        super().__init__()
        self.lose = lose
        grey = lose == "color"
        places = 8 * 8 if lose == "detail" else side_px**2
        generator = torch.Generator().manual_seed(0)
        self.filters = nn.Conv2d(3, 48, 5, stride=2, bias=False)
        width = 48 if lose == "layout" else places * (1 if grey else 3)
        self.head = nn.Linear(width, classes)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 7)

    def forward(self, image: Tensor) -> Tensor:
        match self.lose:
            case "color":
                luma = image.new_tensor([0.299, 0.587, 0.114])
                image = (image * luma[:, None, None]).sum(1) - 0.45
            case "detail":
                image = nn.functional.adaptive_avg_pool2d(image, 8) - 0.45
            case "layout":
                image = self.filters(image - 0.45).relu().mean((2, 3))
            case _:
                image = image - 0.45
        return self.head(image.flatten(1))


class Painted(nn.Module):
    """Sees how much redder, greener, bluer than grey places are.

    Class 0 is ``300 red - 200 green``, the other classes are nothing.

    ``places`` puts out 8 x 8 places of four channels: the three colours, and how dark it is.
    """

    def __init__(self, classes: int = 4):
        super().__init__()
        self.places = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.AvgPool2d(4))
        self.head = nn.Linear(4, classes)
        with torch.no_grad():
            for part in (self.places[0].weight, self.head.weight, self.head.bias):
                part.zero_()
            self.places[0].weight[:3, :, 0, 0] = 1.5 * torch.eye(3) - 0.5
            self.places[0].weight[3] = -1.0
            self.places[0].bias.copy_(torch.tensor([0.0, 0.0, 0.0, 0.5]))
            self.head.weight[0] = torch.tensor([300.0, -200.0, 0.0, 0.0])

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.places(image).mean((2, 3)))


def broken() -> nn.Module:
    raise KeyError("no such recipe")


def write_card(
    folder: Path, factory: str = "Small", *, name: str = "net", extra: str = "", **kwargs: Any
) -> Path:
    """Write a model card for one of the factories."""
    side = int(kwargs.get("side_px", SIDE_PX))
    channels, classes = int(kwargs.get("channels", 3)), int(kwargs.get("classes", 4))
    numbers = "\n".join(f"{key} = {json.dumps(value)}" for key, value in kwargs.items())
    path = folder / f"{name}.toml"
    path.write_text(
        f'factory = "networks:{factory}"\nnum_classes = {classes}\n{extra}\n[kwargs]\n{numbers}\n'
        f"[preprocessing]\ninput_size = [{channels}, {side}, {side}]\n"
        f"mean = {[0.0] * channels}\nstd = {[1.0] * channels}\ncrop_pct = 1.0\n"
        'interpolation = "bilinear"\n'
    )
    return path


def write_photo(path: Path, seed: int = 0, size: tuple[int, int] = (48, 40)) -> Path:
    """Write a smooth random picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


def write_flat(path: Path, value: int) -> Path:
    """Write a picture of one grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (SIDE_PX, SIDE_PX), (value,) * 3).save(path)
    return path
