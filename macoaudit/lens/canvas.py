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
_SMALL, _MOST = 2.0**-8, 2.0**20
"""An amount from which the growth is guessed, and the largest that is tried."""


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

        From a first guess (the distance grows in proportion to a small amount) a bracket is grown
        and the root in it found, for all images at once (Chandrupatla's method, as scipy has it).

        Args:
            edit: the direction.
            wanted: distances; 0 gives the source.
        """
        guess = self._guess(edit, wanted)
        amount = np.where(guess > 0, _MOST, 0.0)
        where = np.flatnonzero(guess > 0)
        if len(where):
            amount[where] = self._root(edit, wanted, guess[where], where)
        amounts = torch.from_numpy(amount).to(self.images)
        images = self.at(edit, amounts)
        error = (self.distance(images) - wanted).abs()
        return Reached(images, amounts, error <= 2 * TOLERANCE * wanted)

    def _guess(self, edit: Edit, wanted: Tensor) -> NDArray[np.float64]:
        """Amount at which the distance would be right if it grew in proportion; 0 for no way."""
        if not bool((wanted > 0).any()):
            return np.zeros(len(wanted))
        small = self.distance(self.at(edit, torch.full_like(edit.peak, _SMALL)))
        guess = torch.where(small > 0, wanted * _SMALL / small.clamp(min=1e-30), 0 * wanted)
        return guess.double().clamp(max=_MOST / 4).cpu().numpy()

    def _root(
        self, edit: Edit, wanted: Tensor, guess: NDArray[np.float64], where: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        def excess(amount: NDArray[np.float64], index: NDArray[np.intp]) -> NDArray[np.float64]:
            return self._excess(edit, wanted, amount, index)

        bracket = elementwise.bracket_root(
            excess, 0.9 * guess, 1.1 * guess, xmin=0.0, xmax=_MOST, args=(where,), maxiter=40
        )
        found = np.asarray(bracket.success)
        # Where an edit saturates before the distance, its end is the nearest that there is.
        amount = np.full(len(guess), _MOST)
        if found.any():
            low, high = (np.asarray(side)[found] for side in bracket.bracket)
            root = elementwise.find_root(
                excess,
                (low, high),
                args=(where[found],),
                tolerances={"fatol": TOLERANCE, "xrtol": 1e-9},
            )
            amount[found] = root.x
        return amount

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
