"""Rows of pictures with captions as one PNG, for pages that can hold nothing but pictures."""

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from macoaudit.images import to_png_bytes
from macoaudit.report.templates import find_templates
from macoaudit.report.words import visible

_GAP_PX = 12
_LINE_PX = 20
_FONT_PX = 14
_INK, _PAPER = (32, 38, 46), (255, 255, 255)
# Narrower pictures are enlarged by a whole factor, so that their captions have room.
_NARROWEST_PX = 144


Captioned = tuple[Float[Tensor, "3 height width"], Sequence[str]]


def contact_sheet(rows: Sequence[Sequence[Captioned]]) -> bytes:
    """Put pictures into rows, each above its caption.

    Args:
        rows: values in [0, 1] and the lines of the caption; all pictures of one size. Lines that
            are too long for the picture's width are cut.

    Returns:
        The bytes of a PNG file, the same for the same pictures and Pillow.

    Raises:
        ImageError: when a value is outside [0, 1] or not finite.
    """
    height, width = rows[0][0][0].shape[-2:]
    factor = -(-_NARROWEST_PX // width)
    width, height = width * factor, height * factor
    heights = [height + max(len(lines) for _, lines in row) * _LINE_PX + _GAP_PX for row in rows]
    size = (_GAP_PX + max(map(len, rows)) * (width + _GAP_PX), _GAP_PX + sum(heights))
    sheet = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(sheet)
    regular, bold = (
        ImageFont.truetype(str(find_templates() / "fonts" / f"OpenSans-{weight}.ttf"), _FONT_PX)
        for weight in ("Regular", "Semibold")
    )
    top = _GAP_PX
    for row, row_height in zip(rows, heights, strict=True):
        for place, (image, lines) in enumerate(row):
            left = _GAP_PX + place * (width + _GAP_PX)
            tile = Image.open(io.BytesIO(to_png_bytes(image)))
            sheet.paste(tile.resize((width, height), Image.Resampling.NEAREST), (left, top))
            for number, line in enumerate(lines):
                font = regular if number else bold
                at = (left, top + height + 3 + number * _LINE_PX)
                draw.text(at, _cut(visible(line), font, width), fill=_INK, font=font)
        top += row_height
    return _encoded(sheet)


def _cut(text: str, font: ImageFont.FreeTypeFont, width_px: int) -> str:
    if font.getlength(text) <= width_px:
        return text
    while text and font.getlength(text + "...") > width_px:
        text = text[:-1]
    return text + "..."


def _encoded(sheet: Image.Image) -> bytes:
    # Through an array, so that nothing but the pixels gets into the file.
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(sheet)).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
