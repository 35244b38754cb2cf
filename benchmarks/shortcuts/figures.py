"""The benchmark's figures: how well margins and findings tell shortcuts, ours and the baselines'.

Every auditor is ranked on the same pairs. A class that was not tested cannot be found: it ranks
below all others. Rows for a kind of cue or a correlation take its positives against all negatives
of the half.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, get_args

import numpy as np

from benchmarks.shortcuts.baselines import BASELINES
from benchmarks.shortcuts.cues import KINDS
from benchmarks.shortcuts.grid import CORRELATIONS, Half, Role
from benchmarks.shortcuts.pairs import Audited, Collected, Pair, PairTruth
from benchmarks.shortcuts.reliance import NEGATIVE_TO, POSITIVE_FROM
from benchmarks.shortcuts.roc import flags_per_100, rank, threshold_at, uniformity

MARGIN = "margin"
AUDITORS = (MARGIN, *BASELINES)
HALVES: tuple[Half, ...] = ("held-out", "fitting")
FITTED_RATE = 0.01
"""Share of clean pairs that the fitted threshold may flag."""

N_DRAWS = 2000
_CLEAN_GROUPS: Mapping[Role, str] = {
    "clean": "clean networks",
    "chance": "chance networks",
    "planted": "other classes of planted networks",
    "compact": "other classes of compact networks",
}
Subset = Callable[[Pair], bool]
Json = dict[str, Any]


def scores(pairs: Sequence[Pair], auditor: str) -> list[float]:
    """Score of each pair; an untested class lies one below the least margin."""
    if auditor != MARGIN:
        return [pair.score(auditor) for pair in pairs]
    made = [pair.margin for pair in pairs]
    least = min((value for value in made if value is not None), default=0.0)
    return [least - 1 if value is None else value for value in made]


def graded(pairs: Iterable[Pair], half: Half) -> list[Pair]:
    """Positive and negative pairs of a half."""
    return [p for p in pairs if p.half == half and p.truth in ("positive", "negative")]


def _has_kind(kind: str, pair: Pair) -> bool:
    return pair.entry.cue.kind == kind


def _has_correlation(correlation: float, pair: Pair) -> bool:
    return pair.entry.correlation == correlation


def subsets() -> dict[str, Subset]:
    """Which positives each row of the ranking is about, by name."""
    return {
        "all": lambda pair: True,
        "localised": lambda pair: pair.entry.cue.localised,
        "global": lambda pair: not pair.entry.cue.localised,
        **{kind: partial(_has_kind, kind) for kind in KINDS if kind != "none"},
        **{f"q{q:g}": partial(_has_correlation, q) for q in CORRELATIONS},
    }


def ranking(pairs: Sequence[Pair], n_draws: int = N_DRAWS) -> list[Json]:
    """AUROC, average precision and TPR at 1 and 5 % FPR of every auditor, by half and subset."""
    rows: list[Json] = []
    for half in HALVES:
        own = graded(pairs, half)
        for name, belongs in subsets().items():
            chosen = [p for p in own if p.truth == "negative" or belongs(p)]
            truths = [p.truth == "positive" for p in chosen]
            if not any(truths) or all(truths):
                # Not a figure of 0: there is nothing of this kind to rank.
                counts = {"n_positive": sum(truths), "n_negative": len(truths) - sum(truths)}
                rows.append({"half": half, "cues": name, "auditor": None} | counts)
                continue
            clusters = [p.cluster for p in chosen]
            for auditor in AUDITORS:
                found = rank(scores(chosen, auditor), truths, clusters, n_draws=n_draws)
                rows.append({"half": half, "cues": name, "auditor": auditor} | asdict(found))
    return rows


def share(flags: Sequence[bool]) -> Json | None:
    """Share of flags with its exact binomial interval, as 0..1; None without any pair."""
    if not flags:
        return None
    found = flags_per_100(flags)
    bounds = {"value": found.value / 100, "low": found.low / 100, "high": found.high / 100}
    return bounds | {"n": len(flags), "flagged": sum(flags)}


def fitted(pairs: Sequence[Pair]) -> list[Json]:
    """Each auditor's threshold of 1 % false positives on the fitting half, tried on the other."""
    fit, held = graded(pairs, "fitting"), graded(pairs, "held-out")
    rows: list[Json] = []
    if not any(p.truth == "negative" for p in fit):
        return rows
    for auditor in AUDITORS:
        both = scores([*fit, *held], auditor)
        truths = [p.truth == "positive" for p in fit]
        bound = threshold_at(both[: len(fit)], truths, FITTED_RATE)
        row: Json = {"auditor": auditor, "threshold": bound if np.isfinite(bound) else None}
        for half, chosen, values in (
            ("fitting", fit, both[: len(fit)]),
            ("held-out", held, both[len(fit) :]),
        ):
            flags = [value >= bound for value in values]
            for name, truth in (("tpr", "positive"), ("fpr", "negative")):
                own = [f for f, p in zip(flags, chosen, strict=True) if p.truth == truth]
                row[f"{name}, {half}"] = share(own)
        rows.append(row)
    return rows


