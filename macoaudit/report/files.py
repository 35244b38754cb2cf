"""Writing a finished report so that a reader never sees half of one."""

from pathlib import Path

from macoaudit.errors import ReportError, StoreError
from macoaudit.files import write_bytes


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file by way of a temporary one in the same folder, synced and then renamed.

    Args:
        path: the file to write or replace; its folder has to be there.
        data: its bytes.

    Raises:
        ReportError: when it cannot be written; an earlier file is then left as it was.
    """
    if not path.parent.is_dir():
        raise ReportError(
            f"report: {path} cannot be written (no such folder). "
            "Check the folder's name, or choose another with --out"
        )
    try:
        write_bytes(path, data)
    except StoreError as error:
        raise ReportError(f"report: {error}, or choose another with --out") from error
