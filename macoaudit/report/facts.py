"""Run facts to words: the banner, what was audited, and how to do it again."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from macoaudit.report.records import Banner, Fact, FactGroup
from macoaudit.report.retention import mean_rows
from macoaudit.report.settings import flatten, seconds_text, value_text
from macoaudit.report.trust import trust_counts, trust_warning
from macoaudit.report.words import (
    DASH,
    FEW_CLASSES,
    judge_finds_it,
    plural,
    same_class,
    score,
    visible,
)
from macoaudit.results import ModelRecord, Run

ORIGINS = {
    "packaged": "packaged with macoaudit",
    "pretrained": "pretrained, from timm's download or cache",
    "file": "read from a file",
    "random": "RANDOM: the network was never trained",
    "factory": "made by the model card's factory",
}

PROOF_TILES = {
    "retained_matters": "images whose retained region matters",
    "dropped_does_not": "images whose dropped region does not",
    "holds": "maps proven by deletion (both)",
}
"""Counts of the proof by deletion that a summary may have."""

SETTING_PHRASES = {
    "preset": "preset {}",
    "n_steps": "at most {} steps",
    "n_crops": "{} random view(s) a step",
    "seeds": "seeds {}",
    "precision": "arithmetic in {}",
    "batch_size": "{} images at a time",
}
"""Settings that the report says in words where a run has them; the appendix lists every setting."""


def _count(run: Run, status: str) -> int:
    return sum(image.status == status for image in run.images)


def _class_tiles(run: Run) -> list[Fact]:
    tiles = []
    kept = [
        same
        for image in run.images
        for inversion in image.inversions
        if (same := same_class(image.prediction, inversion.prediction)) is not None
    ]
    if kept:
        tiles.append(Fact("inversions that keep the class", f"{sum(kept):,} of {len(kept):,}"))
    transfers = [transfer for image in run.images for transfer in image.transfer]
    if transfers:
        few = {transfer.n_classes < FEW_CLASSES for transfer in transfers}
        name = "judges' answers that find it"
        if len(few) == 1:
            place = "first" if True in few else "in the first five"
            name = f"judges' answers with it {place}"
        found = sum(judge_finds_it(transfer) for transfer in transfers)
        tiles.append(Fact(name, f"{found:,} of {len(transfers):,}"))
    return tiles


def _check_tiles(run: Run) -> list[Fact]:
    """Counts of the proof by deletion, where the run recorded them, and of the trust checks."""
    tiles: list[Fact] = []
    proof = run.summary.get("faithfulness")
    if isinstance(proof, Mapping) and "n" in proof:
        tiles.extend(
            Fact(name, f"{value_text(proof[key])} of {value_text(proof['n'])}")
            for key, name in PROOF_TILES.items()
            if key in proof
        )
    if run.trust:
        count, left = trust_counts(run.trust)
        name = f"trust checks as expected{f' ({left})' if left else ''}"
        tiles.append(Fact(name, count))
    return tiles


def banner(run: Run) -> Banner:
    """Word the outcome of a run of ``invert``, which has a status but no verdict."""
    n_ok, complete = _count(run, "ok"), run.status == "complete"
    n_bad = len(run.images) - n_ok
    if complete and n_bad == 0:
        explanation = "Every image was inverted."
    elif complete:
        explanation = f"The run ended; {plural(n_bad, 'image')} gave no result (listed below)."
    else:
        explanation = (
            "The run is not whole: stages or images are missing. Do not compare its numbers with "
            "those of a complete run."
        )
    warnings = []
    if run.model.weights_origin == "random":
        warnings.append(
            "Random weights. This network was never trained: every picture and number below "
            "describes an untrained network."
        )
    if (bad := trust_warning(run.trust)) is not None:
        warnings.append(bad)
    mean = run.summary.get("mean_similarity")
    starts = [i.start_similarity for image in run.images for i in image.inversions]
    tiles = [
        Fact("images", f"{len(run.images):,}"),
        Fact("inverted", f"{n_ok:,}"),
        Fact("failed", f"{_count(run, 'failed'):,}"),
        Fact("skipped", f"{_count(run, 'skipped'):,}"),
        *_class_tiles(run),
        *_check_tiles(run),
    ]
    return Banner(
        status="Complete" if complete else "Incomplete",
        complete=complete,
        explanation=f"{explanation} Inversion measures; it does not pass or fail a network.",
        warning=" ".join(warnings) or None,
        tiles=tuple(tiles),
        mean=score(float(mean) if isinstance(mean, int | float) else None, starts),
        means=mean_rows(run.summary.get("retention")),
    )


def subtitle(run: Run) -> str:
    """Name the network on one line: architecture, layer, where its weights are from, digest."""
    model = run.model
    return (
        f"{visible(model.architecture)}, layer {visible(model.layer)}; weights "
        f"{ORIGINS[model.weights_origin]}, SHA-256 {visible(model.weights_sha256[:12])}…"
    )


def _shape(shape: Sequence[int]) -> str:
    return " × ".join(str(side) for side in shape) if shape else "scalar"  # noqa: RUF001


def _preprocessing(model: ModelRecord) -> str:
    mean, std = value_text(model.mean), value_text(model.std)
    return (
        f"resize and central crop ({100 * model.crop_pct:g} %, {visible(model.interpolation)}), "
        f"then mean {mean} and standard deviation {std} per channel"
    )


def settings_sentence(run: Run) -> str:
    """Say the best-known settings of a run in one sentence."""
    texts = {name.rpartition(".")[2]: text for name, text in flatten(run.config)}
    phrases = [
        phrase.format(texts[key])
        for key, phrase in SETTING_PHRASES.items()
        if texts.get(key, "not set") not in ("not set", "none")
    ]
    seeds = sorted({i.seed for image in run.images for i in image.inversions})
    if seeds and not texts.keys() & {"seeds", "n_seeds"}:
        phrases.append(f"{plural(len(seeds), 'seed')} ({', '.join(str(s) for s in seeds[:10])})")
    sentence = "; ".join(phrases)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else "The run records no settings."


def audited(run: Run) -> tuple[FactGroup, ...]:
    """List what was audited: the network, its input, the images."""
    model = run.model
    channels, height, width = model.input_size
    folder = run.config.get("images", run.config.get("folder"))
    labels = {image.label for image in run.images if image.label is not None}
    images = [
        Fact("Folder", "not recorded" if folder is None else value_text(folder)),
        Fact("Images", f"{len(run.images):,}"),
        Fact("Class folders", f"{len(labels):,}" if labels else "none: the images have no labels"),
    ]
    return (
        FactGroup(
            "Network",
            (
                Fact("Model", visible(model.name)),
                Fact("Architecture", visible(model.architecture)),
                Fact("Weights", ORIGINS[model.weights_origin]),
                Fact("Weights digest (SHA-256)", visible(model.weights_sha256)),
                Fact("Layer inverted", visible(model.layer)),
                Fact("Activation shape", _shape(model.activation_shape)),
                Fact("Classes", f"{model.num_classes:,}" if model.num_classes else "none"),
            ),
        ),
        FactGroup(
            "Input",
            (
                Fact("Size", f"{height} × {width} px, {plural(channels, 'channel')}"),  # noqa: RUF001
                Fact("Preprocessing", _preprocessing(model)),
            ),
        ),
        FactGroup("Images", tuple(images)),
    )


def _group(title: str, document: Mapping[str, object]) -> FactGroup:
    return FactGroup(title, tuple(Fact(name, text) for name, text in flatten(document)))


def _digest(document: object) -> str:
    text = json.dumps(document, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def images_digest(run: Run) -> str:
    """Name the images by one digest: of their paths and of the digests of their files.

    Args:
        run: any; the order in which it has its images does not matter.
    """
    return _digest(sorted([image.path, image.sha256 or ""] for image in run.images))


def reproduce(run: Run) -> tuple[FactGroup, ...]:
    """List the facts that equal runs share: tool, network, every setting, seeds, outcome."""
    model = run.model
    inverted = {i.seed for image in run.images for i in image.inversions}
    seeds = sorted(inverted | {drawn.seed for drawn in run.visualizations})
    tool = Fact("Tool", visible(" ".join(str(v) for _, v in sorted(run.tool.items())) or DASH))
    return (
        FactGroup(
            "Identity",
            (
                tool,
                Fact("Command", visible(run.command)),
                Fact("Architecture", visible(model.architecture)),
                Fact("Weights digest (SHA-256)", visible(model.weights_sha256)),
                Fact("Seeds", value_text(seeds)),
                Fact("Configuration digest (SHA-256)", _digest(flatten(run.config))),
                Fact("Images digest (SHA-256)", images_digest(run)),
            ),
        ),
        _group("Every setting that changes numbers", run.config),
        _group("Summary as recorded", run.summary),
    )


def volatile(run: Run, command_line: str) -> tuple[FactGroup, ...]:
    """List the facts that differ between equal runs: command line, time, device, versions."""
    rest = dict(run.volatile)
    rest.pop("command_line", None)
    groups = [FactGroup("Command line", (Fact("Command", command_line),))]
    stages, versions = rest.pop("stages", None), rest.pop("versions", None)
    facts = [
        Fact(name, seconds_text(rest[name]) if name.endswith("_s") and name in rest else text)
        for name, text in flatten(rest)
    ]
    groups.append(FactGroup("This run", tuple(facts)))
    if isinstance(stages, Mapping):
        times = tuple(Fact(visible(k), seconds_text(stages[k])) for k in sorted(stages))
        groups.append(FactGroup("Wall time by stage", times))
    if isinstance(versions, Mapping):
        groups.append(_group("Versions", versions))
    return tuple(group for group in groups if group.facts)
