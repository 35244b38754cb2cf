"""Living subjects, each drawn in the canvas's frame with its own palette and pose.

Local coordinates are about [-1, 1] with y down; the ground contact, where there is one, is y = 0.9.
"""

import numpy as np

from benchmarks.demo.canvas import Canvas, Colour, Points, ellipse, smooth
from benchmarks.demo.palette import BRIGHT, contact, darker, mirrored, pick, vary


def butterfly(canvas: Canvas) -> None:
    """Butterfly from above: four wings with rims and spots, body, feelers."""
    rng = canvas.rng
    wing, spot = pick(canvas, BRIGHT, 2)
    rim = vary(rng, (0.13, 0.10, 0.10), 0.03)
    narrow = rng.uniform(0.7, 1.0)
    upper = [(0.04, -0.12), (0.35, -0.75), (0.95, -0.85), (0.95, -0.25), (0.5, 0.12), (0.04, 0.1)]
    lower = [(0.04, 0.02), (0.55, 0.08), (0.78, 0.4), (0.55, 0.88), (0.25, 0.75), (0.04, 0.28)]
    canvas.shadow(ellipse(0.1, 0.2, 0.8, 0.6), 0.25, 0.12)
    for side in (-1, 1):
        for part in (lower, upper):
            outer = [(side * narrow * x, y) for x, y in part]
            centre = np.mean(outer, axis=0)
            inner = [tuple(centre + 0.76 * (np.asarray(p) - centre)) for p in outer]
            canvas.paint(canvas.mask(smooth(outer)), rim, shade=0.2)
            canvas.paint(canvas.mask(smooth(inner)), wing, shade=0.2, depth=0.2, grain=0.1)
        for x, y, radius in ((0.62, -0.5, 0.12), (0.46, 0.48, 0.11), (0.8, -0.72, 0.05)):
            dot = ellipse(side * narrow * x, y, radius * narrow, radius)
            canvas.paint(canvas.mask(dot), spot, shade=0)
        feeler = [(0, -0.32), (side * 0.14, -0.6), (side * 0.24, -0.74)]
        canvas.paint(canvas.line(feeler, 0.03), rim, 0, 0)
    canvas.paint(canvas.mask(ellipse(0, 0.05, 0.075, 0.42)), darker(rim, 1.6), shade=0.5)


def cactus(canvas: Canvas) -> None:
    """Saguaro: ribbed column with one to three bent arms."""
    rng = canvas.rng
    contact(canvas, 0.45)
    green = pick(canvas, [(0.30, 0.48, 0.26), (0.36, 0.50, 0.36), (0.26, 0.42, 0.32)])[0]
    limbs: list[tuple[Points, float]] = []
    for side in (-1, 1):
        if rng.random() < 0.8 or side == 1:
            y, out = rng.uniform(-0.05, 0.4), rng.uniform(0.42, 0.6)
            tip = y - rng.uniform(0.35, 0.7)
            elbow = (side * out, y)
            limbs.append(([(0, y + 0.05), (side * out * 0.7, y + 0.03), elbow], 0.2))
            limbs.append(([elbow, (side * out, tip)], 0.2))
    limbs.append(([(0, 0.92), (0, -0.85)], 0.34))
    for points, width in limbs:
        body = canvas.line(points, width)
        for x, y in (points[0], points[-1]):
            body = np.maximum(body, canvas.mask(ellipse(x, y, width / 2, width / 2)))
        canvas.paint(body, green, shade=0.4, depth=0.12, grain=0.08)
        for shift in (-0.28, 0.0, 0.28):
            rib = [(x + shift * width, y) for x, y in points[-2:]]
            canvas.blend(0.45 * canvas.line(rib, 0.02), darker(green, 0.6))
    if rng.random() < 0.4:
        for x in (-0.1, 0.0, 0.1):
            bud = canvas.mask(ellipse(x, -1.0, 0.07, 0.08))
            canvas.paint(bud, vary(rng, (0.90, 0.40, 0.50)), shade=0.2)


