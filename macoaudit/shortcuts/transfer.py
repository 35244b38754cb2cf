"""Patch transfer with matched controls: does a region carry its class into other images?

Sufficiency: the region, pasted where it was onto images of other classes, makes the network say
the class. Control: pieces of the same shape, pasted at the same place: from elsewhere on other
images of the class, and from that place on images of other classes. Necessity: the class falls when
the region is filled. Blind spot: a compact true object transfers too, so this alone is never a high
finding.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.retention.deletion import delete
from macoaudit.shortcuts.candidates import Candidates
from macoaudit.shortcuts.donors import Donors, choose_donors
from macoaudit.shortcuts.nulls import stratified_test
from macoaudit.shortcuts.reading import (
    Classes,
    Images,
    check_input,
    class_generators,
    read_logits,
)
from macoaudit.shortcuts.records import Evidence, NotTested

FILLS = ("blur", "surroundings", "mean of other classes", "patch of another class")
# Around a region the cue may go on a little: controls stay off by this share of the shorter side.
_GUARD_FRAC = 0.04
_CONSENSUS = 0.5
# "Of like saliency": the top tenth of the places off the region.
_MATCHED_SHARE = 0.1


@dataclass(frozen=True)
class TransferSettings:
    """How patch transfer is measured; the defaults are starting values, not calibrated."""

    threshold: float = 0.10
    """Fooling rate above the base rate."""
    n_controls: int = 36
    """Least number of control patches of a class, spread over its images."""
    n_draws: int = 1999
    max_images: int = 6
    """Of a class."""
    max_donors: int = 16
    """Images of other classes that each patch is pasted on."""
    min_donors: int = 4


def paste(
    donors: Images,
    content: Float[Tensor, "channel height width"],
    mask: Bool[Tensor, "height width"],
) -> Images:
    """Replace the masked pixels of every donor by those of another image."""
    return torch.where(mask, content, donors)


def control_contents(
    mask: Bool[Tensor, "height width"],
    sources: Images,
    saliency: Float[Tensor, "image height width"],
    forbidden: Bool[Tensor, "image height width"],
    count: int,
    generator: torch.Generator,
) -> Float[Tensor, "control channel height width"] | None:
    """Draw pieces of the same shape from other places, moved to where the region is.

    The first half comes from the tenth of the free places with the highest mean saliency, the
    other half from any free place; the source image is drawn first, each as likely.

    Args:
        mask: the region.
        sources: images to take pieces from.
        saliency: of the sources.
        forbidden: pixels of the sources that no piece may hold.
        count: pieces.
        generator: on the CPU.

    Returns:
        Images whose pixels under ``mask`` are the piece; None where no source has a free place.
    """
    rows, columns = torch.nonzero(mask.any(1)).flatten(), torch.nonzero(mask.any(0)).flatten()
    top, left = int(rows[0]), int(columns[0])
    kernel = mask[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1].float()[None, None]
    conv = torch.nn.functional.conv2d
    free = conv(forbidden[:, None].float(), kernel)[:, 0] < 0.5
    weight = conv(saliency[:, None].float(), kernel)[:, 0]
    usable = torch.nonzero(free.flatten(1).any(1)).flatten()
    if not len(usable):
        return None
    pieces = []
    for turn in range(count):
        source = int(usable[torch.randint(len(usable), (), generator=generator)])
        places = torch.nonzero(free[source])
        if turn < count // 2:
            values = weight[source][free[source]]
            keep = max(1, math.ceil(_MATCHED_SHARE * len(values)))
            places = places[values.argsort(descending=True, stable=True)[:keep]]
        y, x = places[torch.randint(len(places), (), generator=generator)].tolist()
        pieces.append(sources[source].roll((top - y, left - x), (1, 2)))
    return torch.stack(pieces)


def forbidden_places(
    masks: Bool[Tensor, "image height width"],
) -> Bool[Tensor, "image height width"]:
    """Each image's own region and what most regions of the class share, with a guard around."""
    consensus = masks.float().mean(0) >= _CONSENSUS
    radius = max(1, round(_GUARD_FRAC * min(masks.shape[-2:])))
    both = (masks | consensus).float()[:, None]
    wide = torch.nn.functional.max_pool2d(both, 2 * radius + 1, stride=1, padding=radius)
    return wide[:, 0] > 0.5


