"""The measures of one image: retention and its proof, plausibility, exemplars, prototypes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.audit import Picture
from macoaudit.baseline import own_phases
from macoaudit.inversion import stream_seed
from macoaudit.measuring.context import N_DONORS, N_NULL, Context
from macoaudit.models import PENULTIMATE
from macoaudit.natural import nearest, plausibility_in, prototype_transfer, too_few
from macoaudit.results import (
    DepthPoint,
    Exemplar,
    ImageAudit,
    Plausibility,
    Retained,
    Retention,
    Skipped,
    Transfer,
)
from macoaudit.retention import (
    ContentMap,
    Scored,
    Traits,
    content_map,
    delete,
    draw_map,
    faithfulness,
    likeness,
    matched_places,
    pooled_map,
    retained,
    traits,
)
from macoaudit.trust import feature_function

N_MOVES = 19
"""Moved copies of a map in its proof: the smallest p-value is 1/20."""
N_EXEMPLARS = 3
N_OTHER_CLASS = 2
_TOP = 5

Attributes = Mapping[str, Retained | Skipped]


@dataclass(frozen=True)
class DepthResult:
    """An image's inversions at one layer of the depth profile."""

    layer: str
    similarity: float
    images: tuple[str, ...]
    """One a seed, relative to the run folder."""


class _Subject:
    """One image with what is compared of it, and the null's likenesses to it."""

    def __init__(self, context: Context, image: ImageAudit) -> None:
        self.context, self.image = context, image
        self.reference_01 = context.pictures.reference(image)
        setup = context.setup
        ceiling_01 = own_phases(setup.model, setup.spectrum, setup.config.maco, self.reference_01)
        both = torch.stack([self.reference_01, ceiling_01])
        self.features, ceiling_features = context.content[0](both)
        self.traits = traits(both[:1], self.grid)
        self.ceiling = self._likeness(ceiling_features[None], traits(both[1:], self.grid))
        self.null = self._likeness(context.nulls.features[0], context.nulls.traits)
        self.logits = None if context.logits is None else context.logits(both[:1])[0]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the finest content layer."""
        return int(self.features.shape[-2]), int(self.features.shape[-1])

    def _likeness(self, features: Tensor, other: Traits) -> Mapping[str, Tensor]:
        return likeness(
            self.traits, other, matched_places(self.features, features, self.context.centers[0])
        )

    def attributes(self, inversion_01: Tensor) -> Attributes:
        """Retention of every attribute by inversions of this image."""
        features = self.context.content[0](inversion_01)
        observed = self._likeness(features, traits(inversion_01, self.grid))
        generator = self.generator("bootstrap")
        measured: dict[str, Retained | Skipped] = {
            name: retained(
                name,
                Scored(observed[name], self.null[name], float(self.ceiling[name])),
                generator,
            )
            for name in observed
        }
        if inversion_01.shape[1] == 1:
            measured["color"] = Skipped("color", "the network takes grey images")
        return {**measured, **self._classes(inversion_01, generator)}

    def _classes(self, inversion_01: Tensor, generator: torch.Generator) -> Attributes:
        """Retention of the first class and of the set of the first five."""
        read, logits = self.context.logits, self.logits
        if read is None or logits is None:
            reason = "the network has no classes"
            return {name: Skipped(name, reason) for name in ("prediction", "top5")}
        rows = torch.cat([read(inversion_01), self.context.nulls.logits])
        count = len(inversion_01)
        same = (rows.argmax(1) == logits.argmax()).float()
        found: dict[str, Retained | Skipped] = {
            "prediction": retained("prediction", Scored(same[:count], same[count:], 1.0), generator)
        }
        if len(logits) <= _TOP:
            found["top5"] = Skipped("top5", f"the network has {len(logits)} classes, not above 5")
            return found
        own = set(logits.topk(_TOP).indices.tolist())
        shared = torch.tensor([len(own & set(row)) for row in rows.topk(_TOP, 1).indices.tolist()])
        jaccard = shared / (2 * _TOP - shared)
        found["top5"] = retained("top5", Scored(jaccard[:count], jaccard[count:], 1.0), generator)
        return found

    def generator(self, purpose: str) -> torch.Generator:
        """A random stream of this image alone."""
        key = self.image.sha256 or self.image.id
        return torch.Generator().manual_seed(stream_seed(key, 0, purpose))

    def map(self, inversion_01: Tensor) -> tuple[ContentMap, int]:
        """The map of this image's inversions, and the number of other images in its baseline."""
        context = self.context
        donors = [d.features for d in context.donors if d.id != self.image.id][:N_DONORS]
        maps = []
        for place, read in enumerate(context.content):
            rows = read(torch.cat([self.reference_01[None], inversion_01]))
            null = context.nulls.features[place][:, None]
            baseline = torch.stack([donor[place] for donor in donors]) if donors else null
            maps.append(content_map(rows[0], rows[1:], baseline, context.centers[place]))
        return pooled_map(maps), len(donors)

    def effect(self, regions: Bool[Tensor, "mask rows columns"]) -> Float[Tensor, " mask"]:
        """Mean effect over the fills of deleting regions: ``1 - cos`` at the audited layer."""
        read, size = self.context.activation, self.context.setup.config.batch_size
        own = read(self.reference_01[None])
        effects = []
        for part in torch.split(regions, size):
            deleted = delete(self.reference_01, part)
            cosine = torch.cosine_similarity(read(deleted.flatten(0, 1)), own, dim=1)
            effects.append((1 - cosine).view(len(deleted), -1).mean(0))
        return torch.cat(effects)


