"""Backdrops: sky, sea, meadow, hills, desert, underwater, foliage, forest floor, snow, wall."""

from collections.abc import Callable

import numpy as np

from benchmarks.demo.canvas import Array, Canvas, Colour
from benchmarks.demo.palette import mix, vary

SKIES: list[tuple[Colour, Colour]] = [
    ((0.33, 0.55, 0.83), (0.78, 0.88, 0.95)),
    ((0.22, 0.44, 0.74), (0.66, 0.81, 0.92)),
    ((0.52, 0.60, 0.70), (0.82, 0.84, 0.86)),
    ((0.40, 0.40, 0.62), (0.97, 0.73, 0.52)),
    ((0.55, 0.50, 0.68), (0.98, 0.82, 0.66)),
    ((0.46, 0.68, 0.86), (0.93, 0.92, 0.84)),
]


def sky(canvas: Canvas) -> None:
    """Vertical gradient with clouds of thresholded 1/f noise."""
    rng = canvas.rng
    top, bottom = SKIES[rng.integers(len(SKIES))]
    top, bottom = vary(rng, top, 0.04), vary(rng, bottom, 0.03)
    canvas.rgb = mix(top, bottom, canvas.y * rng.uniform(0.9, 1.5))
    field = canvas.noise(1.7, stretch=1.8)
    cover = rng.uniform(-0.3, 1.4)
    opacity = np.clip((field - cover) * 0.7, 0, 1) * rng.uniform(0.5, 0.95)
    bright = vary(rng, (0.96, 0.95, 0.94), 0.02)
    grey = mix(bright, top, 0.5 * np.clip(np.roll(field, 9, axis=0) - cover, 0, 1) * 0.45)
    canvas.blend(opacity, grey)


def ridge(canvas: Canvas, level: float, height: float, rough: float) -> Array:
    """Mask of everything below a random skyline around the level (fraction from the top)."""
    n = canvas.side
    spectrum = np.fft.rfft(canvas.rng.standard_normal(2 * n))
    frequency = np.arange(spectrum.size, dtype=np.float64)
    frequency[0] = np.inf
    line = np.fft.irfft(spectrum / frequency**rough, n=2 * n)[:n]
    line = line / (np.abs(line).max() + 1e-9) * height
    mask: Array = ((canvas.y - (level + line[None, :])) > 0).astype(np.float32)
    return mask


def ground(canvas: Canvas, mask: Array, near: Colour, far: Colour, level: float) -> None:
    """Fill a mask with a texture that grows coarser and stronger towards the viewer."""
    depth = np.clip((canvas.y - level) / max(1 - level, 0.05), 0, 1)
    texture = canvas.noise(0.9, stretch=1.4) * (0.05 + 0.09 * depth) + 0.06 * canvas.noise(1.6)
    canvas.blend(mask, np.clip(mix(far, near, depth) * (1 + texture[..., None]), 0, 1))


def grass(canvas: Canvas, level: float, colour: Colour, count: int = 170) -> None:
    """Blades of grass below the level, larger in front, drawn back to front."""
    rng = canvas.rng
    foot = np.sort(level + (1.04 - level) * rng.random(count) ** 0.7).astype(np.float32)
    length = 0.015 + 0.09 * (foot - level)
    starts = np.stack([rng.random(count), foot], axis=1).astype(np.float32)
    lean = np.stack([rng.normal(0, 0.35, count) * length, -length], axis=1).astype(np.float32)
    shade = rng.normal(1.0, 0.2, (count, 1)) + rng.normal(0, 0.05, (count, 3))
    colours = (np.asarray(colour)[None, :] * shade).astype(np.float32)
    canvas.strokes(starts, starts + lean, colours, 0.006, opacity=0.75)


def meadow(canvas: Canvas) -> None:
    """Grass under a sky."""
    rng = canvas.rng
    sky(canvas)
    level = rng.uniform(0.35, 0.68)
    green = vary(rng, (0.33, 0.50, 0.18), 0.06)
    far = mix(green, (0.62, 0.70, 0.50), np.full((1, 1), 0.4, np.float32))[0, 0]
    if rng.random() < 0.6:
        woods = vary(rng, (0.22, 0.34, 0.20), 0.05)
        canvas.paint(ridge(canvas, level - 0.03, 0.04, 0.8), woods, shade=0, grain=0.12)
    ground(canvas, ridge(canvas, level, 0.02, 1.5), green, tuple(far.tolist()), level)
    grass(canvas, level + 0.04, green)


