"""The sentence of a card against the record: every claim in it has to be true of the numbers."""

import itertools
import re
from dataclasses import replace
from decimal import Decimal

import measured as examples
import pytest
from runs import make_run

from macoaudit.report.retention import (
    attribute_name,
    cycles,
    keeping_sentence,
    mean_rows,
    octave,
    ordered,
    retention_view,
)
from macoaudit.report.words import VERDICT_WORDS, verdict
from macoaudit.results import Retained, Skipped

EDGES = (0.0, 0.0049, 0.0051, 0.19, 0.1949, 0.2051, 0.4, 0.4949, 0.4951, 0.71, 0.9999, 1.0)
P_VALUES = (0.0154, 0.05, 0.0504, 0.0506, 0.9)
SKIP = Skipped("top5", "too few classes")
PROOFS = (
    examples.faithfulness(True),
    examples.faithfulness(False),
    replace(examples.faithfulness(True), retained_matters=False),
    Skipped("deletion", "the map has one patch"),
)


def record(attributes, proof=PROOFS[0], share=0.36):
    whole = examples.retention()
    return replace(whole, attributes=attributes, faithfulness=proof, retained_frac=share)


def made(value=0.6, low=0.55, high=0.7, p=0.015):
    return Retained(value, low, high, observed=0.7, null=0.2, ceiling=0.9, p_value=p)


def claim_holds(claim, found):
    """Whether a clause may be said of a record, from its definition and exact decimals."""
    if isinstance(found, Skipped):
        return claim == "not measured"
    if found.low is None:
        return claim == "undetermined"
    low, high = Decimal(f"{found.low:.2f}"), Decimal(f"{found.high:.2f}")
    near_chance = low <= 0 or Decimal(f"{found.p_value:.3f}") > Decimal("0.05")
    little = high <= Decimal("0.2")
    return {
        "kept": low >= Decimal("0.5") and not near_chance,
        "partly kept": not near_chance and not little and low < Decimal("0.5"),
        "threw away": little,
        "not told apart from chance": near_chance and not little,
    }.get(claim, False)


HEADS = {
    "kept ": "kept",
    "partly kept ": "partly kept",
    "threw away ": "threw away",
    "not told apart from chance: ": "not told apart from chance",
    "undetermined, because one seed gives no interval: ": "undetermined",
    "not measured: ": "not measured",
}
BY_NAME = {
    "colours": "color",
    "orientations of edges": "orientation",
    "spatial layout in the same place": "layout",
    "layout apart from its position": "layout_shifted",
    "the predicted class": "prediction",
    "the first five classes": "top5",
}


def members(name):
    """Attributes that an entry of the sentence stands for."""
    band = re.fullmatch(r"detail of (\d+) to (\d+) cycles per image", name)
    if band is None:
        return [BY_NAME[name]]
    low, high = int(band[1]).bit_length(), int(band[2]).bit_length() - 1
    assert 2 ** (low - 1) == int(band[1])
    assert 2**high == int(band[2])
    return [f"bands_{n}" for n in range(low, high + 1)]


def check(retention):
    """Parse the sentence and hold every claim against the record; return the claims."""
    sentence = keeping_sentence(retention)
    assert sentence.endswith(".")
    assert sentence.count(". ") == 0
    text = sentence.removesuffix(".")
    told = text.startswith("Of this image, the network ")
    text = text.removeprefix("Of this image, the network ")
    text = text.removeprefix("No attribute is called kept or thrown away; ")
    claims, rest = {}, []
    for clause in text.split("; "):
        head = next((h for h in HEADS if clause.startswith(h)), None)
        if head is None:
            rest.append(clause)
            continue
        for entry in re.split(r", | and ", clause.removeprefix(head)):
            match = re.fullmatch(r"(.*?)(?: \((\d\.\d\d)(?: to (\d\.\d\d))?\))?", entry)
            names = members(match[1])
            assert not claims.keys() & set(names), "said twice"
            claims |= dict.fromkeys(names, HEADS[head])
            if match[2] is not None:
                values = [retention.attributes[n].value for n in names]
                shown = [f"{min(values):.2f}", f"{max(values):.2f}"]
                assert shown == [match[2], match[3] or match[2]]
            else:
                assert HEADS[head] == "not measured"
    assert claims.keys() == retention.attributes.keys() or rest[0] == "No attribute was measured"
    for name, claim in claims.items():
        assert claim_holds(claim, retention.attributes[name]), (name, claim, sentence)
    assert told == bool({"kept", "partly kept", "threw away"} & set(claims.values()))
    content = next(c for c in rest if "of the map's places" in c)
    shares = re.fullmatch(
        r"of the map's places (.*) % count as kept and (.*) % as thrown away\.?", content
    )
    parts = (retention.retained_frac, retention.dropped_frac)
    for part, shown in zip(parts, shares.groups(), strict=True):
        bound, number = (shown[0], shown[2:]) if shown[0] in "<>" else ("", shown)
        percent = Decimal(str(part)) * 100
        assert {
            "": abs(percent - Decimal(number)) <= Decimal("0.5"),
            "<": 0 < percent < Decimal(number),
            ">": Decimal(number) < percent < 100,
        }[bound]
    proof = retention.faithfulness
    proven = not isinstance(proof, Skipped) and proof.retained_matters and proof.dropped_does_not
    assert ("the map is not validated for this image" in sentence) == (not proven)
    assert ("was not made" in sentence) == isinstance(proof, Skipped)
    return claims


