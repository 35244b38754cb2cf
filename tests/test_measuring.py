"""The measuring half of a run: taken up again, refused kindly, and recorded with its reasons."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import write_card, write_flat, write_photo
from starts import by_path, document, pictures, read_whole, settings

from macoaudit import inverting, stages
from macoaudit.cli.invert import _layers
from macoaudit.cli.measuring import measure
from macoaudit.errors import LayerError, UsageError
from macoaudit.pipeline import Progress, run_invert
from macoaudit.results import (
    Faithfulness,
    ImageAudit,
    Plausibility,
    Retained,
    Retention,
    Run,
    Skipped,
)

N_PHOTOS = 3


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for index in range(N_PHOTOS):
        write_photo(tmp_path / "photos" / f"p{index}.png", index)
    return tmp_path / "photos"


def start(photos: Path, out: str = "run", **changes: Any) -> Run:
    """A short run with measures, without the trust panel unless it is asked for."""
    told = changes.pop("told", None)
    config = settings(photos, out, **{"measures": True, "trust": False, **changes})
    run_invert(config, on_progress=told)
    return read_whole(config.out)


def reasons(image: ImageAudit) -> dict[str, str]:
    return {item.check: item.reason for item in image.skipped}


def retention(image: ImageAudit) -> Retention:
    assert isinstance(image.retention, Retention), image.retention
    return image.retention


def everything(photos: Path, out: str = "run", **changes: Any) -> Run:
    """A run with every stage."""
    return start(photos, out, trust=True, layers=("body.0", "body"), n_seeds=2, **changes)


class TestTakingUp:
    def test_a_second_start_asks_no_network(self, photos, monkeypatch):
        everything(photos)
        record, drawn = document(photos.parent / "run"), pictures(photos.parent / "run")

        def called(*_: object, **__: object) -> None:
            raise AssertionError("computed again")

        monkeypatch.setattr(inverting, "audit_group", called)
        for name in ("build_context", "invert_group", "measure_image", "trust_checks"):
            monkeypatch.setattr(stages, name, called)
        everything(photos)
        assert json.dumps(document(photos.parent / "run")) == json.dumps(record)
        assert pictures(photos.parent / "run") == drawn

    @pytest.mark.parametrize(("stage", "done"), [("depth", 2), ("measure", 2), ("trust", 0)])
    def test_an_interrupted_run_says_so_and_ends_as_one_that_was_not(self, photos, stage, done):
        def interrupt(progress: Progress) -> None:
            if progress.stage == stage and progress.done_images >= done:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            everything(photos, told=interrupt)
        run = read_whole(photos.parent / "run")
        assert run.status == "incomplete"
        assert ("invert", "the run was interrupted") in [(i.check, i.reason) for i in run.skipped]
        for image in run.images:
            assert image.status == "ok"
            for check in (image.retention, image.plausibility):
                assert isinstance(check, Skipped)
                assert "--no-measures" not in check.reason
                assert "interrupted before this image was measured" in check.reason
        stepped: list[Progress] = []
        everything(photos, told=stepped.append)
        assert not [told for told in stepped if told.stage == "invert" and told.step]
        everything(photos, "whole")
        whole, resumed = photos.parent / "whole", photos.parent / "run"
        assert json.dumps(document(whole)) == json.dumps(document(resumed))
        assert pictures(whole) == pictures(resumed)

    def test_an_image_that_was_measured_is_not_measured_again(self, photos, monkeypatch):
        def interrupt(progress: Progress) -> None:
            if progress.stage == "measure" and progress.done_images == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            start(photos, told=interrupt)
        real, measured = stages.measure_image, []

        def counted(context: Any, image: ImageAudit, *rest: Any) -> Any:
            measured.append(image.path)
            return real(context, image, *rest)

        monkeypatch.setattr(stages, "measure_image", counted)
        start(photos)
        assert measured == ["p2.png"]

    def test_another_batch_size_moves_measures_by_rounding_only(self, photos):
        natural = photos.parent / "natural"
        for index in range(6):
            write_photo(natural / f"n{index}.png", 100 + index)
        one, six = (
            start(photos, str(size), batch_size=size, n_seeds=2, references=(natural,))
            for size in (1, 6)
        )
        for a, b in zip(one.images, six.images, strict=True):
            x, y = retention(a), retention(b)
            assert x.attributes.keys() == y.attributes.keys()
            for name, value in x.attributes.items():
                other = y.attributes[name]
                assert type(value) is type(other)
                if isinstance(value, Retained):
                    assert value.ceiling == pytest.approx(other.ceiling, abs=1e-3)
                    assert value.null == pytest.approx(other.null, abs=1e-3)
                    assert value.observed == pytest.approx(other.observed, abs=0.02)
            assert torch.allclose(torch.tensor(x.values), torch.tensor(y.values), atol=0.02)
            assert a.plausibility.distance == pytest.approx(b.plausibility.distance, abs=0.01)
            near = [[e.path for e in i.inversions[0].exemplars] for i in (a, b)]
            assert near[0] == near[1]

    def test_seeds_beyond_the_batch_are_made_one_after_another(self, photos):
        rows: set[int] = set()

        def note(progress: Progress) -> None:
            if progress.stage == "depth" and progress.step:
                rows.add(progress.step.n_active)

        run = start(photos, told=note, n_seeds=5, layers=("body.0",), batch_size=2)
        assert rows == {1, 2}
        # the same seeds as in one batch
        other = start(photos, "large", n_seeds=5, layers=("body.0",), batch_size=16)
        for a, b in zip(run.images, other.images, strict=True):
            assert a.depth[0].similarity == pytest.approx(b.depth[0].similarity, abs=1e-3)


class TestWhatIsMeasured:
    def test_a_run_has_every_measure(self, photos):
        natural = photos.parent / "natural"
        for index in range(4):
            write_photo(natural / f"kind{index % 2}" / f"n{index}.png", 100 + index)
        run = start(photos, n_seeds=2, references=(natural,), trust=True)
        assert run.status == "complete"
        for image in run.images:
            found = retention(image)
            assert (found.space, found.baseline) == ("body.1, body.2", "other images")
            assert (found.n_seeds, found.n_null, found.n_donors) == (2, 64, 2)
            assert found.map == f"images/{image.id}/retained.png"
            assert {"color", "orientation", "layout", "layout_shifted"} < set(found.attributes)
            values = torch.tensor(found.values)
            assert values.shape == (10, 10)
            assert found.retained_frac + found.dropped_frac <= 1
            assert isinstance(image.plausibility, Plausibility)
            assert image.plausibility.n_reference == N_PHOTOS - 1 + 4
            assert "the audited network's own" in image.plausibility.space
            for inversion in image.inversions:
                assert len(inversion.exemplars) == 3
                cosines = [exemplar.similarity for exemplar in inversion.exemplars]
                assert cosines == sorted(cosines, reverse=True)
                assert image.path not in {exemplar.path for exemplar in inversion.exemplars}
            for exemplar in image.other_class:
                assert exemplar.name != image.prediction.name
        assert run.summary["faithfulness"]["n"] == N_PHOTOS
        assert run.summary["plausibility"]["percentile"]["n"] == N_PHOTOS
        assert [check.name for check in run.trust] == [
            "random weights", "null objective", "dead target", "parametrizations",
            "initialisations", "layer path",
        ]  # fmt: skip

    def test_more_than_five_classes_have_a_first_five(self, photos):
        for image in start(photos, card="Pixels", kwargs={"classes": 12}).images:
            found = retention(image).attributes["top5"]
            assert isinstance(found, Retained)
            assert 0 <= found.null <= found.ceiling == 1

    def test_turned_off(self, photos):
        run = start(photos, measures=False, trust=True)
        for image in run.images:
            for check in (image.retention, image.plausibility):
                assert isinstance(check, Skipped)
                assert check.reason == "not measured: turned off with --no-measures"
        assert run.trust == ()
        assert ("trust panel", "not run: turned off with --no-measures") in [
            (item.check, item.reason) for item in run.skipped
        ]

    def test_the_trust_panel_turned_off(self, photos):
        run = start(photos)
        assert run.trust == ()
        assert ("trust panel", "not run: turned off with --no-trust") in [
            (item.check, item.reason) for item in run.skipped
        ]
        assert isinstance(retention(run.images[0]).faithfulness, Faithfulness)


class TestBadInput:
    def test_one_image_only(self, tmp_path):
        write_photo(tmp_path / "photos" / "p.png")
        run = start(tmp_path / "photos", n_seeds=2, trust=True)
        assert run.status == "complete"
        image = run.images[0]
        assert (retention(image).baseline, retention(image).n_donors) == ("random phases", 0)
        assert isinstance(image.plausibility, Skipped)
        assert "0 other natural images are too few" in image.plausibility.reason
        assert "there is no other natural image in this run" in reasons(image)["exemplars"]
        assert image.inversions[0].exemplars == image.other_class == ()
        single = {check.name: check.reason for check in run.trust if check.outcome == "skipped"}
        assert "a single image" in single["initialisations"]
        assert "a single image" in single["parametrizations"]

    @pytest.mark.parametrize(("k", "enough"), [(1, True), (2, False)])
    def test_fewer_natural_images_than_neighbours(self, photos, k, enough):
        for image in start(photos, plausibility_k=k).images:
            if enough:
                assert isinstance(image.plausibility, Plausibility)
                assert (image.plausibility.k, image.plausibility.n_reference) == (1, 2)
            else:
                assert isinstance(image.plausibility, Skipped)
                assert "2 other natural images are too few" in image.plausibility.reason
                assert "needs 3 or more" in image.plausibility.reason
                assert "--reference DIR" in image.plausibility.reason

    def test_a_judge_that_cannot_be_loaded(self, photos):
        run = start(photos, judges=("nothing.toml",))
        found = {item.check: item.reason for item in run.skipped}
        assert found["transfer"].startswith("judge nothing.toml: there is no such model card")
        assert all(isinstance(image.retention, Retention) for image in run.images)

    def test_classes_that_no_judge_has(self, tmp_path):
        photos = tmp_path / "photos"
        for index, name in enumerate(("ant/1", "ant/2", "bee/1", "bee/2", "cat/1")):
            write_photo(photos / f"{name}.png", index)
        judge = write_card(tmp_path, name="judge", classes=3, seed=1)
        run = start(photos, judges=(str(judge),))
        images = by_path(run)
        alone = reasons(images["cat/1.png"])["transfer"]
        assert alone.startswith("judge judge: 'cat' is a class that no judge has")
        assert alone.count("judge judge") == 1
        assert images["cat/1.png"].transfer == ()
        for path in ("ant/1.png", "bee/2.png"):
            (row,) = images[path].transfer
            assert (row.judge, row.method) == ("judge", "prototype")
            assert row.probability is None
            assert 1 <= row.rank <= row.n_classes == 3
            assert "transfer" not in reasons(images[path])

    def test_without_class_folders_such_a_judge_has_no_answer(self, photos):
        judge = write_card(photos.parent, name="judge", classes=3, seed=1)
        run = start(photos, judges=(str(judge),))
        for image in run.images:
            assert "the image has no class folder" in reasons(image)["transfer"]
        assert "its 3 classes are not the 4" in {i.check: i.reason for i in run.skipped}["transfer"]

    def test_a_constant_image(self, photos):
        write_flat(photos / "grey.png", 128)
        run = start(photos, n_seeds=2)
        assert run.status == "complete"
        image = by_path(run)["grey.png"]
        found = retention(image)
        for name in ("color", "orientation", "layout", "bands_1", "bands_4"):
            assert isinstance(found.attributes[name], Skipped), name
            assert "cannot be told from chance" in found.attributes[name].reason
        # nothing can be deleted from it, so nothing is proved
        if isinstance(found.faithfulness, Faithfulness):
            assert found.faithfulness.value == pytest.approx(0, abs=1e-6)
            assert not found.faithfulness.holds

    def test_features_that_are_not_finite_cost_that_image_its_map_alone(self, photos):
        write_flat(photos / "white.png", 255)
        images = by_path(start(photos, card="Bursting"))
        white = images["white.png"].retention
        assert isinstance(white, Skipped)
        assert "at places are not finite" in white.reason
        for index in range(N_PHOTOS):
            found = retention(images[f"p{index}.png"])
            assert found.space == "places"
            assert found.baseline == "other images"

    def test_a_network_without_a_layer_of_places(self, photos):
        for image in start(photos, card="Pixels").images:
            assert retention(image).space == "image patches"
            assert len(retention(image).values) == 14

    def test_a_network_of_one_channel(self, photos):
        spectrum = photos.parent / "grey.st"
        measure([photos], spectrum, size=32, color="grey", border="raw", source="a test")
        run = start(photos, kwargs={"channels": 1}, spectrum=spectrum, n_seeds=2, trust=True)
        assert run.status == "complete"
        for image in run.images:
            found = retention(image).attributes
            assert found["color"] == Skipped("color", "the network takes grey images")
            assert isinstance(found["layout"], Retained)

    def test_a_network_without_classes(self, photos):
        run = start(photos, kwargs={"classes": 0}, layer="body", n_seeds=2, trust=True)
        assert run.status == "complete"
        for image in run.images:
            found = retention(image).attributes
            for name in ("prediction", "top5"):
                assert found[name] == Skipped(name, "the network has no classes")
            assert isinstance(image.plausibility, Skipped)
            assert "nearest of another class" in reasons(image)

    def test_random_weights_are_no_control_of_random_weights(self, photos):
        run = start(photos, weights="random", trust=True)
        check = run.trust[0]
        assert (check.name, check.outcome) == ("random weights", "skipped")
        assert check.reason == "the audited network itself has random weights"


class TestReference:
    @pytest.fixture
    def natural(self, photos: Path) -> Path:
        folder = photos.parent / "natural"
        for index in range(5):
            write_photo(folder / f"n{index}.png", 100 + index)
        return folder

    def exemplars(self, run: Run) -> set[str]:
        return {
            exemplar.file
            for image in run.images
            for row in (image.other_class, *(i.exemplars for i in image.inversions))
            for exemplar in row
        }

    def test_its_pictures_are_written_where_an_image_names_them(self, photos, natural):
        run = start(photos, references=(natural,), n_seeds=2)
        out = photos.parent / "run"
        named = {file for file in self.exemplars(run) if file.startswith("exemplars/")}
        assert named
        assert named == {name for name in pictures(out) if name.startswith("exemplars/")}

    def test_files_that_cannot_be_used_are_said(self, photos, natural):
        (natural / "bad.png").write_bytes(b"no image")
        (natural / "z.png").write_bytes((natural / "n0.png").read_bytes())
        run = start(photos, references=(natural,))
        assert run.status == "complete"
        found = [item.reason for item in run.skipped if item.check == "reference"]
        assert len(found) == 2
        assert "bad.png" in found[0]
        assert found[1] == "z.png: has the same bytes as n0.png"
        # and are said again when everything comes from the units
        again = start(photos, references=(natural,))
        assert [item.reason for item in again.skipped if item.check == "reference"] == found

    def test_the_audited_images_among_them_count_once(self, photos, natural):
        (natural / "p0.png").write_bytes((photos / "p0.png").read_bytes())
        run = start(photos, references=(natural,))
        for image in run.images:
            assert image.plausibility.n_reference == 2 + 5
        for exemplar in by_path(run)["p0.png"].inversions[0].exemplars:
            assert exemplar.path != "p0.png"

    def test_a_changed_file_is_measured_anew_and_nothing_inverted_again(self, photos, natural):
        before = start(photos, references=(natural,))
        write_photo(natural / "n0.png", 999)
        steps: list[Progress] = []
        after = start(photos, references=(natural,), told=steps.append)
        assert not [told for told in steps if told.step]
        distance = [[i.plausibility.distance for i in run.images] for run in (before, after)]
        assert distance[0] != distance[1]
        fresh = start(photos, "fresh", references=(natural,))
        assert [i.plausibility for i in after.images] == [i.plausibility for i in fresh.images]

    def test_a_folder_that_is_not_there(self, photos):
        with pytest.raises(UsageError, match="--reference"):
            start(photos, references=(photos / "nothing",))


class TestDepthProfile:
    def test_named_layers_in_the_order_given(self, photos):
        run = start(photos, layers=("body", "body.0", "penultimate"), n_seeds=2)
        for image in run.images:
            assert [point.layer for point in image.depth] == ["body", "body.0", "penultimate"]
            for point in image.depth:
                assert point.attributes.keys() == retention(image).attributes.keys()
                assert -1 <= point.similarity <= 1
            # the audited layer's row is the run's own inversion
            own = image.depth[-1]
            assert own.similarity == image.similarity
            assert own.image == image.inversions[0].files["image"]
            assert own.attributes["layout"] == retention(image).attributes["layout"]
            assert len({point.image for point in image.depth}) == 3
        names = {name.rsplit("/", 1)[-1] for name in pictures(photos.parent / "run")}
        assert {"depth-1-0.png", "depth-1-1.png", "depth-2-0.png", "depth-2-1.png"} < names

    def test_chosen_layers(self, photos):
        run = start(photos, depth_profile=True)
        # four of body.0, body.1, body.2, body.3 and body, which are before the class scores
        assert [point.layer for point in run.images[0].depth] == [
            "body.0", "body.1", "body.2", "body", "penultimate",
        ]  # fmt: skip

    def test_an_inversion_at_the_audited_layer_is_the_one_of_the_run(self, photos):
        """The depth profile inverts with the same streams: only the layer makes a difference."""
        deep = start(photos, "deep", layers=("body.3",))
        other = start(photos, "other", layer="body.3")
        for a, b in zip(deep.images, other.images, strict=True):
            assert a.depth[0].similarity == pytest.approx(b.similarity, abs=1e-3)

    def test_a_layer_that_fails_on_an_image_is_a_check_that_was_not_made(self, photos):
        write_flat(photos / "black.png", 0)
        run = start(photos, card="Biased", layers=("body.0", "body"))
        assert run.status == "complete"
        images = by_path(run)
        failed = [i.reason for i in images["black.png"].skipped if i.check == "depth profile"]
        assert [reason.split(": ")[0] for reason in failed] == ["layer body.0", "layer body"]
        assert all("zero everywhere" in reason for reason in failed)
        assert [point.layer for point in images["black.png"].depth] == ["penultimate"]
        assert isinstance(images["black.png"].retention, Retention)
        assert [len(images[f"p{i}.png"].depth) for i in range(3)] == [3, 3, 3]

    def test_a_layer_that_is_not_there_is_found_before_anything_is_done(self, photos):
        with pytest.raises(LayerError, match="has no such layer"):
            start(photos, layers=("body.9",))
        assert not (photos.parent / "run").exists()

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"layers": ("body", "body")}, "--layers is 'body,body'; name each layer once"),
            ({"layers": ("body",), "measures": False}, "--no-measures came with a depth profile"),
            ({"depth_profile": True, "measures": False}, "--no-measures came with a depth"),
            ({"plausibility_k": 0}, "--neighbours is 0"),
        ],
    )
    def test_settings_that_cannot_be(self, photos, changes, said):
        with pytest.raises(UsageError, match=said):
            settings(photos, **{"measures": True, **changes})


def test_the_list_of_layers_on_the_command_line():
    assert _layers(None) == ()
    assert _layers("blocks.1, blocks.2") == ("blocks.1", "blocks.2")
    for text in ("", "a,", "a,,b"):
        with pytest.raises(UsageError, match="--layers is"):
            _layers(text)


def test_null_and_ceiling_do_not_depend_on_the_images_around(photos):
    together = by_path(start(photos))["p1.png"]
    alone = start(photos, "alone", images=(photos / "p1.png",)).images[0]
    for name in ("layout", "layout_shifted", "bands_1", "bands_2"):
        a, b = retention(alone).attributes[name], retention(together).attributes[name]
        assert type(a) is type(b)
        if isinstance(a, Retained):
            assert (a.null, a.ceiling) == pytest.approx((b.null, b.ceiling), abs=1e-5)
            assert a.observed == pytest.approx(b.observed, abs=0.02)
