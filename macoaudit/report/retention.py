"""Retention records to words: what the network kept, what it threw away, and the map's proof."""

from collections.abc import Iterable, Mapping, Sequence

from macoaudit.report.pieces import AttributeView, MeanRow, Picture, RetentionView
from macoaudit.report.proof import NOT_VALIDATED, proof_view
from macoaudit.report.words import (
    DASH,
    VERDICT_WORDS,
    Verdict,
    fraction_text,
    p_text,
    percent_of,
    plural,
    share_text,
    verdict,
    visible,
)
from macoaudit.results import (
    DROPPED_TO,
    KEPT_FROM,
    Faithfulness,
    ImageAudit,
    Retained,
    Retention,
    Skipped,
)

NAMES = {
    "color": "colours",
    "orientation": "orientations of edges",
    "layout": "spatial layout in the same place",
    "layout_shifted": "layout apart from its position",
    "prediction": "the predicted class",
    "top5": "the first five classes",
}
BANDS = "bands_"
CLAUSES: Mapping[Verdict, str] = {
    "kept": "kept {}",
    "partly": "partly kept {}",
    "dropped": "threw away {}",
    "chance": "not told apart from chance: {}",
    "open": "undetermined, because one seed gives no interval: {}",
}


def octave(name: str) -> int | None:
    """Read the number of a band's attribute, 1 is the coarsest; None for any other attribute."""
    number = name.removeprefix(BANDS)
    known = name.startswith(BANDS) and len(number) <= 2 and number.isdecimal() and int(number)
    return int(number) if known else None


def cycles(first: int, last: int) -> str:
    """Name the detail from one octave to another in cycles per image."""
    return f"detail of {2 ** (first - 1)} to {2**last} cycles per image"


def attribute_name(name: str) -> str:
    """Put an attribute's name in words."""
    band = octave(name)
    return cycles(band, band) if band else NAMES.get(name, visible(name))


def ordered(attributes: Iterable[str]) -> list[str]:
    """Order attributes as the report lists them: looks, place, detail coarse to fine, classes."""
    ranks = {name: rank for rank, name in enumerate(NAMES)}
    classes = ("prediction", "top5")

    def rank(name: str) -> tuple[int, int, str]:
        band = octave(name)
        if band:
            return 1, band, name
        group = 2 if name in classes else 0 if name in ranks else 3
        return group, ranks.get(name, 0), name

    return sorted(attributes, key=rank)


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _named_with_values(names: Sequence[str], found: Mapping[str, Retained]) -> list[str]:
    """Write ``name (value)``; octaves that follow one another become one entry."""
    items: list[str] = []
    run: list[str] = []
    for name, following in zip(names, [*names[1:], ""], strict=True):
        band, after = octave(name), octave(following)
        if band is None:
            items.append(f"{attribute_name(name)} ({fraction_text(found[name].value)})")
            continue
        run.append(name)
        if after == band + 1:
            continue
        values = sorted({fraction_text(found[member].value) for member in run}, key=float)
        shown = values[0] if len(values) == 1 else f"{values[0]} to {values[-1]}"
        items.append(f"{cycles(octave(run[0]) or band, band)} ({shown})")
        run = []
    return items


def _content_clause(retention: Retention) -> str:
    kept, dropped = share_text(retention.retained_frac), share_text(retention.dropped_frac)
    return f"of the map's places {kept} count as kept and {dropped} as thrown away"


def _proof_clause(proof: Faithfulness | Skipped) -> str | None:
    if isinstance(proof, Skipped):
        return f"{NOT_VALIDATED}, because the proof by deletion was not made"
    if proof.holds:
        return None
    return f"{NOT_VALIDATED}, because the proof by deletion fails"


