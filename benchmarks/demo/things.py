"""Made subjects, each drawn in the canvas's frame with its own palette and pose.

Local coordinates are about [-1, 1] with y down; the ground contact, where there is one, is y = 0.9.
"""

import numpy as np

from benchmarks.demo.canvas import Canvas, Colour, ellipse, smooth
from benchmarks.demo.palette import BRIGHT, contact, darker, mirrored, pick, vary


def balloon(canvas: Canvas) -> None:
    """Hot-air balloon: gored envelope, ropes, basket."""
    rng = canvas.rng
    outline = smooth(mirrored([(-0.13, 0.5), (-0.62, 0.02), (-0.68, -0.5), (-0.3, -0.98)]))
    body = canvas.mask(outline)
    first, second, third = pick(canvas, BRIGHT, 3)
    for x in (-0.1, 0.1):
        canvas.paint(canvas.line([(x, 0.42), (0.9 * x, 0.76)], 0.02), (0.25, 0.2, 0.16), 0, 0)
    canvas.paint(body, first, shade=0.35, depth=0.5)
    count = int(rng.integers(2, 4))
    for i in range(-count, count + 1):
        if i % 2:
            # A gore is a slice of the sphere: its width shrinks with the cosine of its longitude.
            left, right = (np.sin((i + d) * np.pi / (2 * count + 1)) for d in (-0.5, 0.5))
            rows = np.linspace(-1.0, 0.5, 24)
            half = 0.68 * np.sqrt(np.clip(1 - ((rows + 0.28) / 0.8) ** 2, 0.02, 1))
            ring = [(left * h, y) for h, y in zip(half, rows, strict=True)]
            ring += [(right * h, y) for h, y in zip(half[::-1], rows[::-1], strict=True)]
            canvas.paint(canvas.mask(ring) * body, second, shade=0.0)
    if rng.random() < 0.6:
        level = rng.uniform(-0.4, 0.0)
        band = [(-1, level), (1, level), (1, level + 0.18), (-1, level + 0.18)]
        canvas.paint(canvas.mask(band) * body, third, shade=0)
    glow = canvas.relief(body, 0.35 * canvas.frame.scale_frac)[..., None] * body[..., None]
    canvas.rgb = np.clip(canvas.rgb * (1 + 0.25 * glow), 0, 1)
    basket = [(-0.13, 0.74), (0.13, 0.74), (0.1, 0.97), (-0.1, 0.97)]
    canvas.paint(canvas.mask(basket), vary(rng, (0.46, 0.30, 0.16)), shade=0.3, grain=0.15)


def house(canvas: Canvas) -> None:
    """Gabled house: wall, roof, door, lit or dark windows, chimney."""
    rng = canvas.rng
    contact(canvas, 0.85)
    wall_colours: list[Colour] = [(0.88, 0.82, 0.70), (0.72, 0.36, 0.28), (0.90, 0.88, 0.86)]
    wall_colours += [(0.62, 0.70, 0.74), (0.84, 0.66, 0.38)]
    front = pick(canvas, wall_colours)[0]
    tiles = pick(canvas, [(0.56, 0.24, 0.18), (0.32, 0.30, 0.34), (0.40, 0.28, 0.20)])[0]
    wide, top = rng.uniform(0.6, 0.8), rng.uniform(-0.15, 0.1)
    peak = top - rng.uniform(0.55, 0.75)
    x = rng.choice([-0.4, 0.35])
    pipe = [(x, peak + 0.1), (x + 0.16, peak + 0.1), (x + 0.16, top), (x, top)]
    canvas.paint(canvas.mask(pipe), darker(tiles, 1.2), shade=0.1, grain=0.15)
    gable = [(-wide, 0.9), (-wide, top), (0, peak + 0.05), (wide, top), (wide, 0.9)]
    canvas.paint(canvas.mask(gable), front, shade=0.06, grain=0.06)
    for side in (-1, 1):
        roof = [(0, peak - 0.1), (side * (wide + 0.14), top + 0.06)]
        roof += [(side * (wide + 0.14), top + 0.2), (0, peak + 0.1)]
        tone = darker(tiles, 1.0 + 0.22 * side * float(np.sign(canvas.light[0])))
        canvas.paint(canvas.mask(roof), tone, shade=0.1, grain=0.12)
    door = rng.choice([-0.12, -0.45, 0.2])
    wood = pick(canvas, [(0.36, 0.22, 0.14), (0.22, 0.36, 0.30), (0.50, 0.16, 0.14)])[0]
    shape = [(door, 0.9), (door, 0.4), (door + 0.25, 0.4), (door + 0.25, 0.9)]
    canvas.paint(canvas.mask(shape), wood, shade=0.15)
    pane = pick(canvas, [(0.22, 0.28, 0.36), (0.98, 0.84, 0.48), (0.52, 0.66, 0.76)])[0]
    for left, y in ((-0.5, 0.1), (0.24, 0.1), (-0.13, -0.2 + 0.4 * (top + 0.15))):
        box = [(left, y), (left + 0.26, y), (left + 0.26, y + 0.25), (left, y + 0.25)]
        edge = [
            (p + 0.04 * (1 if p > left else -1), q + 0.03 * (1 if q > y else -1)) for p, q in box
        ]
        canvas.paint(canvas.mask(edge), (0.94, 0.93, 0.9), shade=0, grain=0.03)
        canvas.paint(canvas.mask(box), pane, shade=0.1, grain=0.1)
        canvas.paint(
            canvas.line([(left + 0.13, y), (left + 0.13, y + 0.25)], 0.03), (0.9,) * 3, 0, 0
        )


