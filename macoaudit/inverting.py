"""Inverting the images of a run group by group, and measuring them: resumable, any command's."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from macoaudit.audit import NOT_MEASURED, AuditedImage, Reference, audit_group
from macoaudit.errors import ImageError
from macoaudit.images import (
    ImageFile,
    decode_image,
    digest,
    image_id,
    load_bytes,
    preprocess,
    to_png_bytes,
)
from macoaudit.measuring import summary as measured_summary
from macoaudit.optimize import Step
from macoaudit.preparation import Setup
from macoaudit.progress import Clock, Progress
from macoaudit.results import (
    ImageAudit,
    ImageStatus,
    Prediction,
    Skipped,
    TrustCheck,
    image_from_json,
    image_to_json,
)
from macoaudit.stages import Stages, memory_explained
from macoaudit.store import RunFolder, digest_json


class InversionJob:
    """The images that one run inverts, and what became of each."""

    def __init__(
        self,
        setup: Setup,
        files: Sequence[ImageFile],
        clock: Clock,
        tell: Callable[[Progress], None],
    ) -> None:
        """Take what the run has loaded and found.

        Args:
            setup: networks, spectrum, settings.
            files: the images, in run order.
            clock: wall times by stage.
            tell: called after every step, group and image.
        """
        self.trust: tuple[TrustCheck, ...] = ()
        self.folder: RunFolder | None = None
        self._setup, self._files, self._clock, self._tell = setup, files, clock, tell
        # By position: two files may have the same name where a name is no valid text.
        self._records: dict[int, ImageAudit] = {}
        self._skipped: tuple[Skipped, ...] = ()

    def invert(self, open_folder: Callable[[], RunFolder]) -> RunFolder:
        """Invert all images.

        Args:
            open_folder: called when the first image has turned out to be usable, so that nothing
                is written before.

        Returns:
            The run folder.

        Raises:
            ImageError: when no image can be used.
            OptimizationError: when the memory of the device is full.
        """
        for group in self._groups():
            folder = self.folder = self.folder or open_folder()
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
        measured, self.trust = stages.run([self._records[place] for place in places])
        self._records.update(zip(places, measured, strict=True))
        self._skipped = stages.skipped

    def images(self, *, interrupted: bool = False) -> tuple[ImageAudit, ...]:
        """Give the records of all images in run order; those that were not reached are skipped.

        Args:
            interrupted: the run is summed up because it was interrupted.
        """
        unreached = "the run was interrupted before this image"
        images = tuple(
            self._records.get(position) or uninverted(file, None, "skipped", unreached)
            for position, file in enumerate(self._files)
        )
        if interrupted and self._setup.config.measures:
            images = tuple(_unmeasured(image) for image in images)
        return images

    def skipped(self, images: Sequence[ImageAudit]) -> tuple[Skipped, ...]:
        """List what was not checked of the whole run.

        Args:
            images: their records.
        """
        setup = self._setup
        judged = {row.judge for image in images for row in image.transfer}
        by_prototype = [
            reason
            for judge, reason in zip(setup.prototype_judges, setup.not_by_class, strict=True)
            if judge.name not in judged
        ]
        return (*setup.skipped, *by_prototype, *self._skipped)

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
                self._records[position] = uninverted(file, sha256, "skipped", str(error))
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


def uninverted(
    file: ImageFile,
    sha256: str | None,
    status: ImageStatus,
    reason: str | None,
    prediction: Prediction | None = None,
) -> ImageAudit:
    """Record an image of which there is no inversion.

    Args:
        file: as it was found.
        sha256: digest of its bytes; None when it could not be read.
        status: what became of it.
        reason: why, unless it is ok.
        prediction: what the network sees in it, where it was asked.
    """
    return ImageAudit(
        id=image_id(file.relative, sha256),
        path=file.relative,
        status=status,
        reason=reason,
        label=file.label,
        sha256=sha256,
        prediction=prediction,
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


def summary(images: Sequence[ImageAudit]) -> dict[str, object]:
    """Count images and sum up their inversions.

    Args:
        images: all of a run.
    """
    similarities = [image.similarity for image in images if image.similarity is not None]
    return {
        "n_images": len(images),
        "n_ok": sum(image.status == "ok" for image in images),
        "n_skipped": sum(image.status == "skipped" for image in images),
        "n_failed": sum(image.status == "failed" for image in images),
        "mean_similarity": sum(similarities) / len(similarities) if similarities else None,
        "min_similarity": min(similarities, default=None),
        "verdict": None,
        **measured_summary(images),
    }
