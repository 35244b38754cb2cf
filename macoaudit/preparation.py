"""Everything that a run of ``invert`` needs, loaded and checked before the first inversion."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from macoaudit import __version__
from macoaudit.config import InvertConfig
from macoaudit.errors import ModelError, UsageError
from macoaudit.images import ImageFile, find_images
from macoaudit.judges import load_judges
from macoaudit.models import LoadedModel, depth_layers, load_model, resolve_layer
from macoaudit.results import Skipped
from macoaudit.spectrum import Spectrum, load_spectrum


@dataclass(frozen=True)
class Setup:
    """Everything loaded once for a run."""

    config: InvertConfig
    model: LoadedModel
    judges: tuple[LoadedModel, ...]
    """Judges with the audited network's classes."""
    prototype_judges: tuple[LoadedModel, ...]
    """Judges with other classes, or none."""
    not_by_class: tuple[Skipped, ...]
    """Why the prototype judges are not compared class by class, one each."""
    skipped: tuple[Skipped, ...]
    references: tuple[ImageFile, ...]
    """Further natural images that were found, not yet read."""
    spectrum: Spectrum
    activation_shape: tuple[int, ...]
    depth: tuple[str, ...]
    """Layers of the depth profile in the order given or chosen, the audited one among them."""

    def facts(self) -> dict[str, Any]:
        """What determines the numbers of a run, besides the images."""
        settings = self.config.settings()
        del settings["max_bad_frac"]  # decides what the run is called, and no number in it
        return {
            "command": "invert",
            "version": __version__,
            "torch": torch.__version__,
            "device": self.model.device.type,
            "settings": settings,
            "model": self.model.record(self.config.layer, self.activation_shape).__dict__,
            "judges": [judge.weights_sha256 for judge in self.judges],
            "prototype_judges": [judge.weights_sha256 for judge in self.prototype_judges],
            "spectrum": self.spectrum.digest,
        }


def prepare(config: InvertConfig, *, check: Callable[[LoadedModel], None] | None = None) -> Setup:
    """Load the spectrum, the network and the judges, and check that they fit together.

    Args:
        config: settings of the run.
        check: what else the network has to be; called before its layer is looked for.

    Raises:
        UsageError: when the spectrum has other channels than the model, or there are no images
            where ``--reference`` says.
        ModelError: when a network cannot be had, takes no photographs, or has no such layer.
        SpectrumError: when the spectrum cannot be read.
    """
    references = reference_files(config.references)
    spectrum = load_spectrum(config.spectrum)
    model = load_model(
        config.model,
        weights=config.weights,
        device=config.device,
        allow_pickle=config.allow_pickle,
        offline=config.offline,
    )
    check_channels(model, spectrum)
    if check is not None:
        check(model)
    shape = resolve_layer(model, config.layer).shape  # a wrong name is found before the judges load
    judges = load_judges(config, model)
    return Setup(
        config=config,
        model=model,
        judges=judges.same_classes,
        prototype_judges=judges.other_classes,
        not_by_class=judges.not_by_class,
        skipped=judges.skipped,
        references=references,
        spectrum=spectrum,
        activation_shape=shape,
        depth=_depth(config, model),
    )


def _depth(config: InvertConfig, model: LoadedModel) -> tuple[str, ...]:
    """Check the layers of the depth profile, or choose them."""
    for name in config.layers:
        resolve_layer(model, name)
    chosen = depth_layers(model) if config.depth_profile and not config.layers else config.layers
    # The audited layer is inverted anyway and completes the profile.
    return chosen if not chosen or config.layer in chosen else (*chosen, config.layer)


def check_channels(model: LoadedModel, spectrum: Spectrum) -> None:
    """Make sure that a network takes photographs, and that the spectrum has its channels.

    Raises:
        ModelError: when it takes images of another kind.
        UsageError: when the spectrum has other channels.
    """
    channels, held = model.preprocessing.channels, spectrum.magnitude.shape[0]
    if channels not in (1, 3):
        raise ModelError(
            f"--model {model.name}: it takes images of {channels} channels; photographs have 3, "
            "or 1 in grey. Give another model"
        )
    if channels != held:
        color = " --color grey" if channels == 1 else ""
        raise UsageError(
            f"--spectrum: it has {held} channels, the images of --model {model.name} have "
            f"{channels}. Measure one with 'macoaudit spectrum IMAGES -o FILE{color}' and give it "
            "with --spectrum FILE"
        )


def reference_files(paths: Sequence[Path]) -> tuple[ImageFile, ...]:
    """Find the further natural images; none when no path came.

    Raises:
        UsageError: as :func:`macoaudit.images.find_images`; messages name the option.
    """
    if not paths:
        return ()
    try:
        return find_images(paths)
    except UsageError as error:
        raise UsageError(str(error).replace("IMAGES", "--reference", 1)) from error