def fish(canvas: Canvas) -> None:
    """Fish in profile: body, fins, stripes or scales, eye."""
    rng = canvas.rng
    first, second = pick(canvas, BRIGHT, 2)
    deep = rng.uniform(0.34, 0.55)
    fin = darker(second, 0.9)
    tail = [(0.5, 0), (0.98, -0.42), (0.88, 0.0), (0.98, 0.42)]
    canvas.paint(canvas.mask(smooth(tail, 2)), fin, shade=0.2, grain=0.15)
    for sign, size in ((-1, 1.0), (1, 0.7)):
        crest = (0.1, sign * (deep + 0.28 * size))
        dorsal = [(-0.25, sign * deep * 0.8), crest, (0.5, sign * 0.18)]
        canvas.paint(canvas.mask(smooth(dorsal, 2)), fin, shade=0.2, grain=0.15)
    back = [(-0.9, 0.02), (-0.6, -deep * 0.8), (-0.1, -deep * 1.1), (0.4, -0.4 * deep)]
    belly = [(0.66, 0.08), (0.4, 0.4 * deep), (-0.1, deep * 1.1), (-0.6, deep * 0.85)]
    body = canvas.mask(smooth([*back, (0.66, -0.08), *belly]))
    canvas.paint(body, first, shade=0.4, depth=0.3, grain=0.1)
    if rng.random() < 0.65:
        for x in np.linspace(-0.3, 0.4, int(rng.integers(2, 5))):
            stripe = smooth([(x, -0.8), (x + 0.13, -0.8), (x + 0.17, 0), (x + 0.13, 0.8), (x, 0.8)])
            canvas.blend(0.85 * canvas.mask(stripe) * body, darker(second, 0.85))
    lower = canvas.mask([(-1, 0.12), (1, 0.12), (1, 1), (-1, 1)]) * body
    canvas.blend(0.25 * canvas.blur(lower, 0.03) * body, (0.96, 0.94, 0.88))
    gill = [(-0.42, -0.26 * deep / 0.4), (-0.36, 0.0), (-0.42, 0.26 * deep / 0.4)]
    canvas.blend(0.5 * canvas.line(gill, 0.035), darker(first, 0.5))
    canvas.paint(canvas.mask(ellipse(-0.6, -0.12, 0.095, 0.095)), (0.96, 0.95, 0.9), 0, 0)
    canvas.paint(canvas.mask(ellipse(-0.61, -0.12, 0.055, 0.055)), (0.06, 0.06, 0.08), 0, 0)


def flower(canvas: Canvas) -> None:
    """One bloom in front view on a stem with leaves."""
    rng = canvas.rng
    green = vary(rng, (0.28, 0.46, 0.20))
    bend = rng.uniform(-0.2, 0.2)
    stem = [(0, -0.3), (bend, 0.3), (bend * 0.6, 1.0)]
    canvas.paint(canvas.line(stem, 0.08), green, shade=0.2)
    for side in (-1, 1):
        if rng.random() < 0.8:
            y, up = rng.uniform(0.4, 0.7), rng.uniform(0.1, 0.35)
            tip = (side * rng.uniform(0.4, 0.6), y - up)
            leaf = [(bend * 0.8, y), (side * 0.25, y - up - 0.1), tip, (side * 0.28, y + 0.05)]
            canvas.paint(canvas.mask(smooth(leaf, 2)), darker(green, 1.1), shade=0.3, depth=0.1)
    petal = pick(canvas, [BRIGHT[i] for i in (0, 1, 2, 3, 5, 6, 7)])[0]
    count = int(rng.choice([5, 6, 8, 11]))
    width = 1.35 / count + 0.03
    start = rng.uniform(0, 360)
    for turn in (*range(0, count, 2), *range(1, count, 2)):
        angle = start + 360 * turn / count
        x, y = 0.36 * np.cos(np.deg2rad(angle)), 0.36 * np.sin(np.deg2rad(angle))
        shape = canvas.mask(ellipse(x, y - 0.35, 0.31, width, angle))
        canvas.paint(shape, vary(rng, petal, 0.03), shade=0.3, depth=0.12, grain=0.08)
    heart = canvas.mask(ellipse(0, -0.35, 0.19, 0.19))
    core = pick(canvas, [(0.90, 0.70, 0.16), (0.40, 0.24, 0.12), (0.95, 0.84, 0.40)])[0]
    canvas.paint(heart, core, shade=0.35, depth=0.1, grain=0.2)


