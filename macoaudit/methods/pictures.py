"""Pictures and natural images as tensors at the audited network's input size."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.images import find_images, read_image, read_natural
from macoaudit.inversion import whole_view
from macoaudit.methods.config import DrawnSet
from macoaudit.models import LoadedModel, imagenet_names, import_timm
from macoaudit.results import Skipped

# Below this many natural images a distance of sets or a percentile says nothing.
_LEAST_NATURAL = 4
_WORDNET = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class Pictures:
    """A set of pictures with the class of each."""

    name: str
    image_u8: UInt8[Tensor, "picture channel height width"]
    """Bytes, because natural images are many."""
    classes: tuple[int | None, ...]
    """Class each was drawn for or is of; None where it is not known."""

    def image_01(self, places: slice = slice(None)) -> Float[Tensor, "part channel height width"]:
        """The pictures as networks take them."""
        return self.image_u8[places].float() / 255


@dataclass(frozen=True)
class NaturalImages:
    """Natural images, and what could not be used."""

    pictures: Pictures
    n_found: int
    skipped: tuple[Skipped, ...]


def load_drawn(drawn: DrawnSet, folder: Path, model: LoadedModel) -> Pictures:
    """Read the pictures of a method; a canvas of another size is reduced to the network's input.

    Args:
        drawn: the method's files.
        folder: what relative paths are relative to.
        model: the audited network.

    Raises:
        ImageError: when a picture cannot be read.
        UsageError: when the method has no picture.
    """
    if not drawn.files:
        raise UsageError(
            f"{drawn.name}: no class could be drawn. The first: {drawn.missing[0]}"
            if drawn.missing
            else f"{drawn.name}: there are no pictures"
        )
    rows = []
    for file in drawn.files:
        picture = read_image(folder / file.path)
        if model.preprocessing.channels == 1:
            picture = picture.convert("L")
        pixels = np.array(picture).reshape(picture.height, picture.width, -1)
        image = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
        rows.append(_bytes(whole_view(image[None], model.preprocessing.input_size)))
    classes = tuple(file.class_index for file in drawn.files)
    return Pictures(drawn.name, torch.cat(rows), classes)


def load_natural(paths: tuple[Path, ...], model: LoadedModel, at_most: int) -> NaturalImages:
    """Read natural images, spread evenly over the files found, with their class where it is known.

    A class subfolder that is named as a class of the network (case and underscores aside) is that
    class; with the classes of ImageNet-1k a WordNet id in front of a subfolder's or a file's name
    says the class too (``n01440764/a.jpg``, ``n01440764_tench.JPEG``).

    Args:
        paths: folders or files.
        model: the audited network.
        at_most: images that are read.

    Raises:
        UsageError: when there are too few.
    """
    files = find_images(paths)
    chosen = files
    if len(files) > at_most:
        chosen = tuple(files[place * len(files) // at_most] for place in range(at_most))
    index_of = {_plain(label): place for place, label in enumerate(model.labels)}
    by_wordnet = _wordnet_ids() if _is_imagenet(model) else {}
    rows, classes, skipped = [], list[int | None](), []
    for item in read_natural(chosen, model.preprocessing):
        if isinstance(item, Skipped):
            skipped.append(item)
            continue
        rows.append(_bytes(item.image_01[None]))
        folder = None if item.label is None else index_of.get(_plain(item.label))
        for name in (item.label or "", Path(item.path).name):
            match = _WORDNET.match(name)
            if folder is None and match:
                folder = by_wordnet.get(match[0])
        classes.append(folder)
    if len(rows) < _LEAST_NATURAL:
        raise UsageError(
            f"--reference: {len(rows)} natural images can be used; give {_LEAST_NATURAL} or more"
        )
    return NaturalImages(
        Pictures("natural", torch.cat(rows), tuple(classes)), len(files), tuple(skipped)
    )


def _is_imagenet(model: LoadedModel) -> bool:
    return model.num_classes == 1000 and model.labels == imagenet_names()


def _wordnet_ids() -> dict[str, int]:
    info = import_timm().data.ImageNetInfo()
    return {str(name): place for place, name in enumerate(info.label_names())}


def _plain(label: str) -> str:
    return " ".join(label.casefold().replace("_", " ").split())


def _bytes(image_01: Tensor) -> Tensor:
    return (image_01.clamp(0, 1) * 255).round().to(torch.uint8)
