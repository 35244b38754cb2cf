"""Real photographs that show only a known cue: does the margin tell the classes that fall for it?

The test material holds 50 ImageNet classes x 4 tiles, each of which shows a spurious cue of a class
and not the class. A network *falls for* a cue when it calls at least two of the four tiles the
class. Every audit is given the tiles in folders of their classes::

    python -m benchmarks.shortcuts.cue_tiles lay ASSETS FOLDER
    macoaudit audit FOLDER --model ASSETS/models/vit_tiny.toml --out RUN
    python -m benchmarks.shortcuts.cue_tiles separation RUN

Truth and score are of the same pictures and network, but a network can fall for tiles one by one
without anything that recurs in them: the figure says how far one goes with the other, no more.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sklearn.metrics import roc_auc_score

from macoaudit.models.labels import imagenet_ids
from macoaudit.results import Run, from_json

FALLEN = 2
"""Tiles of four that the network must call the class."""


def lay(assets: Path, out: Path, n_classes: int | None = None) -> list[str]:
    """Copy tiles into folders named by WordNet id.

    Args:
        assets: the folder of test material.
        out: where to; it must not exist yet.
        n_classes: evenly spaced ones of all; None: all.

    Returns:
        The classes' ids.

    Raises:
        FileExistsError: when the folder is there.
    """
    tiles = json.loads((assets / "cue_tiles" / "tiles.json").read_text(encoding="utf-8"))
    indices = sorted({tile["class_idx"] for tile in tiles})
    count = len(indices) if n_classes is None else n_classes
    chosen = [indices[place * len(indices) // count] for place in range(count)]
    names = {index: name for name, index in imagenet_ids().items()}
    out.mkdir(parents=True)
    for tile in tiles:
        if tile["class_idx"] in chosen:
            folder = out / names[tile["class_idx"]]
            folder.mkdir(exist_ok=True)
            shutil.copyfile(assets / "cue_tiles" / tile["file"], folder / tile["file"])
    return [names[index] for index in chosen]


@dataclass(frozen=True)
class Row:
    """One class of the tiles."""

    class_name: str
    n_tiles: int
    n_called: int
    """Tiles that the network calls the class."""
    margin: float | None
    severity: str | None
    """Of its finding."""

    @property
    def fallen(self) -> bool:
        """Whether the network falls for the cue."""
        return self.n_called >= FALLEN


def rows(run: Run) -> list[Row]:
    """Read every class of the tiles from an audit's record, the largest margin first.

    Raises:
        ValueError: when the record is of no audit.
    """
    if run.shortcuts is None:
        raise ValueError("results.json: no shortcuts were tested; give a folder of macoaudit audit")
    severity = {one.class_index: one.severity for one in run.findings}
    index_of = imagenet_ids()
    found = []
    for one in run.shortcuts.classes:
        own = [i for i in run.images if index_of.get(i.label or "") == one.class_index]
        if not own:
            continue  # tiles of other classes that were called this, if predictions count
        called = sum(
            image.prediction is not None and image.prediction.index == one.class_index
            for image in own
        )
        found.append(
            Row(one.class_name, len(own), called, one.margin, severity.get(one.class_index))
        )
    return sorted(found, key=lambda row: -(row.margin if row.margin is not None else -1.0))


def separation(found: Sequence[Row]) -> dict[str, object]:
    """AUROC of the margin over classes, and how many of each severity are among the fallen.

    An untested class ranks below all others.
    """
    scores = [-1.0 if row.margin is None else row.margin for row in found]
    fallen = [row.fallen for row in found]
    by_severity = {
        severity: {
            "fallen": sum(row.fallen for row in found if row.severity == severity),
            "others": sum(not row.fallen for row in found if row.severity == severity),
        }
        for severity in ("high", "medium")
    }
    return {
        "n_fallen": sum(fallen),
        "n_others": len(fallen) - sum(fallen),
        "auroc": float(roc_auc_score(fallen, scores)) if len(set(fallen)) == 2 else None,
        **by_severity,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.shortcuts.cue_tiles", description=__doc__
    )
    commands = parser.add_subparsers(dest="command", required=True)
    laying = commands.add_parser("lay", help="copy the tiles into folders of their classes")
    laying.add_argument("assets", type=Path)
    laying.add_argument("out", type=Path)
    laying.add_argument("--classes", type=int, help="evenly spaced ones of all 50")
    separating = commands.add_parser("separation", help="margins against what the network calls")
    separating.add_argument("run", type=Path)
    given = parser.parse_args(arguments)
    if given.command == "lay":
        print(f"{len(lay(given.assets, given.out, given.classes))} classes: {given.out}")
        return
    record = json.loads((given.run / "results.json").read_text(encoding="utf-8"))
    found = rows(from_json(record))
    for row in found:
        print(json.dumps(asdict(row)))
    print(json.dumps(separation(found)))


if __name__ == "__main__":
    main()
