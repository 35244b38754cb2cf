"""Reading every image of an audit once: which can be used, and what the network says of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import ImageError
from macoaudit.images import (
    ImageFile,
    decode_image,
    digest,
    image_id,
    load_bytes,
    preprocess,
)
from macoaudit.inverting import uninverted
from macoaudit.metrics import predict
from macoaudit.models import LoadedModel, frozen, logits_function
from macoaudit.preprocessing import Preprocessing
from macoaudit.results import ImageAudit, Prediction
from macoaudit.store import RunFolder, digest_json

BATCH_SIZE = 32


@dataclass(frozen=True)
class Seen:
    """One image that can be used, and what was read of it; its pixels are read again."""

    file: ImageFile
    sha256: str
    prediction: Prediction
    facts: Mapping[str, float]
    """Of the file, before it was resized and cropped."""

    @property
    def id(self) -> str:
        """Name of the image's folder in the run."""
        return image_id(self.file.relative, self.sha256)

    def record(self) -> ImageAudit:
        """Record the image as one that was read and not inverted."""
        return ImageAudit(
            id=self.id,
            path=self.file.relative,
            status="ok",
            reason=None,
            label=self.file.label,
            sha256=self.sha256,
            prediction=self.prediction,
            similarity=None,
        )


@dataclass(frozen=True)
class Read:
    """All images of an audit."""

    items: tuple[Seen | ImageAudit, ...]
    """In run order; a record of an image that cannot be read, or whose logits are not finite."""

    @property
    def good(self) -> tuple[Seen, ...]:
        """Images that can be used."""
        return tuple(item for item in self.items if isinstance(item, Seen))

    @property
    def bad(self) -> tuple[ImageAudit, ...]:
        """Images that cannot."""
        return tuple(item for item in self.items if isinstance(item, ImageAudit))


def read_images(
    model: LoadedModel,
    files: Sequence[ImageFile],
    *,
    folder: RunFolder | None,
    key: str,
    tell: Callable[[int, int], None],
) -> tuple[Read, dict[str, Any]]:
    """Read every image and predict its class, or take that from an earlier start.

    Args:
        model: the network.
        files: the images.
        folder: where an earlier start may have left it; None: nowhere.
        key: digest of everything that decides the predictions but the files' bytes.
        tell: told images done and images in all.

    Returns:
        What was read, and the unit to keep: its ``key`` and ``payload``.

    Raises:
        ImageError: when no image can be used.
    """
    reader = _Reader(model, files, tell)
    contents = reader.digests()
    unit_key = digest_json({"key": key, "stage": "read", "files": contents})
    payload = None if folder is None else folder.read(unit_key)
    if payload is None:
        payload = {"images": reader.predict_all()}
    rows = zip(files, contents, payload["images"], strict=True)
    read = Read(tuple(_item(*row, model.labels) for row in rows))
    if not read.good:
        first = read.bad[0]
        raise ImageError(
            f"IMAGES: none of {len(files)} can be used. The first: {first.path}: {first.reason}"
        )
    return read, {"key": unit_key, "payload": payload}


class _Reader:
    """Reads files twice: for their digests, which is quick, and for what the network says."""

    def __init__(
        self, model: LoadedModel, files: Sequence[ImageFile], tell: Callable[[int, int], None]
    ) -> None:
        self._model, self._files, self._tell = model, files, tell

    def digests(self) -> list[str | None]:
        """Digest the bytes of every file; None where it cannot be read."""
        found: list[str | None] = []
        for file in self._files:
            try:
                found.append(digest(load_bytes(file.path)))
            except ImageError:
                found.append(None)
        return found

    def predict_all(self) -> list[dict[str, Any]]:
        """Predict every image; for one that cannot be used, the reason."""
        rows: list[dict[str, Any]] = []
        for start in range(0, len(self._files), BATCH_SIZE):
            part = [self._load(file) for file in self._files[start : start + BATCH_SIZE]]
            images = [item[0] for item in part if not isinstance(item, str)]
            logits = iter(self._logits(torch.stack(images))) if images else iter(())
            rows += [
                {"reason": item}
                if isinstance(item, str)
                else _row(item[1], next(logits), self._model.labels)
                for item in part
            ]
            self._tell(len(rows), len(self._files))
        return rows

    def _load(self, file: ImageFile) -> tuple[Tensor, dict[str, float]] | str:
        try:
            content = load_bytes(file.path)
            image = decode_image(content, file.relative)
            facts = {
                "file width": float(image.width),
                "file height": float(image.height),
                "aspect ratio": image.width / image.height,
                "bytes per pixel": len(content) / (image.width * image.height),
            }
            return preprocess(image, self._model.preprocessing), facts
        except ImageError as error:
            return str(error)

    def _logits(self, image_01: Float[Tensor, "image channel height width"]) -> Tensor:
        with frozen(self._model.module), torch.no_grad():
            read = logits_function(self._model)
            return read(image_01.to(self._model.device)).float().cpu()


def _row(
    facts: dict[str, float], logits: Float[Tensor, " classes"], labels: Sequence[str]
) -> dict[str, Any]:
    if not bool(torch.isfinite(logits).all()):
        return {
            "failed": "the network's logits are not finite (NaN or infinite); check the weights"
        }
    found = predict(logits, labels)
    return {"index": found.index, "probability": found.probability, "facts": facts}


def _item(
    file: ImageFile, sha256: str | None, row: Mapping[str, Any], labels: Sequence[str]
) -> Seen | ImageAudit:
    if "failed" in row:
        return uninverted(file, sha256, "failed", row["failed"])
    if "reason" in row or sha256 is None:
        reason = row.get("reason", "could not be read when the audit began")
        return uninverted(file, sha256, "skipped", reason)
    index = int(row["index"])
    prediction = Prediction(index, labels[index], float(row["probability"]))
    return Seen(file, sha256, prediction, row["facts"])


def load_pixels(
    images: Sequence[Seen], preprocessing: Preprocessing
) -> Float[Tensor, "image channel height width"]:
    """Read the pixels of images as the network takes them, all into memory.

    Args:
        images: what was read before.
        preprocessing: the network's.

    Raises:
        ImageError: when a file has other bytes than when it was read.
    """
    loaded = []
    for image in images:
        content = load_bytes(image.file.path)
        if digest(content) != image.sha256:
            raise ImageError(
                f"{image.file.relative}: was changed while the audit ran. Run again when the "
                "images stay as they are"
            )
        loaded.append(preprocess(decode_image(content, image.file.relative), preprocessing))
    return torch.stack(loaded)
