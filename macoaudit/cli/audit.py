"""``macoaudit audit``: images and a network in, shortcut findings, a report and a verdict out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from macoaudit.audit_config import MAX_IMAGES
from macoaudit.cli.console import say, to_stdout
from macoaudit.cli.devices import choose_device, choose_precision
from macoaudit.cli.options import (
    AllowPickle,
    Device,
    Formats,
    Precision,
    Quiet,
    References,
    Resume,
    SpectrumFile,
    Verbose,
    Weights,
)
from macoaudit.cli.policing import Call, Options, audit_config, require_subject, with_options
from macoaudit.cli.running import (
    exit_code,
    parse_batch_size,
    parse_formats,
    print_annotations,
    print_record,
    report_names,
    run_folder,
)
from macoaudit.cli.verdict import say_audit
from macoaudit.gate import Gate, find_policy, read_baseline, utc_today


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
        str | None,
        typer.Option(help="Layer to invert (default: penultimate); 'macoaudit models M' lists."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Inversions per image (default: the policy's).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="First seed (default: 0).")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps of inversions and drawings (default: the policy's).")
    ] = None,
    compat: Annotated[
        str | None,
        typer.Option(help="Settings: macoaudit (default), paper, horama or xplique."),
    ] = None,
    spectrum: SpectrumFile = None,
    judge: Annotated[
        list[str] | None,
        typer.Option(help="Judge network for transfer; repeatable; 'none': no judges."),
    ] = None,
    reference: References = None,
    neighbours: Annotated[
        int | None,
        typer.Option(help="Nearest natural images in the distance to them (default: 3)."),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    batch_size: Annotated[
        str, typer.Option("--batch-size", help="Inversions at once: auto or a number.")
    ] = "auto",
    report_format: Formats = "html,pdf",
    resume: Resume = True,
    max_bad: Annotated[
        str | None,
        typer.Option("--max-bad", help="Share of unusable images that is tolerated (default: 5%)."),
    ] = None,
    allow_pickle: AllowPickle = False,
    offline: Annotated[
        bool | None,
        typer.Option("--offline/--online", help="Never try the network (default: --online)."),
    ] = None,
    sarif_root: Annotated[
        Path | None,
        typer.Option(
            "--sarif-root",
            help="Folder that addresses in SARIF are relative to (default: that of the git "
            "repository).",
        ),
    ] = None,
    print_key: Annotated[
        bool,
        typer.Option(
            "--print-key",
            help="Print the key by which a CI can keep the run folder, and make no audit.",
        ),
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Test a network for shortcuts; exit 1 with a finding, 2 when it could not be tested."""
    formats, printed = parse_formats(report_format, annotations=True)
    size = parse_batch_size(batch_size)
    today = utc_today()
    policy, policy_file = find_policy(policy_name, Path(), today)
    options = Options(
        images=images,
        model=model,
        weights=weights,
        layer=layer,
        masks=masks,
        references=reference,
        neighbours=neighbours,
        seeds=seeds,
        seed=seed,
        steps=steps,
        compat=compat,
        spectrum=spectrum,
        judges=judge,
        offline=offline,
        max_bad=max_bad,
        fail_on=fail_on,
        baseline=baseline,
        sarif_root=sarif_root,
        max_images=max_images,
        max_minutes=max_minutes,
    )
    policy = with_options(policy, options, exit_zero=exit_zero)
    if policy_file is not None and not quiet:
        say(f"policy: {policy_file}")
    network = require_subject(policy, policy_file)
    named = "--baseline" if baseline is not None else f"policy {policy_file}: baseline"
    known = (
        None if policy.baseline is None else read_baseline(Path(policy.baseline), argument=named)
    )
    place = choose_device(device)
    call = Call(
        out=run_folder(out, "audit", network),
        device=place,
        precision=choose_precision(precision, place),
        batch_size=size,
        formats=formats,
        resume=resume,
        allow_pickle=allow_pickle,
    )
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.auditing import audit_key, run_audit
    from macoaudit.cli.progress import ProgressBar
    from macoaudit.cli.repository import places

    root = None if policy.sarif_root is None else Path(policy.sarif_root)
    paths = [Path(path) for path in policy.images]
    config = audit_config(policy, network, call, places(paths, policy_file, root))
    if print_key:
        to_stdout().print(audit_key(config))
        return 0
    with ProgressBar(quiet) as bar:
        run = run_audit(
            config, gate=Gate(policy, known, today), command_line=sys.argv, on_progress=bar.update
        )
    if "json" in printed:
        print_record(run)
    if "annotations" in printed:
        print_annotations(run)
    settings = config.inversion
    say_audit(run, settings.out, report_names(settings.formats), quiet=quiet)
    return exit_code(run)
