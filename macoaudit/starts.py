"""Starts from which a search can move: a target that is silent at one may answer at another.

A channel behind a rectifier has no gradient where it is zero, and on any one image many channels
are. So a zero gradient at one start says nothing about the network; only when other images leave
the target silent too is it called dead.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from macoaudit.config import MacoConfig
from macoaudit.optimize import DEAD_GRADIENT, Activation
from macoaudit.parametrization import (
    BUILDERS,
    Canvas,
    MacoParametrization,
    adopt,
    build_parametrization,
)
from macoaudit.search import generators, whole_view
from macoaudit.spectrum import Spectrum
from macoaudit.targets import Objective

MARGIN = 0.01
"""An image's black and white are drawn in by this much, where the squash still has a slope."""
N_OTHER_STARTS = 16
"""Starts that are tried after the first: a target that answers at a quarter of all images stays
silent at this many by chance once in a hundred times."""


def written(image_01: Float[Tensor, "batch channel height width"]) -> Tensor:
    """Round to 8 bits, as pictures are written: start and end are scored alike."""
    return (image_01 * 255).round() / 255


def silent(
    read: Activation, objective: Objective, image_01: Float[Tensor, "member channel height width"]
) -> Bool[Tensor, " member"]:
    """Tell which members' scores have a zero gradient at an image; a NaN is not silence.

    Args:
        read: images to activations.
        objective: scores of the members, one image each.
        image_01: one image a member, as the network sees it.
    """
    with torch.enable_grad():
        images = image_01.detach().requires_grad_()
        scores = objective.scores(read(images).float()[:, None])[:, 0]
        if scores.requires_grad:
            (gradient,) = torch.autograd.grad(scores.sum(), images, materialize_grads=True)
        else:  # a network that does not look at its input at all
            gradient = torch.zeros_like(images)
    strength = gradient.abs().mean(1).amax((-2, -1))
    return (strength < DEAD_GRADIENT) & torch.isfinite(scores.detach())


def find_starts(
    images: Canvas,
    read: Activation,
    objective: Objective,
    view_size: tuple[int, int],
    build: Callable[[Sequence[int], int], Canvas],
) -> tuple[Bool[Tensor, " member"], tuple[int, ...]]:
    """Give members that are silent at their start the first other start where they are not.

    Args:
        images: the members' starts; those of silent members are replaced in place.
        read: images to activations.
        objective: scores of the members.
        view_size: height and width of what the network sees.
        build: makes other starts of the members named; the number says which try it is, from 1.

    Returns:
        Who answers now, and how many starts were looked at for each.
    """

    def asleep(canvas: Canvas, scores: Objective) -> Tensor:
        seen = written(whole_view(canvas.decode().image_01, view_size))
        return silent(read, scores, seen)

    sleeping = asleep(images, objective)
    n_starts = torch.ones(len(sleeping), dtype=torch.int64)
    for attempt in range(1, N_OTHER_STARTS + 1):
        index = sleeping.nonzero().flatten()
        if len(index) == 0:
            break
        other = build(index.tolist(), attempt)
        awake = ~asleep(other, objective.select(index))
        rows = awake.nonzero().flatten()
        adopt(images, index[rows], other, rows)
        sleeping[index[rows]] = False
        n_starts[index.cpu()] = attempt + 1
    return ~sleeping, tuple(n_starts.tolist())


def other_starts(
    method: str,
    members: Sequence[tuple[str, int]],
    spectrum: Spectrum,
    config: MacoConfig,
    canvas: tuple[int, int],
    device: torch.device,
) -> Callable[[Sequence[int], int], Canvas]:
    """Make further starts: random phases on the natural magnitude, for every method.

    The starts of the Fourier and pixel methods are nearly grey and nearly the same for every seed.

    Args:
        method: ``maco``, ``fourier`` or ``pixel``.
        members: key and seed of each.
        spectrum: the magnitude.
        config: phase law and resampling.
        canvas: height and width in pixels.
        device: where to compute.

    Returns:
        What :func:`find_starts` calls.
    """

    def build(places: Sequence[int], attempt: int) -> Canvas:
        drawn = generators([members[place] for place in places], f"phase {attempt}", "cpu")
        natural = build_parametrization(spectrum, config, canvas, drawn, device)
        if method == "maco":
            return natural
        other = BUILDERS[method](spectrum, config, canvas, drawn, device)
        if not isinstance(other, MacoParametrization):
            other.take_images(natural.decode().image_01.clamp(MARGIN, 1 - MARGIN))
        return other

    return build
