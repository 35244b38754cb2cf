"""``macoaudit visualize``: what classes, channels, tokens, heads and directions mean."""

import sys
from pathlib import Path
from typing import Annotated, cast

import typer
from rich.table import Table
from rich.text import Text

from macoaudit.cli.console import say, to_stderr
from macoaudit.cli.devices import choose_device, choose_precision
from macoaudit.cli.methods import run_bench
from macoaudit.cli.options import (
    AllowPickle,
    Canvas,
    Compat,
    Device,
    DrawingMethod,
    FirstSeed,
    Formats,
    Model,
    Neighbours,
    Offline,
    PicturesAtOnce,
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
    model_slug,
    parse_batch_size,
    parse_formats,
    print_record,
    report_names,
    run_folder,
    say_skipped,
    say_written,
)
from macoaudit.drawing_config import TargetConfig, VisualizeConfig, drawing_settings
from macoaudit.errors import UsageError
from macoaudit.report.words import visible
from macoaudit.results import Method, Run

_ROWS = 40
Texts = list[str] | None
Paths = list[Path] | None


def command(
    model: Model,
    logits: Annotated[
        Texts, typer.Option(help="Classes: 3,10-20,tabby,all (index, range, name); repeatable.")
    ] = None,
    logit_form: Annotated[
        str | None,
        typer.Option(
            "--logit-form",
            help="standard: score among the classes; raw: the logit; auto (default): standard "
            "from three classes up, raw with --compat.",
        ),
    ] = None,
    channels: Annotated[Texts, typer.Option(help="LAYER:0-15; repeatable.")] = None,
    neurons: Annotated[
        Texts, typer.Option(help="LAYER:c,y,x, or LAYER:c for the centre; repeatable.")
    ] = None,
    tokens: Annotated[
        Texts, typer.Option(help="LAYER:PART:DIMS, PART cls, mean, reg0 or a patch; repeatable.")
    ] = None,
    heads: Annotated[Texts, typer.Option(help="Attention heads: LAYER:0-3; repeatable.")] = None,
    directions: Annotated[
        Paths, typer.Option(help="Directions: .safetensors or .npy, with --layer; repeatable.")
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of the directions.")] = None,
    direction_form: Annotated[
        str, typer.Option("--direction-form", help="dot product or cosine.")
    ] = "dot",
    sums: Annotated[
        Texts, typer.Option("--sum", help="Such as '1*logit:3 - 0.5*logit:4'; repeatable.")
    ] = None,
    sum_files: Annotated[
        Paths, typer.Option("--sums", help="TOML or JSON: a table 'sums' of named sums.")
    ] = None,
    method: DrawingMethod = "maco",
    accentuate: Annotated[
        Path | None, typer.Option(help="Start from this image: what would make it more so?")
    ] = None,
    keep: Annotated[
        float, typer.Option(help="Weight of staying at the image's activation (--accentuate).")
    ] = 1.0,
    keep_layer: Annotated[
        str, typer.Option("--keep-layer", help="Layer of that activation.")
    ] = "penultimate",
    accent_rate: Annotated[
        float, typer.Option("--accent-rate", help="Length of the steps (--accentuate).")
    ] = 0.1,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder (default: runs/visualize-MODEL).")
    ] = None,
    weights: Weights = None,
    seeds: Annotated[int, typer.Option(help="Pictures per target.")] = 1,
    seed: FirstSeed = 0,
    steps: Steps = None,
    canvas: Canvas = None,
    compat: Compat = "macoaudit",
    spectrum: SpectrumFile = None,
    judge: Annotated[
        Texts,
        typer.Option(help="Judge network for transfer of classes; repeatable; 'none': no judges."),
    ] = None,
    bench: Annotated[
        bool,
        typer.Option("--bench", help="Draw --logits with maco, fourier and pixel, and compare."),
    ] = False,
    reference: References = None,
    neighbours: Neighbours = 3,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: PicturesAtOnce = "auto",
    report_format: Formats = "html,pdf",
    resume: Resume = True,
    allow_pickle: AllowPickle = False,
    offline: Offline = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Draw what drives classes, channels, neurons, tokens, heads or directions up."""
    formats, printed = parse_formats(report_format, verdict=False)
    size = parse_batch_size(batch_size)
    targets = TargetConfig(
        logits=tuple(logits or ()),
        channels=tuple(channels or ()),
        neurons=tuple(neurons or ()),
        tokens=tuple(tokens or ()),
        heads=tuple(heads or ()),
        directions=tuple(directions or ()),
        layer=layer,
        direction_form=direction_form,
        logit_form=logit_form or "auto",
        sums=tuple(sums or ()),
        sum_files=tuple(sum_files or ()),
    )
    settings = drawing_settings(parse_method(method), compat, steps=steps, canvas_px=canvas)
    place = choose_device(device)
    config = VisualizeConfig(
        model=model,
        targets=targets,
        out=run_folder(_bench_folder(model) if bench and out is None else out, "visualize", model),
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
        accentuate=accentuate,
        keep=keep,
        keep_layer=keep_layer,
        accent_rate=accent_rate,
        formats=formats,
        resume=resume,
        allow_pickle=allow_pickle,
        offline=offline,
    )
    if bench:
        return run_bench(
            config, tuple(reference or ()), steps, with_json="json" in printed, quiet=quiet
        )
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.cli.progress import ProgressBar
    from macoaudit.visualization import run_visualize

    with ProgressBar(quiet) as bar:
        run = run_visualize(config, command_line=sys.argv, on_progress=bar.update)
    if "json" in printed:
        print_record(run)
    show(run, config, quiet)
    return exit_code(run)


def _bench_folder(model: str) -> Path:
    return Path("runs") / f"methods-{model_slug(model)}"


def parse_method(text: str) -> Method:
    """Parse ``--method``.

    Raises:
        UsageError: when there is no such method.
    """
    if text not in ("maco", "fourier", "pixel"):
        raise UsageError(f"--method is {text!r}; use maco, fourier or pixel")
    return cast(Method, text)


def show(run: Run, config: VisualizeConfig, quiet: bool) -> None:
    """Print a table of the pictures and the paths written, on stderr; with quiet one line."""
    summary = run.summary
    if not quiet:
        to_stderr().print(_table(run))
        say_skipped(run)
    parts = [f"{run.status}: {summary['n_ok']} of {summary['n_pictures']} pictures"]
    parts += [
        f"{summary[f'n_{status}']} {status}"
        for status in ("dead", "unreachable", "failed")
        if summary[f"n_{status}"]
    ]
    if summary["transfer_top1_frac"] is not None:
        parts.append(f"judges' first class {100 * summary['transfer_top1_frac']:.0f} %")
    say(", ".join(parts))
    names = report_names(config.formats)
    say_written(run, config.out, names, quiet=quiet)


def _table(run: Run) -> Table:
    table = Table(title=None, pad_edge=False)
    table.add_column("target", overflow="fold")
    table.add_column("seed", justify="right")
    table.add_column("start", justify="right")
    table.add_column("score", justify="right")
    table.add_column("outcome", overflow="fold")
    # Whatever went wrong is shown, however many targets went well.
    drawn = run.visualizations
    chosen = sorted(range(len(drawn)), key=lambda place: drawn[place].status == "ok")[:_ROWS]
    for one in (drawn[place] for place in sorted(chosen)):
        numbers = ["-" if n is None else f"{n:.4g}" for n in (one.start_score, one.score)]
        outcome = one.status if one.status == "ok" else one.reason or one.status
        table.add_row(Text(visible(one.name)), str(one.seed), *numbers, Text(visible(outcome)))
    if len(drawn) > len(chosen):
        table.add_row(f"... {len(drawn) - len(chosen)} more in results.json", "", "", "", "")
    return table
