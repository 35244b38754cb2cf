"""``macoaudit audit`` from the command line to the record: findings, coverage, exit codes."""

import hashlib
import json
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from networks import write_card
from planted_audits import (
    MARKED,
    NAMES,
    audit_settings,
    stand_in_tests,
    write_counting_card,
    write_object_masks,
    write_scenes,
)
from starts import read_whole

from macoaudit.audit_config import extent
from macoaudit.auditing import job, outcome_line, run_audit, testing
from macoaudit.cli.main import run
from macoaudit.errors import NoImagesError, UsageError
from macoaudit.gate import Budget, Gate, Policy, utc_today
from macoaudit.pipeline import Progress
from macoaudit.results import Run, Skipped

PER_CLASS = 6


@pytest.fixture(scope="module", autouse=True)
def no_real_tests():
    """The tests have tests of their own; these are of what is made of their results."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(testing, "shortcut_tests", stand_in_tests)
        yield


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """Scenes of four classes, one of them marked, and the networks with and without the cue."""
    folder = tmp_path_factory.mktemp("desk")
    write_scenes(folder / "photos", PER_CLASS)
    write_counting_card(folder)
    write_counting_card(folder, shortcut=False, name="clean")
    return folder


@pytest.fixture(scope="module")
def audited(desk) -> Run:
    """One audit of the network that uses the mark."""
    return run_audit(audit_settings(desk / "photos", desk / "net.toml", "audited"))


def audit(*more: str, out: str = "run") -> list[str]:
    base = ["audit", "photos", "--model", "net.toml", "--steps", "6", "--seeds", "1", "--out", out]
    return [*base, "--format", "none", "--device", "cpu", "--judge", "none", *more]


def stable(out: Path) -> str:
    document = json.loads((out / "results.json").read_text())
    del document["volatile"]
    return json.dumps(document)


def pictures(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.png"))}


class TestRecord:
    def test_the_planted_mark_is_found(self, desk, audited):
        assert audited.gate.outcome == "fail"
        assert audited.gate.exit_code == 1
        assert audited.status == "complete"
        (finding,) = [one for one in audited.findings if one.severity == "high"]
        assert finding.class_name == MARKED
        assert {"patch transfer", "stamp"} <= set(finding.tests)
        assert finding.margin >= 1
        for region in finding.regions:
            assert region.box_px == (19, 19, 4, 4)
            assert region.rise > 0.5
        assert all(one.after == MARKED for one in finding.examples[:3])
        assert outcome_line(audited).startswith("fail: 1 high finding (yellow)")

    def test_the_record_on_disk_is_whole(self, desk, audited):
        assert read_whole(desk / "audited") == read_whole(desk / "audited")
        on_disk = {p for p in pictures(desk / "audited") if p.startswith("findings/")}
        named = {
            name
            for finding in audited.findings
            for one in (*finding.regions, *finding.examples)
            for name in one.files.values()
        }
        assert on_disk == named

    def test_all_images_are_tested_and_some_are_inverted(self, audited):
        assert len(audited.images) == 4 * PER_CLASS
        assert audited.shortcuts.n_images == 4 * PER_CLASS
        assert audited.shortcuts.labels_from == "folders"
        inverted = [image for image in audited.images if image.inversions]
        assert len(inverted) == audited.summary["n_inverted"] == 2
        assert len({image.label for image in inverted}) == 2
        for image in audited.images:
            assert image.status == "ok"
            if not image.inversions:
                (reason,) = image.skipped
                assert reason.check == "inversion"
                assert "at most 1 of a class and 2 in all" in reason.reason
        assert audited.config["extent"] == "quick"

    def test_classes_are_drawn_once_and_the_others_are_named(self, audited):
        drawn = [one.terms[0].index for one in audited.visualizations]
        assert drawn == [0, 1]
        (note,) = [one for one in audited.skipped if one.check == "visualize"]
        assert "2 classes are not drawn (green, blue)" in note.reason

    def test_coverage(self, audited):
        classes = audited.shortcuts.classes
        assert [one.class_name for one in classes] == list(NAMES)
        assert all(one.n_images == one.n_labelled == PER_CLASS for one in classes)
        rows = {(row.test, row.class_name): row for row in audited.tests}
        assert rows["stamp", MARKED].outcome == "flagged"
        untested = {one.class_name for one in classes if not one.tested}
        assert (f"not cleared: {', '.join(untested)}" in outcome_line(audited)) == bool(untested)

    def test_masks_reach_the_tests(self, desk, monkeypatch):
        given = {}

        def tests(*args, **kwargs):
            given.update(kwargs)
            return stand_in_tests(*args, **kwargs)

        monkeypatch.setattr(testing, "shortcut_tests", tests)
        masks = write_object_masks(desk / "masks", desk / "photos")
        (masks / MARKED / f"{MARKED}-0.png").unlink()
        config = audit_settings(desk / "photos", desk / "net.toml", "masked", masks=masks)
        done = run_audit(config)
        assert done.shortcuts.with_masks == 4 * PER_CLASS - 1
        assert any(item.check == "masks" for item in done.skipped)
        assert given["masks"].shape == (4 * PER_CLASS, 24, 24)
        # object everywhere but on the mark; the image whose mask is missing has none
        assert given["masks"].float().mean((1, 2)).tolist().count(0) == 1
        assert not given["masks"][:, 19:23, 19:23].any()
        drawn = {one.terms[0].index for one in done.visualizations if one.status == "ok"}
        assert set(given["pictures"] or ()) == drawn != set()
        assert {tuple(one.shape) for one in given["pictures"].values()} == {(1, 3, 24, 24)}
        # two images were inverted, so two have a map of what was retained
        (maps,) = given["proposals"].values()
        assert (maps.flatten(1).amax(1) > 0).sum() <= 2
        assert maps.min() >= 0

    def test_what_was_left_out_is_said(self, desk):
        config = audit_settings(desk / "photos", desk / "net.toml", "some", max_images=8)
        done = run_audit(config)
        assert len(done.images) == 8
        assert any("16 of 24 were left out" in item.reason for item in done.skipped)
        for one in done.shortcuts.classes:
            assert one.n_images == 2
            assert one.reasons[-1] == "4 images of its folder left out (--max-images)"
        assert (done.gate.n_images_found, done.gate.n_images_tested) == (24, 8)
        assert done.gate.notes == (
            "8 of 24 images were read, evenly spaced ones of every folder (max_images is 8).",
        )

    def test_the_thorough_preset_inverts_and_draws_everything(self, desk):
        limits = replace(extent("thorough"), drawing_seeds=1)
        photos = write_scenes(desk / "few", 2)
        config = audit_settings(photos, desk / "net.toml", "thorough", limits=limits)
        done = run_audit(config)
        assert all(image.inversions for image in done.images)
        assert len(done.visualizations) == 4
        assert not any(item.check in ("inversion", "visualize") for item in done.skipped)


def interrupt(stage: str):
    def tell(progress: Progress) -> None:
        if progress.stage == stage and progress.done_images >= 1:
            raise KeyboardInterrupt

    return tell


class TestResuming:
    def test_a_finished_audit_is_not_computed_again(self, desk, audited, monkeypatch):
        def refuse(*args, **kwargs):
            raise AssertionError("tested again")

        monkeypatch.setattr(testing, "shortcut_tests", refuse)
        told: list[Progress] = []
        again = run_audit(
            audit_settings(desk / "photos", desk / "net.toml", "audited"), on_progress=told.append
        )
        assert not any(one.step for one in told)
        assert not any(one.stage == "read" for one in told)
        assert again.findings == audited.findings
        assert again.images == audited.images

    def test_another_threshold_needs_no_new_run(self, desk, audited):
        config = audit_settings(desk / "photos", desk / "net.toml", "audited")
        again = run_audit(config, gate=Gate(Policy(fail_on="never")))
        assert again.gate.outcome == "pass"
        assert again.findings == audited.findings
        run_audit(audit_settings(desk / "photos", desk / "net.toml", "audited"))

    @pytest.mark.parametrize("stage", ["invert", "draw", "test"])
    def test_an_interrupted_audit_is_taken_up(self, desk, audited, stage):
        config = audit_settings(desk / "photos", desk / "net.toml", f"cut-{stage}")
        with pytest.raises(KeyboardInterrupt):
            run_audit(config, on_progress=interrupt(stage))
        out = desk / f"cut-{stage}"
        cut = read_whole(out)
        assert cut.status == "incomplete"
        assert cut.gate.outcome == "incomplete"
        assert cut.gate.notes == ("Incomplete: the run was interrupted.",)
        assert cut.findings == ()
        assert cut.shortcuts is None
        assert outcome_line(cut) == "incomplete: the run was interrupted"
        assert Skipped("audit", "the run was interrupted") in cut.skipped
        run_audit(config)
        assert stable(out) == stable(desk / "audited")
        assert pictures(out) == pictures(desk / "audited")

    def test_the_time_is_up_and_the_same_command_goes_on(self, desk, audited, monkeypatch):
        now = [0.0]
        clock = SimpleNamespace(perf_counter=time.perf_counter, monotonic=lambda: now[0])
        monkeypatch.setattr(job, "time", clock)

        def slow(progress: Progress) -> None:
            now[0] += 601 * (progress.stage == "draw")

        gate = Gate(Policy(budget=Budget(max_minutes=10.0)))
        config = audit_settings(desk / "photos", desk / "net.toml", "slow")
        done = run_audit(config, gate=gate, on_progress=slow)
        assert (done.status, done.gate.outcome, done.gate.exit_code) == ("incomplete",) * 2 + (2,)
        said = "the budget of 10 minutes (max_minutes) was used up; finished work is kept"
        assert said in outcome_line(done)
        assert said in done.gate.notes[0]
        assert any(image.inversions for image in read_whole(desk / "slow").images)
        run_audit(config)
        assert stable(desk / "slow") == stable(desk / "audited")

    def test_no_time_at_all_is_refused(self, desk):
        gate = Gate(Policy(budget=Budget(max_minutes=1e-9)))
        config = audit_settings(desk / "photos", desk / "net.toml", "none")
        with pytest.raises(UsageError, match="was used up before the images were read"):
            run_audit(config, gate=gate)
        assert not (desk / "none").exists()

    def test_a_changed_mask_is_a_new_test(self, desk, audited):
        masks = write_object_masks(desk / "masks2", desk / "photos")
        config = audit_settings(desk / "photos", desk / "net.toml", "masks2-run", masks=masks)
        first = run_audit(config)
        (masks / "red" / "red-0.png").unlink()
        second = run_audit(config)
        assert second.shortcuts.with_masks == first.shortcuts.with_masks - 1


class TestExitCodes:
    @pytest.fixture
    def here(self, desk, tmp_path, monkeypatch) -> Path:
        for name in ("photos", "net.toml", "clean.toml", "names.txt"):
            (tmp_path / name).symlink_to(desk / name)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def test_a_finding_is_1_in_the_audit_and_in_its_report(self, here, capsys):
        assert run(audit()) == 1
        said = capsys.readouterr().err.splitlines()
        assert said[-1].startswith("fail: 1 high finding (yellow), ")
        assert any("yellow" in line and "high" in line for line in said[:-1])
        assert run(["report", "run", "--format", "json"]) == 1
        assert capsys.readouterr().err.splitlines()[-1] == said[-1]
        # with --quiet the verdict alone is printed
        assert run(audit("--quiet", "--fail-on", "never")) == 0
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("pass: 1 high finding (yellow)")

    def test_a_policy_file_a_suppression_and_a_baseline(self, here, capsys):
        text = (
            'schema_version = 1\nmodel = "net.toml"\nimages = "photos"\nseeds = 1\n'
            'judges = ["none"]\nfail_on = "medium"\n'
        )
        (here / "macoaudit.toml").write_text(text)
        options = ["--steps", "6", "--out", "run", "--format", "none", "--device", "cpu"]
        assert run(["audit", *options]) == 1
        assert capsys.readouterr().err.splitlines()[0] == "policy: macoaudit.toml"
        first = read_whole(here / "run").gate
        assert (first.policy, first.fail_on) == ("macoaudit.toml", "medium")
        assert first.policy_sha256 == hashlib.sha256(text.encode()).hexdigest()
        shutil.copy(here / "run" / "results.json", here / "old.json")

        assert run(["audit", *options, "--exit-zero"]) == 0
        lax = read_whole(here / "run").gate
        assert (lax.outcome, lax.exit_code) == ("fail", 0)

        assert run(["audit", *options, "--baseline", "old.json"]) == 0
        known = read_whole(here / "run").gate
        assert {one.state for one in known.findings} == {"unchanged"}
        digest = hashlib.sha256((here / "old.json").read_bytes()).hexdigest()
        assert known.baseline_sha256 == digest
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("pass: no new or worsened high or medium finding, 1 high finding (")
        assert ", 1 unchanged (yellow), " in line

        entry = "[[suppressions]]\nreason = 'r'\nowner = 'o'\n"
        entry += f"fingerprint = '{first.findings[0].fingerprint}'\nexpires = {utc_today()}\n"
        (here / "macoaudit.toml").write_text(text + entry)
        assert run(["audit", *options]) == 0
        aside = read_whole(here / "run").gate
        assert [one.status for one in aside.suppressions] == ["used"]
        assert [one.fails for one in aside.findings] == [False]
        assert "1 suppressed (yellow)" in capsys.readouterr().err.splitlines()[-1]

        # the baseline is of another network, which is found before anything is computed
        more = ["--model", "clean.toml", "--baseline", "old.json", "--out", "other"]
        assert run(["audit", *options, *more]) == 2
        assert "of the network 'net', and 'clean' is audited" in capsys.readouterr().err
        assert not (here / "other").exists()

    def test_a_policy_file_says_what_options_could(self, here, capsys):
        write_object_masks(here / "masks", write_scenes(here / "few", 3))
        text = (
            'schema_version = 1\nmodel = "net.toml"\nimages = "few"\nmasks = "masks"\n'
            'seeds = 1\nseed = 7\nsteps = 6\njudges = ["none"]\nmax_bad = 0\noffline = true\n'
            "neighbours = 2\n[budget]\nmax_images = 8\n"
        )
        (here / "macoaudit.toml").write_text(text)
        options = ["--out", "run", "--format", "none", "--device", "cpu"]
        assert run(["audit", *options]) == 1
        first = read_whole(here / "run")
        config = first.config
        assert (config["seeds"], config["masks"], config["max_images"]) == ([7], "masks", 8)
        assert (config["maco"]["n_steps"], config["plausibility_k"]) == (6, 2)
        assert config["gate"]["overrides"] == []
        assert first.shortcuts.with_masks == 8
        # an option beats the file, and is told where people look
        more = ["--seed", "8", "--max-images", "12", "--fail-on", "never", "--out", "other"]
        assert run(["audit", *options, *more]) == 0
        second = read_whole(here / "other")
        assert (second.config["seeds"], second.config["max_images"]) == ([8], 12)
        assert second.config["gate"]["overrides"] == ["budget.max_images", "fail_on", "seed"]
        note = "The command line sets budget.max_images, fail_on, seed, whatever the policy"
        assert [one for one in second.gate.notes if one.startswith(note)]
        assert f"  {note} macoaudit.toml says." in capsys.readouterr().err.splitlines()
        # two images that cannot be used are too many for 0 %, and one always is tolerated
        for name in ("red", "blue"):
            (here / "few" / name / f"{name}-0.png").write_bytes(b"no image")
        assert run(["audit", *options, "--max-images", "12", "--out", "third"]) == 2
        assert "2 of 12 images are not usable" in capsys.readouterr().err.splitlines()[-1]

    def test_a_baseline_in_the_policy(self, here, capsys):
        text = 'schema_version = 1\nmodel = "net.toml"\nimages = "photos"\n'
        (here / "macoaudit.toml").write_text(text)
        assert run(audit()) == 1
        (here / "ci").mkdir()
        shutil.copy(here / "run" / "results.json", here / "ci" / "old.json")
        gate = here / "ci" / "gate.toml"
        gate.write_text('schema_version = 1\nbaseline = "old.json"\n')
        assert run([*audit(), "--policy", "ci/gate.toml"]) == 0
        digest = hashlib.sha256((here / "ci" / "old.json").read_bytes()).hexdigest()
        assert read_whole(here / "run").gate.baseline_sha256 == digest
        capsys.readouterr()
        gate.write_text('schema_version = 1\nbaseline = "none.json"\n')
        assert run([*audit(), "--policy", "ci/gate.toml"]) == 2
        said = capsys.readouterr().err
        assert "policy ci/gate.toml: baseline ci/none.json: cannot be read" in said

    def test_the_record_keeps_where_the_images_lie_in_their_repository(self, here):
        (here / ".git").mkdir()
        assert run(audit("--format", "sarif", "--policy", "quick")) == 1
        inside = stable(here / "run")
        assert read_whole(here / "run").volatile["places"] == {"images": "photos", "policy": None}
        first = (here / "run" / "report.sarif").read_bytes()
        (here / ".git").rmdir()
        assert run(["report", "run", "--format", "sarif"]) == 1
        again = (here / "run" / "report.sarif").read_bytes()
        assert json.loads(again) == json.loads(first)
        assert again == first
        assert b'"photos/yellow/' in first
        assert run(audit("--format", "sarif", "--policy", "quick")) == 1
        assert "places" not in read_whole(here / "run").volatile
        assert stable(here / "run") == inside  # an equal run elsewhere is equal
        assert b'"photos/' not in (here / "run" / "report.sarif").read_bytes()
        assert run(audit("--format", "sarif", "--sarif-root", "photos/yellow")) == 2

    def test_the_key_of_the_work(self, here, capsys):
        def key(*more: str) -> tuple[str, str]:
            assert run([*audit(*more), "--print-key"]) == 0
            captured = capsys.readouterr()
            assert re.fullmatch(r"[0-9a-f]{32}-[0-9a-f]{32}\n", captured.out)
            first, second = captured.out.strip().split("-")
            return first, second

        first = key()
        assert not (here / "run").exists()
        run(audit())
        capsys.readouterr()
        marker = json.loads((here / "run" / "run.json").read_text())
        assert marker["run_key"].startswith(first[0])
        # what fails and where it is written change no work
        assert key("--fail-on", "medium", "--out", "x", "--max-bad", "50%", "--exit-zero") == first
        assert key("--steps", "5")[0] != first[0]
        assert key("--model", "clean.toml")[0] != first[0]
        photos = here / "photos"
        photos.unlink()
        write_scenes(photos, PER_CLASS)
        assert key() == first
        shutil.copy(photos / "red" / "red-1.png", photos / "red" / "red-0.png")
        assert key()[0] == first[0]
        assert key()[1] != first[1]
        (photos / "red" / "red-0.png").write_bytes(b"no image")
        assert key()[0] == first[0]
        write_object_masks(here / "masks", photos)
        with_masks = key("--masks", "masks")
        assert with_masks[0] != first[0]
        shutil.copy(here / "masks" / "red" / "red-1.png", here / "masks" / "red" / "red-2.png")
        assert key("--masks", "masks") == with_masks  # the same bytes under another name
        (here / "masks" / "red" / "red-2.png").unlink()
        assert key("--masks", "masks")[1] != with_masks[1]

    def test_no_finding_is_0(self, here, capsys):
        assert run(audit("--model", "clean.toml")) == 0
        assert capsys.readouterr().err.splitlines()[-1].startswith("pass: ")

    def test_nothing_testable_is_2_and_incomplete(self, here, capsys):
        write_scenes(here / "single", 1)
        arguments = [*audit(), "--format", "none"]
        arguments[1] = "single"
        assert run(arguments) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("incomplete: no class could be tested (")
        assert line.endswith(
            "no finding, 0 of 4 classes tested, not cleared: yellow, red, green, blue"
        )
        assert read_whole(here / "run").gate.exit_code == 2

    def test_a_class_with_one_image_is_not_cleared(self, here, capsys):
        write_scenes(here / "uneven", {name: 1 if name == "blue" else 6 for name in NAMES})
        arguments = audit()
        arguments[1] = "uneven"
        run(arguments)
        assert re.search(r"not cleared: .*blue", capsys.readouterr().err.splitlines()[-1])

    def test_too_many_bad_images_are_2(self, here, capsys):
        shutil.copytree(here / "photos", here / "bad")
        for number in range(4):
            (here / "bad" / "red" / f"bad-{number}.png").write_bytes(b"no image")
        arguments = audit()
        arguments[1] = "bad"
        assert run(arguments) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("incomplete: 4 of 28 images are not usable, 1 high finding (yellow)")

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            (
                ("--policy", "quik"),
                "neither a file nor a preset. Did you mean quick? Use quick, sta",
            ),
            (("--fail-on", "low"), "--fail-on is 'low'; use high, medium, never"),
            (("--masks", "nowhere"), "--masks nowhere: there is no such folder"),
            (("--masks", "photos"), "would be taken for images"),
            (("--max-images", "1"), "--max-images is 1"),
            (("--model", "features.toml"), "has no classes"),
            (("--model", "single.toml"), "it has a single class"),
            (("--out", "photos/run"), "lies in the folder of images"),
        ],
    )
    def test_bad_usage_is_2_and_writes_nothing(self, here, capsys, more, said):
        write_card(here, name="features", classes=0)
        write_card(here, name="single", classes=1)
        assert run(audit(*more)) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
        assert not (here / "run").exists()

    def test_a_folder_without_images_or_with_one_class(self, here, capsys):
        (here / "empty").mkdir()
        with pytest.raises(UsageError, match="no image in"):
            run_audit(audit_settings(here / "empty", here / "net.toml"))
        write_scenes(here / "one", {"red": 3})
        with pytest.raises(NoImagesError, match="all 3 usable images are of one class, red"):
            run_audit(audit_settings(here / "one", here / "net.toml"))
        assert not (here / "run").exists()
