"""The trust panel of a run: which images its controls are run on, and in which space."""

from collections.abc import Callable, Sequence

import torch

from macoaudit.errors import ModelError
from macoaudit.judges import FeatureSpace
from macoaudit.measuring.context import Context, spread
from macoaudit.measuring.pictures import Pictures
from macoaudit.models import LoadedModel, load_model
from macoaudit.optimize import Step
from macoaudit.results import ImageAudit, TrustCheck
from macoaudit.trust import (
    NaturalImages,
    TrustInput,
    feature_function,
    middle_layer,
    trust_panel,
)

# One image in ten has its controls inverted: three inversions beside the ten images' thirty.
_SHARE, _FEWEST, _MOST = 10, 2, 8
# Images whose inversions and features the checks without optimisation use.
_N_COMPARED = 24


def _control(context: Context) -> LoadedModel | str:
    config = context.setup.config
    if context.setup.model.weights_origin == "random":
        return "the audited network itself has random weights"
    try:
        return load_model(config.model, weights="random", device=config.device, offline=True)
    except ModelError as error:
        return f"no copy with random weights could be made ({error})"


def trust_checks(
    context: Context,
    images: Sequence[ImageAudit],
    on_step: Callable[[str, Step], None] | None = None,
) -> tuple[TrustCheck, ...]:
    """Run the trust panel on a few images of a run.

    Args:
        context: what the run is measured against.
        images: the images that were inverted.
        on_step: called with the check's name after every step of an optimisation.
    """
    setup, pictures = context.setup, context.pictures
    count = min(_MOST, max(_FEWEST, len(images) // _SHARE))
    chosen = [images[position] for position in spread(len(images), count)]
    compared = [images[position] for position in spread(len(images), _N_COMPARED)]
    space = context.natural.space
    if isinstance(space, FeatureSpace) and space.model is not setup.model:
        compare = feature_function(space.model, space.layer, setup.config.batch_size)
    else:
        layer = middle_layer(setup.model)
        compare = feature_function(setup.model, layer, setup.config.batch_size)
    everything = _input(pictures, compared)
    natural = NaturalImages(everything.reference_01, everything.keys, everything.classes)
    features = torch.stack([compare(inversions) for inversions in everything.inversion_01])
    return trust_panel(
        setup.model,
        _control(context),
        _input(pictures, chosen),
        compare=compare,
        natural=natural,
        spectrum=setup.spectrum,
        config=setup.config.maco,
        layer=setup.config.layer,
        precision=setup.config.precision,
        features=features,
        compared=everything,
        on_step=on_step,
    )


def _input(pictures: Pictures, images: Sequence[ImageAudit]) -> TrustInput:
    """Images with their inversions and what is on record of them."""
    rows = [image.inversions for image in images]
    return TrustInput(
        reference_01=torch.stack([pictures.reference(image) for image in images]),
        keys=[image.sha256 or image.id for image in images],
        inversion_01=torch.stack([pictures.inversions(image) for image in images]),
        start_similarity=torch.tensor([[item.start_similarity for item in row] for row in rows]),
        similarity=torch.tensor([[item.similarity for item in row] for row in rows]),
        classes=[_class(image) for image in images],
    )


def _class(image: ImageAudit) -> str | None:
    return image.label or (image.prediction.name if image.prediction else None)
