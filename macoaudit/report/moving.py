"""An animation of a run folder as a small animated WebP within a byte limit."""

import io
from pathlib import Path

from PIL import Image, ImageSequence

from macoaudit.report.pictures import Encoded, Missing, resolve_inside
from macoaudit.report.words import visible

SIDE_PX = 224
BUDGET_BYTES = 90_000
QUALITIES = (80, 65, 50, 35)
SHRINK = 0.75
_MOST_FRAMES = 64
"""An animation of more frames is none of ours."""


def moving_thumbnail(
    folder: Path, name: str, *, max_side_px: int = SIDE_PX, max_bytes: int = BUDGET_BYTES
) -> Encoded | Missing:
    """Encode an animated picture of the run folder, every frame of it, without end.

    Quality is lowered first, then the size, from the same pixels each time.

    Args:
        folder: the run folder.
        name: path relative to it, as recorded.
        max_side_px: longest side.
        max_bytes: limit of the encoded file.

    Returns:
        The animation, or why there is none.
    """
    path = resolve_inside(folder, name)
    if path is None or not path.is_file():
        return Missing(f"picture {visible(name)} is not in the run folder")
    try:
        frames, times = _frames(path, max_side_px)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return Missing(f"picture {visible(name)} cannot be read ({visible(error)})")
    while True:
        for quality in QUALITIES:
            data = _encode(frames, times, quality)
            if len(data) <= max_bytes:
                return Encoded(data, "image/webp", frames[0].width, frames[0].height)
        size = tuple(max(1, int(side * SHRINK)) for side in frames[0].size)
        if max(size) <= 8:
            return Missing(f"picture {visible(name)} does not fit in {max_bytes} bytes")
        frames = [frame.resize((size[0], size[1]), Image.Resampling.LANCZOS) for frame in frames]


def _frames(path: Path, max_side_px: int) -> tuple[list[Image.Image], list[int]]:
    frames, times = [], []
    with Image.open(path) as opened:
        if getattr(opened, "n_frames", 1) > _MOST_FRAMES:
            raise ValueError(f"{getattr(opened, 'n_frames', 1)} frames")
        for frame in ImageSequence.Iterator(opened):
            picture = frame.convert("RGB")
            picture.thumbnail((max_side_px, max_side_px), Image.Resampling.LANCZOS)
            frames.append(picture)
            times.append(int(frame.info.get("duration", 0)))
    return frames, times


def _encode(frames: list[Image.Image], times: list[int], quality: int) -> bytes:
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=times,
        loop=0,
        quality=quality,
        method=2,
    )
    return buffer.getvalue()
