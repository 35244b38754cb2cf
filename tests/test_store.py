"""The run folder: what is refused, what survives, and that nothing half-written is ever read."""

import dataclasses
import errno
import hashlib
import json
import os
from pathlib import Path

import audited
import jsonschema
import measured
import pytest

import macoaudit
from macoaudit.errors import StoreError
from macoaudit.files import write_bytes
from macoaudit.results import (
    ClassConcepts,
    ClassCoverage,
    ClassDrivers,
    ConceptCrop,
    ConceptImage,
    ConceptPlace,
    ConceptRecord,
    DeletionPoint,
    DepthPoint,
    DrivingChannel,
    Exemplar,
    Faithfulness,
    Finding,
    FindingRegion,
    FrameAnswers,
    ImageAudit,
    Inversion,
    ModelRecord,
    Morph,
    MorphClass,
    MorphTrack,
    NaturalNeighbour,
    NaturalNeighbours,
    NullRecord,
    PastedExample,
    PicturePlausibility,
    Plausibility,
    Prediction,
    Retained,
    Retention,
    Run,
    SeedPlausibility,
    ShortcutAudit,
    ShortcutTest,
    Skipped,
    TargetTerm,
    TargetTransfer,
    Transfer,
    TrustCheck,
    Visualization,
    concepts_from_json,
    concepts_to_json,
    from_json,
    shortcuts_from_json,
    shortcuts_to_json,
    to_json,
    visualizations_from_json,
    visualizations_to_json,
)
from macoaudit.shortcuts.records import KINDS as shortcut_kinds
from macoaudit.store import RunFolder, digest_json, read_results

KEY, OTHER = digest_json("this run"), digest_json("another run")
UNIT = digest_json({"image": 1, "seed": 2})
SCHEMA = json.loads((Path(macoaudit.__file__).parent / "data/results.schema.json").read_text())


def example_visualizations() -> tuple[Visualization, ...]:
    term = TargetTerm(1.0, "logit", "logits", 2, None, None, "dot", None, "cat (logit 2)")
    other = TargetTerm(-0.5, "direction", "conv", 0, (1, 2), "cls", "cosine", "1" * 64, "probe")
    drawn = Visualization(
        id="logit-2",
        name="cat (logit 2)",
        terms=(term,),
        method="maco",
        seed=3,
        status="ok",
        reason=None,
        score=8.5,
        start_score=-0.5,
        image_score=None,
        similarity=None,
        prediction=Prediction(2, "cat", 0.9),
        n_starts=1,
        n_steps=64,
        converged=False,
        transfer=(TargetTransfer("judge", True, True, 1, 3, 0.75, 0.25),),
        plausibility=PicturePlausibility("judge penultimate", 3, 40, 0.75, 0.125, 9.5),
        exemplars=NaturalNeighbours(
            "demo penultimate",
            (
                NaturalNeighbour("cat/1.jpg", "cat", "folder", True, 0.9, "exemplars/1.png"),
                NaturalNeighbour("2.jpg", "dog", "network", False, 0.8, "exemplars/2.png"),
                NaturalNeighbour("3.jpg", None, None, None, 0.7, "exemplars/3.png"),
            ),
        ),
        files={k: f"images/logit-2/{k}-3.png" for k in ("image", "transparency", "masked")},
    )
    dead = dataclasses.replace(
        drawn,
        terms=(term, other),
        status="dead",
        reason="zero gradient",
        image_score=1.5,
        similarity=0.5,
        prediction=None,
        transfer=(),
        plausibility=Skipped("plausibility", "too few"),
        exemplars=None,
        skipped=(Skipped("transfer", "judge x is not finite"),),
        files={},
    )
    failed = dataclasses.replace(dead, status="failed", score=None, start_score=None)
    return drawn, dead, failed


