"""``macoaudit audit``: images and a network in, shortcut findings, a report and a verdict out."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from macoaudit.audit_config import (
    MAX_IMAGES,
    AuditConfig,
    extent,
    extent_settings,
    failing_severity,
)
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
    Verbose,
    Weights,
)
from macoaudit.cli.running import (
    exit_code,
    parse_batch_size,
    parse_formats,
    parse_share,
    print_record,
    run_folder,
    say_skipped,
    say_written,
)
from macoaudit.config import InvertConfig
from macoaudit.report.words import visible
from macoaudit.results import Run


def command(
    images: Annotated[
        list[Path],
        typer.Argument(help="Image files, or a folder; subfolders named after classes are labels."),
    ],
    model: Model,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder (default: runs/audit-MODEL).")
    ] = None,
    policy_name: Annotated[
        str,
        typer.Option("--policy", help="How much is made: quick, standard or thorough."),
    ] = "quick",
    masks: Annotated[
        Path | None,
        typer.Option(help="Object masks: a folder of PNGs at the images' own paths, object white."),
    ] = None,
    fail_on: Annotated[
        str, typer.Option("--fail-on", help="Least severity that exits 1: high, medium, never.")
    ] = "high",
    max_images: Annotated[
        int, typer.Option("--max-images", help="Images read and tested, from all folders alike.")
    ] = MAX_IMAGES,
    weights: Weights = None,
    layer: Annotated[
        str, typer.Option(help="Layer to invert; 'macoaudit models M' lists them.")
    ] = "penultimate",
    seeds: Annotated[
        int | None, typer.Option(help="Inversions per image (default: the policy's).")
    ] = None,
    seed: FirstSeed = 0,
    steps: Annotated[
        int | None, typer.Option(help="Steps of inversions and drawings (default: the policy's).")
    ] = None,
    compat: Compat = "macoaudit",
    spectrum: SpectrumFile = None,
    judge: Annotated[
        list[str] | None,
        typer.Option(help="Judge network for transfer; repeatable; 'none': no judges."),
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
    """Test a network for shortcuts; exit 1 with a finding, 2 when it could not be tested."""
    formats, with_json = parse_formats(report_format)
    size, share, chosen = parse_batch_size(batch_size), parse_share(max_bad), extent(policy_name)
    inversion_maco, drawing_maco = extent_settings(chosen, compat=compat, steps=steps)
    place = choose_device(device)
    config = AuditConfig(
        inversion=InvertConfig(
            images=tuple(images),
            model=model,
            out=run_folder(out, "audit", model),
            weights=weights,
            layer=layer,
            device=place,
            precision=choose_precision(precision, place),
            maco=inversion_maco,
            spectrum=spectrum,
            n_seeds=chosen.n_seeds if seeds is None else seeds,
            seed=seed,
            batch_size=size or (8 if place == "cpu" else 32),
            trust=chosen.trust,
            judges=tuple(judge or ()),
            references=tuple(reference or ()),
            plausibility_k=neighbours,
            formats=formats,
            resume=resume,
            allow_pickle=allow_pickle,
            offline=offline,
            max_bad_frac=share,
        ),
        extent=chosen,
        drawing=drawing_maco,
        masks=masks,
        max_images=max_images,
        fail_on=failing_severity(fail_on),
    )
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.auditing import run_audit
    from macoaudit.cli.progress import ProgressBar

    with ProgressBar(quiet) as bar:
        run = run_audit(config, command_line=sys.argv, on_progress=bar.update)
    if with_json:
        print_record(run)
    show(run, config, quiet)
    return exit_code(run)


def show(run: Run, config: AuditConfig, quiet: bool) -> None:
    """Print findings and the paths written, then the verdict, on stderr; with quiet that alone."""
    from macoaudit.auditing import outcome_line

    if not quiet:
        if run.findings:
            to_stderr().print(_table(run))
        say_skipped(run)
    settings = config.inversion
    names = ("results.json", *(f"report.{name}" for name in settings.formats))
    say_written(run, settings.out, names, quiet=quiet)
    say(outcome_line(run))


def _table(run: Run) -> Table:
    table = Table(title=None, pad_edge=False)
    table.add_column("severity")
    table.add_column("class")
    table.add_column("tests")
    table.add_column("margin", justify="right")
    table.add_column("what was seen", overflow="fold")
    for one in run.findings:
        severity = one.severity + (", needs review" if one.needs_review else "")
        table.add_row(
            severity,
            Text(visible(one.class_name)),
            Text(", ".join(one.tests)),
            f"{one.margin:.2f}",
            Text(visible(one.seen)),
        )
    return table
