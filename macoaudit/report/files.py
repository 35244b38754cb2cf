"""Writing a finished report so that a reader never sees half of one."""

import contextlib
import os
import tempfile
from pathlib import Path

from macoaudit.errors import ReportError


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file by way of a temporary one in the same folder, synced and then renamed.

    Args:
        path: the file to write or replace.
        data: its bytes.

    Raises:
        ReportError: when it cannot be written; an earlier file is then left as it was.
    """
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise ReportError(
            f"report: {path} cannot be written ({error.strerror}). "
            "Check the folder's permissions and free space, or choose another with --out"
        ) from error
