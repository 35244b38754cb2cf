"""From a folder of images to a run folder: reads, batches, resumes, writes, renders."""

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from macoaudit import __version__
from macoaudit.audit import AuditedImage, Reference, audit_group, comparable_judge
from macoaudit.config import InvertConfig
from macoaudit.errors import ImageError, ReportError, UsageError
from macoaudit.images import (
    ImageFile,
    decode_image,
    digest,
    find_images,
    image_id,
    load_bytes,
    preprocess,
    to_png_bytes,
)
from macoaudit.models import LoadedModel, activation_function, frozen, load_model
from macoaudit.optimize import Step
from macoaudit.report.html import write_html
from macoaudit.report.pdf import require_pdf, write_pdf
from macoaudit.results import ImageAudit, Run, Skipped, image_from_json, image_to_json
from macoaudit.spectrum import Spectrum, load_spectrum
from macoaudit.store import RunFolder, digest_json


@dataclass(frozen=True)
class Progress:
    """What a progress callback is told."""

    stage: str
    done_images: int
    n_images: int
    step: Step | None = None


@dataclass
class _Clock:
    """Wall time by stage, in seconds."""

    stages: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    def timed(self, stage: str, began: float) -> None:
        self.stages[stage] = self.stages.get(stage, 0.0) + time.perf_counter() - began


@dataclass(frozen=True)
class _Setup:
    """Everything loaded once for a run."""

    config: InvertConfig
    model: LoadedModel
    judges: tuple[LoadedModel, ...]
    skipped: tuple[Skipped, ...]
    spectrum: Spectrum
    activation_shape: tuple[int, ...]

    def facts(self) -> dict[str, Any]:
        """What determines the numbers of a run, besides the images."""
        return {
            "command": "invert",
            "version": __version__,
            "settings": self.config.settings(),
            "model": self.model.record(self.config.layer, self.activation_shape).__dict__,
            "judges": [judge.weights_sha256 for judge in self.judges],
            "spectrum": self.spectrum.digest,
        }


