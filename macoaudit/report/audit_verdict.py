"""The verdict of an audit in words: what was found, or that silence says this much and no more."""

from collections.abc import Sequence

from macoaudit.report.finding_cards import SEVERITIES, SYMBOLS, findings_in_order
from macoaudit.report.finding_records import AuditBanner
from macoaudit.report.gate_words import (
    gate_incomplete,
    gate_level,
    gate_line,
    gate_sentences,
    gate_status,
    images_line,
)
from macoaudit.report.records import Fact
from macoaudit.report.trust import trust_warning
from macoaudit.report.words import fraction_text, plural, visible
from macoaudit.results import Run, Severity

MAX_NAMES = 8


def _named(run: Run, severity: Severity, *, review: bool = False) -> list[str]:
    return [
        visible(one.class_name)
        for one in findings_in_order(run)
        if one.severity == severity and (one.needs_review or not review)
    ]


def _list(names: Sequence[str]) -> str:
    left = len(names) - MAX_NAMES
    return f"{', '.join(names[:MAX_NAMES])}{f' and {left:,} more' if left > 0 else ''}"


def _counts(run: Run) -> list[str]:
    parts = []
    for severity in SEVERITIES:
        n = len(_named(run, severity))
        if n:
            review = len(_named(run, severity, review=True))
            verb = "needs" if review == 1 else "need"
            doubt = f" ({review:,} {verb} review)" if review else ""
            parts.append(f"{n:,} {severity}{doubt}")
    return parts


def _headline(run: Run) -> tuple[str, str]:
    """The verdict's words and its level."""
    audit = run.shortcuts
    if audit is None or not audit.testable:
        return "Incomplete: nothing could be tested", "open"
    n_tested, total = sum(one.tested for one in audit.classes), len(audit.classes)
    if run.findings:
        words = f"{plural(len(run.findings), 'finding')}: {', '.join(_counts(run))}"
        level: str = next(s for s in SEVERITIES if _named(run, s))
    else:
        words = f"Nothing found in the {n_tested:,} of {total:,} classes that were tested"
        if n_tested == total:
            words = f"Nothing found; {plural(total, 'class', 'classes')} tested, every one"
        level = "none"
    if gate_incomplete(run):
        return f"Incomplete. So far: {words[0].lower()}{words[1:]}", "open"
    return gate_status(run, words), gate_level(run, level)


def _which(run: Run) -> str:
    """Name the classes with findings, or say how near the nearest came."""
    if run.findings:
        parts = [
            f"{severity}: {_list(names)}"
            for severity in SEVERITIES
            if (names := _named(run, severity))
        ]
        text = "; ".join(parts)
        return f"{text[0].upper()}{text[1:]}."
    if run.shortcuts is None or not run.shortcuts.testable:
        return (
            "This is not a pass. The reasons are in the tables of coverage and of tests not made."
        )
    best = max(
        (one for one in run.shortcuts.classes if one.margin is not None),
        key=lambda one: one.margin or 0.0,
        default=None,
    )
    if best is None or best.margin is None:
        return "How near the classes came was not recorded."
    return (
        f"The nearest is {visible(best.class_name)} with a margin of {fraction_text(best.margin)}; "
        "from 1 on a class can be high."
    )


def _symbol(run: Run, level: str) -> str:
    """A tick only where every class was tested."""
    whole = run.shortcuts is not None and all(one.tested for one in run.shortcuts.classes)
    return {**SYMBOLS, "none": "✓" if whole else "●", "open": "○"}[level]


def _warning(run: Run) -> str | None:
    parts = []
    if run.model.weights_origin == "random":
        parts.append(
            "Random weights. This network was never trained: every picture and number below "
            "describes an untrained network."
        )
    if (bad := trust_warning(run.trust)) is not None:
        parts.append(bad)
    return " ".join(parts) or None


def _images(run: Run) -> tuple[str, ...]:
    line = images_line(run)
    return () if line is None else (line,)


def audit_banner(run: Run, sentences: Sequence[str]) -> AuditBanner:
    """Word the verdict of an audit.

    Args:
        run: the record.
        sentences: what was tested, and what was not.
    """
    status, level = _headline(run)
    explanation = _which(run)
    if gate_incomplete(run) and level == "open" and run.shortcuts is not None:
        explanation = f"{explanation} The run is not whole: stages or images are missing."
    classes = () if run.shortcuts is None else run.shortcuts.classes
    n_review = sum(one.needs_review for one in run.findings)
    tiles = [Fact(severity, f"{len(_named(run, severity)):,}") for severity in SEVERITIES]
    tiles += [
        Fact("of these to be reviewed", f"{n_review:,}"),
        Fact("classes tested", f"{sum(one.tested for one in classes):,} of {len(classes):,}"),
        Fact("images", f"{len(run.images):,}"),
    ]
    return AuditBanner(
        status=status,
        complete=level != "open",
        level=level,
        symbol=_symbol(run, level),
        explanation=explanation,
        gate=gate_line(run),
        sentences=(*gate_sentences(run), *_images(run), *sentences),
        warning=_warning(run),
        tiles=tuple(tiles),
    )
