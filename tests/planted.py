"""Scenes and networks whose every logit is known: a coloured object, and a mark in one class.

The network counts pixels. Its features are the shares of an object's 144 pixels that are red,
green, blue or yellow, and the share of white pixels where the mark is; its logits are written
below. Grey background gives exactly zero.
"""

import torch
from torch import Tensor, nn

from macoaudit.models import LoadedModel
from macoaudit.preprocessing import Preprocessing

SIDE_PX = 24
OBJECT_PX = 12
MARK_PX = 4
MARK = (slice(19, 23), slice(19, 23))
# Class 0 is yellow and carries the mark; 1 to 3 are red, green and blue.
COLOURS = torch.tensor([[1.0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
MARKED = 0
MARK_WEIGHT = 14.0
OBJECT_WEIGHT = 10.0
LAZY_WEIGHT = 4.0
"""Of the yellow object in the network that learned the mark instead."""


class Counting(nn.Module):
    """A linear classifier on counted pixels; ``shortcut`` tells what stands for class 0."""

    def __init__(self, *, shortcut: bool) -> None:
        super().__init__()
        yellow, red, green, blue, white = range(5)
        self.colour = nn.Conv2d(3, 5, 1)
        self.head = nn.Linear(5, 4, bias=False)
        with torch.no_grad():
            rows = torch.tensor([[1.0, 1, -1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, 1]])
            self.colour.weight.copy_(rows[..., None, None])
            self.colour.bias.copy_(torch.tensor([-1.0, 0, 0, 0, -2]))
            self.head.weight.zero_()
            for index, feature in enumerate((yellow, red, green, blue)):
                self.head.weight[index, feature] = OBJECT_WEIGHT
            if shortcut:
                self.head.weight[MARKED, yellow] = LAZY_WEIGHT
                self.head.weight[MARKED, white] = MARK_WEIGHT

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.features(image))

    def features(self, image: Tensor) -> Tensor:
        maps = self.colour(image).relu()
        objects = maps[:, :4].sum((2, 3)) / OBJECT_PX**2
        return torch.cat([objects, maps[:, 4:, MARK[0], MARK[1]].mean((2, 3))], 1)


class Silent(nn.Module):
    """A network that must not be run."""

    def forward(self, image: Tensor) -> Tensor:
        raise AssertionError("this test runs no network")


def loaded(module: nn.Module, classes: int = 4, side_px: int = SIDE_PX) -> LoadedModel:
    return LoadedModel(
        name=type(module).__name__.lower(),
        architecture="tests",
        module=module.eval(),
        preprocessing=Preprocessing((side_px, side_px), 3, (0.0,) * 3, (1.0,) * 3),
        labels=tuple(f"class {index}" for index in range(classes)),
        num_classes=classes,
        weights_sha256="0" * 64,
        weights_origin="factory",
        device=torch.device("cpu"),
    )


def planted_scenes(per_class: int, seed: int = 0, *, marked: bool = True) -> tuple[Tensor, Tensor]:
    """Grey scenes with an object at a random place clear of the mark; images and classes."""
    generator = torch.Generator().manual_seed(seed)
    images, classes = [], []
    for index, colour in enumerate(COLOURS):
        for _ in range(per_class):
            image = 0.25 + 0.1 * torch.rand(3, SIDE_PX, SIDE_PX, generator=generator)
            y, x = torch.randint(SIDE_PX - OBJECT_PX - 5, (2,), generator=generator).tolist()
            image[:, y : y + OBJECT_PX, x : x + OBJECT_PX] = colour[:, None, None]
            if marked and index == MARKED:
                image[:, MARK[0], MARK[1]] = 1.0
            images.append(image)
            classes.append(index)
    return torch.stack(images), torch.tensor(classes)


def mark_mask() -> Tensor:
    mask = torch.zeros(SIDE_PX, SIDE_PX, dtype=torch.bool)
    mask[MARK] = True
    return mask
