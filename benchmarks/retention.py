"""What is retained and dropped, with proof: deletion against matched controls, calibration, cost.

    python -m benchmarks.retention --out runs/bench              # ViT-Tiny, 24 photographs
    python -m benchmarks.retention --out runs/bench2 --audited mobilenetv2
    python -m benchmarks.retention --calibration                 # plausibility

The first two make a whole run of ``macoaudit invert`` (three seeds, two judges) and read its
record; they add the same proof for two maps that know nothing of the network: edge energy and
distance to the centre. A run is resumed when it is started again. Prints one JSON document.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest, kstest
from torch import Tensor

from benchmarks.assets import card, machine, photographs
from macoaudit.config import InvertConfig, preset
from macoaudit.images import preprocess, read_image
from macoaudit.measuring.image import N_MOVES
from macoaudit.measuring.networks import in_batches
from macoaudit.models import PENULTIMATE, LoadedModel, activation_function, load_model
from macoaudit.natural import Bank
from macoaudit.pipeline import run_invert
from macoaudit.results import Faithfulness, ImageAudit, Retention, Run
from macoaudit.retention import delete, faithfulness
from macoaudit.trust import feature_function

NETWORKS = ("vit_tiny", "mobilenetv2", "mobilenetv1")
# Photographs on which the map was chosen start here; the benchmark's own start at 0.
TUNING_OFFSET, TUNING_STRIDE = 5, 12


def make_run(audited: str, files: Sequence[Path], out: Path, seeds: int, layers: bool) -> Run:
    """Audit copies of the photographs in a folder of their own."""
    folder = out.parent / f"{out.name}-photographs"
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, folder / file.name)
    config = InvertConfig(
        images=(folder,),
        model=card(audited),
        out=out,
        n_seeds=seeds,
        maco=preset("macoaudit"),
        batch_size=12,
        judges=tuple(card(name) for name in NETWORKS if name != audited),
        depth_profile=layers,
    )
    return run_invert(config)


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean with the 95 % bootstrap interval over images."""
    tensor = torch.tensor(values, dtype=torch.float64)
    draws = torch.randint(len(values), (2000, len(values)), generator=torch.Generator())
    low, high = torch.quantile(tensor[draws].mean(1), tensor.new_tensor([0.025, 0.975])).tolist()
    return {"mean": float(tensor.mean()), "low": low, "high": high}


def proofs(found: Sequence[Faithfulness]) -> dict[str, Any]:
    """Shares of images that pass, with exact binomial intervals, and mean effects."""

    def share(flags: Sequence[bool]) -> dict[str, float]:
        bounds = binomtest(sum(flags), len(flags)).proportion_ci()
        return {
            "count": sum(flags),
            "share": sum(flags) / len(flags),
            "low": float(bounds.low),
            "high": float(bounds.high),
        }

    stated = [f.mean for f in found]
    return {
        "images": len(found),
        "retained_above_median": share([f.retained_matters for f in found]),
        "dropped_below_median": share([f.dropped_does_not for f in found]),
        "both": share([f.holds for f in found]),
        "p_at_most_0.05": share([f.p_value <= 0.05 for f in found]),
        "by_area": {
            str(p.area_frac): {
                "retained_above_median": sum(
                    f.curve[i].retained > f.curve[i].moved_retained for f in found
                ),
                "dropped_below_median": sum(
                    f.curve[i].dropped < f.curve[i].moved_dropped for f in found
                ),
            }
            for i, p in enumerate(found[0].curve)
        },
        "effect_retained": interval([p.retained for p in stated]),
        "effect_retained_moved": interval([p.moved_retained for p in stated]),
        "effect_dropped": interval([p.dropped for p in stated]),
        "effect_dropped_moved": interval([p.moved_dropped for p in stated]),
        "faithfulness": interval([f.value for f in found]),
    }


def blind_maps(image_01: Tensor, grid: tuple[int, int]) -> dict[str, Tensor]:
    """Maps that know nothing of the network."""
    luma = image_01.mean(0)[None, None]
    dy, dx = luma.diff(dim=2)[..., :-1].abs(), luma.diff(dim=3)[..., :-1, :].abs()
    edges = torch.nn.functional.adaptive_avg_pool2d(dy + dx, grid)[0, 0]
    y, x = (torch.linspace(-1, 1, side) for side in grid)
    return {"edge energy": edges, "centre": -(y[:, None] ** 2 + x[None] ** 2)}


