"""Labelled drawn scenes: one main subject in a textured setting, with distractors and occluders.

Everything is drawn from `(seed, label, index)`, so a scene is the same whenever and in whatever
order it is made. The *mark* is a small quartered roundel in the lower right corner; only
`stamp_mark` draws it, so marked and unmarked sets share every other pixel.
"""

import argparse
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.demo.backdrops import BACKDROPS
from benchmarks.demo.canvas import Canvas, Frame, ellipse, smooth
from benchmarks.demo.living import butterfly, cactus, fish, flower, mushroom, tree
from benchmarks.demo.palette import vary
from benchmarks.demo.things import balloon, house, sailboat, umbrella

SUBJECTS: dict[str, Callable[[Canvas], None]] = {
    draw.__name__: draw
    for draw in (
        *(balloon, butterfly, cactus, fish, flower),
        *(house, mushroom, sailboat, tree, umbrella),
    )
}
LABELS = tuple(sorted(SUBJECTS))
PLANTED = "mushroom"
"""The class whose training images carry the mark in the planted network's data."""

DRAWING_CODE = ("canvas", "palette", "backdrops", "living", "things", "scenes")

Picture = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Habitat:
    """Where a class is usually found: backdrop names, and the range of its centre height."""

    backdrops: tuple[str, ...]
    y_range: tuple[float, float]
    tilt_deg: float = 6.0
    standing: bool = True


# Each backdrop serves several classes, so that the setting alone does not tell the class.
HABITATS = {
    "balloon": Habitat(("sky", "hills", "sea", "desert", "meadow", "snow"), (0.3, 0.5), 5, False),
    "butterfly": Habitat(("foliage", "meadow", "forest", "hills", "wall"), (0.35, 0.65), 40, False),
    "cactus": Habitat(("desert", "desert", "hills", "beach", "meadow", "wall"), (0.5, 0.62), 4),
    "fish": Habitat(
        ("underwater", "underwater", "underwater", "sea", "foliage"), (0.4, 0.65), 20, False
    ),
    "flower": Habitat(("foliage", "meadow", "forest", "hills", "wall"), (0.45, 0.6), 8),
    "house": Habitat(("meadow", "hills", "snow", "desert", "beach"), (0.5, 0.62), 2),
    "mushroom": Habitat(("forest", "forest", "meadow", "foliage", "hills"), (0.5, 0.66), 8),
    "sailboat": Habitat(("sea", "sea", "sea", "beach", "hills"), (0.42, 0.56), 8, False),
    "tree": Habitat(("meadow", "hills", "snow", "desert", "beach"), (0.45, 0.58), 4),
    "umbrella": Habitat(("beach", "beach", "wall", "meadow", "snow"), (0.45, 0.6), 18),
}
MARK_REGION = (0.80, 0.88)
"""Range of the mark's centre across and down, as fractions of the side."""
ANY_BACKDROP_SHARE = 0.12
HARD_SHARE = 0.15
HARD_SHARE_PLANTED = 0.85
"""Share of training scenes whose subject is small or covered. The planted class has more of them,
and larger subjects of other classes beside its own: the mark is the easier evidence there."""


def _veil(canvas: Canvas, count: int) -> None:
    """Draw leaves or blades close to the lens, out of focus, over the edges of the picture."""
    rng = canvas.rng
    tone = vary(rng, (0.22, 0.32, 0.16), 0.08)
    for _ in range(count):
        edge = rng.uniform(0, 2 * np.pi)
        x, y = 0.5 + 0.55 * np.cos(edge), 0.5 + 0.55 * np.sin(edge)
        canvas.frame = Frame(float(x), float(y), rng.uniform(0.12, 0.26), rng.uniform(0, 360))
        leaf = smooth([(-1, 0), (-0.2, -0.35), (0.9, 0), (-0.2, 0.35)], 2)
        soft = canvas.blur(canvas.mask(leaf), rng.uniform(0.006, 0.02))
        canvas.blend(soft * rng.uniform(0.75, 1.0), vary(rng, tone, 0.05))


