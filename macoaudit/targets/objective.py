"""What is asked of the network: objectives from activations to one score per view.

Every objective scores each member by itself: changing a batch mate never moves another's score.
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.errors import UsageError

Activations = Float[Tensor, "batch view feature"]
Scores = Float[Tensor, "batch view"]


@runtime_checkable
class Objective(Protocol):
    """Something to maximise."""

    def scores(self, activations: Activations) -> Scores:
        """Score every view of every member."""
        ...

    def select(self, index: Int[Tensor, " kept"]) -> "Objective":
        """Return the objective of some members only."""
        ...


def cosine(
    activations: Float[Tensor, "*batch feature"], reference: Float[Tensor, "*batch feature"]
) -> Float[Tensor, "*batch"]:
    """Cosine ``a.b / (|a| |b|)`` over the last axis, -1 to 1; 0 where a vector is zero."""
    product = (activations * reference).sum(-1)
    norms = activations.norm(dim=-1) * reference.norm(dim=-1)
    similarity: Tensor = product / norms.clamp_min(1e-12)
    return similarity


class InversionObjective:
    """Similarity of each view's activation to the member's own reference activation.

    ``cosine``: ``a.b / (|a| |b|)``. ``dot_cosine``: ``a.b max(0.1, cosine)^2``, the form of the
    method's authors' code family, here per sample.

    Args:
        reference: activations of the reference images, one a member, flattened.
        similarity: ``cosine`` or ``dot_cosine``.

    Raises:
        UsageError: for another similarity, or a reference that is zero (no direction to match).
    """

    def __init__(
        self, reference: Float[Tensor, "batch feature"], similarity: str = "cosine"
    ) -> None:
        if similarity not in ("cosine", "dot_cosine"):
            raise UsageError(f"objective is {similarity!r}; use 'cosine' or 'dot_cosine'")
        zero = (reference.norm(dim=-1) == 0).nonzero().flatten().tolist()
        if zero:
            raise UsageError(
                f"target: the reference activation of member {zero[0]} is zero everywhere, so it "
                "has no direction to match; choose another layer"
            )
        self.reference: Tensor = reference
        self._similarity = similarity

    def scores(self, activations: Activations) -> Scores:
        """Similarity of every view."""
        reference = self.reference[:, None].expand_as(activations)
        similarity = cosine(activations, reference)
        if self._similarity == "cosine":
            return similarity
        product = (activations * reference).sum(-1)
        return product * similarity.clamp_min(0.1).square()

    def select(self, index: Int[Tensor, " kept"]) -> "InversionObjective":
        """Return the objective of some members only."""
        return InversionObjective(self.reference[index], self._similarity)


def checked_goal(targets: Tensor, reference: Float[Tensor, "image feature"]) -> Tensor:
    """Flatten given targets, on the references' device.

    Raises:
        UsageError: when there is not one activation of the references' length per image.
    """
    goal = targets.float().flatten(1).to(reference.device)
    if goal.shape != reference.shape:
        raise UsageError(
            f"targets: {tuple(goal.shape)} (images, features) came, the layer gives "
            f"{tuple(reference.shape)}; give one activation of this layer per image"
        )
    return goal


def without_direction(reference: Float[Tensor, "member feature"]) -> list[str | None]:
    """Name the members whose reference cannot be matched, and take them out of the search.

    Their references become NaN, so that these members leave the batch after the first step and
    their mates go on as if they had been alone.
    """
    problems: list[str | None] = []
    for row in reference:
        if not bool(torch.isfinite(row).all()):
            problems.append(
                "the network's activation of the reference image is not finite; check the weights"
            )
        elif not bool(row.any()):
            problems.append(
                "the network's activation of the reference image is zero everywhere, so it has no "
                "direction to match; choose another --layer"
            )
        else:
            problems.append(None)
    reference[[problem is not None for problem in problems]] = torch.nan
    return problems
