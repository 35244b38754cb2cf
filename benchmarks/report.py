"""Time, memory and size of the reports, against the budgets that they have.

    python -m benchmarks.report                         # 10, 60 and 250 images, and the bounds
    python -m benchmarks.report --images 60 --kinds audit

Makes run folders of N images with every measure filled in (:mod:`benchmarks.report_runs`), then
renders each in a process of its own, as ``macoaudit report`` does. Prints Markdown; with ``--json``
the measurements. Wall time depends on what else the machine does; processor seconds hardly do.
"""

import argparse
import base64
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.assets import machine

KINDS = ("invert", "audit", "wide", "large")
LARGE = 5000
MB = 1e6
_DATA = re.compile(r'src="data:image/[a-z]+;base64,([A-Za-z0-9+/=]+)"')


@dataclass(frozen=True)
class Measured:
    """What one run's reports took."""

    kind: str
    n_images: int
    n_pictures: int
    html_s: float
    html_cpu_s: float
    html_bytes: int
    frame_bytes: int
    js_bytes: int
    thumbnail_bytes: int
    """The largest one."""
    parent_mb: float
    """Peak resident memory of the process that renders the page and prepares the PDF."""
    pdf_s: float | None = None
    """None where no PDF is made of such a run here."""
    pdf_cpu_s: float | None = None
    """Of both processes."""
    pdf_mb: float | None = None
    """Peak resident memory of the process that lays the PDF out."""
    pdf_bytes: int | None = None
    pdf_pages: int | None = None


@dataclass(frozen=True)
class Budget:
    """A number that must not be passed."""

    name: str
    limit: float
    unit: str
    value: Callable[[Measured], float | None]
    applies: Callable[[Measured], bool]


def _sixty(one: Measured) -> bool:
    return one.kind in ("invert", "audit") and one.n_images == 60


def _narrow(one: Measured) -> bool:
    return one.kind != "wide"  # a thousand lines of coverage are no frame


def _wide(one: Measured) -> bool:
    return one.kind == "wide"


def _any(one: Measured) -> bool:
    return True


BUDGETS = (
    Budget("page of 60 images", 8.0, "MB", lambda m: m.html_bytes / MB, _sixty),
    Budget("PDF of 60 images, wall", 20.0, "s", lambda m: m.pdf_s, _sixty),
    Budget("PDF of 60 images, memory", 600.0, "MB", lambda m: m.pdf_mb, _sixty),
    Budget("page", 10.0, "MB", lambda m: m.html_bytes / MB, _any),
    Budget("frame of a page", 60.0, "kB", lambda m: m.frame_bytes / 1e3, _narrow),
    Budget("script", 10.0, "kB", lambda m: m.js_bytes / 1e3, _any),
    Budget("largest thumbnail", 15.0, "kB", lambda m: m.thumbnail_bytes / 1e3, _any),
    Budget(
        "PDF of 1000 classes and 300 images, processor", 60.0, "s", lambda m: m.pdf_cpu_s, _wide
    ),
    Budget("PDF of 1000 classes and 300 images, memory", 1000.0, "MB", lambda m: m.pdf_mb, _wide),
)


