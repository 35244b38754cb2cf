"""The natural images nearest to a query, by cosine."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.natural.features import sound, unit


@dataclass(frozen=True)
class Neighbours:
    """The members of a bank nearest to one query, nearest first."""

    indices: tuple[int, ...]
    cosines: tuple[float, ...]


def nearest(
    query: Float[Tensor, "query feature"],
    bank: Float[Tensor, "natural feature"],
    count: int,
    allowed: Bool[Tensor, "query natural"],
) -> tuple[Neighbours, ...]:
    """Find the members of a bank with the largest cosine to each query.

    Equal cosines (to 12 decimals) are ordered by the member's place in the bank, so the answer
    does not depend on the machine.

    Args:
        query: features, as they are.
        bank: features, as they are.
        count: members wanted; fewer come where fewer are allowed.
        allowed: which members may be an answer to which query, for example not the image itself.

    Returns:
        One a query; none for a query without direction, and members without one are left out
        (:func:`flaw`).

    Raises:
        UsageError: when count is below 1.
    """
    if count < 1:
        raise UsageError(f"count is {count}; use at least 1")
    cosines = (unit(query.nan_to_num()) @ unit(bank.nan_to_num()).T).clamp(-1, 1)
    possible = allowed & sound(query)[:, None] & sound(bank)
    ranked = torch.where(possible, cosines.round(decimals=12), -torch.inf)
    order = ranked.argsort(dim=1, descending=True, stable=True)
    found = []
    for row, places in enumerate(order.tolist()):
        chosen = tuple(place for place in places[:count] if bool(possible[row, place]))
        found.append(Neighbours(chosen, tuple(float(cosines[row, place]) for place in chosen)))
    return tuple(found)
