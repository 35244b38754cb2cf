import pytest

from macoaudit.report.settings import flatten, seconds_text
from macoaudit.report.words import (
    DASH,
    SIMILARITY_SCALE,
    probability_text,
    scale_level,
    scale_range,
    score,
    similarity_text,
    visible,
)


@pytest.mark.parametrize(
    ("similarity", "start", "word"),
    [
        (0.9700, 0.1, "nearly exact"),
        (0.9695, 0.1, "nearly exact"),  # printed as 0.970 (round half to even of the binary value)
        (0.9694, 0.1, "close match"),
        (0.9, 0.1, "close match"),
        (0.8999, 0.1, "close match"),  # printed as 0.900
        (0.8, 0.1, "good match"),
        (0.5, 0.1, "partial match"),
        (0.499, 0.1, "weak match"),
        (0.15, 0.1, "weak match"),
        (0.149, 0.1, "no better than random"),
        (-0.4, -0.5, "weak match"),
        (0.96, 0.95, "no better than random"),
        (1.0, None, "nearly exact"),
        (-1.0, None, "weak match"),
    ],
)
def test_word_follows_the_printed_number(similarity, start, word):
    assert SIMILARITY_SCALE[scale_level(similarity, start)].word == word


def test_scale_is_ordered_and_covers_every_cosine():
    bounds = [step.below for step in SIMILARITY_SCALE]
    assert bounds == sorted(bounds)
    assert {scale_level(n / 1000, None) for n in range(-1000, 1001)} == {1, 2, 3, 4, 5}
    assert [scale_range(level) for level in (0, 1, 3, 5)] == [
        "below start + 0.05",
        "below 0.50",
        "0.80 to below 0.90",
        "0.97 or more",
    ]


def test_score_says_what_the_number_is():
    shown = score(0.9571, [0.0712])
    assert (shown.value, shown.start, shown.word, shown.bar_pct) == (
        "0.957",
        "0.071",
        "close match",
        "95.7",
    )
    assert shown.sentence == (
        "Cosine between activations 0.957: close match of the activation. "
        "The random start had 0.071. This is not a likeness of pictures."
    )


def test_score_with_several_starts_prints_their_range():
    assert score(0.2, [0.3, 0.1]).start == "0.100 to 0.300"
    assert score(0.2, [0.3, 0.1]).level == 1
    assert score(0.1499, [0.3, 0.101]).level == 0


def test_missing_similarity_is_said_and_not_zero():
    shown = score(None, [])
    assert (shown.value, shown.start, shown.level) == (DASH, DASH, -1)
    assert "No similarity was recorded" in shown.sentence


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0 %"), (1.0, "100.0 %"), (0.9999, "> 99.9 %"), (1e-5, "< 0.1 %"), (0.8734, "87.3 %")],
)
def test_a_probability_is_never_rounded_to_certainty(value, text):
    assert probability_text(value) == text


def test_similarity_text_has_no_negative_zero():
    assert similarity_text(-0.0001) == "0.000"
    assert similarity_text(-0.25) == "-0.250"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\u202eb", "a\\u202eb"),
        ("a\x1b[31m", "a\\x1b[31m"),
        ("tab\t", "tab\\t"),
        ("\udcff", "\\udcff"),
        ("\u2028", "\\u2028"),
        ("über 猫 é 🐈", "über 猫 é 🐈"),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_visible_escapes_what_cannot_be_seen_and_nothing_else(raw, shown):
    assert visible(raw) == shown
    visible(raw).encode("utf-8")


def test_flatten_names_every_setting_exactly():
    pairs = flatten({"b": {"y": 0.1, "x": None}, "a": [1, 2], "c": {}, "d": True, "e": ""})
    assert pairs == [
        ("a", "1, 2"),
        ("b.x", "not set"),
        ("b.y", "0.1"),
        ("c", "none"),
        ("d", "yes"),
        ("e", "empty"),
    ]


def test_seconds_text_turns_long_times_into_minutes():
    assert [seconds_text(v) for v in (3.14159, 125, "late", True)] == [
        "3.1 s",
        "2 min 5 s",
        "late",
        "yes",
    ]
