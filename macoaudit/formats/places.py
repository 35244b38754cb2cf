"""Where a finding lies, as code hosts want it: a relative address, always."""

from collections.abc import Mapping
from urllib.parse import quote

from macoaudit.results import Run

POLICY_FILE = "macoaudit.toml"
"""Stands for findings without an image: a result without a file is refused with all others."""


def relative_uri(path: str | None) -> str | None:
    """Turn a path into a percent-encoded relative reference.

    Whatever came, the result has no scheme, no drive, no leading slash and no ``..``.

    Args:
        path: with forward slashes; None where there is none.

    Returns:
        None where nothing is left of the path.
    """
    parts = [part for part in (path or "").split("/") if part not in ("", ".", "..")]
    return "/".join(quote(_bytes(part), safe="") for part in parts) or None


def in_repository(run: Run) -> bool:
    """Say whether the record knows where the images lie in their repository.

    Args:
        run: of ``audit``.
    """
    return _place(run, "images") is not None


def address(run: Run, image: str | None) -> str:
    """Give the address of an image, or of the policy where there is none.

    It is relative to the root of the repository where the record knows it, else to the folder of
    images.

    Args:
        run: of ``audit``.
        image: path as the record has it, relative to the folder of images.
    """
    inside = relative_uri(image)
    if inside is None:
        return relative_uri(_place(run, "policy")) or POLICY_FILE
    folder = relative_uri(_place(run, "images"))
    return inside if folder is None else f"{folder}/{inside}"


def _place(run: Run, name: str) -> str | None:
    places = run.volatile.get("places")
    value = places.get(name) if isinstance(places, Mapping) else None
    return value if isinstance(value, str) else None


def _bytes(part: str) -> bytes:
    """The bytes of a file's name, also of one that is no text."""
    try:
        return part.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return part.encode("utf-8", "surrogatepass")
