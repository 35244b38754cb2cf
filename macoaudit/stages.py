"""The stages after the inversions: the depth profile, the measures, the trust panel; resumable.

Each stage reads the pictures that the inversions left in the run folder, so that it can be taken up
by a later start of the same run and never needs the whole run in memory.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from macoaudit.audit import invert_group
from macoaudit.environment import is_out_of_memory
from macoaudit.errors import ImageError, OptimizationError
from macoaudit.images import digest, load_bytes, read_image, read_natural, to_png_bytes
from macoaudit.measuring import Context, Pictures, build_context, measure_image, trust_checks
from macoaudit.measuring.image import DepthResult
from macoaudit.optimize import Step
from macoaudit.preparation import Setup
from macoaudit.results import (
    ImageAudit,
    Skipped,
    TrustCheck,
    image_from_json,
    image_to_json,
    trust_from_json,
    trust_to_json,
)
from macoaudit.store import RunFolder, digest_json

Stage = Literal["depth", "measure", "trust"]
Tell = Callable[[Stage, int, int, Step | None, int], None]
"""Stage, images done, images in all, step of an optimisation, images the step is of."""


@contextmanager
def memory_explained(setup: Setup) -> Iterator[None]:
    """Turn running out of memory into a message that says what to do."""
    with batch_memory_explained(setup.config.batch_size, setup.model.device):
        yield


@contextmanager
def batch_memory_explained(batch_size: int, device: torch.device) -> Iterator[None]:
    """Turn running out of memory into a message that says what to do.

    Args:
        batch_size: images at a time.
        device: where they are.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OptimizationError(
            f"--batch-size {batch_size}: the memory of {device} is full. "
            "Give a smaller --batch-size; finished images are kept"
        ) from error