def hills(canvas: Canvas) -> None:
    """Two to four ranges that fade with distance."""
    rng = canvas.rng
    sky(canvas)
    haze = np.asarray((0.66, 0.74, 0.82))
    options = [(0.28, 0.42, 0.2), (0.42, 0.40, 0.24), (0.32, 0.36, 0.34)]
    base = np.asarray(vary(rng, options[rng.integers(3)], 0.05))
    count = int(rng.integers(2, 5))
    start = rng.uniform(0.3, 0.55)
    for i in range(count):
        near = (i + 1) / count
        colour = haze * (1 - near) * 0.9 + base * (0.1 + 0.9 * near)
        level = start + (0.85 - start) * i / count
        mask = ridge(canvas, level, 0.07, rng.uniform(1.1, 1.6))
        texture = 1 + (0.04 + 0.1 * near) * canvas.noise(1.2)[..., None]
        canvas.blend(mask, np.clip(colour.astype(np.float32) * texture, 0, 1))


def desert(canvas: Canvas) -> None:
    """Dunes or stony ground in warm colours."""
    rng = canvas.rng
    sky(canvas)
    level = rng.uniform(0.45, 0.68)
    sand = vary(rng, (0.80, 0.62, 0.40), 0.05)
    rock = vary(rng, (0.62, 0.40, 0.30), 0.05)
    if rng.random() < 0.6:
        canvas.paint(ridge(canvas, level - 0.08, 0.09, 1.1), rock, shade=0.15, grain=0.1)
    ground(canvas, ridge(canvas, level, 0.025, 1.6), sand, vary(rng, (0.84, 0.70, 0.5)), level)
    for _ in range(int(rng.integers(0, 6))):
        y = rng.uniform(level + 0.06, 0.97)
        pebble(canvas, rng.uniform(0, 1), y, 0.01 + 0.05 * (y - level), rock)


def pebble(canvas: Canvas, x: float, y: float, size: float, colour: Colour) -> None:
    """One shaded stone with a shadow, at canvas fractions."""
    wide = canvas.rng.uniform(1.2, 1.9)
    body = ((canvas.x - x) / (size * wide)) ** 2 + ((canvas.y - y) / size) ** 2 < 1
    under = ((canvas.x - x) / (size * wide * 1.2)) ** 2 + ((canvas.y - y - 0.5 * size) / size) ** 2
    canvas.rgb = canvas.rgb * (1 - 0.35 * np.clip(1.4 - under, 0, 1)[..., None])
    light = 1 + 0.3 * np.clip((y - canvas.y) / size, -1, 1)
    field = np.asarray(vary(canvas.rng, colour), np.float32) * light[..., None]
    canvas.blend(body.astype(np.float32), np.clip(field, 0, 1))


def sea(canvas: Canvas) -> None:
    """Water to a horizon, with drawn-out waves and glints."""
    rng = canvas.rng
    sky(canvas)
    level = rng.uniform(0.4, 0.66)
    if rng.random() < 0.4:
        coast = vary(rng, (0.42, 0.48, 0.50), 0.05)
        canvas.paint(ridge(canvas, level - 0.04, 0.05, 1.2), coast, shade=0, grain=0.07)
    options = [(0.10, 0.30, 0.46), (0.14, 0.42, 0.48), (0.22, 0.32, 0.40)]
    water = vary(rng, options[rng.integers(3)], 0.04)
    mask = (canvas.y > level).astype(np.float32)
    depth = np.clip((canvas.y - level) / (1 - level), 0, 1)
    horizon = canvas.rgb[int(level * canvas.side) - 2].mean(axis=0)
    far = 0.55 * np.asarray(water) + 0.45 * horizon
    waves = canvas.noise(1.0, stretch=6.0)
    field = mix(tuple(far.tolist()), water, depth**0.7)
    field = field * (1 + (0.05 + 0.12 * depth) * waves)[..., None]
    glint = np.clip(waves - 1.4, 0, 1) * 0.5 * (0.4 + depth)
    canvas.blend(mask, np.clip(field + glint[..., None], 0, 1))


def beach(canvas: Canvas) -> None:
    """Sea with sand in front."""
    rng = canvas.rng
    sea(canvas)
    level = rng.uniform(0.66, 0.8)
    sand = vary(rng, (0.86, 0.76, 0.58), 0.04)
    foam = ridge(canvas, level - 0.015, 0.015, 1.5)
    canvas.blend(foam * 0.6, (0.95, 0.96, 0.96))
    ground(canvas, ridge(canvas, level, 0.015, 1.6), sand, vary(rng, sand, 0.03), level)


