"""Principal components of weighted features: what each adds to a logit, and whether it leaks."""

import torch
from jaxtyping import Bool, Float
from scipy.stats import rankdata
from torch import Tensor

# Components that hold less of the features' square than this are rounding.
_LEAST_VARIANCE = 1e-9
# Permutations in one matrix product.
_CHUNK = 256


def principal_directions(
    weighted: Float[Tensor, "image channel"], count: int
) -> Float[Tensor, "component channel"]:
    """Directions of largest variance, unit length, the largest first.

    Args:
        weighted: features of the images of one class, times the class's weights.
        count: at most; fewer where the images vary in fewer directions, none where they are equal.
    """
    _, sizes, directions = torch.linalg.svd(weighted - weighted.mean(0), full_matrices=False)
    scale = float(weighted.square().sum())
    kept: Tensor = directions[:count][sizes[:count].square() > _LEAST_VARIANCE * scale]
    return kept


def contributions(
    weighted: Float[Tensor, "image channel"],
    directions: Float[Tensor, "component channel"],
    level: Float[Tensor, " channel"],
) -> Float[Tensor, "image component"]:
    r"""How far the class's logit falls when one component is set to its level elsewhere.

    ``alpha_l = <1, v_l> <v_l, psi_c - level>``; over a full basis it adds up to
    ``z_c - z_c(level)``, and turning ``v_l`` round changes nothing.

    Args:
        weighted: psi_c, features times the class's weights.
        directions: v_l, unit length.
        level: psi_c that removed components get.
    """
    return (weighted - level) @ directions.T * directions.sum(1)


def selectivity(
    falls: Float[Tensor, "image component"], floor: float, n_top: int, n_bottom: int
) -> Float[Tensor, " component"]:
    """Mean fall of the images strongest in a component over that of the weakest.

    ``r = top / (max(bottom, 0) + floor)``: images of the class may have less of a component than
    other classes have, and a ratio with a negative denominator would order nothing.

    Args:
        falls: of the class's images, from :func:`contributions`.
        floor: eps, above 0, in units of the logit.
        n_top: strongest images.
        n_bottom: weakest images.
    """
    ordered = falls.sort(dim=0, descending=True).values
    bottom = ordered[-n_bottom:].mean(0).clamp_min(0)
    return ordered[:n_top].mean(0) / (bottom + floor)


def _aucs(
    ranks: Float[Tensor, "image draw"], high: Float[Tensor, "image component"]
) -> Float[Tensor, "draw component"]:
    """Chance that an image of the high group has the higher rank, by the sum of its ranks."""
    count = high.sum(0)
    rest = len(high) - count
    return (ranks.T @ high - count * (count + 1) / 2) / (count * rest)


def high_images(
    raised: Float[Tensor, "image component"], bound: Float[Tensor, " component"], least: int
) -> Bool[Tensor, "image component"]:
    """Mark the images whose contribution reaches a bound, at least some and at most half of them.

    Args:
        raised: from :func:`contributions`.
        bound: of each component.
        least: images that are marked in any case, at most half of all.
    """
    count = (raised >= bound).sum(0).clamp(least, len(raised) // 2)
    places = raised.argsort(dim=0, descending=True, stable=True).argsort(dim=0)
    return places < count


def leak_test(
    odds: Float[Tensor, " image"],
    high: Bool[Tensor, "image component"],
    *,
    n_draws: int,
    generator: torch.Generator,
) -> tuple[Float[Tensor, " component"], Float[Tensor, " component"], Float[Tensor, " draw"]]:
    """AUC of each component, its standard score, and the largest score when odds are permuted.

    AUCs of small groups spread more, so that they are compared in units of their spread without a
    leak, ``sqrt((n + 1) / (12 k (n - k)))`` for k of n images. Comparing one component with the
    largest of all corrects it for how many were tried.

    Args:
        odds: score of each image.
        high: images high in each component.
        n_draws: permutations, the same for all components.
        generator: on the CPU.
    """
    ranks = torch.from_numpy(rankdata(odds.numpy())).double()[:, None]
    members = high.double()
    count = members.sum(0)
    spread = ((len(odds) + 1) / (12 * count * (len(odds) - count))).sqrt()
    observed = _aucs(ranks, members)[0]
    null = []
    for start in range(0, n_draws, _CHUNK):
        orders = [
            torch.randperm(len(odds), generator=generator)
            for _ in range(min(_CHUNK, n_draws - start))
        ]
        drawn = _aucs(ranks[torch.stack(orders, 1), 0], members)
        null.append(((drawn - 0.5) / spread).amax(1))
    return observed, (observed - 0.5) / spread, torch.cat(null)
