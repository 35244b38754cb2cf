"""A comparison as one HTML file: no network, works from disk, readable without its script."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

from macoaudit.comparing import Comparison, Loaded
from macoaudit.comparing.records import Letter
from macoaudit.report.compare_records import CompareView, FindingPairCard, PairCard, PairPicture
from macoaudit.report.compare_view import (
    CompareLimits,
    build_compare_view,
    cards_in_order,
    pair_pictures_of,
)
from macoaudit.report.csp import content_policy
from macoaudit.report.html import (
    FRAME_BUDGET_BYTES,
    SMALL_BUDGET_BYTES,
    SMALL_SIDE_PX,
    THUMBNAIL_BUDGET_BYTES,
    THUMBNAIL_SIDE_PX,
    Shown,
    shown,
)
from macoaudit.report.pictures import thumbnail
from macoaudit.report.templates import environment, find_templates, read_template_file

FILE_NAME = "compare.html"
PAGE_BUDGET_BYTES = 8_000_000
_CARD_BYTES, _ATTRIBUTE_BYTES, _ROW_BYTES = 2_500, 800, 600
"""About what a card, an attribute on it and a line of a table take beside pictures."""
Key = tuple[Letter, str, bool]
"""Which run's picture, its path, and whether it is shown small."""


def _thumbnail(folders: Mapping[Letter, Path], picture: PairPicture) -> Shown:
    side_px = SMALL_SIDE_PX if picture.small else THUMBNAIL_SIDE_PX
    limit = SMALL_BUDGET_BYTES if picture.small else THUMBNAIL_BUDGET_BYTES
    folder = folders[picture.run]
    return shown(
        thumbnail(folder, picture.path, max_side_px=side_px, max_bytes=limit, trim=picture.trim)
    )


def _thumbnails(
    comparison: Comparison, a: Loaded, b: Loaded, budget_bytes: int
) -> tuple[dict[Key, Shown], CompareLimits]:
    """Encode the pictures of as many cards as fit, in order; one picture is open at a time."""
    folders: dict[Letter, Path] = {"A": a.folder, "B": b.folder}
    pictures: dict[Key, Shown] = {}
    used, n_findings, n_cards = 0, 0, 0
    for card in cards_in_order(comparison, a.run, b.run):
        fresh: dict[Key, Shown] = {}
        used += _CARD_BYTES
        if isinstance(card, PairCard):
            used += _ATTRIBUTE_BYTES * len(card.attributes)
        for picture in pair_pictures_of(card):
            key = picture.key
            entry = pictures.get(key) or fresh.get(key) or _thumbnail(folders, picture)
            fresh[key] = entry
            used += len(entry.url or "")  # a picture shown twice is in the page twice
        if used > budget_bytes:
            break
        pictures.update(fresh)
        if isinstance(card, FindingPairCard):
            n_findings += 1
        else:
            n_cards += 1
    return pictures, CompareLimits(n_findings, n_cards)


def render_compare_view(
    view: CompareView, pictures: Mapping[Key, Shown], *, no_js: bool = False
) -> str:
    """Render a view to a page.

    Args:
        view: the comparison as plain data.
        pictures: address or reason for each picture that the view's cards name.
        no_js: leave the script out.
    """
    script = "" if no_js else read_template_file("report.js")
    template = environment(find_templates()).get_template("compare.html.j2")
    return template.render(
        view=view,
        pictures=pictures,
        policy=content_policy(script),
        style=Markup(read_template_file("report.css") + read_template_file("compare.css")),
        script=Markup(script),
    )


def render_compare_html(
    comparison: Comparison,
    a: Loaded,
    b: Loaded,
    *,
    no_js: bool = False,
    budget_bytes: int = PAGE_BUDGET_BYTES,
) -> str:
    """Render the page of a comparison within its byte budget.

    Cards of images are given up first, the last ones first, then lines of the tables, then cards of
    findings; the page says what is left out.

    Args:
        comparison: the record.
        a: run A, for its pictures.
        b: run B, for its pictures.
        no_js: leave the script out.
        budget_bytes: of the page.

    Returns:
        The page; equal runs give equal pages.

    Raises:
        ReportError: when its templates are missing.
    """
    n_rows = len(comparison.images) + len(comparison.only_in_one) + len(comparison.classes)
    spent = FRAME_BUDGET_BYTES + _ROW_BYTES * n_rows
    pictures, limits = _thumbnails(comparison, a, b, max(budget_bytes - spent, budget_bytes // 2))
    while True:
        view = build_compare_view(comparison, a.run, b.run, limits)
        page = render_compare_view(view, pictures, no_js=no_js)
        if len(page.encode("utf-8")) <= budget_bytes:
            return page
        if limits.cards:
            limits = replace(limits, cards=limits.cards * 3 // 4)
        elif limits.rows:
            limits = replace(limits, rows=min(limits.rows, n_rows) * 3 // 4)
        elif limits.findings:
            limits = replace(limits, findings=limits.findings * 3 // 4)
        else:
            return page
