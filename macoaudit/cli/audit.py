"""``macoaudit audit``: images and a network in, shortcut findings, a report and a verdict out."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from macoaudit.audit_config import MAX_IMAGES, AuditConfig, extent, extent_settings
from macoaudit.cli.console import say, to_stderr
from macoaudit.cli.devices import choose_device, choose_precision
from macoaudit.cli.options import (
    AllowPickle,
    Compat,
    Device,
    FirstSeed,
    Formats,
    MaxBad,
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
from macoaudit.cli.policing import require_subject, with_options
from macoaudit.cli.running import (
    exit_code,
    parse_batch_size,
    parse_formats,
    parse_share,
    print_annotations,
    print_record,
    report_names,
    run_folder,
    say_skipped,
    say_written,
)
from macoaudit.config import InvertConfig
from macoaudit.errors import UsageError
from macoaudit.gate import Gate, find_policy, read_baseline, utc_today
from macoaudit.report.words import visible
from macoaudit.results import Run


def command(
    images: Annotated[
        list[Path] | None,
        typer.Argument(help="Image files, or a folder; subfolders named after classes are labels."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="demo, demo-clean, an alias, a timm name, or a card (.toml); default: the "
            "policy's.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run folder (default: runs/audit-MODEL).")
    ] = None,
    policy_name: Annotated[
        str | None,
        typer.Option(
            "--policy",
            help="quick, standard, thorough, or a policy file (default: macoaudit.toml where it "
            "is here, else quick). Options beat the file.",
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(help="results.json of an earlier audit: only new and worse findings fail."),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(help="Object masks: a folder of PNGs at the images' own paths, object white."),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on", help="Least severity that exits 1: high (default), medium, never."
        ),
    ] = None,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit 0 on findings; 2 when incomplete, as ever.")
    ] = False,
    max_images: Annotated[
        int | None,
        typer.Option(
            "--max-images",
            help=f"Images read and tested, from all folders alike (default: {MAX_IMAGES}).",
        ),
    ] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option("--max-minutes", help="Wall time; what is not done by then is incomplete."),
    ] = None,
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
    formats, printed = parse_formats(report_format, annotations=True)
    if len(printed) > 1:
        raise UsageError(
            f"--format is {report_format!r}: json and annotations would both be printed on stdout. "
            "Leave one of them out; macoaudit report makes the other from the run folder"
        )
    size, share = parse_batch_size(batch_size), parse_share(max_bad)
    today = utc_today()
    policy, policy_file = find_policy(policy_name, Path(), today)
    policy = with_options(
        policy,
        images=images,
        model=model,
        seeds=seeds,
        judges=judge,
        fail_on=fail_on,
        exit_zero=exit_zero,
        max_images=max_images,
        max_minutes=max_minutes,
    )
    if policy_file is not None and not quiet:
        say(f"policy: {policy_file}")
    network = require_subject(policy, policy_file)
    known = None if baseline is None else read_baseline(baseline)
    chosen = extent(policy.preset)
    inversion_maco, drawing_maco = extent_settings(chosen, compat=compat, steps=steps)
    place = choose_device(device)
    config = AuditConfig(
        inversion=InvertConfig(
            images=tuple(Path(path) for path in policy.images),
            model=network,
            out=run_folder(out, "audit", network),
            weights=weights,
            layer=layer,
            device=place,
            precision=choose_precision(precision, place),
            maco=inversion_maco,
            spectrum=spectrum,
            n_seeds=chosen.n_seeds if policy.seeds is None else policy.seeds,
            seed=seed,
            batch_size=size or (8 if place == "cpu" else 32),
            trust=chosen.trust,
            judges=policy.judges,
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
        max_images=policy.budget.max_images or MAX_IMAGES,
    )
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.auditing import run_audit
    from macoaudit.cli.progress import ProgressBar

    with ProgressBar(quiet) as bar:
        run = run_audit(
            config, gate=Gate(policy, known, today), command_line=sys.argv, on_progress=bar.update
        )
    if "json" in printed:
        print_record(run)
    if "annotations" in printed:
        print_annotations(run)
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
    names = report_names(settings.formats)
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
