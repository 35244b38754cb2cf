"""What ``macoaudit phase leakage`` writes and prints."""

import json
import sys
from pathlib import Path

from rich.table import Table
from rich.text import Text
from torch import Tensor

from macoaudit.cli.console import to_stdout
from macoaudit.cli.leakage import Comparison, times_reference
from macoaudit.errors import StoreError, UsageError
from macoaudit.files import write_bytes
from macoaudit.report.power_chart import power_svg
from macoaudit.report.sheet import contact_sheet

_SHOWN = 6


def write_comparison(
    found: Comparison, output: Path | None, sheet: Path | None
) -> tuple[Path, ...]:
    """Write the chart and the sheet of pictures that were asked for.

    Raises:
        UsageError: when a file cannot be written.
    """
    contents: list[tuple[str, Path, bytes]] = []
    if output is not None:
        contents.append(("--output", output, power_svg(found.curves(), found.above)))
    if sheet is not None:
        rows = [
            [
                (image, (one.name if place == 0 else "",))
                for place, image in enumerate(_spread(one.pictures))
            ]
            for one in found.series
        ]
        contents.append(("--sheet", sheet, contact_sheet(rows)))
    for option, path, content in contents:
        try:
            write_bytes(path, content)
        except StoreError as error:
            raise UsageError(f"{option} {path}: cannot be written. Give another file") from error
    return tuple(path for _, path, _ in contents)


def _spread(pictures: Tensor) -> Tensor:
    """A few pictures out of all, evenly spaced: a folder's first are often of one class."""
    count = min(len(pictures), _SHOWN)
    return pictures[[place * len(pictures) // count for place in range(count)]]


def print_comparison(found: Comparison, *, as_json: bool) -> None:
    """Print the numbers on stdout, as a table or as one JSON document."""
    if as_json:
        text = json.dumps(found.document(), indent=2, allow_nan=False, ensure_ascii=True)
        sys.stdout.write(text + "\n")
        return
    table = Table(title=None, pad_edge=False)
    table.add_column("pictures", overflow="fold")
    table.add_column("n", justify="right")
    table.add_column("contrast", justify="right")
    table.add_column(f"energy above {found.above:g}", justify="right")
    table.add_column("least to largest", justify="right")
    table.add_column("times reference", justify="right")
    for one, entry in zip(found.series, found.document()["series"], strict=True):
        share, times = entry["share_above"], times_reference(one, found.series)
        table.add_row(
            Text(one.name),
            str(len(one.pictures)),
            f"{one.contrast:.3f}",
            _percent(share["mean"]),
            f"{_percent(share['least'])} to {_percent(share['largest'])}",
            "-" if times is None else f"{times:.2f}",
        )
    to_stdout().print(table)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
