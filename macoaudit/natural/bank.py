"""A bank of natural images: the distances among them, and the rank of a query's distance."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.natural.features import distances, unit

# Distances that differ by less than this share of themselves are ties: sums of the same numbers in
# another order differ by a few 1e-16 of their value.
_TIE = 1e-12
# Rows of the bank whose distances to the whole bank are held at once.
_BLOCK = 1024


@dataclass(frozen=True)
class Bank:
    """Natural images' features with each one's nearest others, found once for many questions."""

    features: Float[Tensor, "natural feature"]
    """As they are."""
    units: Float[Tensor, "natural feature"]
    """Of unit length."""
    k: int
    near: Float[Tensor, "natural near"]
    """Distances to the k + 1 nearest others, ascending; to all others where there are only k."""
    who: Int64[Tensor, "natural near"]
    """Which ones these are."""

    @classmethod
    def of(cls, features: Float[Tensor, "natural feature"], k: int) -> "Bank":
        """Measure the distances among natural images, ``O(n^2)`` time and ``O(n)`` memory.

        Raises:
            UsageError: when k is below 1, or there are not k others for every image.
        """
        count = len(features)
        if not 1 <= k < count:
            raise UsageError(f"k is {k}; {count} natural images allow 1 to {count - 1}")
        units = unit(features)
        depth = min(k + 1, count - 1)
        near, who = [], []
        for start in range(0, count, _BLOCK):
            rows = distances(units[start : start + _BLOCK], units)
            own = torch.arange(len(rows), device=rows.device)
            rows[own, own + start] = torch.inf
            # stable, so that which of several equal neighbours comes first is no chance
            values, order = rows.sort(dim=1, stable=True)
            near.append(values[:, :depth])
            who.append(order[:, :depth])
        return cls(features, units, k, torch.cat(near), torch.cat(who))

    def without(self, member: int) -> "Bank":
        """Take one image out, in ``O(n k)``: the bank in which that image itself is scored.

        What is left can be asked, but no further image can be taken out of it.

        Raises:
            UsageError: when an image was taken out already, or too few would be left.
        """
        count, depth = self.near.shape
        if depth != self.k + 1:
            raise UsageError(
                f"member {member} cannot be left out: {count} natural images with k = {self.k} "
                "hold no spare neighbour. Make the bank anew from the images that are left"
            )
        keep = torch.arange(count, device=self.near.device) != member
        near, who = self.near[keep], self.who[keep]
        # The image's own column, or the last one, goes; the order of the others stays.
        gone = who == member
        gone[:, -1] |= ~gone.any(1)
        near = near[~gone].view(count - 1, self.k)
        who = who[~gone].view(count - 1, self.k)
        return Bank(
            self.features[keep], self.units[keep], self.k, near, who - (who > member).long()
        )

    def percentile(
        self, features: Float[Tensor, "query feature"]
    ) -> tuple[Float[Tensor, " query"], Float[Tensor, " query"]]:
        r"""Distance of each query to the bank, and its rank among the bank's own distances.

        With ``d(x, S)`` the mean distance of unit vectors to the k nearest of ``S`` and ``B`` the
        bank of n images::

            distance = d(h, B)
            percentile = (1 + #{j : d(b_j, B - b_j + h) >= d(h, B)}) / (n + 1)

        Query and members are treated alike - each against all others, the query among them - so
        the percentile of a natural image that is exchangeable with the bank is uniform on
        ``1/(n+1), ..., 1`` ("full" conformal prediction). 1: nearer to its neighbours than every
        natural image is; ``1/(n+1)``: farther than all. Ties count as at least as far, so with
        ties (two mutual nearest neighbours are one at ``k = 1``) it can only be larger:
        ``P(percentile <= t) <= t`` always holds.

        Args:
            features: queries, as they are; each is scored by itself.
        """
        to_bank = distances(unit(features), self.units)
        own = to_bank.topk(self.k, dim=1, largest=False).values.mean(1)
        # One more member can only replace the farthest of the k, and only by being nearer.
        rest, last = self.near[:, : self.k - 1].sum(1), self.near[:, self.k - 1]
        members = (rest + torch.minimum(last, to_bank)) / self.k
        as_far = (members >= own[:, None] * (1 - _TIE)).sum(1)
        return own, (1 + as_far).to(own.dtype) / (len(self.units) + 1)