def measure_image(
    context: Context,
    image: ImageAudit,
    depth: tuple[DepthResult, ...] = (),
    skipped: tuple[Skipped, ...] = (),
) -> tuple[ImageAudit, tuple[Picture, ...]]:
    """Measure one image that was inverted.

    Args:
        context: what it is measured against.
        image: its record so far.
        depth: its inversions at other layers.
        skipped: what could not be made of it before, for the record.

    Returns:
        The record with its measures, and the pictures that go with them.
    """
    subject = _Subject(context, image)
    inversion_01 = context.pictures.inversions(image)
    retention, pictures = _retention(subject, inversion_01)
    near, other_class, used, notes = _exemplars(context, image, inversion_01)
    pictures += used
    rows, reasons = _prototypes(context, image, inversion_01)
    measured = replace(
        image,
        retention=retention,
        plausibility=_plausibility(context, image, inversion_01),
        inversions=tuple(
            replace(inversion, exemplars=exemplars)
            for inversion, exemplars in zip(image.inversions, near, strict=True)
        ),
        other_class=other_class,
        transfer=(*image.transfer, *rows),
        depth=tuple(_depth_point(context, subject, result) for result in depth),
        skipped=(*image.skipped, *skipped, *notes, *reasons),
    )
    return measured, tuple(pictures)


def _retention(
    subject: _Subject, inversion_01: Tensor
) -> tuple[Retention | Skipped, list[Picture]]:
    """What the inversions retain, and the picture of its map."""
    context = subject.context
    found, n_donors = subject.map(inversion_01)
    if not bool(torch.isfinite(found.values).all()):
        reason = f"the features of the image or its inversions at {context.space} are not finite"
        return Skipped("retention", reason), []
    path = f"images/{subject.image.id}/retained.png"
    retention = Retention(
        space=context.space,
        baseline="other images" if n_donors else "random phases",
        n_seeds=len(inversion_01),
        n_null=N_NULL,
        n_donors=n_donors,
        attributes=subject.attributes(inversion_01),
        retained_frac=found.retained_frac,
        dropped_frac=found.dropped_frac,
        values=tuple(tuple(round(v, 6) for v in row) for row in found.values.tolist()),
        faithfulness=faithfulness(
            found.values, subject.effect, n_moves=N_MOVES, generator=subject.generator("moves")
        ),
        map=path,
    )
    return retention, [Picture(path, draw_map(subject.reference_01, found))]


def _depth_point(context: Context, subject: _Subject, result: DepthResult) -> DepthPoint:
    inversion_01 = context.pictures.views(result.images)
    return DepthPoint(
        layer=result.layer,
        similarity=result.similarity,
        attributes=subject.attributes(inversion_01),
        image=result.images[0],
    )


