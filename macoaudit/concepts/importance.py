"""How much of an output's variance each input is part of: Sobol total indices.

For independent inputs the total index of input i is ``S_Ti = E[Var(f | all but i)] / Var(f)``: the
share of the variance that i takes part in, alone or with others. Estimated after Jansen 1999
("Analysis of variance designs for model output", Computer Physics Communications 117), in the form
of Saltelli et al. 2010 (Computer Physics Communications 181, table 2 f):

    S_Ti = 1 / (2 N) sum_j (f(A_j) - f(A_j with column i of B_j))^2 / Var(f)

with rows of A and B from one scrambled Sobol sequence of twice the number of inputs.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from scipy.stats import qmc
from torch import Tensor

from macoaudit.errors import UsageError


def total_index_design(
    n_inputs: int, n_rows: int, *, seed: int
) -> Float[Tensor, "design n_inputs"]:
    """Draw the points at which a function of ``n_inputs`` numbers in [0, 1] is to be evaluated.

    Args:
        n_inputs: at least 1.
        n_rows: N of the formula, a power of two (the sequence is balanced only then).
        seed: of the scrambling.

    Returns:
        ``N (n_inputs + 2)`` points in float64: A, B, then A with column i of B for each i.

    Raises:
        UsageError: when ``n_rows`` is no power of two above 1.
    """
    if n_rows < 2 or n_rows & (n_rows - 1):
        raise UsageError(f"designs: {n_rows} came; use a power of two, for example 32")
    points = qmc.Sobol(2 * n_inputs, scramble=True, rng=seed).random(n_rows)
    a, b = torch.from_numpy(points).chunk(2, 1)
    crossed = a[None].repeat(n_inputs, 1, 1)
    index = torch.arange(n_inputs)
    crossed[index, :, index] = b.T
    return torch.cat([a, b, crossed.flatten(0, 1)])


def total_indices(
    values: Float[Tensor, "*output design"], n_inputs: int
) -> Float[Tensor, "*output n_inputs"]:
    """Estimate total indices from the values of a function at :func:`total_index_design`.

    Args:
        values: of one or several functions, in the order of the design.
        n_inputs: as it was given to the design.

    Returns:
        One index an input, not below 0; 0 for all where the function is constant.
    """
    parts = values.double().reshape(*values.shape[:-1], n_inputs + 2, -1)
    a, b, crossed = parts[..., 0, :], parts[..., 1, :], parts[..., 2:, :]
    variance = torch.cat([a, b], -1).var(-1, correction=0)[..., None]
    unexplained = (a[..., None, :] - crossed).square().mean(-1) / 2
    # Below rounding, a variance is that of a constant.
    floor = (torch.finfo(torch.float32).eps * a.abs().amax(-1))[..., None].square()
    moves = variance > floor
    return torch.where(moves, unexplained / torch.where(moves, variance, 1.0), 0.0)


def sobol_total(
    function: Callable[[Float[Tensor, "point n_inputs"]], Float[Tensor, " point"]],
    n_inputs: int,
    *,
    n_rows: int,
    seed: int,
) -> Float[Tensor, " n_inputs"]:
    """Estimate the total indices of a function of independent inputs, uniform on [0, 1].

    Raises:
        UsageError: see :func:`total_index_design`.
    """
    return total_indices(function(total_index_design(n_inputs, n_rows, seed=seed)), n_inputs)
