"""The run folder: keyed units that survive an interruption, and ``results.json`` written last."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from macoaudit.config import REPORT_FILES
from macoaudit.errors import StoreError
from macoaudit.files import TEMPORARY_PREFIX, store_error, write_bytes
from macoaudit.results import Run, from_json, to_json

RESULTS = "results.json"
MARKER = "run.json"
UNITS = "units"
IMAGES = "images"
EXEMPLARS = "exemplars"
SITE = "site"
CONCEPTS = "concepts"
FINDINGS = "findings"
# What a run of macoaudit makes, and so all that replacing one may remove. The marker is not in it:
# it is overwritten last, so that a folder that was half emptied is still known as a run's.
_REPLACEABLE = (
    RESULTS,
    UNITS,
    IMAGES,
    EXEMPLARS,
    SITE,
    CONCEPTS,
    FINDINGS,
    *REPORT_FILES.values(),
)


def canonical_json(value: object) -> str:
    """Write a value as JSON in the one form that digests are taken of.

    Raises:
        StoreError: when it holds something that JSON has no word for, or a number that is not
            finite.
    """
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"a value cannot be written as JSON ({error}). Use finite numbers, strings, booleans, "
            "None, lists and dicts with string keys"
        ) from error


def digest_json(value: object) -> str:
    """Digest a value: sha256 of its canonical JSON, whatever the order of its keys."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


