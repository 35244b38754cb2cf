"""The process that turns a prepared folder into a PDF: nothing but WeasyPrint runs here.

It is started as a script by :mod:`macoaudit.report.pdf`, so that WeasyPrint, its native libraries
and its memory never enter the process of an audit. It imports nothing of macoaudit.

``pdf_child.py --check`` imports WeasyPrint. ``pdf_child.py FOLDER`` reads ``FOLDER/job.json`` and
``FOLDER/document.html`` and writes ``FOLDER/report.pdf``. Both print one JSON object: ``ok``, and
``cause`` (``import``, ``fetch``, ``assets``, ``memory``, ``other``) with ``reason``, or
``n_pages``, ``warnings``, ``peak_mb`` and ``cpu_s``.
"""

import importlib.util
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

SCHEME = "asset:"
VARIANT = "pdf/ua-1"
"""What the file says it conforms to; the tests check it with a validator."""


def _limit(job: dict[str, Any]) -> None:
    """Cap address space and CPU time of this process, where the system knows such limits."""
    try:
        import resource
    except ImportError:  # no such limits on Windows: the parent's wall clock still holds
        return
    wanted = {"RLIMIT_AS": job["memory_bytes"], "RLIMIT_CPU": job["cpu_s"], "RLIMIT_CORE": 0}
    for name, value in wanted.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(kind, (limit, hard))
        except (OSError, ValueError) as error:  # macOS refuses an address-space limit
            sys.stderr.write(f"{name} could not be set: {error}\n")


def _status_kb(field: str) -> int:
    """Read a size of this process from Linux's /proc, in KiB; 0 where there is none."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except (OSError, MemoryError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


def _peak_mb() -> float:
    # On Linux ru_maxrss survives exec: after a large parent it tells the parent's size.
    own_kb = _status_kb("VmHWM")
    if own_kb:
        return own_kb / 2**10
    try:
        import resource
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) / (2**20 if sys.platform == "darwin" else 2**10)


def _near_memory_limit(limit_bytes: int) -> bool:
    """Tell whether address space ran short: native code then fails in ways that do not say so."""
    return _status_kb("VmPeak") * 1024 >= 0.8 * limit_bytes


class _Warnings(logging.Handler):
    """Collects what WeasyPrint warns of; the same text is kept once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()[:500]
        if text not in self.texts and len(self.texts) < 50:
            self.texts.append(text)


def make_fetcher(folder: Path, assets: dict[str, str]) -> Any:  # noqa: ANN401 - WeasyPrint has no types
    """Make a fetcher that serves the job's assets by id and stops at any other address.

    Args:
        folder: the job's folder; the bytes of asset ``x`` are in ``folder/assets/x``.
        assets: id to media type.

    Returns:
        A WeasyPrint ``URLFetcher``; its ``served`` holds the ids that were asked for.
    """
    from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

    class AssetFetcher(URLFetcher):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(allowed_protocols=(), allow_redirects=False, fail_on_errors=True)
            self.served: set[str] = set()

        def fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:  # noqa: ANN401
            name = url.removeprefix(SCHEME)
            if not url.startswith(SCHEME) or name not in assets:
                raise FatalURLFetchingError(f"the document asks for {url[:200]!r}")
            self.served.add(name)
            body = (folder / "assets" / name).read_bytes()
            return URLFetcherResponse(url, body, {"Content-Type": assets[name]})

    return AssetFetcher()


def _mender() -> Any:  # noqa: ANN401
    """Load the neighbour that mends tags, by its path: the package must stay out of here."""
    path = Path(__file__).with_name("pdf_tags.py")
    spec = importlib.util.spec_from_file_location("pdf_tags", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.mend_tags


def render(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Render the job's document and say what came of it."""
    try:
        import weasyprint
        from weasyprint.urls import FatalURLFetchingError
    except (ImportError, OSError) as error:
        return {"ok": False, "cause": "import", "reason": str(error)}
    log = _Warnings()
    logging.getLogger("weasyprint").handlers[:] = [log]
    fetcher = make_fetcher(folder, job["assets"])
    cache = folder / "cache"
    cache.mkdir()
    try:
        html = weasyprint.HTML(
            string=(folder / "document.html").read_text(encoding="utf-8"), url_fetcher=fetcher
        )
        document = html.render(cache=cache, presentational_hints=False, pdf_variant=VARIANT)
        document.write_pdf(
            folder / "report.pdf", finisher=_mender(), pdf_variant=VARIANT, cache=cache
        )
    except MemoryError:
        return {"ok": False, "cause": "memory", "reason": "the memory limit was reached"}
    except FatalURLFetchingError as error:
        cause = error.__cause__
        memory = isinstance(cause, MemoryError)
        return {"ok": False, "cause": "memory" if memory else "fetch", "reason": str(error)}
    missing = sorted(set(job["assets"]) - fetcher.served)
    if missing:
        reason = f"{len(missing)} of {len(job['assets'])} pictures or fonts were never asked for"
        return {"ok": False, "cause": "assets", "reason": reason}
    return {
        "ok": True,
        "n_pages": len(document.pages),
        "warnings": log.texts,
        "peak_mb": round(_peak_mb(), 1),
        "cpu_s": round(time.process_time(), 2),
    }


def check() -> dict[str, Any]:
    """Import WeasyPrint with its native libraries."""
    try:
        import weasyprint
    except (ImportError, OSError) as error:
        return {"ok": False, "cause": "import", "reason": str(error)}
    return {"ok": True, "version": weasyprint.__version__}


def main(argument: str) -> int:
    """Do one job and print its outcome as JSON on one line."""
    memory_bytes = sys.maxsize
    try:
        if argument == "--check":
            outcome = check()
        else:
            folder = Path(argument)
            job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
            memory_bytes = job["memory_bytes"]
            _limit(job)
            outcome = render(folder, job)
    except MemoryError:
        outcome = {"ok": False, "cause": "memory", "reason": "the memory limit was reached"}
    except Exception as error:  # the parent needs a reason, whatever happened
        outcome = {"ok": False, "cause": "other", "reason": f"{type(error).__name__}: {error}"}
    if not outcome["ok"] and outcome["cause"] == "other" and _near_memory_limit(memory_bytes):
        reason = f"the memory limit was reached ({outcome['reason']})"
        outcome = {"ok": False, "cause": "memory", "reason": reason}
    sys.stdout.write(json.dumps(outcome) + "\n")
    return 0 if outcome["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
