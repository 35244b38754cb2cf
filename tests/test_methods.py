"""The comparison of methods from drawing to the page, on the packaged networks."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from macoaudit.cli.main import run
from macoaudit.errors import UsageError
from macoaudit.images import read_image
from macoaudit.methods import Given, MethodsConfig, as_json, compare_methods, write_methods
from macoaudit.methods.pictures import Pictures, load_natural
from macoaudit.methods.records import Comparison
from macoaudit.methods.spaces import INCEPTION_FILE, eye, inception_features
from macoaudit.methods.words import main_measures
from macoaudit.models import load_model
from macoaudit.results import Skipped

SAMPLES = Path(__file__).parent.parent / "samples"
N_STEPS = 2
CLASSES = ("balloon", "4", "umbrella")


def config(out: Path, **changes) -> MethodsConfig:
    base = {"model": "demo", "natural": (SAMPLES,), "logits": CLASSES, "steps": N_STEPS}
    base |= {"judges": ("demo-clean", "demo-judge"), "n_resamples": 100, "offline": True}
    return MethodsConfig(out=out, **{**base, **changes})


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of the classes as another program's pictures: judges must know them."""
    folder = tmp_path_factory.mktemp("given")
    for index, name in ((0, "balloon"), (4, "flower"), (9, "umbrella")):
        read_image(SAMPLES / name / f"{name}-1.jpg").save(folder / f"{index}.png")
    (folder / "seconds.json").write_text('{"seconds_per_picture": 2.5, "pictures": 3}')
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, given: Path) -> tuple[Path, Comparison]:
    out = tmp_path_factory.mktemp("methods") / "demo"
    found = compare_methods(config(out, given=(Given(given, "photos"),)))
    write_methods([found], out, [out])
    return out, found


def numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        for entry in value.values():
            yield from numbers(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from numbers(entry)
    elif isinstance(value, float):
        yield value


class TestComparison:
    def test_every_method_and_measure_is_in_the_record(self, done):
        out, found = done
        document = json.loads((out / "methods.json").read_text())
        (one,) = document["comparisons"]
        assert [m["name"] for m in one["methods"]] == ["maco", "fourier", "pixel", "photos"]
        assert one["classes"] == [0, 4, 9]
        assert one["judges"] == ["demo-clean", "demo-judge"]
        keys = {measure["key"] for measure in one["measures"]}
        assert keys >= {"plausibility_paper", "plausibility_percentile", "FID", "KID", "CMMD"}
        assert keys >= {"top1", "top5", "median_rank", "high_frequency_none", "spectrum_db_hann"}
        for measure in one["measures"]:
            assert set(measure["methods"]) == {"maco", "fourier", "pixel", "photos"}
            assert [v["second"] for v in measure["versus"]] == ["fourier", "pixel", "photos"]
        assert all(np.isfinite(value) for value in numbers(document))
        assert found.natural["plausibility"] == "class"
        assert any(item.check == "Inception-v3" for item in found.skipped)
        assert found.set_space == "demo-clean penultimate"
        by_library = [m for m in found.measures if m.key == "FID"]
        assert all("torchmetrics" in m.computed_by for m in by_library)

    def test_photographs_have_distance_zero_and_are_recognised(self, done):
        _, found = done
        for measure in found.measures:
            value = measure.methods["photos"].value
            # The photographs are natural images themselves; the network's preprocessing crops, so
            # only a network that takes the whole picture sees them alike.
            if measure.key == "plausibility_paper":
                assert value < 0.5 * measure.natural
                assert value < measure.methods["maco"].value
            if measure.key == "top1" and measure.who == "judge":
                assert value == 1.0
                assert measure.natural > 0.9

    def test_drawing_is_timed_and_the_time_of_others_is_read(self, done):
        _, found = done
        seconds = {one.name: one.seconds for one in found.methods}
        for name in ("maco", "fourier", "pixel"):
            assert seconds[name].n_pictures == 3
            assert seconds[name].wall_s > 0
        assert seconds["photos"].wall_s == 2.5
        assert seconds["photos"].cpu_s is None

    def test_nothing_is_drawn_again(self, done, given):
        out, found = done
        before = {path: path.stat().st_mtime_ns for path in out.rglob("image-*.png")}
        assert len(before) == 9
        steps = []
        again = compare_methods(
            config(out, given=(Given(given, "photos"),)),
            on_progress=lambda progress: steps.append(progress.step),
        )
        assert not any(step is not None for step in steps)
        assert {path: path.stat().st_mtime_ns for path in out.rglob("image-*.png")} == before
        assert again.measures == found.measures
        assert again.methods == found.methods  # the times too

    def test_the_page_holds_every_picture_and_no_address(self, done):
        out, found = done
        page = (out / "methods.html").read_text()
        assert page.count("data:image/webp") == 12
        assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
        assert "<script" not in page
        for measure in main_measures(found):
            assert measure.name in page
        for text in ("Table 1", "Table 2", "umbrella (9)", "MACO / Fourier", 'class="chart large"'):
            assert text in page
        assert str(out) not in page

    def test_the_document_of_several_networks(self, done):
        _, found = done
        document = json.loads(as_json([found, found]))
        assert len(document["comparisons"]) == 2
        assert document["benchmark"] == "methods"


class TestCommand:
    def test_bench_compares_from_the_command_line(self, done, capsys):
        out, _ = done
        command = ["visualize", "--bench", "--model", "demo", "--logits", ",".join(CLASSES)]
        command += ["--reference", str(SAMPLES), "--judge", "demo-clean", "--steps", str(N_STEPS)]
        command += ["--out", str(out), "--device", "cpu", "--offline", "--format", "json"]
        assert run(command) == 0  # the pictures are those of the fixture
        captured = capsys.readouterr()
        document = json.loads(captured.out)
        assert document["comparisons"][0]["judges"] == ["demo-clean"]
        assert "complete: 9 pictures of 3 classes compared" in captured.err
        assert "methods.html" in captured.err

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ((), "no natural images came to compare with"),
            (("--reference", "nowhere"), "nowhere cannot be found"),
            (("--reference", str(SAMPLES), "--channels", "layer1:0"), "--bench came with --chan"),
            (("--reference", str(SAMPLES), "--method", "pixel"), "at its default settings"),
            (("--reference", str(SAMPLES), "--canvas", "64"), "at its default settings"),
            (("--reference", str(SAMPLES), "--logits", "0"), "1 class came"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, tmp_path, capsys, more, said):
        command = ["visualize", "--bench", "--model", "demo", "--out", str(tmp_path / "run")]
        if "--logits" not in more:
            command += ["--logits", "0,1"]
        assert run([*command, "--device", "cpu", *more]) == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "run").exists()


