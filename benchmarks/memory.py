"""Peak memory of ``macoaudit invert`` against the number of images.

    python -m benchmarks.memory                 # 50 and 500 small images, each in its own process

Prints one JSON document; the peak is the child's maximum resident set, PDF child included apart.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.assets import machine


def make_images(folder: Path, count: int, side: int) -> None:
    """Write small noise photographs, each another."""
    generator = np.random.default_rng(count)
    for index in range(count):
        pixels = generator.integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
        picture.save(folder / f"image-{index:04}.png")


def peak_mb(images: Path, out: Path, steps: int, formats: str) -> float:
    """Run the command in a child and return its own peak resident memory in MB."""
    code = (
        "import resource, sys\n"
        "from macoaudit.cli.main import run\n"
        "code = run(sys.argv[1:])\n"
        "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    command = [
        *(sys.executable, "-c", code, "invert", str(images), "--model", "demo"),
        *("--seeds", "1", "--judge", "none", "--steps", str(steps)),
        *("--out", str(out), "--format", formats, "--quiet"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    status, peak = done.stdout.split()
    if status != "0":
        sys.exit(f"the command ended with {status}: {done.stderr}")
    return float(peak)


def main() -> None:
    """Measure both sizes and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs=2, default=(50, 500))
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--format", default="html,pdf")
    arguments = parser.parse_args()
    peaks = {}
    for count in arguments.counts:
        with tempfile.TemporaryDirectory() as scratch:
            images = Path(scratch) / "images"
            images.mkdir()
            make_images(images, count, arguments.side)
            out = Path(scratch) / "run"
            peaks[count] = peak_mb(images, out, arguments.steps, arguments.format)
    few, many = arguments.counts
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    document = {
        "benchmark": "memory",
        "machine": machine(),
        "peak_mb": peaks,
        "growth": peaks[many] / peaks[few] - 1,
        "largest_child_mb": children,
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