def groups(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Pairs that findings are counted over, by name."""
    clean = [p for p in pairs if p.truth == "negative"]
    real = [p for p in pairs if p.truth == "positive"]
    found = {"all clean": clean, "compact evidence": [p for p in pairs if p.truth == "compact"]}
    for role, name in _CLEAN_GROUPS.items():
        found[name] = [p for p in clean if p.entry.role == role]
    for role in ("random", "permuted"):
        found[role] = [p for p in pairs if p.entry.role == role]
    for name, belongs in subsets().items():
        found[f"shortcuts: {name}"] = [p for p in real if belongs(p)]
    return found


def flags(pairs: Sequence[Pair]) -> list[Json]:
    """How many classes have findings, by group and half; baselines by their own limits."""
    rows: list[Json] = []
    for half in HALVES:
        for name, chosen in groups([p for p in pairs if p.half == half]).items():
            if not chosen:
                continue
            found = [p.found() for p in chosen]
            high = [p.high() for p in chosen]
            rows.append(
                {
                    "half": half,
                    "group": name,
                    "high": share(high),
                    "high, needs review": sum(
                        f["needs_review"] for f, one in zip(found, high, strict=True) if one
                    ),
                    "medium": sum(f["severity"] == "medium" for f in found),
                    "info": sum(f["severity"] == "info" for f in found),
                    "untested": sum(f["margin"] is None for f in found),
                    "baselines": {b: share([p.flagged(b) for p in chosen]) for b in BASELINES},
                }
            )
    return rows


def _places(one: Audited) -> Mapping[str, Json | None]:
    """What each auditor located in a network, by the name of the row."""
    ours = one.audits[0]["localisation"] or {}
    theirs = {name: found["localisation"] for name, found in one.baselines.items()}
    return {
        "high findings": ours.get("finding"),
        "stamp": ours.get("stamp"),
        "patch transfer": ours.get("patch transfer"),
        **theirs,
    }


def localisation(pairs: Sequence[Pair]) -> list[Json]:
    """Mean IoU and pointing over networks whose localised cue is a shortcut."""
    rows: list[Json] = []
    for half in HALVES:
        chosen = [
            p for p in pairs if p.half == half and p.truth == "positive" and p.entry.cue.localised
        ]
        kinds = list(dict.fromkeys(p.entry.cue.kind for p in chosen))
        for name in ("all", *kinds) if chosen else ():
            own = [p for p in chosen if name in ("all", p.entry.cue.kind)]
            found = [_places(p.audited) for p in own]
            for auditor in found[0]:
                there = [f[auditor] for f in found if f[auditor] is not None]
                made = [one for one in there if one and one["n_regions"]]
                row: Json = {"half": half, "cues": name, "auditor": auditor}
                row |= {"n_networks": len(own), "n_located": len(made)}
                for what in ("iou", "pointing"):
                    row[what] = float(np.mean([one[what] for one in made])) if made else None
                rows.append(row)
    return rows


def p_values(pairs: Iterable[Pair]) -> dict[str, list[float]]:
    """P-values of each test, not corrected for the classes."""
    found: dict[str, list[float]] = {}
    for pair in pairs:
        for one in pair.found()["tests"]:
            if one["p_value"] is not None:
                found.setdefault(one["test"], []).append(one["p_value"])
    return found


def uniform(pairs: Sequence[Pair]) -> list[Json]:
    """Whether p-values are uniform in networks that learned nothing of the classes."""
    rows: list[Json] = []
    for name, roles in (
        ("random", ("random",)),
        ("permuted", ("permuted",)),
        ("both", ("random", "permuted")),
    ):
        own = [p for p in pairs if p.entry.role in roles]
        for test, values in sorted(p_values(own).items()):
            few = float(np.mean([value <= 0.05 for value in values]))
            rows.append({"networks": name, "test": test} | asdict(uniformity(values)))
            rows[-1]["share to 0.05"] = few
    return rows


def flips(pairs: Sequence[Pair]) -> list[Json]:
    """Share of classes whose high finding comes and goes with the seed of the audit."""
    both = [p for p in pairs if {0, 1} <= p.audited.audits.keys()]
    named: dict[str, list[Pair]] = {"all": both}
    for truth in ("positive", "negative", "middle", "compact", "null"):
        named[truth] = [p for p in both if p.truth == truth]
    return [
        {"truth": name, "n_networks": len({p.entry.name for p in own})}
        | {"flipped": share([p.high(0) != p.high(1) for p in own])}
        for name, own in named.items()
        if own
    ]


def seconds(audited: Sequence[Audited]) -> list[Json]:
    """Seconds a network, by architecture: of the first audit and of each baseline."""
    rows: list[Json] = []
    for architecture in dict.fromkeys(one.entry.architecture for one in audited):
        own = [one for one in audited if one.entry.architecture == architecture]
        of: dict[str, list[float]] = {
            "audit": [one.audits[0]["seconds"] for one in own],
            "audit, processor": [one.audits[0]["cpu_seconds"] for one in own],
        }
        of |= {name: [one.baselines[name]["seconds"] for one in own] for name in BASELINES}
        rows += [
            {"architecture": architecture, "what": name, "n": len(values)}
            | {"mean": float(np.mean(values)), "largest": max(values)}
            for name, values in of.items()
        ]
    return rows


def counted(pairs: Sequence[Pair]) -> list[Json]:
    """Pairs by half and truth, and clean pairs without a planted cue that a cue moves all the same.

    Those stay negative, since nothing in the pictures ties a cue to the class.
    """
    rows: list[Json] = []
    for half in HALVES:
        own = [p for p in pairs if p.half == half]
        row: Json = {"half": half, "networks": len({p.entry.name for p in own})}
        row |= {t: sum(p.truth == t for p in own) for t in get_args(PairTruth)}
        moved = [p.reliance or 0.0 for p in own if p.truth == "negative"]
        row["negative, moved"] = sum(value > NEGATIVE_TO for value in moved)
        row["negative, moved far"] = sum(value >= POSITIVE_FROM for value in moved)
        rows.append(row)
    return rows


def finite(value: Any) -> Any:  # noqa: ANN401
    """The same JSON values with None for numbers that are not: an interval without draws."""
    if isinstance(value, dict):
        return {name: finite(one) for name, one in value.items()}
    if isinstance(value, list):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def figures(collected: Collected, n_draws: int = N_DRAWS) -> Json:
    """All figures of a grid, as JSON values.

    Args:
        collected: what is in the cache.
        n_draws: of the bootstrap behind the intervals of the ranking.
    """
    pairs = collected.pairs
    found: Json = {
        "missing": [asdict(one) for one in collected.missing],
        "pairs": counted(pairs),
        "ranking": ranking(pairs, n_draws),
        "fitted": fitted(pairs),
        "flags": flags(pairs),
        "localisation": localisation(pairs),
        "uniformity": uniform(pairs),
        "flips": flips(pairs),
        "seconds": seconds(collected.audited),
    }
    return {name: finite(rows) for name, rows in found.items()}
