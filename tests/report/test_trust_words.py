from dataclasses import replace

import measured as examples
import pytest
from runs import make_run

from macoaudit.report.facts import banner
from macoaudit.report.trust import TEXTS, trust_view, trust_warning
from macoaudit.results import TrustCheck

CHECKS = examples.trust()


def rows(*checks):
    return {row.name: row for row in trust_view(checks).rows}


def test_each_check_has_its_words_number_and_threshold():
    found = rows(*CHECKS)
    assert [row.name for row in trust_view(CHECKS).rows] == [check.name for check in CHECKS]
    cells = {name: (row.value, row.threshold, row.n_images) for name, row in found.items()}
    assert cells == {
        "random weights": ("0.080", "below 0.500", "2"),
        "null objective": ("0.050", "below 0.500", "2"),
        "dead target": ("reported dead", "reported dead", "1"),
        "parametrizations": ("40 %", "50 % or more", "2"),
        "initialisations": ("90 %", "50 % or more", "24"),
        "layer path": ("–", "–", "0"),  # noqa: RUF001
    }
    for name, row in found.items():
        assert (row.checks, row.otherwise) == (TEXTS[name].checks, TEXTS[name].otherwise)
    assert len({row.checks for row in found.values()}) == len(CHECKS)


def test_outcomes_have_word_and_symbol():
    found = rows(*CHECKS)
    looks = {name: (row.symbol, row.outcome, row.level) for name, row in found.items()}
    assert looks["random weights"] == ("✓", "as expected", "good")
    assert looks["parametrizations"] == ("✗", "not as expected", "bad")
    assert looks["layer path"] == ("○", "not made", "none")
    assert found["layer path"].reason == "no two images share a class"


def test_a_missed_dead_target_and_close_numbers_are_printed_apart():
    missed = TrustCheck("dead target", "not as expected", None, 0.0, 1.0, 1)
    assert rows(missed)["dead target"].value == "not reported"
    close = TrustCheck("random weights", "as expected", None, 0.49996, 0.5, 1)
    row = rows(close)["random weights"]
    assert (row.value, row.threshold) == ("0.499960", "below 0.500000")


def test_an_unknown_check_is_shown_plainly():
    new = TrustCheck("new\u202echeck", "as expected", None, 0.25, 0.5, 3, {"a\x1b": 1.5})
    row = rows(new)["new\\u202echeck"]
    assert (row.value, row.threshold, row.outcome) == ("0.250", "0.500", "as expected")
    assert "no words for this check" in row.checks
    (detail,) = trust_view([new]).details
    assert (detail.check, detail.name, detail.value) == ("new\\u202echeck", "a\\x1b", "1.500")


def test_details_keep_their_order_per_layer():
    layers = {"blocks.2": 0.91, "blocks.10": 0.42, "penultimate": -0.0001}
    path = TrustCheck("layer path", "as expected", None, 0.42, 0.0, 4, layers)
    details = trust_view([path]).details
    assert [(d.name, d.value) for d in details] == [
        ("blocks.2", "0.910"),
        ("blocks.10", "0.420"),
        ("penultimate", "0.000"),
    ]


def test_counts_leave_out_what_was_not_made(tmp_path):
    run = make_run(tmp_path, 1, measured=True)
    tiles = {tile.name: tile.value for tile in banner(run).tiles}
    assert tiles["trust checks as expected (1 not made)"] == "4 of 5"
    assert trust_view(CHECKS).summary == "4 of 5 trust checks came out as expected; 1 not made."
    assert trust_view(CHECKS[-1:]).summary == "None of 1 trust check was made."
    assert trust_view(()) is None


@pytest.mark.parametrize("n_bad", [0, 1, 2])
def test_the_warning_names_each_check_that_is_not_as_expected(tmp_path, n_bad):
    good = [replace(check, outcome="as expected") for check in CHECKS]
    checks = [replace(c, outcome="not as expected") for c in good[:n_bad]] + good[n_bad:]
    run = replace(make_run(tmp_path, 1), trust=tuple(checks))
    warning = banner(run).warning
    assert warning == trust_warning(checks)
    assert (warning is None) == (n_bad == 0)
    for check in checks:
        assert (check.name in (warning or "")) == (check.outcome == "not as expected")
    random = replace(run, model=replace(run.model, weights_origin="random"))
    assert "Random weights" in banner(random).warning
    assert (warning or "") in banner(random).warning