def example_run() -> Run:
    prediction = Prediction(2, "cat", 0.75)
    inversion = Inversion(7, 0.9, 0.1, prediction, 64, False, {"image": "images/a/inversion-7.png"})
    transfer = (
        Transfer("judge", "class", 7, True, True, 1, 3, 0.5, 0.25, 2),
        Transfer("other", "prototype", 7, False, True, 2, 5, None, None, 1),
    )
    good = ImageAudit(
        id="a",
        path="cats/ä.png",
        status="ok",
        reason=None,
        label="cats",
        sha256="0" * 64,
        prediction=prediction,
        similarity=0.9,
        inversions=(inversion,),
        transfer=transfer,
        plausibility=Skipped("plausibility", "no --reference folder"),
        depth=measured.depth(),
        other_class=(measured.exemplar(name=None),),
        skipped=(Skipped("exemplars", "one image only"),),
        files={"reference": "images/a/reference.png"},
    )
    full = dataclasses.replace(
        good,
        id="c",
        retention=measured.retention("c"),
        plausibility=measured.plausibility((7,)),
        inversions=(dataclasses.replace(inversion, exemplars=(measured.exemplar(),)),),
    )
    unproven = dataclasses.replace(measured.retention(), faithfulness=Skipped("faithfulness", "x"))
    bad = ImageAudit("b", "b.png", "skipped", "is truncated", None, None, None, None)
    model = ModelRecord(
        name="demo",
        architecture="test_vit",
        weights_sha256="f" * 64,
        weights_origin="packaged",
        layer="penultimate",
        activation_shape=(64,),
        input_size=(3, 48, 48),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        crop_pct=0.9,
        interpolation="bicubic",
        num_classes=3,
    )
    return Run(
        command="invert",
        status="complete",
        tool={"name": "macoaudit", "version": "0.1.0"},
        model=model,
        config={"steps": 64},
        images=(good, bad, full, dataclasses.replace(full, retention=unproven)),
        skipped=(Skipped("transfer", "no judge"),),
        summary={"n_images": 2, "n_ok": 1},
        volatile={"wall_s": 1.5},
        trust=measured.trust(),
        visualizations=example_visualizations(),
        drivers=(
            ClassDrivers(
                2,
                "cat",
                "penultimate",
                1,
                8.5,
                -0.25,
                64,
                (DrivingChannel(5, -0.5, -2.0, 1.0, 0.25, "channel-5"),),
            ),
        ),
        concepts=(measured.concepts(),),
        findings=audited.findings(),
        tests=audited.tests(),
        shortcuts=audited.audit(),
    )


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder.open(tmp_path / "run", run_key=KEY)


def names(path: Path) -> set[str]:
    return {entry.relative_to(path).as_posix() for entry in path.rglob("*") if entry.is_file()}


class TestDigest:
    def test_by_hand(self):
        text = '{"a":[1,0.5,null],"b":"\\u00e4"}'
        assert (
            digest_json({"b": "ä", "a": (1, 0.5, None)})
            == hashlib.sha256(text.encode()).hexdigest()
        )

    @pytest.mark.parametrize("value", [float("nan"), {"x": [float("inf")]}, {1, 2}, Path("a")])
    def test_what_is_no_json_is_refused(self, value):
        with pytest.raises(StoreError, match="cannot be written as JSON"):
            digest_json(value)


class TestOpening:
    def test_the_marker_is_there_first(self, folder):
        assert names(folder.path) == {"run.json"}
        assert json.loads((folder.path / "run.json").read_text())["run_key"] == KEY

    def test_the_same_run_is_resumed(self, folder):
        folder.write(UNIT, {"score": 1}, {})
        again = RunFolder.open(folder.path, run_key=KEY)
        assert again.read(UNIT) == {"score": 1}

    def test_another_run_is_refused_and_kept(self, folder):
        folder.write(UNIT, {"score": 1}, {})
        with pytest.raises(StoreError, match=r"holds another run.*--no-resume to replace"):
            RunFolder.open(folder.path, run_key=OTHER)
        assert folder.has(UNIT)

    @pytest.mark.parametrize("key", [KEY, OTHER])
    def test_no_resume_replaces_a_run_and_nothing_else(self, folder, key):
        folder.write(UNIT, {"score": 1}, {"images/a/x.png": b"x"})
        folder.write_results(example_run())
        (folder.path / "notes.txt").write_text("mine")
        again = RunFolder.open(folder.path, run_key=key, resume=False)
        assert names(folder.path) == {"run.json", "notes.txt"}
        assert json.loads((folder.path / "run.json").read_text())["run_key"] == key
        assert not again.has(UNIT)

    def test_a_linked_folder_is_unlinked_not_emptied(self, folder, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "keep.png").write_bytes(b"x")
        (folder.path / "images").symlink_to(tmp_path / "elsewhere")
        RunFolder.open(folder.path, run_key=KEY, resume=False)
        assert (tmp_path / "elsewhere" / "keep.png").exists()
        assert not (folder.path / "images").exists()

    @pytest.mark.parametrize("resume", [True, False])
    def test_files_that_are_no_run_are_refused_and_kept(self, tmp_path, resume):
        (tmp_path / "thesis.tex").write_text("x")
        with pytest.raises(StoreError, match=r"not a run of macoaudit \(thesis.tex\)"):
            RunFolder.open(tmp_path, run_key=KEY, resume=resume)
        (tmp_path / "run.json").write_text('{"run_key": 3}')
        with pytest.raises(StoreError, match="is not one that macoaudit wrote"):
            RunFolder.open(tmp_path, run_key=KEY, resume=resume)
        assert names(tmp_path) == {"thesis.tex", "run.json"}

    def test_a_file_and_a_path_under_a_file_are_refused(self, tmp_path):
        (tmp_path / "file").write_text("x")
        with pytest.raises(StoreError, match=r"is a file. Give a folder"):
            RunFolder.open(tmp_path / "file", run_key=KEY)
        with pytest.raises(StoreError, match=r"cannot be written .*--out"):
            RunFolder.open(tmp_path / "file" / "run", run_key=KEY)

    def test_what_a_killed_run_left_is_removed(self, folder):
        (folder.path / "images" / "a").mkdir(parents=True)
        (folder.path / "images" / "a" / ".macoaudit-abc").write_bytes(b"half")
        (folder.path / ".macoaudit-def").write_bytes(b"half")
        RunFolder.open(folder.path, run_key=KEY)
        assert names(folder.path) == {"run.json"}


