"""What a run of ``concepts`` needs, loaded and checked before anything is written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit import __version__
from macoaudit.concept_config import ConceptsConfig
from macoaudit.concept_run.members import Chosen, choose_members
from macoaudit.concepts import class_index, concept_layer, read_layer
from macoaudit.environment import versions
from macoaudit.errors import ModelError, UsageError
from macoaudit.images import find_images
from macoaudit.models import (
    LoadedModel,
    Reading,
    frozen,
    grid_function,
    load_model,
    read_layouts,
    resolve_layer,
)
from macoaudit.preparation import check_channels
from macoaudit.spectrum import Spectrum, load_spectrum


@dataclass(frozen=True)
class ConceptSetup:
    """Everything loaded and checked before the first crop."""

    config: ConceptsConfig
    model: LoadedModel
    spectrum: Spectrum
    class_index: int
    layer: str
    shape: tuple[int, ...]
    """Of one image's activation at the layer."""
    chosen: Chosen

    @property
    def class_name(self) -> str:
        """Name of the class."""
        return self.model.labels[self.class_index]

    @property
    def images_01(self) -> Float[Tensor, "image channel height width"]:
        """The images of the class."""
        return torch.stack([member.image_01 for member in self.chosen.members])

    def facts(self) -> dict[str, Any]:
        """What determines the numbers of a run."""
        known = versions()
        members = [(m.record, m.chosen_by) for m in self.chosen.members]
        return {
            "command": "concepts",
            "version": __version__,
            "libraries": {name: known.get(name) for name in ("torch", "scikit-learn", "scipy")},
            "device": self.model.device.type,
            "settings": self.config.settings(),
            "model": self.model.record(self.layer, self.shape).__dict__,
            "class": self.class_index,
            "spectrum": self.spectrum.digest,
            "images": [[r.id, r.path, r.label, r.sha256, by] for r, by in members],
            "notes": list(self.chosen.notes),
        }


def prepare_concepts(config: ConceptsConfig, tell: Callable[[str, int, int], None]) -> ConceptSetup:
    """Load what a run needs, find the images of the class, and try the layer on them.

    Args:
        config: settings of the run.
        tell: told the stage (``load``, ``choose``), images done and images in all.

    Raises:
        UsageError: when the class or its images are not there, or numbers are not finite.
        ModelError: when the network cannot be had or has no such layer, or no classes.
        SpectrumError: when the spectrum cannot be read.
    """
    files = find_images(config.images)
    tell("load", 0, len(files))
    spectrum = load_spectrum(config.spectrum)
    model = load_model(
        config.model,
        weights=config.weights,
        device=config.device,
        allow_pickle=config.allow_pickle,
        offline=config.offline,
    )
    check_channels(model, spectrum)
    if model.num_classes == 0:
        raise ModelError(
            f"--model {model.name}: it has no classes, so there are no concepts of one. Give a "
            "classifier"
        )
    index = class_index(model, config.class_name)
    if config.layer is not None:
        resolve_layer(model, config.layer)  # a wrong name is found before the images are read
    chosen = choose_members(config, model, index, files, lambda n, of: tell("choose", n, of))
    layer = _checked_layer(config, model, chosen)
    with frozen(model.module):
        (layout,) = read_layouts(model, (Reading("layer", layer),))
    return ConceptSetup(config, model, spectrum, index, layer, layout.shape, chosen)


def _checked_layer(config: ConceptsConfig, model: LoadedModel, chosen: Chosen) -> str:
    """Take the layer that was named, or choose one; it must be finite on the first image."""
    first = chosen.members[0].image_01[None]
    with frozen(model.module), torch.no_grad():
        if config.layer is None:
            layer = concept_layer(model, first)
        else:
            layer = read_layer(model, config.layer, first)
        value = grid_function(model, layer)(first.to(model.device))
    if not bool(torch.isfinite(value).all()):
        raise UsageError(
            f"--layer {layer}: its activations are not finite (NaN or infinite); check the weights"
        )
    return layer
