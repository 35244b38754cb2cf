"""Pictures among natural images: plausibility and nearest exemplars, a stage after the drawing."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from macoaudit.images import decode_image, load_bytes, preprocess, to_png_bytes
from macoaudit.models import PENULTIMATE
from macoaudit.natural import nearest, picture_plausibility
from macoaudit.results import (
    NaturalNeighbour,
    NaturalNeighbours,
    PicturePlausibility,
    Skipped,
    Visualization,
    visualizations_from_json,
    visualizations_to_json,
)
from macoaudit.stages import manifest, run_pictures
from macoaudit.store import RunFolder, digest_json
from macoaudit.trust import feature_function
from macoaudit.visualization.natural_images import Named, NaturalImages, read_natural_images
from macoaudit.visualization.setup import Drawing

N_EXEMPLARS = 3
NO_REFERENCE = "there are no natural images in this run; give a folder of them with --reference DIR"


def drawn_class(record: Visualization) -> int | None:
    """The class that a picture was drawn for, where it was drawn for one alone."""
    (first, *others) = record.terms
    only = not others and first.kind == "logit" and first.weight > 0
    return first.index if only else None


class NaturalStage:
    """Compares the pictures of a run with natural images; finished pictures are kept."""

    def __init__(
        self,
        setup: Drawing,
        folder: RunFolder,
        clock: Callable[[str, float], None],
        tell: Callable[[int, int], None],
    ) -> None:
        """Take what the drawing had.

        Args:
            setup: the run's.
            folder: where the pictures are.
            clock: told a stage's name and when it began.
            tell: told after every picture how many are done, and of how many.
        """
        self._setup, self._folder, self._clock, self._tell = setup, folder, clock, tell
        self.skipped: tuple[Skipped, ...] = ()

    def run(self, records: Sequence[Visualization]) -> list[Visualization]:
        """Give every picture its plausibility and its nearest natural images.

        Args:
            records: of the run; those without a picture come back as they are.
        """
        if not self._setup.references:
            self.skipped = tuple(
                Skipped(name, NO_REFERENCE) for name in ("plausibility", "exemplars")
            )
            return list(records)
        compared = []
        for done, record in enumerate(records):
            compared.append(self._unit(record) if record.status == "ok" else record)
            self._tell(done + 1, len(records))
        return compared

    def _unit(self, record: Visualization) -> Visualization:
        setup = self._setup
        facts = {
            "facts": setup.facts(),
            "stage": "natural",
            "picture": [record.id, record.seed],
            "references": [[f.relative, f.label] for f in setup.references],
            "manifest": self._manifest,
            "k": setup.config.plausibility_k,
        }
        key = digest_json(facts)
        stored = self._folder.read(key)
        if stored is None:
            natural = self._natural  # built once, for the first picture that needs it
            began = time.perf_counter()
            compared, files = self._compare(record, natural)
            stored = {
                "compared": visualizations_to_json([compared]),
                "skipped": [item.reason for item in natural.skipped],
            }
            self._folder.write(key, stored, files)
            self._clock("compare", began)
        self.skipped = tuple(Skipped("reference", reason) for reason in stored["skipped"])
        (found,) = visualizations_from_json(stored["compared"])
        return replace(record, plausibility=found.plausibility, exemplars=found.exemplars)

    def _compare(
        self, record: Visualization, natural: NaturalImages
    ) -> tuple[Visualization, dict[str, bytes]]:
        pictures = run_pictures(self._folder, self._setup.model.preprocessing)
        image_01 = pictures.views([record.files["image"]])
        exemplars, files = self._exemplars(record, image_01, natural)
        plausibility = self._plausibility(image_01, natural)
        return replace(record, plausibility=plausibility, exemplars=exemplars), files

    def _plausibility(
        self, image_01: Tensor, natural: NaturalImages
    ) -> PicturePlausibility | Skipped:
        if isinstance(natural.space, Skipped):
            return natural.space
        if isinstance(natural.bank, Skipped):
            return natural.bank
        space = natural.space
        read = feature_function(space.model, space.layer, self._setup.config.batch_size)
        return picture_plausibility(natural.bank, space.name, read(image_01)[0])

    def _exemplars(
        self, record: Visualization, image_01: Tensor, natural: NaturalImages
    ) -> tuple[NaturalNeighbours | Skipped, dict[str, bytes]]:
        setup = self._setup
        if isinstance(natural.activation, Skipped):
            return natural.activation, {}
        read = feature_function(setup.model, PENULTIMATE, setup.config.batch_size)
        allowed = torch.ones(1, len(natural.images), dtype=torch.bool)
        (found,) = nearest(read(image_01), natural.activation, N_EXEMPLARS, allowed)
        if not found.indices:
            reason = "the activation of the picture has no direction to compare"
            return Skipped("exemplars", reason), {}
        chosen = [natural.images[place] for place in found.indices]
        wanted = drawn_class(record)
        rows = tuple(
            NaturalNeighbour(
                path=image.file.relative,
                name=image.name,
                named_by=image.named_by,
                of_class=None
                if wanted is None or image.class_index is None
                else image.class_index == wanted,
                similarity=cosine,
                file=_file(image),
            )
            for image, cosine in zip(chosen, found.cosines, strict=True)
        )
        return NaturalNeighbours(natural.own_space, rows), {
            _file(image): self._picture(image) for image in chosen
        }

    def _picture(self, image: Named) -> bytes:
        """Read a natural image again and encode it as the network takes it."""
        content = load_bytes(image.file.path)
        decoded = decode_image(content, image.file.relative)
        return to_png_bytes(preprocess(decoded, self._setup.model.preprocessing))

    @cached_property
    def _manifest(self) -> list[str]:
        return manifest(self._setup.references)

    @cached_property
    def _natural(self) -> NaturalImages:
        began = time.perf_counter()
        natural = read_natural_images(self._setup)
        self._clock("compare", began)
        return natural


def _file(image: Named) -> str:
    return f"exemplars/{image.sha256[:16]}.png"
