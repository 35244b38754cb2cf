"""A run of ``audit`` as plain data: the verdict, findings, coverage, then what was drawn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from macoaudit.report.audit_coverage import (
    common_reasons,
    coverage_rows,
    coverage_sentences,
    made_rows,
    not_made_rows,
    tests_summary,
)
from macoaudit.report.audit_texts import audit_texts
from macoaudit.report.audit_verdict import audit_banner
from macoaudit.report.cards import build_card, weakest_first
from macoaudit.report.drawn_cards import TargetCard, build_target_card
from macoaudit.report.drawn_view import DrawnView, build_drawn_view
from macoaudit.report.facts import audited, reproduce, settings_sentence, subtitle, volatile
from macoaudit.report.finding_cards import (
    SEVERITIES,
    SYMBOLS,
    build_finding_card,
    finding_anchors,
    findings_in_order,
    review_badge,
)
from macoaudit.report.finding_records import (
    AuditBanner,
    CoverageRow,
    FindingCard,
    GlanceRow,
    NotMadeRow,
    TestRow,
)
from macoaudit.report.finding_suppression import gated_finding
from macoaudit.report.gate_words import counted_as
from macoaudit.report.heat import HeatView, heat_view
from macoaudit.report.inverted_view import build_inverted_view
from macoaudit.report.limits import Limits
from macoaudit.report.records import Card, Fact, FactGroup, Texts, View
from macoaudit.report.words import fraction_text, plural, visible
from macoaudit.results import Finding, Run

Line = TypeVar("Line", CoverageRow, TestRow)


@dataclass(frozen=True)
class AuditView:
    """A report of an audit as plain data."""

    command: str
    title: str
    subtitle: str
    tool: str
    banner: AuditBanner
    glance: tuple[GlanceRow, ...]
    heat: HeatView | None
    audited: tuple[FactGroup, ...]
    settings_sentence: str
    texts: Texts
    findings: tuple[FindingCard, ...]
    findings_note: str
    coverage: tuple[tuple[CoverageRow, ...], ...]
    common: tuple[str, ...]
    """Reasons that hold for every class, said once."""
    tests: tuple[tuple[TestRow, ...], ...]
    tests_summary: str
    tests_note: str | None
    not_made: tuple[NotMadeRow, ...]
    drawn: DrawnView | None
    inverted: View | None
    inverted_note: str
    skipped: tuple[Fact, ...]
    reproduce: tuple[FactGroup, ...]
    volatile: tuple[FactGroup, ...]

    @property
    def cards(self) -> tuple[FindingCard | TargetCard | Card, ...]:
        """Every card, in the order shown."""
        drawn = self.drawn.cards if self.drawn is not None else ()
        inverted = self.inverted.cards if self.inverted is not None else ()
        return (*self.findings, *drawn, *inverted)


def inverted_run(run: Run) -> Run:
    """Keep the images that were inverted, and those that gave no result."""
    images = tuple(one for one in run.images if one.inversions or one.status != "ok")
    return replace(run, images=images)


def audit_cards(run: Run) -> Iterator[FindingCard | TargetCard | Card]:
    """Build the cards of an audit one by one: findings, drawings, images."""
    yield from (build_finding_card(run, one, "") for one in findings_in_order(run))
    yield from (build_target_card(one, "") for one in run.visualizations)
    yield from (build_card(image, "") for image in weakest_first(inverted_run(run).images))


def _glance_row(run: Run, one: Finding, anchors: Mapping[str, str]) -> GlanceRow:
    gated = gated_finding(run, one)
    return GlanceRow(
        anchor=anchors.get(one.id),
        title=visible(one.class_name),
        severity=one.severity,
        symbol=SYMBOLS[one.severity],
        review=review_badge(one),
        counted=counted_as(run, one),
        margin=fraction_text(one.margin),
        order=str(SEVERITIES.index(one.severity)),
        state="" if gated is None else gated.state or "",
        fails="" if gated is None else "yes" if gated.fails else "no",
        tests=", ".join(visible(test) for test in one.tests),
    )


def _findings_note(n_found: int, n_shown: int, banner: AuditBanner) -> str:
    if n_found == 0:
        if not banner.complete:
            return "None, but the audit is incomplete: this is not a pass."
        return "None. What was tested, and how near each class came, is in the tables below."
    if n_shown == n_found:
        return f"{plural(n_found, 'finding')}, the gravest first."
    return (
        f"{n_shown:,} of {n_found:,} shown, the gravest first, so that the report stays small "
        "enough to open. All are in the list above and in results.json."
    )


def _audited(run: Run) -> tuple[FactGroup, ...]:
    groups = audited(run)
    audit = run.shortcuts
    if audit is None:
        return groups
    facts = (
        Fact("Classes", f"{len(audit.classes):,}"),
        Fact("Classes tested", f"{sum(one.tested for one in audit.classes):,}"),
        Fact("Images", f"{audit.n_images:,}"),
        Fact("Class of an image from", audit.labels_from),
        Fact("Images to paste on, at most", f"{audit.n_donors:,} a class"),
        Fact("Images with object masks", f"{audit.with_masks:,}"),
        Fact("False discovery rate", f"{audit.level:g}"),
    )
    return (*groups, FactGroup("Shortcut tests", facts))


def _inverted_note(run: Run, kept: Run) -> str:
    n_inverted = sum(bool(one.inversions) for one in kept.images)
    if n_inverted == 0:
        return "No image was inverted in this run."
    return f"{n_inverted:,} of {plural(len(run.images), 'image')} inverted."


def _image_limits(limits: Limits, used: int) -> Limits:
    left = max(limits.cards - used, 0)
    return replace(
        limits, cards=left if limits.image_cards is None else min(left, limits.image_cards)
    )


def build_audit_view(run: Run, limits: Limits, source: str) -> AuditView:
    """Turn a run of ``audit`` into the plain data of its report.

    Args:
        run: the record; the only source of numbers.
        limits: how much is shown; findings come first, then drawings, then images.
        source: the command line, for the record.
    """
    ordered = findings_in_order(run)
    shown = ordered[: limits.cards]
    anchors = dict(zip((one.id for one in shown), finding_anchors(shown), strict=True))
    drawn = inverted = None
    kept = inverted_run(run)
    if run.visualizations:
        rest = replace(limits, cards=limits.cards - len(shown))
        drawn = build_drawn_view(run, rest, source, "drawing")
    n_used = len(shown) + (len(drawn.cards) if drawn is not None else 0)
    if kept.images:
        inverted = build_inverted_view(kept, _image_limits(limits, n_used), source, "image")
    known = _card_anchors(run, kept, drawn, inverted)
    banner = audit_banner(run, coverage_sentences(run))
    tests, tests_note = made_rows(run, limits.rows)
    coverage = coverage_rows(run, ordered, anchors)
    tool = f"{run.tool.get('name', 'macoaudit')} {run.tool.get('version', '(version unknown)')}"
    return AuditView(
        command=run.command,
        title=f"Audit report: {visible(run.model.name)}",
        subtitle=subtitle(run),
        tool=visible(tool),
        banner=banner,
        glance=tuple(_glance_row(run, one, anchors) for one in ordered),
        heat=heat_view(run),
        audited=_audited(run),
        settings_sentence=settings_sentence(run),
        texts=audit_texts(run),
        findings=tuple(
            build_finding_card(
                run, one, anchors[one.id], max_pictures=limits.evidence, anchors=known
            )
            for one in shown
        ),
        findings_note=_findings_note(len(ordered), len(shown), banner),
        coverage=_chunks(coverage, limits.chunk),
        common=()
        if run.shortcuts is None
        else tuple(visible(reason) for reason in common_reasons(run.shortcuts)),
        tests=_chunks(tests, limits.chunk),
        tests_summary=tests_summary(run),
        tests_note=tests_note,
        not_made=not_made_rows(run),
        drawn=drawn,
        inverted=inverted,
        inverted_note=_inverted_note(run, kept),
        skipped=tuple(Fact(visible(s.check), visible(s.reason)) for s in run.skipped),
        reproduce=reproduce(run),
        volatile=volatile(run, source),
    )


def _chunks(rows: Sequence[Line], size: int) -> tuple[tuple[Line, ...], ...]:
    return tuple(tuple(rows[start : start + size]) for start in range(0, len(rows), size))


def _card_anchors(
    run: Run, kept: Run, drawn: DrawnView | None, inverted: View | None
) -> dict[str, str]:
    """Anchors of the cards of drawings and images that the report has, by the record's id."""
    found: dict[str, str] = {}
    if drawn is not None:
        for one, card in zip(run.visualizations, drawn.cards, strict=False):
            found.setdefault(one.id, card.anchor)
    if inverted is not None:
        for image, shown in zip(weakest_first(kept.images), inverted.cards, strict=False):
            found[image.id] = shown.anchor
    return found