def test_every_claim_is_true_at_every_edge_of_the_bounds():
    seen = set()
    proofs = itertools.cycle(PROOFS)
    for low, value, high in itertools.combinations_with_replacement(EDGES, 3):
        for p in P_VALUES:
            one = made(value, low, high, p)
            seen |= set(check(record({"color": one, "top5": SKIP}, next(proofs))).values())
    assert seen == {"kept", "partly kept", "threw away", "not told apart from chance",
                    "not measured"}  # fmt: skip


KINDS = (
    made(0.6, 0.55, 0.7),
    made(0.3, 0.1, 0.6),
    made(0.1, 0.0, 0.2),
    made(0.3, 0.0, 0.5),
    made(0.9, None, None),
    SKIP,
)


def test_every_mixture_of_octaves_says_each_once():
    for kinds in itertools.product(KINDS, repeat=3):
        bands = {f"bands_{n}": kind for n, kind in enumerate(kinds, start=1)}
        check(record({**bands, "prediction": KINDS[0], "orientation": SKIP}))


def test_every_share_of_the_map_agrees_with_its_number():
    for thousandth in (*range(120), *range(120, 1000, 17), 994, 995, 996, 1000):
        check(record({"color": KINDS[0]}, share=thousandth / 1000))


def test_one_seed_never_keeps_or_drops():
    for value in EDGES:
        one = made(value, None, None, 0.001)
        assert set(check(record({"color": one, "bands_1": one})).values()) == {"undetermined"}


def test_nothing_measured_is_said():
    assert keeping_sentence(record({"color": SKIP})).startswith("No attribute was measured; ")
    assert keeping_sentence(record({})).startswith("No attribute was measured; ")


def test_the_sentence_reads_as_one():
    assert keeping_sentence(examples.retention(holds=False)) == (
        "Of this image, the network kept colours (0.71) and the predicted class (1.00); partly "
        "kept orientations of edges (0.22), layout apart from its position (0.34) and detail of 1 "
        "to 4 cycles per image (0.18 to 0.41); threw away spatial layout in the same place (0.09) "
        "and detail of 4 to 8 cycles per image (0.02); not measured: the first five classes; of "
        "the map's places 36 % count as kept and 25 % as thrown away; the map is not validated for "
        "this image, because the proof by deletion fails."
    )


def test_octaves_have_their_cycles_and_other_names_stay():
    assert [cycles(n, n) for n in (1, 3)] == [
        "detail of 1 to 2 cycles per image",
        "detail of 4 to 8 cycles per image",
    ]
    assert [octave(n) for n in ("bands_1", "bands_12", "bands_0", "bands_x", "color", "")] == [
        1,
        12,
        None,
        None,
        None,
        None,
    ]
    assert octave("bands_" + "9" * 5000) is None
    assert attribute_name("new\u202ething") == "new\\u202ething"
    assert ordered(["top5", "new", "bands_10", "bands_2", "color", "prediction"]) == [
        "color",
        "bands_2",
        "bands_10",
        "prediction",
        "top5",
        "new",
    ]


