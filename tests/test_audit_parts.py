"""Parts of an audit: sampling, labels, masks, pictures and records of findings, the verdict."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import torch
from PIL import Image
from planted import Counting, loaded, mark_mask, planted_scenes
from planted_audits import NAMES, audit_settings, noise, write_counting_card, write_scenes

from macoaudit.audit_config import extent, extent_settings
from macoaudit.auditing.labels import label_images, named_class, require_two_classes
from macoaudit.auditing.masks import read_masks, require_masks
from macoaudit.auditing.outcome import outcome_line, outcome_of, summarise
from macoaudit.auditing.reading import Read, load_pixels, read_images
from macoaudit.auditing.records import (
    Covered,
    coverage_record,
    finding_id,
    finding_record,
    record_tests,
)
from macoaudit.auditing.sampling import stratified
from macoaudit.auditing.showing import Scene, outlined, show_finding
from macoaudit.auditing.testing import file_facts, proposals
from macoaudit.errors import ImageError, NoImagesError, UsageError
from macoaudit.gate import Policy, decide
from macoaudit.images import find_images, save_png
from macoaudit.preprocessing import Preprocessing
from macoaudit.results import ImageAudit, Run
from macoaudit.shortcuts import suite
from macoaudit.shortcuts.records import Evidence, NotTested, NullSummary, Region
from macoaudit.shortcuts.verdict import verdict
from macoaudit.store import RunFolder


@pytest.fixture
def model():
    return replace(loaded(Counting(shortcut=True)), labels=NAMES)


def read(model, folder: Path):
    return read_images(
        model, find_images([folder]), folder=None, key="k", tell=lambda done, total: None
    )[0]


class TestStratified:
    def test_all_when_there_is_no_limit(self):
        assert stratified(list("aabbb"), None) == [0, 1, 2, 3, 4]

    def test_a_small_group_is_not_lost(self):
        chosen = stratified(["a"] * 100 + ["b"] * 2, 10)
        assert [place for place in chosen if place >= 100] == [100, 101]
        assert len(chosen) == 10
        # eight evenly spaced ones of a hundred
        assert chosen[:8] == [0, 12, 25, 37, 50, 62, 75, 87]

    def test_no_more_of_a_group_than_asked_for(self):
        assert stratified(list("aaabbc"), None, per_group=1) == [0, 3, 5]

    def test_where_there_are_more_groups_than_places_the_largest_are_chosen(self):
        assert stratified(list("abbccc"), 2) == [1, 3]


class TestReading:
    def test_predictions_facts_and_bad_images(self, model, tmp_path):
        photos = write_scenes(tmp_path / "photos", 2)
        (photos / "yellow" / "broken.png").write_bytes(b"no image")
        found = read(model, photos)
        assert [item.prediction.name for item in found.good] == [
            image.file.label for image in found.good
        ]
        (bad,) = found.bad
        assert bad.path == "yellow/broken.png"
        assert bad.status == "skipped"
        order = [getattr(item, "path", None) or item.file.relative for item in found.items]
        assert order == sorted(order)
        assert found.good[0].facts["aspect ratio"] == 1
        assert load_pixels(found.good, model.preprocessing).shape == (8, 3, 24, 24)

    def test_a_second_start_predicts_nothing(self, model, tmp_path):
        files = find_images([write_scenes(tmp_path / "photos", 1)])
        folder, told = RunFolder.open(tmp_path / "run", run_key="0"), list[int]()

        def start() -> tuple[Read, dict]:
            return read_images(
                model, files, folder=folder, key="k", tell=lambda done, total: told.append(done)
            )

        first, unit = start()
        folder.write(unit["key"], unit["payload"], {})
        second, _ = start()
        assert told == [4]
        assert second == first
        save_png(files[0].path, noise())
        assert start()[0] != first
        assert told == [4, 4]

    def test_logits_that_are_not_finite_fail_the_image(self, tmp_path):
        class White(Counting):
            def forward(self, image):
                white = image.flatten(1).amin(1) > 0.99
                return torch.where(white[:, None], torch.nan, super().forward(image))

        model = replace(loaded(White(shortcut=False)), labels=NAMES)
        photos = write_scenes(tmp_path / "photos", 1)
        save_png(photos / "white.png", torch.ones(3, 24, 24))
        (bad,) = read(model, photos).bad
        assert (bad.path, bad.status) == ("white.png", "failed")
        assert "not finite" in str(bad.reason)

    def test_nothing_to_read(self, model, tmp_path):
        (tmp_path / "a.png").write_bytes(b"")
        with pytest.raises(ImageError, match="none of 1 can be used"):
            read(model, tmp_path)

    def test_an_image_that_changes_meanwhile_is_refused(self, model, tmp_path):
        photos = write_scenes(tmp_path / "photos", 1)
        images = read(model, photos).good
        save_png(images[0].file.path, noise())
        with pytest.raises(ImageError, match="was changed while the audit ran"):
            load_pixels(images, model.preprocessing)


class TestLabels:
    def test_a_folder_that_names_a_class_decides(self, model, tmp_path):
        photos = write_scenes(tmp_path / "photos", 2, folders={"red": "GREEN"})
        labelled = label_images(model, read(model, photos).good)
        # red objects in the folder of the green ones are green, whatever the network says
        assert labelled.classes.count(2) == 4
        assert labelled.classes.count(1) == 0
        assert labelled.labels_from == "folders"
        assert labelled.notes == ()

    def test_other_folders_go_by_prediction_and_are_named_once(self, model, tmp_path):
        photos = write_scenes(tmp_path / "photos", 2, folders={"red": "holiday", "blue": "misc"})
        labelled = label_images(model, read(model, photos).good)
        assert sorted(labelled.classes) == [0, 0, 1, 1, 2, 2, 3, 3]
        assert labelled.labels_from == "folders and predictions"
        (note,) = labelled.notes
        assert note.check == "labels"
        assert "2 folders name no class of counting (holiday, misc): 4 images" in note.reason

    def test_without_folders_predictions_decide(self, model, tmp_path):
        photos = write_scenes(tmp_path / "photos", 1, folders=dict.fromkeys(NAMES, "."))
        labelled = label_images(model, read(model, photos).good)
        assert sorted(labelled.classes) == [0, 1, 2, 3]
        assert labelled.labels_from == "predictions"
        assert labelled.notes == ()

    def test_a_number_is_no_name(self, model):
        assert named_class(model, "2") is None
        assert named_class(model, "Red") == 1

    def test_one_class_is_refused(self, model, tmp_path):
        photos = write_scenes(tmp_path / "photos", {"red": 3})
        labelled = label_images(model, read(model, photos).good)
        with pytest.raises(NoImagesError, match=r"all 3 usable images are of one class, red"):
            require_two_classes(model, labelled)

    def test_one_prediction_without_folders_is_refused_too(self, model, tmp_path):
        photos = write_scenes(tmp_path / "photos", {"red": 3}, folders={"red": "."})
        labelled = label_images(model, read(model, photos).good)
        with pytest.raises(NoImagesError, match="as the network predicts"):
            require_two_classes(model, labelled)


class TestMasks:
    @pytest.fixture
    def seen(self, model, tmp_path):
        photos = tmp_path / "photos"
        for name in ("a", "b", "c", "d", "e", "f", "g"):
            save_png_of(photos / "red" / f"{name}.png", (40, 24))
        return read(model, photos).good

    def test_the_geometry_is_the_images_own(self, model, tmp_path):
        """An image and a mask of the same content come out the same, up to the interpolation."""
        preprocessing = Preprocessing((24, 24), 3, (0.5,) * 3, (1.0,) * 3, crop_pct=0.75)
        picture = Image.new("L", (90, 60), 0)
        picture.paste(255, (30, 10, 60, 50))
        for folder in ("photos", "masks"):
            (tmp_path / folder).mkdir()
            picture.save(tmp_path / folder / "x.png")
        images = read(replace(model, preprocessing=preprocessing), tmp_path / "photos").good
        masks = read_masks(tmp_path / "masks", images, preprocessing)
        wanted = load_pixels(images, preprocessing)[0, 0] > 0.5
        differ = (masks.objects[0] != wanted).sum()
        assert masks.n_given == 1
        assert int(wanted.sum()) > 100
        assert int(differ) <= 24  # at most a line of pixels

    def test_what_is_padded_is_no_object(self, model, tmp_path):
        preprocessing = Preprocessing(
            (24, 24), 3, (0.9,) * 3, (1.0,) * 3, crop_mode="border", interpolation="nearest"
        )
        for folder in ("photos", "masks"):
            (tmp_path / folder).mkdir()
            Image.new("L", (48, 24), 255).save(tmp_path / folder / "x.png")
        images = read(replace(model, preprocessing=preprocessing), tmp_path / "photos").good
        (mask,) = read_masks(tmp_path / "masks", images, preprocessing).objects
        assert mask.float().mean() == 0.5
        assert bool(mask[6:18].all())

    def test_masks_that_do_not_fit_are_left_out_with_the_reason(self, model, seen, tmp_path):
        folder = tmp_path / "masks" / "red"
        folder.mkdir(parents=True)
        good = Image.new("L", (40, 24), 255)
        good.save(folder / "a.png")
        Image.new("L", (24, 40), 255).save(folder / "b.png")
        (folder / "c.png").write_bytes(b"no image")
        Image.new("L", (40, 24), 1).save(folder / "d.png")  # classes 0 and 1, not 0 and 255
        good.convert("LA").save(folder / "e.png")
        masks = read_masks(tmp_path / "masks", seen, model.preprocessing)
        assert masks.n_given == 1
        assert [bool(mask.any()) for mask in masks.objects] == [True] + [False] * 6
        said = {item.reason for item in masks.skipped}
        assert said == {
            "the mask has another size than its image: red/b.png",
            "the mask cannot be read: red/c.png",
            "the mask is above half nowhere in the part of the image that the network sees: "
            "red/d.png",
            "the mask has transparent pixels; save it in grey, the object white: red/e.png",
            "there is no mask: red/f.png, red/g.png",
        }

    def test_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(UsageError, match=r"--masks .*: there is no such folder"):
            require_masks(tmp_path / "masks", [tmp_path])

    def test_a_folder_among_the_images(self, tmp_path):
        (tmp_path / "photos" / "masks").mkdir(parents=True)
        with pytest.raises(UsageError, match="would be taken for images"):
            require_masks(tmp_path / "photos" / "masks", [tmp_path / "photos"])


def save_png_of(path: Path, size: tuple[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (255, len(path.stem), ord(path.stem[0]))).save(path)


def evidence(test, index, effect, threshold=0.3, **more) -> Evidence:
    null = NullSummary(observed=effect, n=99, mean=0.0, sd=0.1, high=0.2)
    base = {"effect_name": "an effect", "p_value": 0.001, "null": null, "images": ()}
    base |= {"smallest_p": 0.0005}
    return Evidence(
        test=test,
        class_index=index,
        effect=effect,
        threshold=threshold,
        **{**base, **more},
    )


class TestRecords:
    @pytest.fixture
    def scene(self, model):
        image_01, classes = planted_scenes(5)
        ids = tuple(f"id-{place}" for place in range(len(image_01)))
        return Scene(model, image_01, ids, classes, classes)

    @pytest.fixture
    def tested(self):
        regions = tuple(Region(image, mark_mask()) for image in (1, 0, 2, 3, 4))
        found = verdict(
            [
                evidence("patch transfer", 0, 0.9, images=(1, 0, 2, 3, 4), regions=regions),
                evidence("stamp", 0, 9.0, threshold=3.0),
                evidence("patch transfer", 1, 0.1, p_value=0.9),
                NotTested("stamp", 1, "1 class has regions"),
                NotTested("property", 1, "1 class has regions"),
            ],
            NAMES,
        )
        return suite.Tested(found, {0: 3.0}, 12)

    def test_the_pictures_show_what_the_mark_does(self, scene, tested):
        (finding,) = tested.verdict.findings
        shown = show_finding(scene, finding, "findings/0-yellow")
        assert [region.image for region in shown.regions] == ["id-1", "id-0", "id-2", "id-3"]
        first = shown.regions[0]
        assert first.box_px == (19, 19, 4, 4)
        assert first.area_frac == pytest.approx(16 / 576)
        # z of the mark is 14, of the donors' own object 10: p rises from ~0 to 1 / (1 + e^-4)
        assert first.rise == pytest.approx(1 / (1 + 2.718281828**-4), abs=1e-3)
        assert len(shown.examples) == 4
        rises = [one.after_probability - one.before_probability for one in shown.examples]
        assert rises[:3] == sorted(rises[:3], reverse=True)
        assert rises[3] <= rises[2] + 1e-12
        for one in shown.examples:
            assert one.before != "yellow"
            assert one.after == "yellow"
            assert one.source == "id-1"
        pictures = {picture.path: picture for picture in shown.pictures}
        named = {name for one in (*shown.regions, *shown.examples) for name in one.files.values()}
        assert named == set(pictures)
        assert torch.equal(pictures[first.files["region"]].alpha_01, mark_mask().float())
        after = pictures[shown.examples[0].files["after"]].image_01
        assert bool((after[:, 19:23, 19:23] == 1).all())
        before = pictures[shown.examples[0].files["before"]].image_01
        assert torch.equal(after[:, :19], before[:, :19])

    def test_a_property_is_shown_on_whole_images(self, scene):
        found = verdict(
            [
                evidence("property shift", 0, 0.9, subject="lower right corner brightness"),
                evidence("property", 0, 0.9, subject="lower right corner brightness"),
            ],
            NAMES,
        )
        (finding,) = found.findings
        shown = show_finding(scene, finding, "findings/0")
        assert shown.regions == ()
        assert all(one.source is None for one in shown.examples)
        pictures = {picture.path: picture.image_01 for picture in shown.pictures}
        one = shown.examples[0]
        change = pictures[one.files["after"]] - pictures[one.files["before"]]
        assert float(change[:, 20:, 20:].mean()) > 0.1
        assert float(change[:, :19].abs().max()) == 0

    def test_the_outline_is_seen_on_any_ground_and_leaves_the_region(self):
        mask = mark_mask()
        for ground in (0.0, 0.5, 1.0):
            image_01 = torch.full((3, 24, 24), ground)
            drawn = outlined(image_01, mask)
            assert torch.equal(drawn[:, mask], image_01[:, mask])
            assert float((drawn - image_01).abs().max()) >= 0.5
            assert float(drawn[0, 18, 20]) == 1
            assert float(drawn[0, 17, 20]) == 0
            assert torch.equal(drawn[:, :16], image_01[:, :16])

    def test_a_finding_names_images_by_their_path(self, scene, tested):
        (finding,) = tested.verdict.findings
        shown = show_finding(scene, finding, "findings/0-yellow")
        paths = [f"yellow/{place}.png" for place in range(20)]
        record = finding_record(finding, shown, margin=3.0, ids=scene.ids, paths=paths, drawn=())
        assert record.id == "0-yellow"
        assert record.severity == "high"
        assert record.tests == ("patch transfer", "stamp")
        assert record.images == ("id-1", "id-0", "id-2", "id-3", "id-4")
        assert "yellow/1.png" in record.where
        assert "#" not in record.where
        assert record.visualization is None

    def test_every_test_is_recorded_once(self, tested):
        rows = record_tests(tested, NAMES)
        assert [(row.class_index, row.test, row.outcome) for row in rows] == [
            (0, "patch transfer", "flagged"),
            (0, "stamp", "flagged"),
            (1, "patch transfer", "passed"),
            (1, "stamp", "not tested"),
            (1, "property", "not tested"),
        ]
        assert rows[0].adjusted_p == pytest.approx(0.002)
        assert rows[0].null is not None
        assert rows[3].effect is None
        assert rows[3].reason == "1 class has regions"

    def test_a_test_that_could_not_decide_is_not_tested(self):
        few = evidence("patch transfer", 0, 0.9, p_value=0.1, smallest_p=0.1)
        tested = suite.Tested(verdict([few], NAMES), {}, 4, (few,))
        (row,) = record_tests(tested, NAMES)
        assert row.outcome == "not tested"
        assert "smallest p-value" in str(row.reason)
        assert row.effect is None

    def test_coverage_says_why_a_class_was_not_tested(self, model, tested, tmp_path):
        photos = write_scenes(tmp_path / "photos", {"yellow": 2, "red": 1})
        labelled = label_images(model, read(model, photos).good)
        audit = coverage_record(tested, Covered(NAMES, labelled, {1: 7}, 0))
        assert audit.testable
        yellow, red = audit.classes
        assert (yellow.class_name, yellow.tested, yellow.margin) == ("yellow", True, 3.0)
        assert (red.n_images, red.n_labelled, red.tested, red.margin) == (1, 1, False, None)
        assert red.reasons == (
            "stamp, property: 1 class has regions",
            "7 images of its folder left out (--max-images)",
        )

    @pytest.mark.parametrize(
        ("index", "name", "wanted"),
        [(3, "Great White Shark", "3-great-white-shark"), (0, "../x", "0-x"), (7, "猫", "7")],
    )
    def test_a_finding_has_a_safe_name(self, index, name, wanted):
        assert finding_id(index, name) == wanted


class TestProposals:
    def image(self, **changes) -> ImageAudit:
        return ImageAudit(
            id="a", path="a", status="ok", reason=None, label=None, sha256=None,
            prediction=None, similarity=None, **changes,
        )  # fmt: skip

    def test_nothing_is_proposed_without_a_map(self):
        assert proposals([self.image(), self.image()]) == {}

    def test_facts_that_do_not_differ_are_left_out(self, model, tmp_path):
        photos = write_scenes(tmp_path / "photos", 1)
        save_png(photos / "red" / "wide.png", torch.rand(3, 24, 48))
        facts = file_facts(read(model, photos).good)
        assert set(facts) == {"file width", "aspect ratio", "bytes per pixel"}
        assert sorted(facts["aspect ratio"].tolist()) == [1, 1, 1, 1, 2]


class TestOutcome:
    def run(self, findings=(), audit=None, incomplete=(), fail_on="high", n_classes=4) -> Run:
        summary = summarise(findings, audit, n_classes=n_classes, incomplete=incomplete)
        run = Run(
            command="audit",
            status="incomplete" if incomplete else "complete",
            tool={},
            model=loaded(Counting(shortcut=True)).record("penultimate", (5,)),
            config={},
            images=(),
            skipped=(),
            summary=summary,
            volatile={},
            findings=tuple(findings),
            shortcuts=audit,
        )
        return replace(run, gate=decide(run, Policy(fail_on=fail_on), None, date(2026, 5, 1)))

    @pytest.fixture
    def parts(self, model, tmp_path):
        regions = (Region(0, mark_mask()),)
        found = verdict(
            [
                evidence("patch transfer", 0, 0.9, images=(0,), regions=regions),
                evidence("stamp", 0, 9.0, threshold=3.0),
                evidence("patch transfer", 1, 0.9),
                # three quarters of its threshold: nearly a pair, which makes the first medium
                evidence("stamp", 1, 2.25, threshold=3.0, p_value=0.9),
                NotTested("patch transfer", 2, "1 of its images has a region"),
            ],
            NAMES,
        )
        image_01, classes = planted_scenes(2)
        scene = Scene(model, image_01, tuple("abcdefgh"), classes, classes)
        findings = tuple(
            finding_record(
                one, show_finding(scene, one, "findings/x"),
                margin=None, ids=scene.ids, paths=list("abcdefgh"), drawn=(),
            )
            for one in found.findings
        )  # fmt: skip
        photos = write_scenes(tmp_path / "photos", {"yellow": 2, "red": 2, "green": 1})
        labelled = label_images(model, read(model, photos).good)
        tested = suite.Tested(found, {0: 1.0, 1: 0.0}, 4)
        return findings, coverage_record(tested, Covered(NAMES, labelled, {}, 0))

    def test_a_high_finding_fails(self, parts):
        run = self.run(*parts)
        assert outcome_of(run) == run.gate.outcome == "fail"
        assert outcome_line(run) == (
            "fail: 1 high finding (yellow), 1 medium finding (red), 2 of 3 classes tested, "
            "not cleared: green, 1 class of the network has no images"
        )

    def test_a_medium_one_only_where_that_is_wanted(self, parts):
        (_, medium), audit = parts
        assert outcome_of(self.run([medium], audit)) == "pass"
        assert outcome_of(self.run([medium], audit, fail_on="medium")) == "fail"
        line = outcome_line(self.run([medium], audit))
        assert line.startswith("pass: no high finding, 1 medium finding (red), 2 of 3 classes")

    def test_never_fails_when_that_is_wanted(self, parts):
        run = self.run(*parts, fail_on="never")
        assert outcome_of(run) == "pass"
        assert outcome_line(run).startswith("pass: 1 high finding (yellow)")

    def test_nothing_found(self, parts):
        line = outcome_line(self.run((), parts[1], n_classes=3))
        assert line == "pass: no finding, 2 of 3 classes tested, not cleared: green"

    def test_an_incomplete_audit_is_neither(self, parts):
        run = self.run(*parts, incomplete=["3 of 9 images are not usable"])
        assert outcome_of(run) == "incomplete"
        assert outcome_line(run).startswith("incomplete: 3 of 9 images are not usable, 1 high")
        assert outcome_line(self.run(incomplete=["the run was interrupted"])) == (
            "incomplete: the run was interrupted"
        )


class TestSettings:
    def test_policies(self, tmp_path):
        quick, standard, thorough = (extent(name) for name in ("quick", "standard", "thorough"))
        assert extent_settings(quick)[0].n_steps < extent_settings(standard)[0].n_steps
        assert extent_settings(thorough, steps=7)[0].n_steps == 7
        assert thorough.inverted is thorough.inverted_per_class is thorough.classes_drawn is None
        assert quick.inverted_per_class < standard.inverted_per_class
        assert (quick.trust, standard.trust, thorough.trust) == (False, True, True)
        assert (quick.anomaly, standard.anomaly, thorough.anomaly) == (False, False, True)
        with pytest.raises(UsageError, match="preset is 'slow'; use quick, standard, thorough"):
            extent("slow")

    def test_settings_that_are_refused(self, tmp_path):
        card = write_counting_card(tmp_path)
        with pytest.raises(UsageError, match="--max-images is 1; use at least 2"):
            audit_settings(tmp_path / "photos", card, max_images=1)


def test_a_record_without_a_verdict_is_no_pass(tmp_path):
    run = replace(TestOutcome().run(), gate=None)
    assert outcome_of(run) == "incomplete"
    assert outcome_line(run) == "incomplete: the record holds no verdict"