class TestInputs:
    def test_classes_of_natural_images_come_from_their_folders(self):
        model = load_model("demo")
        natural = load_natural((SAMPLES,), model, 500)
        named = {model.labels[c] for c in natural.pictures.classes if c is not None}
        assert named == set(model.labels)
        assert None in natural.pictures.classes  # samples/photographs is no class
        assert len(load_natural((SAMPLES,), model, 6).pictures.classes) == 6

    def test_a_judge_sees_photographs_as_often_right_as_it_is(self):
        model = load_model("demo-clean")
        pictures = load_natural((SAMPLES,), model, 500).pictures
        known = [i for i, c in enumerate(pictures.classes) if c is not None]
        seen = eye(model, own=False).see(pictures, 8)
        right = (seen.logits[known].argmax(1).tolist(), [pictures.classes[i] for i in known])
        accuracy = sum(a == b for a, b in zip(*right, strict=True)) / len(known)
        assert accuracy > 0.9
        assert seen.last.shape == (len(pictures.classes), 144)
        assert len(seen.layers) == 3

    @pytest.mark.parametrize(
        ("names", "said"),
        [(("maco",), "'maco' is taken"), (("a", "a"), "'a' is taken"), ((" ",), "taken or empty")],
    )
    def test_names_of_other_programs(self, tmp_path, names, said):
        with pytest.raises(UsageError, match=said):
            config(tmp_path, given=tuple(Given(tmp_path, name) for name in names))

    def test_a_folder_without_pictures_of_the_classes(self, tmp_path):
        (tmp_path / "given").mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / "given" / "5.png")
        with pytest.raises(UsageError, match=r"no picture of the classes compared.*0\.png"):
            compare_methods(config(tmp_path / "run", given=(Given(tmp_path / "given", "x"),)))
        assert not (tmp_path / "run").exists()

    def test_seconds_that_cannot_be_read(self, tmp_path, given):
        folder = tmp_path / "given"
        folder.mkdir()
        Image.new("RGB", (8, 8)).save(folder / "0.png")
        (folder / "seconds.json").write_text("[]")
        with pytest.raises(UsageError, match="seconds_per_picture"):
            compare_methods(config(tmp_path / "run", given=(Given(folder, "x"),)))


class TestInception:
    def test_weights_that_are_not_there_are_said(self, monkeypatch, tmp_path):
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
        found = inception_features([], None, 4)
        assert isinstance(found, Skipped)
        assert INCEPTION_FILE in found.reason

    def test_another_file_is_never_opened(self, tmp_path):
        file = tmp_path / "weights.pth"
        file.write_bytes(b"no weights")
        with pytest.raises(UsageError, match="its sha256 begins with"):
            inception_features([], file, 4)
        with pytest.raises(UsageError, match="there is no such file"):
            inception_features([], tmp_path / "none.pth", 4)


def test_bytes_of_pictures_are_kept():
    values = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2)
    pictures = Pictures("x", values, (0,))
    assert torch.equal((pictures.image_01() * 255).round().to(torch.uint8), values)
