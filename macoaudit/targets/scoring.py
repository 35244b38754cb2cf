"""From activations to the scores of targets: per sample, linear in the weights, immutable."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.models import Layout, Reading
from macoaudit.targets.objective import Activations, Scores, cosine
from macoaudit.targets.target import Target, WeightedSum, as_sum

_TINY = 1e-24
FEWEST_CLASSES = 3
"""Of two classes the standard score is 1 or -1, whatever the image."""


@dataclass(frozen=True)
class Slots:
    """Where the layouts of several readings lie in one flat activation."""

    layouts: tuple[Layout, ...]

    def layout(self, reading: Reading) -> Layout:
        """The layout of a reading.

        Raises:
            UsageError: when it is not among those that are read.
        """
        for layout in self.layouts:
            if layout.reading == reading:
                return layout
        known = ", ".join(layout.reading.layer for layout in self.layouts)
        raise UsageError(f"target: layer {reading.layer} is not among those read ({known})")

    def cut(self, activations: Float[Tensor, "*batch feature"], reading: Reading) -> Tensor:
        """Cut a reading out of flat activations and give it its shape back."""
        start = 0
        for layout in self.layouts:
            if layout.reading == reading:
                part = activations[..., start : start + layout.size]
                return part.reshape(*part.shape[:-1], *layout.shape)
            start += layout.size
        raise UsageError(f"target: layer {reading.layer} is not among those read")


def make_slots(layouts: Sequence[Layout]) -> Slots:
    """Lay readings side by side, as :func:`macoaudit.models.readings_function` joins them."""
    return Slots(tuple(layouts))


def _channel_axis(layout: Layout) -> int:
    """Axis of the channels in one image's activation, counted from the front."""
    if len(layout.shape) == 3 and not (layout.grid is not None and layout.grid.channels_last):
        return 0
    return len(layout.shape) - 1


def _has_places(layout: Layout) -> bool:
    """Whether the activation's axes can be told apart: a vector, tokens, a grid, or one place."""
    if len(layout.shape) == 3:
        return layout.grid is not None or layout.shape[1:] == (1, 1)
    return len(layout.shape) in (1, 2)


def _places(value: Tensor, layout: Layout) -> Float[Tensor, "view place channel"]:
    """All places of the image side by side, without class and register tokens."""
    if len(layout.shape) == 1:
        return value[:, None]
    if len(layout.shape) == 2:
        return value[:, layout.n_prefix :]
    return value.movedim(_channel_axis(layout) + 1, -1).flatten(1, 2)


def _pooled(value: Tensor, layout: Layout, part: str | None) -> Float[Tensor, "view channel"]:
    """One token, or the mean over all places."""
    if part is None or part == "mean":
        return _places(value, layout).mean(1)
    if part == "cls":
        return value[:, 0]
    if part.startswith("reg"):
        return value[:, int(layout.has_class_token) + int(part[3:])]
    return value[:, layout.n_prefix + int(part)]


def target_score(target: Target, value: Tensor, layout: Layout) -> Float[Tensor, " view"]:
    """Score views for one target; see :class:`Target` for each kind's number.

    Args:
        target: what is asked, checked with :func:`check_target`.
        value: activations (view, ...) with the layout's shape.
        layout: how they are laid out.
    """
    match target.kind:
        case "logit":
            return (
                standard_score(value, target.index)
                if target.form == "standard"
                else value[:, target.index]
            )
        case "channel":
            return _places(value, layout)[..., target.index].mean(1)
        case "neuron":
            return _places(value, layout)[:, _place(target, layout), target.index]
        case "token":
            return _pooled(value, layout, target.part)[:, target.index]
        case "head":
            return value[:, target.index].square().mean((1, 2))
        case "direction":
            vector = target.direction.to(value.device, value.dtype)
            pooled = (
                value.flatten(1)
                if _is_whole(target, layout)
                else _pooled(value, layout, target.part)
            )
            if target.form == "cosine":
                return cosine(pooled, vector.expand_as(pooled))
            product: Tensor = pooled @ vector
            return product


def standard_score(logits: Float[Tensor, "view num_classes"], index: int) -> Float[Tensor, " view"]:
    """Say how far a class stands out: ``(z_index - mean(z)) / std(z)`` over an image's classes.

    At most ``sqrt(n - 1)``, where all other classes are equal; 0 where all classes are.
    """
    centred = logits - logits.mean(1, keepdim=True)
    # The root has a slope even where all classes are equal.
    score: Tensor = centred[:, index] / (centred.square().mean(1) + _TINY).sqrt()
    return score


