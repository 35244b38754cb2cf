"""Draw class logits with the public horama, for ``benchmarks.methods --baseline-images``.

    python -m venv peer && peer/bin/pip install horama einops timm       # its own environment
    peer/bin/python benchmarks/horama_pictures.py CARD OUT --photos PHOTOS --classes 12,237

It needs a working torchvision extension, and so an environment of its own with another build of
torch; nothing of macoaudit is imported. The magnitude file that horama downloads is made from
``PHOTOS`` instead: mean magnitudes in its colours, 320 px. One PNG a class is written, and
``seconds.json`` beside them; classes that are there are not drawn again. The defaults of canvas,
crops and steps are those under which horama came closest in earlier trials; its own are
``--size 1280 --box 0.2 0.25 --steps 1000``.
"""

import argparse
import json
import time
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

SIDE_PX = 320
# Lucid's matrix, as horama has it.
COLORS = np.array(
    [
        [0.56282854, 0.58447580, 0.58447580],
        [0.19482528, 0.0, -0.19482528],
        [0.04329450, -0.10823626, 0.06494176],
    ]
)


def write_magnitude(photos: Path, path: Path) -> int:
    """Write the mean magnitude of photographs in horama's colours; returns their number."""
    total, count = np.zeros((3, SIDE_PX, SIDE_PX // 2 + 1)), 0
    for file in sorted(photos.iterdir()):
        try:
            picture = Image.open(file).convert("RGB")
        except OSError:
            continue
        side = min(picture.size)
        if side < SIDE_PX:
            continue
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        square = picture.resize(
            (SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side)
        )
        planes = np.asarray(square, dtype=np.float64) / 255 @ np.linalg.inv(COLORS)
        total += np.abs(np.fft.rfft2(planes.transpose(2, 0, 1)))
        count += 1
    np.save(path, (total / max(count, 1)).astype(np.float32))
    return count


def load(card_path: Path) -> torch.nn.Module:
    """Build the network of a model card and load its safetensors weights."""
    card = tomllib.loads(card_path.read_text())
    timm: Any = import_module("timm")
    load_file: Any = import_module("safetensors.torch").load_file
    model: torch.nn.Module = timm.create_model(
        card["architecture"], num_classes=card["num_classes"], **card.get("kwargs", {})
    )
    weights = load_file(card_path.parent / card["weights"])
    model.load_state_dict(
        {name: w.float() if w.is_floating_point() else w for name, w in weights.items()}
    )
    return model.eval().requires_grad_(False)


def main() -> None:
    """Draw the classes and note the seconds of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("card", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--classes", required=True, help="indices with commas between")
    parser.add_argument("--steps", type=int, default=256)
    parser.add_argument("--size", type=int, default=512, help="side of the canvas")
    parser.add_argument("--box", type=float, nargs=2, default=(0.5, 0.75), help="side of crops")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    peer: Any = import_module("horama.maco_fv")
    magnitude = Path(peer.MACO_SPECTRUM_FILENAME)  # it looks in the working folder
    if not magnitude.exists():
        print(f"{write_magnitude(arguments.photos, magnitude)} photographs -> {magnitude}")
    model: Any = load(arguments.card).to(arguments.device)
    side = arguments.out / "seconds.json"
    rows = json.loads(side.read_text())["each"] if side.exists() else {}
    for index in map(int, arguments.classes.split(",")):
        if str(index) in rows:
            continue
        torch.manual_seed(1000 * arguments.seed + index)
        wall, cpu = time.perf_counter(), time.process_time()
        image, _ = peer.maco(
            lambda views, index=index: model(views)[:, index].mean(),
            total_steps=arguments.steps,
            image_size=arguments.size,
            box_size=tuple(arguments.box),
            device=arguments.device,
        )
        rows[str(index)] = [time.perf_counter() - wall, time.process_time() - cpu]
        pixels = ((image.detach().cpu() + 2.5) / 5).clamp(0, 1).permute(1, 2, 0).numpy()
        Image.fromarray((pixels * 255).round().astype(np.uint8)).save(
            arguments.out / f"{index}.png"
        )
        means = np.mean(list(rows.values()), axis=0)
        document = {
            "seconds_per_picture": float(means[0]),
            "cpu_seconds_per_picture": float(means[1]),
            "pictures": len(rows),
            "each": rows,
        }
        side.write_text(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
