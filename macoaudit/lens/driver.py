"""The network that is asked: scores and gradients of images, with every number checked."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from macoaudit.errors import OptimizationError, UsageError
from macoaudit.lens.settings import LensObjective, ObjectiveFunction
from macoaudit.models import frozen

Network = Callable[[Float[Tensor, "batch channel height width"]], Tensor]
"""Images in the value range to logits ``[batch, class]``; normalisation is the network's part."""
Images = Float[Tensor, "batch channel height width"]
Classes = Int[Tensor, " batch"]


@contextmanager
def quiet(network: Network) -> Iterator[None]:
    """Ask a network in eval mode, without gradients of parameters and in full precision.

    Args:
        network: a module's modes and flags are as they were afterwards; any other callable is left
            as it is.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        for kind in ("cpu", "cuda"):
            stack.enter_context(torch.autocast(kind, enabled=False))
        if isinstance(network, nn.Module):
            stack.enter_context(frozen(network))
        yield


def batches(n_images: int, batch_size: int) -> list[slice]:
    """Cut a number of images into batches."""
    return [slice(start, start + batch_size) for start in range(0, n_images, batch_size)]


def logits_of(network: Network, images: Images, batch_size: int, what: str) -> Tensor:
    """Ask for logits without a gradient.

    Args:
        network: who is asked.
        images: in the value range.
        batch_size: images at a time.
        what: who it is, for messages.

    Returns:
        Logits ``[batch, class]``.

    Raises:
        UsageError: when the network does not give one row of logits an image.
        OptimizationError: when a logit is not finite.
    """
    parts = [images[part] for part in batches(len(images), batch_size)]
    with torch.no_grad():
        return torch.cat([_checked(network(part), part, what) for part in parts])


def _checked(logits: Tensor, images: Tensor, what: str) -> Tensor:
    if logits.ndim != 2 or logits.shape[0] != images.shape[0]:
        raise UsageError(
            f"{what}: gives {tuple(logits.shape)} for {images.shape[0]} images; logits must be "
            "[batch, class]"
        )
    if not logits.isfinite().all():
        raise OptimizationError(f"logits: {what} gives values that are not finite")
    return logits


class Driver:
    """The network that the lens follows, and what it climbs."""

    def __init__(
        self, network: Network, objective: LensObjective | ObjectiveFunction, batch_size: int
    ) -> None:
        self._network, self._objective, self._batch_size = network, objective, batch_size

    def logits(self, images: Images) -> Tensor:
        """Ask for logits ``[batch, class]``."""
        return logits_of(self._network, images, self._batch_size, "model")

    def score(self, logits: Tensor, target: Classes, source: Classes) -> Tensor:
        """Compute the objective of each image from its logits.

        Raises:
            UsageError: when an objective of the caller's gives another shape.
        """
        at_target = logits.gather(1, target[:, None])[:, 0]
        if self._objective == "nll":
            return at_target - logits.logsumexp(dim=1)
        if self._objective == "margin":
            return at_target - logits.gather(1, source[:, None])[:, 0]
        if self._objective == "logit":
            return at_target
        assert callable(self._objective)
        score = self._objective(logits, target, source)
        if score.shape != target.shape:
            raise UsageError(
                f"objective: gives {tuple(score.shape)} for {target.shape[0]} images; it must give "
                "one score an image"
            )
        return score

    def gradient(self, images: Images, target: Classes, source: Classes) -> Images:
        """Take the gradient of the objective with respect to each image.

        Raises:
            OptimizationError: when a logit or the gradient is not finite.
        """
        gradients = []
        for part in batches(len(images), self._batch_size):
            free = images[part].detach().clone().requires_grad_()
            with torch.enable_grad():
                logits = _checked(self._network(free), free, "model")
                total = self.score(logits, target[part], source[part]).sum()
                if total.requires_grad:
                    (gradient,) = torch.autograd.grad(total, free, allow_unused=True)
                else:
                    gradient = None
            gradients.append(torch.zeros_like(free) if gradient is None else gradient.detach())
        found = torch.cat(gradients)
        if not found.isfinite().all():
            raise OptimizationError(
                "gradient: the model's gradient with respect to the image is not finite"
            )
        return found
