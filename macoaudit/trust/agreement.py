"""Do inversions of one image agree with each other, whatever the parametrization and the start?

A picture that depends on how it was made more than on the image it is of tells nothing about the
network. Agreement is judged in a feature space that the optimisation did not climb, such as a judge
network's: there, the nearest neighbour of an inversion should be of the same image.

Source of the idea: Bareeva et al. 2024, "Manipulating Feature Visualizations with Gradient
Slingshots" (arXiv 2401.06122): manipulated pictures change with the parametrization and the start.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.results import TrustCheck
from macoaudit.trust.setting import (
    ControlSettings,
    Features,
    TrustInput,
    Verdict,
    first_failure,
    skipped,
    views,
)

# Cosines that differ by less are equal: float32 features of one picture differ by about this much.
_TIE = 1e-6
# Blind luck puts two or more of n images right in one of four panels, so twice the chance of 1 / n
# is too low a bar; half of eight images it puts right in one of a hundred.
_LEAST_SHARE = 0.5


def inversion_features(
    model: LoadedModel, data: TrustInput, compare: Features
) -> Float[Tensor, "image seed feature"]:
    """Features of every inversion in the comparison space.

    Args:
        model: the audited network: its view of the canvas is what is compared.
        data: images and their inversions.
        compare: see :func:`macoaudit.trust.feature_function`.
    """
    rows = compare(views(data.inversion_01, model))
    return rows.view(*data.inversion_01.shape[:2], -1)


def parametrizations(
    model: LoadedModel, data: TrustInput, compare: Features, settings: ControlSettings
) -> TrustCheck:
    """Draw the same activations with the Fourier parametrization and look for the same picture.

    The value is the share of images whose Fourier inversion is nearest (cosine in the comparison
    space) to a MACO inversion of the same image among those of all images; a tie does not count.
    Chance is ``1 / n_images``; as expected from a half, with two or three images from all or two
    thirds of them.

    Args:
        model: the audited network.
        data: images and their MACO inversions.
        compare: comparison space, of a network other than the audited one where there is one.
        settings: how to invert.

    Returns:
        The check; ``details``: ``own`` and ``other`` (mean cosine to inversions of the same and of
        other images) and ``control`` (similarity that the Fourier inversions reached).
    """
    name = "parametrizations"
    if data.n_images < 2:
        return skipped(name, "a single image: there is no other to be mistaken for")
    inverted = settings.invert(name, model, data, parametrization="fourier")
    reason = first_failure(inverted, data)
    if reason:
        return skipped(name, reason)
    n_seeds = data.inversion_01.shape[1]
    maco = inversion_features(model, data, compare).flatten(0, 1)
    fourier = compare(views(inverted.image_01, model))
    of_image = torch.arange(data.n_images)
    own = of_image[:, None] == of_image.repeat_interleave(n_seeds)[None, :]
    reached = float(inverted.similarity.mean())
    return _nearest(name, fourier, maco, own, ~own, data.n_images, control=reached)


def initialisations(features: Float[Tensor, "image seed feature"]) -> TrustCheck:
    """Compare inversions of one image from different random starts.

    The value is the share of inversions whose nearest neighbour (cosine) among the inversions with
    *other* seeds is of the same image; a tie does not count. Chance is ``1 / n_images``;
    thresholds are those of :func:`parametrizations`. No optimisation is made.

    Args:
        features: of all inversions in the comparison space (:func:`inversion_features`).

    Returns:
        The check; ``details``: ``own`` and ``other``, mean cosine to inversions with other seeds of
        the same and of other images.
    """
    name = "initialisations"
    n_images, n_seeds = features.shape[:2]
    if n_seeds < 2:
        return skipped(name, "one seed: there is no second start to compare with; use --seeds 2")
    if n_images < 2:
        return skipped(name, "a single image: there is no other to be mistaken for")
    rows = features.flatten(0, 1)
    image = torch.arange(n_images).repeat_interleave(n_seeds)
    seed = torch.arange(n_seeds).repeat(n_images)
    same_image, other_seed = image[:, None] == image[None, :], seed[:, None] != seed[None, :]
    return _nearest(
        name, rows, rows, same_image & other_seed, ~same_image & other_seed, int(n_images)
    )


def _nearest(
    name: str,
    queries: Float[Tensor, "query feature"],
    candidates: Float[Tensor, "candidate feature"],
    own: Bool[Tensor, "query candidate"],
    other: Bool[Tensor, "query candidate"],
    n_images: int,
    **details: float,
) -> TrustCheck:
    """Share of queries that are nearer to an own candidate than to any other one."""
    for rows in (queries, candidates):
        if not bool(torch.isfinite(rows).all()) or bool((rows.norm(dim=1) == 0).any()):
            return skipped(
                name, "a vector of the comparison space is zero or not finite, it has no direction"
            )
    near = _unit(queries) @ _unit(candidates).T
    best_own = near.masked_fill(~own, -torch.inf).amax(1)
    best_other = near.masked_fill(~other, -torch.inf).amax(1)
    share = float((best_own > best_other + _TIE).double().mean())
    bar = min(1.0, max(2 / n_images, _LEAST_SHARE))
    means = {"own": float(near[own].mean()), "other": float(near[other].mean())}
    return Verdict(share, bar, share >= bar, n_images, {**means, **details}).record(name)


def _unit(rows: Float[Tensor, "row feature"]) -> Float[Tensor, "row feature"]:
    unit: Tensor = rows.double() / rows.double().norm(dim=1, keepdim=True)
    return unit
