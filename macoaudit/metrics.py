"""Measures on images and features: predictions, transfer, distance of sets, transparency mask."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.results import Prediction, Transfer

# The mask saturates at this quantile: the strongest twentieth of the pixels is fully opaque.
_OPAQUE_QUANTILE = 0.95
# Blur of the mask as a share of the canvas' shorter side: 2 px at 224.
_BLUR_FRAC = 2 / 224


def predict(logits: Float[Tensor, " num_classes"], labels: Sequence[str]) -> Prediction:
    """First class by softmax probability.

    Args:
        logits: one image's logits, finite.
        labels: one name a class.
    """
    probability = torch.softmax(logits.to(torch.float64), 0)
    index = int(probability.argmax())
    return Prediction(index, labels[index], float(probability[index]))


def rank_of(logits: Float[Tensor, " num_classes"], index: int) -> int:
    """Rank of a class, 1 is first: one more than the number of classes with a larger logit."""
    return 1 + int((logits > logits[index]).sum())


def transfer(
    judge: str,
    seed: int,
    index: int,
    logits: Float[Tensor, " num_classes"],
    reference_logits: Float[Tensor, " num_classes"],
) -> Transfer:
    """Compare what a judge sees in an inversion with the audited model's class of the reference.

    Args:
        judge: the judge's name.
        seed: the inversion's seed.
        index: class that the audited model gives the reference; the judge has the same classes.
        logits: the judge's logits on the inversion.
        reference_logits: the judge's logits on the reference.
    """
    rank = rank_of(logits, index)
    return Transfer(
        judge=judge,
        method="class",
        seed=seed,
        top1_agrees=rank == 1,
        top5_agrees=rank <= 5,
        rank=rank,
        n_classes=len(logits),
        probability=float(torch.softmax(logits.to(torch.float64), 0)[index]),
        reference_probability=float(torch.softmax(reference_logits.to(torch.float64), 0)[index]),
        reference_rank=rank_of(reference_logits, index),
    )


def gaussian_blur(
    values: Float[Tensor, "batch height width"], sigma_px: float
) -> Float[Tensor, "batch height width"]:
    """Blur with a normalised Gaussian, cut at four sigma, edges renormalised; sums are kept flat.

    A constant stays constant up to the border.
    """
    radius = max(1, math.ceil(4 * sigma_px))
    x = torch.arange(-radius, radius + 1, dtype=values.dtype, device=values.device)
    kernel = torch.exp(-0.5 * (x / sigma_px) ** 2)

    def along_rows(planes: Tensor) -> Tensor:
        flat = planes.reshape(-1, 1, planes.shape[-1])
        return torch.nn.functional.conv1d(flat, kernel[None, None], padding=radius).view_as(planes)

    def both(planes: Tensor) -> Tensor:
        return along_rows(along_rows(planes).mT.contiguous()).mT

    weight = both(torch.ones_like(values[:1]))
    return both(values) / weight


def transparency_mask(
    transparency: Float[Tensor, "batch height width"],
) -> Float[Tensor, "batch height width"]:
    r"""Turn accumulated gradients into an opacity in [0, 1] for display.

    ``alpha = min(1, blur(t) / q95(blur(t)))``: where the score depended on the pixel during the
    whole search. A transparency that is zero everywhere gives zero everywhere. The scale is per
    image, so opacities of two images are not comparable.
    """
    blurred = gaussian_blur(transparency, _BLUR_FRAC * min(transparency.shape[-2:]))
    top = torch.quantile(blurred.flatten(1), _OPAQUE_QUANTILE, dim=1)[:, None, None]
    return torch.where(top > 0, blurred / top.clamp_min(1e-30), 0.0).clamp(0, 1)


def frechet_distance(
    first: Float[Tensor, "first feature"], second: Float[Tensor, "second feature"]
) -> float:
    r"""Frechet distance between two sets of features, each taken as a Gaussian.

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2)`` with unbiased covariances, in float64.
    Biased upwards for sets smaller than a few times the number of features.

    Source: Heusel et al. 2017 (arXiv 1706.08500).

    Raises:
        UsageError: when a set has fewer than two members.
    """
    if min(len(first), len(second)) < 2:
        raise UsageError(
            f"features: sets of {len(first)} and {len(second)} came; a covariance needs two or more"
        )
    a, b = first.to(torch.float64), second.to(torch.float64)
    shape = (a.shape[1], a.shape[1])
    mean = (a.mean(0) - b.mean(0)).square().sum()
    cov_a, cov_b = torch.cov(a.T).reshape(shape), torch.cov(b.T).reshape(shape)
    values, vectors = torch.linalg.eigh(cov_a)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp_min(0).sqrt().sum()
    distance = mean + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(0.0, float(distance))
