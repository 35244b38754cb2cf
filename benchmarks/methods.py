"""Tables 1 and 2 of Fel et al. 2023: MACO, Fourier and pixels by plausibility, FID and transfer.

    python -m benchmarks.methods                              # the networks of MACOAUDIT_ASSETS
    python -m benchmarks.methods --model vit_tiny --model mobilenetv2 --classes 40 --out runs/m
    python -m benchmarks.methods --model demo --judge demo-clean --natural samples --steps 64
    python -m benchmarks.methods ... --baseline-images horama-pictures horama

Draws the same classes with every method at its default settings, one run folder a method under
``OUT/NETWORK/``, and measures the pictures; pictures that are there are found again. Prints one
JSON document and writes it with a page (``methods.json``, ``methods.html``) into the folder.
Pictures of another program are scored in the same tables: a folder with one PNG a class, named by
the class's index (``207.png``; in a subfolder named as the network where there are several), and
``seconds.json`` with ``seconds_per_picture`` where it is known. See ``docs/methods.md``.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.assets import assets_folder, card, machine
from benchmarks.quality import NETWORKS
from macoaudit.cli.devices import choose_device
from macoaudit.errors import MacoauditError
from macoaudit.methods import Given, MethodsConfig, as_json, compare_methods, write_methods
from macoaudit.pipeline import Progress


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", help="name, card or a network of the assets")
    parser.add_argument("--judge", action="append", help="default: the other networks")
    parser.add_argument("--natural", action="append", type=Path, help="folder of natural images")
    parser.add_argument("--classes", type=int, default=40, help="spread evenly over all")
    parser.add_argument("--logits", action="append", default=[], help="classes by name or index")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--max-natural", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--inception", type=Path, help="torch-fidelity's weights of Inception-v3")
    parser.add_argument(
        "--baseline-images", nargs=2, action="append", default=[], metavar=("DIR", "NAME")
    )
    parser.add_argument("--out", type=Path, default=Path("runs/methods"))
    parser.add_argument("--no-resume", action="store_true")
    return parser.parse_args()


def tell(progress: Progress) -> None:
    """Say on stderr what is done, a line a batch."""
    if progress.step is None:
        done = f"{progress.done_images} of {progress.n_images} {progress.noun}"
        print(f"{progress.stage}: {done}", file=sys.stderr, flush=True)


def settings(arguments: argparse.Namespace, name: str) -> MethodsConfig:
    """Settings of the comparison on one network."""
    of_assets = name in NETWORKS
    judges = tuple(arguments.judge or ())
    if not judges and of_assets:
        judges = tuple(other for other in NETWORKS if other != name)
    return MethodsConfig(
        model=card(name) if of_assets else name,
        out=arguments.out / _slug(name),
        natural=tuple(arguments.natural or [assets_folder() / "photos"]),
        logits=tuple(arguments.logits),
        n_classes=arguments.classes,
        judges=tuple(card(judge) if judge in NETWORKS else judge for judge in judges),
        given=tuple(Given(Path(folder), text) for folder, text in arguments.baseline_images),
        n_seeds=arguments.seeds,
        seed=arguments.seed,
        steps=arguments.steps,
        device=choose_device(arguments.device),
        batch_size=arguments.batch_size,
        n_natural=arguments.max_natural,
        n_resamples=arguments.resamples,
        inception=arguments.inception,
        resume=not arguments.no_resume,
        offline=True,
    )


def _slug(name: str) -> str:
    return Path(name).stem if name.endswith(".toml") else name.replace("/", "_")


def main() -> None:
    """Compare on every network, print JSON, write the page."""
    arguments = parse()
    names = arguments.model or list(NETWORKS)
    for folder, _ in arguments.baseline_images:
        missing = [_slug(name) for name in names if not (Path(folder) / _slug(name)).is_dir()]
        if len(names) > 1 and missing:
            sys.exit(
                f"--baseline-images {folder}: with several networks, each needs a folder in it; "
                f"missing: {', '.join(missing)}"
            )
    found, folders = [], []
    try:
        for name in names:
            print(f"{name}:", file=sys.stderr, flush=True)
            one = compare_methods(
                settings(arguments, name),
                slug=_slug(name),
                command_line=sys.argv,
                on_progress=tell,
            )
            found.append(replace(one, volatile={**one.volatile, "machine": machine()}))
            folders.append(arguments.out / _slug(name))
            write_methods(found, arguments.out, folders)
    except MacoauditError as error:
        sys.exit(f"benchmarks.methods: {error}")
    print(as_json(found), end="")


if __name__ == "__main__":
    main()
