"""A comparison as a PDF, by the same child process as every other report."""

import hashlib
import tempfile
from pathlib import Path

from markupsafe import Markup

from macoaudit.comparing import Comparison, Loaded
from macoaudit.comparing.records import Letter
from macoaudit.report import pdf_child
from macoaudit.report.compare_html import Key
from macoaudit.report.compare_records import CompareView, FindingPairCard, PairCard
from macoaudit.report.compare_view import CompareLimits, build_compare_view, pair_pictures_of
from macoaudit.report.html import Shown, shown
from macoaudit.report.pdf import FONTS, SIDE_PX, SMALL_SIDE_PX, ChildLimits, Rendered, render_job
from macoaudit.report.pictures import Encoded, jpeg
from macoaudit.report.templates import environment, find_templates, read_template_file

FILE_NAME = "compare.pdf"
LIMITS = CompareLimits(findings=40, cards=40, rows=1000, chunk=100)
"""A printed comparison shows less than the page: layout takes time."""


class _Assets:
    """The pictures and fonts of one job, named by what is in them."""

    def __init__(self, scratch: Path) -> None:
        self.folder = scratch / "assets"
        self.folder.mkdir()
        self.types: dict[str, str] = {}

    def add(self, data: bytes, media_type: str) -> str:
        name = hashlib.sha256(data).hexdigest()
        if name not in self.types:
            (self.folder / name).write_bytes(data)
            self.types[name] = media_type
        return f"{pdf_child.SCHEME}{name}"


def _pictures(view: CompareView, a: Loaded, b: Loaded, assets: _Assets) -> dict[Key, Shown]:
    folders: dict[Letter, Path] = {"A": a.folder, "B": b.folder}
    pictures: dict[Key, Shown] = {}
    cards: list[FindingPairCard | PairCard] = [*view.findings, *view.cards]
    for card in cards:
        for wanted in pair_pictures_of(card):
            if wanted.key in pictures:
                continue
            side_px = SMALL_SIDE_PX if wanted.small else SIDE_PX
            picture = jpeg(folders[wanted.run], wanted.path, max_side_px=side_px, trim=wanted.trim)
            url = (
                assets.add(picture.data, picture.media_type) if isinstance(picture, Encoded) else ""
            )
            pictures[wanted.key] = shown(picture, url)
    return pictures


def render_compare_pdf(
    comparison: Comparison, a: Loaded, b: Loaded, *, limits: ChildLimits | None = None
) -> Rendered:
    """Render the PDF of a comparison.

    Args:
        comparison: the record.
        a: run A, for its pictures.
        b: run B, for its pictures.
        limits: what the rendering process may use.

    Raises:
        ReportError: when it cannot be rendered.
    """
    view = build_compare_view(comparison, a.run, b.run, LIMITS)
    templates = find_templates()
    with tempfile.TemporaryDirectory(prefix="macoaudit-pdf-") as name:
        scratch = Path(name)
        assets = _Assets(scratch)
        pictures = _pictures(view, a, b, assets)
        fonts = {
            key: assets.add((templates / "fonts" / file).read_bytes(), "font/ttf")
            for key, file in FONTS.items()
        }
        style = read_template_file("print.css") + read_template_file("compare_print.css")
        document = (
            environment(templates)
            .get_template("compare_print.html.j2")
            .render(view=view, pictures=pictures, style=Markup(style), fonts=fonts)
        )
        return render_job(document, scratch, assets.types, limits or ChildLimits())
