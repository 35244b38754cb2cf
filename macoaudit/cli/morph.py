"""``macoaudit morph``: which small moves of an image's structures make it another class."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from macoaudit.cli.console import say, to_stderr
from macoaudit.cli.devices import choose_device
from macoaudit.cli.morph_options import check_mode, parse_bands, parse_cap, parse_numbers
from macoaudit.cli.options import (
    AllowPickle,
    Device,
    Formats,
    MaxBad,
    Model,
    Offline,
    Quiet,
    Resume,
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
from macoaudit.errors import UsageError
from macoaudit.morph_config import MorphConfig
from macoaudit.report.words import probability_text, visible
from macoaudit.results import Morph, Run

_ROWS = 40
Texts = list[str] | None


def command(
    images: Annotated[
        list[Path],
        typer.Argument(help="Image files, or a folder; its class subfolders are labels."),
    ],
    model: Model,
    target: Annotated[
        str,
        typer.Option(
            "--target",
            "-t",
            help="A class (name or number); runner-up: the network's second class of each image; "
            "each: the classes it confuses the image's class with most over all images.",
        ),
    ] = "runner-up",
    source: Annotated[
        str | None,
        typer.Option(help="Class to move away from (default: the network's first of each image)."),
    ] = None,
    top_k: Annotated[int, typer.Option("--top-k", help="Targets of a class (--target each).")] = 3,
    mode: Annotated[
        str,
        typer.Option(
            help="live: the gradient is followed step by step, the best morph; persistent: the "
            "same, but no phase moves beyond the cap in total; frozen: one gradient extrapolated "
            "(the paper's), a picture of sensitivity that need not reach the class."
        ),
    ] = "live",
    method: Annotated[
        str,
        typer.Option(
            help="What is moved: csp_phase (local phases), csp_joint (amplitudes too), "
            "fourier_phase (the whole spectrum's phases), pixel."
        ),
    ] = "csp_phase",
    amplifications: Annotated[
        str | None,
        typer.Option(
            help="Frozen mode: largest phase changes in rad before saturation, as 0,1,2,4 "
            "(default: 0,0.5,1,2,4,8,16,32)."
        ),
    ] = None,
    phase_cap: Annotated[
        str | None,
        typer.Option(
            "--phase-cap",
            help="Saturation of a phase's change in rad (default: a quarter wavelength, pi/2); "
            "none: the paper's literal extrapolation.",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Live and persistent modes: gradients taken (default: 12).")
    ] = None,
    step_cap: Annotated[
        float | None,
        typer.Option(
            "--step-cap",
            help="Live and persistent modes: largest change of a phase in a step, rad "
            "(default: 0.5).",
        ),
    ] = None,
    scales: Annotated[
        int | None, typer.Option(help="Scales of the pyramid (default: up to 4, by the input).")
    ] = None,
    orientations: Annotated[int, typer.Option(help="Orientations of the pyramid.")] = 4,
    highpass: Annotated[
        str,
        typer.Option(help="Finest detail: residual (stays as it is) or oriented (moves too)."),
    ] = "residual",
    channels: Annotated[
        str, typer.Option(help="luma: brightness moves, colour stays; rgb: each channel.")
    ] = "luma",
    bands: Annotated[
        Texts,
        typer.Option(
            help="Bands that may move, SCALE:ORIENTATION from 0 (finest), as 0:1,2:3; repeatable "
            "(default: all)."
        ),
    ] = None,
    budget: Annotated[
        Texts,
        typer.Option(
            help="Frozen mode: distances (L2, values in 0..1) to show exactly, as 2,4; repeatable."
        ),
    ] = None,
    judge: Annotated[
        Texts,
        typer.Option(
            help="Judge network with the same classes; repeatable; 'none': no judges (default: "
            "as for invert)."
        ),
    ] = None,
    warp: Annotated[
        bool, typer.Option("--warp", help="Measure how much of each change a warp explains; slow.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the random control.")] = 0,
    frames: Annotated[
        int, typer.Option(help="Pictures of a strip, the source among them; all have numbers.")
    ] = 8,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder (default: runs/morph-MODEL).")
    ] = None,
    weights: Weights = None,
    device: Device = "auto",
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
    """Move images towards another class by their structures, and see whom that convinces."""
    formats, printed = parse_formats(report_format, verdict=False)
    size, share = parse_batch_size(batch_size), parse_share(max_bad)
    check_mode(
        mode,
        {
            "--amplifications": (amplifications, ("frozen",)),
            "--phase-cap": (phase_cap, ("frozen", "persistent")),
            "--steps": (steps, ("live", "persistent")),
            "--step-cap": (step_cap, ("live", "persistent")),
        },
    )
    if bands and method in ("pixel", "fourier_phase"):
        raise UsageError(f"--bands: --method {method} has no bands; leave it out")
    place = choose_device(device)
    config = MorphConfig(
        images=tuple(images),
        model=model,
        out=run_folder(out, "morph", model),
        weights=weights,
        target=target,
        source=source,
        top_k=top_k,
        mode=mode,
        method=method,
        amplifications=MorphConfig.amplifications
        if amplifications is None
        else parse_numbers("--amplifications", [amplifications]),
        phase_cap=parse_cap(phase_cap),
        steps=MorphConfig.steps if steps is None else steps,
        step_cap=MorphConfig.step_cap if step_cap is None else step_cap,
        scales=scales,
        orientations=orientations,
        highpass=highpass,
        channels=channels,
        bands=parse_bands(bands) if bands else None,
        budgets=parse_numbers("--budget", budget or []),
        warp=warp,
        seed=seed,
        judges=tuple(judge or ()),
        n_frames=frames,
        device=place,
        batch_size=size or (4 if place == "cpu" else 16),
        formats=formats,
        resume=resume,
        allow_pickle=allow_pickle,
        offline=offline,
        max_bad_frac=share,
    )
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.cli.progress import ProgressBar
    from macoaudit.morphing import run_morph

    with ProgressBar(quiet) as bar:
        run = run_morph(config, command_line=sys.argv, on_progress=bar.update)
    if "json" in printed:
        print_record(run)
    show(run, config, quiet)
    return exit_code(run)


def show(run: Run, config: MorphConfig, quiet: bool) -> None:
    """Print a table of the morphs and the paths written, on stderr; with quiet one line."""
    summary = run.summary
    if not quiet:
        to_stderr().print(_table(run))
        say_skipped(run)
    flips = summary["flips"]["lens"]
    parts = [
        f"{run.status}: {summary['n_morphed']} of {summary['n_morphs']} morphs, "
        f"{flips['n']} reach the class"
    ]
    if flips["l2_median"] is not None:
        parts.append(f"at a distance of {flips['l2_median']:.2f} (median)")
    bad = summary["n_images"] - summary["n_ok"]
    if bad:
        parts.append(f"{bad} images not usable")
    say(", ".join(parts))
    say_written(run, config.out, report_names(config.formats), quiet=quiet)


def _table(run: Run) -> Table:
    table = Table(title=None, pad_edge=False)
    table.add_column("image", overflow="fold")
    table.add_column("from")
    table.add_column("to")
    table.add_column("probability", justify="right")
    table.add_column("flip L2", justify="right")
    table.add_column("pixel", justify="right")
    paths = {image.id: image.path for image in run.images}
    # Whatever went wrong is shown, however many morphs went well.
    places = sorted(range(len(run.morphs)), key=lambda place: run.morphs[place].status == "ok")
    for morph in (run.morphs[place] for place in sorted(places[:_ROWS])):
        table.add_row(*(Text(visible(cell)) for cell in _cells(morph, paths[morph.image])))
    if len(run.morphs) > _ROWS:
        table.add_row(f"... {len(run.morphs) - _ROWS} more in results.json", *[""] * 5)
    return table


def _cells(morph: Morph, path: str) -> tuple[str, ...]:
    if morph.status != "ok":
        return path, morph.source.name, morph.target.name, morph.status, str(morph.reason), ""
    lens = morph.tracks[0]
    last = max(range(len(lens.amount)), key=lambda frame: lens.amount[frame])
    flips = {track.edit: track.flip_l2 for track in morph.tracks}
    said = (
        "-" if value is None else f"{value:.2f}" for value in (flips["lens"], flips.get("pixel"))
    )
    return (
        path,
        morph.source.name,
        morph.target.name,
        probability_text(lens.driver.target_prob[last]),
        *said,
    )
