"""From free parameters to images, with gradients in closed form: MACO, Fourier, pixels."""

from macoaudit.parametrization.building import (
    BUILDERS,
    Canvas,
    adopt,
    build_fourier,
    build_parametrization,
    build_pixels,
)
from macoaudit.parametrization.fourier import FourierParametrization
from macoaudit.parametrization.maco import (
    LUCID_COLOR_MATRIX,
    Decoded,
    MacoParametrization,
    frequency_step,
    mix_colors,
    self_conjugate_columns,
    tie_phase,
)
from macoaudit.parametrization.pixel import PixelParametrization

__all__ = [
    "BUILDERS",
    "LUCID_COLOR_MATRIX",
    "Canvas",
    "Decoded",
    "FourierParametrization",
    "MacoParametrization",
    "PixelParametrization",
    "adopt",
    "build_fourier",
    "build_parametrization",
    "build_pixels",
    "frequency_step",
    "mix_colors",
    "self_conjugate_columns",
    "tie_phase",
]
