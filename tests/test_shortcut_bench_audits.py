"""One tiny network of the planted-truth benchmark, trained, audited and read back."""

import json
from dataclasses import replace

import pytest

from benchmarks.shortcuts import audits
from benchmarks.shortcuts.baselines import BASELINES
from benchmarks.shortcuts.cues import Cue
from benchmarks.shortcuts.grid import Entry
from benchmarks.shortcuts.networks import find, train_or_load
from benchmarks.shortcuts.pairs import collect, pair_of
from benchmarks.shortcuts.scenes import LABELS
from benchmarks.shortcuts.training import Settings
from macoaudit.shortcuts.filters import FilterSettings
from macoaudit.shortcuts.records import KINDS
from macoaudit.shortcuts.recurring import RecurrenceSettings
from macoaudit.shortcuts.regions import SearchSettings
from macoaudit.shortcuts.screen import ScreenSettings
from macoaudit.shortcuts.shifting import ShiftSettings
from macoaudit.shortcuts.suite import SuiteSettings
from macoaudit.shortcuts.transfer import TransferSettings

TINY = Settings(train_per_class=24, held_out_per_class=6, epochs_factor=0.25)
MARKED = Entry("cnn", 3, Cue("corner", 0.10), 1.0)
PER_CLASS = 6
LIGHT = SuiteSettings(
    search=SearchSettings(max_sources=2, n_first=8, n_again=2, n_donors=8, n_kept=2, pool=8),
    transfer=TransferSettings(n_controls=8, n_draws=19, max_images=2, max_donors=6),
    recurrence=RecurrenceSettings(n_draws=19),
    spectrum=FilterSettings(n_draws=19, n_controls=2),
    screen=ScreenSettings(n_draws=19),
    shift=ShiftSettings(n_draws=19, max_donors=6),
    component=None,
    anomaly=None,
)


@pytest.mark.slow
def test_a_tiny_network_is_audited_written_and_read_back(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(audits, "SETTINGS", LIGHT)
    monkeypatch.setattr(audits, "PER_CLASS", PER_CLASS)
    assert find(MARKED, tmp_path, TINY) is None
    network = train_or_load(MARKED, tmp_path, TINY)
    assert find(MARKED, tmp_path, TINY) == replace(network, cached=True)

    first = audits.audit(network, 0, LIGHT, PER_CLASS)
    again = audits.audit(network, 0, LIGHT, PER_CLASS)
    for one in (first, again):
        one.pop("seconds"), one.pop("cpu_seconds")
    assert first == again
    # As it is read back: tuples of the settings come as lists.
    first = json.loads(json.dumps(first, allow_nan=False))
    assert audits.audit(network, 1, LIGHT, PER_CLASS)["classes"] != first["classes"]

    assert [one["class_index"] for one in first["classes"]] == list(range(len(LABELS)))
    untested = [one["class_index"] for one in first["classes"] if one["margin"] is None]
    assert untested == first["classes_untested"]
    for one in first["classes"]:
        skipped = {reason["test"] for reason in one["not_tested"]}
        assert {"component", "anomaly", "masks"} <= skipped
        # Every test either gave a number or said why not; only those of properties, which go by
        # what the network says, leave out a class that it never says.
        silent = KINDS.keys() - skipped - {made["test"] for made in one["tests"]}
        assert silent <= {"property", "property shift"}
    # Every picture of the planted class carries the mark.
    assert first["localisation"]["stamp"]["n_carrying"] == PER_CLASS

    scored = audits.run_baselines(network, PER_CLASS)["baselines"]
    assert list(scored) == list(BASELINES)
    assert all(len(one["scores"]) == len(LABELS) for one in scored.values())
    assert scored["chance"]["localisation"]["n_regions"] == PER_CLASS
    assert scored["property"]["localisation"] is None

    for file, content in (
        (audits.audit_file(network.key, tmp_path, 0), first),
        (audits.baselines_file(network.key, tmp_path), {"baselines": scored}),
    ):
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(content))
    assert audits.audit_missing(network, tmp_path, 0) is None
    assert audits.baselines_missing(network, tmp_path) is None
    (found,) = collect([MARKED], tmp_path, 1, TINY).audited
    pair = pair_of(found, MARKED.planted)
    assert pair.reliance == network.facts["reliance"]
    assert pair.margin == first["classes"][MARKED.planted]["margin"]
    assert pair.score("spray") == scored["spray"]["scores"][MARKED.planted]
