"""The numbers over all morphs of a run, as its summary has them."""

from collections.abc import Mapping
from typing import Any

from macoaudit.report.morph_records import NumbersTable
from macoaudit.report.morph_words import EDITS, distance_text, without_empty
from macoaudit.report.words import DASH, fraction_text, probability_text, share_text, visible
from macoaudit.results import MORPH_EDITS, Run


def totals(run: Run) -> tuple[NumbersTable, ...]:
    """Table the flips of every edit, and what is seen at the first flip and in the last frame."""
    summary = run.summary
    both = summary["flipped_by_lens_and_pixel"]
    rows = []
    for edit in MORPH_EDITS:
        found = summary["flips"][edit]
        if not found["of"]:
            continue
        same = both.get(f"{edit}_l2_median") if both["n"] else None
        flips = f"{found['n']} of {found['of']} ({share_text(found['n'] / found['of'])})"
        rows.append((EDITS[edit], flips, distance_text(found["l2_median"]), distance_text(same)))
    tables = [
        NumbersTable(
            "Flips over all morphs",
            ("Edit", "Reach the class", "Median flip L2", f"where both flip (n = {both['n']})"),
            tuple(rows),
            "The median is over the morphs that flip, so edits that flip different ones are "
            "compared in the last column.",
        )
    ]
    for key, caption in (
        ("at_first_flip", "At the lens's first flip, every edit at that distance"),
        ("at_last_frame", "In the last frame, every edit at that distance"),
    ):
        if summary[key]["lens"]["n"]:
            tables.append(_at(summary[key], caption))
    return tuple(tables)


def _at(found: Mapping[str, Mapping[str, Any]], caption: str) -> NumbersTable:
    return without_empty(
        f"{caption} (n = {found['lens']['n']}; medians)",
        (
            "Edit",
            "L2",
            "p(target)",
            "Target first",
            "Judges agree",
            "Judges' p(target)",
            "Above half Nyquist",
            "Variation ratio",
            "Warp explains",
            "Distance reached",
        ),
        tuple(_cells(EDITS[edit], found[edit]) for edit in MORPH_EDITS if found[edit]["n"]),
    )


def _cells(name: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    def share(key: str) -> str:
        return DASH if row[key] is None else share_text(row[key])

    asked, agree = row["judges_asked"], DASH
    if asked:
        agree = f"{row['judges_agree']} of {asked} ({share_text(row['judges_agree'] / asked)})"
    return (
        name,
        distance_text(row["l2_median"]),
        probability_text(row["target_prob_median"]),
        f"{row['n_target_first']} of {row['n']}",
        agree,
        probability_text(row["judges_prob_median"]),
        share("hf_share_median"),
        fraction_text(row["tv_ratio_median"]),
        share("warp_energy_median"),
        f"{row['n_at_distance']} of {row['n']}",
    )


def confusion_table(run: Run, most: int) -> NumbersTable | None:
    """Table the pairs of classes that the network confuses most; None where none were asked for.

    Args:
        run: the record.
        most: rows that are shown.
    """
    pairs = run.summary.get("confusions")
    if not isinstance(pairs, Mapping) or not pairs:
        return None
    rows = tuple(
        (
            visible(pairs[rank]["source_name"]),
            visible(pairs[rank]["target_name"]),
            fraction_text(pairs[rank]["weight"], 3),
            f"{pairs[rank]['n_images']:,}",
        )
        for rank in sorted(pairs)[:most]
    )
    note = None if len(rows) == len(pairs) else f"{len(rows)} of {len(pairs)} pairs shown."
    return NumbersTable(
        "What the network confuses on these images: first class and second class",
        ("First class", "Second class", "Sum of the second's probability", "Images"),
        rows,
        note,
    )
