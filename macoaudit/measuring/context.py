"""What every image of a run is measured against: null images, other images, natural images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.baseline import random_phase_images
from macoaudit.images import NaturalImage
from macoaudit.judges import FeatureSpace, feature_space
from macoaudit.measuring.networks import Batch, in_batches
from macoaudit.measuring.pictures import Pictures
from macoaudit.models import (
    PENULTIMATE,
    activation_function,
    content_layers,
    grid_function,
    logits_function,
)
from macoaudit.natural import Bank, sound
from macoaudit.preparation import Setup
from macoaudit.results import ImageAudit, Skipped
from macoaudit.retention import Traits, patch_features, traits
from macoaudit.trust import feature_function

N_NULL = 64
"""Random-phase images of a run."""
N_DONORS = 8
"""Other images whose inversions are the baseline of an image's map."""
# Activations with more numbers than this are averaged over places before images are compared.
_WIDEST = 8192


@dataclass(frozen=True)
class Nulls:
    """Random-phase images of the run's spectrum, and what is compared of them."""

    features: tuple[Tensor, ...]
    """At each content layer, shape (null, channel, rows, columns)."""
    traits: Traits
    logits: Float[Tensor, "null num_classes"]


@dataclass(frozen=True)
class Donor:
    """One image whose inversions are part of other images' baseline."""

    id: str
    features: tuple[Tensor, ...]
    """Of its inversions at each content layer, shape (seed, channel, rows, columns)."""


@dataclass(frozen=True)
class Natural:
    """Natural images of the run: the audited ones, then those of ``--reference``."""

    sha256: tuple[str, ...]
    paths: tuple[str, ...]
    names: tuple[str | None, ...]
    """Class of each: its folder's name, else what the audited network calls it."""
    labels: tuple[str | None, ...]
    files: tuple[str, ...]
    """Picture of each in the run folder."""
    activation: Float[Tensor, "natural feature"]
    """At the audited layer."""
    space: FeatureSpace | Skipped
    features: Float[Tensor, "natural feature"] | None
    """In the space of plausibility."""
    bank: Bank | None
    """All sound images of the space; None when they are too few."""
    bank_members: tuple[int, ...]
    """Place of each member of the bank among the natural images."""
    by_judge: tuple[Float[Tensor, "natural feature"], ...]
    """In the feature space of each prototype judge."""
    thumbnails: tuple[tuple[str, Tensor], ...]
    """Pictures of ``--reference`` images, to be written when an image names them."""


@dataclass(frozen=True)
class Context:
    """Everything that the measures of one image need beside the image."""

    setup: Setup
    pictures: Pictures
    space: str
    """Names of the content layers."""
    content: tuple[Batch, ...]
    """Images to grids of features, one function a content layer, the finest grid first."""
    activation: Batch
    """Images to activations at the audited layer, flattened."""
    compact: Batch
    """The same, averaged over places where it is wide: what images are compared by."""
    logits: Batch | None
    centers: tuple[Tensor, ...]
    """Mean feature of natural images at each content layer, shape (channel,)."""
    nulls: Nulls
    donors: tuple[Donor, ...]
    natural: Natural
    skipped: tuple[Skipped, ...]


def _content(setup: Setup) -> tuple[str, tuple[Batch, ...]]:
    model, size = setup.model, setup.config.batch_size
    names = [layer.name for layer in content_layers(model)]
    if not names:
        return "image patches", (patch_features,)
    return ", ".join(names), tuple(
        in_batches(model, grid_function(model, name), size) for name in names
    )


def _center(references: Tensor) -> Tensor:
    """Mean feature over images and places, without images whose features overflow."""
    mean: Tensor = references[torch.isfinite(references.flatten(1)).all(1)].mean((0, 2, 3))
    return mean


