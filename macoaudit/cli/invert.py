"""``macoaudit invert``: a folder of images in, a report of what the network kept out."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, cast

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from macoaudit.cli.console import ProgressBar
from macoaudit.cli.devices import choose_device, choose_precision
from macoaudit.config import InvertConfig, MacoConfig, ReportFormat, preset
from macoaudit.errors import UsageError
from macoaudit.pipeline import run_invert
from macoaudit.results import Run


def command(
    images: Annotated[
        list[Path],
        typer.Argument(help="Image files, or a folder; its class subfolders are labels."),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", help="demo, demo-clean, an alias, a timm name, or a card (.toml)."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder (default: runs/invert-MODEL).")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="A safetensors file, or 'random' for timing and controls.")
    ] = None,
    layer: Annotated[
        str, typer.Option(help="Layer to invert; 'macoaudit models M' lists them.")
    ] = "penultimate",
    seeds: Annotated[int, typer.Option(help="Inversions per image.")] = 1,
    seed: Annotated[int, typer.Option(help="First seed.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Steps (default: the preset's).")] = None,
    compat: Annotated[
        str, typer.Option(help="Settings: macoaudit, paper, horama or xplique.")
    ] = "macoaudit",
    spectrum: Annotated[
        Path | None, typer.Option(help="Magnitude spectrum (default: the packaged one).")
    ] = None,
    judge: Annotated[
        list[str] | None, typer.Option(help="Judge network for transfer; repeatable.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda[:n] or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    batch_size: Annotated[
        str, typer.Option("--batch-size", help="Inversions at once: auto or a number.")
    ] = "auto",
    report_format: Annotated[
        str, typer.Option("--format", help="Reports to write: html,pdf, html, pdf or none.")
    ] = "html,pdf",
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Take up an unfinished run in --out.")
    ] = True,
    max_bad: Annotated[
        str, typer.Option("--max-bad", help="Share of unusable images that is tolerated.")
    ] = "5%",
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Load pickled weights (weights_only).")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never try the network.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the verdict.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show a traceback on errors.")
    ] = False,
) -> int:
    """Invert each image's activations and report what the network kept."""
    place = choose_device(device)
    config = InvertConfig(
        images=tuple(images),
        model=model,
        out=out or Path("runs") / f"invert-{_slug(model)}",
        weights=weights,
        layer=layer,
        device=place,
        precision=choose_precision(precision, place),
        maco=_maco(compat, steps),
        spectrum=spectrum,
        n_seeds=seeds,
        seed=seed,
        batch_size=_batch_size(batch_size, place),
        judges=tuple(judge or ()),
        formats=parse_formats(report_format),
        resume=resume,
        allow_pickle=allow_pickle,
        offline=offline,
        max_bad_frac=_share(max_bad),
    )
    with ProgressBar(quiet) as bar:
        run = run_invert(config, command_line=sys.argv, on_progress=bar.update)
    show(run, config, quiet)
    return 0 if run.status == "complete" else 2


def _maco(compat: str, steps: int | None) -> MacoConfig:
    config = preset(compat)
    return config if steps is None else replace(config, n_steps=steps)


def _slug(model: str) -> str:
    name = Path(model).stem if model.endswith(".toml") else model
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)


def _batch_size(text: str, device: str) -> int:
    # 8 fills two CPU cores; a GPU wants more rows. Memory-adaptive growth comes with the scale-out.
    if text == "auto":
        return 8 if device == "cpu" else 32
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"--batch-size is {text!r}; use 'auto' or a number from 1")
    return int(text)


def _share(text: str) -> float:
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError as error:
        raise UsageError(f"--max-bad is {text!r}; use a share such as 5% or 0.05") from error
    return value


def parse_formats(text: str) -> tuple[ReportFormat, ...]:
    """Parse ``--format``.

    Raises:
        UsageError: for a format that is not html, pdf or none.
    """
    names = [name.strip() for name in text.split(",") if name.strip() and name.strip() != "none"]
    for name in names:
        if name not in ("html", "pdf"):
            raise UsageError(f"--format is {text!r}; use html,pdf, html, pdf or none")
    return tuple(cast(Literal["html", "pdf"], name) for name in dict.fromkeys(names))


def show(run: Run, config: InvertConfig, quiet: bool) -> None:
    """Print a table of the images and the paths written, on stderr; with quiet one line."""
    console = Console(stderr=True, highlight=False)
    summary = run.summary
    mean = summary["mean_similarity"]
    similarity = "no similarity" if mean is None else f"mean similarity {mean:.3f}"
    bad = summary["n_images"] - summary["n_ok"]
    if not quiet:
        console.print(_table(run))
    line = f"{run.status}: {summary['n_ok']} of {summary['n_images']} images, {similarity}"
    console.print(Text(line + (f", {bad} not usable" if bad else "")), soft_wrap=True)
    for error in run.volatile.get("report_errors", []):
        console.print(Text(f"report: {error}"), soft_wrap=True)
    if not quiet:
        for name in ("results.json", "report.html", "report.pdf"):
            if (config.out / name).exists():
                console.print(Text(str(config.out / name)), soft_wrap=True)


def _table(run: Run) -> Table:
    table = Table(title=None, pad_edge=False)
    table.add_column("image", overflow="fold")
    table.add_column("network sees")
    table.add_column("in the inversion")
    table.add_column("similarity", justify="right")
    shown = run.images[:40]
    for image in shown:
        if image.status != "ok" or image.similarity is None:
            table.add_row(Text(image.path), Text(image.status), Text(image.reason or ""), "")
            continue
        names = {i.prediction.name if i.prediction else "-" for i in image.inversions}
        seen = image.prediction.name if image.prediction else "-"
        table.add_row(
            Text(image.path), Text(seen), Text(", ".join(sorted(names))), f"{image.similarity:.3f}"
        )
    if len(run.images) > len(shown):
        table.add_row(f"... {len(run.images) - len(shown)} more in results.json", "", "", "")
    return table