def sailboat(canvas: Canvas) -> None:
    """Boat with mainsail and jib, and its streaky reflection."""
    rng = canvas.rng
    hull, trim = pick(canvas, [*BRIGHT, (0.40, 0.26, 0.16), (0.16, 0.20, 0.30)], 2)
    cloth: list[Colour] = [(0.95, 0.94, 0.90), (0.93, 0.88, 0.76), BRIGHT[0], BRIGHT[1], BRIGHT[3]]
    main, jib = pick(canvas, cloth, 2)
    for _ in range(9):
        y, half = rng.uniform(0.84, 1.25), rng.uniform(0.2, 0.6)
        streak = [(-half, y), (half, y + 0.01), (half, y + 0.05), (-half, y + 0.04)]
        tone = hull if rng.random() < 0.5 else main
        canvas.blend(0.35 * canvas.mask(streak), darker(tone, 0.8))
    canvas.paint(canvas.line([(0, -0.98), (0, 0.5)], 0.045), (0.36, 0.26, 0.18), 0, 0)
    belly = rng.uniform(0.05, 0.2)
    sail = [(0.04, -0.92), (0.35 + belly, -0.2), (0.66, 0.36), (0.3, 0.42), (0.04, 0.38)]
    canvas.paint(canvas.mask(sail), main, shade=0.22, depth=0.4, grain=0.04)
    front = [(-0.05, -0.8), (-0.05, 0.36), (-0.68, 0.34), (-0.42 - belly / 2, -0.1)]
    canvas.paint(canvas.mask(front), jib, shade=0.22, depth=0.4, grain=0.04)
    if rng.random() < 0.4:
        stripe = canvas.mask([(0, -0.1), (1, -0.1), (1, 0.06), (0, 0.06)]) * canvas.mask(sail)
        canvas.blend(stripe, trim)
    side = [(-0.86, 0.46), (0.84, 0.5), (0.62, 0.86), (-0.52, 0.88), (-0.72, 0.74)]
    canvas.paint(canvas.mask(side), hull, shade=0.35, depth=0.2)
    canvas.paint(canvas.line([(-0.84, 0.5), (0.82, 0.54)], 0.06), trim, 0, 0)


def umbrella(canvas: Canvas) -> None:
    """Open umbrella: panelled canopy with a scalloped rim, pole, crook."""
    rng = canvas.rng
    canvas.shadow(ellipse(0.1, 0.95, 0.5, 0.1), 0.3, 0.1)
    first, second = pick(canvas, BRIGHT, 2)
    if rng.random() < 0.35:
        second = darker(first, 0.8)
    pole = [(0.0, -0.8), (0.0, 0.8), (0.05, 0.92), (0.16, 0.94), (0.22, 0.82)]
    canvas.paint(canvas.line(pole, 0.06), vary(rng, (0.32, 0.24, 0.20)), 0.1, 0)
    theta = np.linspace(np.pi, 2 * np.pi, 33)
    tall = rng.uniform(0.7, 0.85)
    dome = [(0.92 * float(np.cos(t)), tall * float(np.sin(t))) for t in theta]
    edges = np.linspace(-1, 1, 6)
    rim = []
    for a, b in zip(edges[::-1][:-1], edges[::-1][1:], strict=True):
        rim += [(0.92 * (a + (b - a) * u), -0.13 * np.sin(np.pi * u)) for u in (0.0, 0.3, 0.5, 0.7)]
    canopy = canvas.mask(dome + rim)
    canvas.paint(canopy, first, shade=0.3, depth=0.45)
    for i in (0, 2, 4):
        rows = np.linspace(0, 1, 12)
        arc = np.sqrt(np.clip(1 - (1 - rows) ** 2, 0, 1))
        left, right = 0.92 * edges[i], 0.92 * edges[i + 1]
        panel = [(left * w, -tall * (1 - r)) for w, r in zip(arc, rows, strict=True)]
        panel += [(right * w, -tall * (1 - r)) for w, r in zip(arc[::-1], rows[::-1], strict=True)]
        canvas.paint(canvas.mask(panel) * canopy, second, shade=0)
    glow = canvas.relief(canopy, 0.3 * canvas.frame.scale_frac)[..., None] * canopy[..., None]
    canvas.rgb = np.clip(canvas.rgb * (1 + 0.28 * glow), 0, 1)
    canvas.paint(canvas.line([(0, -tall), (0, -tall - 0.14)], 0.05), (0.3, 0.24, 0.2), 0, 0)