def spread(count: int, chosen: int) -> list[int]:
    """Positions of ``chosen`` items spread evenly over ``count``, all when there are fewer."""
    if count <= chosen:
        return list(range(count))
    return [position * count // chosen for position in range(chosen)]


def build_context(
    setup: Setup,
    images: Sequence[ImageAudit],
    references: Iterable[NaturalImage | Skipped],
    pictures: Pictures,
) -> Context:
    """Read everything that the images of a run are measured against.

    Args:
        setup: networks, spectrum, settings.
        images: the images that were inverted, at least one.
        references: the natural images of ``--reference``.
        pictures: the run's pictures.
    """
    model, config = setup.model, setup.config
    space, content = _content(setup)
    read = activation_function(model, config.layer)
    activation = in_batches(model, lambda image: read(image).flatten(1), config.batch_size)
    wide = torch.Size(setup.activation_shape).numel() > _WIDEST
    compact = feature_function(model, config.layer, config.batch_size) if wide else activation
    logits = None
    if model.num_classes:
        logits = in_batches(model, logits_function(model), config.batch_size)
    null_01 = random_phase_images(model, setup.spectrum, config.maco, N_NULL)
    null_features = tuple(read_grid(null_01) for read_grid in content)
    grid = (int(null_features[0].shape[-2]), int(null_features[0].shape[-1]))
    nulls = Nulls(
        null_features,
        traits(null_01, grid),
        null_01.new_zeros(N_NULL, 0) if logits is None else logits(null_01),
    )
    chosen = [images[position] for position in spread(len(images), N_DONORS + 1)]
    donors = []
    for image in chosen:
        inversion_01 = pictures.inversions(image)
        features = tuple(read_grid(inversion_01) for read_grid in content)
        # An image whose features overflow has no map, and must not take the others' with it.
        if all(bool(torch.isfinite(item).all()) for item in features):
            donors.append(Donor(image.id, features))
    reference_01 = torch.stack([pictures.reference(image) for image in chosen])
    if len(chosen) == 1:
        reference_01 = torch.cat([reference_01, null_01])
    natural, skipped = _natural(setup, images, references, pictures, compact, logits)
    return Context(
        setup=setup,
        pictures=pictures,
        space=space,
        content=content,
        activation=activation,
        compact=compact,
        logits=logits,
        centers=tuple(_center(read_grid(reference_01)) for read_grid in content),
        nulls=nulls,
        donors=tuple(donors),
        natural=natural,
        skipped=skipped,
    )


def _natural(
    setup: Setup,
    images: Sequence[ImageAudit],
    references: Iterable[NaturalImage | Skipped],
    pictures: Pictures,
    compact: Batch,
    logits: Batch | None,
) -> tuple[Natural, tuple[Skipped, ...]]:
    """Read the natural images one by one; only their features are kept."""
    model, size = setup.model, setup.config.batch_size
    space = feature_space(model, (*setup.judges, *setup.prototype_judges))
    spaces: list[Batch] = []
    if isinstance(space, FeatureSpace):
        spaces.append(feature_function(space.model, space.layer, size))
    spaces += [feature_function(judge, PENULTIMATE, size) for judge in setup.prototype_judges]
    rows: list[list[Tensor]] = []
    facts: list[tuple[str, str, str | None, str | None, str]] = []
    skipped, thumbnails, seen = [], [], set()

    def add(image_01: Tensor) -> None:
        rows.append([function(image_01[None]) for function in (compact, *spaces)])

    for image in images:
        sha256 = image.sha256 or image.id
        seen.add(sha256)
        name = image.label or (image.prediction.name if image.prediction else None)
        facts.append((sha256, image.path, name, image.label, image.files["reference"]))
        add(pictures.reference(image))
    for item in references:
        if isinstance(item, Skipped):
            skipped.append(item)
            continue
        if item.sha256 in seen:
            continue
        file = f"exemplars/{item.sha256[:16]}.png"
        name = item.label
        if name is None and logits is not None:
            name = model.labels[int(logits(item.image_01[None])[0].argmax())]
        facts.append((item.sha256, item.path, name, item.label, file))
        thumbnails.append((file, item.image_01))
        add(item.image_01)
    columns = [torch.cat(column) for column in zip(*rows, strict=True)]
    features = columns[1] if isinstance(space, FeatureSpace) else None
    members: tuple[int, ...] = ()
    bank = None
    if features is not None:
        members = tuple(sound(features).nonzero().flatten().tolist())
        # A member can be taken out and still leave k others for each.
        if len(members) > setup.config.plausibility_k + 1:
            bank = Bank.of(features[list(members)], setup.config.plausibility_k)
    sha, paths, names, labels, files = zip(*facts, strict=True)
    natural = Natural(
        sha256=sha,
        paths=paths,
        names=names,
        labels=labels,
        files=files,
        activation=columns[0],
        space=space,
        features=features,
        bank=bank,
        bank_members=members,
        by_judge=tuple(columns[len(columns) - len(setup.prototype_judges) :]),
        thumbnails=tuple(thumbnails),
    )
    return natural, tuple(skipped)
