"""Records to JSON and back: every number finite, every field checked against its annotation.

A :class:`Skipped` in the place of a measurement is ``{"skipped": reason}``; the measurement's name
is the key it stands under.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from macoaudit.errors import StoreError
from macoaudit.results.concepts import ClassConcepts
from macoaudit.results.findings import Finding, ShortcutAudit, ShortcutTest
from macoaudit.results.measures import Skipped, TrustCheck
from macoaudit.results.morphs import Morph
from macoaudit.results.records import SCHEMA_VERSION, ImageAudit, Run
from macoaudit.results.visualizations import Visualization


def _plain(value: object, *, listed: bool = True) -> Any:  # noqa: ANN401 - JSON is not narrower
    """Turn a record into plain data; ``listed`` keeps the name of a skipped check."""
    if isinstance(value, Skipped) and not listed:
        return {"skipped": value.reason}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _plain(getattr(value, f.name), listed=False) for f in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(item, listed=False) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise StoreError(
            f"results: a number is {value}; every number in results.json must be finite. "
            "Record None with a reason instead"
        )
    return value


def image_to_json(image: ImageAudit) -> dict[str, Any]:
    """Turn one image's record into its JSON form (one entry of ``images``)."""
    document: dict[str, Any] = _plain(image)
    return document


def to_json(run: Run) -> dict[str, Any]:
    """Turn a run into the plain document that ``results.json`` holds.

    Args:
        run: the record.

    Returns:
        Nested dicts, lists, strings, finite numbers, booleans and None only.

    Raises:
        StoreError: when a number is not finite.
    """
    document: dict[str, Any] = _plain(run)
    return {"schema_version": SCHEMA_VERSION, **document}


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _is_record(kind: Any) -> bool:  # noqa: ANN401 - a type of any form
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def _read_record(kind: Any, value: object, name: str) -> Any:  # noqa: ANN401
    """Build a record from its JSON form, every field read by its annotation."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is {value!r}")
    if kind is Skipped and set(value) == {"skipped"}:
        value = {"check": name, "reason": value["skipped"]}
    hints = _hints(kind)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise TypeError(f"{kind.__name__} has no field {', '.join(unknown)}")
    return kind(**{key: _read(hint, value[key], key) for key, hint in hints.items()})


def _read_union(choices: tuple[Any, ...], value: object, name: str) -> Any:  # noqa: ANN401
    """Read a value that may be of several types; a skipped measurement is known by its one key."""
    if value is None and type(None) in choices:
        return None
    rest = [choice for choice in choices if choice is not type(None)]
    if Skipped in rest and isinstance(value, Mapping):
        skipped = set(value) == {"skipped"}
        rest = [choice for choice in rest if (choice is Skipped) == skipped]
    for choice in rest:
        if len(rest) == 1:
            return _read(choice, value, name)
        try:
            return _read(choice, value, name)
        except TypeError:
            continue
    raise TypeError(f"{name} is {value!r}")


def _read(kind: Any, value: object, name: str) -> Any:  # noqa: ANN401 - a type of any form
    """Read a value as it is written in the annotation of a record."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if _is_record(kind):
        return _read_record(kind, value, name)
    if origin in (UnionType, Union):  # a Literal or None is the latter
        return _read_union(arguments, value, name)
    if origin is Literal:
        fits = value in arguments
    elif origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError(f"{name} is {value!r}")
        kinds = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        if len(kinds) != len(value):
            raise TypeError(f"{name} is {value!r}")
        return tuple(_read(k, item, name) for k, item in zip(kinds, value, strict=True))
    elif origin is Mapping:
        if not isinstance(value, Mapping):
            raise TypeError(f"{name} is {value!r}")
        return {key: _read(arguments[1], item, key) for key, item in value.items()}
    elif kind in (int, float):
        fits = isinstance(value, int | kind) and not isinstance(value, bool)
    else:
        fits = isinstance(value, kind)
    if not fits:
        raise TypeError(f"{name} is {value!r}")
    return value


def image_from_json(document: Mapping[str, Any]) -> ImageAudit:
    """Read one image's record back from its JSON form.

    Raises:
        StoreError: when a field is missing or unknown.
    """
    try:
        return cast(ImageAudit, _read_record(ImageAudit, document, "image"))
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"results: an image entry does not fit schema version {SCHEMA_VERSION} ({error}). "
            "Write the run again with this version of macoaudit"
        ) from error


