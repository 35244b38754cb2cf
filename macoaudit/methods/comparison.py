"""Draws classes with every method, measures the pictures, and writes the record."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence

import torch

from macoaudit import __version__
from macoaudit.drawing_config import TargetConfig, VisualizeConfig
from macoaudit.environment import device_name, versions
from macoaudit.errors import UsageError
from macoaudit.files import write_bytes
from macoaudit.judges import load_judges
from macoaudit.methods.comparing import Group
from macoaudit.methods.config import METHODS, DrawnSet, MethodsConfig
from macoaudit.methods.drawing import draw_method, find_given
from macoaudit.methods.pictures import NaturalImages, Pictures, load_drawn, load_natural
from macoaudit.methods.records import SCHEMA_VERSION, Comparison, PictureScore, SpectrumCurves
from macoaudit.methods.scoring import Scores
from macoaudit.methods.spaces import Eye, eye, inception_features
from macoaudit.methods.spectra import template_share
from macoaudit.models import LoadedModel, load_model
from macoaudit.models.activations import require_classes
from macoaudit.pipeline import Progress
from macoaudit.results import Skipped
from macoaudit.spectrum import load_spectrum
from macoaudit.visualization import named_targets

RECORD = "methods.json"
_BATCH = 16
"""Pictures a network looks at in one pass while measuring."""


def compare_methods(
    config: MethodsConfig,
    *,
    slug: str = "",
    command_line: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Comparison:
    """Draw classes of one network with MACO, Fourier and pixels, and measure the pictures.

    Pictures lie in one run folder a method under ``config.out`` and are found again; the record is
    written beside them.

    Args:
        config: settings.
        slug: name of the network's folder among pictures of other programs.
        command_line: as the user typed it, for the record.
        on_progress: called after every step and batch of the drawing, and between measures.

    Raises:
        MacoauditError: for anything that keeps the comparison from being made.
    """
    tell = on_progress or (lambda progress: None)
    began = time.time()
    drawing = _drawing(config)
    model = load_model(
        config.model,
        weights=config.weights,
        device=config.device,
        allow_pickle=config.allow_pickle,
        offline=config.offline,
    )
    require_classes(model)
    classes = chosen_classes(config, model)
    judges = load_judges(drawing, model)
    given = [find_given(one, classes, slug) for one in config.given]
    natural = load_natural(config.natural, model, config.n_natural)
    drawn = [*(draw_method(config, method, classes, tell) for method in METHODS), *given]
    usable = [one for one in drawn if one.files]
    if not usable or usable[0].name != METHODS[0]:
        raise UsageError(f"no class could be drawn with {METHODS[0]}: {drawn[0].missing[:1]}")
    sets = [load_drawn(one, config.out, model) for one in usable]
    scores, spectra, space = _score(config, model, judges.same_classes, sets, natural, tell)
    skipped = (
        *judges.skipped,
        *judges.not_by_class,
        *natural.skipped,
        *scores.skipped,
        *(Skipped(one.name, f"no picture: {one.missing[0]}") for one in drawn if not one.files),
    )
    comparison = Comparison(
        model=model.record("logits", ()).__dict__,
        classes=classes,
        class_names=tuple(model.labels[index] for index in classes),
        methods=tuple(drawn),
        judges=tuple(judge.name for judge in judges.same_classes),
        natural=_natural_facts(natural, scores.by_class),
        set_space=space,
        measures=tuple(scores.measures),
        spectra=spectra,
        pictures=_pictures(usable, scores),
        skipped=tuple(dict.fromkeys(skipped)),
        config={**config.settings(), "version": __version__},
        volatile={
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
            "wall_s": round(time.time() - began, 3),
            "device": device_name(model.device),
            "threads": torch.get_num_threads(),
            "versions": versions(),
            "command_line": list(command_line),
        },
    )
    write_bytes(config.out / RECORD, as_json([comparison]).encode())
    return comparison


def as_json(comparisons: Sequence[Comparison]) -> str:
    """One JSON document of comparisons on several networks.

    Every number is finite; one that is missing is null.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "benchmark": "methods",
        "tool": {"name": "macoaudit", "version": __version__},
        "comparisons": [comparison.to_json() for comparison in comparisons],
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def chosen_classes(config: MethodsConfig, model: LoadedModel) -> tuple[int, ...]:
    """The classes as named, or as many as wanted, spread evenly over all.

    Raises:
        UsageError: when a name cannot be understood, or fewer than two classes are named.
    """
    if config.logits:
        goals = named_targets(_drawing(config), model.labels)
        found = tuple(dict.fromkeys(goal.terms[0].target.index for goal in goals))
        if len(found) < 2:
            raise UsageError(f"--logits: {len(found)} class came; a comparison needs two or more")
        return found
    count = min(config.n_classes, model.num_classes)
    return tuple(place * model.num_classes // count for place in range(count))


def _drawing(config: MethodsConfig) -> VisualizeConfig:
    """The settings as functions of ``visualize`` take them."""
    return VisualizeConfig(
        model=config.model,
        targets=TargetConfig(logits=config.logits or ("0",), logit_form=config.logit_form),
        out=config.out,
        weights=config.weights,
        device=config.device,
        judges=config.judges,
        allow_pickle=config.allow_pickle,
        offline=config.offline,
    )


def _score(
    config: MethodsConfig,
    model: LoadedModel,
    judges: Sequence[LoadedModel],
    sets: Sequence[Pictures],
    natural: NaturalImages,
    tell: Callable[[Progress], None],
) -> tuple[Scores, tuple[SpectrumCurves, ...], str]:
    """Measure everything; one network's activations are held at a time."""
    pictures = natural.pictures
    groups = tuple(Group(one.name, tuple(c for c in one.classes if c is not None)) for one in sets)
    known = Counter(pictures.classes)
    # With one natural image of a class the nearest one would be no choice.
    by_class = all(known[index] >= 2 for group in groups for index in group.units)
    scores = Scores(groups, pictures, by_class, config.n_resamples)
    eyes = [eye(model, own=True), *(eye(judge, own=False) for judge in judges)]
    total = len(eyes) + 1
    for place, network in enumerate(eyes):
        tell(Progress("measure", place, total, noun="networks"))
        seen = [network.see(one, _BATCH) for one in sets]
        scores.see(network, seen, network.see(pictures, _BATCH))
    tell(Progress("measure", total - 1, total, noun="networks"))
    scores.judges_together([network.name for network in eyes if not network.own])
    space = _inception(config, scores, [*sets, pictures]) or _set_space(eyes)
    spectrum = load_spectrum(config.spectrum)
    share = template_share(spectrum, model.preprocessing.input_size)
    named = "the packaged mean" if config.spectrum is None else config.spectrum.name
    template = (share, f"{named} over {spectrum.n_images} photographs")
    windows = (scores.spectrum(sets, "none", template), scores.spectrum(sets, "hann"))
    tell(Progress("measure", total, total, noun="networks"))
    return scores, windows, space


def _inception(config: MethodsConfig, scores: Scores, sets: Sequence[Pictures]) -> str | None:
    found = inception_features(sets, config.inception, _BATCH)
    if isinstance(found, Skipped):
        scores.skipped.append(found)
        return None
    name, features = found
    scores.sets(name, "inception", features[:-1], features[-1])
    return name


def _set_space(eyes: Sequence[Eye]) -> str:
    """Where distances of sets are shown first: a judge's features, which nothing was drawn for."""
    for network in (*eyes[1:], eyes[0]):
        if network.has_last:
            return f"{network.name} penultimate"
    return ""


def _natural_facts(natural: NaturalImages, by_class: bool) -> dict[str, object]:
    pictures = natural.pictures
    digest = hashlib.sha256(pictures.image_u8.numpy().tobytes()).hexdigest()
    return {
        "n_used": len(pictures.classes),
        "n_found": natural.n_found,
        "n_with_class": sum(index is not None for index in pictures.classes),
        "sha256": digest,
        "plausibility": "class" if by_class else "all",
    }


def _pictures(drawn: Sequence[DrawnSet], scores: Scores) -> tuple[PictureScore, ...]:
    return tuple(
        PictureScore(
            method=one.name,
            class_index=file.class_index,
            seed=file.seed,
            path=str(file.path),
            ranks={name: int(rows[place][row]) for name, rows in scores.ranks.items()},
        )
        for place, one in enumerate(drawn)
        for row, file in enumerate(one.files)
    )
