"""Where a finding lies, as code hosts want it: a relative address, always."""

from urllib.parse import quote

POLICY_FILE = "macoaudit.toml"
"""Stands for findings without an image: a result without a file is refused with all others."""


def relative_uri(path: str | None) -> str:
    """Turn an image's path into a percent-encoded relative reference.

    Whatever came, the result has no scheme, no drive, no leading slash and no ``..``.

    Args:
        path: relative to the folder of images, with forward slashes; None where there is none.
    """
    parts = [part for part in (path or "").split("/") if part not in ("", ".", "..")]
    return "/".join(quote(_bytes(part), safe="") for part in parts) or POLICY_FILE


def _bytes(part: str) -> bytes:
    """The bytes of a file's name, also of one that is no text."""
    try:
        return part.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return part.encode("utf-8", "surrogatepass")
