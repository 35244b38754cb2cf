"""Model cards: one TOML file that says which network, which weights and which preprocessing."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from macoaudit.errors import ModelError, UnknownModelError

_TYPES: dict[str, type] = {
    "name": str,
    "description": str,
    "architecture": str,
    "factory": str,
    "weights": str,
    "sha256": str,
    "num_classes": int,
    "kwargs": dict,
    "preprocessing": dict,
}
_PREPROCESSING_KEYS = ("input_size", "mean", "std", "crop_pct", "crop_mode", "interpolation")
_FACTORY_NEEDS = ("input_size", "mean", "std", "crop_pct", "interpolation")


@dataclass(frozen=True)
class ModelCard:
    """The content of a model card, checked for its form but not yet for its truth."""

    path: Path
    name: str
    """``name`` of the card, else the file's name without ``.toml``."""
    architecture: str | None
    """A timm architecture; None when ``factory`` is given."""
    factory: str | None
    """``package.module:function``; None when ``architecture`` is given."""
    weights: Path | None
    sha256: str | None
    """Expected digest of the weights file's bytes, lower case."""
    num_classes: int | None
    labels: str | tuple[str, ...] | None
    """``imagenet-1k``, a path relative to the card, or the names themselves."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)


def _unknown_key(path: Path, key: str, allowed: tuple[str, ...], place: str) -> ModelError:
    near = difflib.get_close_matches(key, allowed, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]}? " if near else ""
    return ModelError(
        f"model card {path}: unknown key {key!r}{place}. {hint}Allowed: {', '.join(allowed)}"
    )


def _check_form(path: Path, document: Mapping[str, Any]) -> None:
    allowed = (*_TYPES, "labels")
    for key, value in document.items():
        if key not in allowed:
            raise _unknown_key(path, key, allowed, "")
        if key == "labels":
            names = isinstance(value, list) and all(isinstance(name, str) for name in value)
            if not names and not isinstance(value, str):
                raise ModelError(
                    f"model card {path}: labels must be imagenet-1k, a text file, or a list of "
                    f"names; {value!r} came"
                )
        elif type(value) is not _TYPES[key]:
            raise ModelError(
                f"model card {path}: {key} must be a {_TYPES[key].__name__}; {value!r} came"
            )
    for key in document.get("preprocessing", {}):
        if key not in _PREPROCESSING_KEYS:
            raise _unknown_key(path, key, _PREPROCESSING_KEYS, " in [preprocessing]")
    _check_preprocessing(path, document.get("preprocessing", {}))
    if ("architecture" in document) == ("factory" in document):
        raise ModelError(
            f"model card {path}: give either architecture (a timm name) or factory "
            '("package.module:function"), and not both'
        )
    if "sha256" in document and "weights" not in document:
        raise ModelError(f"model card {path}: sha256 is given without weights; name the file")
    if "num_classes" in document and document["num_classes"] < 0:
        raise ModelError(
            f"model card {path}: num_classes = {document['num_classes']} is negative; give the "
            "number of outputs, or 0 for a network without classes"
        )


def _check_preprocessing(path: Path, table: Mapping[str, Any]) -> None:
    def is_number(value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)

    for key, value in table.items():
        if key == "input_size":
            whole = isinstance(value, list) and all(type(item) is int for item in value)
            fine, wanted = whole and len(value) == 3, "[channel, height, width]"
        elif key in ("mean", "std"):
            fine = isinstance(value, list) and all(is_number(item) for item in value)
            wanted = "a list of numbers, one for each channel"
        elif key == "crop_pct":
            fine, wanted = is_number(value), "a number in (0, 1]"
        else:
            fine, wanted = isinstance(value, str), "a string"
        if not fine:
            raise ModelError(
                f"model card {path}: [preprocessing] {key} must be {wanted}; {value!r} came"
            )


def _check_factory(path: Path, document: Mapping[str, Any]) -> None:
    package, _, function = document["factory"].partition(":")
    if not package or not function.isidentifier():
        raise ModelError(
            f"model card {path}: factory = {document['factory']!r} must be "
            '"package.module:function"'
        )
    lacking = [key for key in _FACTORY_NEEDS if key not in document.get("preprocessing", {})]
    if lacking:
        raise ModelError(
            f"model card {path}: a factory's preprocessing is not known from elsewhere; add "
            f"{', '.join(lacking)} to [preprocessing]"
        )
    if "num_classes" not in document:
        raise ModelError(
            f"model card {path}: add num_classes, the number of the network's outputs (0 for a "
            "network without classes)"
        )


def read_card(path: Path) -> ModelCard:
    """Read a model card and check its form.

    Args:
        path: a TOML file; ``weights`` and a ``labels`` file in it are relative to its folder.

    Returns:
        The card, with its paths resolved against the card's folder.

    Raises:
        UnknownModelError: when there is no such file.
        ModelError: when it is not TOML, has an unknown key, a value of the wrong type, or lacks
            what it needs.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UnknownModelError(
            f"--model {path}: there is no such model card. Give the path of a .toml file"
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(
            f"model card {path}: cannot be read as TOML ({error}). Mend the file"
        ) from error
    _check_form(path, document)
    if "factory" in document:
        _check_factory(path, document)
    labels = document.get("labels")
    return ModelCard(
        path=path,
        name=document.get("name", path.stem),
        architecture=document.get("architecture"),
        factory=document.get("factory"),
        weights=path.parent / document["weights"] if "weights" in document else None,
        sha256=document["sha256"].lower() if "sha256" in document else None,
        num_classes=document.get("num_classes"),
        labels=tuple(labels) if isinstance(labels, list) else labels,
        kwargs=document.get("kwargs", {}),
        preprocessing=document.get("preprocessing", {}),
    )
