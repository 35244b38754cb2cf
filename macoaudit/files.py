"""Writing files all or nothing."""

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from macoaudit.errors import StoreError

TEMPORARY_PREFIX = ".macoaudit-"
"""Begins the name of every unfinished file, so that what a killed run left can be recognised."""


def store_error(path: Path, error: OSError) -> StoreError:
    """Say which path could not be written, why, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "The disk is full: free space and run again; finished work is kept"
    else:
        advice = "Give another folder with --out, or make this one writable"
    return StoreError(f"{path}: cannot be written ({error.strerror or error}). {advice}")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, after a crash too.

    Args:
        path: the file; its folder is made when it is not there.
        content: its bytes.

    Raises:
        StoreError: when it cannot be written; nothing half-written stays behind.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files for the owner only; a result is as readable as any other new file.
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise store_error(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def _umask() -> int:
    mask = os.umask(0o022)  # it can only be read by setting it
    os.umask(mask)
    return mask
