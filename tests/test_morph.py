"""``macoaudit morph`` from the command line to the run folder."""

import io
import json
from dataclasses import fields, replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from networks import write_card, write_flat, write_photo
from PIL import Image, ImageSequence

import macoaudit
from macoaudit.cli.main import run
from macoaudit.errors import OptimizationError
from macoaudit.images import preprocess, read_image
from macoaudit.lens import LensConfig, steerable_lens
from macoaudit.models import load_model
from macoaudit.morph_config import MorphConfig
from macoaudit.morphing import Reading, confusions, each_targets, moving, read_logits
from macoaudit.morphing.frames import shown_frames
from macoaudit.morphing.network import Sighted
from macoaudit.morphing.pictures import (
    animation_bytes,
    difference,
    difference_scale,
    enlarged,
    heat,
)
from macoaudit.morphing.setup import lens_settings
from macoaudit.morphing.summing import summarise
from macoaudit.results import to_json
from macoaudit.store import read_results

SCHEMA = json.loads((Path(macoaudit.__file__).parent / "data/results.schema.json").read_text())
LABELS = ("tench", "tiger cat", "<script>alert(1)</script>", "crane, bird")
STEPS = 3


def write_desk(folder: Path) -> None:
    (folder / "names.txt").write_text("\n".join(LABELS) + "\n")
    for name, seed in (("net", 0), ("judge", 1)):
        write_card(folder, name=name, extra='labels = "names.txt"', seed=seed)
    card = (folder / "judge.toml").read_text()
    (folder / "judge.toml").write_text(card.replace("[3, 32, 32]", "[3, 40, 36]"))
    write_card(folder, name="foreign", seed=2)
    for number in range(3):
        write_photo(folder / "photos" / f"{number}.png", seed=number)
    (folder / "photos" / "<b>broken.png").write_bytes(b"no picture")


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A working folder: a network, a judge of another input size, one of other classes, images."""
    monkeypatch.chdir(tmp_path)
    write_desk(tmp_path)
    return tmp_path


def command(*more: str) -> list[str]:
    """A short run; later options win over the first ones."""
    base = ["morph", "photos", "--model", "net.toml", "--out", "run", "--format", "none"]
    return [*base, "--device", "cpu", "--judge", "judge.toml", "--batch-size", "2", *more]


def live(*more: str) -> list[str]:
    return command("--steps", str(STEPS), *more)


def record(out: str = "run") -> dict:
    """The record on disk: it fits the schema and reads back as what it is."""
    document = json.loads((Path(out) / "results.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert to_json(read_results(Path(out))) == document
    return document


def stable(out: str = "run") -> dict:
    document = record(out)
    del document["volatile"]
    return document


def files(out: str = "run") -> dict[str, bytes]:
    found = sorted(Path(out).rglob("*.png"))
    return {str(path.relative_to(out)): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One run with a judge of the same classes, one of others, and its folder."""
    folder = tmp_path_factory.mktemp("morphs")
    write_desk(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(live("--judge", "foreign.toml", "--format", "html")) == 0
        return record(), folder


class TestTargets:
    def test_first_and_second_class_by_hand(self):
        logits = torch.tensor([1.0, 3.0, 2.0, -1.0])
        odds = np.exp([1.0, 3.0, 2.0, -1.0])
        odds /= odds.sum()
        found = read_logits(logits, None)
        assert (found.first, found.source, found.second) == (1, 1, 2)
        assert found.second_prob == pytest.approx(odds[2], rel=1e-12)
        away = read_logits(logits, 0)  # from a class that is not the first
        assert (away.first, away.source, away.second) == (1, 0, 1)
        assert away.second_prob == pytest.approx(odds[1], rel=1e-12)

    # Class 0: three images, second 1 (.3), 1 (.2), 2 (.4); class 1: one image, second 0 (.5);
    # class 3: two images, second 2 and 1 with equal weight.
    TABLE = (
        Reading(0, 0, 1, 0.3),
        Reading(0, 0, 2, 0.4),
        Reading(1, 1, 0, 0.5),
        Reading(0, 0, 1, 0.2),
        Reading(3, 3, 2, 0.1),
        Reading(3, 3, 1, 0.1),
    )

    def test_confusions_are_weighted_by_the_second_probability(self):
        pairs = [(p.source, p.target, p.n_images) for p in confusions(self.TABLE)]
        assert pairs == [(0, 1, 2), (1, 0, 1), (0, 2, 1), (3, 1, 1), (3, 2, 1)]
        assert confusions(self.TABLE)[0].weight == pytest.approx(0.5)

    def test_the_order_of_the_images_does_not_matter(self):
        assert confusions(self.TABLE[::-1]) == confusions(self.TABLE)

    @pytest.mark.parametrize(
        ("top_k", "targets"),
        [
            (1, [(1,), (1,), (0,), (1,), (1,), (1,)]),
            (5, [(1, 2), (1, 2), (0,), (1, 2), (1, 2), (1, 2)]),
        ],
    )
    def test_each_image_goes_to_the_confusions_of_its_class(self, top_k, targets):
        assert each_targets(self.TABLE, confusions(self.TABLE), top_k) == targets


class TestFrames:
    def test_are_evenly_spaced_by_distance_with_the_key_frame_and_the_last(self):
        amounts = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        distances = [0.0, 0.1, 0.2, 0.3, 2.0, 4.1, 6.0]
        assert shown_frames(amounts, distances, 1, 4) == (1, 4, 5, 6)
        assert shown_frames(amounts, distances, 6, 3) == (4, 5, 6)
        assert shown_frames(amounts, distances, 2, 2) == (2, 6)
        assert shown_frames(amounts, distances, 2, 1) == (6,)

    def test_all_are_shown_where_there_is_room_and_never_the_source(self):
        assert shown_frames([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], 1, 7) == (1, 2)

    def test_budgets_stand_where_their_amounts_do(self):
        assert shown_frames([0.0, 4.0, 2.0], [0.0, 4.0, 2.0], 1, 7) == (2, 1)

    def test_an_edit_that_goes_nowhere_still_has_a_frame(self):
        assert shown_frames([0.0, 0.0], [0.0, 0.0], 1, 7) == (1,)


def gray(value: float, side: int = 40) -> torch.Tensor:
    return torch.full((3, side, side), value)


class TestPictures:
    def test_the_animation_holds_the_frames_pixel_by_pixel_there_and_back(self):
        generator = torch.Generator().manual_seed(0)
        frames = [torch.rand(3, 24, 30, generator=generator) for _ in range(4)]
        content = animation_bytes(frames)
        assert content == animation_bytes(frames)
        with Image.open(io.BytesIO(content)) as opened:
            assert opened.is_animated
            assert opened.info["loop"] == 0  # without end
            seen = [np.array(one.convert("RGB")) for one in ImageSequence.Iterator(opened)]
        factor = 256 // 30
        wanted = [
            (one * 255).round().byte().permute(1, 2, 0).numpy().repeat(factor, 0).repeat(factor, 1)
            for one in frames
        ]
        assert len(seen) == 6
        for place, frame in zip((0, 1, 2, 3, 2, 1), seen, strict=True):
            np.testing.assert_array_equal(frame, wanted[place])

    def test_small_pictures_are_enlarged_by_repeating_pixels(self):
        image = torch.rand(3, 96, 96)
        large = enlarged(image)
        assert large.shape == (3, 192, 192)
        assert torch.equal(large[:, ::2, ::2], image)
        assert torch.equal(large[:, 1::2, 1::2], image)
        assert enlarged(torch.rand(3, 224, 224)).shape == (3, 224, 224)

    def test_a_difference_has_one_symmetric_scale(self):
        change = torch.tensor([[0.0, 0.2], [-0.2, 0.4]])
        picture = difference(change, 0.2)
        assert torch.equal(picture[:, 0, 0], torch.ones(3))  # no change is white
        assert torch.equal(picture[:, 0, 1], picture[:, 1, 1])  # beyond the scale it stays
        assert picture[0, 0, 1] > picture[2, 0, 1]  # brighter is orange
        assert picture[0, 1, 0] < picture[2, 1, 0]  # darker is blue
        assert torch.equal(difference(change, 0.0), torch.ones(3, 2, 2))

    def test_the_scale_is_the_largest_of_all_edits(self):
        quiet, loud = torch.full((9, 9), 0.1), torch.full((9, 9), -0.3)
        assert difference_scale([quiet, loud]) == pytest.approx(0.3)

    def test_the_map_is_orange_where_it_is_largest_and_grey_where_it_is_nothing(self):
        values = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
        picture = heat(gray(0.8, 2), values)
        assert torch.allclose(picture[:, 0, 0], torch.full((3,), 0.8 * 0.55))
        assert picture[0, 0, 1] > picture[1, 0, 1] > picture[2, 0, 1]
        assert torch.allclose(heat(gray(0.8, 2), 0 * values), gray(0.8 * 0.55, 2))


def test_the_commands_defaults_are_the_lenss_own_but_for_the_mode():
    ours, theirs = MorphConfig(images=(), model="m", out=Path("o")), LensConfig()
    lens = lens_settings(ours)
    same = {field.name for field in fields(LensConfig)} - {"mode", "batch_size"}
    assert {name: getattr(lens, name) for name in same} == {
        name: getattr(theirs, name) for name in same
    }
    assert lens.mode == "live"


class TestRun:
    def test_the_runner_up_is_the_second_logit(self, whole):
        document, folder = whole
        model = load_model(str(folder / "net.toml"))
        assert [one["path"] for one in document["images"]] == [
            "0.png", "1.png", "2.png", "<b>broken.png",
        ]  # fmt: skip
        for image, morph in zip(document["images"], document["morphs"], strict=False):
            picture = preprocess(read_image(folder / "photos" / image["path"]), model.preprocessing)
            with torch.no_grad():
                logits = model.module(picture[None])[0]  # mean 0, standard deviation 1
            first, second = logits.argsort(descending=True)[:2].tolist()
            assert morph["image"] == image["id"]
            assert morph["source"] == {"index": first, "name": LABELS[first]}
            assert morph["target"] == {"index": second, "name": LABELS[second]}
            odds = logits.softmax(0)[second].item()
            assert morph["target_prob"] == pytest.approx(odds, abs=1e-6)
            assert morph["tracks"][0]["driver"]["target_prob"][0] == pytest.approx(odds, abs=1e-6)

    def test_the_numbers_are_those_of_the_lens_called_directly(self, whole):
        document, folder = whole
        model, judge = (load_model(str(folder / f"{name}.toml")) for name in ("net", "judge"))
        images = torch.stack(
            [
                preprocess(read_image(folder / "photos" / f"{n}.png"), model.preprocessing)
                for n in range(3)
            ]
        )
        targets = torch.tensor([morph["target"]["index"] for morph in document["morphs"]])

        def sees(images_01):
            return model.module(images_01)

        def judges(images_01):
            size = judge.preprocessing.input_size
            assert size == (40, 36)
            return Sighted(judge)(images_01)

        result = steerable_lens(
            sees,
            images,
            targets,
            config=LensConfig(mode="live", steps=STEPS),
            judges={"judge": judges},
        )
        for member, morph in enumerate(document["morphs"]):
            for track in morph["tracks"]:
                own = result.lens if track["edit"] == "lens" else result.controls[track["edit"]]
                for name in ("amount", "objective", "l2", "linf", "hf_share", "clip_fraction"):
                    wanted = getattr(own, name)[:, member].tolist()
                    assert track[name] == pytest.approx(wanted, rel=1e-3, abs=1e-5), name
                assert track["driver"]["top1"] == own.driver.top1[:, member].tolist()
                (said,) = track["judges"]
                wanted = own.judges["judge"].target_prob[:, member].tolist()
                assert said["target_prob"] == pytest.approx(wanted, rel=1e-3, abs=1e-5)
            shares = result.sensitivity[member] / result.sensitivity[member].sum()
            np.testing.assert_allclose(morph["sensitivity_share"], shares, rtol=1e-3, atol=1e-6)
            assert morph["wavelengths_px"] == pytest.approx(list(result.wavelengths_px))
            assert tuple(morph["flags"]) == result.flags[member]

    def test_strips_are_computed_frames_and_the_animation_shows_them(self, whole):
        document, folder = whole
        for morph in document["morphs"]:
            lens = morph["tracks"][0]
            assert set(morph["shown"]) <= set(range(STEPS + 1)) - {0}
            strip = [morph["files"]["source"], *(lens["files"][str(n)] for n in morph["shown"])]
            pixels = [np.array(Image.open(folder / "run" / name)) for name in strip]
            assert pixels[0].shape == (256, 256, 3)
            for frame, picture in zip(morph["shown"], pixels[1:], strict=True):
                # The distance that is written is the distance of what is shown, but for 8 bits.
                small = picture[::8, ::8].astype(float) - pixels[0][::8, ::8]
                assert np.linalg.norm(small / 255) == pytest.approx(lens["l2"][frame], abs=0.15)
            with Image.open(folder / "run" / morph["files"]["animation"]) as opened:
                seen = [np.array(one.convert("RGB")) for one in ImageSequence.Iterator(opened)]
            for one, other in zip(pixels, seen, strict=False):
                np.testing.assert_array_equal(one, other)
            assert len(seen) == 2 * len(pixels) - 2

    def test_an_unreadable_image_is_recorded(self, whole):
        document, _ = whole
        bad = document["images"][-1]
        assert (bad["status"], bad["path"]) == ("skipped", "<b>broken.png")
        assert bad["reason"]
        assert document["status"] == "complete"  # one of four is tolerated
        assert document["summary"]["n_skipped"] == 1

    def test_a_judge_of_other_classes_is_skipped_with_the_reason(self, whole):
        document, _ = whole
        (skipped,) = document["skipped"]
        assert "foreign" in skipped["reason"]
        assert "classes" in skipped["reason"]
        assert list(document["config"]["judges_used"]) == ["judge"]

    def test_the_page_has_the_numbers_and_no_name_takes_it_over(self, whole):
        document, folder = whole
        page = (folder / "run/report.html").read_text()
        assert "<script>alert(1)" not in page
        assert "<b>broken" not in page
        assert "&lt;b&gt;broken.png" in page
        assert 'alt=""' not in page
        assert page.count("<article") == 3
        for morph in document["morphs"]:
            for track in morph["tracks"]:
                assert f"L2 {track['l2'][morph['shown'][0]]:.2f}" in page
        assert "it is no evidence that the change can be recognised" in page
        assert "Mode: live" in page
        assert "image/webp;base64" in page

    def test_the_summary_counts_what_is_in_the_morphs(self, whole):
        document, folder = whole
        found = read_results(folder / "run")
        flips = document["summary"]["flips"]
        for track in ("lens", "pixel", "random"):
            rows = [t for m in document["morphs"] for t in m["tracks"] if t["edit"] == track]
            values = [row["flip_l2"] for row in rows if row["flip_l2"] is not None]
            assert (flips[track]["n"], flips[track]["of"]) == (len(values), 3)
            median = float(np.median(values)) if values else None
            assert flips[track]["l2_median"] == (
                median if median is None else pytest.approx(median)
            )
        end = document["summary"]["at_last_frame"]["lens"]
        agree = [m["tracks"][0]["judges"][0]["top1"][-1] == m["target"]["index"]
                 for m in document["morphs"]]  # fmt: skip
        assert (end["judges_agree"], end["judges_asked"]) == (sum(agree), 3)
        shares = [m["tracks"][0]["hf_share"][-1] for m in document["morphs"]]
        assert end["hf_share_median"] == pytest.approx(float(np.median(shares)))
        # A morph that was not made counts nowhere.
        first = replace(found.morphs[0], status="failed", tracks=(), reason="gone")
        less = summarise(found.images, (first, *found.morphs[1:]))
        assert (less["n_morphs"], less["n_morphed"], less["flips"]["lens"]["of"]) == (3, 2, 2)


class TestResume:
    def test_no_unit_is_done_twice_and_the_bytes_are_the_same(self, desk, monkeypatch):
        asked = []
        real = moving.run_lens

        def counted(setup, images_01, tasks):
            asked.append(len(tasks))
            return real(setup, images_01, tasks)

        monkeypatch.setattr(moving, "run_lens", counted)
        assert run(live()) == 0
        assert asked == [2, 1]
        before, pictures = stable(), files()
        (desk / "run/results.json").unlink()
        assert run(live()) == 0
        assert asked == [2, 1]
        assert (stable(), files()) == (before, pictures)
        # A unit whose picture is damaged is made again, the other one is not.
        name = before["morphs"][2]["tracks"][1]["files"]["difference"]
        (desk / "run" / name).write_bytes(b"")
        assert run(live()) == 0
        assert asked == [2, 1, 1]
        assert (stable(), files()) == (before, pictures)

    def test_an_interruption_keeps_what_is_finished(self, desk, monkeypatch):
        real, calls = moving.run_lens, []

        def stopped(setup, images_01, tasks):
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return real(setup, images_01, tasks)

        monkeypatch.setattr(moving, "run_lens", stopped)
        assert run(live()) == 130
        document = record()
        assert document["status"] == "incomplete"
        assert len(document["morphs"]) == 2
        assert "1 morphs are not made" in document["skipped"][-1]["reason"]
        assert run(live()) == 0
        assert len(record()["morphs"]) == 3

    def test_other_settings_need_another_folder(self, desk, capsys):
        assert run(live()) == 0
        assert run(live("--seed", "1")) == 2
        assert "holds another run" in capsys.readouterr().err


class TestChoices:
    def test_a_class_by_name_skips_images_that_are_of_it(self, desk):
        assert run(live()) == 0
        seen = {image["prediction"]["index"] for image in record()["images"][:3]}
        target = sorted(seen)[0]
        code = run(live("--target", str(target), "--out", "named"))
        firsts = [image["prediction"]["index"] for image in record()["images"][:3]]
        if len(seen) == 1:
            assert code == 2  # there is nothing to do
            return
        assert code == 0
        for first, morph in zip(firsts, record("named")["morphs"], strict=True):
            assert morph["target"]["index"] == target
            assert morph["status"] == ("skipped" if first == target else "ok")

    def test_each_moves_every_image_to_the_confusions_of_its_class(self, desk):
        assert run(live("--target", "each", "--top-k", "2", "--out", "each")) == 0
        document = record("each")
        readings = []
        model = load_model("net.toml")
        for number in range(3):
            picture = preprocess(read_image(Path(f"photos/{number}.png")), model.preprocessing)
            with torch.no_grad():
                readings.append(read_logits(model.module(picture[None])[0], None))
        wanted = each_targets(readings, confusions(readings), 2)
        found = [
            tuple(m["target"]["index"] for m in document["morphs"] if m["image"] == image["id"])
            for image in document["images"][:3]
        ]
        assert found == wanted
        pairs = document["summary"]["confusions"]
        total = sum(one.second_prob for one in readings)
        assert sum(pair["weight"] for pair in pairs.values()) == pytest.approx(total)

    def test_frozen_mode_with_budgets_attains_them(self, desk, monkeypatch):
        monkeypatch.setattr("macoaudit.lens.warping.STEPS", 5)  # its fit is tested elsewhere
        more = ("--mode", "frozen", "--amplifications", "0,1", "--budget", "0.25", "--warp")
        assert run(command("photos/0.png", *more, "--out", "frozen")) == 0
        for morph in record("frozen")["morphs"]:
            lens = morph["tracks"][0]
            assert lens["amount"][:2] == [0.0, 1.0]
            assert lens["l2"][2] == pytest.approx(0.25, rel=2e-3) or not lens["attained"][2]
            assert lens["warp_energy"] is not None


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--target", "tenhc"), "--target tenhc: net has no such class. Did you mean tench"),
        (("--target", "9"), "--target 9: net has 4 classes"),
        (("--source", "nothing"), "--source nothing: net has no such class"),
        (("--target", "0", "--source", "tench"), "--source tench: is the target too"),
        (("--mode", "thawed"), "--mode is 'thawed'"),
        (("--method", "warp"), "--method is 'warp'"),
        (("--mode", "frozen", "--amplifications", "2,1"), "--amplifications: is (2.0, 1.0)"),
        (("--mode", "frozen", "--amplifications", "0"), "--amplifications is (0.0,)"),
        (("--mode", "frozen", "--amplifications", "a"), "--amplifications is 'a'"),
        (("--amplifications", "0,1"), "--amplifications: --mode live has no use for it"),
        (("--mode", "frozen", "--steps", "3"), "--steps: --mode frozen has no use for it"),
        (("--budget", "1"), "--budget: is (1.0,); give none in live mode"),
        (("--steps", "0"), "--steps: is 0"),
        (("--step-cap", "0"), "--step-cap: is 0"),
        (("--phase-cap", "1"), "--phase-cap: --mode live has no use for it"),
        (("--mode", "frozen", "--phase-cap", "-1"), "--phase-cap: is -1"),
        (("--scales", "9"), "--scales: is 9; for 32 x 32 px give 1 to"),
        (("--orientations", "1"), "--orientations: is 1"),
        (("--highpass", "all"), "--highpass is 'all'"),
        (("--channels", "red"), "--channels is 'red'"),
        (("--bands", "0"), "--bands: '0' is not SCALE:ORIENTATION"),
        (("--bands", "7:0"), "--bands: names scale 7"),
        (("--bands", "0:0", "--method", "pixel"), "--bands: --method pixel has no bands"),
        (("--frames", "1"), "--frames is 1"),
        (("--top-k", "0"), "--top-k is 0"),
        (("--seed", "-1"), "--seed is -1"),
        (("--judge", "judge.toml"), "--judge: judge.toml came twice"),
        (("--format", "sarif"), "--format sarif"),
    ],
)
def test_bad_input_names_the_option_and_writes_nothing(desk, capsys, more, words):
    assert run(command(*more)) == 2
    message = capsys.readouterr().err
    assert words in message
    assert "internal error" not in message
    assert not Path("run").exists()


