"""``macoaudit invert``: a folder of images in, a report of what the network kept out."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, cast

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
from macoaudit.config import InvertConfig, MacoConfig, ReportFormat, preset
from macoaudit.errors import UsageError
from macoaudit.report.words import visible
from macoaudit.results import Run, skipped_checks

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
    formats, with_json = parse_formats(report_format)
    size, share, maco = parse_batch_size(batch_size), parse_share(max_bad), _maco(compat, steps)
    place = choose_device(device)
    config = InvertConfig(
        images=tuple(images),
        model=model,
        out=_run_folder(out, model),
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
    if with_json:
        print_record(run)
    show(run, config, quiet)
    return 0 if run.status == "complete" and not run.volatile.get("report_errors") else 2


def _run_folder(out: Path | None, model: str) -> Path:
    if out == Path("-"):
        raise UsageError(
            "--out is '-'; invert writes a folder. Give one, and --format json to have its record "
            "on stdout as well"
        )
    return out or Path("runs") / f"invert-{model_slug(model)}"


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


def model_slug(model: str) -> str:
    """Turn a model's name into a part of a folder's name."""
    name = Path(model).stem if model.endswith(".toml") else model
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)


def parse_batch_size(text: str) -> int | None:
    """Parse ``--batch-size``; None for ``auto``: 8 fills two CPU cores, a GPU wants more rows.

    Raises:
        UsageError: for anything else than ``auto`` or a number from 1.
    """
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--batch-size is {text!r}; use 'auto' or a number from 1")
    return int(text)


def parse_share(text: str) -> float:
    """Parse ``--max-bad``: a share such as ``5%`` or ``0.05``.

    Raises:
        UsageError: when it is no number.
    """
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise UsageError(f"--max-bad is {text!r}; use a share such as 5% or 0.05") from error
    return value


def parse_formats(text: str) -> tuple[tuple[ReportFormat, ...], bool]:
    """Parse ``--format`` into the reports to write and whether the record is to be printed.

    Raises:
        UsageError: for a format that is not html, pdf, json or none.
    """
    names = [name.strip() for name in text.split(",")]
    if not set(names) <= {"html", "pdf", "json", "none"} or ("none" in names and len(names) > 1):
        raise UsageError(f"--format is {text!r}; use html, pdf, json, several as html,pdf, or none")
    reports = (name for name in dict.fromkeys(names) if name in ("html", "pdf"))
    return tuple(cast(Literal["html", "pdf"], name) for name in reports), "json" in names


def print_record(run: Run) -> None:
    """Print ``results.json`` on stdout."""
    from macoaudit.store import results_text

    sys.stdout.write(results_text(run))
    sys.stdout.flush()


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
    for error in run.volatile.get("report_errors", []):
        say(f"macoaudit: no {error}")
    if not quiet:
        for name in ("results.json", *(f"report.{name}" for name in config.formats)):
            if (config.out / name).exists():
                say(str(config.out / name))


def say_skipped(run: Run) -> None:
    """Say how many checks were not made, and each reason once."""
    skipped = skipped_checks(run)
    total = sum(skipped.values())
    if not total:
        return
    say("1 check was skipped:" if total == 1 else f"{total} checks were skipped:")
    for item, count in list(skipped.items())[:_ROWS]:
        say(f"  {item.check}: {item.reason}" + (f" ({count} times)" if count > 1 else ""))
    if len(skipped) > _ROWS:
        say(f"  ... {len(skipped) - _ROWS} more reasons in results.json")


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