class TestUnits:
    PAYLOAD = {"score": 0.1 + 0.2, "list": [1, None, True], "name": "ä"}  # noqa: RUF012
    FILES = {"images/a/x.png": b"pixels", "images/a/y.png": b"more"}  # noqa: RUF012

    def test_come_back_exactly(self, folder):
        assert folder.read(UNIT) is None
        folder.write(UNIT, self.PAYLOAD, self.FILES)
        assert folder.read(UNIT) == self.PAYLOAD
        assert (folder.path / "images/a/y.png").read_bytes() == b"more"
        assert folder.unit_keys() == (UNIT,)

    @pytest.mark.parametrize("position", [0.0, 0.3, 0.6, 0.95])
    def test_one_changed_byte_anywhere_makes_them_unfinished(self, folder, position):
        folder.write(UNIT, self.PAYLOAD, self.FILES)
        path = folder.path / "units" / f"{UNIT}.json"
        content = bytearray(path.read_bytes())
        content[int(position * len(content))] ^= 1
        path.write_bytes(content)
        assert not folder.has(UNIT)

    def test_cut_off_missing_or_another_picture(self, folder):
        path = folder.path / "units" / f"{UNIT}.json"
        picture = folder.path / "images/a/x.png"
        damages = (
            lambda: path.write_bytes(path.read_bytes()[:-9]),
            lambda: path.write_bytes(b"[]"),
            lambda: picture.unlink(),
            lambda: picture.write_bytes(b"pixelz"),
        )
        for damage in damages:
            folder.write(UNIT, self.PAYLOAD, self.FILES)
            assert folder.has(UNIT)
            damage()
            assert folder.read(UNIT) is None

    def test_a_unit_under_another_name_is_not_taken(self, folder):
        folder.write(UNIT, self.PAYLOAD, {})
        (folder.path / "units" / f"{UNIT}.json").rename(folder.path / "units" / f"{OTHER}.json")
        assert folder.read(OTHER) is None

    @pytest.mark.parametrize("name", ["../x.png", "/x.png", "a/../../x.png", ""])
    def test_nothing_is_written_outside(self, folder, name):
        with pytest.raises(StoreError, match="not a path inside the run folder"):
            folder.write(UNIT, {}, {name: b"x"})
        assert not folder.has(UNIT)

    def test_a_link_does_not_lead_outside(self, folder, tmp_path):
        (folder.path / "images").symlink_to(tmp_path)
        with pytest.raises(StoreError, match="leads out of the run folder"):
            folder.write(UNIT, {}, {"images/x.png": b"x"})
        assert not (tmp_path / "x.png").exists()

    def test_keys_are_digests(self, folder):
        with pytest.raises(StoreError, match="is not a digest"):
            folder.write("../x", {}, {})

    def test_a_number_that_is_not_finite_is_refused_before_anything_is_written(self, folder):
        with pytest.raises(StoreError, match="finite"):
            folder.write(UNIT, {"score": float("nan")}, self.FILES)
        assert names(folder.path) == {"run.json"}


