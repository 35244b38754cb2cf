"""Pairs of records with planted differences for the tests of comparisons; no network is needed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gated
import measured

from macoaudit.comparing import Comparison, Loaded, compare
from macoaudit.results import ImageAudit, Inversion, Prediction, Retained, Run, Skipped

SIMILARITIES = (0.5, 0.625, 0.75, 0.8125, 0.875, 0.9375, 0.5625, 0.6875)
"""Of A; binary fractions, so that sums and differences are exact."""
CHANGES = (0.0625, -0.03125, 0.125, 0.015625, -0.0078125, -0.09375, 0.046875, 0.0234375)
"""B minus A."""


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def kept(value: float, half: float = 0.0625) -> Retained:
    """A retention with an interval and a small p-value."""
    return measured.retained(value, max(0.0, value - half), min(1.0, value + half))


def image(
    path: str,
    similarity: float | None,
    *,
    content: str | None = None,
    seeds: Sequence[int] = (0, 1),
    named: str = "fish",
    index: int = 1,
    attributes: Mapping[str, Retained | Skipped] | None = None,
    **changes: Any,
) -> ImageAudit:
    """One image; ``content`` stands for its bytes."""
    folder = f"images/{digest(path)[:8]}"
    inversions = tuple(
        Inversion(
            seed, similarity, 0.125, Prediction(index, named, 0.5), 64, True,
            {k: f"{folder}/{k}-{seed}.png" for k in ("image", "transparency", "masked")},
        )
        for seed in (seeds if similarity is not None else ())
    )  # fmt: skip
    found = measured.retention("a")
    fields = {
        "id": digest(path)[:12],
        "path": path,
        "status": "ok",
        "reason": None,
        "label": path.split("/")[0],
        "sha256": digest(content or path),
        "prediction": Prediction(index, named, 0.75),
        "similarity": similarity,
        "inversions": inversions,
        "retention": None if attributes is None else replace(found, attributes=dict(attributes)),
        "files": {"reference": f"{folder}/reference.png"},
    }
    return ImageAudit(**{**fields, **changes})


def images(changes: Sequence[float] = (0.0,) * 8, **more: Any) -> tuple[ImageAudit, ...]:
    """Eight images whose similarities are those of A plus ``changes``; so is their colour."""
    return tuple(
        image(
            f"fish/{number}.png",
            value + change,
            attributes={"color": kept(value / 2 + change), "layout": kept(0.0625)},
            **more,
        )
        for number, (value, change) in enumerate(zip(SIMILARITIES, changes, strict=True))
    )


def inverted(found: Sequence[ImageAudit] | None = None, **changes: Any) -> Run:
    """A complete run of ``invert``."""
    fields: dict[str, Any] = {
        "command": "invert",
        "status": "complete",
        "tool": {"name": "macoaudit", "version": "0.1.0"},
        "model": gated.model(),
        "config": {
            "seeds": [0, 1],
            "images": ["photos"],
            "maco": {"n_steps": 64, "views": {"n": 8}},
        },
        "images": tuple(images() if found is None else found),
        "skipped": (),
        "summary": {},
        "volatile": {
            "started": "2026-05-01T00:00:00Z",
            "device": "cpu",
            "versions": {"torch": "2.13.0", "timm": "1.0.31"},
            "command_line": ["macoaudit", "invert", "photos"],
        },
    }
    return Run(**{**fields, **changes})


def audited(findings: Sequence[Any] | None = None, **changes: Any) -> Run:
    """A complete audit with its verdict and the images of :func:`images`."""
    return gated.gated(gated.audit(findings, **{"images": images(), **changes}))


def loaded(run: Run, name: str = "run", folder: Path = Path("nowhere")) -> Loaded:
    return Loaded(run, folder, name, digest(name))


def compared(a: Run, b: Run) -> Comparison:
    return compare(loaded(a, "first"), loaded(b, "second"))


def cautions(comparison: Comparison) -> dict[str, list[str]]:
    """Sentences by what they are about."""
    found: dict[str, list[str]] = {}
    for one in comparison.cautions:
        found.setdefault(one.about, []).append(one.text)
    return found