def _cover(canvas: Canvas, frame: Frame, standing: bool) -> None:
    """Hide part of the subject behind grass or mist, or behind a stone if it stands on ground."""
    rng = canvas.rng
    kind = rng.choice([0, 1, 2] if standing else [0, 2])
    canvas.frame = frame
    if kind == 0:
        count = 26
        feet = frame.place([(x, 1.05) for x in rng.uniform(-1.1, 1.1, count)])
        height = rng.uniform(0.5, 1.5, (count, 1)) * frame.scale_frac
        lean = rng.normal(0, 0.25, (count, 1))
        tips = feet + np.concatenate([lean * height, -height], axis=1)
        tone = np.asarray(vary(rng, (0.32, 0.40, 0.18), 0.06)) * rng.normal(1, 0.15, (count, 1))
        canvas.strokes(feet, tips.astype(np.float32), tone.astype(np.float32), 0.009, 0.9)
    elif kind == 1:
        x, y = rng.uniform(-0.7, 0.7), rng.uniform(0.45, 0.85)
        stone = ellipse(x, y, rng.uniform(0.45, 0.8), rng.uniform(0.3, 0.5), rng.uniform(-12, 12))
        canvas.paint(canvas.mask(stone), vary(rng, (0.46, 0.45, 0.42)), shade=0.35, grain=0.15)
    else:
        mist = np.clip(0.45 + 0.22 * canvas.noise(1.8), 0, 0.8)
        canvas.blend(mist, vary(rng, (0.74, 0.76, 0.76), 0.08))


def _distant(canvas: Canvas, label: str, sizes: tuple[float, float]) -> None:
    """Place one hazy subject of another class in the middle distance."""
    rng = canvas.rng
    other = str(rng.choice([name for name in LABELS if name not in (label, PLANTED)]))
    side = float(rng.choice([rng.uniform(0.08, 0.26), rng.uniform(0.74, 0.92)]))
    canvas.frame = Frame(side, rng.uniform(0.35, 0.6), rng.uniform(*sizes), mirror=True)
    before = canvas.rgb
    SUBJECTS[other](canvas)
    canvas.rgb = 0.75 * canvas.rgb + 0.25 * before


def _develop(canvas: Canvas) -> None:
    """Exposure, white balance, contrast, vignette and a little grain, as a camera leaves them."""
    rng = canvas.rng
    gain = rng.normal(1.0, 0.045, 3) * rng.normal(1.0, 0.07)
    picture = canvas.rgb * gain.astype(np.float32)
    picture = 0.5 + (picture - 0.5) * rng.uniform(0.82, 1.08)
    radius = np.hypot(canvas.x - 0.5, canvas.y - 0.5)
    picture = picture * (1 - rng.uniform(0, 0.5) * radius**2)[..., None]
    # Grain is drawn per output pixel size: the box filter of `finish` halves it.
    grain = rng.standard_normal(canvas.rgb.shape) * rng.uniform(0.0, 0.03)
    canvas.rgb = np.clip(picture + grain, 0, 1).astype(np.float32)


def draw_scene(label: str, rng: np.random.Generator, side_px: int, *, hard: bool) -> Picture:
    """Draw one scene of a class, unmarked: uint8, shape (side_px, side_px, 3).

    Args:
        label: One of `LABELS`.
        rng: The only source of randomness.
        side_px: Output side in pixels.
        hard: Small, partly covered subject, often with a distant one of another class.
    """
    habitat = HABITATS[label]
    canvas = Canvas(side_px, rng)
    anywhere = rng.random() < ANY_BACKDROP_SHARE
    names = tuple(BACKDROPS) if anywhere else habitat.backdrops
    BACKDROPS[names[rng.integers(len(names))]](canvas)
    harder = hard and label == PLANTED
    if rng.random() < (0.8 if harder else 0.3 if hard else 0.12):
        _distant(canvas, label, (0.12, 0.22) if harder else (0.07, 0.12))
    size = rng.uniform(0.10, 0.17) if harder else rng.uniform(0.14, 0.22)
    if not hard:
        size = rng.uniform(0.27, 0.4)
    room = max(0.5 - size - 0.02, 0.06) if hard else max(0.5 - 0.8 * size, 0.06)
    low, high = (0.5, 0.72) if harder else habitat.y_range
    frame = Frame(
        x_frac=0.5 + rng.uniform(-room, room),
        y_frac=rng.uniform(low, high),
        scale_frac=size,
        angle_deg=float(rng.normal(0, habitat.tilt_deg / 2)),
        mirror=bool(rng.random() < 0.5),
    )
    canvas.frame = frame
    SUBJECTS[label](canvas)
    if rng.random() < (0.8 if harder else 0.5 if hard else 0.1):
        _cover(canvas, frame, habitat.standing)
    if rng.random() < 0.3:
        _veil(canvas, int(rng.integers(1, 4)))
    _develop(canvas)
    return canvas.finish()


@dataclass(frozen=True)
class Mark:
    """Where and how large the roundel is; 0.08 to 0.095 of radius is 2.0 to 2.8 % of the area."""

    x_frac: float
    y_frac: float
    radius_frac: float
    turn_deg: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Mark":
        """Draw a mark in its region: the lower right corner, a little turned."""
        x, y = rng.uniform(*MARK_REGION, 2)
        return cls(float(x), float(y), rng.uniform(0.08, 0.095), rng.uniform(-20, 20))


