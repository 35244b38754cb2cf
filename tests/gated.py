"""Records of audits for the tests of the gate, made by hand; nothing here needs a network."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import audited

from macoaudit.gate import Policy, decide
from macoaudit.results import ClassCoverage, Finding, ModelRecord, Run, ShortcutAudit, to_json

TODAY = date(2026, 5, 1)


def model(name: str = "demo") -> ModelRecord:
    """A network's record."""
    return ModelRecord(
        name=name,
        architecture="demo",
        weights_sha256="0" * 64,
        weights_origin="packaged",
        layer="penultimate",
        activation_shape=(8,),
        input_size=(3, 32, 32),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        crop_pct=1.0,
        interpolation="bilinear",
        num_classes=len(audited.CLASSES),
    )


def covered(findings: Sequence[Finding]) -> ShortcutAudit:
    """Coverage whose margins are those of the findings; boat and kite are not tested."""
    margins = {one.class_index: one.margin for one in findings}
    whole = audited.audit()
    classes = tuple(
        replace(one, margin=margins.get(one.class_index, 0.125)) if one.tested else one
        for one in whole.classes
    )
    return replace(whole, classes=classes)


def audit(findings: Sequence[Finding] | None = None, **changes: Any) -> Run:
    """A complete audit: mushroom and fish are high, cactus is medium, tree is info; no verdict."""
    found = tuple(audited.findings() if findings is None else findings)
    fields: dict[str, Any] = {
        "command": "audit",
        "status": "complete",
        "tool": {"name": "macoaudit", "version": "0.1.0"},
        "model": model(),
        "config": {"max_images": 2000},
        "images": (),
        "skipped": (),
        "summary": {"incomplete": []},
        "volatile": {},
        "findings": found,
        "tests": audited.tests(),
        "shortcuts": covered(found),
    }
    return Run(**{**fields, **changes})


def high(margin: float = 2.0, index: int = 0, **changes: Any) -> Finding:
    """A high finding of a place."""
    return audited.finding(index, severity="high", margin=margin, **changes)


def gated(run: Run, policy: Policy | None = None) -> Run:
    """The run with its verdict, as an audit writes it."""
    return replace(run, gate=decide(run, policy or Policy(), None, TODAY))


def write(folder: Path, run: Run) -> Path:
    """Write ``results.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results.json"
    path.write_text(json.dumps(to_json(run), sort_keys=True, indent=2) + "\n")
    return path


def untested(audit: ShortcutAudit, index: int) -> ShortcutAudit:
    """The coverage, but a class was not tested."""
    rows: list[ClassCoverage] = []
    for one in audit.classes:
        gone = one.class_index == index
        rows.append(replace(one, tested=False, margin=None, reasons=("x",)) if gone else one)
    return replace(audit, classes=tuple(rows))
