"""``macoaudit concepts``: what a class is made of to a network, and where in its images."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from macoaudit.cli.console import say, to_stderr
from macoaudit.cli.devices import choose_device, choose_precision
from macoaudit.cli.options import (
    AllowPickle,
    Canvas,
    Compat,
    Device,
    Formats,
    MaxBad,
    Model,
    Offline,
    Quiet,
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
from macoaudit.concept_config import (
    CROP_SIDES_FRAC,
    N_DESIGNS,
    N_MEASURED,
    ConceptsConfig,
)
from macoaudit.drawing_config import drawing_settings
from macoaudit.errors import UsageError
from macoaudit.report.words import visible
from macoaudit.results import Run

_SIDES = ",".join(f"{side:g}" for side in CROP_SIDES_FRAC)


def command(
    images: Annotated[
        list[Path],
        typer.Argument(
            help="Image files, or a folder; class subfolders are labels, other images are of the "
            "class that the network predicts."
        ),
    ],
    class_name: Annotated[
        str, typer.Option("--class", "-c", help="The class: its name or its number.")
    ],
    model: Model,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Run folder (default: runs/concepts-MODEL-CLASS)."),
    ] = None,
    weights: Weights = None,
    layer: Annotated[
        str | None,
        typer.Option(help="Layer with a grid (default: the last block that has one, and is read)."),
    ] = None,
    n_concepts: Annotated[
        int, typer.Option("--n-concepts", "--concepts", help="Concepts to look for.")
    ] = 10,
    crop_sides: Annotated[
        str, typer.Option("--crop-sides", help="Sides of the crops as shares of the image's.")
    ] = _SIDES,
    max_images: Annotated[
        int, typer.Option("--max-images", help="Images of the class to use, evenly spaced.")
    ] = 64,
    measured: Annotated[
        int, typer.Option("--measured", help="Of these, images on which importance is measured.")
    ] = N_MEASURED,
    designs: Annotated[
        int, typer.Option(help="Rows of the Sobol design: fewer are faster and less exact.")
    ] = N_DESIGNS,
    seeds: Annotated[int, typer.Option(help="Pictures per concept.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the factorisation; first of the pictures.")] = 0,
    steps: Steps = None,
    canvas: Canvas = None,
    compat: Compat = "macoaudit",
    spectrum: SpectrumFile = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="Of the drawing: auto, fp32 or bf16.")] = "auto",
    batch_size: Annotated[
        str, typer.Option("--batch-size", help="Images at once: auto or a number.")
    ] = "auto",
    report_format: Formats = "html,pdf",
    resume: Resume = True,
    max_bad: MaxBad = "5%",
    allow_pickle: AllowPickle = False,
    offline: Offline = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Find what a class is made of to a network: concepts, their weight, their place, a picture."""
    formats, printed = parse_formats(report_format, verdict=False)
    size, share, sides = parse_batch_size(batch_size), parse_share(max_bad), _sides(crop_sides)
    settings = drawing_settings("maco", compat, steps=steps, canvas_px=canvas)
    place = choose_device(device)
    config = ConceptsConfig(
        images=tuple(images),
        class_name=class_name,
        model=model,
        out=run_folder(out, "concepts", model, class_name),
        weights=weights,
        layer=layer,
        n_concepts=n_concepts,
        crop_sides_frac=sides,
        n_designs=designs,
        n_measured=measured,
        max_images=max_images,
        device=place,
        precision=choose_precision(precision, place),
        maco=settings,
        spectrum=spectrum,
        n_seeds=seeds,
        seed=seed,
        batch_size=size or (16 if place == "cpu" else 64),
        formats=formats,
        resume=resume,
        allow_pickle=allow_pickle,
        offline=offline,
        max_bad_frac=share,
    )
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.cli.progress import ProgressBar
    from macoaudit.concept_run import run_concepts

    with ProgressBar(quiet) as bar:
        run = run_concepts(config, command_line=sys.argv, on_progress=bar.update)
    if "json" in printed:
        print_record(run)
    show(run, config, quiet)
    return exit_code(run)


def _sides(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"--crop-sides is {text!r}; use shares of the image's side, as 0.5,0.35"
        ) from error


def show(run: Run, config: ConceptsConfig, quiet: bool) -> None:
    """Print a table of the concepts and the paths written, on stderr; with quiet one line."""
    summary = run.summary
    if not quiet:
        to_stderr().print(_table(run))
        for note in (note for found in run.concepts for note in found.notes):
            say(f"note: {note}")
        say_skipped(run)
    n_images, by_label = summary["n_images"], summary["n_by_label"]
    rule = {n_images: "by folder label", 0: "by prediction"}.get(
        by_label, f"{by_label} by folder label, the others by prediction"
    )
    parts = [
        f"{run.status}: {summary['n_concepts']} concepts of {visible(summary['class'])} in "
        f"{n_images} images ({rule})",
        f"{summary['n_ok']} of {summary['n_pictures']} pictures",
    ]
    if summary["n_unusable"]:
        parts.append(f"{summary['n_unusable']} images not usable")
    say(", ".join(parts))
    names = report_names(config.formats)
    say_written(run, config.out, names, quiet=quiet)


def _table(run: Run) -> Table:
    table = Table(title=None, pad_edge=False)
    table.add_column("concept")
    table.add_column("importance", justify="right")
    table.add_column("effect on the logit", justify="right")
    table.add_column("picture", overflow="fold")
    for one in (one for found in run.concepts for one in found.concepts):
        drawn = [v for v in run.visualizations if v.id == one.visualization]
        reasons = {v.status if v.status == "ok" else v.reason or v.status for v in drawn}
        table.add_row(
            str(one.rank),
            f"{one.importance:.3f}",
            f"{one.effect:+.3f}",
            Text(visible("; ".join(sorted(reasons)) or "-")),
        )
    return table