def baselines(model: LoadedModel, run: Run, out: Path) -> dict[str, Any]:
    """The same proof for maps that know nothing of the network."""
    read = activation_function(model, PENULTIMATE)
    activation = in_batches(model, lambda image: read(image).flatten(1), 12)
    found: dict[str, list[Faithfulness]] = {}
    for image in measured(run):
        assert isinstance(image.retention, Retention)
        pixels = np.array(read_image(out / image.files["reference"]))
        reference = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
        grid = (len(image.retention.values), len(image.retention.values[0]))
        own = activation(reference[None])

        def effect(regions: Tensor, reference: Tensor = reference, own: Tensor = own) -> Tensor:
            rows = []
            for part in torch.split(regions, 12):
                deleted = delete(reference, part)
                cosine = torch.cosine_similarity(activation(deleted.flatten(0, 1)), own, dim=1)
                rows.append((1 - cosine).view(len(deleted), -1).mean(0))
            return torch.cat(rows)

        for name, values in blind_maps(reference, grid).items():
            generator = torch.Generator().manual_seed(0)
            proof = faithfulness(values, effect, n_moves=N_MOVES, generator=generator)
            assert isinstance(proof, Faithfulness)
            found.setdefault(name, []).append(proof)
    return {name: proofs(items) for name, items in found.items()}


def measured(run: Run) -> list[ImageAudit]:
    """Images with a proof."""
    return [
        image
        for image in run.images
        if isinstance(image.retention, Retention)
        and isinstance(image.retention.faithfulness, Faithfulness)
    ]


def proof_of(image: ImageAudit) -> Faithfulness:
    """The proof of an image that has one."""
    retention = image.retention
    assert isinstance(retention, Retention)
    assert isinstance(retention.faithfulness, Faithfulness)
    return retention.faithfulness


def calibration(judge: str, k: int) -> dict[str, Any]:
    """Percentiles of held-out photographs in a bank of the others."""
    model = load_model(card(judge))
    files = photographs(250)
    read = feature_function(model, PENULTIMATE)
    rows = torch.stack([preprocess(read_image(file), model.preprocessing) for file in files])
    features = read(rows)
    order = torch.randperm(len(files), generator=torch.Generator().manual_seed(0))
    half = len(files) // 2
    bank = Bank.of(features[order[:half]], k)
    _, held_out = bank.percentile(features[order[half:]])
    _, noise = bank.percentile(read(torch.rand(64, *rows.shape[1:])))
    whole = Bank.of(features, k)
    own = [float(whole.without(i).percentile(features[i : i + 1])[1][0]) for i in range(len(files))]
    return {
        "space": f"{judge} {PENULTIMATE}",
        "k": k,
        "bank": half,
        "held_out": len(held_out),
        "ks_p_held_out": float(kstest(held_out.numpy(), "uniform").pvalue),
        "ks_p_leave_one_out": float(kstest(own, "uniform").pvalue),
        "mean_percentile_held_out": float(held_out.mean()),
        "mean_percentile_of_noise": float(noise.mean()),
    }


def main() -> None:
    """Parse arguments, measure, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audited", choices=NETWORKS, default="vit_tiny")
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--tuning", action="store_true", help="the photographs of the choices")
    parser.add_argument("--depth-profile", action="store_true")
    parser.add_argument("--calibration", action="store_true")
    arguments = parser.parse_args()
    document: dict[str, Any] = {"benchmark": "retention", "machine": machine()}
    if arguments.calibration:
        document["calibration"] = [calibration(judge, k) for judge in NETWORKS for k in (1, 3, 10)]
        print(json.dumps(document, indent=2))
        return
    if arguments.out is None:
        parser.error("--out is missing: name a folder for the run")
    files = photographs(arguments.photos)
    if arguments.tuning:
        files = photographs(250)[TUNING_OFFSET::TUNING_STRIDE][: arguments.photos]
    run = make_run(
        arguments.audited, files, arguments.out, arguments.seeds, arguments.depth_profile
    )
    model = load_model(card(arguments.audited))
    stages = run.volatile["stages"]
    # A resumed run has only part of the time of its inversions.
    inversions = stages.get("invert", 0.0) + stages.get("depth", 0.0)
    added = stages.get("measure", 0.0) + stages.get("trust", 0.0)
    document |= {
        "audited": arguments.audited,
        "seeds": arguments.seeds,
        "stages_s": dict(stages),
        "added_to_inversions": added / inversions if inversions else None,
        "mean_similarity": run.summary["mean_similarity"],
        "proof": proofs([proof_of(image) for image in measured(run)]),
        "blind_maps": baselines(model, run, arguments.out),
        "summary": {name: run.summary[name] for name in ("retention", "plausibility")},
        "trust": [
            {"name": check.name, "outcome": check.outcome, "value": check.value,
             "threshold": check.threshold, "details": dict(check.details)}
            for check in run.trust
        ],
    }  # fmt: skip
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