def mushroom(canvas: Canvas) -> None:
    """Toadstool: tapered stem with a ring, domed cap, spots."""
    rng = canvas.rng
    contact(canvas, 0.4)
    cap = pick(canvas, [(0.76, 0.16, 0.12), (0.70, 0.42, 0.22), (0.85, 0.48, 0.18)])[0]
    stem = vary(rng, (0.90, 0.85, 0.74), 0.03)
    lean = rng.uniform(-0.12, 0.12)
    foot = [(-0.15 + lean, -0.1), (0.15 + lean, -0.1), (0.2, 0.6), (0.26, 0.92), (-0.26, 0.92)]
    canvas.paint(canvas.mask(smooth([*foot, (-0.2, 0.6)], 2)), stem, shade=0.3, depth=0.2)
    under = canvas.mask(ellipse(lean, 0.0, 0.72, 0.15))
    canvas.paint(under, darker(stem, 0.68), shade=0.1, grain=0.1)
    tall = rng.uniform(0.7, 0.95)
    half = [(-0.4, -0.06), (-0.85, 0.02), (-0.78, -0.35), (-0.4, -tall)]
    dome = canvas.mask(smooth([(x + lean, y) for x, y in mirrored(half)]))
    canvas.paint(dome, cap, shade=0.4, depth=0.35)
    if rng.random() < 0.8:
        spots = ((-0.5, -0.22), (-0.15, -0.55), (0.3, -0.4), (0.58, -0.16), (0.02, -0.2))
        for x, y in spots:
            radius = rng.uniform(0.06, 0.12)
            dot = ellipse(x + lean + rng.normal(0, 0.04), y * tall / 0.8, radius, 0.8 * radius)
            canvas.paint(canvas.mask(dot) * dome, (0.95, 0.92, 0.84), shade=0.15, depth=0.05)


def tree(canvas: Canvas) -> None:
    """Broad-leaved tree of lit clumps, or a conifer of stacked tiers."""
    rng = canvas.rng
    contact(canvas, 0.55)
    bark = vary(rng, (0.34, 0.24, 0.16), 0.04)
    trunk = [(-0.11, 0.92), (-0.07, 0.1), (0.07, 0.1), (0.12, 0.92)]
    canvas.paint(canvas.mask(trunk), bark, shade=0.35, depth=0.1, grain=0.2)
    greens: list[Colour] = [(0.22, 0.38, 0.16), (0.34, 0.44, 0.16), (0.16, 0.32, 0.22)]
    if rng.random() < 0.35:
        leaf = pick(canvas, greens)[0]
        for i, y in enumerate(np.linspace(0.55, -0.4, 4)):
            half = 0.68 - 0.14 * i
            tier = [(-half, y), (-0.3 * half, y - 0.3), (0, y - 0.58), (0.3 * half, y - 0.3)]
            tier += [(half, y), (0.4 * half, y - 0.04), (0, y + 0.06), (-0.4 * half, y - 0.04)]
            canvas.paint(
                canvas.mask(tier), vary(rng, leaf, 0.02), shade=0.35, depth=0.2, grain=0.22
            )
        return
    leaf = pick(canvas, [*greens, (0.74, 0.42, 0.14), (0.62, 0.22, 0.14), (0.86, 0.62, 0.68)])[0]
    for side in (-1, 1):
        canvas.paint(canvas.line([(0, 0.35), (side * 0.4, -0.1)], 0.06), bark, 0.1, 0.1)
    count = int(rng.integers(9, 15))
    for i in range(count):
        angle, reach = 2.4 * i + rng.normal(0, 0.3), 0.55 * np.sqrt((count - i) / count)
        x, y = reach * np.cos(angle), -0.32 + 0.75 * reach * np.sin(angle)
        radius = rng.uniform(0.22, 0.34)
        clump = ellipse(float(x), float(y), radius, 0.85 * radius)
        tone = vary(rng, darker(leaf, 0.85 + 0.3 * (i / count)), 0.02)
        canvas.paint(canvas.mask(clump), tone, shade=0.3, depth=0.15, grain=0.22)
