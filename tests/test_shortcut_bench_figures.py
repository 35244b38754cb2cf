"""Figures of the planted-truth benchmark on audits whose answers are known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.shortcuts import __main__ as command
from benchmarks.shortcuts.audits import audit_file, audit_key, baselines_file, seed_of
from benchmarks.shortcuts.baselines import BASELINES
from benchmarks.shortcuts.cues import GLOBAL, LOCALISED, Cue
from benchmarks.shortcuts.figures import (
    figures,
    fitted,
    flags,
    flips,
    groups,
    localisation,
    ranking,
    uniform,
)
from benchmarks.shortcuts.fitting import EFFECTS, fit, suggestion
from benchmarks.shortcuts.grid import Entry, quick_grid
from benchmarks.shortcuts.localisation import located, middle_inside
from benchmarks.shortcuts.networks import key_of
from benchmarks.shortcuts.pairs import collect, pair_truth
from benchmarks.shortcuts.scenes import LABELS
from benchmarks.shortcuts.training import Settings
from macoaudit.shortcuts.suite import SuiteSettings

GRID = quick_grid()
N = len(LABELS)


def reliances(entry: Entry) -> dict[str, list[float]]:
    """Half of reliance where a cue is planted, none elsewhere."""
    kinds = (*LOCALISED, *GLOBAL) if entry.cue.kind == "none" else (entry.cue.kind,)
    own = 0.5 if entry.role == "planted" else 0.0
    return {kind: [own if c == entry.planted else 0.0 for c in range(N)] for kind in kinds}


def a_test(name: str, effect: float, p_value: float | None = 0.5, **details: float) -> dict:
    return {
        "test": name,
        "subject": None,
        "effect": effect,
        "threshold": 0.2,
        "p_value": p_value,
        "adjusted_p": p_value,
        "smallest_p": 0.001,
        "flagged": False,
        "details": details,
    }


def an_audit(entry: Entry, number: int) -> dict:
    """Margin 2 and a high finding exactly where a cue is planted, regions over half of it."""
    rng = np.random.default_rng([entry.seed, number])
    classes = []
    for c in range(N):
        real = entry.role == "planted" and c == entry.planted
        place = {"gap, free": 0.4 if real else 0.0, "gap, fixed": -0.1, "gap, frame": -0.2}
        classes.append(
            {
                "class_index": c,
                "margin": 2.0 if real else 0.1 + 0.01 * c,
                "severity": "high" if real else None,
                "needs_review": False,
                "tests": [
                    a_test("patch transfer", 0.8 if real else 0.01 * c, float(rng.random())),
                    a_test("stamp", 3.0 if real else 0.0, 0.0001, **place),
                ],
                "not_tested": [],
            }
        )
    where = None
    if entry.cue.localised:
        half = {"iou": 0.5, "pointing": 1.0, "n_carrying": 20, "n_regions": 10}
        where = {
            "stamp": half,
            "patch transfer": half | {"iou": 0.25},
            "finding": half if entry.role == "planted" else None,
        }
    times = {"seconds": 2.0, "cpu_seconds": 1.0}
    return {"name": entry.name, "classes": classes, "localisation": where} | times


def some_baselines(entry: Entry) -> dict:
    """All of them rank planted classes last, and flag class 0 of every network."""
    return {
        name: {
            "scores": [-1.0 if c == entry.planted else 1.0 for c in range(N)],
            "flagged": [0],
            "localisation": None,
            "seconds": 0.5,
        }
        for name in BASELINES
    }


class Cache:
    """A cache of a grid in which every file can be changed before it is read."""

    def __init__(self, folder):
        self.folder = folder
        for entry in GRID:
            key = key_of(entry, Settings())
            for suffix in ("toml", "safetensors"):
                (folder / f"{key}.{suffix}").write_text("")
            self.write(folder / f"{key}.json", {"reliance_by_class": reliances(entry)})
            for number in (0, 1):
                self.write(audit_file(key, folder, number), an_audit(entry, number))
            self.write(baselines_file(key, folder), {"baselines": some_baselines(entry)})

    @staticmethod
    def write(path, content):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))

    def key(self, name):
        return key_of(next(e for e in GRID if e.name == name), Settings())

    def change_audit(self, name, class_index, number=0, **fields):
        file = audit_file(self.key(name), self.folder, number)
        found = json.loads(file.read_text())
        found["classes"][class_index] |= fields
        self.write(file, found)

    def collected(self):
        return collect(GRID, self.folder, seeds=2)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def names(role: str, half: str) -> list[str]:
    return [e.name for e in GRID if e.role == role and e.half == half]


def test_the_middle_of_a_region_counts_and_a_frame_has_four() -> None:
    mark = np.zeros((9, 9), dtype=bool)
    mark[1:4, 5:8] = True
    only_middle = np.zeros((9, 9), dtype=bool)
    only_middle[2, 6] = True
    assert middle_inside(mark, only_middle) == 1
    assert middle_inside(mark, mark & ~only_middle) == 0
    frame = np.ones((9, 9), dtype=bool)
    frame[2:-2, 2:-2] = False
    # The centroid is (4, 4); nearest of the frame are the middles of its four inner edges.
    top = np.zeros((9, 9), dtype=bool)
    top[:2] = True
    assert middle_inside(frame, frame) == 1
    assert middle_inside(frame, top) == 0.25


def test_located_counts_pictures_of_the_class_that_carry_the_cue_and_have_a_region() -> None:
    true = np.zeros((5, 4, 4), dtype=bool)
    true[:4, :2, :2] = True  # the fifth picture carries nothing
    own = np.array([True, True, True, False, True])
    exact, wide, none = true[0], np.ones((4, 4), dtype=bool), np.zeros((4, 4), dtype=bool)
    found = located([(0, exact), (1, wide), (2, none), (3, none), (4, wide)], true, own)
    assert (found.n_carrying, found.n_regions) == (3, 2)
    assert found.iou == pytest.approx((1 + 4 / 16) / 2)
    # The four middle pixels of the whole picture tie, and one of them lies in the mark.
    assert found.pointing == pytest.approx((1 + 1 / 4) / 2)
    assert located([(2, none)], true, own).iou is None


@pytest.mark.parametrize(
    ("reliance", "planted", "other"),
    [
        (0.30, "positive", "middle"),
        (0.29, "middle", "middle"),
        (0.06, "middle", "middle"),
        (0.05, "negative", "negative"),
        (-0.4, "negative", "negative"),
    ],
)
def test_truth_in_a_network_with_a_planted_cue(reliance, planted, other) -> None:
    entry = Entry("cnn", 2, Cue("corner", 0.05), 0.9)
    assert pair_truth(entry, reliance, entry.planted) == planted
    assert pair_truth(entry, reliance, entry.planted + 1) == other


def test_truth_in_all_other_networks() -> None:
    plain = Entry("cnn", 2)
    assert pair_truth(plain, 0.9, plain.planted) == "negative"
    chance = Entry("cnn", 2, Cue("corner", 0.05), 0.5)
    assert pair_truth(chance, 0.9, chance.planted) == "negative"
    compact = replace(plain, evidence="compact")
    assert pair_truth(compact, 0.0, compact.planted) == "compact"
    assert pair_truth(compact, 0.0, compact.planted + 1) == "negative"
    for training in ("permuted", "none"):
        assert pair_truth(replace(plain, training=training), 0.0, plain.planted) == "null"


def test_perfect_margins_rank_perfectly_and_inverted_scores_at_zero(cache) -> None:
    rows = ranking(cache.collected().pairs, n_draws=50)
    ours = [row for row in rows if row["auditor"] == "margin"]
    # All kinds but the fitting half's three unseen ones are ranked, and "all", two sorts, four q.
    assert len(ours) == 7 + 4 + 2 * (3 + 4)
    for row in ours:
        for figure in ("auroc", "average_precision", "tpr_at_1", "tpr_at_5"):
            assert row[figure] == {"value": 1.0, "low": 1.0, "high": 1.0}, row
    theirs = [row for row in rows if row["auditor"] == "spray"]
    # Planted classes of clean networks have the lowest score too, so they tie at 1/2.
    clean, low = 0, 0
    for entry in (e for e in GRID if e.half == "held-out"):
        n = {"planted": N - 1, "clean": N, "chance": N, "compact": N - 1}.get(entry.role, 0)
        clean, low = clean + n, low + (entry.role in ("clean", "chance"))
    whole = next(r for r in theirs if (r["half"], r["cues"]) == ("held-out", "all"))
    assert whole["n_negative"] == clean
    assert whole["auroc"]["value"] == pytest.approx(0.5 * low / clean)


def test_every_row_of_a_half_has_the_same_negatives(cache) -> None:
    rows = ranking(cache.collected().pairs, n_draws=5)
    for half in ("fitting", "held-out"):
        assert len({row["n_negative"] for row in rows if row["half"] == half}) == 1
    unseen = [r for r in rows if r["half"] == "fitting" and r["cues"] == "blur"]
    assert [(r["auditor"], r["n_positive"]) for r in unseen] == [(None, 0)]


def test_an_untested_shortcut_ranks_below_all_clean_classes(cache) -> None:
    name = names("planted", "held-out")[0]
    entry = next(e for e in GRID if e.name == name)
    cache.change_audit(name, entry.planted, margin=None, severity=None)
    rows = ranking(cache.collected().pairs, n_draws=5)
    whole = next(r for r in rows if (r["half"], r["cues"]) == ("held-out", "all"))
    n = whole["n_positive"]
    assert whole["auroc"]["value"] == pytest.approx((n - 1) / n)
    counted = {r["group"]: r for r in flags(cache.collected().pairs) if r["half"] == "held-out"}
    assert counted["shortcuts: all"]["untested"] == 1


def test_what_is_missing_is_named_and_left_out(cache) -> None:
    untrained, unaudited, single, bare = names("planted", "held-out")[:4]
    (cache.folder / f"{cache.key(untrained)}.safetensors").unlink()
    audit_file(cache.key(unaudited), cache.folder, 0).unlink()
    audit_file(cache.key(single), cache.folder, 1).unlink()
    baselines_file(cache.key(bare), cache.folder).unlink()
    collected = cache.collected()
    assert {(one.network, one.what) for one in collected.missing} == {
        (untrained, "network"),
        (unaudited, "audit 0"),
        (single, "audit 1"),
        (bare, "baselines"),
    }
    assert {e.name for e in GRID} - {one.entry.name for one in collected.audited} == {
        *(untrained, unaudited, bare),
    }
    whole = next(row for row in flips(collected.pairs) if row["truth"] == "all")
    assert whole["flipped"]["n"] == N * (len(GRID) - 4)


def test_flips_are_counted_in_both_directions(cache) -> None:
    name = names("planted", "held-out")[0]
    entry = next(e for e in GRID if e.name == name)
    cache.change_audit(name, entry.planted, number=1, severity="medium")
    cache.change_audit(names("clean", "fitting")[0], 3, number=1, severity="high")
    cache.change_audit(names("clean", "fitting")[0], 4, number=1, severity="info")
    found = {row["truth"]: row["flipped"] for row in flips(cache.collected().pairs)}
    assert (found["all"]["flagged"], found["all"]["n"]) == (2, N * len(GRID))
    assert found["positive"]["flagged"] == found["negative"]["flagged"] == 1
    assert found["null"]["flagged"] == 0


def test_findings_are_counted_by_group(cache) -> None:
    compact = next(e for e in GRID if e.role == "compact" and e.half == "held-out")
    cache.change_audit(compact.name, compact.planted, severity="high", needs_review=True)
    cache.change_audit(names("random", "held-out")[0], 2, severity="high")
    cache.change_audit(names("clean", "held-out")[0], 2, severity="high")
    cache.change_audit(names("clean", "held-out")[0], 5, severity="medium", needs_review=True)
    found = {r["group"]: r for r in flags(cache.collected().pairs) if r["half"] == "held-out"}
    evidence = found["compact evidence"]
    assert (evidence["high"]["flagged"], evidence["high"]["n"]) == (1, 1)
    assert evidence["high, needs review"] == 1
    assert found["random"]["high"]["flagged"] == 1
    assert found["permuted"]["high"]["flagged"] == 0
    clean = found["clean networks"]
    assert (clean["high"]["flagged"], clean["medium"], clean["high, needs review"]) == (1, 1, 0)
    assert clean["high"]["n"] == N * len(names("clean", "held-out"))
    # Clopper-Pearson with one of n: the lower end solves 1 - (1 - p)^n = 0.025.
    n = clean["high"]["n"]
    assert clean["high"]["low"] == pytest.approx(1 - 0.975 ** (1 / n))
    assert found["shortcuts: all"]["high"]["value"] == 1
    assert found["all clean"]["baselines"]["spray"]["flagged"] > 0


def test_groups_part_the_clean_pairs(cache) -> None:
    found = groups(cache.collected().pairs)
    parts = [pairs for name, pairs in found.items() if "networks" in name]
    assert sum(map(len, parts)) == len(found["all clean"])


def test_the_threshold_is_fitted_on_one_half_and_tried_on_the_other(cache) -> None:
    for name in names("planted", "held-out")[:2]:
        entry = next(e for e in GRID if e.name == name)
        cache.change_audit(name, entry.planted, margin=1.5)
    # One clean class of the held-out half reaches the threshold, none of the fitting half.
    cache.change_audit(names("clean", "held-out")[0], 0, margin=2.0)
    row = next(r for r in fitted(cache.collected().pairs) if r["auditor"] == "margin")
    # At most 1 % of the clean pairs may reach it, fewer than 100 there: only shortcuts do.
    assert row["threshold"] == 2.0
    assert row["tpr, fitting"]["value"] == 1
    assert row["fpr, fitting"]["flagged"] == 0
    n = row["tpr, held-out"]["n"]
    assert row["tpr, held-out"]["flagged"] == n - 2
    assert row["fpr, held-out"]["flagged"] == 1


def test_p_values_of_networks_without_knowledge_are_compared_with_uniform(cache) -> None:
    found = {(r["networks"], r["test"]): r for r in uniform(cache.collected().pairs)}
    n = N * sum(e.role in ("random", "permuted") for e in GRID)
    assert found["both", "patch transfer"]["n"] == n
    assert found["both", "patch transfer"]["p_too_small"] > 0.001
    assert found["both", "stamp"]["p_too_small"] < 1e-6
    assert found["both", "stamp"]["share to 0.05"] == 1


def test_localisation_is_the_mean_over_localised_shortcuts(cache) -> None:
    rows = [r for r in localisation(cache.collected().pairs) if r["half"] == "held-out"]
    found = {r["auditor"]: r for r in rows if r["cues"] == "all"}
    held = [e for e in GRID if e.half == "held-out" and e.role == "planted"]
    assert found["stamp"]["n_networks"] == sum(e.cue.localised for e in held)
    assert (found["high findings"]["iou"], found["patch transfer"]["iou"]) == (0.5, 0.25)
    assert (found["spray"]["n_located"], found["spray"]["iou"]) == (0, None)


def test_thresholds_follow_from_clean_classes_of_the_fitting_half(cache) -> None:
    assert suggestion([-1.0] * 10) == pytest.approx(-0.9)
    # The other half must not be read, however large its effects.
    extreme = [a_test("patch transfer", 99.0)]
    cache.change_audit(names("clean", "held-out")[0], 0, tests=extreme)
    rows = {row["effect"]: row for row in fit(cache.collected())}
    assert set(rows) == set(EFFECTS)
    row = rows["patch transfer"]
    # Clean effects are 0.01 c; more than 0.5 % are 0.07 wherever class 7 is clean.
    assert row["clean"]["quantiles"]["1"] == pytest.approx(0.07)
    assert row["suggestion"] == pytest.approx(0.077)
    assert row["localised"]["reach the suggestion"] == row["localised"]["n"] > 0
    assert row["global"]["reach the suggestion"] == row["global"]["n"] > 0
    assert rows["stamp gap, free"]["localised"]["quantiles"]["0.5"] == pytest.approx(0.4)
    assert rows["stamp gap, frame"]["suggestion"] == pytest.approx(-0.18)
    assert rows["component"]["suggestion"] is None


def test_the_command_prints_tables_and_writes_numbers(cache, capsys) -> None:
    (cache.folder / f"{cache.key('vit-1-clean')}.toml").unlink()
    out = cache.folder / "figures.json"
    given = ["figures", "--cache", str(cache.folder), "--out", str(out), "--architecture", "vit"]
    command.main(given)
    text = capsys.readouterr().out
    assert "| vit-1-clean | network |" in text
    assert "| held-out | all" in text
    found = json.loads(out.read_text())
    assert found["missing"] == [{"network": "vit-1-clean", "what": "network"}]
    assert found["pairs"][0]["networks"] == sum(
        e.architecture == "vit" and e.half == "held-out" for e in GRID
    ) - 1  # fmt: skip
    command.main(["fit", "--cache", str(cache.folder), "--seeds", "1"])
    assert "| patch transfer" in capsys.readouterr().out
    assert json.loads((cache.folder / "fit-quick.json").read_text())["fit"]
    with pytest.raises(SystemExit):
        command.main(["figures", "--seeds", "0", "--cache", str(cache.folder)])


def test_nothing_audited_gives_empty_figures_and_no_error(tmp_path) -> None:
    found = figures(collect(GRID[:2], tmp_path, seeds=1))
    assert [one["what"] for one in found["missing"]] == ["network", "network"]
    assert all(row["auditor"] is None for row in found["ranking"])
    assert found["fitted"] == found["flags"] == found["localisation"] == []


def test_names_and_seeds_of_audits_follow_from_what_they_are_of() -> None:
    settings = SuiteSettings(anomaly=None)
    first = audit_key("a", 0, settings, 24)
    assert first == audit_key("a", 0, SuiteSettings(anomaly=None), 24)
    others = {
        audit_key("b", 0, settings, 24),
        audit_key("a", 1, settings, 24),
        audit_key("a", 0, replace(settings, level=0.1), 24),
        audit_key("a", 0, settings, 12),
    }
    assert len(others | {first}) == 5
    keys = [key_of(entry, Settings()) for entry in GRID]
    seeds = {seed_of(key, number) for key in keys for number in (0, 1)}
    assert len(seeds) == 2 * len(GRID)
