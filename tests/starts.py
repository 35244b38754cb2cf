"""Short runs of small networks, and what they left behind."""

import json
from pathlib import Path
from typing import Any

import jsonschema
from networks import write_card

import macoaudit
from macoaudit.config import InvertConfig, MacoConfig
from macoaudit.results import ImageAudit, Run, to_json
from macoaudit.store import read_results

SCHEMA = json.loads((Path(macoaudit.__file__).parent / "data/results.schema.json").read_text())


def settings(photos: Path, out: str = "run", card: str = "Small", **changes: Any) -> InvertConfig:
    """A short run of a small network in the test's own folder, without the measures."""
    kwargs = changes.pop("kwargs", {})
    steps = changes.pop("steps", 3)
    extra = changes.pop("extra", "")
    model = write_card(photos.parent, card, name=card, extra=extra, **kwargs)
    base = {"images": (photos,), "model": str(model), "out": photos.parent / out, "formats": ()}
    base |= {"n_seeds": 1, "measures": False}
    return InvertConfig(**{**base, "maco": MacoConfig(n_steps=steps), "batch_size": 2, **changes})


def document(out: Path) -> dict[str, Any]:
    """The record without its volatile part, as text that can be compared byte by byte."""
    record = json.loads((out / "results.json").read_text())
    del record["volatile"]
    return record


def pictures(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.png"))}


def by_path(run: Run) -> dict[str, ImageAudit]:
    return {image.path: image for image in run.images}


def read_whole(out: Path) -> Run:
    """The record on disk; it fits the schema, and every file that it names is there."""
    text = (out / "results.json").read_text()
    record = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(record)
    run = read_results(out)
    assert to_json(run) == record
    for name in _files(record):
        assert (out / name).is_file(), name
    return run


def _files(value: object) -> list[str]:
    if isinstance(value, dict):
        return [name for item in value.values() for name in _files(item)]
    if isinstance(value, list):
        return [name for item in value for name in _files(item)]
    is_file = isinstance(value, str) and value.startswith(("images/", "exemplars/", "findings/"))
    return [value] if is_file else []