def _others(context: Context, image: ImageAudit) -> Bool[Tensor, " natural"]:
    """The natural images that are not the image itself or a copy of it."""
    return torch.tensor([sha256 != image.sha256 for sha256 in context.natural.sha256])


def _plausibility(
    context: Context, image: ImageAudit, inversion_01: Tensor
) -> Plausibility | Skipped:
    natural, k = context.natural, context.setup.config.plausibility_k
    if isinstance(natural.space, Skipped):
        return natural.space
    read = feature_function(natural.space.model, natural.space.layer, len(inversion_01))
    others = _others(context, image).tolist()
    own = [place for place, member in enumerate(natural.bank_members) if not others[member]]
    bank = natural.bank
    if bank is None:
        return too_few(sum(others[member] for member in natural.bank_members), k)
    if len(own) == 1:
        bank = bank.without(own[0])
    elif own:  # copies of the image under other names
        kept = [member for member in natural.bank_members if others[member]]
        if len(kept) < k + 1 or natural.features is None:
            return too_few(len(kept), k)
        bank = type(bank).of(natural.features[kept], k)
    reference = read(context.pictures.reference(image)[None])[0]
    seeds = [inversion.seed for inversion in image.inversions]
    return plausibility_in(bank, natural.space.name, seeds, read(inversion_01), reference)


def _exemplars(
    context: Context, image: ImageAudit, inversion_01: Tensor
) -> tuple[list[tuple[Exemplar, ...]], tuple[Exemplar, ...], list[Picture], tuple[Skipped, ...]]:
    """Nearest natural images of each inversion; the reference's nearest of another class."""
    natural = context.natural
    others = _others(context, image)
    if not bool(others.any()):
        reason = (
            "there is no other natural image in this run; give more images, or a folder of natural "
            "ones with --reference DIR"
        )
        return [()] * len(inversion_01), (), [], (Skipped("exemplars", reason),)
    reference = context.compact(context.pictures.reference(image)[None])
    query = torch.cat([context.compact(inversion_01), reference])
    allowed = others[None].expand(len(query), -1).clone()
    own = image.label or (image.prediction.name if image.prediction else None)
    allowed[-1] &= torch.tensor([own is not None and name not in (None, own)
                                 for name in natural.names])  # fmt: skip
    found = nearest(query, natural.activation, N_EXEMPLARS, allowed)
    rows = [
        tuple(
            Exemplar(natural.paths[i], natural.names[i], cosine, natural.files[i])
            for i, cosine in zip(row.indices, row.cosines, strict=True)
        )
        for row in found
    ]
    notes: tuple[Skipped, ...] = ()
    if not rows[-1]:
        reason = "no natural image of this run is known to be of another class"
        notes = (Skipped("nearest of another class", reason),)
    thumbnails = dict(natural.thumbnails)
    named = {exemplar.file for row in rows for exemplar in row} & thumbnails.keys()
    used = [Picture(file, thumbnails[file]) for file in sorted(named)]
    return rows[:-1], rows[-1][:N_OTHER_CLASS], used, notes


def _prototypes(
    context: Context, image: ImageAudit, inversion_01: Tensor
) -> tuple[list[Transfer], list[Skipped]]:
    """Ask the judges with other classes."""
    rows: list[Transfer] = []
    reasons: list[Skipped] = []
    natural = context.natural
    others = _others(context, image)
    labels = [label for label, other in zip(natural.labels, others.tolist(), strict=True) if other]
    for judge, features in zip(context.setup.prototype_judges, natural.by_judge, strict=True):
        read = feature_function(judge, PENULTIMATE, context.setup.config.batch_size)
        answer = prototype_transfer(
            judge.name,
            [inversion.seed for inversion in image.inversions],
            read(inversion_01),
            read(context.pictures.reference(image)[None])[0],
            features[others],
            labels,
            image.label,
        )
        if isinstance(answer, Skipped):
            reasons.append(answer)
        else:
            rows += answer
    return rows, reasons