def keeping_sentence(retention: Retention) -> str:
    """Say in one sentence what the network kept of an image and what it threw away.

    Every word is chosen from the rounded numbers (:func:`macoaudit.report.words.verdict`); what is
    undetermined or was not measured is said to be so.

    Args:
        retention: the record.

    Returns:
        Clauses joined by semicolons, ending in a full stop.
    """
    names = ordered(retention.attributes)
    found = {n: a for n in names if isinstance(a := retention.attributes[n], Retained)}
    groups = {key: [n for n in found if verdict(found[n]) == key] for key in CLAUSES}
    clauses = [
        text.format(_listed(_named_with_values(groups[key], found)))
        for key, text in CLAUSES.items()
        if groups[key]
    ]
    told = sum(bool(groups[key]) for key in ("kept", "partly", "dropped"))
    # The subject is said once; the clauses about what is open have none.
    start = (
        "Of this image, the network " if told else "No attribute is called kept or thrown away; "
    )
    if not clauses:
        start, clauses = "", ["No attribute was measured"]
    missing = [attribute_name(n) for n in names if n not in found]
    if missing and found:
        clauses.append(f"not measured: {_listed(missing)}")
    clauses.append(_content_clause(retention))
    proof = _proof_clause(retention.faithfulness)
    return f"{start}{'; '.join([*clauses, proof] if proof else clauses)}."


def interval_bar(value: float, low: float | None, high: float | None) -> tuple[str, str, str]:
    """Lay out a bar with its interval: length, where the interval begins, how long it is."""
    if low is None or high is None:
        return percent_of(value, 1), "0.0", "0.0"
    return percent_of(value, 1), percent_of(low, 1), percent_of(high - low, 1)


def interval_text(low: float | None, high: float | None) -> str:
    """Print an interval, or a dash where there is none."""
    if low is None or high is None:
        return DASH
    return f"{fraction_text(low)} to {fraction_text(high)}"


def _attribute_view(name: str, found: Retained | Skipped) -> AttributeView:
    title = attribute_name(name)
    if isinstance(found, Skipped):
        return AttributeView(
            title,
            "not measured",
            "skipped",
            *(DASH, DASH, DASH, DASH, DASH),
            *("0.0", "0.0", "0.0"),
            visible(found.reason),
        )
    level = verdict(found)
    return AttributeView(
        title,
        VERDICT_WORDS[level],
        level,
        fraction_text(found.value),
        interval_text(found.low, found.high),
        fraction_text(found.null),
        fraction_text(found.ceiling),
        p_text(found.p_value),
        *interval_bar(found.value, found.low, found.high),
        None,
    )


def _how(retention: Retention) -> str:
    donors = (
        f"inversions of {plural(retention.n_donors, 'other image')}"
        if retention.baseline == "other images"
        else "random-phase images (no other image was inverted, so what all photographs share "
        "may count as kept)"
    )
    return (
        f"{plural(retention.n_seeds, 'seed')}; null: {retention.n_null:,} random-phase images. "
        f"Map: patches compared in {visible(retention.space)}, against {donors}; "
        f"{share_text(retention.retained_frac)} of it at {KEPT_FROM:.2f} or more (kept), "
        f"{share_text(retention.dropped_frac)} at {DROPPED_TO:.2f} or less (thrown away)."
    )


def retention_view(image: ImageAudit) -> RetentionView | None:
    """Turn the retention record of an image into what its card shows; None where there is none."""
    record, name = image.retention, visible(image.path)
    if not isinstance(record, Retention):
        return None
    proof = proof_view(record.faithfulness, name)
    share = share_text(record.retained_frac)
    status = {"holds": "deletion proof holds", "fails": "deletion proof FAILS"}
    caption = status.get(proof.outcome, "no deletion proof")
    return RetentionView(
        sentence=keeping_sentence(record),
        picture=Picture(
            record.map,
            f"Retained map: {share} kept; {caption}",
            f"Map of what the inversions retain of {name}, drawn over it: {share} of it counts as "
            f"retained; {caption}",
        ),
        attributes=tuple(
            _attribute_view(n, record.attributes[n]) for n in ordered(record.attributes)
        ),
        how=_how(record),
        proof=proof,
    )


def mean_rows(summary: object) -> tuple[MeanRow, ...]:
    """Put the run's mean retention in rows, as recorded; what is no such record is left out."""
    if not isinstance(summary, Mapping):
        return ()
    rows = []
    for name in ordered(str(key) for key, v in summary.items() if isinstance(v, Mapping)):
        entry = summary[name]
        value, low, high, n = (entry.get(key) for key in ("mean", "low", "high", "n"))
        if not isinstance(value, int | float):
            continue
        text = DASH if n is None else visible(n)
        bar = interval_bar(value, low, high)
        rows.append(
            MeanRow(
                attribute_name(name), fraction_text(value), interval_text(low, high), text, *bar
            )
        )
    return tuple(rows)
