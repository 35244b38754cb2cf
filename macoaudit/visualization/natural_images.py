"""The natural images of a run of drawings: features, and what each image shows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import ImageError, LayerError
from macoaudit.images import ImageFile, NaturalImage, read_natural
from macoaudit.judges import FeatureSpace, feature_space
from macoaudit.measuring.networks import Batch, in_batches
from macoaudit.models import PENULTIMATE, logits_function
from macoaudit.natural import Bank, sound, too_few
from macoaudit.results import NamedBy, Skipped
from macoaudit.trust import feature_function
from macoaudit.visualization.setup import Drawing


def class_of_folder(name: str, labels: Sequence[str]) -> int | None:
    """Find the class that a folder is named after.

    Case, ``_`` and ``-`` do not matter, and one of a label's names between commas is enough.

    Args:
        name: of the folder.
        labels: the network's class names.

    Returns:
        The class, or None when no class or more than one fits.
    """
    wanted = _plain(name)
    whole = [place for place, label in enumerate(labels) if _plain(label) == wanted]
    part = [
        place
        for place, label in enumerate(labels)
        if wanted in [_plain(item) for item in label.split(",")]
    ]
    found = whole or part
    return found[0] if len(found) == 1 else None


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()


@dataclass(frozen=True)
class Named:
    """One natural image: its file and what it shows."""

    file: ImageFile
    sha256: str
    name: str | None
    named_by: NamedBy | None
    class_index: int | None


@dataclass(frozen=True)
class NaturalImages:
    """The natural images of a run as features; the pictures are read again where shown."""

    images: tuple[Named, ...]
    own_space: str
    activation: Float[Tensor, "natural feature"] | Skipped
    """In the drawn network's penultimate layer."""
    space: FeatureSpace | Skipped
    bank: Bank | Skipped
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class _Networks:
    """The functions that natural images are read with."""

    space: FeatureSpace | Skipped
    judged: Batch | None
    """Into the space of plausibility."""
    own: Batch | Skipped
    """Into the drawn network's penultimate layer."""
    logits: Batch | None


def _networks(setup: Drawing) -> _Networks:
    model, size = setup.model, setup.config.batch_size
    space = feature_space(model, (*setup.judges, *setup.other_judges))
    own: Batch | Skipped
    try:
        own = feature_function(model, PENULTIMATE, size)
    except LayerError as error:
        own = Skipped("exemplars", f"{model.name}: {error}")
    return _Networks(
        space=space,
        judged=feature_function(space.model, space.layer, size)
        if isinstance(space, FeatureSpace)
        else None,
        own=own,
        logits=in_batches(model, logits_function(model), size) if model.num_classes else None,
    )


def read_natural_images(setup: Drawing) -> NaturalImages:
    """Read the natural images one by one; only their features are kept.

    Args:
        setup: the run's.

    Raises:
        ImageError: when none can be used.
    """
    networks, model = _networks(setup), setup.model
    images, activations, features = list[Named](), list[Tensor](), list[Tensor]()
    skipped = list[Skipped]()
    by_path = {file.relative: file for file in setup.references}
    for item in read_natural(setup.references, model.preprocessing):
        if isinstance(item, Skipped):
            skipped.append(item)
            continue
        if item.sha256 == setup.accent_sha256:
            reason = f"{item.path}: is the image that is accentuated, so it is not compared with"
            skipped.append(Skipped("reference", reason))
            continue
        image_01 = item.image_01[None]
        if not isinstance(networks.own, Skipped):
            activations.append(networks.own(image_01))
        if networks.judged is not None:
            features.append(networks.judged(image_01))
        predicted = None if networks.logits is None else int(networks.logits(image_01)[0].argmax())
        images.append(_named(item, by_path[item.path], predicted, model.labels))
    if not images:
        raise ImageError(
            "--reference: none of its images can be used. The first: "
            f"{skipped[0].reason if skipped else 'there is none'}"
        )
    return NaturalImages(
        images=tuple(images),
        own_space=f"{model.name} {PENULTIMATE}",
        activation=networks.own if isinstance(networks.own, Skipped) else torch.cat(activations),
        space=networks.space,
        bank=_bank(features, setup.config.plausibility_k),
        skipped=tuple(skipped),
    )


def _bank(features: Sequence[Tensor], k: int) -> Bank | Skipped:
    """Make the bank of those images that can be compared; none where they are too few."""
    if not features:
        return too_few(0, k)
    rows = torch.cat(list(features))
    rows = rows[sound(rows)]
    return Bank.of(rows, k) if len(rows) > k else too_few(len(rows), k)


def _named(
    item: NaturalImage, file: ImageFile, predicted: int | None, labels: Sequence[str]
) -> Named:
    """Say what a natural image shows: its folder, where it names a class, else the network."""
    if item.label is not None:
        index = class_of_folder(item.label, labels)
        if index is not None or predicted is None:
            return Named(file, item.sha256, item.label, "folder", index)
    if predicted is None:
        return Named(file, item.sha256, None, None, None)
    return Named(file, item.sha256, labels[predicted], "network", predicted)
