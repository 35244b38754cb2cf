"""``macoaudit invert``: a folder of images in, a report of what the network kept out."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from macoaudit.cli.console import say, to_stderr
from macoaudit.cli.devices import choose_device, choose_precision
from macoaudit.cli.options import (
    AllowPickle,
    Compat,
    Device,
    FirstSeed,
    Formats,
    MaxBad,
    Model,
    Neighbours,
    Offline,
    Precision,
    Quiet,
    References,
    Resume,
    SpectrumFile,
    Steps,
    Verbose,
    Weights,
)
from macoaudit.cli.running import (
    exit_code,
    parse_batch_size,
    parse_formats,
    parse_share,
    print_record,
    report_names,
    run_folder,
    say_skipped,
    say_written,
)
from macoaudit.config import InvertConfig, MacoConfig, preset
from macoaudit.errors import UsageError
from macoaudit.report.words import visible
from macoaudit.results import Run

_ROWS = 40


def command(
    images: Annotated[
        list[Path],
        typer.Argument(help="Image files, or a folder; its class subfolders are labels."),
    ],
    model: Model,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder (default: runs/invert-MODEL).")
    ] = None,
    weights: Weights = None,
    layer: Annotated[
        str, typer.Option(help="Layer to invert; 'macoaudit models M' lists them.")
    ] = "penultimate",
    layers: Annotated[
        str | None,
        typer.Option(help="Depth profile: invert at these layers too (comma-separated)."),
    ] = None,
    depth_profile: Annotated[
        bool, typer.Option("--depth-profile", help="Depth profile at chosen layers.")
    ] = False,
    measures: Annotated[
        bool,
        typer.Option("--measures/--no-measures", help="Measure what is retained, with proof."),
    ] = True,
    trust: Annotated[
        bool, typer.Option("--trust/--no-trust", help="Run the trust panel's controls.")
    ] = True,
    seeds: Annotated[int, typer.Option(help="Inversions per image.")] = 3,
    seed: FirstSeed = 0,
    steps: Steps = None,
    compat: Compat = "macoaudit",
    spectrum: SpectrumFile = None,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            help="Judge network for transfer; repeatable; 'none': no judges (default: the other "
            "demo networks, or six families of ImageNet-1k networks where their classes fit)."
        ),
    ] = None,
    reference: References = None,
    neighbours: Neighbours = 3,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: Annotated[
        str, typer.Option("--batch-size", help="Inversions at once: auto or a number.")
    ] = "auto",
    report_format: Formats = "html,pdf",
    resume: Resume = True,
    max_bad: MaxBad = "5%",
    allow_pickle: AllowPickle = False,
    offline: Offline = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Invert each image's activations and report what the network kept."""
    formats, printed = parse_formats(report_format, verdict=False)
    size, share, maco = parse_batch_size(batch_size), parse_share(max_bad), _maco(compat, steps)
    place = choose_device(device)
    config = InvertConfig(
        images=tuple(images),
        model=model,
        out=run_folder(out, "invert", model),
        weights=weights,
        layer=layer,
        device=place,
        precision=choose_precision(precision, place),
        maco=maco,
        spectrum=spectrum,
        n_seeds=seeds,
        seed=seed,
        batch_size=size or (8 if place == "cpu" else 32),
        layers=_layers(layers),
        depth_profile=depth_profile,
        measures=measures,
        trust=trust,
        judges=tuple(judge or ()),
        references=tuple(reference or ()),
        plausibility_k=neighbours,
        formats=formats,
        resume=resume,
        allow_pickle=allow_pickle,
        offline=offline,
        max_bad_frac=share,
    )
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.cli.progress import ProgressBar
    from macoaudit.pipeline import run_invert

    with ProgressBar(quiet) as bar:
        run = run_invert(config, command_line=sys.argv, on_progress=bar.update)
    if "json" in printed:
        print_record(run)
    show(run, config, quiet)
    return exit_code(run)


def _layers(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise UsageError(f"--layers is {text!r}; give layer names with commas between them")
    return names


def _maco(compat: str, steps: int | None) -> MacoConfig:
    config = preset(compat)
    return config if steps is None else replace(config, n_steps=steps)


def show(run: Run, config: InvertConfig, quiet: bool) -> None:
    """Print a table of the images and the paths written, on stderr; with quiet one line."""
    summary = run.summary
    mean = summary["mean_similarity"]
    similarity = "no similarity" if mean is None else f"mean similarity {mean:.3f}"
    bad = summary["n_images"] - summary["n_ok"]
    if not quiet:
        to_stderr().print(_table(run))
        say_skipped(run)
    line = f"{run.status}: {summary['n_ok']} of {summary['n_images']} images, {similarity}"
    say(line + (f", {bad} not usable" if bad else ""))
    names = report_names(config.formats)
    say_written(run, config.out, names, quiet=quiet)


def _table(run: Run) -> Table:
    table = Table(title=None, pad_edge=False)
    table.add_column("image", overflow="fold")
    table.add_column("network sees")
    table.add_column("in the inversion")
    table.add_column("similarity", justify="right")
    # Whatever went wrong is shown, however many images went well.
    positions = range(len(run.images))
    chosen = sorted(positions, key=lambda position: run.images[position].status == "ok")[:_ROWS]
    for image in (run.images[position] for position in sorted(chosen)):
        if image.status != "ok" or image.similarity is None:
            table.add_row(Text(visible(image.path)), image.status, Text(visible(image.reason)), "")
            continue
        names = {i.prediction.name if i.prediction else "-" for i in image.inversions}
        seen = image.prediction.name if image.prediction else "-"
        table.add_row(
            Text(visible(image.path)),
            Text(visible(seen)),
            Text(visible(", ".join(sorted(names)))),
            f"{image.similarity:.3f}",
        )
    if len(run.images) > len(chosen):
        table.add_row(f"... {len(run.images) - len(chosen)} more in results.json", "", "", "")
    return table
