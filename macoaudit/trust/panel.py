"""All checks of the panel in their order, and what they cost."""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from macoaudit.config import MacoConfig
from macoaudit.models import LoadedModel
from macoaudit.optimize import Step
from macoaudit.results import TrustCheck
from macoaudit.spectrum import Spectrum
from macoaudit.trust.agreement import initialisations, inversion_features, parametrizations
from macoaudit.trust.controls import dead_target, null_objective, random_weights
from macoaudit.trust.path import NaturalImages, layer_path
from macoaudit.trust.setting import ControlSettings, Features, TrustInput

CHECKS = (
    "random weights",
    "null objective",
    "dead target",
    "parametrizations",
    "initialisations",
    "layer path",
)


def n_inversions(control: LoadedModel | str, n_images: int) -> int:
    """Inversions that :func:`trust_panel` makes at most, a few steps for the dead target aside.

    Args:
        control: as given to the panel.
        n_images: images in its :class:`TrustInput`.
    """
    random = 0 if isinstance(control, str) else n_images
    fourier = n_images if n_images > 1 else 0
    return random + n_images + fourier


def trust_panel(
    model: LoadedModel,
    control: LoadedModel | str,
    data: TrustInput,
    *,
    compare: Features,
    natural: NaturalImages | str,
    spectrum: Spectrum,
    config: MacoConfig,
    layer: str = "penultimate",
    precision: str = "fp32",
    features: Float[Tensor, "image seed feature"] | None = None,
    compared: TrustInput | None = None,
    on_step: Callable[[str, Step], None] | None = None,
) -> tuple[TrustCheck, ...]:
    """Run every check of :data:`CHECKS`, in that order.

    Args:
        model: the audited network.
        control: the same architecture with random weights, or why there is none.
        data: the images whose controls are run (a few) and their inversions.
        compare: comparison space for the agreement of pictures
            (:func:`macoaudit.trust.feature_function`): an independent judge's, or a middle layer of
            the audited network.
        natural: natural images with classes, or why there are none.
        spectrum: magnitude to keep, as in the real inversions.
        config: settings of the controls' optimisation.
        layer: the audited layer.
        precision: ``fp32`` or ``bf16``.
        features: of the inversions of *all* images of the run in the comparison space, for the
            check of the initialisations; None: of those in ``data``.
        compared: more images with their inversions, for the layer path, which optimises nothing;
            None: those in ``data``.
        on_step: called with the check's name after every step.

    Returns:
        One record a check; what could not be checked is ``skipped`` with its reason.

    Raises:
        UsageError: see :func:`macoaudit.inversion.invert`.
        LayerError: when a layer cannot be used.
    """
    settings = ControlSettings(spectrum, config, layer, precision, on_step)
    return (
        random_weights(model, control, data, settings),
        null_objective(model, data, settings),
        dead_target(model, data, settings),
        parametrizations(model, data, compare, settings),
        initialisations(inversion_features(model, data, compare) if features is None else features),
        layer_path(model, compared or data, natural),
    )
