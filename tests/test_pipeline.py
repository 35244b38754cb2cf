"""From images to a run folder: what is kept, resumed, refused, and that equal runs are equal."""

import dataclasses
import errno
import gc
import json
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import write_card, write_flat, write_photo
from starts import by_path, document, pictures, settings

from macoaudit import inverting, pipeline
from macoaudit.audit import Reference
from macoaudit.errors import (
    ImageError,
    ModelError,
    OptimizationError,
    ReportError,
    StoreError,
    UsageError,
)
from macoaudit.pipeline import Progress, run_invert
from macoaudit.results import ImageAudit, Run, to_json
from macoaudit.store import read_results

N_PHOTOS = 5


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for index in range(N_PHOTOS):
        write_photo(tmp_path / "photos" / f"p{index}.png", index)
    return tmp_path / "photos"


def interrupt_at(done_images: int) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        if progress.stage == "invert" and progress.done_images >= done_images:
            raise KeyboardInterrupt

    return tell


class TestEqualRuns:
    def test_the_same_settings_give_the_same_bytes(self, photos):
        for out in ("a", "b"):
            run_invert(settings(photos, out, n_seeds=2))
        a, b = photos.parent / "a", photos.parent / "b"
        assert json.dumps(document(a)) == json.dumps(document(b))
        assert pictures(a) == pictures(b)
        # per image one reference, and three pictures for each of two seeds
        assert len(pictures(a)) == N_PHOTOS * (1 + 2 * 3)

    def test_another_batch_size_moves_numbers_by_rounding_only(self, photos):
        one = run_invert(settings(photos, "one", batch_size=1))
        five = run_invert(settings(photos, "five", batch_size=5))
        for a, b in zip(one.images, five.images, strict=True):
            assert a.similarity == pytest.approx(b.similarity, abs=1e-3)
            start = [i.inversions[0].start_similarity for i in (a, b)]
            assert start[0] == pytest.approx(start[1], abs=1e-5)

    @pytest.mark.parametrize("batch_size", [2, 15])
    def test_a_seed_gives_the_same_inversion_whatever_its_mates(self, photos, batch_size):
        single = run_invert(settings(photos, "single"))
        several = run_invert(settings(photos, "several", n_seeds=3, batch_size=batch_size))
        second = run_invert(settings(photos, "second", seed=1))
        for position in range(N_PHOTOS):
            members = several.images[position].inversions
            assert [member.seed for member in members] == [0, 1, 2]
            for run, member in ((single, members[0]), (second, members[1])):
                alone = run.images[position].inversions[0]
                assert alone.similarity == pytest.approx(member.similarity, abs=1e-3)
            assert several.images[position].similarity == pytest.approx(
                sum(member.similarity for member in members) / 3
            )
        # other seeds are other inversions
        assert single.images[0].similarity != second.images[0].similarity

    def test_no_batch_is_larger_than_asked_for(self, photos, monkeypatch):
        rows: list[int] = []
        config = settings(photos, n_seeds=5, batch_size=2, card="Small")
        run_invert(
            config, on_progress=lambda told: rows.append(told.step.n_active) if told.step else None
        )
        assert set(rows) == {2, 1}

    def test_the_record_on_disk_is_the_one_returned(self, photos):
        run = run_invert(settings(photos))
        assert to_json(read_results(photos.parent / "run")) == to_json(run)
        assert run.status == "complete"
        assert run.summary["n_ok"] == N_PHOTOS
        names = {name for image in run.images for name in image.files.values()}
        names |= {n for image in run.images for i in image.inversions for n in i.files.values()}
        assert names == set(pictures(photos.parent / "run"))


