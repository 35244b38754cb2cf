"""Command line of the planted-truth benchmark.

python -m benchmarks.shortcuts networks --grid quick
python -m benchmarks.shortcuts audit --grid quick --seeds 2
python -m benchmarks.shortcuts figures --grid quick
python -m benchmarks.shortcuts fit --grid quick
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.shortcuts.audits import audit_missing, baselines_missing
from benchmarks.shortcuts.figures import figures
from benchmarks.shortcuts.fitting import fit
from benchmarks.shortcuts.grid import ARCHITECTURES, GRIDS, Entry
from benchmarks.shortcuts.networks import cache_folder, find, key_of, train_or_load
from benchmarks.shortcuts.pairs import collect
from benchmarks.shortcuts.tables import print_tables
from benchmarks.shortcuts.training import Settings
from macoaudit.files import write_bytes


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


def print_audits(entries: Sequence[Entry], folder: Path, seeds: int) -> None:
    """Run the audits and baselines that are not there, one JSON line each; nothing is trained."""
    networks = []
    for entry in entries:
        network = find(entry, folder)
        if network is None:
            print(json.dumps({"name": entry.name, "missing": "network"}), flush=True)
        else:
            networks.append(network)
    # One seed of all networks before the next, so that a stopped run has all of one seed.
    for number in range(seeds):
        for network in networks:
            scored = baselines_missing(network, folder)
            if scored is not None:
                seconds = {name: one["seconds"] for name, one in scored["baselines"].items()}
                print(json.dumps({"name": network.entry.name, "baselines": seconds}), flush=True)
            found = audit_missing(network, folder, number)
            if found is not None:
                margins = [one["margin"] and round(one["margin"], 3) for one in found["classes"]]
                line = {"name": found["name"], "number": number, "seconds": found["seconds"]}
                print(json.dumps(line | {"margins": margins}), flush=True)


def print_figures(entries: Sequence[Entry], folder: Path, given: argparse.Namespace) -> None:
    """Print the tables of what is in the cache, and write their numbers."""
    if given.command == "fit":
        # What the held-out half lacks is of no concern here, and what it holds is not to be seen.
        entries = [entry for entry in entries if entry.half == "fitting"]
    collected = collect(entries, folder, given.seeds)
    if given.command == "fit":
        missing = [{"network": one.network, "what": one.what} for one in collected.missing]
        found = {"missing": missing, "fit": fit(collected)}
    else:
        found = figures(collected)
    file = given.out or folder / f"{given.command}-{given.grid}.json"
    write_bytes(file, json.dumps(found, indent=1, allow_nan=False).encode())
    print_tables(found)
    print(f"\nNumbers: {file}")


def parser() -> argparse.ArgumentParser:
    """The options."""
    result = argparse.ArgumentParser(prog="python -m benchmarks.shortcuts", description=__doc__)
    commands = result.add_subparsers(dest="command", required=True)
    networks = commands.add_parser("networks", help="train or load the networks of a grid")
    networks.add_argument("--list", action="store_true", help="print names and keys, train nothing")
    audit = commands.add_parser("audit", help="audit the networks that are trained")
    figure = commands.add_parser("figures", help="tables of what is audited")
    fitting = commands.add_parser("fit", help="effects of the fitting half, and thresholds")
    for command in (audit, figure, fitting):
        command.add_argument("--seeds", type=int, default=2, help="audits of a network")
    for command in (figure, fitting):
        command.add_argument("--out", type=Path, help="file of the numbers, else in the cache")
    for command in (networks, audit, figure, fitting):
        command.add_argument("--grid", choices=sorted(GRIDS), default="quick")
        command.add_argument("--cache", type=Path, help="folder of the trained networks")
        command.add_argument(
            "--shard", default="1/1", help="k/n: only these seeds, for n processes"
        )
        command.add_argument("--architecture", choices=ARCHITECTURES, help="only this one")
        command.add_argument("--name", help="only networks whose name contains this")
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
    if given.command != "networks" and given.seeds < 1:
        options.error(f"--seeds is {given.seeds}; give at least 1")
    if not entries:
        options.error("no network of the grid fits --shard, --architecture and --name")
    folder = cache_folder(given.cache)
    if given.command == "audit":
        print_audits(entries, folder, given.seeds)
    elif given.command in ("figures", "fit"):
        print_figures(entries, folder, given)
    elif given.list:
        for entry in entries:
            print(json.dumps({"name": entry.name, "key": key_of(entry, Settings())}))
    else:
        print_networks(entries, folder)


if __name__ == "__main__":
    main()