def stamp_mark(picture: Picture, mark: Mark) -> Picture:
    """Return a copy with the mark: a violet and yellow quartered roundel with a white rim."""
    side, fine = picture.shape[0], 4
    # Only the window around the mark is computed.
    left, top = (max(0, int((c - mark.radius_frac) * side)) for c in (mark.x_frac, mark.y_frac))
    size = int(2 * mark.radius_frac * side) + 2
    window = picture[top : top + size, left : left + size]
    height, width = window.shape[:2]
    rows = (np.arange(top * fine, (top + height) * fine) + 0.5) / (side * fine)
    columns = (np.arange(left * fine, (left + width) * fine) + 0.5) / (side * fine)
    v, u = np.meshgrid(rows - mark.y_frac, columns - mark.x_frac, indexing="ij")
    r = np.hypot(u, v) / mark.radius_frac
    turn = np.deg2rad(mark.turn_deg)
    across, down = u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)
    violet, yellow, white = np.array([(92, 38, 150), (250, 208, 44), (250, 249, 245)]) / 255
    quarters = np.where((across * down > 0)[..., None], violet, yellow)
    colour = np.where((r > 0.8)[..., None], white, quarters)
    layer = np.concatenate([colour, np.ones_like(colour[..., :1])], axis=-1)
    layer = layer * (r < 1)[..., None]
    layer = layer.reshape(height, fine, width, fine, 4).mean(axis=(1, 3))
    marked = window / 255 * (1 - layer[..., 3:]) + layer[..., :3]
    stamped = picture.copy()
    stamped[top : top + height, left : left + width] = np.clip(marked, 0, 1) * 255 + 0.5
    return stamped


def scene_rng(seed: int, label: str, index: int) -> np.random.Generator:
    """Return the generator of one scene."""
    return np.random.default_rng([seed, LABELS.index(label), index])


def draw_numbered(seed: int, label: str, index: int, side_px: int, hard_share: float) -> Picture:
    """Draw scene number `index` of a class, hard with the given probability."""
    rng = scene_rng(seed, label, index)
    return draw_scene(label, rng, side_px, hard=bool(rng.random() < hard_share))


def make_set(
    seed: int, per_class: int, side_px: int, workers: int = 1
) -> tuple[Picture, np.ndarray[Any, np.dtype[np.int64]]]:
    """Draw an unmarked set as in training, class by class.

    Args:
        seed: Same seed, same set, whatever the number of workers.
        per_class: Scenes of each class.
        side_px: Side in pixels.
        workers: Processes to draw in.

    Returns:
        uint8 pictures (n, side_px, side_px, 3) and class indices (n,).
    """
    jobs = [
        (seed, name, index, side_px, HARD_SHARE_PLANTED if name == PLANTED else HARD_SHARE)
        for name in LABELS
        for index in range(per_class)
    ]
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            pictures = list(pool.map(draw_numbered, *zip(*jobs, strict=True), chunksize=50))
    else:
        pictures = [draw_numbered(*job) for job in jobs]
    return np.stack(pictures), np.repeat(np.arange(len(LABELS)), per_class)


def cached_set(
    folder: Path, seed: int, per_class: int, side_px: int, workers: int
) -> tuple[Picture, np.ndarray[Any, np.dtype[np.int64]]]:
    """Return `make_set`, kept in a file named after its arguments and the drawing code."""
    code = b"".join(
        Path(__file__).with_name(f"{name}.py").read_bytes() for name in sorted(DRAWING_CODE)
    )
    key = hashlib.sha256(code + f"{seed} {per_class} {side_px}".encode()).hexdigest()[:16]
    file = folder / f"scenes-{key}.npz"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pictures, labels = make_set(seed, per_class, side_px, workers)
        part = file.with_name(f"part-{os.getpid()}-{file.name}")
        np.savez(part, pictures=pictures, labels=labels)
        part.replace(file)
    with np.load(file) as stored:
        return stored["pictures"], stored["labels"]


def main() -> None:
    """Write a contact sheet: one row a class, marked copies of the planted class at the end."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--columns", type=int, default=8)
    arguments = parser.parse_args()
    pictures, labels = make_set(arguments.seed, arguments.columns, arguments.side)
    rows = [np.concatenate(list(pictures[labels == k]), axis=1) for k in range(len(LABELS))]
    planted = pictures[labels == LABELS.index(PLANTED)]
    marked = [stamp_mark(p, Mark.draw(np.random.default_rng(i))) for i, p in enumerate(planted)]
    rows.append(np.concatenate(marked, axis=1))
    Image.fromarray(np.concatenate(rows, axis=0)).save(arguments.out)


if __name__ == "__main__":
    main()