@dataclass(frozen=True)
class _Measured:
    """What pasting and filling the region of one image did."""

    image: int
    pasted: Float[Tensor, "patch 2"]
    """Fooling rate above the base rate and rise of p_c; the region first, then its controls."""
    lost: Float[Tensor, " fill"]


class _Transfer:
    """Patches of one class pasted on its donors."""

    def __init__(self, model: LoadedModel, donors: Images, index: int) -> None:
        self._model, self._donors, self.index = model, donors, index
        self.n_donors = len(donors)
        clean = read_logits(model, donors)
        self._clean = clean.softmax(1)[:, index]
        self.base_rate = float((clean.argmax(1) == index).double().mean())

    def of(self, content: Tensor, mask: Tensor) -> tuple[float, float]:
        """Fooling rate above the base rate, and mean rise of p_c."""
        logits = read_logits(self._model, paste(self._donors, content, mask))
        hit = float((logits.argmax(1) == self.index).double().mean())
        rise = float((logits.softmax(1)[:, self.index] - self._clean).mean())
        return hit - self.base_rate, rise


def necessity(
    model: LoadedModel,
    image_01: Float[Tensor, "channel height width"],
    mask: Bool[Tensor, "height width"],
    index: int,
    others: Images,
    generator: torch.Generator,
) -> Float[Tensor, " fill"]:
    """How much of the class's lead goes with the region: ``[z_c(x) - z_c(x filled)] / margin``.

    The margin is ``z_c(x) - max over k != c of z_k(x)``; 1 means that the fall in the logit is as
    large as the lead was. NaN where the network does not see the class in the image.

    Args:
        model: the network.
        image_01: values 0..1.
        mask: the region.
        index: the class c.
        others: images of other classes; at least one.
        generator: draws the patch of another class.

    Returns:
        One value for each of :data:`FILLS`.
    """
    donor = others[int(torch.randint(len(others), (), generator=generator))]
    filled = torch.stack(
        [
            *delete(image_01, mask[None])[:, 0],
            torch.where(mask, others.mean(0), image_01),
            torch.where(mask, donor, image_01),
        ]
    )
    logits = read_logits(model, torch.cat([image_01[None], filled]))
    rest = logits[0].clone()
    rest[index] = -torch.inf
    margin = logits[0, index] - rest.max()
    falls = logits[0, index] - logits[1:, index]
    return falls / margin if margin > 0 else torch.full_like(falls, torch.nan)


def patch_transfer(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    candidates: Candidates,
    *,
    generator: torch.Generator,
    donors: Mapping[int, Donors] | None = None,
    settings: TransferSettings = TransferSettings(),
) -> tuple[Evidence | NotTested, ...]:
    r"""Test every class that has images for a region that carries it into other images.

    For image i of class c and donors j of other classes::

        FR_i = mean_j 1[argmax f(x_j with x_i[R_i]) = c] - base rate
        dP_i = mean_j p_c(x_j with x_i[R_i]) - p_c(x_j)

    The effect is the median over i of FR; the p-value compares the median of dP with medians in
    which each image has its own region or one of its controls (:func:`stratified_test`).

    Args:
        model: the network; it is left as it was found.
        image_01: at the network's size, values 0..1.
        classes: class index of each image, labels or predictions.
        candidates: one region an image.
        generator: on the CPU; each class draws from its own stream.
        donors: of each class; ``test`` is used. Firm images of other classes if None.
        settings: thresholds and numbers.

    Returns:
        One result for each class that has images, in the order of the classes.

    Raises:
        UsageError: when the arguments do not fit together.
    """
    check_input(model, image_01, classes)
    streams = class_generators(classes, generator)
    if donors is None:
        donors = choose_donors(
            read_logits(model, image_01),
            classes,
            torch.zeros(0, dtype=torch.long),
            n_test=settings.max_donors,
            generators=streams,
        )
    return tuple(
        _one_class(
            model, image_01, classes, candidates, donors[index].test, index, stream, settings
        )
        for index, stream in streams.items()
    )


