"""Judges with other classes: the class folders' mean features stand for the classes."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.natural.features import flawed, unit
from macoaudit.results import Skipped, Transfer

# Cosines that differ by less are equal.
_TIE = 1e-12
_FEW = 5


def prototype_transfer(
    judge: str,
    seeds: Sequence[int],
    query: Float[Tensor, "seed feature"],
    reference: Float[Tensor, " feature"],
    bank: Float[Tensor, "natural feature"],
    bank_labels: Sequence[str | None],
    label: str | None,
) -> list[Transfer] | Skipped:
    """Ask a judge with other classes, by the nearest class prototype in its own feature space.

    A prototype is the mean of a class folder's features of unit length; classes are ranked by the
    cosine to it (nearest class mean). Ties are ranked in the label's favour, as logits are.

    Args:
        judge: the judge's name.
        seeds: one an inversion.
        query: the inversions' features in the judge's space.
        reference: the reference image's.
        bank: natural images' features without the reference image itself.
        bank_labels: one a natural image; images without a class take no part.
        label: class folder of the reference image.

    Returns:
        One row a seed, or why there is none.
    """
    members: dict[str, list[int]] = {}
    for place, name in enumerate(bank_labels):
        if name is not None:
            members.setdefault(name, []).append(place)
    reason = _no_prototype(members, label)
    if reason is None:
        labelled = bank[[place for places in members.values() for place in places]]
        reason = flawed(query, seeds, reference, labelled)
    if reason is not None or label is None:
        return Skipped("transfer", f"judge {judge}: {reason}")
    means = torch.stack([unit(bank[places]).mean(0) for places in members.values()])
    own = list(members).index(label)
    cosines = unit(torch.cat([query, reference[None]])) @ unit(means).T
    ranks = [1 + int((row > row[own] + _TIE).sum()) for row in cosines]
    return [
        Transfer(
            judge=judge,
            method="prototype",
            seed=seed,
            top1_agrees=rank == 1,
            top5_agrees=rank <= _FEW,
            rank=rank,
            n_classes=len(members),
            probability=None,
            reference_probability=None,
            reference_rank=ranks[-1],
        )
        for seed, rank in zip(seeds, ranks[:-1], strict=True)
    ]


def _no_prototype(members: dict[str, list[int]], label: str | None) -> str | None:
    """Say why the class folders give no answer for this image."""
    if label is None:
        return (
            "its classes are not the audited network's and the image has no class folder, so "
            "there is no class to look for. Put the images into a folder for each class"
        )
    if label not in members:
        return (
            f"{label!r} is a class that no judge has: the judge's own classes are others, and no "
            "other image is in that class folder. Add images to it, or give some with "
            "--reference DIR"
        )
    if len(members) < 2:
        return (
            f"{label!r} is the only class folder; ranking needs two or more. Add images of other "
            "classes, or give some with --reference DIR"
        )
    return None
