"""The images of a run, looked at once before any is moved: what the network says of each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import ImageError
from macoaudit.images import (
    ImageFile,
    decode_image,
    digest,
    load_bytes,
    preprocess,
)
from macoaudit.inverting import uninverted
from macoaudit.metrics import predict
from macoaudit.models import frozen
from macoaudit.morphing.setup import MorphSetup
from macoaudit.morphing.targets import Reading, read_logits
from macoaudit.results import ImageAudit

_NOT_FINITE = "the network's logits on it are not finite (NaN or infinite); check the weights"


@dataclass(frozen=True)
class Subject:
    """An image that the network was asked about."""

    file: ImageFile
    record: ImageAudit
    reading: Reading


def load_image(
    setup: MorphSetup, file: ImageFile
) -> tuple[str, Float[Tensor, "channel height width"]]:
    """Read an image as the network takes it, before its normalisation.

    Returns:
        The digest of the file's bytes, and values in 0..1.

    Raises:
        ImageError: when it cannot be used.
    """
    content = load_bytes(file.path)
    image = preprocess(decode_image(content, file.relative), setup.model.preprocessing)
    return digest(content), image


def survey(
    setup: MorphSetup, files: Sequence[ImageFile], tell: Callable[[int, int], None]
) -> Iterator[Subject | ImageAudit]:
    """Ask the network about every image, a batch at a time.

    Args:
        setup: the run's.
        files: the images.
        tell: told images done and images in all.

    Yields:
        In the order of the files, what was found out, or the record of one that cannot be used.
    """
    size = setup.config.batch_size
    for start in range(0, len(files), size):
        yield from _batch(setup, files[start : start + size])
        tell(min(start + size, len(files)), len(files))


def _batch(setup: MorphSetup, files: Sequence[ImageFile]) -> Iterator[Subject | ImageAudit]:
    loaded: list[tuple[str, Tensor] | ImageAudit] = []
    for file in files:
        try:
            loaded.append(load_image(setup, file))
        except ImageError as error:
            loaded.append(uninverted(file, None, "skipped", str(error)))
    images = [one[1] for one in loaded if not isinstance(one, ImageAudit)]
    rows = iter(logits_of(setup, torch.stack(images)) if images else ())
    for file, one in zip(files, loaded, strict=True):
        if isinstance(one, ImageAudit):
            yield one
            continue
        row = next(rows)
        if not bool(row.isfinite().all()):
            yield uninverted(file, one[0], "failed", _NOT_FINITE)
            continue
        seen = predict(row, setup.model.labels)
        record = uninverted(file, one[0], "ok", None, seen)
        yield Subject(file, record, read_logits(row, setup.source))


def logits_of(
    setup: MorphSetup, images_01: Float[Tensor, "batch channel height width"]
) -> Float[Tensor, "batch num_classes"]:
    """Ask the network about images, results on the CPU.

    Args:
        setup: the run's.
        images_01: as the network takes them, values in 0..1.
    """
    with frozen(setup.network), torch.no_grad():
        rows: Tensor = setup.network(images_01.to(setup.model.device)).float().cpu()
    return rows
