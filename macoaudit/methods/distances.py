r"""Distances between a set of pictures and natural images: FID, KID and CMMD.

All three depend on features through inner products alone, so that each is a function of three Gram
matrices, and thousands of bootstrap samples of the pictures cost no more than small matrices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.methods.resampling import Counts
from macoaudit.models import import_timm
from macoaudit.natural import unit

SIGMA = 10.0
"""Width of the Gaussian kernel of CMMD, as in Jayasumana et al. 2024 (arXiv 2401.09603)."""
CMMD_SCALE = 1000.0
"""CMMD is printed times this, as there."""
_AT_ONCE = 50_000_000
"""Numbers of a batch of small matrices that are held at once."""

Features = Float[Tensor, "_ feature"]
"""One row an image; the sets of one call have features of one length."""
Weighted = Callable[[Counts], Float[Tensor, " resample"]]


@dataclass(frozen=True)
class Grams:
    """Kernel values within and between two sets."""

    within: Float[Tensor, "first first"]
    between: Float[Tensor, "first second"]
    other: Float[Tensor, "second second"]


def _dots(first: Features, second: Features) -> Grams:
    x, y = first.to(torch.float64), second.to(torch.float64)
    return Grams(x @ x.T, x @ y.T, y @ y.T)


def polynomial(first: Features, second: Features) -> Grams:
    r"""Kernel of KID, ``(x.y / d + 1)^3`` (Binkowski et al. 2018, arXiv 1801.01401)."""
    dots, width = _dots(first, second), first.shape[1]
    parts = (dots.within, dots.between, dots.other)
    return Grams(*((part / width + 1) ** 3 for part in parts))


def gaussian(first: Features, second: Features, sigma: float = SIGMA) -> Grams:
    r"""Kernel of CMMD, ``exp(-|x - y|^2 / (2 sigma^2))`` of features as they come."""
    dots = _dots(first, second)
    x, y = dots.within.diagonal(), dots.other.diagonal()

    def kernel(part: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        squares = (rows[:, None] + columns[None] - 2 * part).clamp_min(0)
        return torch.exp(-squares / (2 * sigma**2))

    return Grams(kernel(dots.within, x, x), kernel(dots.between, x, y), kernel(dots.other, y, y))


def mmd(grams: Grams) -> Weighted:
    r"""Squared maximum mean discrepancy, unbiased: no member is paired with itself.

    ``sum_{i != j} k(x_i, x_j) / n(n-1) + sum_{i != j} k(y_i, y_j) / m(m-1) - 2 mean k(x, y)``. A
    member that a bootstrap sample holds twice is not paired with its copy either, which keeps the
    samples unbiased.

    Args:
        grams: of the pictures, which are resampled, and the natural images, which stay.

    Raises:
        UsageError: when a set has fewer than two members.
    """
    _enough(len(grams.within), len(grams.other))
    m = len(grams.other)
    rest = (grams.other.sum() - grams.other.trace()) / (m * (m - 1))
    apart = grams.within - torch.diag(grams.within.diagonal())
    to_other = grams.between.mean(1)

    def statistic(counts: Counts) -> Tensor:
        w = counts.to(torch.float64)
        n = w.sum(1)
        pairs = n.square() - w.square().sum(1)
        own = torch.einsum("bi,ij,bj->b", w, apart, w) / pairs
        return own + rest - 2 * (w @ to_other) / n

    return statistic


def frechet(first: Features, second: Features) -> Weighted:
    r"""Frechet distance of two sets, each taken as a Gaussian, from Gram matrices.

    ``|m1 - m2|^2 + tr C1 + tr C2 - 2 |X1 X2^T|_*``, where ``X`` are the centred rows over
    ``sqrt(n - 1)``: the singular values of ``X1 X2^T`` are the roots of the eigenvalues of
    ``C1 C2``. Unbiased covariances, float64.

    Source: Heusel et al. 2017 (arXiv 1706.08500).

    Args:
        first: pictures, which are resampled.
        second: natural images, which stay.

    Raises:
        UsageError: when a set has fewer than two members.
    """
    _enough(len(first), len(second))
    y = second.to(torch.float64)
    # Distances do not change when both sets move: large means would only cost digits.
    x, y = first.to(torch.float64) - y.mean(0), y - y.mean(0)
    within = x @ x.T
    spread = y.square().sum() / (len(y) - 1)
    # (X1 X2^T)(X1 X2^T)^T needs the pictures' products with the natural images alone.
    between = x @ y.T
    squared = between @ between.T / (len(y) - 1)

    def some(w: Tensor) -> Tensor:
        n = w.sum(1)
        share = w / n[:, None]
        mean = torch.einsum("bi,ij,bj->b", share, within, share)
        trace = (w @ within.diagonal() - n * mean) / (n - 1)
        means = share @ squared
        middle = torch.einsum("bi,bi->b", means, share)
        rows = squared[None] - means[:, :, None] - means[:, None, :] + middle[:, None, None]
        root = w.sqrt()
        rows = rows * root[:, :, None] * root[:, None, :] / (n - 1)[:, None, None]
        values = torch.linalg.eigvalsh(rows).clamp_min(0)
        distance: Tensor = mean + trace + spread - 2 * values.sqrt().sum(1)
        return distance.clamp_min(0)

    step = max(1, _AT_ONCE // len(x) ** 2)

    def statistic(counts: Counts) -> Tensor:
        return torch.cat([some(part) for part in torch.split(counts.to(torch.float64), step)])

    return statistic


def _enough(first: int, second: int) -> None:
    if min(first, second) < 2:
        raise UsageError(
            f"sets of {first} pictures and {second} natural images came; a distance of sets needs "
            "two or more of each"
        )


class _Given(torch.nn.Module):
    """Stands in for a network where the features are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def library_frechet(first: Features, second: Features) -> tuple[float, str] | None:
    """Frechet distance as torchmetrics computes it; None where it is not installed.

    Both sets are first written in an orthonormal basis of the space they span, which changes no
    distance and keeps the library's matrices small.

    Returns:
        The distance, and the name of what computed it.
    """
    import_timm()  # torchmetrics imports torchvision, which some builds of torch need help with
    try:
        from torchmetrics.image.fid import FrechetInceptionDistance
    except ImportError:
        return None
    rows = torch.cat([first, second]).to(torch.float64)
    if len(rows) < rows.shape[1]:
        rows = torch.linalg.qr(rows.T, mode="r").R.T
    metric = FrechetInceptionDistance(feature=_Given(rows.shape[1]))
    metric.update(rows[len(first) :], real=True)
    metric.update(rows[: len(first)], real=False)
    name = f"torchmetrics {version('torchmetrics')} FrechetInceptionDistance"
    return float(metric.compute()), name


def kid(first: Features, second: Features) -> Weighted:
    """Kernel inception distance: :func:`mmd` with the :func:`polynomial` kernel, all pairs."""
    return mmd(polynomial(first, second))


def cmmd(first: Features, second: Features) -> Weighted:
    """CMMD: :func:`mmd` of features of unit length with the :func:`gaussian` kernel, times 1000."""
    weighted = mmd(gaussian(unit(first), unit(second)))
    return lambda counts: CMMD_SCALE * weighted(counts)


SET_DISTANCES: dict[str, Callable[[Features, Features], Weighted]] = {
    "FID": frechet,
    "KID": kid,
    "CMMD": cmmd,
}
