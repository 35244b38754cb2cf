"""Options that several commands have, in one wording."""

from pathlib import Path
from typing import Annotated

import typer

AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Load pickled weights (weights_only).")
]
Canvas = Annotated[
    int | None, typer.Option(help="Canvas side in px (default: the network's input).")
]
Compat = Annotated[str, typer.Option(help="Settings: macoaudit, paper, horama or xplique.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda[:n] or mps.")]
DrawingMethod = Annotated[
    str, typer.Option(help="maco; fourier or pixel (baselines, Lucid's transforms).")
]
FirstSeed = Annotated[int, typer.Option(help="First seed.")]
Formats = Annotated[
    str, typer.Option("--format", help="html, pdf, html,pdf or none; json: record on stdout.")
]
MaxBad = Annotated[
    str, typer.Option("--max-bad", help="Share of unusable images that is tolerated.")
]
Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", help="demo, demo-clean, an alias, a timm name, or a card (.toml)."
    ),
]
Neighbours = Annotated[int, typer.Option(help="Nearest natural images in the distance to them.")]
Offline = Annotated[bool, typer.Option("--offline", help="Never try the network.")]
PicturesAtOnce = Annotated[
    str, typer.Option("--batch-size", help="Pictures at once: auto or a number.")
]
Precision = Annotated[str, typer.Option(help="auto, fp32 or bf16.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the verdict.")]
References = Annotated[
    list[Path] | None,
    typer.Option(help="Natural images to compare with: files or a folder; repeatable."),
]
Resume = Annotated[
    bool, typer.Option("--resume/--no-resume", help="Take up an unfinished run in --out.")
]
SpectrumFile = Annotated[
    Path | None, typer.Option(help="Magnitude spectrum (default: the packaged one).")
]
Steps = Annotated[int | None, typer.Option(help="Steps (default: the preset's).")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show a traceback on errors.")]
Weights = Annotated[
    str | None, typer.Option(help="A safetensors file, or 'random' for timing and controls.")
]