def run_invert(
    config: InvertConfig,
    *,
    command_line: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Invert every image of a folder and write the run folder.

    Images are read, inverted and written group by group, so memory does not grow with the folder.
    A finished group is a unit: it is found again when the same run is started again.

    Args:
        config: settings of the run.
        command_line: as the user typed it, for the record.
        on_progress: called after every step and stage.

    Returns:
        The record that ``results.json`` holds.

    Raises:
        MacoauditError: for anything that keeps the whole run from being made. A single image that
            cannot be used is part of the record instead.
    """
    tell = on_progress or (lambda progress: None)
    clock = _Clock()
    if "pdf" in config.formats:
        require_pdf()  # a missing library is found before the first inversion, not after the last
    files = find_images(config.images)
    began = time.perf_counter()
    tell(Progress("load", 0, len(files)))
    setup = _load(config)
    clock.timed("load", began)
    folder = RunFolder.open(config.out, run_key=digest_json(setup.facts()), resume=config.resume)
    records: list[ImageAudit] = []
    interrupted = False
    try:
        for group, bad in _groups(files, setup):
            records += bad
            if group:
                records += _unit(setup, folder, group, clock, tell, len(records), len(files))
    except KeyboardInterrupt:
        interrupted = True
    run = _run(setup, files, records, clock, command_line, interrupted)
    run = _render(run, config, folder, clock, tell)
    folder.write_results(run)
    if interrupted:
        raise KeyboardInterrupt
    return run


def _load(config: InvertConfig) -> _Setup:
    model = load_model(
        config.model,
        weights=config.weights,
        device=config.device,
        allow_pickle=config.allow_pickle,
        offline=config.offline,
    )
    spectrum = load_spectrum(config.spectrum)
    judges, skipped = [], []
    for name in config.judges:
        judge = load_model(
            name, device=config.device, allow_pickle=config.allow_pickle, offline=config.offline
        )
        reason = comparable_judge(model, judge)
        if reason is None:
            judges.append(judge)
        else:
            skipped.append(Skipped("transfer", reason))
    if not config.judges:
        skipped.append(Skipped("transfer", "no judge was given; name one with --judge"))
    channels = model.preprocessing.channels
    with frozen(model.module), torch.no_grad():
        blank = torch.full((1, channels, *model.preprocessing.input_size), 0.5)
        shape = activation_function(model, config.layer)(blank.to(model.device)).shape[1:]
    names = [judge.name for judge in judges]
    if len(set(names)) < len(names):
        raise UsageError(f"--judge: {', '.join(names)} names a network twice; give each once")
    return _Setup(config, model, tuple(judges), tuple(skipped), spectrum, tuple(shape))


def _groups(
    files: Sequence[ImageFile], setup: _Setup
) -> Iterator[tuple[list[Reference], list[ImageAudit]]]:
    """Read images one by one; yield full groups of good ones, and the bad ones met on the way."""
    size = max(1, setup.config.batch_size // setup.config.n_seeds)
    group: list[Reference] = []
    bad: list[ImageAudit] = []
    for file in files:
        sha256 = None
        try:
            content = load_bytes(file.path)
            sha256 = digest(content)
            image = preprocess(decode_image(content, file.relative), setup.model.preprocessing)
        except ImageError as error:
            bad.append(_unused(file, sha256, "skipped", str(error)))
            continue
        name = image_id(file.relative, sha256)
        group.append(Reference(name, file.relative, file.label, sha256, image))
        if len(group) == size:
            yield group, bad
            group, bad = [], []
    if group or bad:
        yield group, bad


def _unused(file: ImageFile, sha256: str | None, status: str, reason: str) -> ImageAudit:
    return ImageAudit(
        id=image_id(file.relative, sha256),
        path=file.relative,
        status="skipped" if status == "skipped" else "failed",
        reason=reason,
        label=file.label,
        sha256=sha256,
        prediction=None,
        similarity=None,
    )


def _unit(
    setup: _Setup,
    folder: RunFolder,
    group: list[Reference],
    clock: _Clock,
    tell: Callable[[Progress], None],
    done: int,
    total: int,
) -> list[ImageAudit]:
    """Invert one group, or take it from an earlier, unfinished start of the same run."""
    key = digest_json(
        {**setup.facts(), "images": [[r.id, r.path, r.label, r.sha256] for r in group]}
    )
    stored = folder.read(key)
    if stored is not None:
        tell(Progress("invert", done + len(group), total))
        return [image_from_json(document) for document in stored["images"]]
    began = time.perf_counter()
    audited = audit_group(
        setup.model,
        setup.judges,
        group,
        config=setup.config,
        spectrum=setup.spectrum,
        on_step=lambda step: tell(Progress("invert", done, total, step)),
    )
    clock.timed("invert", began)
    began = time.perf_counter()
    pictures = {
        picture.path: to_png_bytes(picture.image_01, alpha_01=picture.alpha_01)
        for item in audited
        for picture in item.pictures
    }
    folder.write(key, {"images": [image_to_json(item.record) for item in audited]}, pictures)
    clock.timed("write", began)
    tell(Progress("invert", done + len(group), total))
    return _records(audited)


def _records(audited: Sequence[AuditedImage]) -> list[ImageAudit]:
    return [item.record for item in audited]


def _run(
    setup: _Setup,
    files: Sequence[ImageFile],
    records: Sequence[ImageAudit],
    clock: _Clock,
    command_line: Sequence[str],
    interrupted: bool,
) -> Run:
    config = setup.config
    known = {record.path: record for record in records}
    images = tuple(
        known.get(file.relative)
        or _unused(file, None, "skipped", "the run was interrupted before this image")
        for file in files
    )
    good = [image for image in images if image.status == "ok"]
    bad = len(images) - len(good)
    too_many = bad > max(1, config.max_bad_frac * len(images))
    similarities = [image.similarity for image in good if image.similarity is not None]
    skipped = list(setup.skipped)
    if interrupted:
        skipped.append(Skipped("invert", "the run was interrupted"))
    return Run(
        command="invert",
        status="incomplete" if interrupted or not good or too_many else "complete",
        tool={"name": "macoaudit", "version": __version__},
        model=setup.model.record(config.layer, setup.activation_shape),
        config={
            **config.settings(),
            "images": [path.name or str(path) for path in config.images],
            "spectrum": {
                "digest": setup.spectrum.digest,
                "n_images": setup.spectrum.n_images,
                "recipe": dict(setup.spectrum.recipe),
            },
        },
        images=images,
        skipped=tuple(skipped),
        summary={
            "n_images": len(images),
            "n_ok": len(good),
            "n_skipped": sum(image.status == "skipped" for image in images),
            "n_failed": sum(image.status == "failed" for image in images),
            "mean_similarity": sum(similarities) / len(similarities) if similarities else None,
            "min_similarity": min(similarities, default=None),
            "verdict": None,
        },
        volatile={
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.started)),
            "wall_s": round(time.time() - clock.started, 3),
            "stages": {name: round(value, 3) for name, value in clock.stages.items()},
            "device": _device_name(setup.model.device),
            "versions": _versions(),
            "command_line": list(command_line),
        },
    )


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} used)"
    return str(device)


def _versions() -> Mapping[str, str]:
    from importlib.metadata import version

    packages = ("torch", "timm", "numpy", "pillow", "weasyprint")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def _render(
    run: Run,
    config: InvertConfig,
    folder: RunFolder,
    clock: _Clock,
    tell: Callable[[Progress], None],
) -> Run:
    """Render the reports; a failed PDF is a note in the record, never a lost run."""
    count = len(run.images)
    tell(Progress("report", count, count))
    volatile = dict(run.volatile)
    if "html" in config.formats:
        began = time.perf_counter()
        write_html(run, folder.path)
        clock.timed("html", began)
    if "pdf" in config.formats:
        began = time.perf_counter()
        try:
            write_pdf(run, folder.path)
        except ReportError as error:
            volatile["report_errors"] = [str(error)]
        clock.timed("pdf", began)
    volatile["stages"] = {name: round(value, 3) for name, value in clock.stages.items()}
    volatile["wall_s"] = round(time.time() - clock.started, 3)
    return replace(run, volatile=volatile)
