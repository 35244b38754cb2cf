"""Comparisons as one HTML file without network or script, and as one JSON document."""

import io
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from macoaudit import __version__
from macoaudit.files import write_bytes
from macoaudit.images import read_image
from macoaudit.methods.comparison import RECORD, as_json
from macoaudit.methods.records import Comparison
from macoaudit.methods.view import NetworkView, build_page
from macoaudit.report.html import Shown
from macoaudit.report.pictures import Encoded
from macoaudit.report.templates import environment, find_templates, read_template_file

PAGE = "methods.html"
_SIDE_PX = 160
_QUALITY = 78
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)


def write_methods(
    comparisons: Sequence[Comparison], out: Path, folders: Sequence[Path]
) -> tuple[Path, Path]:
    """Write ``methods.json`` and ``methods.html``.

    Args:
        comparisons: one a network.
        out: folder of both files.
        folders: the folder of each comparison, for its pictures.

    Returns:
        The paths of both.

    Raises:
        ImageError: when a picture cannot be read.
        StoreError: when a file cannot be written.
    """
    record, page = out / RECORD, out / PAGE
    write_bytes(record, as_json(comparisons).encode())
    write_bytes(page, render_page(comparisons, folders).encode())
    return record, page


def render_page(comparisons: Sequence[Comparison], folders: Sequence[Path]) -> str:
    """Render the page with its pictures inside.

    Args:
        comparisons: one a network.
        folders: the folder of each, for its pictures.
    """
    view = build_page(comparisons, [str(folder) for folder in folders], f"macoaudit {__version__}")
    pictures = {network.anchor: _pictures(network) for network in view.networks}
    template = environment(find_templates()).get_template("methods.html.j2")
    return template.render(
        view=view,
        pictures=pictures,
        policy=_POLICY,
        style=Markup(read_template_file("report.css") + read_template_file("methods.css")),
    )


def _pictures(network: NetworkView) -> dict[str, Shown]:
    found = {}
    for row in network.sheet:
        for picture in row.pictures:
            if picture.path is not None:
                found[picture.path] = _shown(Path(network.folder) / picture.path)
    return found


def _shown(path: Path) -> Shown:
    image = read_image(path)
    image.thumbnail((_SIDE_PX, _SIDE_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY, method=4)
    encoded = Encoded(buffer.getvalue(), "image/webp", image.width, image.height)
    return Shown(encoded.data_url, image.width, image.height, "")
