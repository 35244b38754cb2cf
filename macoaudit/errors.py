"""The one tree of exceptions that macoaudit raises on purpose.

    MacoauditError
    ├── UsageError          an argument, option or setting that cannot be used as given
    ├── ImageError          a reference image that cannot be read
    ├── ModelError          a model that cannot be had
    │   ├── UnknownModelError   no such name, alias, tag or card
    │   ├── WeightsError        weights that are missing, do not fit or have another digest
    │   │   └── UnreachableError    weights that are not here, and there is no network to get them
    │   └── LayerError          no such layer, or a layer without usable output
    ├── SpectrumError       a magnitude spectrum that cannot be measured or read
    ├── OptimizationError   a run that cannot go on (a non-finite score or gradient)
    ├── StoreError          an output folder that cannot be written, or holds another run
    └── ReportError         a report that cannot be rendered

Every message names the argument, what came, and what to do about it. The command line prints the
message on one line and exits with 2; a traceback is shown only with ``-v``.
"""


class MacoauditError(Exception):
    """Base of every error that macoaudit raises on purpose."""


class UsageError(MacoauditError):
    """An argument, option or setting cannot be used as given."""


class NoImagesError(UsageError):
    """There are no images, or too few, of what was asked about."""


class ImageError(MacoauditError):
    """A reference image cannot be read."""


class ModelError(MacoauditError):
    """A model cannot be had."""


class UnknownModelError(ModelError):
    """There is no model of that name, alias, tag or card."""


class WeightsError(ModelError):
    """Weights are missing, do not fit the architecture, or have another digest than stated."""


class UnreachableError(WeightsError):
    """Weights are not in the cache, and the network cannot or must not be used to get them."""


class LayerError(ModelError):
    """There is no such layer, or its output cannot be used as a target."""


class SpectrumError(MacoauditError):
    """A magnitude spectrum cannot be measured, read or resampled."""


class OptimizationError(MacoauditError):
    """An optimisation cannot go on, for example because a score or gradient is not finite."""


class StoreError(MacoauditError):
    """An output folder cannot be written, or holds another run."""


class ReportError(MacoauditError):
    """A report cannot be rendered."""
