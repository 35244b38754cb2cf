"""``macoaudit gallery``: a static site of every class of a network."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from macoaudit.cli.console import say
from macoaudit.cli.devices import choose_device, choose_precision
from macoaudit.cli.options import (
    AllowPickle,
    Canvas,
    Compat,
    Device,
    DrawingMethod,
    FirstSeed,
    Model,
    Neighbours,
    Offline,
    PicturesAtOnce,
    Precision,
    Quiet,
    References,
    SpectrumFile,
    Steps,
    Verbose,
    Weights,
)
from macoaudit.cli.running import (
    exit_code,
    parse_batch_size,
    print_record,
    run_folder,
    say_skipped,
    say_written,
)
from macoaudit.cli.visualize import parse_method
from macoaudit.drawing_config import (
    GalleryConfig,
    TargetConfig,
    VisualizeConfig,
    drawing_settings,
)
from macoaudit.errors import UsageError
from macoaudit.report.words import visible
from macoaudit.results import Run

Texts = list[str] | None
Paths = list[Path] | None


def command(
    model: Model,
    logits: Annotated[
        Texts,
        typer.Option(
            help="Classes: 3,10-20,tabby (index, range, name); repeatable (default: all)."
        ),
    ] = None,
    channels: Annotated[
        int, typer.Option(help="Channels of the last layer drawn for each class; 0: none.")
    ] = 3,
    method: DrawingMethod = "maco",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder (default: runs/gallery-MODEL).")
    ] = None,
    weights: Weights = None,
    seeds: Annotated[int, typer.Option(help="Pictures per class.")] = 1,
    seed: FirstSeed = 0,
    steps: Steps = None,
    canvas: Canvas = None,
    compat: Compat = "macoaudit",
    spectrum: SpectrumFile = None,
    judge: Annotated[
        Texts, typer.Option(help="Judge network for transfer; repeatable; 'none': no judges.")
    ] = None,
    reference: References = None,
    concepts: Annotated[
        Paths,
        typer.Option(
            help="Images in which the concepts of each class are found: a folder whose subfolders "
            "are classes; repeatable."
        ),
    ] = None,
    neighbours: Neighbours = 3,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: PicturesAtOnce = "auto",
    shard: Annotated[
        str | None, typer.Option(help="k/n: draw the k-th share of the classes only, and no site.")
    ] = None,
    output_format: Annotated[
        str, typer.Option("--format", help="html: the site; json: also the record on stdout.")
    ] = "html",
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Keep what is finished in --out.")
    ] = True,
    allow_pickle: AllowPickle = False,
    offline: Offline = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Draw every class and what drives it, as a site that works from disk."""
    if output_format not in ("html", "json", "html,json"):
        raise UsageError(f"--format is {output_format!r}; use html, or html,json")
    if out == Path("-"):
        raise UsageError("--out is '-'; a gallery is a folder. Give one")
    settings = drawing_settings(parse_method(method), compat, steps=steps, canvas_px=canvas)
    size = parse_batch_size(batch_size)
    place = choose_device(device)
    drawing = VisualizeConfig(
        model=model,
        targets=TargetConfig(logits=tuple(logits or ("all",))),
        out=run_folder(out, "gallery", model),
        method=parse_method(method),
        weights=weights,
        device=place,
        precision=choose_precision(precision, place),
        maco=settings,
        spectrum=spectrum,
        n_seeds=seeds,
        seed=seed,
        batch_size=size or (8 if place == "cpu" else 32),
        judges=tuple(judge or ()),
        references=tuple(reference or ()),
        plausibility_k=neighbours,
        formats=(),
        resume=resume,
        allow_pickle=allow_pickle,
        offline=offline,
    )
    config = GalleryConfig(
        drawing,
        n_channels=channels,
        shard=parse_shard(shard),
        concept_images=tuple(concepts or ()),
    )
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.cli.progress import ProgressBar
    from macoaudit.gallery import run_gallery

    with ProgressBar(quiet) as bar:
        run = run_gallery(config, command_line=sys.argv, on_progress=bar.update)
    if "json" in output_format:
        print_record(run)
    show(run, config, quiet)
    return exit_code(run)


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """Parse ``--shard k/n``.

    Raises:
        UsageError: when it has another form.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found:
        raise UsageError(f"--shard is {text!r}; use k/n, such as 1/4")
    return int(found[1]), int(found[2])


def show(run: Run, config: GalleryConfig, quiet: bool) -> None:
    """Print what became of the classes and where the site is, on stderr; with quiet one line."""
    summary = run.summary
    if not quiet:
        for one in run.visualizations:
            if one.status != "ok":
                say(visible(f"  {one.name}: {one.reason or one.status}"))
        say_skipped(run)
    parts = [f"{run.status}: {summary['n_ok']} of {summary['n_pictures']} pictures of classes"]
    parts += [
        f"{summary[f'n_{status}']} {status}"
        for status in ("dead", "unreachable", "failed")
        if summary[f"n_{status}"]
    ]
    if summary["n_channels"]:
        parts.append(f"{summary['n_channels']} channels")
    if summary["transfer_top1_frac"] is not None:
        parts.append(f"judges' first class {100 * summary['transfer_top1_frac']:.0f} %")
    if config.shard is not None:
        parts.append(f"shard {config.shard[0]} of {config.shard[1]}")
    say(", ".join(parts))
    say_written(run, config.drawing.out, ("results.json", "site/index.html"), quiet=quiet)
