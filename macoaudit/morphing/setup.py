"""What a run of ``morph`` needs, loaded and checked before an image is read."""

from dataclasses import dataclass
from typing import Any, cast

import torch

from macoaudit import __version__
from macoaudit.concepts import class_index
from macoaudit.config import InvertConfig
from macoaudit.errors import ModelError, UsageError
from macoaudit.judges import load_judges
from macoaudit.lens import LensChannels, LensConfig, LensMethod, LensMode
from macoaudit.lens.edits import band_mask, make_frame
from macoaudit.models import LOGITS, LoadedModel, load_model
from macoaudit.morph_config import EACH, RUNNER_UP, MorphConfig
from macoaudit.morphing.network import Sighted
from macoaudit.pyramid import MIN_SIDE_PX, HighPass
from macoaudit.results import ModelRecord, Skipped

FEWEST_CLASSES = 2

_OPTIONS = {
    "amplifications": "--amplifications",
    "bands": "--bands",
    "budgets": "--budget",
    "channels": "--channels",
    "highpass": "--highpass",
    "method": "--method",
    "mode": "--mode",
    "orientations": "--orientations",
    "phase_cap": "--phase-cap",
    "scales": "--scales",
    "step_cap": "--step-cap",
    "steps": "--steps",
}
"""The command's name of each of the lens's arguments."""


@dataclass(frozen=True)
class MorphSetup:
    """Everything loaded once for a run."""

    config: MorphConfig
    lens: LensConfig
    model: LoadedModel
    network: Sighted
    target: int | None
    """The class of all images; None: each image has its own."""
    source: int | None
    judges: tuple[LoadedModel, ...]
    skipped: tuple[Skipped, ...]

    def class_name(self, index: int) -> str:
        """Name a class."""
        return self.model.labels[index]

    def record(self) -> ModelRecord:
        """Describe the network, which is read at its logits."""
        return self.model.record(LOGITS, (self.model.num_classes,))

    def facts(self) -> dict[str, Any]:
        """What determines the numbers and pictures of a run, besides the images."""
        settings = self.config.settings()
        del settings["max_bad_frac"]  # decides what the run is called, and no number in it
        return {
            "command": "morph",
            "version": __version__,
            "torch": torch.__version__,
            "device": self.model.device.type,
            "settings": settings,
            "model": self.record().__dict__,
            "judges": [[judge.name, judge.weights_sha256] for judge in self.judges],
        }


def lens_settings(config: MorphConfig) -> LensConfig:
    """Turn the command's settings into the lens's.

    Raises:
        UsageError: when the lens refuses one; the message names the command's option.
    """
    try:
        return LensConfig(
            method=cast(LensMethod, config.method),
            mode=cast(LensMode, config.mode),
            amplifications=config.amplifications,
            phase_cap=config.phase_cap,
            steps=config.steps,
            step_cap=config.step_cap,
            scales=config.scales,
            orientations=config.orientations,
            highpass=cast(HighPass, config.highpass),
            channels=cast(LensChannels, config.channels),
            bands="all" if config.bands is None else config.bands,
            budgets=config.budgets,
            warp=config.warp,
            seed=config.seed,
            batch_size=config.batch_size,
        )
    except UsageError as error:
        raise UsageError(_in_options(str(error))) from error


def _in_options(message: str) -> str:
    """Name the option where the lens names its argument."""
    name, colon, rest = message.partition(":")
    return f"{_OPTIONS.get(name, name)}{colon}{rest}"


def prepare_morph(config: MorphConfig) -> MorphSetup:
    """Load the networks and check that the lens can work on the network's input.

    Raises:
        UsageError: when a class is not there, or the lens refuses a setting.
        ModelError: when the network cannot be had, takes no photographs, or has no two classes.
    """
    lens = lens_settings(config)
    model = load_model(
        config.model,
        weights=config.weights,
        device=config.device,
        allow_pickle=config.allow_pickle,
        offline=config.offline,
    )
    network = _checked(model, lens)
    source = None if config.source is None else _class(model, "--source", config.source)
    target = None
    if config.target not in (RUNNER_UP, EACH):
        target = _class(model, "--target", config.target)
    if target is not None and target == source:
        raise UsageError(
            f"--source {config.source}: is the target too; give another class, or leave it out"
        )
    judges = load_judges(_judging(config), model)
    return MorphSetup(
        config=config,
        lens=lens,
        model=model,
        network=network,
        target=target,
        source=source,
        judges=judges.same_classes,
        skipped=(*judges.skipped, *judges.not_by_class),
    )


def _checked(model: LoadedModel, lens: LensConfig) -> Sighted:
    """Refuse a network whose input the lens cannot move, before any image is read."""
    channels, size = model.preprocessing.channels, model.preprocessing.input_size
    if channels not in (1, 3):
        raise ModelError(
            f"--model {model.name}: it takes images of {channels} channels; photographs have 3, "
            "or 1 in grey. Give another model"
        )
    if model.num_classes < FEWEST_CLASSES:
        raise ModelError(
            f"--model {model.name}: it has {model.num_classes} classes, so there is no other one "
            "to move towards. Give a classifier of two classes or more"
        )
    if min(size) < MIN_SIDE_PX:
        raise ModelError(
            f"--model {model.name}: it takes images of {size[0]} x {size[1]} px; the lens needs "
            f"sides of {MIN_SIDE_PX} px or more. Give another model"
        )
    try:
        frame = make_frame(lens, torch.zeros(1, 1, *size))
        if frame is not None:
            places = frame.analyse(torch.zeros(1, 1, *size)).shape[2:4]
            band_mask(lens, places[0], places[1])
    except UsageError as error:
        raise UsageError(_in_options(str(error))) from error
    return Sighted(model)


def _class(model: LoadedModel, option: str, name: str) -> int:
    """Find a class by its name or number; messages name the option."""
    try:
        return class_index(model, name)
    except UsageError as error:
        raise UsageError(str(error).replace("--class", option, 1)) from error


def _judging(config: MorphConfig) -> InvertConfig:
    """What decides the judges, as a run of ``invert`` has it."""
    return InvertConfig(
        images=config.images,
        model=config.model,
        out=config.out,
        device=config.device,
        judges=config.judges,
        allow_pickle=config.allow_pickle,
        offline=config.offline,
    )
