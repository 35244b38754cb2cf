"""A gallery as a folder of pages that works from disk: no network, readable without its script."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Template

from macoaudit.report.files import write_atomic
from macoaudit.report.gallery_records import ClassPage, GalleryView
from macoaudit.report.gallery_view import Concepts, build_gallery_view
from macoaudit.report.html import Shown, shown
from macoaudit.report.pictures import Encoded, thumbnail
from macoaudit.report.pieces import Picture
from macoaudit.report.templates import environment, find_templates, read_template_file
from macoaudit.report.view import source_of
from macoaudit.results import Run

FOLDER = "site"
SITE_BUDGET_BYTES = 25_000_000
"""Of 100 classes with one seed, three channels, three neighbours and three concepts each."""
THUMBNAIL_BUDGET_BYTES, THUMBNAIL_SIDE_PX = 7_000, 160
SMALL_BUDGET_BYTES, SMALL_SIDE_PX = 5_000, 128
DRIVER_BUDGET_BYTES, DRIVER_SIDE_PX = 10_000, 192
FULL_SIDE_PX = 768
FULL_BUDGET_BYTES: Mapping[str, int] = {"image": 45_000, "masked": 30_000, "transparency": 15_000}
"""Of a class's page; divided among its seeds."""
PAGE_BUDGET_BYTES = 20_000
"""Of a class's page without its pictures."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        # file: is what 'self' means to browsers that give pages on disk an origin of their own
        "img-src 'self' file:",
        "style-src 'self' file:",
        "script-src 'self' file:",
        "base-uri 'none'",
        "form-action 'none'",
    )
)


@dataclass(frozen=True)
class _Size:
    """How large a picture may be on the site."""

    suffix: str
    side_px: int
    max_bytes: int


_THUMBNAIL = _Size("-thumb", THUMBNAIL_SIDE_PX, THUMBNAIL_BUDGET_BYTES)
_SMALL = _Size("-small", SMALL_SIDE_PX, SMALL_BUDGET_BYTES)
_DRIVER = _Size("-channel", DRIVER_SIDE_PX, DRIVER_BUDGET_BYTES)


def _full(picture: Picture, n_seeds: int) -> _Size:
    """The size of a class's own picture: its kind is the beginning of its file's name."""
    kind = picture.path.rpartition("/")[2].partition("-")[0]
    limit = FULL_BUDGET_BYTES.get(kind, FULL_BUDGET_BYTES["image"])
    return _Size("", FULL_SIDE_PX, limit // n_seeds)


class _Site:
    """The folder of a site; what it holds is what was written this time."""

    def __init__(self, run_folder: Path) -> None:
        self.run_folder, self.path = run_folder, run_folder / FOLDER
        self.written: set[Path] = set()

    def write(self, name: str, content: bytes) -> None:
        """Write one file, whole or not at all."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path not in self.written:
            write_atomic(path, content)
        self.written.add(path)

    def picture(
        self, picture: Picture, size: _Size, *, folder: Path | None = None, prefix: str = ""
    ) -> Shown:
        """Encode a picture into the site; the address is that from the first page.

        Args:
            picture: of a run folder.
            size: limits.
            folder: the run folder; None: the gallery's own.
            prefix: of the file's name, for pictures of other runs.
        """
        stem = picture.path.removeprefix("images/").rpartition(".")[0].replace("/", "-")
        encoded = thumbnail(
            folder or self.run_folder,
            picture.path,
            max_side_px=size.side_px,
            max_bytes=size.max_bytes,
        )
        if not isinstance(encoded, Encoded):
            return shown(encoded)
        name = f"pictures/{prefix}{stem}{size.suffix}.webp"
        self.write(name, encoded.data)
        return shown(encoded, name)

    def remove_others(self) -> None:
        """Remove pages and pictures of an earlier site that are no part of this one."""
        for path in sorted(self.path.rglob("*")):
            if path.is_file() and path not in self.written:
                path.unlink()


def _pictures(page: ClassPage) -> Iterator[tuple[Picture, _Size]]:
    """Everything of the gallery's own run that a class's page shows, and how large."""
    for card in page.cards:
        for picture in card.pictures:
            yield picture, _full(picture, len(page.cards))
        for picture in card.near:
            yield picture, _SMALL
    for driver in page.drivers.channels if page.drivers else ():
        if driver.picture is not None:
            yield driver.picture, _DRIVER


def _concepts(site: _Site, page: ClassPage) -> list[dict[str, Shown]]:
    """Encode the pictures of a class's concepts, section by section."""
    return [
        {
            picture.path: site.picture(
                picture,
                _SMALL if picture.small else _DRIVER,
                folder=section.folder,
                prefix=f"concept-{page.entry.index}-{number}-",
            )
            for picture in section.pictures
        }
        for number, section in enumerate(page.concepts)
    ]


def write_gallery(run: Run, folder: Path, *, concepts: Concepts | None = None) -> Path:
    """Write the site of a gallery into the run folder.

    Args:
        run: the record.
        folder: the run folder, for the pictures; the site is its folder ``site``.
        concepts: sections on the concepts of classes.

    Returns:
        The path of the first page. It is written last, so a site that has one is whole.

    Raises:
        ReportError: when it cannot be rendered or written.
    """
    view = build_gallery_view(run, source_of(run), concepts)
    site = _Site(folder)
    templates = environment(find_templates())
    style = read_template_file("report.css") + read_template_file("gallery.css")
    site.write("style.css", style.encode())
    site.write("gallery.js", read_template_file("gallery.js").encode())
    template = templates.get_template("gallery_class.html.j2")
    for place, page in enumerate(view.pages):
        text = _class_page(template, site, view, place)
        site.write(f"classes/{page.entry.id}.html", text.encode())
    entries = [page.entry for page in view.pages]
    thumbnails = {
        picture.path: site.picture(picture, _THUMBNAIL)
        for entry in entries
        for picture in (entry.picture, entry.masked)
        if picture is not None
    }
    first = templates.get_template("gallery.html.j2").render(
        view=view, entries=entries, pictures=thumbnails, policy=POLICY
    )
    site.write("index.html", first.encode())
    site.remove_others()
    return site.path / "index.html"


def _class_page(template: Template, site: _Site, view: GalleryView, place: int) -> str:
    """Render one class's page and write its pictures."""
    pages, page = view.pages, view.pages[place]
    pictures = {picture.path: site.picture(picture, size) for picture, size in _pictures(page)}
    return template.render(
        view=view,
        page=page,
        pictures=pictures,
        concepts=_concepts(site, page),
        policy=POLICY,
        before=pages[place - 1].entry if place else None,
        after=pages[place + 1].entry if place + 1 < len(pages) else None,
    )
