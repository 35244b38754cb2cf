"""Reading one of two records that are to be compared, and refusing what cannot be."""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

from macoaudit.errors import StoreError, UsageError
from macoaudit.results import Run, to_json
from macoaudit.store import RESULTS, results_from_bytes

COMMANDS = ("audit", "invert")
"""Commands whose runs can be compared."""


@dataclass(frozen=True)
class Loaded:
    """A record with the folder that its pictures are in."""

    run: Run
    folder: Path
    name: str
    """Of the folder, without what it lies in."""
    sha256: str
    """Of the record's bytes."""


def load_run(path: Path, letter: str) -> Loaded:
    """Read the record of a run and check all of it.

    Args:
        path: a run folder or its ``results.json``.
        letter: which of the two it is, for messages.

    Raises:
        UsageError: when it cannot be read, was truncated or edited, has another schema version, or
            is of a command whose runs cannot be compared.
    """
    file = path / RESULTS if path.is_dir() else path
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{letter} is {path}: {file.name} cannot be read ({error.strerror or error}). Give a "
            "run folder of macoaudit or its results.json"
        ) from error
    try:
        run = results_from_bytes(content, file)
    except StoreError as error:
        raise UsageError(f"{letter} is {error}") from error
    if run.command not in COMMANDS:
        raise UsageError(
            f"{letter} is {path}: a run of macoaudit {run.command}. Runs of "
            f"{' and '.join(COMMANDS)} can be compared"
        )
    problem = _form(run)
    if problem is not None:
        raise UsageError(
            f"{letter} is {file}: was edited: {problem}. Give it as macoaudit wrote it"
        )
    folder = file.parent
    return Loaded(run, folder, folder.resolve().name or "run", hashlib.sha256(content).hexdigest())


@functools.cache
def _schema() -> Any:  # noqa: ANN401 - JSON is not narrower
    file = Path(__file__).parents[1] / "data" / "results.schema.json"
    return jsonschema.Draft202012Validator(json.loads(file.read_text(encoding="utf-8")))


def _form(run: Run) -> str | None:
    """Say where the document differs from any that is written."""
    worst = jsonschema.exceptions.best_match(_schema().iter_errors(to_json(run)))
    if worst is not None:
        place = ".".join(str(step) for step in worst.absolute_path) or "the document"
        return f"{place} does not fit the schema ({worst.message[:120]})"
    ids = [image.id for image in run.images]
    if len(set(ids)) < len(ids):
        return "two images have one id"
    return None
