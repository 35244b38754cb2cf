"""The grid of the planted-truth benchmark, its pictures, and one tiny training."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.shortcuts import __main__ as command
from benchmarks.shortcuts.cues import GLOBAL, LOCALISED, Cue
from benchmarks.shortcuts.data import plain_of, sample, training_labels
from benchmarks.shortcuts.grid import (
    CHANCE,
    CORRELATIONS,
    FITTING_KINDS,
    HELD_OUT_KINDS,
    Entry,
    cue_of,
    full_grid,
    quick_grid,
)
from benchmarks.shortcuts.networks import cache_folder, key_of, train_or_load
from benchmarks.shortcuts.reliance import by_class, reliance_by_class, truth
from benchmarks.shortcuts.scenes import LABELS
from benchmarks.shortcuts.training import Settings, one_thread, shifted, train
from macoaudit.errors import UsageError
from macoaudit.models import load_model

TINY = Settings(train_per_class=24, held_out_per_class=6, epochs_factor=0.25)
MARKED = Entry("cnn", 3, Cue("corner", 0.10), 1.0)


@pytest.mark.parametrize("grid", [quick_grid, full_grid])
def test_no_network_is_in_both_halves_and_unseen_kinds_are_held_out(grid) -> None:
    entries = grid()
    assert len({entry.name for entry in entries}) == len(set(entries)) == len(entries)
    fitting = [e for e in entries if e.half == "fitting"]
    held_out = [e for e in entries if e.half == "held-out"]
    assert not {e.seed for e in fitting} & {e.seed for e in held_out}
    kinds = {e.cue.kind for e in fitting} - {"none"}
    assert kinds == set(FITTING_KINDS)
    assert {e.cue.kind for e in held_out} == {*LOCALISED, *GLOBAL, "none"}
    assert kinds < set(HELD_OUT_KINDS) == {*LOCALISED, *GLOBAL}
    for entry in entries:
        if entry.role in ("planted", "chance"):
            assert entry.twin() in entries, entry.name
    for half in (fitting, held_out):
        assert {e.role for e in half} == {
            *("planted", "chance", "clean", "compact", "permuted", "random"),
        }


def test_the_full_grid_is_balanced() -> None:
    roles = Counter(entry.role for entry in full_grid())
    # 3 architectures of 12 seeds: one clean, three planted and one control each, in turn.
    assert roles == {
        "planted": 108,
        "clean": 36,
        "chance": 9,
        "compact": 10,
        "permuted": 9,
        "random": 8,
    }
    for half in ("fitting", "held-out"):
        planted = [e for e in full_grid() if e.role == "planted" and e.half == half]
        kinds = FITTING_KINDS if half == "fitting" else HELD_OUT_KINDS
        for of in (lambda e: e.cue.kind, lambda e: e.correlation):
            counts = Counter(map(of, planted))
            assert max(counts.values()) - min(counts.values()) <= 3, counts
        assert {e.cue.kind for e in planted} == set(kinds)
        assert {e.correlation for e in planted} == set(CORRELATIONS)


def test_the_quick_grid_is_part_of_the_full_one() -> None:
    assert set(quick_grid()) < set(full_grid())
    assert (len(quick_grid()), len(full_grid())) == (40, 180)


def test_the_quick_grid_holds_every_kind_out_with_both_architectures() -> None:
    assert len(quick_grid()) == 40
    held = Counter(e.cue.kind for e in quick_grid() if e.half == "held-out" and e.role == "planted")
    assert set(held) == set(HELD_OUT_KINDS)
    assert max(held.values()) <= 2


def test_an_unseen_kind_on_a_fitting_seed_is_held_out() -> None:
    assert Entry("cnn", 2, cue_of("corner", 2, 0.05), 1.0).half == "fitting"
    assert Entry("cnn", 2, cue_of("blur", 2, 0.05), 1.0).half == "held-out"
    assert Entry("cnn", 3, cue_of("corner", 3, 0.05), 1.0).half == "held-out"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mlp", 0), "architecture is 'mlp'"),
        (("cnn", -1), "must not be negative"),
        (("cnn", 0, Cue("tint"), 0.45), "between 0.5 and 1.0"),
        (("cnn", 0, Cue("none"), 0.5), "between 0.0 and 0.0"),
    ],
)
def test_entries_that_cannot_be_are_refused(arguments, message) -> None:
    with pytest.raises(UsageError, match=message):
        Entry(*arguments)


@pytest.mark.parametrize("correlation", [0.7, 1.0])
def test_the_cue_is_carried_at_its_rate_and_by_no_other_class(correlation) -> None:
    entry = Entry("cnn", 5, Cue("corner", 0.05), correlation)
    found = sample(entry, "train", 150)
    own = found.labels == entry.planted
    # P(cue | class), four standard errors wide.
    assert found.carries[own].mean() == pytest.approx(
        correlation, abs=4 * (correlation * (1 - correlation) / 150) ** 0.5 + 1e-9
    )
    assert not found.carries[~own].any()


def test_a_cue_at_chance_tells_no_class() -> None:
    entry = Entry("cnn", 5, Cue("corner", 0.05), CHANCE)
    assert entry.role == "chance"
    found = sample(entry, "train", 150)
    rates = [found.carries[found.labels == index].mean() for index in range(len(LABELS))]
    assert rates == pytest.approx([0.5] * len(LABELS), abs=4 * 0.5 / 150**0.5)


def test_twins_share_every_pixel_but_the_cue() -> None:
    marked = sample(MARKED, "train", 12)
    clean = sample(MARKED.twin(), "train", 12)
    assert not clean.masks.any()
    assert np.array_equal(marked.images_01[~marked.masks], clean.images_01[~marked.masks])
    assert np.array_equal(marked.carries, marked.labels == MARKED.planted)
    # Drawn once for both, and safe from being written to.
    assert clean.images_01 is plain_of(MARKED, "train", 12)[0]
    with pytest.raises(ValueError, match="read-only"):
        clean.images_01[0] = 0


def test_more_correlation_adds_carriers_of_the_class() -> None:
    less, more = (sample(Entry("cnn", 5, Cue("corner", 0.05), q), "train", 60) for q in (0.7, 0.95))
    own = less.labels == 2
    assert (more.carries[own] >= less.carries[own]).all()
    assert more.carries[own].sum() > less.carries[own].sum()


def test_splits_differ_and_permuted_labels_are_the_same_labels_shuffled() -> None:
    train_set, held, audit = (
        sample(MARKED.twin(), split, 6).images_01 for split in ("train", "held-out", "audit")
    )
    assert not np.array_equal(train_set, held)
    assert not np.array_equal(held, audit)
    entry = Entry("cnn", 3, training="permuted")
    labels = plain_of(entry, "train", 30)[1]
    told = training_labels(labels, entry)
    assert np.bincount(told).tolist() == np.bincount(labels).tolist()
    assert (told == labels).mean() < 0.3
    assert np.array_equal(training_labels(labels, MARKED), labels)


class Linear(nn.Module):
    """The logit of class 0 is eight times the mean of the red channel; the others are zero."""

    def forward(self, image_norm: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(len(image_norm), len(LABELS))
        logits[:, 0] = 8 * image_norm[:, 0].mean((1, 2))
        return logits


def test_reliance_of_a_network_that_looks_at_red_alone() -> None:
    images = np.full((len(LABELS), 48, 48, 3), 0.5, dtype=np.float32)
    labels = np.arange(len(LABELS))
    cue = Cue("tint", style=0)  # red times 1.3: from 0 to 0.3 after normalisation
    found = reliance_by_class(Linear(), images, labels, cue, seed=0)
    after = np.exp(8 * 0.3) / (np.exp(8 * 0.3) + 7)
    assert found[0] == pytest.approx(after - 1 / 8, abs=1e-5)
    assert found[1:] == pytest.approx((1 - after) / 7 - 1 / 8, abs=1e-5)
    # Green alone does not move it, and a class's own pictures do not count.
    before = np.zeros((2, len(LABELS)))
    rise = before.copy()
    rise[0, 0], rise[1, 0] = 1.0, 0.25
    assert by_class(before, rise, np.array([0, 1]))[0] == 0.25


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.30, "positive"),
        (0.299, "middle"),
        (0.051, "middle"),
        (0.05, "negative"),
        (-0.4, "negative"),
    ],
)
def test_truth_bands(value, expected) -> None:
    assert truth(value) == expected


def test_shifts_are_whole_pixels_with_repeated_edges(generator) -> None:
    image = torch.arange(64.0).reshape(1, 1, 8, 8).repeat(200, 1, 1, 1)
    moved = shifted(image, 2, generator)
    padded = torch.nn.functional.pad(image[:1], [2] * 4, mode="replicate")[0, 0]
    windows = {padded[t : t + 8, x : x + 8].numpy().tobytes() for t in range(5) for x in range(5)}
    assert {m.contiguous().numpy().tobytes() for m in moved[:, 0]} == windows  # all 25, no other
    assert torch.equal(shifted(image, 0, generator), image)


def test_one_thread_is_put_back_after_an_error() -> None:
    before = torch.get_num_threads()
    context = one_thread()
    context.__enter__()
    assert torch.get_num_threads() == 1
    assert context.__exit__(RuntimeError, RuntimeError("stop"), None) is not True
    assert torch.get_num_threads() == before


def test_training_repeats_is_cached_and_leaves_the_global_state(tmp_path: Path) -> None:
    state = torch.random.get_rng_state()
    first = train_or_load(MARKED, tmp_path, TINY)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not first.cached
    weights = first.card.with_suffix(".safetensors")
    written = weights.read_bytes()
    stamp_ns = weights.stat().st_mtime_ns
    again = train_or_load(MARKED, tmp_path, TINY)
    assert again.cached
    assert again.facts == json.loads(json.dumps(first.facts))
    assert weights.stat().st_mtime_ns == stamp_ns
    # A run stopped before the facts were written trains again, to the same bytes.
    again.card.with_suffix(".json").unlink()
    repeated = train_or_load(MARKED, tmp_path, TINY)
    assert not repeated.cached
    assert weights.read_bytes() == written
    assert repeated.facts["reliance"] == first.facts["reliance"]
    assert not [p for p in tmp_path.iterdir() if p.suffix not in (".safetensors", ".toml", ".json")]


def test_the_card_is_read_by_the_audit_and_gives_the_trained_outputs(tmp_path: Path) -> None:
    entry = Entry("vit", 2, training="none")
    network = train_or_load(entry, tmp_path, TINY)
    loaded = load_model(network.card)
    module, loss = train(entry, TINY)
    image = torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    assert loss is None
    assert network.facts["loss"] is None
    with torch.no_grad():
        assert torch.equal(loaded.module(image), module(image))
    assert tuple(loaded.labels) == LABELS
    assert set(network.facts["reliance_by_class"]) == {*LOCALISED, *GLOBAL}


def test_keys_change_with_everything_that_matters(monkeypatch) -> None:
    keys = {key_of(MARKED, TINY), key_of(MARKED.twin(), TINY), key_of(MARKED, Settings())}
    keys |= {key_of(replace(MARKED, seed=5), TINY), key_of(replace(MARKED, correlation=0.9), TINY)}
    keys.add(key_of(replace(MARKED, cue=Cue("corner", 0.05)), TINY))
    assert len(keys) == 6
    before = key_of(MARKED, TINY)
    monkeypatch.setattr("benchmarks.shortcuts.networks.code_digest", lambda: "other code")
    assert key_of(MARKED, TINY) != before


def test_the_cache_is_where_it_is_said_to_be(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MACOAUDIT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path / "shortcuts"
    assert cache_folder(Path("here")) == Path("here")
    monkeypatch.delenv("MACOAUDIT_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "macoaudit" / "shortcuts"


def test_the_command_prints_one_line_a_network(monkeypatch, capsys, tmp_path: Path) -> None:
    options = ["networks", "--grid", "quick", "--name", "vit-1-random", "--cache", str(tmp_path)]
    command.main(options)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == ["vit-1-random"]
    for line in lines:
        assert {"accuracy_clean", "accuracy_marked", "reliance", "train_s"} <= set(line)
        assert line["truth"] == "negative"
        assert line["cached"] is False
    command.main(options)
    assert all(json.loads(line)["cached"] for line in capsys.readouterr().out.splitlines())


def test_shards_part_the_grid_and_bad_ones_are_refused(capsys) -> None:
    entries = quick_grid()
    parts = [command.share(entries, f"{k}/3") for k in (1, 2, 3)]
    assert sorted(e.name for part in parts for e in part) == sorted(e.name for e in entries)
    for text in ("0/2", "3/2", "1", "a/b"):
        with pytest.raises(SystemExit):
            command.main(["networks", "--shard", text])
        assert f"--shard is '{text}'; give k/n" in capsys.readouterr().err