def _place(target: Target, layout: Layout) -> int:
    """Index of a neuron's place among all places."""
    if layout.grid is None:
        return 0
    row, column = target.place or (layout.grid.height // 2, layout.grid.width // 2)
    return row * layout.grid.width + column


def _is_whole(target: Target, layout: Layout) -> bool:
    """Whether a direction has one number for every number of the activation, not per channel."""
    length = len(target.vector or ())
    n_channels = layout.shape[_channel_axis(layout)] if _has_places(layout) else None
    return target.part is None and length == layout.size and length != n_channels


def check_sum(goal: WeightedSum, slots: Slots) -> None:
    """Make sure that every target of a sum is there.

    Raises:
        UsageError: when an index, a place, a part or a direction's length does not fit the layer;
            the message says what would.
    """
    for term in goal.terms:
        check_target(term.target, slots.layout(term.target.reading))


def check_target(target: Target, layout: Layout) -> None:
    """Make sure that a target is there in a layer of this layout.

    Raises:
        UsageError: when it is not; the message says what would be.
    """
    shape = " x ".join(map(str, layout.shape))
    where = f"{target.text}: {target.layer} puts out {shape} an image"
    if target.kind == "direction":
        _check_direction(target, layout, where)
        return
    if target.kind in ("logit", "head"):
        limit, noun = layout.shape[0], "classes" if target.kind == "logit" else "heads"
    else:
        if not _has_places(layout):
            raise UsageError(f"{where}, in which channels and places cannot be told apart")
        limit, noun = layout.shape[_channel_axis(layout)], "channels"
    if target.index >= limit:
        raise UsageError(f"{where}: there are {limit} {noun}, use 0 to {limit - 1}")
    if target.form == "standard" and limit < FEWEST_CLASSES:
        raise UsageError(
            f"{where}: a standard score among classes needs {FEWEST_CLASSES} or more of them; use "
            "--logit-form raw"
        )
    if target.kind == "neuron":
        _check_place(target, layout, where)
    if target.kind == "token":
        _check_part(target.part, layout, where)


def _check_place(target: Target, layout: Layout, where: str) -> None:
    grid = layout.grid
    if grid is None:
        one_place = len(layout.shape) == 1 or layout.shape[1:] == (1, 1)
        if one_place and target.place in (None, (0, 0)):
            return
        raise UsageError(f"{where}, which is no grid over the image; use --channels or --tokens")
    if target.place is not None and not (
        target.place[0] < grid.height and target.place[1] < grid.width
    ):
        raise UsageError(
            f"{where}: the grid has {grid.height} rows and {grid.width} columns, use rows 0 to "
            f"{grid.height - 1} and columns 0 to {grid.width - 1}"
        )


def _check_part(part: str | None, layout: Layout, where: str) -> None:
    if len(layout.shape) != 2:
        raise UsageError(f"{where}, not tokens; name a layer of a transformer")
    n_registers = layout.n_prefix - int(layout.has_class_token)
    n_patches = layout.shape[0] - layout.n_prefix
    if part == "cls" and not layout.has_class_token:
        raise UsageError(f"{where}: there is no class token here; use mean or a patch's number")
    if part is not None and part.startswith("reg") and int(part[3:]) >= n_registers:
        raise UsageError(f"{where}: it has {n_registers} register tokens, counted from reg0")
    if part is not None and part.isdecimal() and int(part) >= n_patches:
        raise UsageError(f"{where}: it has {n_patches} patch tokens, use 0 to {n_patches - 1}")


def _check_direction(target: Target, layout: Layout, where: str) -> None:
    if target.part is not None:
        _check_part(target.part, layout, where)
    length = len(target.vector or ())
    if _is_whole(target, layout):
        return
    if not _has_places(layout):
        raise UsageError(f"{where}; give a direction of {layout.size} numbers, {length} came")
    wanted = layout.shape[_channel_axis(layout)]
    if length != wanted:
        whole = f", or {layout.size} for the whole activation" if layout.size != wanted else ""
        raise UsageError(
            f"{where}: the direction has {length} numbers; give one of {wanted}, a number a "
            f"channel{whole}"
        )


class TargetObjective:
    """Weighted sums of targets, one sum a member: ``score = sum_j w_j target_j(a)``.

    Args:
        members: what each member is drawn for.
        slots: where the readings lie in the flat activations.

    Raises:
        UsageError: when a target is not there (:func:`check_target`).
    """

    def __init__(self, members: Sequence[WeightedSum | Target], slots: Slots) -> None:
        self.members = tuple(as_sum(member) for member in members)
        self.slots = slots
        for goal in dict.fromkeys(self.members):
            check_sum(goal, slots)

    def scores(self, activations: Activations) -> Scores:
        """Score every view of every member."""
        return torch.stack(
            [
                self._score(goal, views)
                for goal, views in zip(self.members, activations, strict=True)
            ]
        )

    def _score(self, goal: WeightedSum, views: Float[Tensor, "view feature"]) -> Tensor:
        total = views.new_zeros(len(views))
        for term in goal.terms:
            reading = term.target.reading
            value = self.slots.cut(views, reading)
            score = target_score(term.target, value, self.slots.layout(reading))
            total = total + term.weight * score
        return total

    def select(self, index: Int[Tensor, " kept"]) -> "TargetObjective":
        """Return the objective of some members only."""
        return TargetObjective([self.members[place] for place in index.tolist()], self.slots)
