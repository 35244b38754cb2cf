"""Stamp consistency: which classes have a copy of something in their images, and where it lies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from macoaudit.models import LoadedModel
from macoaudit.shortcuts.candidates import Candidates
from macoaudit.shortcuts.multiplicity import LEVEL, draws_needed
from macoaudit.shortcuts.nulls import rank_p
from macoaudit.shortcuts.reading import Classes, Images, check_input, class_generators
from macoaudit.shortcuts.records import Evidence, NotTested, Region, summary
from macoaudit.shortcuts.recurring import (
    Grid,
    GroupGap,
    Kind,
    RecurrenceSettings,
    Table,
    best_places,
    concordances,
    frame_concordances,
    group_gaps,
    null_effects,
    strongest,
    tables,
    to_grid,
)
from macoaudit.shortcuts.regions import Proposal, Window, enlarged, filled, frame
from macoaudit.shortcuts.tightening import agreeing, agreement, moved
from macoaudit.shortcuts.turning import (
    best_poses,
    turned_concordances,
    turned_pieces,
    turned_table,
)

NAMES: Mapping[Kind, str] = {
    "free": "a copy anywhere in the image",
    "fixed": "a copy at one place",
    "frame": "a frame along the edge",
    "turned": "the same object in any pose",
}

# A frame is one where at least this share of the outermost cells agrees, all around.
FRAMED = 0.75

# Below this share of the bound nothing recurs: windows are shown where they carry farthest.
_SHOWN_FROM = 0.5


_DEFAULTS = RecurrenceSettings()


@dataclass(frozen=True)
class Stamps:
    """The results of the test, and the region of each image that the other tests are given."""

    results: tuple[Evidence | NotTested, ...]
    candidates: Candidates


def stamp_consistency(
    model: LoadedModel,
    image_01: Images,
    classes: Classes,
    proposals: Mapping[int, Sequence[Proposal]],
    *,
    generator: torch.Generator,
    settings: RecurrenceSettings = _DEFAULTS,
) -> Stamps:
    """Test every class for windows that recur in its own images and not in others.

    The effect is the gap over the bound of its kind (see :mod:`macoaudit.shortcuts.recurring`): of
    the kind where that is largest, but of a copy as it stands where one reaches its bound. The
    p-value is the share of random groups of as many images, with windows in as many of them, whose
    largest reaches it.

    Args:
        model: names size and number of classes; it is not run.
        image_01: at the network's size, values 0..1.
        classes: class index of each image.
        proposals: windows of each class, from :func:`macoaudit.shortcuts.regions.propose`.
        generator: on the CPU; each group size draws from its own stream.
        settings: bounds and numbers.

    Returns:
        One result for each class that has images, in the order of the classes, and regions: what
        recurs, in every image where it is found, or else the best window of each image.

    Raises:
        UsageError: when the arguments do not fit together.
    """
    check_input(model, image_01, classes)
    grid = to_grid(image_01)
    every = [one for rows in proposals.values() for one in rows]
    masks = torch.zeros(len(image_01), *grid.size, dtype=torch.bool)
    saliency = torch.zeros(len(image_01), *grid.size)
    sources = [""] * len(image_01)
    for one in every:
        inside = filled(grid.size, [one.box])[0]
        saliency[one.image] = torch.maximum(saliency[one.image], inside * max(one.rise, 0.0))
    streams = class_generators(classes, generator)
    compared = _compared(classes, every, settings.max_images)
    # In the tables an image is its place among the compared ones.
    place_of = {image: place for place, image in enumerate(compared)}
    part = grid.only(compared)
    rows = [replace(one, image=place_of[one.image]) for one in every]
    found: tuple[Table, ...] = ()
    if every:
        found = (*tables(part, rows, settings), turned_table(part, rows, settings.n_turns))
    nulls: dict[tuple[int, int], Tensor] = {}
    n_draws = max(settings.n_draws, 2 * draws_needed(max(1, len(streams)), LEVEL))
    drawn = replace(settings, n_draws=n_draws)
    results: list[Evidence | NotTested] = []
    for index in streams:
        own = classes[compared] == index
        reason = _unusable(own, found, len(compared))
        if reason is not None:
            results.append(NotTested("stamp", index, reason))
            _best_windows(proposals.get(index, ()), grid, masks, sources)
            continue
        gap_of = group_gaps(found, own, settings)
        best = _most_rigid(gap_of, settings)
        key = int(own.sum()), len(set(found[0].image[own[found[0].image]].tolist()))
        if key not in nulls:
            stream = torch.Generator().manual_seed(
                generator.initial_seed() + 1009 * key[0] + key[1]
            )
            nulls[key] = null_effects(found, len(compared), *key, drawn, stream)
        if best.effect >= _SHOWN_FROM:
            copied = _framed(grid, gap_of, found, compared, classes == index, settings)
            copied = copied or _origin(found, best, every, compared)
            best = strongest({copied.kind: gap_of[copied.kind]}, settings)
            shown = _recurring(grid, copied, classes == index, masks, sources, settings)
        else:
            shown = _best_windows(proposals.get(index, ()), grid, masks, sources)
        results.append(_evidence(index, best, gap_of, nulls[key], shown, drawn))
    size = (int(image_01.shape[-2]), int(image_01.shape[-1]))
    fine = torch.nn.functional.interpolate(
        saliency[:, None], size=size, mode="bilinear", align_corners=False
    )[:, 0]
    candidates = Candidates("search", fine, enlarged(masks, size), tuple(sources))
    return Stamps(
        tuple(_with_regions(one, candidates) for one in results),
        candidates,
    )


def _most_rigid(gap_of: Mapping[Kind, tuple[float, int]], settings: RecurrenceSettings) -> GroupGap:
    """The kind highest over its bound; one in any pose only where no copy as it stands recurs.

    A copy recurs turned, too; where it is found as it stands, its pixels are known better.
    """
    best = strongest(gap_of, settings)
    if best.kind != "turned" or best.effect < settings.threshold:
        return best
    upright: dict[Kind, tuple[float, int]] = {
        kind: one for kind, one in gap_of.items() if kind != "turned"
    }
    found = strongest(upright, settings) if upright else best
    return found if found.effect >= settings.threshold else best


def _unusable(own: Tensor, found: Sequence[Table], n_images: int) -> str | None:
    count = int(own.sum())
    if count < 2:
        return f"{count} image of the class, 2 are needed to recur"
    if count == n_images:
        return "all images are of this class: there is nothing to compare them with"
    if not found or not bool(own[found[0].image].any()):
        return "no windows: no image of another class could be pasted on"
    return None


def _best_windows(
    proposals: Sequence[Proposal], grid: Grid, masks: Tensor, sources: list[str]
) -> list[int]:
    """Mark in each image the window that carries the class farthest."""
    images = list(dict.fromkeys(one.image for one in proposals))
    best = {
        image: max((one for one in proposals if one.image == image), key=lambda one: one.rise)
        for image in images
    }
    for image, one in best.items():
        masks[image] = filled(grid.size, [one.box])[0]
        sources[image] = one.source
    return sorted(images, key=lambda image: -best[image].rise)


def _compared(classes: Tensor, every: Sequence[Proposal], count: int) -> list[int]:
    """Images that windows are compared with: of each class those with windows, then others."""
    with_windows = {one.image for one in every}
    chosen: list[int] = []
    for index in sorted(set(classes.tolist())):
        own = torch.nonzero(classes == index).flatten().tolist()
        own.sort(key=lambda image: (image not in with_windows, image))
        chosen += own[: max(count, sum(image in with_windows for image in own))]
    return sorted(chosen)


@dataclass(frozen=True)
class _Origin:
    """Where what recurs was cut from."""

    kind: Kind
    image: int
    box: Window
    width: int
    """Of a frame, in cells."""
    source: str


def _origin(
    found: Sequence[Table], best: GroupGap, every: Sequence[Proposal], compared: Sequence[int]
) -> _Origin:
    table = next(one for one in found if one.kind == best.kind)
    image, row = compared[int(table.image[best.row])], int(table.row[best.row])
    if best.kind == "frame":
        return _Origin("frame", image, (0, 0, 0, 0), row, "frame")
    return _Origin(best.kind, image, every[row].box, 0, every[row].source)


def _carriers(grid: Grid, origin: _Origin, own: Tensor, settings: RecurrenceSettings) -> list[int]:
    """Images of the class that hold a copy, the one that it was cut from first."""
    if origin.kind == "frame":
        values = frame_concordances(grid, origin.width)[origin.image]
    elif origin.kind == "turned":
        values = turned_concordances(grid, [origin.image], [origin.box], settings.n_turns)[0]
    else:
        free, fixed = concordances(grid, [origin.image], [origin.box], settings.shift_cells)
        values = (free if origin.kind == "free" else fixed)[0]
    bound = float(values[~own].quantile(settings.other_quantile))
    carriers = [
        place
        for place in torch.nonzero(own).flatten().tolist()
        if place == origin.image or float(values[place]) > bound
    ]
    # The first is the one that the window was cut from: the others' places count from it.
    return sorted(carriers, key=lambda place: (place != origin.image, -float(values[place])))


def _framed(
    grid: Grid,
    gap_of: Mapping[Kind, tuple[float, int]],
    found: Sequence[Table],
    compared: Sequence[int],
    own: Tensor,
    settings: RecurrenceSettings,
) -> _Origin | None:
    """The frame, where it recurs all around; None where a mark near the edge merely touches it.

    Every window at the edge of a framed image recurs too, but the frame is what there is.
    """
    gap, row = gap_of.get("frame", (-1.0, 0))
    if gap < settings.bound("frame") * settings.threshold:
        return None
    table = next(one for one in found if one.kind == "frame")
    origin = _Origin(
        "frame", compared[int(table.image[row])], (0, 0, 0, 0), int(table.row[row]), "frame"
    )
    carriers = _carriers(grid, origin, own, settings)
    if len(carriers) < 2:
        return None
    agree = agreement(grid, carriers, [(0, 0)] * len(carriers))
    share = float(agree[frame(grid.size, 1)].double().mean())
    return origin if share >= FRAMED else None


def _recurring(
    grid: Grid,
    origin: _Origin,
    own: Tensor,
    masks: Tensor,
    sources: list[str],
    settings: RecurrenceSettings,
) -> list[int]:
    """Mark what recurs in every image of the class where it is found, the clearest first."""
    carriers = _carriers(grid, origin, own, settings)
    if origin.kind == "turned":
        poses = best_poses(grid, origin.image, origin.box, carriers)
        pieces = turned_pieces(grid, carriers, poses, origin.box)
        for place, found in zip(carriers, pieces, strict=True):
            masks[place], sources[place] = found, origin.source
        return carriers
    offsets = best_places(
        grid, origin.kind, origin.image, origin.box, carriers, settings.shift_cells
    )
    if origin.kind == "frame":
        mask = _frame_mask(grid, carriers, origin.width)
    else:
        mask = agreeing(grid, carriers, offsets, origin.box)
    for place, (down, across) in zip(carriers, offsets, strict=True):
        masks[place], sources[place] = moved(mask, down, across), origin.source
    return carriers


def _frame_mask(grid: Grid, carriers: Sequence[int], width: int) -> Tensor:
    """The part of the frame that the carriers share, or all of it where there is one image."""
    ring = frame(grid.size, width)
    if len(carriers) < 2:
        return ring
    shared = ring & agreement(grid, carriers, [(0, 0)] * len(carriers))
    return shared if bool(shared.any()) else ring


def _evidence(
    index: int,
    best: GroupGap,
    gap_of: Mapping[Kind, tuple[float, int]],
    null: Tensor,
    shown: Sequence[int],
    settings: RecurrenceSettings,
) -> Evidence:
    return Evidence(
        test="stamp",
        class_index=index,
        effect=best.effect,
        effect_name=f"recurrence of {NAMES[best.kind]}, over its bound",
        threshold=settings.threshold,
        p_value=rank_p(best.effect, null),
        null=summary(best.effect, null),
        smallest_p=1 / (1 + settings.n_draws),
        images=tuple(shown),
        subject=NAMES[best.kind],
        details={"gap": best.gap} | {f"gap, {kind}": gap for kind, (gap, _) in gap_of.items()},
    )


def _with_regions(one: Evidence | NotTested, candidates: Candidates) -> Evidence | NotTested:
    if isinstance(one, NotTested):
        return one
    regions: tuple[Region, ...] = tuple(candidates.region(image) for image in one.images)
    return replace(one, regions=regions)