def shown_for(retention, tmp_path):
    image = make_run(tmp_path, 1, measured=True).images[0]
    return retention_view(replace(image, retention=retention))


@pytest.mark.parametrize("proof", PROOFS)
def test_the_proof_says_what_held_and_what_did_not(tmp_path, proof):
    view = shown_for(record({"color": KINDS[0]}, proof), tmp_path).proof
    if isinstance(proof, Skipped):
        assert (view.outcome, view.symbol, view.chart) == ("not made", "○", None)
        assert "(the map has one patch): the map is not validated" in view.headline
        return
    holds = proof.retained_matters and proof.dropped_does_not
    assert view.outcome == ("holds" if holds else "fails")
    assert ("not validated" in view.headline) == (not holds)
    flags = (proof.retained_matters, proof.dropped_does_not)
    assert [text[0] for text in view.statements] == ["✓" if flag else "✗" for flag in flags]
    assert ("no more than" in view.statements[0]) == (not proof.retained_matters)
    assert ("no less than" in view.statements[1]) == (not proof.dropped_does_not)
    mean = proof.mean
    odd = "; the numbers on record do not show it"
    true = (mean.retained > mean.moved_retained, mean.dropped < mean.moved_dropped)
    notes = ["" if flag == fact else odd for flag, fact in zip(flags, true, strict=True)]
    assert f"({mean.retained:.3f} against 0.120{notes[0]})" in view.statements[0]
    assert f"({mean.dropped:.3f} against 0.100{notes[1]})" in view.statements[1]
    assert f"Faithfulness {proof.value:.3f}" in view.numbers
    assert "mean 0.020, 95th percentile 0.080" in view.numbers
    for row in view.rows:
        assert f"At {row.area}: retained {row.retained}" in view.chart.title


def test_a_proof_within_what_moved_maps_reach_is_called_weak(tmp_path):
    for value, weak in ((0.0804, True), (0.081, False)):
        proof = replace(PROOFS[0], value=value)
        numbers = shown_for(record({}, proof), tmp_path).proof.numbers
        assert ("support for the map is weak" in numbers) == weak


def test_statements_equal_in_print_say_so(tmp_path):
    mean = replace(PROOFS[0].mean, retained=0.12001, moved_retained=0.12)
    view = shown_for(record({}, replace(PROOFS[0], mean=mean)), tmp_path)
    assert "(0.120 against 0.120, equal to the printed digits)" in view.proof.statements[0]
    bare = shown_for(record({}, replace(PROOFS[0], curve=())), tmp_path).proof
    assert bare.chart is None


def test_table_words_are_those_of_the_sentence(tmp_path):
    bands = {f"bands_{n}": kind for n, kind in enumerate(KINDS, start=1)}
    retention = record(bands)
    rows = {row.name: row for row in shown_for(retention, tmp_path).attributes}
    for name, found in bands.items():
        row = rows[attribute_name(name)]
        if isinstance(found, Skipped):
            assert (row.word, row.reason, row.value) == ("not measured", found.reason, "–")  # noqa: RUF001
            continue
        assert row.word == VERDICT_WORDS[verdict(found)]
        assert row.value == f"{found.value:.2f}"
        assert (row.null, row.ceiling, row.p) == ("0.20", "0.90", "0.015")
        assert float(row.bar_pct) == pytest.approx(100 * found.value)
        low, high = found.low or 0.0, found.high or 0.0
        assert float(row.low_pct) == pytest.approx(100 * low)
        assert float(row.low_pct) + float(row.span_pct) == pytest.approx(100 * high)


def test_mean_rows_print_the_record_and_leave_out_what_is_none():
    rows = mean_rows(
        {
            "bands_2": {"mean": 0.301, "low": None, "high": None, "n": 4},
            "color": {"mean": 0.684, "low": 0.591, "high": 0.772, "n": 8},
            "odd": 3,
            "empty": {"mean": None, "low": None, "high": None, "n": 0},
        }
    )
    assert [(row.name, row.value, row.interval, row.n) for row in rows] == [
        ("colours", "0.68", "0.59 to 0.77", "8"),
        ("detail of 2 to 4 cycles per image", "0.30", "–", "4"),  # noqa: RUF001
    ]
    assert mean_rows(None) == mean_rows([1]) == ()