class TestInterruption:
    def test_what_is_finished_is_kept_and_the_rest_is_said_to_be_missing(self, photos):
        with pytest.raises(KeyboardInterrupt):
            run_invert(settings(photos), on_progress=interrupt_at(3))
        run = read_results(photos.parent / "run")
        assert run.status == "incomplete"
        assert [image.status for image in run.images] == ["ok"] * 2 + ["skipped"] * 3
        assert "interrupted before this image" in str(run.images[-1].reason)
        assert any("interrupted" in entry.reason for entry in run.skipped)

    def test_a_resumed_run_equals_one_without_interruption(self, photos):
        run_invert(settings(photos, "whole"))
        with pytest.raises(KeyboardInterrupt):
            run_invert(settings(photos), on_progress=interrupt_at(4))
        stepped: list[int] = []
        run_invert(
            settings(photos),
            on_progress=lambda told: stepped.append(told.done_images) if told.step else None,
        )
        assert min(stepped) >= 2  # the first group was not computed again
        whole, resumed = photos.parent / "whole", photos.parent / "run"
        assert json.dumps(document(whole)) == json.dumps(document(resumed))
        assert pictures(whole) == pictures(resumed)

    def test_in_the_report_stage_too(self, photos, monkeypatch):
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(pipeline, "write_html", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_invert(settings(photos, formats=("html",)))
        assert read_results(photos.parent / "run").status == "incomplete"

    def test_while_loading_nothing_is_written(self, photos, monkeypatch):
        def interrupted(_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(pipeline, "prepare", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_invert(settings(photos))
        assert not (photos.parent / "run").exists()

    def test_a_finished_run_is_not_computed_again(self, photos):
        first = run_invert(settings(photos))
        steps: list[Progress] = []
        again = run_invert(
            settings(photos), on_progress=lambda told: steps.append(told) if told.step else None
        )
        assert steps == []
        assert again.images == first.images

    def test_more_tolerance_for_bad_images_uses_the_same_units(self, photos):
        for index in range(3):
            (photos / f"bad{index}.png").write_bytes(b"no image")
        assert run_invert(settings(photos)).status == "incomplete"
        steps: list[Progress] = []
        again = run_invert(
            settings(photos, max_bad_frac=0.5),
            on_progress=lambda told: steps.append(told) if told.step else None,
        )
        assert (again.status, steps) == ("complete", [])

    @pytest.mark.parametrize("change", ["images", "steps", "weights"])
    def test_another_run_in_the_folder_is_refused_and_left_alone(self, photos, change):
        run_invert(settings(photos))
        before = (photos.parent / "run" / "results.json").read_bytes()
        if change == "images":
            write_photo(photos / "new.png", 99)
        changes: dict[str, Any] = {"steps": {"steps": 2}, "weights": {"kwargs": {"seed": 1}}}.get(
            change, {}
        )
        with pytest.raises(StoreError, match=r"holds another run .*--no-resume"):
            run_invert(settings(photos, **changes))
        assert (photos.parent / "run" / "results.json").read_bytes() == before
        assert run_invert(settings(photos, resume=False, **changes)).status == "complete"


class TestImages:
    def test_a_few_bad_ones_are_listed_and_the_others_done(self, photos):
        (photos / "a-corrupt.png").write_bytes(b"no image at all")
        run = run_invert(settings(photos))
        assert (run.status, run.summary["n_ok"], run.summary["n_skipped"]) == ("complete", 5, 1)
        assert "no readable" in str(by_path(run)["a-corrupt.png"].reason)
        assert by_path(run)["a-corrupt.png"].similarity is None
        assert [image.path for image in run.images] == sorted(by_path(run))

    def test_a_truncated_one(self, photos):
        content = (photos / "p0.png").read_bytes()
        (photos / "p0.png").write_bytes(content[: len(content) // 2])
        run = run_invert(settings(photos))
        assert run.status == "complete"
        assert "corrupt or truncated" in str(by_path(run)["p0.png"].reason)
        assert by_path(run)["p0.png"].sha256 is not None

    def test_a_huge_one(self, photos):
        from PIL import Image

        Image.new("1", (20_000, 6_000)).save(photos / "huge.png")  # 120 million pixels, small file
        run = run_invert(settings(photos))
        assert run.status == "complete"
        assert "20000 x 6000 pixels are more than" in str(by_path(run)["huge.png"].reason)

    @pytest.mark.parametrize(("bad", "status"), [(1, "complete"), (2, "incomplete")])
    def test_one_bad_image_is_tolerated_and_a_twentieth(self, photos, bad, status):
        for index in range(bad):
            (photos / f"bad{index}.png").write_bytes(b"")
        assert run_invert(settings(photos)).status == status

    def test_all_bad_starts_nothing(self, tmp_path):
        for name in ("b.png", "a.png"):
            (tmp_path / "photos").mkdir(exist_ok=True)
            (tmp_path / "photos" / name).write_bytes(b"x")
        with pytest.raises(ImageError, match=r"none of 2 can be used\. The first: a\.png: .*no"):
            run_invert(settings(tmp_path / "photos"))
        assert not (tmp_path / "run").exists()

    def test_the_same_name_in_two_class_folders(self, tmp_path):
        photos = tmp_path / "photos"
        write_photo(photos / "ant" / "1.png", 1)
        write_photo(photos / "bee" / "1.png", 2)
        write_photo(photos / "bee" / "copy.png", 2)
        run = run_invert(settings(photos))
        assert [image.label for image in run.images] == ["ant", "bee", "bee"]
        assert len({image.id for image in run.images}) == 3
        # the same content is the same inversion, whatever it is called
        assert run.images[1].similarity == pytest.approx(run.images[2].similarity, abs=1e-5)
        assert run.images[1].sha256 == run.images[2].sha256
        assert run.images[0].similarity != run.images[1].similarity

    def test_a_file_that_is_named_twice_is_one_image(self, photos):
        run = run_invert(settings(photos, images=(photos / "p0.png", photos, photos / "p0.png")))
        assert len(run.images) == N_PHOTOS

    def test_names_that_are_no_text_stay_apart(self, tmp_path):
        photos = tmp_path / "photos"
        for index, name in enumerate((b"\xfe.png", b"\xff.png")):
            write_photo(tmp_path / "one.png", index)
            photos.mkdir(exist_ok=True)
            os.rename(os.fsencode(tmp_path / "one.png"), os.fsencode(photos) + b"/" + name)  # noqa: PTH104
        run = run_invert(settings(photos))
        assert len({image.sha256 for image in run.images}) == 2
        assert len({image.id for image in run.images}) == 2

    def test_a_run_inside_the_folder_of_images_is_refused(self, photos):
        with pytest.raises(UsageError, match="lies in the folder of images"):
            run_invert(settings(photos, out=str(photos / "run")))
        assert not (photos / "run").exists()


class TestNetworks:
    def failed(self, photos: Path, **changes: Any) -> tuple[ImageAudit, Run]:
        """Run with a black image among others; only that one may fail."""
        write_flat(photos / "black.png", 0)
        run = run_invert(settings(photos, **changes))
        assert run.status == "complete"
        assert [image.path for image in run.images if image.status == "failed"] == ["black.png"]
        assert run.summary["n_failed"] == 1
        text = (photos.parent / "run" / "results.json").read_text()
        assert "NaN" not in text
        assert "Infinity" not in text
        return by_path(run)["black.png"], run

    def test_a_gradient_that_is_not_finite_fails_that_image_alone(self, photos):
        image, run = self.failed(photos, card="Poisoned")
        assert str(image.reason).startswith("step 1: the score or its gradient is not finite")
        assert image.inversions == ()
        assert image.similarity is None
        # its batch mate is what it would have been without it
        (photos / "black.png").unlink()
        alone = run_invert(settings(photos, "alone", card="Poisoned"))
        for name, other in by_path(alone).items():
            assert by_path(run)[name].similarity == pytest.approx(other.similarity, abs=1e-3)

    def test_an_activation_of_zero_fails_that_image_alone(self, photos):
        image, _ = self.failed(photos)
        assert "zero everywhere" in str(image.reason)
        assert "--layer" in str(image.reason)

    def test_an_activation_that_is_not_finite_fails_that_image_alone(self, photos):
        image, _ = self.failed(photos, card="Overflowing", kwargs={"classes": 4})
        assert "activation of the reference image is not finite" in str(image.reason)

    def test_an_output_that_is_not_finite_fails_that_image_alone(self, photos):
        write_flat(photos / "white.png", 255)
        run = run_invert(settings(photos, card="Overflowing"))
        assert "output is not finite" in str(by_path(run)["white.png"].reason)
        assert run.summary["n_failed"] == 1

    def test_a_judge_whose_output_is_not_finite(self, photos):
        write_flat(photos / "white.png", 255)
        judge = write_card(photos.parent, "Overflowing", name="judge")
        run = run_invert(settings(photos, judges=(str(judge),)))
        assert "output of judge judge is not finite" in str(by_path(run)["white.png"].reason)
        assert all(len(image.transfer) == 1 for image in run.images if image.status == "ok")

    def test_a_network_that_does_not_look_at_the_image(self, photos):
        run = run_invert(settings(photos, card="Dead", steps=4))
        assert run.status == "incomplete"
        assert {image.status for image in run.images} == {"failed"}
        assert all("dead target" in str(image.reason) for image in run.images)

    def test_without_classes_there_are_no_predictions(self, photos):
        config = settings(
            photos, card="Small", kwargs={"classes": 0}, layer="body", formats=("html",)
        )
        run = run_invert(config)
        assert run.status == "complete"
        assert run.model.num_classes == 0
        for image in run.images:
            assert image.prediction is None
            assert image.inversions[0].prediction is None
            assert image.similarity is not None
        page = (config.out / "report.html").read_text()
        assert page.count("p0.png") > 0
        assert not re.search(r">\s*(nan|NaN|None|null|undefined)\s*<", page)

    def test_a_judge_without_the_same_classes_is_skipped_with_the_reason(self, photos):
        judge = write_card(photos.parent, name="judge", classes=3)
        run = run_invert(settings(photos, judges=(str(judge),)))
        assert run.status == "complete"
        assert [entry.check for entry in run.skipped] == ["transfer", "trust panel"]
        assert "its 3 classes are not the 4" in run.skipped[0].reason

    def test_a_judge_that_is_not_there_is_a_check_that_was_not_made(self, photos):
        there = write_card(photos.parent, name="there", seed=1)
        run = run_invert(settings(photos, judges=("nothing.toml", str(there))))
        assert run.status == "complete"
        assert [entry.check for entry in run.skipped] == ["transfer", "trust panel"]
        assert run.skipped[0].reason.startswith("judge nothing.toml: there is no such model card")
        assert {row.judge for image in run.images for row in image.transfer} == {"there"}

    def test_grey_needs_a_grey_spectrum_and_four_channels_no_photographs(self, photos):
        with pytest.raises(UsageError, match=r"3 channels, .* have 1.*macoaudit spectrum.*grey"):
            run_invert(settings(photos, kwargs={"channels": 1}))
        with pytest.raises(ModelError, match="4 channels; photographs have 3"):
            run_invert(settings(photos, kwargs={"channels": 4}))
        assert not (photos.parent / "run").exists()

    def test_the_report_names_a_factory_as_the_source_of_weights(self, photos):
        config = settings(photos, formats=("html",))
        run_invert(config)
        assert "made by the model card" in (config.out / "report.html").read_text()


class TestFullMachine:
    @pytest.mark.parametrize(
        "error",
        [
            torch.OutOfMemoryError("CUDA out of memory"),
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            MemoryError(),
        ],
    )
    def test_memory_names_the_batch_size(self, photos, monkeypatch, error):
        def full(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(inverting, "audit_group", full)
        with pytest.raises(OptimizationError, match=r"--batch-size 2: .* smaller"):
            run_invert(settings(photos))

    def test_another_error_is_not_taken_for_it(self, photos, monkeypatch):
        def wrong(*_: object, **__: object) -> None:
            raise RuntimeError("shapes differ")

        monkeypatch.setattr(inverting, "audit_group", wrong)
        with pytest.raises(RuntimeError, match="shapes differ"):
            run_invert(settings(photos))

    def test_a_full_disk_keeps_what_is_finished(self, photos, monkeypatch):
        make, calls = tempfile.mkstemp, []

        def until_full(*arguments: Any, **named: Any) -> Any:
            calls.append(1)
            if len(calls) > 12:  # the marker, and one group: 2 x 4 pictures and a unit
                raise OSError(errno.ENOSPC, "No space left on device")
            return make(*arguments, **named)

        monkeypatch.setattr(tempfile, "mkstemp", until_full)
        with pytest.raises(StoreError, match="disk is full: free space and run again"):
            run_invert(settings(photos))
        out = photos.parent / "run"
        assert not (out / "results.json").exists()
        assert len(list((out / "units").iterdir())) == 1
        assert not list(out.rglob(".macoaudit-*"))
        monkeypatch.undo()
        run_invert(settings(photos))
        run_invert(settings(photos, "whole"))
        assert document(out) == document(photos.parent / "whole")

    def test_a_report_that_fails_is_a_note_and_not_a_lost_run(self, photos, monkeypatch):
        def fails(*_: object) -> None:
            raise ReportError("report: cannot be written")

        monkeypatch.setattr(pipeline, "write_html", fails)
        run = run_invert(settings(photos, formats=("html",)))
        assert run.status == "complete"
        assert run.volatile["report_errors"] == ["report: cannot be written"]
        assert to_json(read_results(photos.parent / "run")) == to_json(run)


class TestMemory:
    def test_nothing_but_records_is_kept_of_images_that_are_done(self, tmp_path):
        photos = tmp_path / "photos"
        for index in range(12):
            write_photo(photos / f"{index:02}.png", index)
        counts, sizes = [], []
        # of tests before this one, whose frames a failure may hold
        others = sum(type(value) is Reference for value in gc.get_objects())

        def measure(progress: Progress) -> None:
            if progress.step is None or progress.step.step != 2:
                return
            alive = gc.get_objects()
            counts.append(sum(type(value) is Reference for value in alive) - others)
            tensors = [value for value in alive if type(value) is torch.Tensor]
            sizes.append(sum(value.numel() for value in tensors))

        run_invert(settings(photos), on_progress=measure)
        assert len(counts) == 6  # groups of two
        assert set(counts) == {2}
        assert max(sizes) == pytest.approx(sizes[1], rel=0.02)


def test_the_key_of_a_run_has_every_setting_but_those_that_change_no_number(photos):
    from macoaudit.preparation import prepare

    base = settings(photos)
    facts = prepare(base).facts()
    for change in ({"max_bad_frac": 0.5}, {"formats": ("html",)}, {"out": photos / "x"}):
        assert prepare(dataclasses.replace(base, **change)).facts() == facts
    changes: tuple[dict[str, Any], ...] = (
        {"seed": 1},
        {"batch_size": 3},
        {"layer": "body"},
        {"precision": "bf16"},
        {"plausibility_k": 2},
        {"references": (photos,)},
        {"judges": (str(write_card(photos.parent, name="other", classes=3)),)},
    )
    for change in changes:
        assert prepare(dataclasses.replace(base, **change)).facts() != facts