def test_no_usable_image_is_an_error(desk, capsys):
    assert run(["morph", "photos/<b>broken.png", *command()[2:]]) == 2
    assert "IMAGES: none of 1 can be used" in capsys.readouterr().err
    assert not Path("run").exists()


def test_a_network_that_does_not_look_is_flagged_and_its_frames_are_the_source(desk):
    write_card(desk, "Dead", name="dead", extra='labels = "names.txt"')
    assert run(live("--model", "dead.toml", "--out", "dead")) == 0
    for morph in record("dead")["morphs"]:
        assert "zero_gradient" in morph["flags"]
        assert set(morph["tracks"][0]["l2"]) == {0.0}
        assert morph["sensitivity_share"] is None


def test_numbers_that_are_not_finite_fail_their_own_image_only(desk, monkeypatch):
    write_flat(desk / "photos/1b.png", 128)
    write_flat(desk / "photos/3.png", 255)
    write_card(desk, "Overflowing", name="overflowing", extra='labels = "names.txt"')
    real = moving.run_lens

    def picky(setup, images_01, tasks):
        if 0.0 in images_01.flatten(1).std(1).tolist():
            raise OptimizationError("gradient: planted")
        return real(setup, images_01, tasks)

    monkeypatch.setattr(moving, "run_lens", picky)
    assert run(live("--model", "overflowing.toml", "--out", "bad", "--max-bad", "50%")) == 2
    document = record("bad")
    assert document["status"] == "incomplete"
    images = {one["id"]: one for one in document["images"]}
    white = next(one for one in images.values() if one["path"] == "3.png")
    assert (white["status"], "not finite" in white["reason"]) == ("failed", True)
    said = {images[one["image"]]["path"]: one for one in document["morphs"]}
    assert {path: one["status"] for path, one in said.items()} == {
        "0.png": "ok", "1.png": "ok", "1b.png": "failed", "2.png": "ok",
    }  # fmt: skip
    assert said["1b.png"]["reason"] == "gradient: planted"


def test_the_packaged_network_end_to_end(tmp_path):
    samples = Path(__file__).parents[1] / "samples"
    photos = [str(samples / kind / f"{kind}-1.jpg") for kind in ("fish", "tree")]
    out = str(tmp_path / "run")
    code = run(["morph", *photos, "--model", "demo", "--steps", "4", "--out", out, "--frames", "4",
                "--device", "cpu", "--judge", "none", "--format", "html"])  # fmt: skip
    assert code == 0
    document = record(out)
    assert len(document["morphs"]) == 2
    for morph in document["morphs"]:
        lens = morph["tracks"][0]
        assert lens["driver"]["target_prob"][-1] > 1.5 * lens["driver"]["target_prob"][0]
    assert (tmp_path / "run/report.html").read_text().count('class="card morph"') == 2
