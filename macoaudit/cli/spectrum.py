"""``macoaudit spectrum``: measure a mean magnitude spectrum."""

from pathlib import Path
from typing import Annotated

import typer

from macoaudit.cli.console import say
from macoaudit.cli.options import Verbose
from macoaudit.errors import UsageError


def command(
    images: Annotated[list[Path], typer.Argument(help="Image files or a folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write (.safetensors).")],
    size: Annotated[int, typer.Option(help="Side in pixels that images are reduced to.")] = 320,
    color: Annotated[
        str,
        typer.Option(help="'measured' (decorrelated), 'identity' (RGB) or 'grey'."),
    ] = "measured",
    border: Annotated[str, typer.Option(help="'raw' or 'periodic' (no border cross).")] = "raw",
    source: Annotated[str, typer.Option(help="A word on the images' source, stored.")] = "",
    verbose: Verbose = False,
) -> int:
    """Measure the mean magnitude spectrum of a folder of natural images.

    Each image's largest central square is reduced to --size with an antialiasing filter; images
    whose shorter side is below --size are left out, because enlarging would lose high frequencies.
    """
    if size < 32:
        raise UsageError(f"--size is {size}; use 32 or more")
    if color not in ("measured", "identity", "grey"):
        raise UsageError(f"--color is {color!r}; use 'measured', 'identity' or 'grey'")
    if border not in ("raw", "periodic"):
        raise UsageError(f"--border is {border!r}; use 'raw' or 'periodic'")
    if output.is_dir():
        raise UsageError(f"--output {output}: is a folder. Give a file, such as o.safetensors")
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.cli.measuring import measure

    lines = measure(images, output, size=size, color=color, border=border, source=source)
    for line in lines:
        say(line)
    return 0
