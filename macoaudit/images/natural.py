"""Reading the natural images that inversions are compared with, one at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from macoaudit.errors import ImageError
from macoaudit.images.finding import ImageFile
from macoaudit.images.reading import decode_image, digest, load_bytes
from macoaudit.images.transform import preprocess
from macoaudit.preprocessing import Preprocessing
from macoaudit.results import Skipped


@dataclass(frozen=True)
class NaturalImage:
    """One natural image as a network takes it."""

    path: str
    """As the user gave it, relative to the folder."""
    label: str | None
    """Name of the class subfolder, when there is one."""
    sha256: str
    """Digest of the file's bytes: tells whether it is an audited image too."""
    image_01: Float[Tensor, "channel height width"]


def read_natural(
    files: Sequence[ImageFile], preprocessing: Preprocessing
) -> Iterator[NaturalImage | Skipped]:
    """Read natural images in their order, resized and cropped as the audited ones are.

    One image is held at a time. Each file gives one item: a second copy of the same bytes is
    skipped, because a copy has distance 0 to its original and says nothing about natural images.

    Args:
        files: what :func:`find_images` found.
        preprocessing: of the network whose images they are compared with.

    Yields:
        The image, or why the file could not be used (``check`` is ``reference``).
    """
    seen: dict[str, str] = {}
    for file in files:
        try:
            content = load_bytes(file.path)
            sha256 = digest(content)
            if sha256 in seen:
                reason = f"{file.relative}: has the same bytes as {seen[sha256]}"
                yield Skipped("reference", reason)
                continue
            image = preprocess(decode_image(content, file.relative), preprocessing)
        except ImageError as error:
            text = str(error)
            named = file.relative in text or str(file.path) in text
            yield Skipped("reference", text if named else f"{file.relative}: {text}")
            continue
        seen[sha256] = file.relative
        yield NaturalImage(file.relative, file.label, sha256, image)
