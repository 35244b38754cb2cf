"""Overhead of the engine: one step of the whole loop against a bare forward and backward pass.

    python -m benchmarks.speed                  # ViT-Tiny (assets) and ViT-Base (random weights)
    python -m benchmarks.speed --profile        # where the time of a step goes

Both are measured in turn in one process on the same batch; the ratio of the medians is what counts,
because machines are shared and noisy. Prints one JSON document.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from benchmarks.assets import card, machine
from macoaudit.config import preset
from macoaudit.inversion import invert
from macoaudit.models import LoadedModel, activation_function, frozen, load_model
from macoaudit.spectrum import load_spectrum


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bare_step(model: LoadedModel, images: torch.Tensor, precision: str) -> Callable[[], None]:
    """One forward and backward pass from the penultimate layer to the images."""
    read = activation_function(model, "penultimate")

    def step() -> None:
        leaf = images.clone().requires_grad_()
        with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bf16"):
            activations = read(leaf)
        torch.autograd.grad(activations.float().square().sum(), leaf)

    return step


def engine_steps_s(
    model: LoadedModel, images: torch.Tensor, precision: str, n_steps: int
) -> list[float]:
    """Seconds of each step of a real inversion, told by the loop's own callback."""
    marks: list[float] = []

    def mark(_: object) -> None:
        _synchronise(images.device)
        marks.append(time.perf_counter())

    config = replace(preset("macoaudit"), n_steps=n_steps, tolerance=0.0)
    invert(
        model,
        images,
        keys=[str(i) for i in range(len(images))],
        spectrum=load_spectrum(),
        config=config,
        precision=precision,
        on_step=mark,
    )
    return [after - before for before, after in itertools.pairwise(marks)]


def overhead(model: LoadedModel, batch: int, precision: str, rounds: int) -> dict[str, Any]:
    """Median step times of both, measured in turn, and their ratio."""
    channels, size = model.preprocessing.channels, model.preprocessing.input_size
    images = torch.rand(batch, channels, *size).to(model.device)
    bare, engine = [], []
    with frozen(model.module):
        step = bare_step(model, images, precision)
        step()
        for _ in range(rounds):
            for _ in range(4):
                _synchronise(images.device)
                began = time.perf_counter()
                step()
                _synchronise(images.device)
                bare.append(time.perf_counter() - began)
            engine += engine_steps_s(model, images, precision, 5)
    ratio = statistics.median(engine) / statistics.median(bare)
    return {
        "model": model.name,
        "architecture": model.architecture,
        "weights": model.weights_origin,
        "device": str(model.device),
        "precision": precision,
        "batch": batch,
        "bare_step_s": statistics.median(bare),
        "engine_step_s": statistics.median(engine),
        "overhead_ratio": ratio,
        "overhead_ratio_of_minima": min(engine) / min(bare),
        "samples": [len(bare), len(engine)],
    }


def profile(model: LoadedModel, batch: int) -> None:
    """Print where the time of the loop goes."""
    channels, size = model.preprocessing.channels, model.preprocessing.input_size
    images = torch.rand(batch, channels, *size).to(model.device)
    engine_steps_s(model, images, "fp32", 2)
    with torch.profiler.profile() as profiler:
        engine_steps_s(model, images, "fp32", 5)
    print(profiler.key_averages().table(sort_by="self_cpu_time_total", row_limit=25))


def main() -> None:
    """Parse arguments, measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    tiny = partial(load_model, card("vit_tiny"), device=arguments.device)
    base = partial(load_model, "vit_base", weights="random", device=arguments.device)
    if arguments.profile:
        profile(tiny(), arguments.batch)
        return
    precisions = ("fp32", "bf16") if arguments.device != "cpu" else ("fp32",)
    runs = [
        overhead(make(), arguments.batch, precision, arguments.rounds)
        for make in (tiny, base)
        for precision in precisions
    ]
    print(json.dumps({"benchmark": "speed", "machine": machine(), "runs": runs}, indent=2))


if __name__ == "__main__":
    main()
