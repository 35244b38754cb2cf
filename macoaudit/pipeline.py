"""From a folder of images to a run folder: reads, batches, resumes, writes, renders."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from macoaudit import __version__
from macoaudit.audit import NOT_MEASURED, AuditedImage, Reference, audit_group
from macoaudit.config import InvertConfig, ReportFormat
from macoaudit.environment import device_name, versions
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
from macoaudit.measuring import summary as measured_summary
from macoaudit.optimize import Step
from macoaudit.preparation import Setup, prepare
from macoaudit.report.html import write_html
from macoaudit.report.pdf import require_pdf, write_pdf
from macoaudit.results import (
    ImageAudit,
    ImageStatus,
    Run,
    Skipped,
    TrustCheck,
    image_from_json,
    image_to_json,
)
from macoaudit.stages import Stages, memory_explained
from macoaudit.store import RunFolder, digest_json


@dataclass(frozen=True)
class Progress:
    """What a progress callback is told."""

    stage: str
    done_images: int
    n_images: int
    step: Step | None = None
    n_under_way: int = 0
    """Images that the step is of."""
    noun: str = "images"


@dataclass
class Clock:
    """Wall time by stage, in seconds."""

    stages: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    def timed(self, stage: str, began: float) -> None:
        """Add the time since ``began`` to a stage."""
        self.stages[stage] = self.stages.get(stage, 0.0) + time.perf_counter() - began


def volatile_facts(
    clock: Clock, device: torch.device, command_line: Sequence[str]
) -> dict[str, object]:
    """Collect the facts that differ between equal runs."""
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.started)),
        "wall_s": round(time.time() - clock.started, 3),
        "stages": {name: round(value, 3) for name, value in clock.stages.items()},
        "device": device_name(device),
        "versions": versions(),
        "command_line": list(command_line),
    }


def run_invert(
    config: InvertConfig,
    *,
    command_line: Sequence[str] = (),
    on_progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Invert every image of a folder and write the run folder.

    Images are read, inverted and written group by group, so memory does not grow with the folder.
    A finished group is a unit: it is found again when the same run is started again. Nothing is
    written before the first image has turned out to be usable.

    Args:
        config: settings of the run.
        command_line: as the user typed it, for the record.
        on_progress: called after every step and stage.

    Returns:
        The record that ``results.json`` holds.

    Raises:
        MacoauditError: for anything that keeps the whole run from being made. A single image that
            cannot be used is part of the record instead.
        KeyboardInterrupt: when it was interrupted; what is finished is in the run folder, and
            ``results.json`` says "incomplete".
    """
    files = find_images(config.images)
    require_outside(config.out, (*config.images, *config.references))
    if "pdf" in config.formats:
        require_pdf()  # a missing library is found before the first inversion, not after the last
    tell = on_progress or (lambda progress: None)
    clock = Clock()
    began = time.perf_counter()
    tell(Progress("load", 0, len(files)))
    setup = prepare(config)
    clock.timed("load", began)
    job = _Job(setup, files, clock, tell)
    try:
        folder = job.invert()
        job.measure(folder)
        tell(Progress("report", len(files), len(files)))
        run = render_reports(job.record(command_line), config.formats, folder, clock)
        folder.write_results(run)
    except KeyboardInterrupt:
        if job.folder is not None:
            job.folder.write_results(job.record(command_line, interrupted=True))
        raise
    return run


def require_outside(out: Path, folders: Sequence[Path]) -> None:
    """Keep a run out of the folders it reads, where the next start would find its pictures.

    Args:
        out: the run folder.
        folders: files and folders that are read.

    Raises:
        UsageError: when it lies in one of them.
    """
    for path in folders:
        if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
            raise UsageError(
                f"--out {out}: lies in the folder of images {path}, so the run's pictures "
                "would be taken for images. Give a folder outside it"
            )


