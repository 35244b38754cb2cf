"""What the magnitude constraint alone costs: photographs with their own phase, mean magnitude.

    python -m benchmarks.constraint

Every photograph keeps its exact phase and gets the template's magnitude, nothing is optimised. What
judges still recognise is a yardstick for the transfer of inversions, which live under the same
constraint. Prints one JSON document.
"""

import argparse
import json
from typing import Any

import torch

from benchmarks.assets import card, machine, photographs
from benchmarks.quality import NETWORKS
from macoaudit.images import preprocess, read_image
from macoaudit.metrics import rank_of
from macoaudit.models import activations_and_logits, load_model
from macoaudit.spectrum import load_spectrum, resample
from macoaudit.targets import cosine


def with_mean_magnitude(image_01: torch.Tensor) -> torch.Tensor:
    """Give images the template's magnitude and leave them their phase."""
    spectrum = load_spectrum()
    size = (image_01.shape[-2], image_01.shape[-1])
    inverse = torch.linalg.inv(spectrum.color_matrix)
    z = torch.einsum("ij,bjhw->bihw", inverse, image_01)
    phase = torch.fft.rfft2(z).angle()
    coefficients = torch.polar(resample(spectrum, size).expand_as(phase), phase)
    swapped = torch.fft.irfft2(coefficients, s=size, norm="ortho")
    return torch.einsum("ij,bjhw->bihw", spectrum.color_matrix, swapped).clamp(0, 1)


def main() -> None:
    """Measure all networks on both versions of the photographs and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=16)
    parser.add_argument("--offset", type=int, default=0)
    arguments = parser.parse_args()
    models = {name: load_model(card(name)) for name in NETWORKS}
    audited = models["vit_tiny"]
    files = photographs(arguments.photos, offset=arguments.offset)
    images = torch.stack([preprocess(read_image(file), audited.preprocessing) for file in files])
    results: dict[str, Any] = {}
    with torch.no_grad():
        read = activations_and_logits(audited, "penultimate")
        reference, logits = read(images)
        targets = logits.argmax(1).tolist()
        for name, version in (
            ("photographs", images),
            ("own phase, mean magnitude", with_mean_magnitude(images)),
        ):
            row: dict[str, Any] = {"cosine_mean": float(cosine(read(version)[0], reference).mean())}
            for network, model in models.items():
                seen = activations_and_logits(model, "penultimate")(version)[1]
                ranks = [rank_of(one, target) for one, target in zip(seen, targets, strict=True)]
                row[network] = {
                    "top1": sum(rank == 1 for rank in ranks) / len(ranks),
                    "top5": sum(rank <= 5 for rank in ranks) / len(ranks),
                }
            results[name] = row
    print(
        json.dumps({"benchmark": "constraint", "machine": machine(), "results": results}, indent=2)
    )


if __name__ == "__main__":
    main()
