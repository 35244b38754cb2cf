"""Feature accentuation: a target's score against a penalty on leaving a given image."""

from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.models import Reading
from macoaudit.targets.objective import Activations, Scores
from macoaudit.targets.scoring import Slots, TargetObjective
from macoaudit.targets.target import WeightedSum


def typical_size(goal: WeightedSum, slots: Slots, flat: Float[Tensor, " feature"]) -> float:
    """Say in which size a sum's scores come: ``sum_j |w_j| rms(a_j)`` on one image's activation.

    For heads, whose score is a mean of squares, ``rms^2``. It puts scores of different targets
    beside a penalty on one scale.
    """
    total = 0.0
    for term in goal.terms:
        value = slots.cut(flat[None], term.target.reading).float()
        size = float(value.square().mean().sqrt())
        if term.target.kind == "direction":
            size = (
                1.0 if term.target.form == "cosine" else size * float(term.target.direction.norm())
            )
        if term.target.form == "standard":
            size = 1.0
        total += abs(term.weight) * (size * size if term.target.kind == "head" else size)
    return total


class AccentObjective:
    """Feature accentuation: a target's score against leaving a given image.

    ``score = t(a) / size - weight |b - b0| / |b0|`` with ``t`` the member's weighted sum, ``size``
    :func:`typical_size` of it on the given image, ``b`` the view's activation at the layer that is
    to be kept and ``b0`` the given image's own there.

    Source: Hamblin et al. 2024 (arXiv 2402.10039): a target and a penalty on the distance to the
    image in a layer's activations. There the image is cut by the same views; here ``b0`` is that
    of the whole image, so that a view is drawn towards it and not held to its own crop.

    Args:
        inner: the members' targets.
        sizes: :func:`typical_size` of each, positive.
        kept: the reading to be kept, one of the slots.
        reference: ``b0`` flattened, one row a member, none of them zero.
        weight: weight of the penalty, 0 for none.

    Raises:
        UsageError: for a negative weight, a size or a reference that is zero.
    """

    def __init__(
        self,
        inner: TargetObjective,
        sizes: Float[Tensor, " batch"],
        kept: Reading,
        reference: Float[Tensor, "batch feature"],
        weight: float,
    ) -> None:
        if not weight >= 0:
            raise UsageError(f"--keep is {weight}; use 0 (free) or more")
        if not bool((sizes > 0).all()) or not bool(reference.any(1).all()):
            raise UsageError(
                "--accentuate: the image's activation is zero everywhere at the target's layer or "
                "at the layer to be kept, so there is nothing to compare with; name another layer"
            )
        self.inner, self.sizes, self.kept = inner, sizes, kept
        self.reference, self.weight = reference, weight

    def scores(self, activations: Activations) -> Scores:
        """Score every view of every member."""
        kept = self.inner.slots.cut(activations, self.kept).flatten(2)
        reference = self.reference[:, None]
        distance = (kept - reference).norm(dim=-1) / reference.norm(dim=-1)
        scores = self.inner.scores(activations) / self.sizes[:, None]
        penalised: Tensor = scores - self.weight * distance
        return penalised

    def select(self, index: Int[Tensor, " kept"]) -> "AccentObjective":
        """Return the objective of some members only."""
        return AccentObjective(
            self.inner.select(index),
            self.sizes[index],
            self.kept,
            self.reference[index],
            self.weight,
        )
