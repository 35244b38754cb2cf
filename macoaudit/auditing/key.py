"""The key of an audit's work: a run folder that was kept under it can be taken up."""

from collections.abc import Iterable
from pathlib import Path

from macoaudit.audit_config import AuditConfig
from macoaudit.auditing.masks import mask_path
from macoaudit.auditing.setup import AuditSetup, prepare_audit
from macoaudit.errors import ImageError
from macoaudit.gate import Gate
from macoaudit.images import digest, load_bytes
from macoaudit.store import digest_json

_DIGITS = 32


def run_key(setup: AuditSetup) -> str:
    """Digest what determines the numbers of an audit, but the bytes of its images.

    Args:
        setup: networks and settings, loaded.
    """
    return digest_json(setup.facts())


def audit_key(config: AuditConfig) -> str:
    """Name the work of an audit for a store that keeps run folders, as a cache of a CI does.

    ``RUN-INPUTS``: a folder whose key has the same ``RUN`` can be taken up, for network, settings,
    names of the images, kind of device and versions are the same; with the same ``INPUTS`` nothing
    is left to compute, for every image, mask and reference has the same bytes.

    Args:
        config: settings of the audit.

    Returns:
        Two times 32 hexadecimal digits.

    Raises:
        MacoauditError: as :func:`macoaudit.auditing.run_audit` does before its first image.
    """
    setup = prepare_audit(config, Gate())
    groups = (
        (file.path for file in setup.files),
        (file.path for file in setup.inversion.references),
        _masks(setup, config.masks),
    )
    inputs = [[_digest(path) for path in paths] for paths in groups]
    return f"{run_key(setup)[:_DIGITS]}-{digest_json(inputs)[:_DIGITS]}"


def _masks(setup: AuditSetup, folder: Path | None) -> Iterable[Path]:
    if folder is None:
        return ()
    return (mask_path(folder, file.relative) for file in setup.files)


def _digest(path: Path) -> str | None:
    """Digest a file's bytes; None where it cannot be read, which the audit will say."""
    try:
        return digest(load_bytes(path))
    except ImageError:
        return None
