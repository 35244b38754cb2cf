"""What every search for an image shares: random streams, steps, precision, the whole view."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.config import MacoConfig
from macoaudit.models import LoadedModel
from macoaudit.optimize import Activation
from macoaudit.parametrization import frequency_step
from macoaudit.views import axis_weights

# Step of a Fourier coefficient where MACO's phase would move by one radian: 0.1 at the first step
# of the default settings (Lucid: 0.05). Measured on the demo network: half of it stays further from
# the reference; from 0.5 up pictures saturate, and other networks see something else in them.
FOURIER_STEP = 0.2
# The same for a pixel, in units of the linear image, of which the squash takes four: Lucid's 0.05
# in the argument of the sigmoid at the first step of the default settings.
PIXEL_STEP = 0.025


def stream_seed(key: str, seed: int, stream: str) -> int:
    """Seed of one member's random stream, the same whatever else is in the batch or the run.

    ``sha256(key, seed, stream)`` reduced to 63 bits; ``key`` is the image's digest.
    """
    digest = hashlib.sha256(f"{key}\n{seed}\n{stream}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generators(
    members: Sequence[tuple[str, int]], stream: str, device: str
) -> list[torch.Generator]:
    """Make each member's generator of one random stream.

    Args:
        members: key and seed of each.
        stream: what is drawn, such as ``phase``.
        device: where it is drawn.
    """
    return [
        torch.Generator(device=device).manual_seed(stream_seed(key, seed, stream))
        for key, seed in members
    ]


def autocast(device: torch.device, precision: str) -> Callable[[], AbstractContextManager[object]]:
    """Make the context in which the network runs: ``fp32`` or ``bf16``."""
    if precision == "fp32":
        return nullcontext
    return partial(torch.autocast, device.type, dtype=torch.bfloat16)


def whole_view(
    image_01: Float[Tensor, "batch channel height width"], size: tuple[int, int]
) -> Float[Tensor, "batch channel view_height view_width"]:
    """Resize the whole canvas to what the network sees; the identity when it has that size."""
    if tuple(image_01.shape[-2:]) == size:
        return image_01
    zero, one = image_01.new_zeros(1), image_01.new_ones(1)
    rows = axis_weights(zero, one, image_01.shape[-2], size[0], "clamp")[0]
    columns = axis_weights(zero, one, image_01.shape[-1], size[1], "clamp")[0]
    return rows @ image_01 @ columns.T


def on_value_range(read: Activation, model: LoadedModel, config: MacoConfig) -> Activation:
    """Let a network see the canvas' values, or those of the peers' value range."""
    if config.phase.value_range is None:
        return read
    low, high = config.phase.value_range
    shape = (1, -1, 1, 1)
    device = torch.device(model.device)
    mean = torch.tensor(model.preprocessing.mean, device=device).view(shape)
    std = torch.tensor(model.preprocessing.std, device=device).view(shape)
    # The model's own normalisation is undone in advance, so that it sees low + (high - low) x.
    return lambda view: read((low + (high - low) * view) * std + mean)


def step_scale(
    config: MacoConfig,
    parametrization: str,
    canvas: tuple[int, int],
    device: torch.device,
) -> Tensor:
    """Scale the steps of a parametrization's parameters."""
    if parametrization == "fourier":  # its own scaling by frequency is in the coefficients
        return torch.tensor(FOURIER_STEP, device=device)
    if parametrization == "pixel":
        return torch.tensor(PIXEL_STEP, device=device)
    if config.frequency_power == 0:
        return torch.ones((), device=device)
    return frequency_step(canvas, config.frequency_power, config.frequency_knee, device)