@dataclass(frozen=True)
class RunFolder:
    """A folder that holds one run, and only that run."""

    path: Path
    run_key: str

    @classmethod
    def open(cls, path: Path, *, run_key: str, resume: bool = True) -> "RunFolder":
        """Make a folder for a run, or open the one in which the same run was interrupted.

        Args:
            path: the folder; made when it is not there.
            run_key: digest of everything that decides what the run computes.
            resume: keep the finished units of the same run. Without it a run in the folder, this
                one or another, is removed first; files that are no run's are never touched.

        Returns:
            The folder, its marker written.

        Raises:
            StoreError: when the folder cannot be written, is a file, holds files that are no
                run's, or holds another run and ``resume`` is set.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            names = {entry.name for entry in path.iterdir()}
        except FileExistsError as error:
            raise StoreError(f"--out {path}: is a file. Give a folder") from error
        except OSError as error:
            raise store_error(path, error) from error
        names -= {name for name in names if name.startswith(TEMPORARY_PREFIX)}
        if names and MARKER not in names:
            raise StoreError(
                f"--out {path}: holds files that are not a run of macoaudit "
                f"({', '.join(sorted(names)[:3])}). Give an empty or a new folder"
            )
        if names:
            held = _marker_key(path / MARKER)
            if resume and held != run_key:
                raise StoreError(
                    f"--out {path}: holds another run (other images, model, weights, settings, "
                    "device type or versions). Give another folder, or --no-resume to replace it"
                )
            if not resume:
                _remove_run(path)
        folder = cls(path, run_key)
        marker = {"macoaudit_run": 1, "run_key": run_key}
        write_bytes(path / MARKER, (canonical_json(marker) + "\n").encode())
        folder._remove_leftovers()
        return folder

    def _remove_leftovers(self) -> None:
        """Remove the unfinished files of a run that was killed."""
        for leftover in self.path.rglob(TEMPORARY_PREFIX + "*"):
            with contextlib.suppress(OSError):
                leftover.unlink()

    def inside(self, relative: str) -> Path:
        """Turn a path relative to the run into a real one.

        Raises:
            StoreError: when it is absolute or leads out of the run folder.
        """
        pure = PurePosixPath(relative)
        if not pure.parts or pure.is_absolute() or ".." in pure.parts:
            raise StoreError(f"{relative!r} is not a path inside the run folder {self.path}")
        path = self.path.joinpath(*pure.parts)
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise StoreError(f"{relative!r} leads out of the run folder {self.path} by a link")
        return path

    def _unit(self, key: str) -> Path:
        if not key or not set(key) <= set("0123456789abcdef"):
            raise StoreError(f"unit key {key!r} is not a digest; make it with digest_json")
        return self.path / UNITS / f"{key}.json"

    def write(self, key: str, payload: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """Store one finished unit of work: its pictures first, then what names them.

        Args:
            key: digest of everything that decides the unit.
            payload: plain JSON data.
            files: path relative to the run folder -> the file's bytes.

        Raises:
            StoreError: when something cannot be written, or the payload is not JSON.
        """
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        body = {"key": key, "payload": dict(payload), "files": digests}
        document = canonical_json({"checksum": digest_json(body), "body": body})
        unit = self._unit(key)
        for name, content in files.items():
            write_bytes(self.inside(name), content)
        write_bytes(unit, (document + "\n").encode())

    def read(self, key: str) -> dict[str, Any] | None:
        """Read a finished unit back.

        Args:
            key: digest of everything that decides the unit.

        Returns:
            Its payload; None when it was never finished, is damaged, or one of its files is
            missing or has other bytes than were written. Then it has to be computed again.
        """
        try:
            document = json.loads(self._unit(key).read_bytes())
            body = document["body"]
            if document["checksum"] != digest_json(body) or body["key"] != key:
                return None
            for name, expected in body["files"].items():
                content = self.inside(name).read_bytes()
                if hashlib.sha256(content).hexdigest() != expected:
                    return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        payload: dict[str, Any] = body["payload"]
        return payload

    def has(self, key: str) -> bool:
        """Say whether a unit is finished and whole."""
        return self.read(key) is not None

    def unit_keys(self) -> tuple[str, ...]:
        """List the keys of the units that are there, whole or not, in order."""
        return tuple(sorted(path.stem for path in (self.path / UNITS).glob("*.json")))

    def write_results(self, run: Run) -> Path:
        """Write ``results.json``, the last file of a run.

        Args:
            run: the whole record.

        Returns:
            The path of the file.

        Raises:
            StoreError: when it cannot be written, or a number in it is not finite.
        """
        path = self.path / RESULTS
        write_bytes(path, results_text(run).encode())
        return path


def results_text(run: Run) -> str:
    """Write a run as the text of ``results.json``: sorted keys, indented, newline at the end.

    Raises:
        StoreError: when something in it is not JSON or a number is not finite.
    """
    document = to_json(run)
    canonical_json(document)  # the same checks, with their message
    return json.dumps(document, sort_keys=True, allow_nan=False, indent=2) + "\n"


def _marker_key(marker: Path) -> str:
    try:
        document = json.loads(marker.read_bytes())
        key = document["run_key"]
        if document["macoaudit_run"] == 1 and isinstance(key, str):
            return key
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise StoreError(
        f"--out {marker.parent}: its {MARKER} is not one that macoaudit wrote, so nothing in the "
        "folder is touched. Give another folder"
    )


def _remove_run(path: Path) -> None:
    try:
        for name in _REPLACEABLE:
            entry = path / name
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)
    except OSError as error:
        raise store_error(path, error) from error


def read_results(path: Path) -> Run:
    """Read the record of a run.

    Args:
        path: a run folder or its ``results.json``.

    Returns:
        The record.

    Raises:
        StoreError: when there is none, it is truncated or no JSON, holds a number that is not
            finite, or does not fit this version's schema.
    """
    file = path / RESULTS if path.is_dir() else path
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise StoreError(
            f"{path}: there is no {RESULTS}, so no run was finished here. Give a run folder, or "
            "run the command again to go on where it stopped"
        ) from error
    except OSError as error:
        raise StoreError(f"{file}: cannot be read ({error.strerror or error})") from error
    return results_from_bytes(content, file)


def results_from_bytes(content: bytes, file: Path) -> Run:
    """Read the record of a run from the bytes of its ``results.json``.

    Args:
        content: the bytes.
        file: where they are from, for messages.

    Raises:
        StoreError: as :func:`read_results` does.
    """
    try:
        document = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:  # of json and of the text's decoding
        raise StoreError(
            f"{file}: is truncated or was edited ({error}). Run the command again; finished units "
            "are used again"
        ) from error
    if not isinstance(document, dict):
        raise StoreError(f"{file}: is not a record of macoaudit. Give a run folder")
    try:
        run = from_json(document)
    except (StoreError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{file}: {error}") from error
    if to_json(run) != document:
        raise StoreError(f"{file}: was edited: it says more than macoaudit writes. Run again")
    return run


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"a number is {name}")
