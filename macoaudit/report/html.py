"""A run as one HTML file: no network, works from disk, readable without its script."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup

from macoaudit.report.csp import content_policy
from macoaudit.report.files import write_atomic
from macoaudit.report.moving import moving_thumbnail
from macoaudit.report.pictures import Encoded, Missing, thumbnail
from macoaudit.report.pieces import Picture
from macoaudit.report.templates import environment, find_templates, read_template_file
from macoaudit.report.view import (
    AnyView,
    AuditView,
    ConceptsView,
    DrawnView,
    Limits,
    MorphView,
    View,
    build_view,
    cards_in_order,
    pictures_of,
)
from macoaudit.results import Run

FILE_NAME = "report.html"
PAGE_BUDGET_BYTES = 10_000_000
"""A page of more than this is slow to open and is refused by mail and issue trackers."""
FRAME_BUDGET_BYTES = 60_000
"""Everything but pictures, cards and table lines."""
FIRST_CARDS, FIRST_BYTES = 60, 6_600_000
"""Cards that are there whatever they hold, in a page of 8 MB, and the bytes of their pictures."""
LEAST_SHARE = 0.4
"""Of a thumbnail's budget: coarser ones show nothing, so cards are left out instead."""
THUMBNAIL_BUDGET_BYTES = 15_000
THUMBNAIL_SIDE_PX = 256
SMALL_BUDGET_BYTES = 5_000
SMALL_SIDE_PX = 128
"""A small thumbnail: a neighbour or one layer of a depth profile."""

TEMPLATES = {
    View: "report.html.j2",
    DrawnView: "visualize.html.j2",
    ConceptsView: "concepts.html.j2",
    AuditView: "audit.html.j2",
    MorphView: "morph.html.j2",
}
Key = tuple[str, bool]
"""A picture's path and whether it is shown small."""


@dataclass(frozen=True)
class Shown:
    """A picture as the template needs it: an address with a size, or the reason for none."""

    url: str | None
    width_px: int
    height_px: int
    reason: str


def shown(picture: Encoded | Missing, url: str = "") -> Shown:
    """Turn an encoded picture into what a template needs; ``url`` replaces the data address."""
    if isinstance(picture, Missing):
        return Shown(None, 0, 0, picture.reason)
    return Shown(url or picture.data_url, picture.width_px, picture.height_px, "")


def _thumbnail(folder: Path, picture: Picture, share: float) -> Shown:
    if picture.animated:
        return shown(moving_thumbnail(folder, picture.path))
    side_px = SMALL_SIDE_PX if picture.small else THUMBNAIL_SIDE_PX
    limit = SMALL_BUDGET_BYTES if picture.small else THUMBNAIL_BUDGET_BYTES
    encoded = thumbnail(
        folder,
        picture.path,
        max_side_px=side_px,
        max_bytes=int(share * limit),
        trim=picture.trim,
    )
    return shown(encoded)


@dataclass(frozen=True)
class _Thumbnails:
    """Pictures of the cards that fit."""

    pictures: dict[Key, Shown]
    n_cards: int
    first_bytes: int
    """Of the first :data:`FIRST_CARDS` cards, or of those there are."""


def _encoded(run: Run, folder: Path, budget_bytes: int, share: float) -> _Thumbnails:
    """Encode the pictures of as many cards as fit, in order; one picture is open at a time."""
    pictures: dict[Key, Shown] = {}
    used, n_cards, first_bytes = 0, 0, 0
    for number, card in enumerate(cards_in_order(run), 1):
        fresh: dict[Key, Shown] = {}
        for picture in pictures_of(card):
            key = picture.key
            entry = pictures.get(key) or fresh.get(key) or _thumbnail(folder, picture, share)
            fresh[key] = entry
            used += len(entry.url or "")  # a picture shown twice is in the page twice
        if number <= FIRST_CARDS:
            first_bytes = used
        if used > budget_bytes:
            break
        pictures.update(fresh)
        n_cards += 1
    return _Thumbnails(pictures, n_cards, first_bytes)


def _thumbnails(run: Run, folder: Path, budget_bytes: int) -> _Thumbnails:
    """Encode the pictures, coarser where the first cards would else not fit their own budget."""
    share = 1.0
    found = _encoded(run, folder, budget_bytes, share)
    while found.first_bytes > FIRST_BYTES and share > LEAST_SHARE:
        share = max(0.95 * share * FIRST_BYTES / found.first_bytes, LEAST_SHARE)
        found = _encoded(run, folder, budget_bytes, share)
    return found


def render_view(view: AnyView, pictures: Mapping[Key, Shown], *, no_js: bool = False) -> str:
    """Render a view to a page.

    Args:
        view: the report as plain data.
        pictures: address or reason for each picture that the view's cards name.
        no_js: leave the script out.

    Returns:
        The page.
    """
    script = "" if no_js else read_template_file("report.js")
    template = environment(find_templates()).get_template(TEMPLATES[type(view)])
    return template.render(
        view=view,
        pictures=pictures,
        policy=content_policy(script),
        style=Markup(read_template_file("report.css")),
        script=Markup(script),
    )


def render_html(run: Run, folder: Path, *, no_js: bool = False) -> str:
    """Render the page of a run within its byte budget.

    Cards are given up first, the last ones first, then lines of the table; the page says
    what is left out.

    Args:
        run: the record.
        folder: the run folder, for the pictures.
        no_js: leave the script out.

    Returns:
        The page. Equal runs give equal pages, outside the element ``#volatile``.

    Raises:
        ReportError: when this version cannot render the run, or its templates are missing.
    """
    found = _thumbnails(run, folder, PAGE_BUDGET_BYTES - FRAME_BUDGET_BYTES)
    limits = Limits(cards=found.n_cards)
    while True:
        page = render_view(build_view(run, limits), found.pictures, no_js=no_js)
        if len(page.encode("utf-8")) <= PAGE_BUDGET_BYTES:
            return page
        if limits.cards:
            limits = replace(limits, cards=limits.cards * 9 // 10)
        elif limits.rows:
            limits = replace(limits, rows=limits.rows * 9 // 10)
        else:
            return page


def write_html(run: Run, folder: Path, *, no_js: bool = False) -> Path:
    """Write ``report.html`` into the run folder, atomically.

    Args:
        run: the record.
        folder: the run folder.
        no_js: leave the script out.

    Returns:
        The file's path.

    Raises:
        ReportError: when it cannot be rendered or written; an earlier file is left as it was.
    """
    path = folder / FILE_NAME
    write_atomic(path, render_html(run, folder, no_js=no_js).encode("utf-8"))
    return path
