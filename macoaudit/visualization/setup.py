"""What a run of ``visualize`` needs, loaded and checked before the first picture."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from macoaudit import __version__
from macoaudit.directions import load_directions, load_sums
from macoaudit.drawing import Accent
from macoaudit.drawing_config import VisualizeConfig
from macoaudit.images import ImageFile, decode_image, digest, load_bytes, preprocess
from macoaudit.judges import load_judges
from macoaudit.models import (
    LOGITS,
    LoadedModel,
    Reading,
    frozen,
    load_model,
    read_layouts,
)
from macoaudit.preparation import check_channels, reference_files
from macoaudit.results import Skipped, TargetForm
from macoaudit.spectrum import Spectrum, load_spectrum
from macoaudit.targets import (
    FEWEST_CLASSES,
    Target,
    WeightedSum,
    as_sum,
    check_sum,
    make_slots,
    parse_channels,
    parse_directions,
    parse_heads,
    parse_logits,
    parse_neurons,
    parse_sum,
    parse_tokens,
)


@dataclass(frozen=True)
class Drawing:
    """Everything loaded and checked before the first picture."""

    config: VisualizeConfig
    model: LoadedModel
    judges: tuple[LoadedModel, ...]
    """Judges with the drawn network's classes."""
    other_judges: tuple[LoadedModel, ...]
    """Judges with other classes or none: they give a space to compare images in."""
    references: tuple[ImageFile, ...]
    """Natural images that were found, not yet read."""
    skipped: tuple[Skipped, ...]
    spectrum: Spectrum
    goals: tuple[WeightedSum, ...]
    """What is drawn, each once, in the order it was named."""
    shapes: dict[Reading, tuple[int, ...]]
    accent: Accent | None
    accent_sha256: str | None

    def facts(self) -> dict[str, Any]:
        """What determines the pictures of a run, besides the targets."""
        settings = self.config.settings()
        for name in ("references", "plausibility_k"):  # a later stage's, with keys of its own
            del settings[name]
        return {
            "command": "visualize",
            "version": __version__,
            "torch": torch.__version__,
            "device": self.model.device.type,
            "settings": settings,
            "model": self.model.record(LOGITS, ()).__dict__,
            "judges": [judge.weights_sha256 for judge in self.judges],
            "spectrum": self.spectrum.digest,
            "accentuate": self.accent_sha256,
        }


def prepare_drawing(config: VisualizeConfig) -> Drawing:
    """Load what a run needs and check that every target is there.

    Raises:
        UsageError: when a target, the image or the spectrum does not fit.
        ModelError: when the network cannot be had or has no such layer.
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
    goals = tuple(dict.fromkeys(named_targets(config, model.labels)))
    readings = tuple(dict.fromkeys(reading for goal in goals for reading in goal.readings))
    with frozen(model.module):
        slots = make_slots(read_layouts(model, readings))
    for goal in goals:
        check_sum(goal, slots)
    accent, sha256 = _accent(config, model)
    judges = load_judges(config, model)
    return Drawing(
        config=config,
        model=model,
        judges=judges.same_classes,
        other_judges=judges.other_classes,
        references=references,
        skipped=(*judges.skipped, *judges.not_by_class),
        spectrum=spectrum,
        goals=goals,
        shapes={layout.reading: layout.shape for layout in slots.layouts},
        accent=accent,
        accent_sha256=sha256,
    )


def named_targets(config: VisualizeConfig, labels: Sequence[str]) -> Iterator[WeightedSum]:
    """Turn the words of the command line into targets, in the order of the options' list.

    Args:
        config: settings of the run.
        labels: the network's class names.

    Raises:
        UsageError: when a word cannot be understood, or a file cannot be read.
    """
    named = config.targets
    load = cache(load_directions)
    readers: tuple[tuple[tuple[str, ...], Callable[[str], tuple[Target, ...]]], ...] = (
        (named.logits, lambda text: parse_logits(text, labels, logit_form(config, len(labels)))),
        (named.channels, parse_channels),
        (named.neurons, parse_neurons),
        (named.tokens, parse_tokens),
        (named.heads, parse_heads),
    )
    for texts, read in readers:
        for text in texts:
            yield from map(as_sum, read(text))
    for path in named.directions:
        rows = parse_directions(load(path), named.layer or "", named.direction_form)
        yield from map(as_sum, rows)
    for text in named.sums:
        yield parse_sum(text, labels, load=load)
    for path in named.sum_files:
        for name, text in load_sums(path):
            yield parse_sum(text, labels, load=load, name=name)


def logit_form(config: VisualizeConfig, n_classes: int) -> TargetForm:
    """Choose what of a class is driven up: see :class:`TargetConfig`."""
    asked = config.targets.logit_form
    if asked == "auto":
        # The method as published, and its descendants, maximise the raw logit.
        if config.maco.preset != "macoaudit":
            return "dot"
        return "standard" if n_classes >= FEWEST_CLASSES else "dot"
    return "standard" if asked == "standard" else "dot"


def _accent(config: VisualizeConfig, model: LoadedModel) -> tuple[Accent | None, str | None]:
    if config.accentuate is None:
        return None, None
    kept = Reading("layer", config.keep_layer)
    read_layouts(model, (kept,))  # a wrong name is found before the judges load
    content = load_bytes(Path(config.accentuate))
    image = preprocess(decode_image(content, config.accentuate.name), model.preprocessing)
    return Accent(image, kept, config.keep, config.accent_rate), digest(content)
