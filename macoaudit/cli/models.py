"""``macoaudit models``: what --model accepts; with a model, its layers and facts."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from macoaudit.cli.console import to_stdout
from macoaudit.cli.options import AllowPickle, Offline, Verbose
from macoaudit.report.words import visible


def command(
    model: Annotated[
        str | None, typer.Argument(help="A model to describe; without it, the names are listed.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="A safetensors file, or 'random' (layers need no weights).")
    ] = None,
    offline: Offline = False,
    allow_pickle: AllowPickle = False,
    verbose: Verbose = False,
) -> int:
    """List the model names, or one model's layers, shapes, preprocessing and digest."""
    # Slow to import, so not at the top: --help needs no torch.
    from macoaudit.models import list_layers, load_model

    console = to_stdout()
    if model is None:
        _names(console)
        return 0
    loaded = load_model(model, weights=weights, offline=offline, allow_pickle=allow_pickle)
    pre = loaded.preprocessing
    facts = {
        "model": loaded.name,
        "architecture": loaded.architecture,
        "weights": f"{loaded.weights_origin}, sha256 {loaded.weights_sha256}",
        "classes": str(loaded.num_classes),
        "input": f"{pre.channels} x {pre.input_size[0]} x {pre.input_size[1]}, "
        f"crop {pre.crop_pct:g}, {pre.interpolation}",
        "normalised": f"mean {pre.mean}, std {pre.std}",
    }
    for name, value in facts.items():
        console.print(Text(f"{name:<13}{visible(value)}"), soft_wrap=True)
    table = Table(pad_edge=False)
    table.add_column("layer", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("output for one image", no_wrap=True)
    for layer in list_layers(loaded):
        shape = " x ".join(str(side) for side in layer.shape)
        table.add_row(Text(layer.name), Text(layer.kind), Text(shape))
    console.print(table)
    return 0


def _names(console: Console) -> None:
    from macoaudit.models import ALIASES, PACKAGED

    table = Table(pad_edge=False)
    table.add_column("--model", no_wrap=True)
    table.add_column("network")
    for name in PACKAGED:
        table.add_row(name, "packaged, works without a network connection")
    for alias, target in ALIASES.items():
        table.add_row(alias, target)
    table.add_row("NAME[.TAG]", "any timm architecture, weights from timm's hub and cache")
    table.add_row("hf-hub:OWNER/NAME", "a timm model on the hub")
    table.add_row("path/to/card.toml", "a model card: your own weights, or your own factory")
    console.print(table)
