"""From free parameters to images, with gradients in closed form: MACO phases, Fourier spectra."""

from macoaudit.parametrization.building import (
    build_fourier,
    build_parametrization,
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

__all__ = [
    "LUCID_COLOR_MATRIX",
    "Decoded",
    "FourierParametrization",
    "MacoParametrization",
    "build_fourier",
    "build_parametrization",
    "frequency_step",
    "mix_colors",
    "self_conjugate_columns",
    "tie_phase",
]
