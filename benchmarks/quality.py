"""Quality of inversions against cost: whole-view cosine and transfer, per number of steps.

    python -m benchmarks.quality                      # ViT-Tiny, 16 photographs, default settings
    python -m benchmarks.quality --curve              # the same for several numbers of steps
    python -m benchmarks.quality --audited mobilenetv2 --seeds 2

Prints one JSON document. A bare pass is one forward and backward pass of the audited network on a
batch of the same size, measured in turn with the inversions in the same process (median).
"""

import argparse
import json
import statistics
import time
from dataclasses import replace
from typing import Any

import torch

from benchmarks.assets import card, machine, photographs
from macoaudit.config import MacoConfig, preset
from macoaudit.images import digest, load_bytes, preprocess, read_image
from macoaudit.inversion import invert
from macoaudit.metrics import transfer
from macoaudit.models import (
    LoadedModel,
    activation_function,
    frozen,
    load_model,
    logits_function,
)
from macoaudit.results import Transfer
from macoaudit.spectrum import load_spectrum

NETWORKS = ("vit_tiny", "mobilenetv2", "mobilenetv1")


def bare_passes_s(model: LoadedModel, batch: int, repeats: int, precision: str) -> list[float]:
    """Seconds per image of forward and backward passes on a batch."""
    channels, size = model.preprocessing.channels, model.preprocessing.input_size
    images = torch.rand(batch, channels, *size, device=model.device)
    times = []
    with frozen(model.module):
        read = activation_function(model, "penultimate")
        for _ in range(repeats):
            began = time.perf_counter()
            leaf = images.clone().requires_grad_()
            with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bf16"):
                activations = read(leaf)
            torch.autograd.grad(activations.float().square().sum(), leaf)
            times.append((time.perf_counter() - began) / batch)
    return times


def measure(
    model: LoadedModel,
    judges: list[LoadedModel],
    config: MacoConfig,
    *,
    n_photos: int,
    offset: int,
    seeds: list[int],
    batch: int,
    precision: str = "fp32",
) -> dict[str, Any]:
    """Invert photographs and summarise cosine, transfer and time."""
    files = photographs(n_photos, offset=offset)
    contents = [load_bytes(file) for file in files]
    images = torch.stack([preprocess(read_image(file), model.preprocessing) for file in files])
    spectrum = load_spectrum()
    similarity, rows, own, elapsed, steps = [], [], [], 0.0, []
    bare = []  # measured before and after each group, so that a busy machine slows both alike
    group = max(1, batch // len(seeds))
    for first in range(0, len(images), group):
        part = images[first : first + group]
        bare += bare_passes_s(model, len(part) * len(seeds), 4, precision)
        began = time.perf_counter()
        result = invert(
            model,
            part,
            keys=[digest(content) for content in contents[first : first + group]],
            spectrum=spectrum,
            config=config,
            seeds=seeds,
            precision=precision,
        )
        elapsed += time.perf_counter() - began
        bare += bare_passes_s(model, len(part) * len(seeds), 4, precision)
        similarity += result.similarity.tolist()
        steps += result.n_steps
        target = result.reference_logits.argmax(1).repeat_interleave(len(seeds))
        own += (result.logits.argmax(1) == target).tolist()
        with torch.no_grad():
            for judge in judges:
                read = logits_function(judge)
                seen, reference = read(result.image_01), read(part)
                rows += [
                    transfer(judge.name, 0, int(t), seen[i], reference[i // len(seeds)])
                    for i, t in enumerate(target)
                ]
    return {
        "photographs": len(files),
        "seeds": seeds,
        "n_steps": config.n_steps,
        "mean_steps_made": sum(steps) / len(steps),
        "cosine_mean": sum(similarity) / len(similarity),
        "cosine_min": min(similarity),
        "own_prediction_kept": sum(own) / len(own),
        **_transfer_summary(rows),
        "seconds_per_inversion": elapsed / len(similarity),
        "bare_pass_s": statistics.median(bare),
        "bare_passes_per_inversion": elapsed / len(similarity) / statistics.median(bare),
    }


def _transfer_summary(rows: list[Transfer]) -> dict[str, Any]:
    def share(flags: list[bool]) -> float:
        return sum(flags) / len(flags)

    def summary(part: list[Transfer]) -> dict[str, float]:
        return {
            "top1": share([row.top1_agrees for row in part]),
            "top5": share([row.top5_agrees for row in part]),
            "reference_top1": share([row.reference_rank == 1 for row in part]),
            "reference_top5": share([row.reference_rank <= 5 for row in part]),
        }

    names = sorted({row.judge for row in rows})
    return {
        "transfer": summary(rows),
        "transfer_by_judge": {n: summary([r for r in rows if r.judge == n]) for n in names},
    }


def main() -> None:
    """Parse arguments, measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audited", choices=NETWORKS, default="vit_tiny")
    parser.add_argument("--photos", type=int, default=16)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--compat", default="macoaudit")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--steps", type=int, nargs="*")
    parser.add_argument("--curve", action="store_true", help="32, 64, 128, default, twice that")
    arguments = parser.parse_args()
    config = preset(arguments.compat)
    model = load_model(card(arguments.audited))
    judges = [load_model(card(name)) for name in NETWORKS if name != arguments.audited]
    steps = arguments.steps or [config.n_steps]
    if arguments.curve:
        steps = sorted({32, 64, 128, config.n_steps, 2 * config.n_steps})
    document = {
        "benchmark": "quality",
        "machine": machine(),
        "audited": arguments.audited,
        "precision": arguments.precision,
        "config": config.to_json(),
        "runs": [
            measure(
                model,
                judges,
                replace(config, n_steps=n_steps),
                n_photos=arguments.photos,
                offset=arguments.offset,
                seeds=list(range(arguments.seeds)),
                batch=arguments.batch,
                precision=arguments.precision,
            )
            for n_steps in steps
        ],
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
