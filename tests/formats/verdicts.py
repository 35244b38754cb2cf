"""Audits with a verdict, made by hand: records only, no pictures."""

import hashlib
from dataclasses import replace

import audited
from runs import good_image, model, volatile

from macoaudit.results import (
    GatedFinding,
    GateRecord,
    ImageAudit,
    Run,
    ShortcutAudit,
    Skipped,
    Suppression,
)

SECRET = "/home/somebody/secret place"
"""Begins every path from a root in these records; no document may hold it."""
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "{{7*7}}{% raw %}{0}",
    "[red]bold[/red] ![a](b) [c](https://evil.example/x)",
    "=1+1",
    "a|b`c``d` @team @a-b #12 www.evil.example *x* _y_ ~~z~~ $q$ a\\|b \\",
    "bell\x07 escape\x1b[31m nul\x00 del\x7f",
    "bidi\u202egnp.exe\u2066",
    "line\nbreak\r\n::error::planted\n::stop-commands::x\u2028\u2029",
    "x" * 300,
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "undecodable-\udc80\udcff-\ud800",
    "]]> --> & &amp; &#64; ' \" \ufffe\uffff",
    f"{SECRET}/weights.bin C:\\Users\\me\\x.png file:///root/y",
    "- 1. # > + a",
)
"""Names that break a document which does not expect them."""


