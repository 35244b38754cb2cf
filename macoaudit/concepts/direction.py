"""A concept as a target: climb along its direction among a layer's channels."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.models import LoadedModel, grid_function

Images = Float[Tensor, "batch colour height width"]


def pooled_activation(
    model: LoadedModel, layer: str
) -> Callable[[Images], Float[Tensor, "batch channel"]]:
    """Make the function from images in 0..1 to a layer's activations averaged over its places.

    Raises:
        LayerError: when the layer cannot be used or is no grid.
    """
    read = grid_function(model, layer)

    def pooled(image_01: Images) -> Float[Tensor, "batch channel"]:
        return read(image_01).mean((-2, -1))

    return pooled


class DirectionObjective:
    """Dot product ``a . w`` of each view's averaged activations with the member's own direction.

    It serves :func:`macoaudit.optimize.optimize` together with :func:`pooled_activation`.

    Args:
        directions: one a member; only their direction counts (they are scaled to unit length).

    Raises:
        UsageError: when a direction is zero or not finite.
    """

    def __init__(self, directions: Float[Tensor, "batch channel"]) -> None:
        length = directions.norm(dim=-1, keepdim=True)
        bad = (~(length.isfinite() & (length > 0))).flatten().nonzero().flatten().tolist()
        if bad:
            raise UsageError(
                f"direction: that of member {bad[0]} is zero or not finite; give one that points "
                "somewhere"
            )
        self.directions: Tensor = directions / length

    def scores(
        self, activations: Float[Tensor, "batch view channel"]
    ) -> Float[Tensor, "batch view"]:
        """Score every view of every member."""
        if activations.shape[-1] != self.directions.shape[-1]:
            raise UsageError(
                f"direction: it has {self.directions.shape[-1]} numbers, the layer "
                f"{activations.shape[-1]} channels; give one of the layer's length"
            )
        product: Tensor = torch.einsum("bvc,bc->bv", activations, self.directions)
        return product

    def select(self, index: Int[Tensor, " kept"]) -> "DirectionObjective":
        """Return the objective of some members only."""
        return DirectionObjective(self.directions[index])
