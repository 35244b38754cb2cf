"""The proof of a retention map by deletion: in words, numbers and a chart."""

from macoaudit.report.charts import Chart, line_chart
from macoaudit.report.pieces import DeletionRow, ProofView
from macoaudit.report.words import fraction_text, p_text, plural, share_text, visible
from macoaudit.results import Faithfulness, Skipped

PROOF_SYMBOLS = {"holds": "✓", "fails": "✗", "not made": "○"}
NOT_VALIDATED = "the map is not validated for this image"


def proof_outcome(proof: Faithfulness | Skipped) -> str:
    """Say in one word how the proof came out: a key of :data:`PROOF_SYMBOLS`."""
    if isinstance(proof, Skipped):
        return "not made"
    return "holds" if proof.holds else "fails"


def _statement(proof: Faithfulness, which: str) -> str:
    """Word one of the two statements with its numbers, the means over the areas."""
    point = proof.mean
    areas = [share_text(p.area_frac) for p in proof.curve]
    area = f"mean over {', '.join(areas)} of the image"
    if which == "retained":
        start, good, bad = "Retained region", "more", "no more"
        true, pair = proof.retained_matters, (point.retained, point.moved_retained)
    else:
        start, good, bad = "Dropped region", "less", "no less"
        true, pair = proof.dropped_does_not, (point.dropped, point.moved_dropped)
    symbol = PROOF_SYMBOLS["holds" if true else "fails"]
    text = (
        f"{symbol} {start}: deleting it ({area}) moves the activation "
        f"{good if true else bad} than deleting moved copies of it"
    )
    one, other = (fraction_text(number, 3) for number in pair)
    note = ", equal to the printed digits" if one == other else ""
    if one != other and true != ((float(one) > float(other)) == (which == "retained")):
        note = "; the numbers on record do not show it"
    return f"{text} ({one} against {other}{note})."


def _deletion_chart(proof: Faithfulness, title: str) -> Chart | None:
    if len(proof.curve) < 2:
        return None
    return line_chart(
        title,
        [share_text(point.area_frac) for point in proof.curve],
        [
            ("retained", [point.retained for point in proof.curve]),
            ("dropped", [point.dropped for point in proof.curve]),
            ("retained, moved", [point.moved_retained for point in proof.curve]),
            ("dropped, moved", [point.moved_dropped for point in proof.curve]),
        ],
        width_px=300.0,
        height_px=150.0,
        label_px=106.0,
    )


def _rows(proof: Faithfulness) -> tuple[DeletionRow, ...]:
    return tuple(
        DeletionRow(
            share_text(p.area_frac),
            fraction_text(p.retained, 3),
            fraction_text(p.moved_retained, 3),
            fraction_text(p.dropped, 3),
            fraction_text(p.moved_dropped, 3),
        )
        for p in proof.curve
    )


def proof_view(proof: Faithfulness | Skipped, name: str) -> ProofView:
    """Put the proof by deletion in words and numbers.

    Args:
        proof: the record, or why there is none.
        name: the image's name, safe to print.

    Returns:
        The view; anything but ``holds`` says that the map is not validated.
    """
    if isinstance(proof, Skipped):
        reason = f"Proof by deletion not made ({visible(proof.reason)}): {NOT_VALIDATED}."
        return ProofView("not made", PROOF_SYMBOLS["not made"], reason, (), None, None, ())
    rows = _rows(proof)
    outcome = proof_outcome(proof)
    headline = (
        "Proof by deletion holds for this image."
        if proof.holds
        else f"Proof by deletion fails: {NOT_VALIDATED}."
    )
    value, high = fraction_text(proof.value, 3), fraction_text(proof.null_high, 3)
    numbers = (
        f"Faithfulness {value} (effect of retained less effect of dropped); the same for "
        f"{plural(proof.n_moves, 'moved map')}: mean {fraction_text(proof.null_mean, 3)}, "
        f"95th percentile {high}; p = {p_text(proof.p_value)}. "
        f"Filled with: {', '.join(visible(fill) for fill in proof.fills)}."
    )
    if float(value) <= float(high):
        numbers += " It does not exceed what moved maps reach, so the support for the map is weak."
    title = f"Effect of deletion on the activation of {name}. " + " ".join(
        f"At {r.area}: retained {r.retained}, moved copies {r.moved_retained}; "
        f"dropped {r.dropped}, moved copies {r.moved_dropped}."
        for r in rows
    )
    return ProofView(
        outcome,
        PROOF_SYMBOLS[outcome],
        headline,
        (_statement(proof, "retained"), _statement(proof, "dropped")),
        numbers,
        _deletion_chart(proof, title),
        rows,
    )