def fingerprint(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def gated(run: Run, place: int, **changes: object) -> GatedFinding:
    """What a gate makes of one of the run's findings."""
    one = run.findings[place]
    fields = {
        "finding": one.id,
        "fingerprint": fingerprint(one.id),
        "rule": ("shortcut/place", "shortcut/place", "shortcut/spectrum", "shortcut/property")[
            place % 4
        ],
        "class_name": one.class_name,
        "severity": one.severity,
        "state": None,
        "margin": one.margin,
        "baseline_margin": None,
        "suppressed": None,
        "fails": one.severity == "high",
    }
    return GatedFinding(**{**fields, **changes})  # type: ignore[arg-type]


def gate(outcome: str, findings: tuple[GatedFinding, ...], **changes: object) -> GateRecord:
    fields = {
        "outcome": outcome,
        "exit_code": ("pass", "fail", "incomplete").index(outcome),
        "fail_on": "high",
        "policy": "quick",
        "policy_sha256": None,
        "baseline_sha256": None,
        "findings": findings,
        "suppressions": (),
        "n_images_found": 30,
        "n_images_tested": 21,
        "notes": (),
    }
    return GateRecord(**{**fields, **changes})  # type: ignore[arg-type]


def image(number: int, path: str, name: str) -> ImageAudit:
    one = good_image(name, path, number, [0], judged=False)
    return replace(one, inversions=(), similarity=None)


def base(**changes: object) -> Run:
    """An audit without its verdict: two high findings, one medium, one info."""
    names = [f"{name}-{n}" for name in audited.CLASSES[:5] for n in range(2)]
    found = model("pretrained")
    fields = {
        "command": "audit",
        "status": "complete",
        "tool": {"name": "macoaudit", "version": "0.1.0"},
        "model": found,
        "config": {"images": ["photos"], "weights": f"{SECRET}/net.safetensors"},
        "images": tuple(
            image(number, f"{name.split('-')[0]}/{name}.jpg", name)
            for number, name in enumerate(names)
        ),
        "skipped": (Skipped("judge", f"{SECRET}/judge.toml cannot be read"),),
        "summary": {"n_images": len(names), "verdict": "fail"},
        "volatile": {
            **volatile(),
            "started": "2026-03-01T12:00:00Z",
            "stages": {"test": 12.5},
            "command_line": ["macoaudit", "audit", f"{SECRET}/photos"],
        },
        "findings": audited.findings(),
        "tests": audited.tests(),
        "shortcuts": audited.audit(),
    }
    return Run(**{**fields, **changes})  # type: ignore[arg-type]


def passing() -> Run:
    """Every class was tested and nothing was flagged."""
    tests = tuple(
        replace(one, outcome="passed") if one.outcome == "flagged" else one
        for one in audited.tests()
    )
    run = base(findings=(), tests=tests, summary={"verdict": "pass"})
    return replace(run, gate=gate("pass", ()))


def with_findings() -> Run:
    run = base()
    return replace(run, gate=gate("fail", tuple(gated(run, place) for place in range(4))))


def incomplete() -> Run:
    """Nothing could be tested."""
    tests = tuple(
        audited.not_made(one.test, one.class_index, audited.FEW_IMAGES) for one in audited.tests()
    )
    classes = tuple(
        replace(one, tested=False, margin=None, reasons=(audited.FEW_IMAGES,))
        for one in audited.audit().classes
    )
    shortcuts = ShortcutAudit(**{**vars(audited.audit()), "classes": classes})
    run = base(status="incomplete", findings=(), tests=tests, shortcuts=shortcuts)
    notes = ("no class could be tested", f"{SECRET}/photos/a.png and 3 more are not usable")
    return replace(run, summary={"verdict": None}, gate=gate("incomplete", (), notes=notes))


def suppressed() -> Run:
    """Both high findings are set aside; one suppression has expired and one is not used."""
    run = base(summary={"verdict": "pass"})
    aside = "the spot is the eye; looked at by hand"
    findings = tuple(
        gated(run, place, **({"suppressed": aside, "fails": False} if place < 2 else {}))
        for place in range(4)
    )
    entries = tuple(
        Suppression(fingerprint(str(number)), aside, "vision team", "2026-12-31", status)
        for number, status in enumerate(("used", "used", "expired", "unused"))
    )
    notes = ("1 suppression has expired", "1 suppression is not used")
    return replace(run, gate=gate("pass", findings, suppressions=entries, notes=notes))


def fixed() -> Run:
    """Against a baseline: one worsened, one unchanged, one new, one not there any more."""
    run = base()
    states = ("worsened", "unchanged", "new", "new")
    margins = (1.25, 1.4375, None, None)
    findings = tuple(
        gated(run, place, state=state, baseline_margin=margin, fails=place == 0)
        for place, (state, margin) in enumerate(zip(states, margins, strict=True))
    )
    gone = GatedFinding(
        finding="shortcut-4",
        fingerprint=fingerprint("gone"),
        rule="shortcut/place",
        class_name="house",
        severity="high",
        state="fixed",
        margin=0.1875,
        baseline_margin=1.5,
        suppressed=None,
        fails=False,
    )
    record = gate("fail", (*findings, gone), baseline_sha256=fingerprint("baseline"))
    return replace(run, gate=record)


def hostile() -> Run:
    """Every hostile text as class, reason, path, subject, policy, model, note and rule."""
    run = with_findings()
    findings, gates, images, tests = [], [], [], []
    for number, name in enumerate(HOSTILE):
        images.append(image(number, f"../{name}/{name}", f"hostile-{number}"))
        one = audited.finding(0, id=f"hostile-{number}", class_index=100 + number)
        texts = dict.fromkeys(("seen", "strength", "where", "false_alarm_if", "advice"), name)
        findings.append(replace(one, class_name=name, images=(f"hostile-{number}",), **texts))
        tests += [
            replace(one, class_index=100 + number, class_name=name, subject=name)
            for one in audited.tests()[:2]
        ]
        tests.append(replace(audited.not_made("masks", 0, name), class_index=100 + number))
    run = replace(
        run,
        model=replace(run.model, name=HOSTILE[0] + HOSTILE[5], weights_sha256="0" * 64),
        findings=tuple(findings),
        images=(*images, replace(images[8], id="bad", status="failed", reason=HOSTILE[8])),
        tests=tuple(tests),
        skipped=tuple(Skipped(name, name) for name in HOSTILE),
    )
    gates = tuple(
        gated(
            run,
            place,
            class_name=name,
            rule=f"shortcut/{name}" if place % 2 else "shortcut/place",
            suppressed=name if place % 3 == 2 else None,
            fails=place % 3 != 2,
        )
        for place, name in enumerate(HOSTILE)
    )
    return replace(run, gate=gate("fail", gates, policy=HOSTILE[5], notes=HOSTILE))


OUTCOMES = {
    "pass": (passing, "pass", 0),
    "findings": (with_findings, "fail", 1),
    "incomplete": (incomplete, "incomplete", 2),
    "suppressed": (suppressed, "pass", 0),
    "fixed": (fixed, "fail", 1),
    "hostile": (hostile, "fail", 1),
}
"""Kind of audit: how it is made, the verdict's word, the exit code."""


def outcome_run(kind: str) -> Run:
    """Make an audit of one kind."""
    return OUTCOMES[kind][0]()


def many(number: int) -> Run:
    """An audit with as many findings of each of three severities, info first in the record."""
    run = base()
    findings, gates = [], []
    for severity in ("info", "medium", "high"):
        for place in range(number):
            name = f"{severity} {place:05d}"
            findings.append(replace(run.findings[0], id=name, class_name=name, severity=severity))
    run = replace(run, findings=tuple(findings), tests=())
    gates = tuple(
        replace(gated(run, place), rule="shortcut/place") for place in range(len(findings))
    )
    return replace(run, gate=gate("fail", gates))
