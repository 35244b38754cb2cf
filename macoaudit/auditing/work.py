"""The stages of an audit after the images are read, and what each has found so far."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.auditing.labels import Labelled, named_class
from macoaudit.auditing.masks import Masks, read_masks
from macoaudit.auditing.reading import Read, Seen, load_pixels
from macoaudit.auditing.records import (
    Covered,
    coverage_record,
    finding_id,
    finding_record,
    record_tests,
)
from macoaudit.auditing.sampling import stratified
from macoaudit.auditing.setup import AuditSetup, class_drawing
from macoaudit.auditing.showing import Scene, show_finding
from macoaudit.auditing.summing import audit_record
from macoaudit.auditing.testing import predicted, run_tests, suite_settings
from macoaudit.images import to_png_bytes
from macoaudit.inverting import InversionJob
from macoaudit.pipeline import Clock, Progress
from macoaudit.results import (
    Finding,
    ImageAudit,
    Run,
    ShortcutAudit,
    ShortcutTest,
    Skipped,
    Visualization,
    shortcuts_from_json,
    shortcuts_to_json,
)
from macoaudit.stages import batch_memory_explained, run_pictures
from macoaudit.store import RunFolder, digest_json
from macoaudit.visualization.drawing import PictureJob
from macoaudit.visualization.natural import NaturalStage, drawn_class

N_NATURAL = 200
"""Audited images that pictures of classes are compared with, evenly spaced in every class."""
_NAMED = 5


class AuditWork:
    """Inverts, draws and tests; every stage can be taken up by a later start of the same run."""

    def __init__(
        self,
        setup: AuditSetup,
        read: Read,
        labelled: Labelled,
        folder: RunFolder,
        clock: Clock,
        tell: Callable[[Progress], None],
    ) -> None:
        """Choose what is inverted.

        Args:
            setup: networks and settings.
            read: the images.
            labelled: classes of those that can be used.
            folder: the run folder.
            clock: wall times by stage.
            tell: called after every step and stage.
        """
        self.setup, self.read, self.labelled = setup, read, labelled
        self.folder, self._clock, self._tell = folder, clock, tell
        extent = setup.config.extent
        chosen = stratified(labelled.classes, extent.inverted, extent.inverted_per_class)
        self._chosen = tuple(read.good[place] for place in chosen)
        files = [image.file for image in self._chosen]
        self.inversions = InversionJob(setup.inversion, files, clock, tell)
        self.drawn: tuple[Visualization, ...] = ()
        self.findings: tuple[Finding, ...] = ()
        self.tests: tuple[ShortcutTest, ...] = ()
        self.shortcuts: ShortcutAudit | None = None
        self.skipped: list[Skipped] = []

    def invert(self) -> None:
        """Invert the chosen images and measure what was retained."""
        self.inversions.invert(lambda: self.folder)
        self.inversions.measure(self.folder)

    def draw(self) -> None:
        """Draw classes that have images, and compare the pictures with natural images."""
        extent, model = self.setup.config.extent, self.setup.model
        counts = Counter(self.labelled.classes)
        classes = sorted(counts, key=lambda index: (-counts[index], index))
        wanted = sorted(classes[: extent.classes_drawn])
        if rest := [model.labels[index] for index in classes if index not in wanted]:
            more = ", ..." if len(rest) > _NAMED else ""
            reason = (
                f"{len(rest)} classes are not drawn ({', '.join(rest[:_NAMED])}{more}): the "
                f"{extent.name} preset draws the {extent.classes_drawn} with the most images"
            )
            self.skipped.append(Skipped("visualize", reason))
        places = stratified(self.labelled.classes, N_NATURAL)
        natural = [self.read.good[place].file for place in places]
        drawing = class_drawing(self.setup, wanted, natural)
        job = PictureJob(drawing, self._clock, self._tell)
        stage = NaturalStage(
            drawing,
            self.folder,
            self._clock.timed,
            lambda done, total: self._tell(Progress("compare", done, total, noun="pictures")),
        )
        try:
            job.draw(self.folder)
        finally:
            self.drawn = job.in_order()
        self.drawn = tuple(stage.run(self.drawn))
        self.skipped += stage.skipped

    def test(self) -> None:
        """Test all images for shortcuts, or take the verdict from an earlier start."""
        began = time.perf_counter()
        masks = self._masks
        if masks is not None:
            self.skipped += masks.skipped
        key = self._tests_key(masks)
        stored = self.folder.read(key)
        if stored is None:
            with batch_memory_explained(self.setup.settings.batch_size, self.setup.model.device):
                stored, files = self._test(masks)
            self.folder.write(key, stored, files)
        self.findings, self.tests, self.shortcuts = shortcuts_from_json(stored)
        self._clock.timed("test", began)

    @cached_property
    def _masks(self) -> Masks | None:
        folder = self.setup.config.masks
        if folder is None:
            return None
        return read_masks(folder, self.read.good, self.setup.model.preprocessing)

    def _tests_key(self, masks: Masks | None) -> str:
        """Digest what the tests depend on: the run, the bytes of images and masks."""
        return digest_json(
            {
                "run": self.folder.run_key,
                "stage": "tests",
                "images": [[image.id, image.sha256] for image in self.read.good],
                "masks": None if masks is None else list(masks.digests),
                # An inversion or picture that failed has no part in it.
                "inverted": [[record.id, record.status] for record in self._good_records()],
                "drawn": [[one.id, one.seed, one.status] for one in self.drawn],
            }
        )

    def _test(self, masks: Masks | None) -> tuple[dict[str, Any], dict[str, bytes]]:
        setup, model, images = self.setup, self.setup.model, self.read.good
        image_01 = load_pixels(images, model.preprocessing)
        tested = run_tests(
            model,
            image_01,
            images,
            self.labelled,
            records=self._good_records(),
            pictures=self._class_pictures(),
            masks=masks,
            seed=setup.settings.seed,
            settings=suite_settings(setup.config.extent),
            on_test=lambda name, done, total: self._tell(
                Progress("test", done, total, noun=f"tests ({name})")
            ),
        )
        ids = tuple(image.id for image in images)
        paths = [image.file.relative for image in images]
        classes = torch.tensor(self.labelled.classes)
        scene = Scene(model, image_01, ids, classes, predicted(images))
        findings, files = list[Finding](), dict[str, bytes]()
        for one in tested.verdict.findings:
            name = finding_id(one.class_index, one.class_name)
            shown = show_finding(scene, one, f"findings/{name}")
            margin = tested.margins.get(one.class_index)
            findings.append(
                finding_record(one, shown, margin=margin, ids=ids, paths=paths, drawn=self.drawn)
            )
            files |= {p.path: to_png_bytes(p.image_01, alpha_01=p.alpha_01) for p in shown.pictures}
        covered = Covered(
            labels=model.labels,
            labelled=self.labelled,
            left_out=self._left_out(),
            with_masks=0 if masks is None else masks.n_given,
        )
        tests, audit = record_tests(tested, model.labels), coverage_record(tested, covered)
        return shortcuts_to_json(findings, tests, audit), files

    def _left_out(self) -> dict[int, int]:
        """Count by class the images of its folder that were not read."""
        found: Counter[int] = Counter()
        for label, count in self.setup.left_out.items():
            index = None if label is None else named_class(self.setup.model, label)
            if index is not None:
                found[index] += count
        return found

    def _class_pictures(self) -> dict[int, Float[Tensor, "picture channel height width"]]:
        """Read the pictures of each class, at the size that the network takes."""
        files: dict[int, list[str]] = {}
        for one in self.drawn:
            index = drawn_class(one)
            if one.status == "ok" and index is not None:
                files.setdefault(index, []).append(one.files["image"])
        pictures = run_pictures(self.folder, self.setup.model.preprocessing)
        return {index: pictures.views(names) for index, names in files.items()}

    def _good_records(self) -> list[ImageAudit]:
        """Records of the images that are tested, inverted or not."""
        inverted = {record.id: record for record in self.inversions.images()}
        return [inverted.get(image.id) or self._not_inverted(image) for image in self.read.good]

    def _not_inverted(self, image: Seen) -> ImageAudit:
        extent = self.setup.config.extent
        limits = (extent.inverted_per_class, "of a class"), (extent.inverted, "in all")
        most = " and ".join(f"{count} {of}" for count, of in limits if count is not None)
        reason = (
            f"the {extent.name} preset inverts at most {most}, and this is none of them; it was "
            "tested all the same"
        )
        return replace(image.record(), skipped=(Skipped("inversion", reason),))

    def images(self, *, interrupted: bool = False) -> tuple[ImageAudit, ...]:
        """Give the records of all images in run order.

        Args:
            interrupted: the run is summed up because it was interrupted.
        """
        known = self.inversions.images(interrupted=interrupted)
        # An image that was not reached has no digest in its record, so its path is what is sure.
        by_path = {
            image.file.path: record for image, record in zip(self._chosen, known, strict=True)
        }
        return tuple(
            item
            if isinstance(item, ImageAudit)
            else by_path.get(item.file.path) or self._not_inverted(item)
            for item in self.read.items
        )

    def record(self, command_line: Sequence[str], *, stopped: str | None = None) -> Run:
        """Sum the run up; what was not reached is said to be missing.

        Args:
            command_line: as the user typed it.
            stopped: why the run is summed up before its end; None at its end.
        """
        images = self.images(interrupted=stopped is not None)
        return audit_record(
            self.setup,
            images,
            notes=(*self.inversions.skipped(images), *self.labelled.notes, *self.skipped),
            trust=self.inversions.trust,
            drawn=self.drawn,
            shortcuts=(self.findings, self.tests, self.shortcuts),
            clock=self._clock,
            command_line=command_line,
            stopped=stopped,
        )