class TestFailingDisk:
    @pytest.mark.parametrize(
        ("number", "message"),
        [(errno.ENOSPC, "disk is full: free space"), (errno.EACCES, "--out, or make this one")],
    )
    def test_names_the_path_and_leaves_no_half_file(self, folder, monkeypatch, number, message):
        folder.write(UNIT, {"score": 1}, {})

        def fail(_handle):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(StoreError, match=rf"{OTHER}\.json: cannot be written .*{message}"):
            folder.write(OTHER, {"score": 2}, {})
        with pytest.raises(StoreError, match=r"results.json"):
            folder.write_results(example_run())
        monkeypatch.undo()
        assert names(folder.path) == {"run.json", f"units/{UNIT}.json"}
        assert folder.has(UNIT)

    def test_an_old_file_stays_whole_when_the_new_one_fails(self, tmp_path, monkeypatch):
        write_bytes(tmp_path / "a", b"old")

        def fail(*_args):
            raise OSError(errno.EIO, "broken")

        monkeypatch.setattr(Path, "replace", fail)
        with pytest.raises(StoreError, match="broken"):
            write_bytes(tmp_path / "a", b"new")
        assert (tmp_path / "a").read_bytes() == b"old"
        assert names(tmp_path) == {"a"}

    def test_files_are_as_readable_as_any_other(self, tmp_path):
        write_bytes(tmp_path / "a", b"")
        (tmp_path / "b").write_bytes(b"")
        assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


class TestResults:
    def test_come_back_equal_from_the_folder_and_the_file(self, folder):
        path = folder.write_results(example_run())
        for place in (folder.path, path):
            assert to_json(read_results(place)) == to_json(example_run())

    def test_every_record_comes_back_as_it_was(self):
        run = example_run()
        assert from_json(json.loads(json.dumps(to_json(run)))) == run

    def test_visualisations_come_back_alone(self):
        documents = visualizations_to_json(example_visualizations())
        assert visualizations_from_json(json.loads(json.dumps(documents))) == (
            example_visualizations()
        )
        del documents[0]["score"]
        with pytest.raises(StoreError, match="a visualisation does not fit schema version 1"):
            visualizations_from_json(documents)

    def test_concepts_come_back_alone(self):
        document = concepts_to_json(measured.concepts())
        assert concepts_from_json(json.loads(json.dumps(document))) == measured.concepts()
        document["concepts"][0]["effect"] = "large"
        with pytest.raises(StoreError, match="the concepts do not fit schema version 1"):
            concepts_from_json(document)

    def test_what_was_found_of_shortcuts_comes_back_alone(self):
        found = audited.findings(), audited.tests(), audited.audit()
        document = json.loads(json.dumps(shortcuts_to_json(*found)))
        assert set(document) == {"findings", "tests", "shortcuts"}
        assert shortcuts_from_json(document) == found
        assert shortcuts_from_json(shortcuts_to_json((), (), None)) == ((), (), None)
        document["findings"][0]["severity"] = "spurious"
        with pytest.raises(StoreError, match="the shortcuts do not fit schema version 1"):
            shortcuts_from_json(document)
        del document["findings"]
        with pytest.raises(StoreError, match="the shortcuts do not fit schema version 1"):
            shortcuts_from_json(document)
        with pytest.raises(StoreError, match="the shortcuts do not fit schema version 1"):
            shortcuts_from_json([])

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_an_effect_that_is_not_finite_is_refused(self, folder, value):
        first, *rest = audited.tests()
        spoilt = dataclasses.replace(first, details={"necessity": value})
        for tests in ((dataclasses.replace(first, effect=value), *rest), (spoilt, *rest)):
            with pytest.raises(StoreError, match="finite"):
                folder.write_results(dataclasses.replace(example_run(), tests=tests))

    def test_the_text_is_in_one_form(self, folder):
        text = folder.write_results(example_run()).read_text()
        document = json.loads(text)
        assert text == json.dumps(document, sort_keys=True, indent=2) + "\n"

    def test_a_number_that_is_not_finite_is_refused(self, folder):
        run = dataclasses.replace(example_run(), summary={"mean": float("nan")})
        with pytest.raises(StoreError, match="finite"):
            folder.write_results(run)
        assert names(folder.path) == {"run.json"}

    def test_what_cannot_be_read_says_why(self, folder):
        with pytest.raises(StoreError, match=r"there is no results\.json"):
            read_results(folder.path)
        path = folder.write_results(example_run())
        good = path.read_text()
        for text, message in (
            (good[:-40], "truncated or was edited"),
            (good.replace("0.75", "NaN"), "a number is NaN"),
            (good.replace('"schema_version": 1', '"schema_version": 2'), "schema_version is 2"),
            (good.replace('"rank"', '"rnk"'), "does not fit schema version 1"),
            (good.replace('"num_classes"', '"n_classes"'), "does not fit schema version 1"),
            (
                good.replace('"skipped": "no --ref', '"more": 1, "skipped": "no --ref'),
                "does not fit schema version 1",
            ),
            ("[1]", "not a record of macoaudit"),
        ):
            assert text != good
            path.write_text(text)
            with pytest.raises(StoreError, match=message):
                read_results(path)


