"""Where an inversion starts from and how far it can get: the null and the ceiling of every measure.

The null is random phases on the natural magnitude, the ceiling the reference's own phases on it.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.config import MacoConfig
from macoaudit.inversion import stream_seed, whole_view
from macoaudit.models import LoadedModel
from macoaudit.parametrization import MacoParametrization, build_parametrization
from macoaudit.spectrum import Spectrum

# Of 8-bit values, so that black and white have a finite place before the squash.
_EDGE = 0.5 / 255


def _canvas(model: LoadedModel, config: MacoConfig) -> tuple[int, int]:
    side = config.canvas_px
    return model.preprocessing.input_size if side is None else (side, side)


def _parametrization(
    model: LoadedModel, spectrum: Spectrum, config: MacoConfig, keys: list[str]
) -> MacoParametrization:
    generators = [torch.Generator().manual_seed(stream_seed(key, 0, "null")) for key in keys]
    device = torch.device(model.device)
    return build_parametrization(spectrum, config, _canvas(model, config), generators, device)


def _written(
    images: MacoParametrization, model: LoadedModel
) -> Float[Tensor, "image channel height width"]:
    """The images as they would be written and seen: 8 bits, the network's size, on the CPU."""
    rounded = (images.decode().image_01 * 255).round() / 255
    return whole_view(rounded, model.preprocessing.input_size).cpu()


@torch.no_grad()
def random_phase_images(
    model: LoadedModel, spectrum: Spectrum, config: MacoConfig, count: int
) -> Float[Tensor, "image channel height width"]:
    """Draw images with random phases on the natural magnitude, the same for equal settings.

    Args:
        model: the audited network; gives size and device.
        spectrum: the magnitude.
        config: canvas and phase law.
        count: images.
    """
    parts = [
        _written(_parametrization(model, spectrum, config, [f"random phases {i}"]), model)
        for i in range(count)
    ]
    return torch.cat(parts)


@torch.no_grad()
def own_phases(
    model: LoadedModel,
    spectrum: Spectrum,
    config: MacoConfig,
    image_01: Float[Tensor, "channel height width"],
) -> Float[Tensor, "channel height width"]:
    """Draw an image as the method can at best: its own phases on the natural magnitude.

    Args:
        model: the audited network; gives size and device.
        spectrum: the magnitude.
        config: canvas and phase law.
        image_01: the image, values in [0, 1].
    """
    images = _parametrization(model, spectrum, config, ["own phases"])
    canvas = whole_view(image_01[None].to(images.template.device), images.size)
    images.take_phases(canvas.clamp(_EDGE, 1 - _EDGE))
    return _written(images, model)[0]
