"""A run as a PDF: the printed document is prepared here and rendered by a child process.

The child (:mod:`macoaudit.report.pdf_child`) has limits on memory, CPU and wall time and sees only
the pictures and fonts handed to it. A failure there raises and touches no other file.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from macoaudit.errors import ReportError
from macoaudit.report import epoch, pdf_child
from macoaudit.report.files import write_atomic
from macoaudit.report.html import Key, Shown, shown
from macoaudit.report.pictures import Encoded, jpeg
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
    pictures_of,
)
from macoaudit.results import Retention, Run

FILE_NAME = "report.pdf"
LIMITS = Limits(cards=100, rows=1000, chunk=100, seeds=3, transfer=9, places=16, evidence=3)
"""A printed report shows less than the page: a card must fit on a sheet, and layout takes time."""
MEASURED_CARDS = 40  # such a card takes a sheet or two, and some 10 MB of memory in layout
AUDIT_CARDS, AUDIT_IMAGES = 80, 20
"""Beside the findings of an audit: drawings and images, and of these images."""
TEMPLATES = {
    View: "print.html.j2",
    DrawnView: "visualize_print.html.j2",
    ConceptsView: "concepts_print.html.j2",
    AuditView: "audit_print.html.j2",
    MorphView: "morph_print.html.j2",
}
SIDE_PX, SMALL_SIDE_PX = 384, 192
"""Longest side of a picture and of a small one; about 220 dots per inch in print."""
FONTS = {"regular": "OpenSans-Regular.ttf", "semibold": "OpenSans-Semibold.ttf"}
INSTALL = (
    "Install it with: pip install 'weasyprint>=70' and, on Debian or Ubuntu, "
    "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
)
_CHILD_VARIABLES = ("PATH", "HOME", "LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "SYSTEMROOT",
                    "FONTCONFIG_FILE", "FONTCONFIG_PATH", "PYTHONPATH", "VIRTUAL_ENV")  # fmt: skip


@dataclass(frozen=True)
class ChildLimits:
    """What the rendering process may use at most."""

    memory_bytes: int = 2 * 2**30
    """Address space, which is more than resident memory."""
    cpu_s: int = 240
    wall_s: float = 600.0


@dataclass(frozen=True)
class Rendered:
    """A finished PDF and what its making took."""

    data: bytes
    n_pages: int
    warnings: tuple[str, ...]
    peak_mb: float
    cpu_s: float


def _run_child(argument: str, wall_s: float, scratch: str) -> dict[str, Any]:
    """Start the child by its path (``-P``: its own folder stays off the import path)."""
    variables = {name: os.environ[name] for name in _CHILD_VARIABLES if name in os.environ}
    variables |= {
        epoch.VARIABLE: epoch.source_date_epoch(),
        "TMPDIR": scratch,
        "LC_ALL": "C.UTF-8",
        "PYTHONIOENCODING": "utf-8",
    }
    try:
        done = subprocess.run(
            [sys.executable, "-P", pdf_child.__file__, argument],
            env=variables,
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=wall_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"ok": False, "cause": "time", "reason": f"no result within {wall_s:g} s"}
    except OSError as error:
        return {"ok": False, "cause": "other", "reason": f"no process could be started ({error})"}
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    try:
        outcome = json.loads(lines[-1]) if lines else None
    except json.JSONDecodeError:
        outcome = None
    return outcome if isinstance(outcome, dict) else _died(done)


def _died(done: "subprocess.CompletedProcess[bytes]") -> dict[str, Any]:
    """Say why a child left no outcome, as well as its exit status and last words tell."""
    words = done.stderr.decode("utf-8", "replace").strip().splitlines()
    last = words[-1] if words else "no message"
    if done.returncode == -getattr(signal, "SIGXCPU", 0):
        return {"ok": False, "cause": "time", "reason": "its processor time ran out"}
    if any(
        word in done.stderr
        for word in (b"MemoryError", b"llocat", b"out of memory", b"creating thread")
    ):
        return {"ok": False, "cause": "memory", "reason": f"the memory limit was reached ({last})"}
    return {
        "ok": False,
        "cause": "other",
        "reason": f"the process ended with status {done.returncode} ({last})",
    }


def _advice(outcome: dict[str, Any]) -> str:
    if outcome["cause"] == "import":
        return f"{outcome['reason'].splitlines()[0]}. {INSTALL}"
    if outcome["cause"] in ("time", "memory"):
        return f"{outcome['reason']}. The HTML report and results.json are complete; use those"
    return f"{outcome['reason']}. The HTML report and results.json are not affected"


def require_pdf() -> None:
    """Make sure, before any work, that PDF reports can be made on this machine.

    WeasyPrint is imported in a child process, never in this one.

    Raises:
        UsageError: when ``SOURCE_DATE_EPOCH`` is set to no whole number of seconds.
        ReportError: when WeasyPrint or a native library is missing; it names the cause and the
            commands that install both.
    """
    with tempfile.TemporaryDirectory(prefix="macoaudit-pdf-") as scratch:
        outcome = _run_child("--check", 120.0, scratch)
    if not outcome["ok"]:
        raise ReportError(f"pdf: WeasyPrint cannot be used: {_advice(outcome)}")
    if int(outcome["version"].split(".")[0]) < 70:
        raise ReportError(
            f"pdf: WeasyPrint {outcome['version']} is installed, 70 or later is needed. {INSTALL}"
        )


def _add_asset(folder: Path, assets: dict[str, str], data: bytes, media_type: str) -> str:
    name = hashlib.sha256(data).hexdigest()
    if name not in assets:
        (folder / "assets" / name).write_bytes(data)
        assets[name] = media_type
    return f"{pdf_child.SCHEME}{name}"


def limits_for(run: Run) -> Limits:
    """Choose how much of a run is printed: fewer cards where they are large."""
    measured = any(isinstance(image.retention, Retention) for image in run.images)
    if run.command == "audit":  # findings come first and have no part in the images' number
        cards = AUDIT_CARDS + len(run.findings)
        return replace(LIMITS, cards=cards, image_cards=AUDIT_IMAGES)
    measured = measured or run.command == "morph"
    return replace(LIMITS, cards=MEASURED_CARDS) if measured else LIMITS


def _prepare_pictures(
    view: AnyView, folder: Path, scratch: Path, assets: dict[str, str]
) -> dict[Key, Shown]:
    pictures: dict[Key, Shown] = {}
    for wanted in (picture for card in view.cards for picture in pictures_of(card)):
        if wanted.key in pictures:
            continue
        side_px = SMALL_SIDE_PX if wanted.small else SIDE_PX
        picture = jpeg(folder, wanted.path, max_side_px=side_px, trim=wanted.trim)
        url = ""
        if isinstance(picture, Encoded):
            url = _add_asset(scratch, assets, picture.data, picture.media_type)
        pictures[wanted.key] = shown(picture, url)
    return pictures


def render_document(view: AnyView, pictures: dict[Key, Shown], fonts: dict[str, str]) -> str:
    """Render a view to the HTML that is printed.

    Args:
        view: the report as plain data.
        pictures: address or reason for each picture that the view's cards name.
        fonts: address of each font of :data:`FONTS`.

    Returns:
        The document; its only outside references are ``asset:`` addresses.
    """
    template = environment(find_templates()).get_template(TEMPLATES[type(view)])
    style = Markup(read_template_file("print.css"))
    return template.render(view=view, pictures=pictures, style=style, fonts=fonts)


def render_job(
    document: str, scratch: Path, assets: dict[str, str], limits: ChildLimits
) -> Rendered:
    """Render a document in the child process.

    Args:
        document: the HTML to print.
        scratch: a folder for this job alone; its ``assets`` folder holds the assets by id.
        assets: id to media type.
        limits: what the child may use.

    Returns:
        The PDF.

    Raises:
        ReportError: when the child fails, runs into a limit, or leaves no PDF.
    """
    job = {"assets": assets, **asdict(limits)}
    (scratch / "document.html").write_text(document, encoding="utf-8")
    (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
    outcome = _run_child(str(scratch), limits.wall_s, str(scratch))
    if not outcome["ok"]:
        raise ReportError(f"pdf: the report could not be rendered: {_advice(outcome)}")
    try:
        data = (scratch / "report.pdf").read_bytes()
    except OSError as error:
        raise ReportError(f"pdf: the rendering left no file ({error.strerror})") from error
    if not data.startswith(b"%PDF-") or b"%%EOF" not in data[-1024:]:
        raise ReportError(
            f"pdf: the rendering left {len(data)} bytes that are no whole PDF. "
            "The HTML report and results.json are not affected"
        )
    known = {name: outcome[name] for name in ("n_pages", "peak_mb", "cpu_s")}
    return Rendered(data=data, warnings=tuple(outcome["warnings"]), **known)


def render_pdf(run: Run, folder: Path, *, limits: ChildLimits | None = None) -> Rendered:
    """Render the PDF of a run without writing into its folder.

    Args:
        run: the record.
        folder: the run folder, for the pictures.
        limits: what the rendering process may use.

    Returns:
        The PDF, its page count, WeasyPrint's warnings and the child's peak memory.

    Raises:
        ReportError: when it cannot be rendered.
    """
    view = build_view(run, limits_for(run))
    try:
        with tempfile.TemporaryDirectory(prefix="macoaudit-pdf-") as name:
            return _render_in(view, folder, Path(name), limits or ChildLimits())
    except OSError as error:
        raise ReportError(
            f"pdf: the report could not be rendered: its pictures do not fit in "
            f"{tempfile.gettempdir()} ({error.strerror or error}). Make room there or set TMPDIR; "
            "the HTML report and results.json are not affected"
        ) from error


def _render_in(view: AnyView, folder: Path, scratch: Path, limits: ChildLimits) -> Rendered:
    assets: dict[str, str] = {}
    (scratch / "assets").mkdir()
    pictures = _prepare_pictures(view, folder, scratch, assets)
    place = find_templates() / "fonts"
    fonts = {
        key: _add_asset(scratch, assets, (place / file).read_bytes(), "font/ttf")
        for key, file in FONTS.items()
    }
    return render_job(render_document(view, pictures, fonts), scratch, assets, limits)


def write_pdf(run: Run, folder: Path, *, limits: ChildLimits | None = None) -> Path:
    """Write ``report.pdf`` into the run folder, atomically.

    Args:
        run: the record.
        folder: the run folder.
        limits: what the rendering process may use.

    Returns:
        The file's path.

    Raises:
        ReportError: when it cannot be rendered or written; an earlier file, the HTML report and
            ``results.json`` are left as they were.
    """
    path = folder / FILE_NAME
    write_atomic(path, render_pdf(run, folder, limits=limits).data)
    return path
