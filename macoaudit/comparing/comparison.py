"""Two records to one comparison: no network is run, no picture is read."""

from collections.abc import Sequence
from typing import cast

from macoaudit.comparing.cautions import cautions_of, headline_of
from macoaudit.comparing.classes import pair_classes, pair_findings
from macoaudit.comparing.differences import differences_of, relation_of
from macoaudit.comparing.images import alone, largest_first, match_images, pair_of
from macoaudit.comparing.reading import Loaded
from macoaudit.comparing.records import (
    SCHEMA_VERSION,
    Comparison,
    GateSide,
    ImagePair,
    PairedChange,
    Side,
)
from macoaudit.comparing.statistics import MIN_PAIRS, holm, mean_interval, signed_rank
from macoaudit.errors import UsageError
from macoaudit.results import Run


def compare(a: Loaded, b: Loaded) -> Comparison:
    """Compare two runs of one command; differences are B minus A.

    Args:
        a: one run.
        b: the other.

    Raises:
        UsageError: when they are of other commands, or have neither image nor class in common.
    """
    if a.run.command != b.run.command:
        raise UsageError(
            f"A is a run of macoaudit {a.run.command} and B of {b.run.command}; only runs of one "
            "command can be compared"
        )
    relation = relation_of(a.run, b.run)
    matches, left_a, left_b = match_images(a.run.images, b.run.images)
    two_networks = relation == "two networks"
    pairs = largest_first([pair_of(match, two_networks=two_networks) for match in matches])
    classes = pair_classes(a.run, b.run)
    if not pairs and all(None in (one.index_a, one.index_b) for one in classes):
        raise UsageError(
            f"{a.name} and {b.name} have no image in common, by content or by path"
            f"{', and no class' if a.run.command == 'audit' else ''}: nothing can be compared. "
            "Give two runs over the same images"
        )
    findings = pair_findings(a.run, b.run, two_networks=two_networks)
    only_in_one = (*(alone(one, "A") for one in left_a), *(alone(one, "B") for one in left_b))
    side_a, side_b = _side(a), _side(b)
    differences = differences_of(a.run, b.run)
    similarity, attributes = _similarity(pairs), _attributes(pairs)
    predictions = [one.prediction_changed for one in pairs if one.prediction_changed is not None]
    verdicts = [one.changed for pair in pairs for one in pair.attributes if one.changed is not None]
    return Comparison(
        schema_version=SCHEMA_VERSION,
        command=a.run.command,
        relation=relation,
        headline=headline_of(
            relation,
            side_a,
            side_b,
            similarity,
            findings,
            (len(predictions), sum(predictions)),
            (len(verdicts), sum(verdicts)),
        ),
        a=side_a,
        b=side_b,
        cautions=cautions_of(side_a, side_b, relation, differences, pairs, only_in_one, classes),
        differences=differences,
        images=pairs,
        only_in_one=only_in_one,
        similarity=similarity,
        attributes=attributes,
        n_predictions=len(predictions),
        n_predictions_changed=sum(predictions),
        n_verdicts=len(verdicts),
        n_verdicts_changed=sum(verdicts),
        findings=findings,
        classes=classes,
    )


def _side(loaded: Loaded) -> Side:
    run = loaded.run
    started = run.volatile.get("started")
    tested = None
    if run.shortcuts is not None:
        tested = sum(one.tested for one in run.shortcuts.classes)
    elif run.command == "audit":
        tested = 0
    return Side(
        folder=loaded.name,
        record_sha256=loaded.sha256,
        status=run.status,
        incomplete=_incomplete(run),
        tool=dict(run.tool),
        started=started if isinstance(started, str) else None,
        model=run.model,
        seeds=tuple(sorted({i.seed for image in run.images for i in image.inversions})),
        n_images=len(run.images),
        n_ok=sum(image.status == "ok" for image in run.images),
        n_inverted=sum(bool(image.inversions) for image in run.images),
        n_classes_tested=tested,
        n_findings=len(run.findings),
        gate=_gate(run),
    )


def _incomplete(run: Run) -> tuple[str, ...]:
    reasons = run.summary.get("incomplete", ())
    found = [str(one) for one in reasons] if isinstance(reasons, list | tuple) else []
    if not found and run.gate is not None and run.gate.outcome == "incomplete":
        found = [note.removeprefix("Incomplete: ").rstrip(".") for note in run.gate.notes]
    return tuple(found)


def _gate(run: Run) -> GateSide | None:
    gate = run.gate
    if gate is None:
        return None
    return GateSide(
        outcome=gate.outcome,
        exit_code=gate.exit_code,
        fail_on=gate.fail_on,
        policy=gate.policy,
        policy_sha256=gate.policy_sha256,
        baseline_sha256=gate.baseline_sha256,
        n_failing=sum(one.fails for one in gate.findings),
        n_suppressed=sum(one.suppressed is not None for one in gate.findings),
    )


def _in_order(pairs: Sequence[ImagePair]) -> list[ImagePair]:
    """An order that does not depend on which run is A, so that B against A gives the opposite."""
    return sorted(pairs, key=lambda pair: sorted([pair.a.path, pair.b.path]))


def _similarity(pairs: Sequence[ImagePair]) -> PairedChange:
    found = [
        (cast(float, one.a.similarity), cast(float, one.b.similarity))
        for one in _in_order(pairs)
        if one.difference is not None
    ]
    return paired_change("similarity", found)


def _attributes(pairs: Sequence[ImagePair]) -> tuple[PairedChange, ...]:
    ordered = _in_order(pairs)
    names = sorted({one.name for pair in pairs for one in pair.attributes})
    changes = []
    for name in names:
        values = [
            (one.a.value, one.b.value)
            for pair in ordered
            for one in pair.attributes
            if one.name == name and one.a and one.b and one.difference is not None
        ]
        changes.append(paired_change(name, values))
    corrected = holm([one.p_value for one in changes])
    return tuple(
        PairedChange(**{**vars(one), "adjusted_p": p})
        for one, p in zip(changes, corrected, strict=True)
    )


def paired_change(name: str, values: Sequence[tuple[float, float]]) -> PairedChange:
    """Summarise one number over images: means, paired difference, its interval and test.

    Args:
        name: of the number.
        values: of each image in A and in B.
    """
    n = len(values)
    differences = [b - a for a, b in values]
    tested = signed_rank(differences)
    interval = mean_interval(differences)
    reason = tested.reason
    if n < MIN_PAIRS:
        told = (
            "no image has it in both runs" if n == 0 else f"only {n} of {MIN_PAIRS} needed images"
        )
        reason = f"{told}: no interval and no test"
    return PairedChange(
        name=name,
        n=n,
        mean_a=sum(a for a, _ in values) / n if n else None,
        mean_b=sum(b for _, b in values) / n if n else None,
        mean_difference=sum(differences) / n if n else None,
        low=None if interval is None else interval[0],
        high=None if interval is None else interval[1],
        n_changed=tested.n_changed,
        test=tested.test,
        statistic=tested.statistic,
        p_value=tested.p_value,
        adjusted_p=None,
        reason=reason,
    )
