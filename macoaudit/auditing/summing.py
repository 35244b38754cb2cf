"""The record of an audit: everything that its stages found, and what it comes to."""

from collections.abc import Sequence
from dataclasses import asdict, replace

from macoaudit import __version__
from macoaudit.audit_config import AuditConfig
from macoaudit.auditing.outcome import summarise
from macoaudit.auditing.setup import AuditSetup
from macoaudit.auditing.testing import suite_settings
from macoaudit.inverting import summary
from macoaudit.pipeline import Clock, inversion_settings, usable, volatile_facts
from macoaudit.results import (
    Finding,
    ImageAudit,
    Run,
    ShortcutAudit,
    ShortcutTest,
    Skipped,
    TrustCheck,
    Visualization,
)

Shortcuts = tuple[tuple[Finding, ...], tuple[ShortcutTest, ...], ShortcutAudit | None]


def audit_record(
    setup: AuditSetup,
    images: Sequence[ImageAudit],
    *,
    notes: Sequence[Skipped],
    trust: Sequence[TrustCheck],
    drawn: Sequence[Visualization],
    shortcuts: Shortcuts,
    clock: Clock,
    command_line: Sequence[str],
    stopped: str | None,
) -> Run:
    """Sum an audit up.

    Args:
        setup: networks and settings.
        images: records of all images, in run order.
        notes: checks that were not made.
        trust: the trust panel; empty where the extent leaves it out.
        drawn: the pictures of classes.
        shortcuts: findings, tests and coverage; None where the tests were not reached.
        clock: wall times by stage.
        command_line: as the user typed it.
        stopped: why it ended before its end; None when it did not.
    """
    config, inversion = setup.config, setup.inversion
    settings = setup.settings
    findings, tests, audit = shortcuts
    incomplete = _incomplete(setup, images, drawn, audit, stopped)
    skipped = [*setup.notes, *notes, *_no_trust(setup)]
    if stopped is not None:
        skipped.append(Skipped("audit", stopped))
    run = Run(
        command="audit",
        status="incomplete" if incomplete else "complete",
        tool={"name": "macoaudit", "version": __version__},
        model=setup.model.record(settings.layer, inversion.activation_shape),
        config={
            **config.settings(),
            "gate": setup.gate.policy.settings(),
            **inversion_settings(inversion),
            "tests": suite_settings(config.extent).to_json(),
        },
        images=tuple(images),
        skipped=tuple(skipped),
        trust=tuple(trust),
        visualizations=tuple(drawn),
        findings=findings,
        tests=tests,
        shortcuts=audit,
        summary={
            **summary(images),
            "n_images_found": len(setup.files) + setup.left_out.total(),
            "n_inverted": sum(bool(image.inversions) for image in images),
            "n_pictures": len(drawn),
            **summarise(
                findings,
                audit,
                n_classes=setup.model.num_classes,
                incomplete=incomplete,
            ),
        },
        volatile={**volatile_facts(clock, setup.model.device, command_line), **_places(config)},
    )
    return replace(run, gate=setup.gate.decide(run))


def _places(config: AuditConfig) -> dict[str, object]:
    return {} if config.places is None else {"places": asdict(config.places)}


def _incomplete(
    setup: AuditSetup,
    images: Sequence[ImageAudit],
    drawn: Sequence[Visualization],
    audit: ShortcutAudit | None,
    stopped: str | None,
) -> list[str]:
    """Say why an audit can be neither passed nor failed; nothing when it can."""
    if stopped is not None:
        return [stopped]
    reasons = []
    n_bad = sum(image.status != "ok" for image in images)
    if not usable(images, setup.settings.max_bad_frac):
        reasons.append(f"{n_bad} of {len(images)} images are not usable")
    if failed := sum(one.status == "failed" for one in drawn):
        reasons.append(f"{failed} pictures of classes have numbers that are not finite")
    if audit is None or not audit.testable:
        reasons.append("no class could be tested" + _first_reason(audit))
    return reasons


def _first_reason(audit: ShortcutAudit | None) -> str:
    reasons = [] if audit is None else [one.reasons[0] for one in audit.classes if one.reasons]
    return f" ({reasons[0]})" if reasons else ""


def _no_trust(setup: AuditSetup) -> tuple[Skipped, ...]:
    if setup.settings.trust:
        return ()
    name = setup.config.extent.name
    reason = f"not run: the {name} preset leaves it out; --policy standard runs it"
    return (Skipped("trust panel", reason),)
