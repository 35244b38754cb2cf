"""Facts of both runs of a comparison side by side, and what their records state differently."""

from macoaudit.comparing import Comparison, Difference, Side
from macoaudit.report.compare_records import DifferenceRow, FactRow
from macoaudit.report.settings import value_text
from macoaudit.report.view import source_of
from macoaudit.report.words import DASH, plural, visible
from macoaudit.results import Run

MAX_DIFFERENCES = 200
_MAX_CHARACTERS = 300
_NAMES = {
    "network": "network",
    "input": "input",
    "images": "where images lie",
    "seeds": "seeds",
    "settings": "setting",
    "policy": "policy",
    "tool": "version",
    "machine": "machine",
}


def _row(name: str, a: str, b: str) -> FactRow:
    return FactRow(name, a, b, a != b)


def _verdict(side: Side) -> str:
    if side.gate is None:
        return "not judged"
    gate = side.gate
    failing = plural(gate.n_failing, "failing finding")
    aside = f", {gate.n_suppressed:,} suppressed" if gate.n_suppressed else ""
    return f"{gate.outcome.upper()} (exit code {gate.exit_code}; {failing}{aside})"


def _policy(side: Side) -> str:
    if side.gate is None:
        return DASH
    digest = "preset" if side.gate.policy_sha256 is None else f"{side.gate.policy_sha256[:12]}…"
    baseline = "no baseline"
    if side.gate.baseline_sha256 is not None:
        baseline = f"baseline {side.gate.baseline_sha256[:12]}…"
    return f"{visible(side.gate.policy)} ({digest}), fails on {side.gate.fail_on}; {baseline}"


def _status(side: Side) -> str:
    if side.status == "complete" and not side.incomplete:
        return "complete"
    return "INCOMPLETE" + (f": {visible('; '.join(side.incomplete))}" if side.incomplete else "")


def _input(side: Side) -> str:
    model = side.model
    return (
        f"{' × '.join(str(one) for one in model.input_size)} px, "  # noqa: RUF001
        f"crop {100 * model.crop_pct:g} %, {visible(model.interpolation)}"
    )


def side_rows(comparison: Comparison) -> tuple[FactRow, ...]:
    """List what was compared: the network, the images, the verdict of each run."""
    a, b = comparison.a, comparison.b
    rows = [
        _row("Network", visible(a.model.name), visible(b.model.name)),
        _row(
            "Weights (SHA-256)", *(f"{visible(one.model.weights_sha256[:16])}…" for one in (a, b))
        ),
        _row("Layer inverted", visible(a.model.layer), visible(b.model.layer)),
        _row("Input", _input(a), _input(b)),
        _row("Status", _status(a), _status(b)),
    ]
    if comparison.command == "audit":
        rows += [
            _row("Verdict", _verdict(a), _verdict(b)),
            _row("Policy", _policy(a), _policy(b)),
            _row("Findings", f"{a.n_findings:,}", f"{b.n_findings:,}"),
            _row("Classes tested", *(_number(one.n_classes_tested) for one in (a, b))),
        ]
    rows += [
        _row(
            "Images (read; inverted)",
            *(f"{one.n_images:,} ({one.n_ok:,}; {one.n_inverted:,})" for one in (a, b)),
        ),
        _row("Seeds", value_text(a.seeds), value_text(b.seeds)),
        _row(
            "Tool", *(visible(" ".join(v for _, v in sorted(one.tool.items()))) for one in (a, b))
        ),
    ]
    return tuple(rows)


def _number(value: int | None) -> str:
    return DASH if value is None else f"{value:,}"


def record_rows(comparison: Comparison, first: Run, second: Run) -> tuple[FactRow, ...]:
    """List what both records are, so that the comparison can be made again."""
    a, b = comparison.a, comparison.b
    return (
        _row("Run folder", visible(a.folder), visible(b.folder)),
        _row("results.json (SHA-256)", a.record_sha256, b.record_sha256),
        _row("Started", *(DASH if one.started is None else visible(one.started) for one in (a, b))),
        _row("Weights (SHA-256)", visible(a.model.weights_sha256), visible(b.model.weights_sha256)),
        _row("Command line", source_of(first), source_of(second)),
    )


def _value(one: Difference, value: object, here: bool) -> str:
    text = value_text(value) if here else "no such key"
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}…"


def difference_rows(comparison: Comparison) -> tuple[tuple[DifferenceRow, ...], str]:
    """List what the records state differently, and say how much is listed."""
    found = comparison.differences
    rows = tuple(
        DifferenceRow(
            _NAMES[one.group],
            visible(one.key),
            _value(one, one.a, one.only_in != "B"),
            _value(one, one.b, one.only_in != "A"),
        )
        for one in found[:MAX_DIFFERENCES]
    )
    if not found:
        return rows, (
            "Nothing: network, input, versions, seeds and every setting are stated alike. Times, "
            "which differ between any two runs, are not looked at."
        )
    note = f"{plural(len(found), 'fact or setting', 'facts and settings')} stated differently."
    if len(rows) < len(found):
        note += f" {len(rows):,} of {len(found):,} shown; all in compare.json."
    return rows, note
