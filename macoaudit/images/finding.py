"""Finding the images that a user named, and naming their folders in a run."""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from macoaudit.errors import UsageError

EXTENSIONS = (
    ".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm",
)  # fmt: skip
_SLUG_CHARACTERS = 40


@dataclass(frozen=True)
class ImageFile:
    """One reference image that was found, not yet read."""

    path: Path
    relative: str
    """Path relative to the folder that was named, with forward slashes."""
    label: str | None
    """Name of the class subfolder, when there is one."""


def find_images(paths: Sequence[Path]) -> tuple[ImageFile, ...]:
    """Find the images in files and folders; a folder's class subfolders are labels.

    A file that is named is taken whatever its extension. In folders only files with the extension
    of an image are, and hidden ones are not. Files that turn out to be unreadable are found all
    the same: reading them says why they cannot be used.

    Args:
        paths: a file, several files, folders, or both.

    Returns:
        The images ordered by their relative path, each file once.

    Raises:
        UsageError: when a path does not exist, is neither file nor folder, holds a folder that is
            linked into itself, or when there is no image at all.
    """
    if not paths:
        raise UsageError("IMAGES: no path came. Give an image, several, or a folder of images")
    base = _common(paths)
    found: dict[Path, ImageFile] = {}
    for path in paths:
        for image in _find_one(path, base):
            found.setdefault(image.path.absolute(), image)
    if not found:
        raise UsageError(
            f"IMAGES: no image in {', '.join(map(str, paths))}. Images end in "
            f"{' '.join(EXTENSIONS)} (any case)"
        )
    return tuple(sorted(found.values(), key=lambda image: (image.relative, str(image.path))))


def folder_of_images(paths: Sequence[Path]) -> Path:
    """Give the folder that paths of images are relative to, absolute.

    Args:
        paths: as :func:`find_images` takes them, at least one.
    """
    folder = _common(paths) or paths[0].absolute()
    return folder if folder.is_dir() else folder.parent


def _common(paths: Sequence[Path]) -> Path | None:
    """The folder that several paths share; None for a single one."""
    if len(paths) == 1:
        return None
    return Path(os.path.commonpath([path.absolute() for path in paths]))


def _find_one(path: Path, base: Path | None) -> Iterator[ImageFile]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise UsageError(
            f"IMAGES: {path} cannot be found ({error.strerror}). Give an image or a folder of them"
        ) from error
    if stat.S_ISREG(mode):
        root = path.parent if base is None or base == path.absolute() else base
        yield ImageFile(path, _portable(path, root), None)
    elif stat.S_ISDIR(mode):
        for file in _walk(path, (path.resolve(),)):
            parts = file.relative_to(path).parts
            relative = _portable(file, path if base is None else base)
            yield ImageFile(file, relative, _text(parts[0]) if len(parts) > 1 else None)
    else:
        raise UsageError(
            f"IMAGES: {path} is neither a file nor a folder. Give an image or a folder of images"
        )


def _walk(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(
            f"IMAGES: folder {folder} cannot be read ({error.strerror}). Check its permissions"
        ) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            real = entry.resolve()
            if real in above:
                raise UsageError(
                    f"IMAGES: {entry} is linked to a folder that it lies in ({real}). Remove the "
                    "link"
                )
            yield from _walk(entry, (*above, real))
        elif entry.suffix.lower() in EXTENSIONS:
            yield entry


def _text(name: str) -> str:
    """Turn a file name of any bytes into text that can be written anywhere."""
    return os.fsencode(name).decode("utf-8", errors="replace")


def _portable(path: Path, root: Path) -> str:
    return _text(path.absolute().relative_to(root.absolute()).as_posix())


def image_id(relative: str, sha256: str | None) -> str:
    """Name an image's folder in a run: a slug, the content's digest, the path's digest.

    Two images have the same name only when they are equal and found at the same path, so names are
    unique in a run and the same in every run.

    Args:
        relative: path relative to the folder of images.
        sha256: digest of the file's bytes; None when it could not be read.

    Returns:
        At most 80 characters out of ``a-z 0-9 - _``.
    """
    stem = relative.rsplit(".", 1)[0] if "." in relative.rsplit("/", 1)[-1] else relative
    ascii_text = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_]+", "-", ascii_text).strip("-")[-_SLUG_CHARACTERS:].strip("-")
    content = "unreadable" if sha256 is None else sha256[:10]
    path_digest = hashlib.sha256(relative.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{slug or 'image'}-{content}-{path_digest[:8]}"