class _Job:
    """The images of one run and what became of each."""

    def __init__(
        self,
        setup: Setup,
        files: Sequence[ImageFile],
        clock: Clock,
        tell: Callable[[Progress], None],
    ) -> None:
        self.folder: RunFolder | None = None
        self._setup, self._files, self._clock, self._tell = setup, files, clock, tell
        # By position: two files may have the same name where a name is no valid text.
        self._records: dict[int, ImageAudit] = {}
        self._trust: tuple[TrustCheck, ...] = ()
        self._skipped: tuple[Skipped, ...] = ()

    def invert(self) -> RunFolder:
        """Invert all images; returns the run folder, which the first usable image opens."""
        for group in self._groups():
            folder = self.folder = self.folder or self._open()
            members = list(group)
            finished = self._unit(folder, [group[member] for member in members])
            self._records.update(zip(members, finished, strict=True))
        if self.folder is None:
            first = next(iter(self._records.values()))
            raise ImageError(
                f"IMAGES: none of {len(self._files)} can be used. The first: {first.path}: "
                f"{first.reason}"
            )
        return self.folder

    def measure(self, folder: RunFolder) -> None:
        """Measure what was inverted: depth profile, retention, natural images, trust panel."""
        places = [place for place in sorted(self._records) if self._records[place].status == "ok"]
        stages = Stages(
            self._setup,
            folder,
            lambda stage, done, total, step, under_way: self._tell(
                Progress(stage, done, total, step, under_way)
            ),
            self._clock.timed,
        )
        measured, self._trust = stages.run([self._records[place] for place in places])
        self._records.update(zip(places, measured, strict=True))
        self._skipped = stages.skipped

    def _open(self) -> RunFolder:
        facts = {
            **self._setup.facts(),
            "images": [[file.relative, file.label] for file in self._files],
            "references": [[file.relative, file.label] for file in self._setup.references],
        }
        config = self._setup.config
        return RunFolder.open(config.out, run_key=digest_json(facts), resume=config.resume)

    def _groups(self) -> Iterator[dict[int, Reference]]:
        """Read images one by one; yield full groups of good ones by position, note the bad."""
        config, preprocessing = self._setup.config, self._setup.model.preprocessing
        size = max(1, config.batch_size // config.n_seeds)
        group: dict[int, Reference] = {}
        for position, file in enumerate(self._files):
            sha256 = None
            try:
                content = load_bytes(file.path)
                sha256 = digest(content)
                image = preprocess(decode_image(content, file.relative), preprocessing)
            except ImageError as error:
                self._records[position] = _unused(file, sha256, "skipped", str(error))
                continue
            name = image_id(file.relative, sha256)
            group[position] = Reference(name, file.relative, file.label, sha256, image)
            if len(group) == size:
                yield group
                group = {}
        if group:
            yield group

    def _unit(self, folder: RunFolder, group: list[Reference]) -> list[ImageAudit]:
        """Invert one group, or take it from an earlier, unfinished start of the same run."""
        setup, total, done = self._setup, len(self._files), len(self._records)
        members = [[item.id, item.path, item.label, item.sha256] for item in group]
        key = digest_json({**setup.facts(), "images": members})
        stored = folder.read(key)
        if stored is not None:
            self._tell(Progress("invert", done + len(group), total))
            return [image_from_json(document) for document in stored["images"]]
        began = time.perf_counter()
        audited = _audit(
            setup,
            group,
            lambda step: self._tell(Progress("invert", done, total, step, len(group))),
        )
        self._clock.timed("invert", began)
        began = time.perf_counter()
        pictures = {
            picture.path: to_png_bytes(picture.image_01, alpha_01=picture.alpha_01)
            for item in audited
            for picture in item.pictures
        }
        records = [item.record for item in audited]
        folder.write(key, {"images": [image_to_json(record) for record in records]}, pictures)
        self._clock.timed("write", began)
        self._tell(Progress("invert", done + len(group), total))
        return records

    def record(self, command_line: Sequence[str], *, interrupted: bool = False) -> Run:
        """Sum the run up; images that were not reached are skipped ones."""
        setup, config = self._setup, self._setup.config
        unreached = "the run was interrupted before this image"
        images = tuple(
            self._records.get(position) or _unused(file, None, "skipped", unreached)
            for position, file in enumerate(self._files)
        )
        n_ok = sum(image.status == "ok" for image in images)
        too_many = len(images) - n_ok > max(1, config.max_bad_frac * len(images))
        judged = {row.judge for image in images for row in image.transfer}
        by_prototype = [
            reason
            for judge, reason in zip(setup.prototype_judges, setup.not_by_class, strict=True)
            if judge.name not in judged
        ]
        skipped = [*setup.skipped, *by_prototype, *self._skipped, *_no_trust(config)]
        if interrupted:
            skipped.append(Skipped("invert", "the run was interrupted"))
            if config.measures:
                images = tuple(_unmeasured(image) for image in images)
        return Run(
            command="invert",
            status="incomplete" if interrupted or not n_ok or too_many else "complete",
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
            trust=self._trust,
            summary={**_summary(images), **measured_summary(images)},
            volatile=volatile_facts(self._clock, setup.model.device, command_line),
        )


def _audit(
    setup: Setup, group: Sequence[Reference], on_step: Callable[[Step], None]
) -> list[AuditedImage]:
    with memory_explained(setup):
        return audit_group(
            setup.model,
            setup.judges,
            group,
            config=setup.config,
            spectrum=setup.spectrum,
            on_step=on_step,
        )


def _unused(file: ImageFile, sha256: str | None, status: ImageStatus, reason: str) -> ImageAudit:
    return ImageAudit(
        id=image_id(file.relative, sha256),
        path=file.relative,
        status=status,
        reason=reason,
        label=file.label,
        sha256=sha256,
        prediction=None,
        similarity=None,
    )


def _unmeasured(image: ImageAudit) -> ImageAudit:
    """Say of an image without measures that the interruption is why."""
    reason = "the run was interrupted before this image was measured"
    if isinstance(image.retention, Skipped) and image.retention.reason == NOT_MEASURED:
        image = replace(image, retention=Skipped("retention", reason))
    if isinstance(image.plausibility, Skipped) and image.plausibility.reason == NOT_MEASURED:
        image = replace(image, plausibility=Skipped("plausibility", reason))
    return image


def _no_trust(config: InvertConfig) -> tuple[Skipped, ...]:
    """Say that there is no trust panel, where it was not wanted."""
    if config.trust and config.measures:
        return ()
    option = "--no-measures" if config.trust else "--no-trust"
    return (Skipped("trust panel", f"not run: turned off with {option}"),)


def _summary(images: Sequence[ImageAudit]) -> dict[str, object]:
    similarities = [image.similarity for image in images if image.similarity is not None]
    return {
        "n_images": len(images),
        "n_ok": sum(image.status == "ok" for image in images),
        "n_skipped": sum(image.status == "skipped" for image in images),
        "n_failed": sum(image.status == "failed" for image in images),
        "mean_similarity": sum(similarities) / len(similarities) if similarities else None,
        "min_similarity": min(similarities, default=None),
        "verdict": None,
    }


def render_reports(
    run: Run, formats: Sequence[ReportFormat], folder: RunFolder, clock: Clock
) -> Run:
    """Render the reports; one that fails is a note in the record, never a lost run.

    Args:
        run: the record.
        formats: what to write.
        folder: the run folder.
        clock: wall times so far; those of the reports are added.

    Returns:
        The record with the wall times up to here, and errors where a report failed.
    """
    errors = []
    for name in formats:
        began = time.perf_counter()
        try:
            (write_html if name == "html" else write_pdf)(run, folder.path)
        except ReportError as error:
            errors.append(str(error))
        clock.timed(name, began)
    volatile = dict(run.volatile)
    if errors:
        volatile["report_errors"] = errors
    volatile["stages"] = {name: round(value, 3) for name, value in clock.stages.items()}
    volatile["wall_s"] = round(time.time() - clock.started, 3)
    return replace(run, volatile=volatile)
