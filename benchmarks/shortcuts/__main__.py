"""Command line of the planted-truth benchmark.

python -m benchmarks.shortcuts networks --grid quick
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.shortcuts.grid import ARCHITECTURES, GRIDS, Entry
from benchmarks.shortcuts.networks import cache_folder, key_of, train_or_load
from benchmarks.shortcuts.training import Settings


def share(entries: Sequence[Entry], text: str) -> list[Entry]:
    """Part ``k/n`` of the networks: those whose seeds are k - 1 modulo n.

    Processes that take different parts share no pictures, so that none are drawn twice.

    Raises:
        argparse.ArgumentTypeError: when the text is not k/n with 1 <= k <= n.
    """
    first, slash, count = text.partition("/")
    whole = slash and first.isdecimal() and count.isdecimal()
    if not whole or not 1 <= int(first) <= int(count):
        raise argparse.ArgumentTypeError(f"--shard is {text!r}; give k/n, for example 1/2")
    return [e for e in entries if e.seed % int(count) == int(first) - 1]


def print_networks(entries: Sequence[Entry], folder: Path) -> None:
    """Train or load each network and print one JSON line for it."""
    for entry in entries:
        network = train_or_load(entry, folder)
        line = {key: value for key, value in network.facts.items() if key not in ("entry",)}
        print(json.dumps(line | {"cached": network.cached}), flush=True)


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = argparse.ArgumentParser(prog="python -m benchmarks.shortcuts", description=__doc__)
    commands = result.add_subparsers(dest="command", required=True)
    networks = commands.add_parser("networks", help="train or load the networks of a grid")
    networks.add_argument("--grid", choices=sorted(GRIDS), default="quick")
    networks.add_argument("--cache", type=Path, help="folder of the trained networks")
    networks.add_argument("--shard", default="1/1", help="k/n: only these seeds, for n processes")
    networks.add_argument("--architecture", choices=ARCHITECTURES, help="only this one")
    networks.add_argument("--name", help="only networks whose name contains this")
    networks.add_argument("--list", action="store_true", help="print names and keys, train nothing")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = parser()
    given = options.parse_args(arguments)
    try:
        entries = share(GRIDS[given.grid](), given.shard)
    except argparse.ArgumentTypeError as error:
        options.error(str(error))
    if given.architecture:
        entries = [e for e in entries if e.architecture == given.architecture]
    if given.name:
        entries = [e for e in entries if given.name in e.name]
    if not entries:
        options.error("no network of the grid fits --shard, --architecture and --name")
    if given.list:
        for entry in entries:
            print(json.dumps({"name": entry.name, "key": key_of(entry, Settings())}))
    else:
        print_networks(entries, cache_folder(given.cache))


if __name__ == "__main__":
    main()