class TestSchema:
    def errors(self, document) -> list[str]:
        validator = jsonschema.Draft202012Validator(SCHEMA)
        return [error.json_path for error in validator.iter_errors(document)]

    def test_is_a_schema_and_fits_what_is_written(self, folder):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        path = folder.write_results(example_run())
        assert self.errors(json.loads(path.read_text())) == []

    @pytest.mark.parametrize(
        ("record", "definition"),
        [
            (Run, SCHEMA),
            (ImageAudit, SCHEMA["$defs"]["image"]),
            (Inversion, SCHEMA["$defs"]["inversion"]),
            (Transfer, SCHEMA["$defs"]["transfer"]),
            (Prediction, SCHEMA["$defs"]["prediction"]),
            (ModelRecord, SCHEMA["$defs"]["model"]),
            (Skipped, SCHEMA["$defs"]["skipped"]),
            (Retained, SCHEMA["$defs"]["retained"]),
            (DeletionPoint, SCHEMA["$defs"]["deletion_point"]),
            (Faithfulness, SCHEMA["$defs"]["faithfulness"]),
            (Retention, SCHEMA["$defs"]["retention"]),
            (DepthPoint, SCHEMA["$defs"]["depth_point"]),
            (SeedPlausibility, SCHEMA["$defs"]["seed_plausibility"]),
            (Plausibility, SCHEMA["$defs"]["plausibility"]),
            (Exemplar, SCHEMA["$defs"]["exemplar"]),
            (TrustCheck, SCHEMA["$defs"]["trust_check"]),
            (TargetTerm, SCHEMA["$defs"]["target_term"]),
            (TargetTransfer, SCHEMA["$defs"]["target_transfer"]),
            (Visualization, SCHEMA["$defs"]["visualization"]),
            (ClassDrivers, SCHEMA["$defs"]["class_drivers"]),
            (DrivingChannel, SCHEMA["$defs"]["driving_channel"]),
            (PicturePlausibility, SCHEMA["$defs"]["picture_plausibility"]),
            (NaturalNeighbour, SCHEMA["$defs"]["natural_neighbour"]),
            (NaturalNeighbours, SCHEMA["$defs"]["natural_neighbours"]),
            (ClassConcepts, SCHEMA["$defs"]["class_concepts"]),
            (ConceptRecord, SCHEMA["$defs"]["concept"]),
            (ConceptImage, SCHEMA["$defs"]["concept_image"]),
            (ConceptCrop, SCHEMA["$defs"]["concept_crop"]),
            (ConceptPlace, SCHEMA["$defs"]["concept_place"]),
            (Finding, SCHEMA["$defs"]["finding"]),
            (FindingRegion, SCHEMA["$defs"]["finding_region"]),
            (PastedExample, SCHEMA["$defs"]["pasted_example"]),
            (ShortcutTest, SCHEMA["$defs"]["shortcut_test"]),
            (NullRecord, SCHEMA["$defs"]["null_distribution"]),
            (ShortcutAudit, SCHEMA["$defs"]["shortcut_audit"]),
            (ClassCoverage, SCHEMA["$defs"]["class_coverage"]),
            (Morph, SCHEMA["$defs"]["morph"]),
            (MorphClass, SCHEMA["$defs"]["morph_class"]),
            (MorphTrack, SCHEMA["$defs"]["morph_track"]),
            (FrameAnswers, SCHEMA["$defs"]["frame_answers"]),
        ],
    )
    def test_has_every_field_of_every_record(self, record, definition):
        fields = {field.name for field in dataclasses.fields(record)}
        extra = {"schema_version"} if record is Run else set()
        assert set(definition["properties"]) == set(definition["required"]) == fields | extra
        assert definition["additionalProperties"] is False

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("schema_version",), 2),
            (("status",), "done"),
            (("more",), 1),
            (("model", "weights_sha256"), "abc"),
            (("model", "input_size"), [3, 48]),
            (("images", 0, "similarity"), "0.9"),
            (("images", 0, "inversions", 0, "similarity"), 1.5),
            (("images", 0, "inversions", 0, "files", "image"), "/etc/passwd"),
            (("images", 0, "files", "reference"), "a/../../b.png"),
            (("images", 0, "transfer", 0, "rank"), 0),
            (("images", 0, "reason"), "but it is ok"),
            (("images", 1, "reason"), None),
            (("images", 2, "retention", "attributes", "color", "value"), 1.2),
            (("images", 2, "retention", "faithfulness", "n_moves"), 0),
            (("images", 2, "plausibility", "percentile"), -0.1),
            (("images", 2, "transfer", 0, "method"), "guess"),
            (("trust", 0, "outcome"), "fine"),
            (("drivers", 0, "channels", 0, "share"), 1.5),
            (("drivers", 0, "channels", 0, "contribution"), 0),
            (("visualizations", 0, "status"), "grey"),
            (("visualizations", 0, "reason"), "but it is ok"),
            (("visualizations", 0, "score"), None),
            (("visualizations", 0, "files"), {}),
            (("visualizations", 0, "terms"), []),
            (("visualizations", 0, "transfer", 0, "rank"), 0),
            (("visualizations", 0, "plausibility", "percentile"), 1.5),
            (("visualizations", 0, "exemplars", "images"), []),
            (("visualizations", 0, "exemplars", "images", 0, "named_by"), "guess"),
            (("visualizations", 0, "exemplars", "images", 0, "file"), "/etc/passwd"),
            (("visualizations", 1, "reason"), None),
            (("visualizations", 1, "files"), {"image": "images/x.png"}),
            (("visualizations", 1, "terms", 1, "place"), [1]),
            (("concepts", 0, "non_negative"), "shifted"),
            (("concepts", 0, "images"), []),
            (("concepts", 0, "images", 0, "chosen_by"), "taste"),
            (("concepts", 0, "files"), {}),
            (("concepts", 0, "concepts", 0, "importance"), -0.5),
            (("concepts", 0, "concepts", 0, "rank"), 0),
            (("concepts", 0, "concepts", 0, "places", 0, "strength"), 1.5),
            (("concepts", 0, "concepts", 0, "places", 0, "centre_frac"), [0.5]),
            (("concepts", 0, "concepts", 0, "crops", 0, "files"), {"crop": "/etc/passwd"}),
            (("findings", 0, "severity"), "spurious"),
            (("findings", 0, "id"), ""),
            (("findings", 0, "tests"), []),
            (("findings", 0, "seen"), ""),
            (("findings", 0, "margin"), None),
            (("findings", 0, "regions", 0, "box_px"), [1, 2, 3]),
            (("findings", 0, "regions", 0, "box_px"), [1, 2, 3, 0]),
            (("findings", 0, "regions", 0, "files"), {"overlay": "a.png"}),
            (("findings", 0, "examples", 0, "after_probability"), 1.5),
            (("findings", 0, "examples", 0, "files", "after"), "../a.png"),
            (("tests", 0, "test"), "guess"),
            (("tests", 0, "kind"), "causes"),
            (("tests", 0, "effect"), None),
            (("tests", 0, "threshold"), None),
            (("tests", 0, "reason"), "but it was made"),
            (("tests", 0, "p_value"), 1.5),
            (("tests", 0, "null", "sd"), -0.5),
            (("tests", 0, "null", "n"), 0),
            (("tests", -1, "reason"), None),
            (("tests", -1, "effect"), 0.5),
            (("tests", -1, "p_value"), 0.5),
            (("shortcuts", "labels_from"), "taste"),
            (("shortcuts", "level"), 1),
            (("shortcuts", "classes", 0, "margin"), None),
            (("shortcuts", "classes", 5, "margin"), 0.5),
            (("shortcuts", "classes", 0, "n_images"), -1),
        ],
    )
    def test_refuses_what_is_wrong(self, path, value):
        document = json.loads(json.dumps(to_json(example_run())))
        place = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        assert len(self.errors(document)) > 0


def test_the_schema_knows_every_test_of_shortcuts():
    tests = SCHEMA["$defs"]["shortcut_test"]["properties"]["test"]["enum"]
    assert sorted(tests) == sorted(shortcut_kinds)
