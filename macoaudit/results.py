"""Frozen records of what a run found: plain data, no tensors, ready for JSON.

Every report, gate and benchmark reads these records; none computes a number of its own. The JSON
form is fixed by ``data/results.schema.json`` (``schema_version`` 1). Paths are relative to the run
folder with forward slashes. Every number is finite; one that could not be had is ``None`` beside a
reason, or the whole measurement is a :class:`Skipped`.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from macoaudit.errors import StoreError

SCHEMA_VERSION = 1

_Record = TypeVar("_Record")

ImageStatus = Literal["ok", "skipped", "failed"]
RunStatus = Literal["complete", "incomplete"]
WeightsOrigin = Literal["packaged", "pretrained", "file", "random", "factory"]


@dataclass(frozen=True)
class Prediction:
    """A classifier's first class for one image."""

    index: int
    name: str
    probability: float
    """Softmax probability, 0 to 1."""


@dataclass(frozen=True)
class Skipped:
    """A check that was not made, and why: "not checked" is a result."""

    check: str
    reason: str


@dataclass(frozen=True)
class Inversion:
    """One inversion of one image: one random start, optimised to the end."""

    seed: int
    similarity: float
    """Cosine between the activations of the whole inverted image and of the reference, -1 to 1."""
    start_similarity: float
    """The same cosine for the random-phase image that the optimisation started from."""
    prediction: Prediction | None
    """The audited model's first class for the inverted image; None for a model without classes."""
    n_steps: int
    converged: bool
    """Whether the loop stopped before the last step because the score had settled."""
    files: Mapping[str, str]
    """``image``, ``transparency`` (grey mask) and ``masked`` (RGBA), relative to the run folder."""


@dataclass(frozen=True)
class Transfer:
    """What a judge network sees in one inversion, beside what it sees in the reference."""

    judge: str
    seed: int
    top1_agrees: bool
    """The judge's first class for the inversion is the audited model's class of the reference."""
    top5_agrees: bool
    """That class is among the judge's first five."""
    rank: int
    """Rank of that class for the judge on the inversion, 1 is first."""
    probability: float
    """The judge's probability of that class on the inversion."""
    reference_probability: float
    """The judge's probability of that class on the reference itself."""
    reference_rank: int


@dataclass(frozen=True)
class ImageAudit:
    """Everything measured on one reference image."""

    id: str
    """Name of the image's folder in the run: slug and content hash, unique in the run."""
    path: str
    """Path as given by the user, relative to the folder of images, with forward slashes."""
    status: ImageStatus
    reason: str | None
    """Why the image was skipped or failed; None when ok."""
    label: str | None
    """Name of the class subfolder, when there is one."""
    sha256: str | None
    """Digest of the file's bytes; None when the file could not be read."""
    prediction: Prediction | None
    similarity: float | None
    """Mean over seeds of :attr:`Inversion.similarity`."""
    inversions: tuple[Inversion, ...] = ()
    transfer: tuple[Transfer, ...] = ()
    plausibility: Skipped | None = None
    retention: Skipped | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    """``reference``: the image as the model sees it (resized and cropped)."""


@dataclass(frozen=True)
class ModelRecord:
    """The audited network, well enough named to load it again."""

    name: str
    architecture: str
    weights_sha256: str
    """Digest of the weights as loaded (names, shapes and values of the state dict)."""
    weights_origin: WeightsOrigin
    layer: str
    activation_shape: tuple[int, ...]
    input_size: tuple[int, int, int]
    """(channel, height, width)."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop_pct: float
    interpolation: str
    num_classes: int


@dataclass(frozen=True)
class Run:
    """One run of one command: the document ``results.json``."""

    command: str
    status: RunStatus
    tool: Mapping[str, str]
    """``name`` and ``version``."""
    model: ModelRecord
    config: Mapping[str, Any]
    """Every setting that changes numbers."""
    images: tuple[ImageAudit, ...]
    skipped: tuple[Skipped, ...]
    summary: Mapping[str, Any]
    volatile: Mapping[str, Any]
    """Facts that differ between equal runs: times, device, versions, command line."""
    visualizations: tuple[Mapping[str, Any], ...] = ()
    findings: tuple[Mapping[str, Any], ...] = ()


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
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
    for name in ("plausibility", "retention"):
        skipped = getattr(image, name)
        document[name] = None if skipped is None else {"skipped": skipped.reason}
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
    document["images"] = [image_to_json(image) for image in run.images]
    return {"schema_version": SCHEMA_VERSION, **document}


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _fits(value: object, kind: Any) -> bool:  # noqa: ANN401 - a type of any form
    """Say whether a value is of a type as it is written in an annotation of a record."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return value in arguments
    if origin is UnionType:
        return any(_fits(value, choice) for choice in arguments)
    if origin is tuple and isinstance(value, tuple):
        kinds = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        return len(kinds) == len(value) and all(map(_fits, value, kinds))
    if origin is Mapping and isinstance(value, Mapping):
        return all(_fits(item, arguments[1]) for item in value.values())
    if kind in (int, float):
        return isinstance(value, int | kind) and not isinstance(value, bool)
    return kind is Any or isinstance(value, origin or kind)


def _checked(record: _Record) -> _Record:
    """Check that a record read from a file holds what its fields say."""
    for name, kind in _hints(cast(Any, type(record))).items():
        value = getattr(record, name)
        if not _fits(value, kind):
            raise TypeError(f"{name} is {value!r}")
    return record


def prediction_from_json(document: Mapping[str, Any] | None) -> Prediction | None:
    """Read a prediction back from its JSON form."""
    return None if document is None else _checked(Prediction(**document))


def image_from_json(document: Mapping[str, Any]) -> ImageAudit:
    """Read one image's record back from its JSON form.

    Raises:
        StoreError: when a field is missing or unknown.
    """
    fields = dict(document)
    try:
        fields["prediction"] = prediction_from_json(fields["prediction"])
        fields["inversions"] = tuple(
            _checked(Inversion(**{**item, "prediction": prediction_from_json(item["prediction"])}))
            for item in fields["inversions"]
        )
        fields["transfer"] = tuple(_checked(Transfer(**item)) for item in fields["transfer"])
        for name in ("plausibility", "retention"):
            skipped = fields[name]
            fields[name] = None if skipped is None else Skipped(name, skipped["skipped"])
        return _checked(ImageAudit(**fields))
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"results: an image entry does not fit schema version {SCHEMA_VERSION} ({error}). "
            "Write the run again with this version of macoaudit"
        ) from error


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
        model = dict(fields["model"])
        for name in ("activation_shape", "input_size", "mean", "std"):
            model[name] = tuple(model[name])
        fields["model"] = _checked(ModelRecord(**model))
        fields["images"] = tuple(image_from_json(image) for image in fields["images"])
        fields["skipped"] = tuple(_checked(Skipped(**item)) for item in fields["skipped"])
        fields["visualizations"] = tuple(fields["visualizations"])
        fields["findings"] = tuple(fields["findings"])
        return _checked(Run(**fields))
    except (KeyError, TypeError) as error:
        raise StoreError(
            f"results: the document does not fit schema version {SCHEMA_VERSION} ({error}). "
            "Write the run again with this version of macoaudit"
        ) from error