def trust_to_json(checks: Sequence[TrustCheck]) -> list[dict[str, Any]]:
    """Turn a trust panel into its JSON form (``trust`` of the document)."""
    return [_plain(check) for check in checks]


def trust_from_json(document: object) -> tuple[TrustCheck, ...]:
    """Read a trust panel back from its JSON form.

    Raises:
        StoreError: when a field is missing or unknown.
    """
    try:
        return cast(tuple[TrustCheck, ...], _read(tuple[TrustCheck, ...], document, "trust"))
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"results: the trust panel does not fit schema version {SCHEMA_VERSION} ({error}). "
            "Write the run again with this version of macoaudit"
        ) from error


def visualizations_to_json(records: Sequence[Visualization]) -> list[dict[str, Any]]:
    """Turn visualisations into their JSON form (``visualizations`` of the document)."""
    return [_plain(record) for record in records]


def visualizations_from_json(document: object) -> tuple[Visualization, ...]:
    """Read visualisations back from their JSON form.

    Raises:
        StoreError: when a field is missing or unknown.
    """
    try:
        found = _read(tuple[Visualization, ...], document, "visualizations")
        return cast(tuple[Visualization, ...], found)
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"results: a visualisation does not fit schema version {SCHEMA_VERSION} ({error}). "
            "Write the run again with this version of macoaudit"
        ) from error


def morphs_to_json(records: Sequence[Morph]) -> list[dict[str, Any]]:
    """Turn morphs into their JSON form (``morphs`` of the document)."""
    return [_plain(record) for record in records]


def morphs_from_json(document: object) -> tuple[Morph, ...]:
    """Read morphs back from their JSON form.

    Raises:
        StoreError: when a field is missing or unknown.
    """
    try:
        return cast(tuple[Morph, ...], _read(tuple[Morph, ...], document, "morphs"))
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"results: a morph does not fit schema version {SCHEMA_VERSION} ({error}). "
            "Write the run again with this version of macoaudit"
        ) from error


def concepts_to_json(found: ClassConcepts) -> dict[str, Any]:
    """Turn the concepts of a class into their JSON form (one entry of ``concepts``)."""
    document: dict[str, Any] = _plain(found)
    return document


def concepts_from_json(document: object) -> ClassConcepts:
    """Read the concepts of a class back from their JSON form.

    Raises:
        StoreError: when a field is missing or unknown.
    """
    try:
        return cast(ClassConcepts, _read(ClassConcepts, document, "concepts"))
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"results: the concepts do not fit schema version {SCHEMA_VERSION} ({error}). "
            "Write the run again with this version of macoaudit"
        ) from error


def shortcuts_to_json(
    findings: Sequence[Finding], tests: Sequence[ShortcutTest], shortcuts: ShortcutAudit | None
) -> dict[str, Any]:
    """Turn what was found of shortcuts into the JSON form of the run's fields of these names."""
    return {
        "findings": [_plain(one) for one in findings],
        "tests": [_plain(one) for one in tests],
        "shortcuts": _plain(shortcuts),
    }


def shortcuts_from_json(
    document: object,
) -> tuple[tuple[Finding, ...], tuple[ShortcutTest, ...], ShortcutAudit | None]:
    """Read findings, tests and coverage back from their JSON form.

    Raises:
        StoreError: when a field is missing or unknown.
    """
    kinds: dict[str, Any] = {
        "findings": tuple[Finding, ...],
        "tests": tuple[ShortcutTest, ...],
        "shortcuts": ShortcutAudit | None,
    }
    try:
        if not isinstance(document, Mapping):
            raise TypeError(f"shortcuts is {document!r}")
        findings, tests, shortcuts = (_read(kinds[key], document[key], key) for key in kinds)
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"results: the shortcuts do not fit schema version {SCHEMA_VERSION} ({error}). "
            "Write the run again with this version of macoaudit"
        ) from error
    return findings, tests, shortcuts


def from_json(document: Mapping[str, Any]) -> Run:
    """Read a run back from the document that ``results.json`` holds.

    Raises:
        StoreError: when the schema version is another one, or a field is missing or unknown.
    """
    fields = dict(document)
    version = fields.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"results: schema_version is {version!r}, this version of macoaudit reads "
            f"{SCHEMA_VERSION}. Use the version of macoaudit that wrote the run, or run it again"
        )
    try:
        return cast(Run, _read_record(Run, fields, "run"))
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"results: the document does not fit schema version {SCHEMA_VERSION} ({error}). "
            "Write the run again with this version of macoaudit"
        ) from error
