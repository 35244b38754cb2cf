"""Read one activation in one forward pass: a single hook, always removed, the tail not computed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from macoaudit.errors import LayerError


class _Reached(Exception):
    """Ends a forward pass at the tapped module."""


class Caught:
    """Hooks on several modules for one forward pass, always removed; the values they caught.

    Args:
        parts: modules, each with whether its first positional input is caught, not its output.
        stop: end the pass once every one of them has run.
    """

    def __init__(self, parts: Sequence[tuple[nn.Module, bool]], *, stop: bool) -> None:
        self._parts, self._stop = parts, stop
        self._values: dict[int, Any] = {}
        self._handles: list[Any] = []

    def __enter__(self) -> "Caught":
        """Place the hooks."""
        for place, (part, of_input) in enumerate(self._parts):
            self._handles.append(
                part.register_forward_pre_hook(self._before(place))
                if of_input
                else part.register_forward_hook(self._after(place))
            )
        return self

    def __exit__(self, *_error: object) -> None:
        """Remove the hooks."""
        for handle in self._handles:
            handle.remove()

    def run(self, network: nn.Module, image_norm: Tensor) -> Any:  # noqa: ANN401
        """Run the network; returns its output, None after a stop."""
        try:
            return network(image_norm)
        except _Reached:
            return None

    @property
    def values(self) -> list[Any]:
        """The caught values, in the order of the modules.

        Raises:
            LayerError: when a module was not run.
        """
        if len(self._values) < len(self._parts):
            raise LayerError("a named layer is not run in a forward pass; name another")
        return [self._values[place] for place in range(len(self._parts))]

    def _keep(self, place: int, value: Any) -> None:  # noqa: ANN401
        if place not in self._values:
            # a copy, because a later module may work in place
            self._values[place] = value.clone() if isinstance(value, Tensor) else value
        if self._stop and len(self._values) == len(self._parts):
            raise _Reached

    def _before(self, place: int) -> Callable[..., None]:
        return lambda _module, inputs: self._keep(place, inputs[0] if inputs else None)

    def _after(self, place: int) -> Callable[..., None]:
        return lambda _module, _inputs, output: self._keep(place, output)


@dataclass(frozen=True)
class Call:
    """What one module did in a forward pass."""

    kind: str
    """Name of the module's class."""
    n_calls: int
    output: Any
    """Of its first call."""


def tap(
    network: nn.Module, part: nn.Module, image_norm: Tensor, *, of_input: bool, stop: bool
) -> tuple[Tensor, Tensor | None]:
    """Run a network and catch what one of its modules puts out, or takes in, at its first call.

    Args:
        network: the whole network.
        part: one of its modules.
        image_norm: normalised images, shape (batch, channel, height, width).
        of_input: catch the module's first positional input in place of its output.
        stop: end the pass there, so that the modules behind it are not computed.

    Returns:
        The caught value (not yet checked to be a tensor) and the network's output, None after a
        stop. Without a stop the caught value is a copy, because a later module may work in place.

    Raises:
        LayerError: when the module is not run.
    """
    caught: list[Any] = []

    def keep(value: Any) -> None:  # noqa: ANN401 - modules may return anything
        if not caught:
            caught.append(value.clone() if isinstance(value, Tensor) and not stop else value)
        if stop:
            raise _Reached

    def before(_module: nn.Module, inputs: tuple[Any, ...]) -> None:
        keep(inputs[0] if inputs else None)

    def after(_module: nn.Module, _inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ANN401
        keep(output)

    handle = (
        part.register_forward_pre_hook(before) if of_input else part.register_forward_hook(after)
    )
    output: Tensor | None = None
    try:
        output = network(image_norm)
    except _Reached:
        pass
    finally:
        handle.remove()
    if not caught:
        raise LayerError("--layer: the named module is not run in a forward pass; name another")
    return caught[0], output


def observe(
    network: nn.Module, parts: dict[str, nn.Module], image_norm: Tensor, *, of_input: bool = False
) -> tuple[dict[str, Call], Any]:
    """Run a network once without gradients and note what the given modules do.

    Args:
        network: the whole network.
        parts: name to module.
        image_norm: normalised images, shape (batch, channel, height, width).
        of_input: note the modules' first positional input in place of their output.

    Returns:
        The calls by name in the order of their first run (a module that does not run is absent),
        and the network's output.
    """
    calls: dict[str, Call] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ANN401
            first = calls.get(name)
            value = (inputs[0] if inputs else None) if of_input else output
            calls[name] = (
                Call(type(module).__name__, 1, value)
                if first is None
                else Call(first.kind, first.n_calls + 1, first.output)
            )

        return hook

    handles = [part.register_forward_hook(note(name)) for name, part in parts.items()]
    try:
        with torch.no_grad():  # not inference mode: a network may cache what it computes here
            output = network(image_norm)
    finally:
        for handle in handles:
            handle.remove()
    return calls, output


def pre_logits(module: nn.Module, image_norm: Tensor) -> tuple[Any, Any]:
    """Compute a timm network's features once, then its penultimate vector; return both."""
    timm_module: Any = module
    features = timm_module.forward_features(image_norm)
    return timm_module.forward_head(features, pre_logits=True), features


def checked_activation(value: object, layer: str, n_images: int) -> Tensor:
    """Return a caught value when it can be a target.

    Raises:
        LayerError: when it is no tensor of floating-point numbers with the batch first.
    """
    if not isinstance(value, Tensor) or not value.is_floating_point():
        raise LayerError(
            f"--layer {layer}: its output is a "
            f"{value.dtype if isinstance(value, Tensor) else type(value).__name__}, not a tensor "
            "of floating-point numbers. Name another layer"
        )
    if value.ndim < 2 or value.shape[0] != n_images:
        raise LayerError(
            f"--layer {layer}: its output has shape {tuple(value.shape)} for {n_images} images; "
            "the first axis must be the batch. Name another layer"
        )
    return value
