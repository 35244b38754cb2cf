"""Everything that a run of ``invert`` needs, loaded and checked before the first inversion."""

from dataclasses import dataclass
from typing import Any

import torch

from macoaudit import __version__
from macoaudit.audit import comparable_judge
from macoaudit.config import InvertConfig
from macoaudit.errors import ModelError, UsageError
from macoaudit.models import LoadedModel, load_model, resolve_layer
from macoaudit.results import Skipped
from macoaudit.spectrum import Spectrum, load_spectrum


@dataclass(frozen=True)
class Setup:
    """Everything loaded once for a run."""

    config: InvertConfig
    model: LoadedModel
    judges: tuple[LoadedModel, ...]
    skipped: tuple[Skipped, ...]
    spectrum: Spectrum
    activation_shape: tuple[int, ...]

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
            "spectrum": self.spectrum.digest,
        }


def prepare(config: InvertConfig) -> Setup:
    """Load the spectrum, the network and the judges, and check that they fit together.

    Raises:
        UsageError: when a judge is named twice, or the spectrum has other channels than the model.
        ModelError: when a network cannot be had, takes no photographs, or has no such layer.
        SpectrumError: when the spectrum cannot be read.
    """
    twice = {name for name in config.judges if config.judges.count(name) > 1}
    if twice:
        raise UsageError(f"--judge: {', '.join(sorted(twice))} came twice; name each judge once")
    spectrum = load_spectrum(config.spectrum)
    model = load_model(
        config.model,
        weights=config.weights,
        device=config.device,
        allow_pickle=config.allow_pickle,
        offline=config.offline,
    )
    _check_channels(model, spectrum)
    judges, skipped = _judges(config, model)
    return Setup(
        config,
        model,
        tuple(judges),
        tuple(skipped),
        spectrum,
        resolve_layer(model, config.layer).shape,
    )


def _check_channels(model: LoadedModel, spectrum: Spectrum) -> None:
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


def _judges(config: InvertConfig, model: LoadedModel) -> tuple[list[LoadedModel], list[Skipped]]:
    judges, skipped = [], []
    for name in config.judges:
        try:
            judge = load_model(
                name, device=config.device, allow_pickle=config.allow_pickle, offline=config.offline
            )
        except ModelError as error:
            raise type(error)(str(error).replace("--model", "--judge", 1)) from error
        reason = comparable_judge(model, judge)
        if reason is None:
            judges.append(judge)
        else:
            skipped.append(Skipped("transfer", reason))
    if not config.judges:
        skipped.append(Skipped("transfer", "no judge was given; name one with --judge"))
    return judges, skipped
