r"""Do inversions pass through the network on the path of natural images?

A network can be built, or trained, to send optimised pictures through other units than photographs;
what is drawn then says nothing about how it sees photographs. Layer by layer, an inversion is
compared with natural images of its class, on the scale of natural images:

    normalised = (sim(inversion, same class) - sim(inversion, other classes))
               / (sim(natural, same class) - sim(natural, other classes))

1 is what natural images of one class have in common, 0 a picture that is no nearer to its class
than to any other. ``sim`` is Spearman's rank correlation of the layer's features, averaged over
places and centred on the natural images' mean. The choices, measured on honest networks (the
packaged demo, ViT-Tiny, MobileNetV2):

- Uncentred, the profile that all images share decides, and inversions are called off the path in
  early layers (-13 on MobileNetV2's first block, with natural images of other classes as zero).
- Centred, a picture that is unrelated to the natural ones is equally far from all classes, hence
  the inversion's own distance to other classes as zero; natural images of other classes are
  slightly further than that.
- Ranks, because cosines follow a transformer's few very large units (uniform noise reached 0.31 of
  the class likeness on ViT-Tiny), while classes separate as well by either.
- The later half of the layers decides. In early layers the inversions of honest networks may share
  nothing with their class but the spectrum (ViT-Tiny's first block: 0.04 for inversions, 0.05 for
  random phases; 0.40 and -0.08 at the sixth), as the source of this check found too.

Source: Geirhos et al. 2024, "Don't trust your eyes: on the (un)reliability of feature
visualizations" (arXiv 2306.04719), the empirical check.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.models import LoadedModel
from macoaudit.results import TrustCheck
from macoaudit.trust.features import feature_function, path_layers
from macoaudit.trust.setting import TrustInput, Verdict, skipped, views

# A layer is used where natural images of one class are more alike than those of different classes
# by this many standard errors: elsewhere the scale of the path has no length.
_MIN_STANDARD_ERRORS = 2.0
# Fewer images with a mate of their class leave the scale to chance.
_FEWEST = 4
# Between pictures that have nothing to do with the references (random phases, noise: within 0.12 of
# zero in the later half of three networks, 8 images) and honest inversions (0.45 at least, 6).
_LOWEST_EXPECTED = 0.25


@dataclass(frozen=True)
class NaturalImages:
    """Natural images with their classes, on the CPU.

    Raises:
        UsageError: when the numbers do not fit.
    """

    image_01: Float[Tensor, "natural channel height width"]
    """As the audited network sees them."""
    keys: Sequence[str]
    """Names as in :class:`TrustInput`: an image is not compared with its own inversion."""
    classes: Sequence[str | None]
    """In the words of ``TrustInput.classes``; images without a class are left out."""

    def __post_init__(self) -> None:
        if not len(self.image_01) == len(self.keys) == len(self.classes):
            raise UsageError(
                f"natural: {len(self.image_01)} images, {len(self.keys)} keys and "
                f"{len(self.classes)} classes came; give one of each per image"
            )


def layer_path(
    model: LoadedModel,
    data: TrustInput,
    natural: NaturalImages | str,
    *,
    layers: Sequence[str] | None = None,
    batch_size: int = 32,
) -> TrustCheck:
    """Compare inversions with natural images of their class at several layers.

    Only forward passes are made. The value is the lowest normalised similarity in the later half of
    the layers, among those at which classes are told apart at all; as expected above 0.25.

    Args:
        model: the audited network.
        data: images and their inversions; those count whose class has two natural images.
        natural: natural images, or why there are none.
        layers: names, or None for :func:`macoaudit.trust.path_layers`.
        batch_size: images in one forward pass.

    Returns:
        The check; ``details``: the normalised similarity at each layer, and in its place
        ``"<layer> separation"`` (same-class minus other-class similarity of natural images) for a
        layer that does not tell classes apart.
    """
    name = "layer path"
    if isinstance(natural, str):
        return skipped(name, natural)
    pairs = _Pairs(data, natural)
    if not pairs.images:
        return skipped(
            name,
            "no two images share a class with each other and with an inversion, so there is no "
            "natural image to compare with but the reference itself",
        )
    if len(pairs.images) < _FEWEST or len(pairs.classes) < 2:
        return skipped(
            name,
            f"{len(pairs.images)} images of {len(pairs.classes)} classes have another image of "
            f"their class; {_FEWEST} of two classes or more are needed",
        )
    inverted = views(data.inversion_01[pairs.images], model)
    names = list(layers or path_layers(model))
    details: dict[str, float] = {}
    values = []
    for position, layer in enumerate(names):
        features = feature_function(model, layer, batch_size)
        likeness, separates = pairs.normalised(
            features(natural.image_01[pairs.natural]), features(inverted)
        )
        details[layer if separates else f"{layer} separation"] = likeness
        if separates and position >= len(names) // 2:
            values.append(likeness)
    if not values:
        return skipped(name, "no later layer tells the natural images' classes apart")
    value, bar = min(values), _LOWEST_EXPECTED
    return Verdict(value, bar, value > bar, len(pairs.images), details).record(name)


class _Pairs:
    """Which natural images are compared with which, and with which inversions."""

    def __init__(self, data: TrustInput, natural: NaturalImages) -> None:
        self.natural = [i for i, label in enumerate(natural.classes) if label is not None]
        labels = [natural.classes[i] for i in self.natural]
        keys = [natural.keys[i] for i in self.natural]
        self.same = torch.tensor(
            [[a == b and i != j for j, b in enumerate(labels)] for i, a in enumerate(labels)]
        ).reshape(len(labels), len(labels))
        self.other = torch.tensor([[a != b for b in labels] for a in labels]).reshape(
            self.same.shape
        )
        self.images: list[int] = []
        """Positions of the images whose class has two natural images, one not itself."""
        self.classes: set[str] = set()
        """Classes of these images."""
        self._mates: list[list[int]] = []
        self._strangers: list[list[int]] = []
        self._class_members: list[list[int]] = []
        for index, (label, key) in enumerate(zip(data.classes, data.keys, strict=True)):
            members = [i for i, other in enumerate(labels) if label is not None and other == label]
            mates = [i for i in members if keys[i] != key]
            if len(members) >= 2 and mates:
                self.images.append(index)
                self.classes.add(str(label))
                self._mates.append(mates)
                self._class_members.append(members)
                self._strangers.append([i for i in range(len(labels)) if i not in members])

    def normalised(
        self,
        natural: Float[Tensor, "natural feature"],
        inverted: Float[Tensor, "inversion feature"],
    ) -> tuple[float, bool]:
        """Normalised similarity of the inversions and True; or the separation and False.

        Args:
            natural: features of the natural images that have a class.
            inverted: features of the images' inversions, every seed of the first image first.
        """
        center = natural.mean(0)
        ranks = _standard_ranks(natural - center)
        among = ranks @ ranks.T
        same = (among * self.same).sum(1) / self.same.sum(1)
        other = (among * self.other).sum(1) / self.other.sum(1)
        paired = torch.isfinite(same - other)  # a class of one has no same-class mates
        separation = (same - other)[paired]
        error = float(separation.std()) / len(separation) ** 0.5
        across = (_standard_ranks(inverted - center) @ ranks.T).view(
            len(self.images), -1, len(ranks)
        )
        likeness, scale = [], []
        for row, mates, strangers, members in zip(
            across, self._mates, self._strangers, self._class_members, strict=True
        ):
            likeness.append(row[:, mates].mean() - row[:, strangers].mean())
            scale.append((same - other)[members].mean())
        length = float(torch.stack(scale).mean())
        if length <= 0 or float(separation.mean()) <= _MIN_STANDARD_ERRORS * error:
            return length, False
        return float(torch.stack(likeness).mean()) / length, True


def _standard_ranks(rows: Float[Tensor, "row feature"]) -> Float[Tensor, "row feature"]:
    """Ranks (ties share their mean) centred and of unit length: dot products are Spearman's rho.

    A row of equal values has no order and becomes zero.
    """
    ranks = torch.stack([_ranks(row) for row in rows])
    ranks = ranks - ranks.mean(1, keepdim=True)
    standard: Tensor = ranks / ranks.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return standard


def _ranks(row: Float[Tensor, " feature"]) -> Float[Tensor, " feature"]:
    _, inverse, counts = torch.unique(row, return_inverse=True, return_counts=True)
    last = counts.cumsum(0)
    middle = last.double() - (counts.double() - 1) / 2
    ranks: Tensor = middle[inverse]
    return ranks
