"""``macoaudit visualize --bench``: MACO, Fourier and pixels on the same classes, measured."""

import sys
from pathlib import Path

from macoaudit.cli.console import say
from macoaudit.drawing_config import VisualizeConfig, drawing_settings
from macoaudit.errors import UsageError


def run_bench(
    config: VisualizeConfig,
    natural: tuple[Path, ...],
    steps: int | None,
    *,
    with_json: bool,
    quiet: bool,
) -> int:
    """Compare the methods on the classes of a ``visualize`` and print what was written.

    Args:
        config: of the command; only classes can be compared, at default settings.
        natural: folders of natural images.
        steps: of every method; None for the default settings' own.
        with_json: print the record on stdout.
        quiet: print one line.

    Raises:
        UsageError: when an option has no meaning for a comparison.
    """
    _check(config, steps)
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.cli.progress import ProgressBar
    from macoaudit.methods import MethodsConfig, as_json, compare_methods, write_methods
    from macoaudit.methods.view import reading_sentences

    settings = MethodsConfig(
        model=config.model,
        out=config.out,
        natural=natural,
        logits=config.targets.logits,
        judges=config.judges,
        n_seeds=config.n_seeds,
        seed=config.seed,
        steps=steps,
        spectrum=config.spectrum,
        weights=config.weights,
        device=config.device,
        precision=config.precision,
        batch_size=config.batch_size,
        resume=config.resume,
        allow_pickle=config.allow_pickle,
        offline=config.offline,
    )
    with ProgressBar(quiet) as bar:
        found = compare_methods(settings, command_line=sys.argv, on_progress=bar.update)
    record, page = write_methods([found], config.out, [config.out])
    if with_json:
        sys.stdout.write(as_json([found]))
    if not quiet:
        for text in reading_sentences(found):
            say(text)
        for item in found.skipped:
            say(f"not checked: {item.check}: {item.reason}")
    n_pictures = sum(len(one.files) for one in found.methods)
    say(f"complete: {n_pictures} pictures of {len(found.classes)} classes compared")
    if not quiet:
        say(str(record))
        say(str(page))
    return 0


def _check(config: VisualizeConfig, steps: int | None) -> None:
    """Refuse what would compare something other than the methods' default settings."""
    targets = config.targets
    others = {
        "--channels": targets.channels,
        "--neurons": targets.neurons,
        "--tokens": targets.tokens,
        "--heads": targets.heads,
        "--directions": targets.directions,
        "--sum": targets.sums,
        "--sums": targets.sum_files,
        "--accentuate": config.accentuate,
    }
    for option, value in others.items():
        if value:
            raise UsageError(
                f"--bench came with {option}; it compares pictures of classes, which judges can "
                "look for: name them with --logits"
            )
    settings = drawing_settings("maco").to_json()
    if steps is not None:
        settings["n_steps"] = steps
    if config.method != "maco" or config.maco.to_json() != settings:
        raise UsageError(
            "--bench draws with every method at its default settings; leave --method, --compat and "
            "--canvas out"
        )