def _cpu_s() -> float:
    """Processor seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss is also that of the process that started this one
        lines = status.read_text(encoding="ascii").splitlines()
        return next(int(s.split()[1]) for s in lines if s.startswith("VmHWM:")) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def measure(folder: Path, kind: str, n_images: int) -> Measured:
    """Render the reports of a run folder and measure them.

    Args:
        folder: holds ``results.json`` and the pictures.
        kind: of the run.
        n_images: of the run.
    """
    from macoaudit.report.html import render_html, render_view
    from macoaudit.report.pdf import render_pdf
    from macoaudit.report.templates import read_template_file
    from macoaudit.report.view import Limits, build_view
    from macoaudit.store import read_results

    run = read_results(folder)
    began, cpu = time.perf_counter(), _cpu_s()
    page = render_html(run, folder)
    html_s, html_cpu_s = time.perf_counter() - began, _cpu_s() - cpu
    pictures = [len(base64.b64decode(text)) for text in _DATA.findall(page)]
    frame = render_view(build_view(run, Limits(cards=0, rows=0)), {})
    pdf: dict[str, float | int] = {}
    if kind != "large":  # the PDF shows as many cards of it as of any run
        began, cpu = time.perf_counter(), _cpu_s()
        rendered = render_pdf(run, folder)
        pdf = {
            "pdf_s": time.perf_counter() - began,
            "pdf_cpu_s": _cpu_s() - cpu,
            "pdf_mb": rendered.peak_mb,
            "pdf_bytes": len(rendered.data),
            "pdf_pages": rendered.n_pages,
        }
    return Measured(
        kind=kind,
        n_images=len(run.images) if kind in ("wide", "large") else n_images,
        n_pictures=len(pictures),
        html_s=html_s,
        html_cpu_s=html_cpu_s,
        html_bytes=len(page.encode()),
        frame_bytes=len(frame.encode()),
        js_bytes=len(read_template_file("report.js").encode()),
        thumbnail_bytes=max(pictures, default=0),
        parent_mb=_peak_mb(),
        **pdf,  # type: ignore[arg-type]
    )


def _in_a_process(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.report", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def measure_apart(kind: str, n_images: int) -> Measured:
    """Make a run folder in one process and measure its reports in another."""
    with tempfile.TemporaryDirectory(prefix="macoaudit-bench-") as scratch:
        folder = str(Path(scratch) / "run")
        _in_a_process("--make", folder, "--kinds", kind, "--images", str(n_images))
        text = _in_a_process("--measure", folder, "--kinds", kind, "--images", str(n_images))
    return Measured(**json.loads(text))


def _text(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)  # noqa: RUF001


def table(measured: list[Measured]) -> Iterator[str]:
    """The measurements as a Markdown table."""
    yield (
        "| run | images | pictures | page, MB | frame, kB | largest thumbnail, kB | page, s (CPU) "
        "| parent, MB | PDF, s (CPU) | PDF child, MB | PDF, MB | pages |"
    )
    yield "|---|" + "---:|" * 11
    for one in measured:
        pdf_mb = None if one.pdf_bytes is None else one.pdf_bytes / MB
        yield (
            f"| {one.kind} | {one.n_images:,} | {one.n_pictures:,} | {one.html_bytes / MB:.2f} "
            f"| {one.frame_bytes / 1e3:.1f} | {one.thumbnail_bytes / 1e3:.1f} "
            f"| {one.html_s:.1f} ({one.html_cpu_s:.1f}) | {one.parent_mb:.0f} "
            f"| {_text(one.pdf_s, '.1f')} ({_text(one.pdf_cpu_s, '.1f')}) "
            f"| {_text(one.pdf_mb, '.0f')} | {_text(pdf_mb, '.2f')} | {_text(one.pdf_pages, 'd')} |"
        )


def verdicts(measured: list[Measured]) -> Iterator[tuple[str, bool]]:
    """Each budget with its worst value, and whether it is met."""
    for budget in BUDGETS:
        values = [
            value
            for one in measured
            if budget.applies(one) and (value := budget.value(one)) is not None
        ]
        if not values:
            yield f"| {budget.name} | {budget.limit:g} {budget.unit} | not measured | |", True
            continue
        worst = max(values)
        met = worst <= budget.limit
        word = "met" if met else "**missed**"
        limit = f"{budget.limit:g} {budget.unit}"
        yield f"| {budget.name} | {limit} | {worst:.2f} {budget.unit} | {word} |", met


def main() -> None:
    """Measure, print, and end with 1 where a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[10, 60, 250])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--json", action="store_true", help="print the measurements as JSON")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make is not None:
        from benchmarks.report_runs import write

        write(given.make, given.kinds[0], given.images[0])
        return
    if given.measure is not None:
        print(json.dumps(asdict(measure(given.measure, given.kinds[0], given.images[0]))))
        return
    load = os.getloadavg()[0]
    wanted = [(kind, n) for kind in given.kinds for n in given.images if kind in KINDS[:2]]
    wanted += [("wide", 0)] if "wide" in given.kinds else []
    wanted += [("large", LARGE)] if "large" in given.kinds else []
    measured = [measure_apart(kind, n) for kind, n in wanted]
    lines = list(verdicts(measured))
    if given.json:
        document = {"machine": machine(), "load": load, "runs": [asdict(m) for m in measured]}
        print(json.dumps(document, indent=2))
    else:
        found = machine()
        print(
            f"{found['cpu']}, {os.cpu_count()} cores, load {load:.1f} to {os.getloadavg()[0]:.1f} "
            f"while measured, {found['date']}.\n"
        )
        print("\n".join(table(measured)))
        print("\n| budget | limit | worst | |\n|---|---:|---:|---|")
        print("\n".join(line for line, _ in lines))
    sys.exit(not all(met for _, met in lines))


if __name__ == "__main__":
    main()
