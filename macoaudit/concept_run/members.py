"""Which of the images that were named are of the class: by folder label, else by prediction."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.concept_config import LEAST_IMAGES, ConceptsConfig
from macoaudit.concepts import class_of_label
from macoaudit.errors import ImageError, NoImagesError, UsageError
from macoaudit.images import ImageFile, decode_image, digest, image_id, load_bytes, preprocess
from macoaudit.metrics import predict
from macoaudit.models import LoadedModel, frozen, logits_function
from macoaudit.results import ChosenBy, ImageAudit, Prediction

_NAMED = 6
"""Folders or classes that a message lists."""


@dataclass(frozen=True)
class Member:
    """One image of the class, ready for the network."""

    record: ImageAudit
    chosen_by: ChosenBy
    image_01: Float[Tensor, "channel height width"]


@dataclass(frozen=True)
class Chosen:
    """The images of the class, and what is to be said of the others."""

    members: tuple[Member, ...]
    unusable: tuple[ImageAudit, ...]
    n_found: int
    n_of_class: int
    """Before the largest number of images was applied."""
    n_read: int
    notes: tuple[str, ...]


def choose_members(
    config: ConceptsConfig,
    model: LoadedModel,
    class_index: int,
    files: Sequence[ImageFile],
    tell: Callable[[int, int], None],
) -> Chosen:
    """Choose the images of a class.

    An image in a class folder is of that folder's class, whatever the network says. The others are
    of the class that the network predicts; so are all where no folder is named after a class.

    Args:
        config: settings of the run.
        model: the network.
        class_index: the class.
        files: the images that were named.
        tell: told images done and images in all.

    Raises:
        UsageError: when fewer than two images are of the class, or a logit is not finite.
    """
    classes = {file.label: class_of_label(model, file.label) for file in files if file.label}
    with_labels = any(index is not None for index in classes.values())
    labelled = [bool(with_labels and file.label) for file in files]
    pool = [n for n, is_labelled in enumerate(labelled) if not is_labelled]
    reader = _Reader(config, model, files, tell, len(pool))
    predicted = {n: found.index for n, _, found in reader.read(pool)}
    of_class = [
        n
        for n, file in enumerate(files)
        if (classes.get(file.label or "") if labelled[n] else predicted.get(n)) == class_index
    ]
    count = min(len(of_class), config.max_images)
    kept = [of_class[i * len(of_class) // count] for i in range(count)]
    members = tuple(
        Member(reader.record(n, found), "label" if labelled[n] else "prediction", image_01)
        for n, image_01, found in reader.read(kept)
    )
    if len(members) < LEAST_IMAGES:
        name = model.labels[class_index]
        seen = _seen(model, files, [n for n in range(len(files)) if labelled[n]], predicted)
        raise NoImagesError(
            _too_few(name, len(members), len(files), seen, tuple(reader.bad.values()))
        )
    notes = []
    if classes and not with_labels:
        notes.append(f"no folder is named after a class of {model.name}, so predictions decide")
    if count < len(of_class):
        notes.append(f"{count} of {len(of_class)} images of the class were taken, evenly spaced")
    return Chosen(
        members=members,
        unusable=tuple(reader.bad[n] for n in sorted(reader.bad)),
        n_found=len(files),
        n_of_class=len(of_class),
        n_read=len({*pool, *kept}),
        notes=tuple(notes),
    )


class _Reader:
    """Reads images batch by batch with the network's prediction; remembers those it cannot use."""

    def __init__(
        self,
        config: ConceptsConfig,
        model: LoadedModel,
        files: Sequence[ImageFile],
        tell: Callable[[int, int], None],
        n_pool: int,
    ) -> None:
        self.bad: dict[int, ImageAudit] = {}
        self._config, self._model, self._files, self._tell = config, model, files, tell
        self._sha256: dict[int, str] = {}
        self._done, self._total = 0, n_pool

    def read(self, numbers: Sequence[int]) -> Iterator[tuple[int, Tensor, Prediction]]:
        """Yield number, image and prediction of those that can be used."""
        self._total = max(self._total, self._done + len(numbers))
        size = self._config.batch_size
        for start in range(0, len(numbers), size):
            batch = {n: image for n in numbers[start : start + size] if (image := self._load(n))
                     is not None}  # fmt: skip
            if batch:
                logits = self._logits(torch.stack(list(batch.values())))
                for (n, image_01), row in zip(batch.items(), logits, strict=True):
                    yield n, image_01, predict(row, self._model.labels)
            self._done += len(numbers[start : start + size])
            self._tell(self._done, self._total)

    def record(self, number: int, prediction: Prediction) -> ImageAudit:
        """Record an image of the class."""
        return self._record(number, prediction, None)

    def _record(self, number: int, seen: Prediction | None, reason: str | None) -> ImageAudit:
        file, sha256 = self._files[number], self._sha256.get(number)
        name = image_id(file.relative, sha256)
        return ImageAudit(
            id=name,
            path=file.relative,
            status="ok" if reason is None else "skipped",
            reason=reason,
            label=file.label,
            sha256=sha256,
            prediction=seen,
            similarity=None,
            files={} if seen is None else {"reference": f"images/{name}/reference.png"},
        )

    def _load(self, number: int) -> Tensor | None:
        file = self._files[number]
        if number in self.bad:
            return None
        try:
            content = load_bytes(file.path)
            self._sha256[number] = digest(content)
            return preprocess(decode_image(content, file.relative), self._model.preprocessing)
        except ImageError as error:
            self.bad[number] = self._record(number, None, str(error))
            return None

    def _logits(self, images_01: Tensor) -> Tensor:
        with frozen(self._model.module), torch.no_grad():
            logits = logits_function(self._model)(images_01.to(self._model.device)).float().cpu()
        if not bool(torch.isfinite(logits).all()):
            raise UsageError(
                f"--model {self._model.name}: its logits are not finite (NaN or infinite); check "
                "the weights"
            )
        return logits


def _seen(
    model: LoadedModel,
    files: Sequence[ImageFile],
    labelled: Sequence[int],
    predicted: dict[int, int],
) -> str:
    """Say of which classes the images are instead, most frequent first."""
    parts = []
    for verb, names in (
        ("their folders are", [str(files[n].label) for n in labelled]),
        ("the network predicts", [model.labels[index] for index in predicted.values()]),
    ):
        counts = {name: names.count(name) for name in sorted(set(names))}
        most = sorted(counts, key=lambda name: -counts[name])
        if most:
            more = ", ..." if len(most) > _NAMED else ""
            listed = ", ".join(f"{name} ({counts[name]})" for name in most[:_NAMED])
            parts.append(f"{verb} {listed}{more}")
    return "; ".join(parts)


def _too_few(name: str, n: int, n_files: int, seen: str, bad: Sequence[ImageAudit]) -> str:
    found = f"none of the {n_files} images is" if n == 0 else f"only {n} image is"
    if n_files == 1 and n == 0:
        found = "the image is not"
    unusable = f". {len(bad)} cannot be used; the first: {bad[0].reason}" if bad else ""
    return (
        f"--class {name}: {found} of it{f' ({seen})' if seen else ''}{unusable}. Give at least "
        f"{LEAST_IMAGES} images of the class, better 20 or more, or another class"
    )
