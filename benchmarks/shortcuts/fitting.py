"""Thresholds by a stated rule: where the effects of clean classes end, and a tenth beyond.

Only the fitting half is read. A suggestion is ``q + 0.1 |q|`` with q the 99.5 % quantile of the
effect over clean pairs; how many shortcuts reach it is told beside it, for cues with a place and
for global ones, since a test of places has nothing to see in a tint.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.shortcuts.figures import finite, graded
from benchmarks.shortcuts.pairs import Collected, Pair
from macoaudit.shortcuts.recurring import KINDS as RECURRENCES

QUANTILE, BEYOND = 0.995, 0.1
CLEAN_QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.995, 1.0)
SHORTCUT_QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75)

EFFECTS: Mapping[str, tuple[str, str | None]] = {
    "patch transfer": ("patch transfer", None),
    **{f"stamp gap, {kind}": ("stamp", f"gap, {kind}") for kind in RECURRENCES},
    "spectrum transfer": ("spectrum transfer", None),
    "spectrum recurrence": ("spectrum recurrence", None),
    "property": ("property", None),
    "property shift": ("property shift", None),
    "component": ("component", None),
}
"""Of each row the test, and the name among its details unless it is the effect itself."""


def effects(pairs: Iterable[Pair], row: str) -> list[float]:
    """An effect of the first audit, for the pairs that it was measured for."""
    test, detail = EFFECTS[row]
    found = []
    for pair in pairs:
        for one in pair.found()["tests"]:
            if one["test"] != test:
                continue
            value = one["effect"] if detail is None else one["details"].get(detail)
            if value is not None:
                found.append(float(value))
    return found


def thresholds(pairs: Iterable[Pair], row: str) -> list[float]:
    """Thresholds that the audits used; for a kind of gap those of its ratio."""
    test, _ = EFFECTS[row]
    used = {o["threshold"] for p in pairs for o in p.found()["tests"] if o["test"] == test}
    return sorted(used)


def suggestion(clean: Sequence[float]) -> float:
    """``q + 0.1 |q|`` of the 99.5 % quantile q."""
    top = float(np.quantile(clean, QUANTILE))
    return top + BEYOND * abs(top)


def _quantiles(values: Sequence[float], at: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {f"{q:g}": float(v) for q, v in zip(at, np.quantile(values, at), strict=True)}


def _reached(values: Sequence[float], bound: float | None) -> dict[str, Any]:
    reached = None if bound is None or not values else sum(v >= bound for v in values)
    return {"n": len(values), "quantiles": _quantiles(values, SHORTCUT_QUANTILES)} | {
        "reach the suggestion": reached
    }


def fit(collected: Collected) -> list[dict[str, Any]]:
    """Distribution of every effect in the fitting half, and the threshold that follows.

    Returns:
        One row an effect, as JSON values; without clean pairs no suggestion.
    """
    own = graded(collected.pairs, "fitting")
    clean = [p for p in own if p.truth == "negative"]
    real = [p for p in own if p.truth == "positive"]
    rows = []
    for name in EFFECTS:
        values = effects(clean, name)
        bound = suggestion(values) if values else None
        placed = effects((p for p in real if p.entry.cue.localised), name)
        spread = effects((p for p in real if not p.entry.cue.localised), name)
        rows.append(
            {
                "effect": name,
                "thresholds of the audits": thresholds(own, name),
                "clean": {"n": len(values), "quantiles": _quantiles(values, CLEAN_QUANTILES)},
                "suggestion": bound,
                "localised": _reached(placed, bound),
                "global": _reached(spread, bound),
            }
        )
    return [finite(row) for row in rows]
