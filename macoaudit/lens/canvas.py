"""The images of a batch, and what an edit makes of them: changed, clipped, at a given distance."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy.optimize import elementwise
from torch import Tensor

from macoaudit.lens.edits import Edit, per_image
from macoaudit.lens.planes import Planes

Images = Float[Tensor, "batch channel height width"]

TOLERANCE = 5e-4
"""Relative error of a distance that was asked for."""
_LEAST_LOG2, _MOST_LOG2 = -14, 20
"""Amounts between which a distance is looked for, as powers of two."""


@dataclass(frozen=True)
class Reached:
    """Images at distances that were asked for."""

    images: Images
    amount: Float[Tensor, " batch"]
    attained: Bool[Tensor, " batch"]
    """Within :data:`TOLERANCE`; an edit that saturates before may not get there."""


@dataclass(frozen=True)
class Canvas:
    """The source images, and the way from a change to an image."""

    images: Images
    planes: Planes
    value_range: tuple[float, float]

    def members(self) -> Tensor:
        """Indices of all images."""
        return torch.arange(len(self.images), device=self.images.device)

    def put(self, change: Tensor, members: Tensor) -> Images:
        """Add a change of the plane to some images and clip to the value range."""
        base = self.images[members]
        return (base + self.planes.spread(change, base)).clamp(*self.value_range)

    def at(self, edit: Edit, amount: Tensor, members: Tensor | None = None) -> Images:
        """Compute edited images, each by its own amount."""
        members = self.members() if members is None else members
        return self.put(edit.change(amount, members), members)

    def distance(self, images: Tensor, members: Tensor | None = None) -> Float[Tensor, " kept"]:
        """Distance ``||x' - x||_2`` of edited images from their sources, in the value range."""
        base = self.images if members is None else self.images[members]
        distance: Tensor = torch.linalg.vector_norm((images - base).flatten(1), dim=1)
        return distance

    def reach(self, edit: Edit, wanted: Float[Tensor, " batch"]) -> Reached:
        """Go along an edit until each image has a given distance from its source, after clipping.

        The least power of two beyond the distance is found first, then a root between it and the
        one before (Chandrupatla's method, as scipy has it for many at once).

        Args:
            edit: the direction.
            wanted: distances; 0 gives the source.
        """
        amount = np.zeros(len(wanted))
        low, high, found = self._bracket(edit, wanted)
        if found.any():
            where = np.flatnonzero(found)
            amount[where] = self._root(edit, wanted, low[where], high[where], where)
        amount[~found & (wanted.cpu().numpy() > 0)] = 2.0**_MOST_LOG2
        amounts = torch.from_numpy(amount).to(self.images)
        images = self.at(edit, amounts)
        error = (self.distance(images) - wanted).abs()
        return Reached(images, amounts, error <= 2 * TOLERANCE * wanted)

    def _bracket(
        self, edit: Edit, wanted: Tensor
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        n_images = len(wanted)
        low, high = np.zeros(n_images), np.zeros(n_images)
        found = np.zeros(n_images, dtype=bool)
        left = np.flatnonzero(wanted.cpu().numpy() > 0)
        for exponent in range(_LEAST_LOG2, _MOST_LOG2 + 1):
            if not len(left):
                break
            amount = 2.0**exponent
            beyond = self._excess(edit, wanted, np.full(len(left), amount), left) >= 0
            high[left[beyond]], found[left[beyond]] = amount, True
            low[left[~beyond]] = amount
            left = left[~beyond]
        return low, high, found

    def _root(
        self,
        edit: Edit,
        wanted: Tensor,
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        where: NDArray[np.intp],
    ) -> NDArray[np.float64]:
        root = elementwise.find_root(
            lambda amount, index: self._excess(edit, wanted, amount, index),
            (low, high),
            args=(where,),
            tolerances={"fatol": TOLERANCE, "xrtol": 1e-9},
        )
        return np.asarray(root.x, dtype=np.float64)

    def _excess(
        self,
        edit: Edit,
        wanted: Tensor,
        amount: NDArray[np.float64],
        index: NDArray[np.intp],
    ) -> NDArray[np.float64]:
        """Relative distance beyond the one wanted."""
        members = torch.from_numpy(np.asarray(index, dtype=np.int64)).to(self.images.device)
        amounts = torch.from_numpy(np.asarray(amount, dtype=np.float64)).to(self.images)
        distance = self.distance(self.at(edit, amounts, members), members)
        return (distance / wanted[members] - 1).double().cpu().numpy()


def scaled(canvas: Canvas, change: Tensor, factor: Tensor) -> Images:
    """Put a multiple of a change of the plane on every image."""
    return canvas.put(change * per_image(factor, change), canvas.members())
