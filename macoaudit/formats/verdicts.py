"""What every short format says: the verdict, the findings beside it, and what was not tested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from macoaudit.errors import ReportError, UsageError
from macoaudit.formats.plain import plain
from macoaudit.results import (
    Finding,
    GatedFinding,
    GateOutcome,
    GateRecord,
    Run,
    Severity,
    skipped_checks,
)

SEVERITIES: tuple[Severity, ...] = ("high", "medium", "info")
_CODES: Mapping[GateOutcome, int] = {"pass": 0, "fail": 1, "incomplete": 2}


@dataclass(frozen=True)
class ShownFinding:
    """A finding of the gate with what the audit says of it."""

    gated: GatedFinding
    found: Finding | None
    """None for a fixed one: this run has no such finding."""
    image: str | None
    """Path of the image that shows it best, relative to the folder of images, as recorded."""

    @property
    def fixed(self) -> bool:
        """Whether it is of the baseline only."""
        return self.gated.state == "fixed"

    @property
    def state(self) -> str:
        """Its state in one word: suppressed, against the baseline, or neither."""
        if self.gated.suppressed is not None and not self.fixed:
            return "suppressed"
        return self.gated.state or "found"

    @property
    def sentence(self) -> str:
        """What was seen, on one line."""
        if self.found is None:
            before = self.gated.baseline_margin
            margin = "" if before is None else f" (margin {before:.2f})"
            return (
                f"Class {plain(self.gated.class_name)}: the finding of the baseline{margin} is "
                f"gone; the margin is now {self.gated.margin:.2f}."
            )
        review = (
            f" Needs review: {self.found.review_reason or 'a person must tell'}."
            if self.found.needs_review
            else ""
        )
        return f"{plain(self.found.seen)} Margin {self.gated.margin:.2f}.{review}"


@dataclass(frozen=True)
class Untested:
    """Something that was not looked at, so that silence about it means nothing."""

    what: str
    reason: str


def verdict_of(run: Run) -> GateRecord:
    """Take the verdict out of a record.

    Args:
        run: of ``audit``.

    Raises:
        UsageError: when the run is no audit, or was made before verdicts were recorded.
        ReportError: when the verdict does not fit the record that it is in, which only a record
            that was edited can be.
    """
    gate = run.gate
    if gate is None:
        what = (
            "made by a version that recorded no verdict" if run.command == "audit" else "no audit"
        )
        raise UsageError(
            f"sarif, junit, md and annotations hold the verdict of an audit; this run of "
            f"{plain(run.command)} is {what}. Run macoaudit audit, or use html, pdf or json"
        )
    wrong = None
    policy = run.config.get("gate", {})
    forgiven = gate.outcome == "fail" and policy.get("exit_zero") is True
    if gate.exit_code != (0 if forgiven else _CODES[gate.outcome]):
        wrong = f"the verdict {gate.outcome} has exit code {gate.exit_code}"
    elif gate.outcome == "pass" and run.status != "complete":
        wrong = "an incomplete run passes"
    elif gate.outcome == "pass" and any(one.fails for one in gate.findings):
        wrong = "a run with a finding that fails it passes"
    elif gate.outcome == "fail" and not any(one.fails for one in gate.findings):
        wrong = "a run fails and no finding fails it"
    if wrong is not None:
        raise ReportError(f"results: {wrong}, so the record was edited. Run the audit again")
    return gate


def shown_findings(run: Run) -> tuple[ShownFinding, ...]:
    """Join the gate's findings with the audit's, in the gate's order.

    Args:
        run: of ``audit``.

    Raises:
        UsageError, ReportError: as :func:`verdict_of`; also when a finding is in one and not in
            the other.
    """
    gate = verdict_of(run)
    found = {one.id: one for one in run.findings}
    paths = {one.id: one.path for one in run.images}
    present = {one.finding for one in gate.findings if one.state != "fixed"}
    if present != set(found):
        names = ", ".join(plain(name, 60) for name in sorted(present ^ set(found))[:3])
        raise ReportError(
            f"results: the verdict and the findings do not name the same ones ({names}), so the "
            "record was edited. Run the audit again"
        )
    shown = []
    for gated in gate.findings:
        one = None if gated.state == "fixed" else found[gated.finding]
        worst = next((paths[i] for i in one.images if i in paths), None) if one else None
        shown.append(ShownFinding(gated, one, worst))
    return tuple(shown)


def worst_first(shown: Sequence[ShownFinding]) -> tuple[ShownFinding, ...]:
    """Order findings: those that fail, then by severity; fixed ones last, suppressed before them.

    Args:
        shown: any findings; equals keep their order.
    """
    return tuple(
        sorted(
            shown,
            key=lambda one: (
                one.fixed,
                one.gated.suppressed is not None,
                not one.gated.fails,
                SEVERITIES.index(one.gated.severity),
            ),
        )
    )


def verdict_line(run: Run) -> str:
    """Sum an audit up on one line that begins with the verdict's word.

    Args:
        run: of ``audit``.

    Raises:
        UsageError, ReportError: as :func:`shown_findings`.
    """
    gate, shown = verdict_of(run), shown_findings(run)
    failing = [one for one in shown if one.gated.fails]
    parts = [_counted(failing, "fails", "fail")] if failing else ["no finding fails"]
    set_aside = [one for one in shown if one.state == "suppressed"]
    others = [
        one for one in shown if not one.gated.fails and not one.fixed and one.state != "suppressed"
    ]
    parts += [_counted(others, "does not fail", "do not fail")] if others else []
    parts += [f"{len(set_aside):,} suppressed"] if set_aside else []
    fixed = sum(one.fixed for one in shown)
    parts += [f"{fixed:,} fixed"] if fixed else []
    if run.shortcuts is None:
        parts.append("the tests were not reached")
    else:
        with_images = [one for one in run.shortcuts.classes if one.n_images > 0]
        tested = sum(one.tested for one in with_images)
        parts.append(f"{tested:,} of {len(with_images):,} classes with images tested")
    parts.append(f"{gate.n_images_tested:,} of {gate.n_images_found:,} images")
    return f"{gate.outcome}: {', '.join(parts)}"


def _counted(shown: Sequence[ShownFinding], one: str, many: str) -> str:
    counts = [
        f"{number:,} {severity}"
        for severity in SEVERITIES
        if (number := sum(item.gated.severity == severity for item in shown))
    ]
    return f"{' and '.join(counts)} {one if len(shown) == 1 else many}"


def untested(run: Run) -> tuple[Untested, ...]:
    """List what was not tested: classes that are not cleared, then checks, each reason once.

    Args:
        run: of ``audit``.
    """
    classes = () if run.shortcuts is None else run.shortcuts.classes
    found = [
        Untested(
            f"class {plain(one.class_name)}",
            plain("; ".join(one.reasons) or "no reason is recorded"),
        )
        for one in classes
        if not one.tested
    ]
    if run.shortcuts is None:
        found.append(Untested("every class", "the tests were not reached"))
    for image in run.images:
        if image.status != "ok":
            reason = plain(image.reason or "no reason is recorded")
            found.append(Untested(f"image {plain(image.path)}", reason))
    for check, count in skipped_checks(run).items():
        times = f" ({count:,} times)" if count > 1 else ""
        found.append(Untested(plain(check.check), plain(check.reason) + times))
    return tuple(found)
