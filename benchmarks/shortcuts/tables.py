"""The figures as Markdown tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

Json = Mapping[str, Any]
NONE = "-"
WIDTH = 240
"""Columns of a table's text, wide enough that no cell is broken."""


def number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash where there is none."""
    return NONE if value is None else f"{value:.{digits}f}"


def interval(found: Json | None) -> str:
    """``value (low-high)``."""
    if found is None:
        return NONE
    return f"{number(found['value'])} ({number(found['low'])} to {number(found['high'])})"


def counted(found: Json | None) -> str:
    """``flagged/n = per cent (low to high)``."""
    if found is None:
        return NONE
    low, high = (number(100 * found[end], 1) for end in ("low", "high"))
    share = number(100 * found["value"], 1)
    return f"{found['flagged']}/{found['n']} = {share} % ({low} to {high})"


def _values(quantiles: Mapping[str, float] | None) -> list[str]:
    return [] if quantiles is None else [number(value, 3) for value in quantiles.values()]


def _missing(row: Json) -> list[str]:
    return [row["network"], row["what"]]


def _ranking(row: Json) -> list[str]:
    start = [row["half"], row["cues"]]
    counts = [str(row["n_positive"]), str(row["n_negative"])]
    if row["auditor"] is None:
        return [*start, "not ranked", *counts, *[NONE] * 4]
    names = ("auroc", "average_precision", "tpr_at_1", "tpr_at_5")
    return [*start, row["auditor"], *counts, *(interval(row[name]) for name in names)]


def _fitted(row: Json) -> list[str]:
    rates = [f"{rate}, {half}" for half in ("fitting", "held-out") for rate in ("tpr", "fpr")]
    return [row["auditor"], number(row["threshold"], 3), *(counted(row[name]) for name in rates)]


def _flags(row: Json) -> list[str]:
    ours = [row["half"], row["group"], counted(row["high"])]
    counts = [str(row[name]) for name in ("high, needs review", "medium", "info", "untested")]
    theirs = [f"{one['flagged']}/{one['n']}" for one in row["baselines"].values()]
    return [*ours, *counts, ", ".join(theirs)]


def _localisation(row: Json) -> list[str]:
    located = f"{row['n_located']}/{row['n_networks']}"
    return [
        *(row["half"], row["cues"], row["auditor"], located),
        *(number(row["iou"]), number(row["pointing"])),
    ]


def _uniformity(row: Json) -> list[str]:
    figures = [number(row[name], 3) for name in ("statistic", "p_value", "p_too_small")]
    return [row["networks"], row["test"], str(row["n"]), *figures, number(row["share to 0.05"], 3)]


def _flips(row: Json) -> list[str]:
    return [row["truth"], str(row["n_networks"]), counted(row["flipped"])]


def _seconds(row: Json) -> list[str]:
    figures = [number(row[name], 1) for name in ("mean", "largest")]
    return [row["architecture"], row["what"], str(row["n"]), *figures]


def _fit(row: Json) -> list[str]:
    reached = [
        NONE if row[on]["reach the suggestion"] is None
        # A share would hide how few networks there are.
        else f"{row[on]['reach the suggestion']}/{row[on]['n']}"
        for on in ("localised", "global")
    ]  # fmt: skip
    return [
        row["effect"],
        ", ".join(f"{one:g}" for one in row["thresholds of the audits"]) or NONE,
        str(row["clean"]["n"]),
        " ".join(_values(row["clean"]["quantiles"])) or NONE,
        number(row["suggestion"], 3),
        *(" ".join(_values(row[on]["quantiles"])) or NONE for on in ("localised", "global")),
        *reached,
    ]


_RATES = ("AUROC", "average precision", "TPR at FPR 1 %", "TPR at FPR 5 %")
_LAYOUT: Mapping[str, tuple[str, Sequence[str], Callable[[Json], list[str]]]] = {
    "missing": ("Missing, and so left out", ("network", "what"), _missing),
    "ranking": (
        "Ranking of (network, class) pairs, with 95 % intervals over networks",
        ("half", "cues", "auditor", "shortcuts", "clean", *_RATES),
        _ranking,
    ),
    "fitted": (
        "Threshold of 1 % false positives, fitted on the fitting half",
        (
            *("auditor", "threshold", "TPR, fitting", "FPR, fitting"),
            *("TPR, held-out", "FPR, held-out"),
        ),
        _fitted,
    ),
    "flags": (
        "Findings, with exact 95 % intervals of the high ones; baselines by their own limits",
        (
            *("half", "classes", "high", "of these needs review", "medium", "info", "untested"),
            "spray, property, grad-cam, neural cleanse, chance",
        ),
        _flags,
    ),
    "localisation": (
        "Regions of localised shortcuts",
        ("half", "cues", "auditor", "located", "mean IoU", "pointing"),
        _localisation,
    ),
    "uniformity": (
        "P-values in networks that learned nothing of the classes",
        ("networks", "test", "n", "KS", "p, two-sided", "p, too small", "share to 0.05"),
        _uniformity,
    ),
    "flips": ("High findings that change with the seed", ("truth", "networks", "share"), _flips),
    "seconds": (
        "Seconds a network",
        ("architecture", "what", "networks", "mean", "largest"),
        _seconds,
    ),
    "fit": (
        "Effects in the fitting half, and the thresholds that follow",
        (
            *("effect", "threshold now", "clean", "clean 50 90 95 99 99.5 100 %", "suggestion"),
            *("localised 0 10 25 50 75 %", "global 0 10 25 50 75 %"),
            *("localised reach it", "global reach it"),
        ),
        _fit,
    ),
}


def print_table(name: str, rows: Sequence[Json], console: Console) -> None:
    """Print one table; without rows its heading and that there are none."""
    console.print(f"\n## {_title(name)}\n", markup=False)
    if not rows:
        console.print("None.")
        return
    if name in _LAYOUT:
        _, headings, cells = _LAYOUT[name]
    else:
        headings = list(rows[0])
        cells = _plain
    table = Table(*headings, box=MARKDOWN)
    for row in rows:
        table.add_row(*cells(row))
    console.print(table)


def _title(name: str) -> str:
    return _LAYOUT[name][0] if name in _LAYOUT else name.capitalize()


def _plain(row: Json) -> list[str]:
    return [str(value) for value in row.values()]


def print_tables(figures: Mapping[str, Sequence[Json]]) -> None:
    """Print all tables, each under a heading."""
    console = Console(width=WIDTH, highlight=False, emoji=False)
    for name, rows in figures.items():
        print_table(name, rows, console)
