"""SpRAy (Lapuschkin et al., Nature Communications 2019): groups among a class's heat maps.

Heat maps are input times gradient of the class's logit, averaged over noisy copies, summed over
channels, averaged over the cells of a coarse grid, cut at 0 and divided by their maximum. It stands
in for the paper's relevance propagation, whose rules do not cover all networks here.

Score: the maps of each class are clustered as in the ShortKit-ML port (criticaldata/ShortKit-ML,
``SpRAyDetector``: cosine affinity, 2 to 10 clusters by the largest gap between eigenvalues of the
normalised Laplacian, k-means on its eigenvectors), and scored ``silhouette + eigengap``: how well a
class falls apart into ways of deciding. Ranking classes by how separable their clusters are is due
to Anders et al. 2022, who use a Fisher discriminant.

Flag: ShortKit-ML's rules need clusters of several labels, so they are applied as there, to the maps
of all pictures clustered at once. A cluster of less than 5 % with purity of at least 0.8 flags its
majority class, and so does mean focus of at least 0.6 with that purity (here in one cluster; there
the two maxima may come from different ones, which names no class). Silhouette of at least 0.3 with
mean purity below 0.6 concerns the network as a whole and flags every class.

Blind spot of the score: a cue in every picture of a class leaves one way of deciding.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.cluster import SpectralClustering
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_score
from sklearn.metrics.pairwise import cosine_similarity
from torch import Tensor

from benchmarks.shortcuts.baselines.result import (
    BaselineResult,
    Classes,
    Images,
    Maps,
    Values,
    check_pictures,
    seed_from,
    top_region,
)
from macoaudit.models import LoadedModel, frozen, logits_function

N_NOISY, NOISE = 8, 0.1
"""Noisy copies and their standard deviation, pictures being 0..1 (SmoothGrad: 0.1 to 0.2)."""
CELLS = 12
"""Places a side of the maps that are clustered."""
FEWEST, MOST = 2, 10
"""Clusters."""
SMALL, PURE, FOCUSED, SEPARATE, MIXED = 0.05, 0.8, 0.6, 0.3, 0.6
"""ShortKit-ML's limits: cluster fraction, purity, focus, silhouette, mean purity."""

Labels = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Clusters:
    """A clustering of heat maps."""

    member: Labels
    """(n,), cluster of each map."""
    eigengap: float
    """Between the eigenvalues that the number of clusters was read from, 0 to 2."""
    silhouette: float
    """By cosine distance, -1 to 1; 0 where all maps fell into one cluster."""


def attribution(
    model: LoadedModel, image_01: Images, classes: Classes, generator: torch.Generator
) -> Tensor:
    """Input times smoothed gradient of each picture's class logit, (n, height, width), signed.

    The input is measured from the network's mean colour, as it is normalised.
    """
    total = torch.zeros_like(image_01)
    with frozen(model.module):
        logits_of = logits_function(model)
        for _ in range(N_NOISY):
            noise = NOISE * torch.randn(image_01.shape, generator=generator)
            noisy = (image_01 + noise).requires_grad_(True)
            chosen = logits_of(noisy).gather(1, classes[:, None]).sum()
            total += torch.autograd.grad(chosen, noisy)[0]
    mean = image_01.new_tensor(model.preprocessing.mean).view(-1, 1, 1)
    return ((image_01 - mean) * total / N_NOISY).sum(1)


def coarse(maps: Tensor) -> Maps:
    """Cell averages, cut at 0 and divided by the maximum of each map, (n, cells, cells)."""
    cells = F.adaptive_avg_pool2d(maps[:, None], CELLS)[:, 0].relu()
    return (cells / cells.amax((1, 2), keepdim=True).clamp_min(1e-12)).numpy()


def _count(affinity: Values) -> tuple[int, float]:
    """Number of clusters and the eigengap behind it."""
    scale = 1 / np.sqrt(affinity.sum(1))
    laplacian = np.eye(len(affinity)) - scale[:, None] * affinity * scale
    most = min(MOST, len(affinity) - 2)
    values = np.linalg.eigvalsh(laplacian)[: most + 1]
    gaps = np.diff(values)[FEWEST - 1 :]  # gap i lies between the eigenvalues i + 2 and i + 3
    best = int(np.argmax(gaps))
    return best + FEWEST, float(gaps[best])


def cluster(maps: Maps, seed: int) -> Clusters:
    """Cluster maps by cosine similarity.

    Args:
        maps: (n, rows, columns), not negative, n at least 4.
        seed: of k-means.
    """
    features = maps.reshape(len(maps), -1).astype(np.float64)
    # The small term keeps the graph connected where a map is empty.
    affinity = np.clip(cosine_similarity(features), 0, 1) + 1e-6
    count, gap = _count(affinity)
    method = SpectralClustering(count, affinity="precomputed", random_state=seed)
    with warnings.catch_warnings():
        # Equal maps make fewer clusters than asked for; that shows in the silhouette.
        warnings.simplefilter("ignore", ConvergenceWarning)
        member = method.fit_predict(affinity).astype(np.int64)
    distinct = len(np.unique(member))
    apart = 1 < distinct < len(member)
    silhouette = float(silhouette_score(features, member, metric="cosine")) if apart else 0.0
    return Clusters(member, gap, silhouette)


def focus(maps: Maps) -> Values:
    """``1 - H / log(places)`` of each map, (n,); 0 for an empty one."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    total = flat.sum(1, keepdims=True)
    share = flat / np.maximum(total, 1e-12)
    entropy = -(share * np.log(np.maximum(share, 1e-300))).sum(1)
    return np.where(total[:, 0] > 0, 1 - entropy / np.log(flat.shape[1]), 0.0)


def ruled(found: Clusters, maps: Maps, classes: Labels) -> tuple[int, ...]:
    """Classes that ShortKit-ML's rules flag in a clustering of all pictures, in order."""
    focused, flagged, purities = focus(maps), set[int](), []
    for number in np.unique(found.member):
        inside = found.member == number
        counts = np.bincount(classes[inside])
        purity = float(counts.max() / inside.sum())
        purities.append(purity)
        small = float(inside.mean()) < SMALL
        if purity >= PURE and (small or float(focused[inside].mean()) >= FOCUSED):
            flagged.add(int(counts.argmax()))
    if found.silhouette >= SEPARATE and float(np.mean(purities)) < MIXED:
        flagged.update(np.unique(classes).tolist())
    return tuple(sorted(flagged))


def by_clusters(
    model: LoadedModel, image_01: Images, classes: Classes, generator: torch.Generator
) -> BaselineResult:
    """Score each class by how clearly the heat maps of its pictures fall into groups.

    Args:
        model: the network.
        image_01: (n, 3, height, width), values 0..1.
        classes: (n,).
        generator: source of the noise and of k-means' seed.

    Returns:
        Silhouette plus eigengap of each class, ShortKit-ML's flags, and of each picture the tenth
        of its area with the highest map.

    Raises:
        UsageError: see :func:`check_pictures`.
    """
    check_pictures(model, image_01, classes)
    fine = attribution(model, image_01, classes, generator)
    maps, label, seed = coarse(fine), classes.numpy(), seed_from(generator)
    groups = [cluster(maps[label == c], seed) for c in range(model.num_classes)]
    scores = np.array([group.silhouette + group.eigengap for group in groups])
    smooth = F.interpolate(
        torch.from_numpy(maps)[:, None],
        size=image_01.shape[-2:],
        mode="bilinear",
        align_corners=False,
    )[:, 0]
    flagged = ruled(cluster(maps, seed), maps, label)
    return BaselineResult(scores, top_region(smooth.numpy()), flagged)