@dataclass
class Stages:
    """Runs the stages on the images that were inverted."""

    setup: Setup
    folder: RunFolder
    tell: Tell
    clock: Callable[[str, float], None]
    """Told a stage's name and when it began."""
    skipped: tuple[Skipped, ...] = ()
    """Natural images of ``--reference`` that could not be used."""

    def run(self, images: Sequence[ImageAudit]) -> tuple[list[ImageAudit], tuple[TrustCheck, ...]]:
        """Measure the images of a run.

        Args:
            images: those that were inverted, in run order.

        Returns:
            Their records with measures, and the trust panel.

        Raises:
            OptimizationError: when the memory of the device is full.
        """
        if not images or not self.setup.config.measures:
            return list(images), ()
        with memory_explained(self.setup):
            further = [layer for layer in self.setup.depth if layer != self.setup.config.layer]
            depth = {
                layer: self._depth_layer(number, len(further), layer, images)
                for number, layer in enumerate(further)
            }
            # Only a unit that is missing needs the context, which takes a while to build.
            context = _Lazy(lambda: self._context(images))
            measured = [
                self._measure(context, images, position, depth) for position in range(len(images))
            ]
            trust = self._trust(context, images) if self.setup.config.trust else ()
        return measured, trust

    def _context(self, images: Sequence[ImageAudit]) -> Context:
        began = time.perf_counter()
        references = read_natural(self.setup.references, self.setup.model.preprocessing)
        context = build_context(self.setup, images, references, self._pictures())
        self.clock("measure", began)
        return context

    def _pictures(self) -> Pictures:
        channels = self.setup.model.preprocessing.channels

        def load(path: str) -> Tensor:
            image = read_image(self.folder.inside(path))
            pixels = np.array(image if channels == 3 else image.convert("L"))
            pixels = pixels.reshape(*pixels.shape[:2], channels)
            return torch.from_numpy(pixels).permute(2, 0, 1).float().div(255)

        return Pictures(load, self.setup.model.preprocessing.input_size)

    @cached_property
    def _manifest(self) -> list[str]:
        """Digests of the natural images' files, so that a changed one is measured anew."""
        digests = []
        for file in self.setup.references:
            try:
                digests.append(digest(load_bytes(file.path)))
            except ImageError as error:
                digests.append(str(error))
        return digests

    def _key(self, stage: str, *parts: object) -> str:
        return digest_json({"run": self.folder.run_key, "stage": stage, "parts": list(parts)})

    def _depth_layer(
        self, number: int, count: int, layer: str, images: Sequence[ImageAudit]
    ) -> Mapping[str, Any]:
        """Invert all images at one layer; image id to similarity and pictures, or a reason."""
        setup, results = self.setup, dict[str, Any]()
        size = max(1, setup.config.batch_size // setup.config.n_seeds)
        for start in range(0, len(images), size):
            group = images[start : start + size]
            done = number * len(images) + start
            total = count * len(images)
            key = self._key("depth", number, layer, [image.id for image in group])
            stored = self.folder.read(key)
            if stored is None:
                began = time.perf_counter()
                stored = self._invert_group(
                    key, number, layer, group, partial(self._step, done, total)
                )
                self.clock("depth", began)
            results |= stored
            self.tell("depth", done + len(group), total, None, 0)
        return results

    def _step(self, done: int, total: int, step: Step) -> None:
        self.tell("depth", done, total, step, 1)

    def _invert_group(
        self,
        key: str,
        number: int,
        layer: str,
        group: Sequence[ImageAudit],
        on_step: Callable[[Step], None],
    ) -> dict[str, Any]:
        setup, config = self.setup, self.setup.config
        pictures = self._pictures()
        result = invert_group(
            setup.model,
            torch.stack([pictures.reference(image) for image in group]),
            keys=[image.sha256 or image.id for image in group],
            config=config,
            spectrum=setup.spectrum,
            layer=layer,
            on_step=on_step,
        )
        found: dict[str, Any] = {}
        files: dict[str, bytes] = {}
        for place, image in enumerate(group):
            members = range(place * config.n_seeds, (place + 1) * config.n_seeds)
            failure = next((f for m in members if (f := result.failures[m])), None)
            if failure:
                found[image.id] = {"reason": failure}
                continue
            names = [f"images/{image.id}/depth-{number + 1}-{seed}.png" for seed in config.seeds]
            files |= {
                name: to_png_bytes(result.image_01[member])
                for name, member in zip(names, members, strict=True)
            }
            similarity = [float(result.similarity[member]) for member in members]
            found[image.id] = {"similarity": sum(similarity) / len(similarity), "images": names}
        self.folder.write(key, found, files)
        return found

    def _measure(
        self,
        context: "_Lazy",
        images: Sequence[ImageAudit],
        position: int,
        depth: Mapping[str, Mapping[str, Any]],
    ) -> ImageAudit:
        image = images[position]
        key = self._key("measure", image.id, [other.id for other in images], self._manifest)
        stored = self.folder.read(key)
        if stored is None:
            known = context.get()
            began = time.perf_counter()
            results, reasons = [], []
            for layer in self.setup.depth:
                row = depth[layer][image.id] if layer in depth else _audited(image)
                if "reason" in row:
                    reasons.append(Skipped("depth profile", f"layer {layer}: {row['reason']}"))
                else:
                    results.append(DepthResult(layer, row["similarity"], tuple(row["images"])))
            measured, pictures = measure_image(known, image, tuple(results), tuple(reasons))
            stored = {
                "image": image_to_json(measured),
                "skipped": [item.reason for item in known.skipped],
            }
            content = {p.path: to_png_bytes(p.image_01) for p in pictures}
            self.folder.write(key, stored, content)
            self.clock("measure", began)
        self.skipped = tuple(Skipped("reference", reason) for reason in stored["skipped"])
        self.tell("measure", position + 1, len(images), None, 0)
        return image_from_json(stored["image"])

    def _trust(self, context: "_Lazy", images: Sequence[ImageAudit]) -> tuple[TrustCheck, ...]:
        key = self._key("trust", [image.id for image in images])
        stored = self.folder.read(key)
        if stored is None:
            known = context.get()
            began = time.perf_counter()
            checks = trust_checks(
                known, images, lambda _check, step: self.tell("trust", 0, 1, step, 1)
            )
            stored = {"trust": trust_to_json(checks)}
            self.folder.write(key, stored, {})
            self.clock("trust", began)
        self.tell("trust", 1, 1, None, 0)
        return trust_from_json(stored["trust"])


def _audited(image: ImageAudit) -> Mapping[str, Any]:
    """The audited layer's row of the depth profile: the inversions that are there anyway."""
    names = [inversion.files["image"] for inversion in image.inversions]
    return {"similarity": image.similarity, "images": names}


class _Lazy:
    """A context that is built when it is first needed."""

    def __init__(self, build: Callable[[], Context]) -> None:
        self._build, self._context = build, None

    _context: Context | None

    def get(self) -> Context:
        """Build it, or give it again."""
        if self._context is None:
            self._context = self._build()
        return self._context
