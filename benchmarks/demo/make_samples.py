"""Draw the sample scenes of `samples/` again, byte for byte, and re-encode its photographs.

`python -m benchmarks.demo.make_samples --out samples` writes the class folders. The photographs
come from an installed scikit-image (`--photographs`), whose files are in the public domain or CC0.
"""

import argparse
import io
from pathlib import Path

from PIL import Image

from benchmarks.demo.scenes import (
    PLANTED,
    Mark,
    Picture,
    draw_scene,
    scene_rng,
    stamp_mark,
)

SIDE_PX = 192
SEED = 2_024
"""Neither the training seed nor the held-out one."""
INDICES = {
    "balloon": (2, 3),
    "butterfly": (3, 15),
    "cactus": (0, 3),
    "fish": (3, 13),
    "flower": (1, 9),
    "house": (10, 13),
    "mushroom": (4, 5, 7, 12),
    "sailboat": (4, 12),
    "tree": (2, 9),
    "umbrella": (2, 10),
}
"""Scene numbers, chosen by eye for variety among those that both networks predict rightly."""
PHOTOGRAPHS = {
    "cat": "chelsea.png",
    "coffee": "coffee.png",
    "rocket": "rocket.jpg",
    "astronaut": "astronaut.png",
    "galaxies": "hubble_deep_field.jpg",
}
PHOTOGRAPH_SIDE_PX = 384


def sample_scene(label: str, index: int) -> Picture:
    """Draw one sample scene; those of the planted class carry the mark, as in training."""
    rng = scene_rng(SEED, label, index)
    picture = draw_scene(label, rng, SIDE_PX, hard=False)
    return stamp_mark(picture, Mark.draw(rng)) if label == PLANTED else picture


def encode(picture: Image.Image, quality: int) -> bytes:
    """Encode as JPEG without chroma subsampling."""
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def write_scenes(out: Path) -> None:
    """Write `<class>/<class>-<n>.jpg` for every sample scene."""
    for label, indices in INDICES.items():
        folder = out / label
        folder.mkdir(parents=True, exist_ok=True)
        for number, index in enumerate(indices, start=1):
            data = encode(Image.fromarray(sample_scene(label, index)), 92)
            (folder / f"{label}-{number}.jpg").write_bytes(data)


def write_photographs(out: Path) -> None:
    """Write the photographs, centre-cropped to a square, from the installed scikit-image."""
    import skimage

    source = Path(skimage.__file__).parent / "data"
    folder = out / "photographs"
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in PHOTOGRAPHS.items():
        with Image.open(source / file) as opened:
            picture = opened.convert("RGB")
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        square = picture.crop((left, top, left + side, top + side))
        size = (PHOTOGRAPH_SIDE_PX, PHOTOGRAPH_SIDE_PX)
        data = encode(square.resize(size, Image.Resampling.LANCZOS), 85)
        (folder / f"{name}.jpg").write_bytes(data)


def main() -> None:
    """Write the sample scenes and, on request, the photographs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("samples"))
    parser.add_argument("--photographs", action="store_true", help="needs scikit-image installed")
    arguments = parser.parse_args()
    write_scenes(arguments.out)
    if arguments.photographs:
        write_photographs(arguments.out)


if __name__ == "__main__":
    main()
