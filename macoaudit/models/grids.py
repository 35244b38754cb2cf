"""Layers that keep places apart: their outputs as grids, and which of them stand for which depth.

A network's *blocks* are the members of its lists of parts (``blocks.7``, ``layer3.5``,
``stages.2``): modules with parts that learn inside an ``nn.Sequential`` or ``nn.ModuleList``, the
outermost ones. A network without blocks offers all its layers.
"""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from macoaudit.errors import LayerError
from macoaudit.models.activations import Images, activation_function
from macoaudit.models.layers import PENULTIMATE, LayerInfo, list_layers
from macoaudit.models.loaded import LoadedModel

# A grid of fewer places than this a side says little about where something is.
_LEAST_SIDE = 8
# Where a network keeps one grid to its end, content is read at this share of its depth.
_DEPTH_FRAC = 0.6


@dataclass(frozen=True)
class Grid:
    """How a layer's output is laid out over the image."""

    height: int
    width: int
    n_prefix: int
    """Tokens in front of the patch tokens."""
    channels_last: bool


@dataclass(frozen=True)
class GridLayer:
    """A layer whose output is a grid over the image."""

    name: str
    grid: Grid


def grid_of(shape: tuple[int, ...], model: LoadedModel) -> Grid | None:
    """Read a layer's output shape (without the batch) as a grid over the input, where it is one.

    (channel, h, w) and (h, w, channel) with ``h : w`` as the input's sides, or (token, dim) with
    ``h w`` tokens behind the network's class and register tokens; at least two places a side.
    """
    height, width = model.preprocessing.input_size
    if len(shape) == 3:
        for (h, w), last in (((shape[1], shape[2]), False), ((shape[0], shape[1]), True)):
            if min(h, w) > 1 and h <= height and h * width == w * height:
                return Grid(h, w, 0, last)
    if len(shape) == 2:
        prefix = getattr(model.module, "num_prefix_tokens", 0)
        for n_prefix in (prefix if isinstance(prefix, int) else 0, 0):
            n = shape[0] - n_prefix
            h = round((n * height / width) ** 0.5) if n > 0 else 0
            if h > 1 and n % h == 0 and n // h > 1 and h * width == (n // h) * height:
                return Grid(h, n // h, n_prefix, True)
    return None


def grid_function(
    model: LoadedModel, layer: str
) -> Callable[[Images], Float[Tensor, "batch channel rows columns"]]:
    """Make the function from images in 0..1 to a layer's output as (batch, channel, h, w).

    Raises:
        LayerError: when the layer cannot be used or is no grid.
    """
    read = activation_function(model, layer)

    def grid(image_01: Images) -> Tensor:
        value = read(image_01)
        layout = grid_of(tuple(value.shape[1:]), model)
        if layout is None:
            raise LayerError(
                f"--layer {layer}: its output {tuple(value.shape[1:])} is no grid over the image"
            )
        if value.ndim == 3:
            tokens = value[:, layout.n_prefix :].mT
            folded: Tensor = tokens.reshape(*tokens.shape[:2], layout.height, layout.width)
            return folded
        return value.movedim(-1, 1) if layout.channels_last else value

    return grid


def _block_names(module: nn.Module) -> list[str]:
    """Names of the outermost blocks."""
    parts = dict(module.named_modules())
    names: list[str] = []
    for name, part in parts.items():
        parent = parts.get(name.rpartition(".")[0])
        is_list = type(part) in (nn.Sequential, nn.ModuleList, nn.ModuleDict)
        # A norm with its activation has parts too, but no part that learns.
        learns = any(True for child in part.children() for _ in child.parameters())
        if not name or is_list or not learns:
            continue
        if not isinstance(parent, nn.Sequential | nn.ModuleList) or parent is module:
            continue
        if not any(name.startswith(f"{outer}.") for outer in names):
            names.append(name)
    return names


def block_layers(model: LoadedModel) -> tuple[LayerInfo, ...]:
    """List the network's blocks in the order in which they run.

    A network that has not two blocks gives all its layers but those at its end that hold the class
    scores.
    """
    layers = [layer for layer in list_layers(model) if layer.name != PENULTIMATE]
    names = set(_block_names(model.module))
    blocks = tuple(layer for layer in layers if layer.name in names)
    if len(blocks) > 1:
        return blocks
    scores = (model.num_classes,)
    inside = list(layers)
    while inside and inside[-1].shape == scores:
        inside.pop()
    return tuple(inside or layers)


def content_layers(model: LoadedModel) -> tuple[GridLayer, ...]:
    """Choose the layers in whose features places of two images are compared; none without a grid.

    The first is the coarsest grid with at least eight places a side (else the finest there is): the
    last block that has it where coarser ones follow, and the block at three fifths of them where it
    is kept to the end, as in a plain vision transformer. The others are the last block with a grid
    and the one halfway, where there are further ones.
    """
    found = [
        GridLayer(layer.name, grid)
        for layer in block_layers(model)
        if (grid := grid_of(layer.shape, model)) is not None
    ]
    if not found:
        return ()
    sides = [min(layer.grid.height, layer.grid.width) for layer in found]
    wide = [side for side in sides if side >= _LEAST_SIDE]
    side = min(wide) if wide else max(sides)
    places = [place for place, s in enumerate(sides) if s == side]
    kept = sides[-1] == side
    first = places[min(len(places) - 1, int(_DEPTH_FRAC * len(places)))] if kept else places[-1]
    last = len(found) - 1
    chosen = sorted({first, (first + last) // 2, last})
    return tuple(found[place] for place in chosen)


def depth_layers(model: LoadedModel, count: int = 4) -> tuple[str, ...]:
    """Choose layers evenly spaced over the network's depth, the penultimate one last.

    Args:
        model: the network.
        count: blocks to choose, fewer where there are fewer; the penultimate layer is added.
    """
    blocks = [layer.name for layer in block_layers(model)]
    count = min(count, len(blocks))
    chosen = [blocks[(i + 1) * len(blocks) // count - 1] for i in range(count)]
    has_penultimate = any(layer.name == PENULTIMATE for layer in list_layers(model))
    return (*chosen, PENULTIMATE) if has_penultimate else tuple(chosen)
