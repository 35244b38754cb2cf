"""``macoaudit phase``: what the phase of a picture holds, and what its magnitude."""

from pathlib import Path
from typing import Annotated

import typer

from macoaudit.cli.console import say
from macoaudit.cli.options import SpectrumFile
from macoaudit.errors import UsageError

app = typer.Typer(
    name="phase",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Why phase: exchange phase and magnitude of pictures, compare power spectra.",
)

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to write into.")]
Size = Annotated[
    int | None,
    typer.Option(
        help="Side in px of the central square (default: as large as possible, 512 at most)."
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show a traceback on errors.")]


@app.command("swap")
def swap(
    first: Annotated[Path, typer.Argument(metavar="A", help="An image file.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    output: Output,
    size: Size = None,
    verbose: Verbose = False,
) -> int:
    """Exchange the phases of two pictures.

    Draws the phase of A with the magnitude of B and the reverse: swap-sheet.png and each picture
    by itself. Pictures of different sizes are brought to one: the largest central square of each,
    reduced to the smaller of the two. Nothing is enlarged. Works per colour channel; values beyond
    black and white are clipped, and how many is said.
    """
    _folder(output)
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.cli.phasing import swap as work

    for line in work(first, second, output, size=size):
        say(line)
    return 0


@app.command("natural")
def natural(
    image: Annotated[Path, typer.Argument(metavar="A", help="An image file.")],
    output: Output,
    size: Size = None,
    spectrum: SpectrumFile = None,
    seed: Annotated[int, typer.Option(help="Seed of the random phases.")] = 0,
    verbose: Verbose = False,
) -> int:
    """Draw a picture's phase with the mean natural magnitude, and random phases.

    Draws the phase of A with the mean magnitude of natural images, the magnitude of A with random
    phases, and random phases with the natural magnitude: natural-sheet.png and each picture by
    itself. The largest central square of A is used.
    """
    _folder(output)
    if seed < 0:
        raise UsageError(f"--seed is {seed}; use 0 or more")
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.cli.phasing import natural as work

    for line in work(image, output, size=size, spectrum=spectrum, seed=seed):
        say(line)
    return 0


@app.command("leakage")
def leakage(
    pictures: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURES",
            help="Run folders and folders of pictures, each a line of the chart; files are one.",
        ),
    ],
    reference: Annotated[
        Path, typer.Option(help="Natural images to compare with: a folder or a file.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Chart to write (.svg).")
    ] = None,
    above: Annotated[
        float, typer.Option(help="Share of the energy above this frequency, cycles per pixel.")
    ] = 0.25,
    size: Annotated[
        int | None,
        typer.Option(help="Side in px that all is reduced to (default: the smallest picture's)."),
    ] = None,
    border: Annotated[str, typer.Option(help="'raw' or 'periodic' (no border cross).")] = "raw",
    sheet: Annotated[
        Path | None, typer.Option(help="Also write the first pictures of each line (.png).")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON document instead of the table.")
    ] = False,
    verbose: Verbose = False,
) -> int:
    """Compare how much fine detail pictures have with what natural images have.

    Measures the mean power at each frequency of the pictures of runs (visualize, invert) or
    folders, and of natural images reduced to the same size; draws both as a chart and prints the
    share of the energy above --above. 0.5 is the finest pattern, one light and one dark pixel.
    """
    if not 0 < above < 0.5:
        raise UsageError(f"--above is {above}; use cycles per pixel between 0 and 0.5")
    if border not in ("raw", "periodic"):
        raise UsageError(f"--border is {border!r}; use 'raw' or 'periodic'")
    for name, file, suffix in (("--output", output, ".svg"), ("--sheet", sheet, ".png")):
        if file is not None and (file.suffix.lower() != suffix or file.is_dir()):
            raise UsageError(f"{name} {file}: is no file that ends in {suffix}. Give one")
    # Slow to import, so not at the top: --help and a bad option need no torch.
    from macoaudit.cli.leakage import compare
    from macoaudit.cli.leakage_output import print_comparison, write_comparison

    found = compare(pictures, reference, above=above, size=size, border=border)
    written = write_comparison(found, output, sheet)
    print_comparison(found, as_json=as_json)
    for line in (*found.notes, *map(str, written)):
        say(line)
    return 0


def _folder(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise UsageError(f"--output {output}: is a file. Give a folder")