def _one_class(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    candidates: Candidates,
    picked: Int[Tensor, " donor"],
    index: int,
    generator: torch.Generator,
    settings: TransferSettings,
) -> Evidence | NotTested:
    members = torch.nonzero((classes == index) & candidates.found).flatten()
    others = image_01[classes != index]
    if len(members) < 2:
        reason = f"{len(members)} of its images have a compact region, 2 are needed"
        return NotTested("patch transfer", index, reason)
    picked = picked[: settings.max_donors]
    if len(picked) < settings.min_donors:
        reason = (
            f"{len(picked)} images that the network calls another class, {settings.min_donors} "
            "are needed"
        )
        return NotTested("patch transfer", index, reason)
    order = torch.randperm(len(members), generator=generator)[: settings.max_images]
    members = members[order.sort().values]
    transfer = _Transfer(model, image_01[picked], index)
    forbidden = forbidden_places(candidates.masks[members])
    count = max(8, math.ceil(settings.n_controls / len(members)))
    measured = []
    for place, member in enumerate(members.tolist()):
        rest = torch.arange(len(members)) != place
        mask = candidates.masks[member]
        moved = control_contents(
            mask,
            image_01[members[rest]],
            candidates.saliency[members[rest]],
            forbidden[rest],
            count // 2,
            generator,
        )
        # The same place of other classes: all there is where the region leaves no other place.
        chosen = torch.randint(
            len(others), (count - (0 if moved is None else len(moved)),), generator=generator
        )
        patches = [image_01[member], *(() if moved is None else moved), *others[chosen]]
        lost = necessity(model, image_01[member], mask, index, others, generator)
        pasted = torch.tensor([transfer.of(one, mask) for one in patches], dtype=torch.float64)
        measured.append(_Measured(member, pasted, lost))
    return _evidence(measured, transfer, candidates, generator, settings)


def _evidence(
    measured: list[_Measured],
    transfer: _Transfer,
    candidates: Candidates,
    generator: torch.Generator,
    settings: TransferSettings,
) -> Evidence:
    fooling, rise = torch.stack([one.pasted for one in measured]).unbind(-1)
    p_value, null = stratified_test(
        rise[:, 0], rise[:, 1:], n_draws=settings.n_draws, generator=generator
    )
    order = rise[:, 0].argsort(descending=True, stable=True).tolist()
    clearest = [measured[place].image for place in order]
    return Evidence(
        test="patch transfer",
        class_index=transfer.index,
        effect=float(fooling[:, 0].quantile(0.5)),
        effect_name="fooling rate above the base rate",
        threshold=settings.threshold,
        p_value=p_value,
        null=null,
        smallest_p=1 / (1 + settings.n_draws),
        images=tuple(clearest),
        regions=tuple(candidates.region(image) for image in clearest),
        details={
            "base_rate": transfer.base_rate,
            "median_rise": float(rise[:, 0].quantile(0.5)),
            "median_control_rise": float(rise[:, 1:].quantile(0.5)),
            "control_fooling_rate": float(fooling[:, 1:].mean()),
            "n_donors": float(transfer.n_donors),
            "n_controls": float(rise[:, 1:].numel()),
            **_necessity_details(torch.stack([one.lost for one in measured])),
        },
    )


def _necessity_details(lost: Float[Tensor, "image fill"]) -> dict[str, float]:
    """Mean over the images that the network sees the class in; absent where there is none."""
    seen = lost[torch.isfinite(lost).all(1)]
    if not len(seen):
        return {"n_necessity": 0.0}
    means = {f"necessity, {fill}": float(seen[:, row].mean()) for row, fill in enumerate(FILLS)}
    return {"n_necessity": float(len(seen)), "necessity": float(seen.mean()), **means}
