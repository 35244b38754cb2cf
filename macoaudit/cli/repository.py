"""Where the inputs of an audit lie in their repository: what code hosts find a file by."""

import os
from collections.abc import Sequence
from pathlib import Path

from macoaudit.audit_config import Places
from macoaudit.errors import UsageError
from macoaudit.images import folder_of_images


def places(images: Sequence[Path], policy: Path | None, root: Path | None) -> Places | None:
    """Find out where images and policy lie.

    Args:
        images: as an audit takes them, at least one path.
        policy: the policy file; None for a preset.
        root: the repository's root as it was given; None: the nearest folder with ``.git``, from
            the working folder up.

    Returns:
        None where there is no repository, or the images lie elsewhere.

    Raises:
        UsageError: when the root was given, and is no folder or does not hold the images.
    """
    if root is not None and not root.is_dir():
        raise UsageError(
            f"--sarif-root {root}: there is no such folder. Give the root of the repository"
        )
    found = root or repository_root(Path.cwd())
    if found is None:
        return None
    folder = _within(found, folder_of_images(images))
    if folder is None and root is not None:
        raise UsageError(
            f"--sarif-root {root}: does not hold the images ({images[0]}). Give a folder above them"
        )
    if folder is None:
        return None
    return Places(images=folder, policy=None if policy is None else _within(found, policy))


def repository_root(start: Path) -> Path | None:
    """Give the nearest folder with ``.git`` in it, which is a file in a work tree.

    Args:
        start: where to begin; the folders above it come next.
    """
    above = start.absolute()
    return next((one for one in (above, *above.parents) if (one / ".git").exists()), None)


def _within(root: Path, path: Path) -> str | None:
    """The path from a root to a file or folder below it; links are followed where they must be."""
    plain = _plain(path), _plain(root)
    for one, base in (plain, (path.resolve(), root.resolve())):
        if one.is_relative_to(base):
            # Bytes that are no text are written as in the paths of the images.
            return os.fsencode(one.relative_to(base).as_posix()).decode("utf-8", errors="replace")
    return None


def _plain(path: Path) -> Path:
    """The path from the root of all, without ``..`` and with its links as they are."""
    return Path(os.path.normpath(path.absolute()))
