"""Pictures among natural images: plausibility and nearest exemplars, a stage after the drawing."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import ImageError, LayerError
from macoaudit.images import (
    ImageFile,
    NaturalImage,
    decode_image,
    load_bytes,
    preprocess,
    read_natural,
    to_png_bytes,
)
from macoaudit.judges import FeatureSpace, feature_space
from macoaudit.measuring.networks import in_batches
from macoaudit.models import PENULTIMATE, logits_function
from macoaudit.natural import Bank, nearest, picture_plausibility, sound, too_few
from macoaudit.results import (
    NamedBy,
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
from macoaudit.visualization.setup import Drawing

N_EXEMPLARS = 3
NO_REFERENCE = "there are no natural images in this run; give a folder of them with --reference DIR"


def class_of_folder(name: str, labels: Sequence[str]) -> int | None:
    """Find the class that a folder is named after.

    Case, ``_`` and ``-`` do not matter, and one of a label's names between commas is enough.

    Args:
        name: of the folder.
        labels: the network's class names.

    Returns:
        The class, or None when no class or more than one fits.
    """
    wanted = _plain(name)
    whole = [place for place, label in enumerate(labels) if _plain(label) == wanted]
    part = [
        place
        for place, label in enumerate(labels)
        if wanted in [_plain(item) for item in label.split(",")]
    ]
    found = whole or part
    return found[0] if len(found) == 1 else None


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()


def drawn_class(record: Visualization) -> int | None:
    """The class that a picture was drawn for, where it was drawn for one alone."""
    (first, *others) = record.terms
    only = not others and first.kind == "logit" and first.weight > 0
    return first.index if only else None


@dataclass(frozen=True)
class _Named:
    """One natural image: its file and what it shows."""

    file: ImageFile
    sha256: str
    name: str | None
    named_by: NamedBy | None
    class_index: int | None


@dataclass(frozen=True)
class _Natural:
    """The natural images of a run as features; the pictures are read again where shown."""

    images: tuple[_Named, ...]
    own_space: str
    activation: Float[Tensor, "natural feature"] | Skipped
    """In the drawn network's penultimate layer."""
    space: FeatureSpace | Skipped
    bank: Bank | Skipped
    skipped: tuple[Skipped, ...]


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
        self, record: Visualization, natural: _Natural
    ) -> tuple[Visualization, dict[str, bytes]]:
        pictures = run_pictures(self._folder, self._setup.model.preprocessing)
        image_01 = pictures.views([record.files["image"]])
        exemplars, files = self._exemplars(record, image_01, natural)
        plausibility = self._plausibility(image_01, natural)
        return replace(record, plausibility=plausibility, exemplars=exemplars), files

    def _plausibility(self, image_01: Tensor, natural: _Natural) -> PicturePlausibility | Skipped:
        if isinstance(natural.space, Skipped):
            return natural.space
        if isinstance(natural.bank, Skipped):
            return natural.bank
        space = natural.space
        read = feature_function(space.model, space.layer, self._setup.config.batch_size)
        return picture_plausibility(natural.bank, space.name, read(image_01)[0])

    def _exemplars(
        self, record: Visualization, image_01: Tensor, natural: _Natural
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

    def _picture(self, image: _Named) -> bytes:
        """Read a natural image again and encode it as the network takes it."""
        content = load_bytes(image.file.path)
        decoded = decode_image(content, image.file.relative)
        return to_png_bytes(preprocess(decoded, self._setup.model.preprocessing))

    @cached_property
    def _manifest(self) -> list[str]:
        return manifest(self._setup.references)

    @cached_property
    def _natural(self) -> _Natural:
        began = time.perf_counter()
        natural = _read(self._setup)
        self._clock("compare", began)
        return natural


def _file(image: _Named) -> str:
    return f"exemplars/{image.sha256[:16]}.png"


def _read(setup: Drawing) -> _Natural:
    """Read the natural images one by one; only their features are kept."""
    model, size, k = setup.model, setup.config.batch_size, setup.config.plausibility_k
    space = feature_space(model, (*setup.judges, *setup.other_judges))
    own, missing = None, ""
    try:
        own = feature_function(model, PENULTIMATE, size)
    except LayerError as error:
        missing = f"{model.name}: {error}"
    judged = None
    if isinstance(space, FeatureSpace):
        judged = feature_function(space.model, space.layer, size)
    logits = in_batches(model, logits_function(model), size) if model.num_classes else None
    images, activations, features = list[_Named](), list[Tensor](), list[Tensor]()
    skipped = list[Skipped]()
    by_path = {file.relative: file for file in setup.references}
    for item in read_natural(setup.references, model.preprocessing):
        if isinstance(item, Skipped):
            skipped.append(item)
            continue
        if item.sha256 == setup.accent_sha256:
            reason = f"{item.path}: is the image that is accentuated, so it is not compared with"
            skipped.append(Skipped("reference", reason))
            continue
        image_01 = item.image_01[None]
        if own is not None:
            activations.append(own(image_01))
        if judged is not None:
            features.append(judged(image_01))
        predicted = None if logits is None else int(logits(image_01)[0].argmax())
        images.append(_named(item, by_path[item.path], predicted, model.labels))
    if not images:
        raise ImageError(
            "--reference: none of its images can be used. The first: "
            f"{skipped[0].reason if skipped else 'there is none'}"
        )
    bank: Bank | Skipped = too_few(0, k)
    if features:
        rows = torch.cat(features)
        rows = rows[sound(rows)]
        bank = Bank.of(rows, k) if len(rows) > k else too_few(len(rows), k)
    return _Natural(
        images=tuple(images),
        own_space=f"{model.name} {PENULTIMATE}",
        activation=torch.cat(activations) if own else Skipped("exemplars", missing),
        space=space,
        bank=bank,
        skipped=tuple(skipped),
    )


def _named(
    item: NaturalImage, file: ImageFile, predicted: int | None, labels: Sequence[str]
) -> _Named:
    """Say what a natural image shows: its folder, where it names a class, else the network."""
    if item.label is not None:
        index = class_of_folder(item.label, labels)
        if index is not None or predicted is None:
            return _Named(file, item.sha256, item.label, "folder", index)
    if predicted is None:
        return _Named(file, item.sha256, None, None, None)
    return _Named(file, item.sha256, labels[predicted], "network", predicted)
