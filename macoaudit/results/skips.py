"""What a run did not check, collected from wherever it is recorded."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping

from macoaudit.results.measures import Skipped, TrustCheck
from macoaudit.results.records import Run


def skipped_checks(run: Run) -> Mapping[Skipped, int]:
    """Count every check of a run that was not made, by check and reason, in the record's order."""
    return Counter(_walk(run))


def _walk(value: object) -> Iterator[Skipped]:
    if isinstance(value, Skipped):
        yield value
    elif isinstance(value, TrustCheck):
        if value.outcome == "skipped":
            yield Skipped(value.name, value.reason or "no reason is recorded")
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _walk(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):  # as in the file, so that both give the same reports
            yield from _walk(value[key])
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _walk(item)