def underwater(canvas: Canvas) -> None:
    """Blue-green depth with rays from above, sometimes a bed with weed and stones."""
    rng = canvas.rng
    options = [(0.16, 0.55, 0.66), (0.10, 0.44, 0.66), (0.24, 0.58, 0.52)]
    top = vary(rng, options[rng.integers(3)], 0.05)
    deep = tuple((np.asarray(vary(rng, top, 0.03)) * rng.uniform(0.25, 0.5)).tolist())
    canvas.rgb = mix(top, deep, canvas.y * 1.1 + 0.06 * canvas.noise(1.6))
    slant = canvas.x + rng.uniform(-0.5, 0.5) * canvas.y
    rays = np.sin(slant * rng.uniform(14, 26) + 1.3 * canvas.noise(2.2))
    canvas.rgb = canvas.rgb * (1 + 0.12 * (rays * (1 - canvas.y))[..., None])
    if rng.random() < 0.6:
        level = rng.uniform(0.75, 0.92)
        bed = vary(rng, (0.42, 0.48, 0.40), 0.05)
        ground(canvas, ridge(canvas, level, 0.04, 1.3), bed, bed, level)
        for _ in range(int(rng.integers(0, 5))):
            y = rng.uniform(level + 0.03, 1.0)
            pebble(canvas, rng.uniform(0, 1), y, rng.uniform(0.015, 0.05), (0.34, 0.38, 0.38))


def foliage(canvas: Canvas) -> None:
    """Leaves far out of focus: soft discs over a dark 1/f ground."""
    rng = canvas.rng
    options = [(0.24, 0.33, 0.19), (0.31, 0.36, 0.19), (0.35, 0.29, 0.18), (0.20, 0.30, 0.27)]
    base = vary(rng, options[rng.integers(4)], 0.05)
    light = tuple(np.clip(np.asarray(base) * 1.6 + 0.10, 0, 1).tolist())
    canvas.rgb = mix(base, light, 0.35 + 0.22 * canvas.noise(1.8))
    for _ in range(int(rng.integers(8, 22))):
        x, y, radius = rng.random(), rng.random(), rng.uniform(0.03, 0.13)
        disc = np.clip((radius - np.hypot(canvas.x - x, canvas.y - y)) / (0.3 * radius), 0, 1)
        tone = tuple(np.clip(np.asarray(light) * rng.uniform(0.5, 1.35), 0, 1).tolist())
        canvas.blend(disc.astype(np.float32) * rng.uniform(0.15, 0.5), tone)


def forest(canvas: Canvas) -> None:
    """Forest floor: litter in front, trunks out of focus behind."""
    rng = canvas.rng
    foliage(canvas)
    level = rng.uniform(0.4, 0.65)
    for _ in range(int(rng.integers(2, 7))):
        x, width = rng.random(), rng.uniform(0.015, 0.05)
        trunk = np.clip((width - np.abs(canvas.x - x)) / 0.012, 0, 1) * (canvas.y < level + 0.05)
        canvas.blend(trunk.astype(np.float32) * 0.75, vary(rng, (0.24, 0.18, 0.13), 0.04))
    options = [(0.36, 0.26, 0.16), (0.28, 0.34, 0.16)]
    litter = vary(rng, options[rng.integers(2)], 0.05)
    ground(canvas, ridge(canvas, level, 0.03, 1.2), litter, vary(rng, litter, 0.06), level)
    grass(canvas, level, vary(rng, litter, 0.08), count=140)


def snow(canvas: Canvas) -> None:
    """Snowfield with a dark wood behind."""
    rng = canvas.rng
    sky(canvas)
    level = rng.uniform(0.45, 0.65)
    woods = vary(rng, (0.30, 0.36, 0.40), 0.05)
    canvas.paint(ridge(canvas, level - 0.04, 0.06, 0.9), woods, shade=0, grain=0.12)
    white = vary(rng, (0.86, 0.90, 0.95), 0.03)
    field = mix(white, (0.70, 0.78, 0.90), 0.3 + 0.25 * canvas.noise(1.7, stretch=2.0))
    canvas.blend(ridge(canvas, level, 0.03, 1.6), field)


def wall(canvas: Canvas) -> None:
    """Plaster wall over a pavement."""
    rng = canvas.rng
    plaster = vary(rng, (0.70, 0.62, 0.54), 0.1)
    canvas.rgb = mix(plaster, vary(rng, plaster, 0.06), 0.5 + 0.3 * canvas.noise(1.5))
    level = rng.uniform(0.62, 0.85)
    stone = vary(rng, (0.45, 0.44, 0.44), 0.06)
    ground(canvas, (canvas.y > level).astype(np.float32), stone, vary(rng, stone, 0.04), level)


BACKDROPS: dict[str, Callable[[Canvas], None]] = {
    draw.__name__: draw
    for draw in (
        *(sky, meadow, hills, desert, sea, beach),
        *(underwater, foliage, forest, snow, wall),
    )
}
