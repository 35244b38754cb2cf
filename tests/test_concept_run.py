"""``macoaudit concepts`` from the command line to the run folder, on concepts that are known."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from networks import write_card, write_flat
from PIL import Image
from safetensors.torch import load_file

import macoaudit
from macoaudit.cli.main import run
from macoaudit.concept_config import ConceptsConfig
from macoaudit.concept_run import heat_colors, job, overlay, run_concepts
from macoaudit.concepts import iou, region
from macoaudit.directions import load_directions
from macoaudit.drawing_config import drawing_settings
from macoaudit.errors import UsageError
from macoaudit.images import preprocess, read_image
from macoaudit.models import grid_function, load_model, logits_function
from macoaudit.pipeline import Progress
from macoaudit.store import read_results

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads((Path(macoaudit.__file__).parent / "data/results.schema.json").read_text())
COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
SQUARE_PX = 8
N_STEPS = 4


def write_squares(path: Path, seed: int) -> dict[str, tuple[int, int]]:
    """Write a grey picture with a red, a green and a blue square; returns their top left corners.

    Corners are multiples of the four pixels that the network averages.
    """
    rng = np.random.default_rng(seed)
    pixels = np.full((32, 32, 3), 128, dtype=np.uint8)
    quarters = rng.permutation(4)[:3]
    corners = {}
    for (name, color), quarter in zip(COLORS.items(), quarters, strict=True):
        top, left = (int(16 * part + 4 * rng.integers(0, 3)) for part in divmod(int(quarter), 2))
        pixels[top : top + SQUARE_PX, left : left + SQUARE_PX] = color
        corners[name] = (top, left)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return corners


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder: a network that sees colours, and a class folder of squares."""
    monkeypatch.chdir(tmp_path)
    write_card(tmp_path, "Painted", name="net")
    for seed in range(6):
        write_squares(tmp_path / f"data/class_0/{seed}.png", seed)
    for seed in range(2):
        write_squares(tmp_path / f"data/class_1/{seed}.png", 10 + seed)
    return tmp_path


def command(*more: str, images: tuple[str, ...] = ("data",), name: str = "class 0") -> list[str]:
    """A short run; later options win over the first ones."""
    base = ["concepts", *images, "--class", name, "--model", "net.toml", "--layer", "places"]
    base += ["--n-concepts", "3", "--crop-sides", "0.5", "--designs", "8", "--measured", "2"]
    base += ["--steps", str(N_STEPS), "--out", "run", "--format", "none", "--device", "cpu"]
    return [*base, *more]


def settings(*, out: str = "run", **changes: Any) -> ConceptsConfig:
    base: dict[str, Any] = {
        "images": (Path("data"),),
        "class_name": "class 0",
        "model": "net.toml",
        "layer": "places",
        "out": Path(out),
        "n_concepts": 3,
        "crop_sides_frac": (0.5,),
        "n_designs": 8,
        "n_measured": 2,
        "formats": (),
        "batch_size": 2,
        "maco": replace(drawing_settings("maco"), n_steps=N_STEPS),
    }
    return ConceptsConfig(**{**base, **changes})


def record(out: str = "run") -> dict[str, Any]:
    document = json.loads((Path(out) / "results.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def stable(out: str = "run") -> dict[str, Any]:
    document = record(out)
    del document["volatile"]
    return document


class TestKnownConcepts:
    def test_colours_come_out_with_their_weight_their_sign_and_their_place(self, desk):
        assert run(command("--designs", "64", "--measured", "6", "--crop-sides", "0.5,0.35")) == 0
        document = record()
        (found,) = document["concepts"]
        assert (found["class_name"], found["layer"], found["grid"]) == ("class 0", "places", [8, 8])
        assert found["non_negative"] == "as they are"
        assert found["relative_error"] < 0.01
        directions = load_file("run/concepts/directions.safetensors")["concepts"]
        order = directions.abs().argmax(1).tolist()
        # Evidence for the class first: red. Blue does nothing, so its place is after red.
        assert order[0] == 0
        assert sorted(order) == [0, 1, 2]
        torch.testing.assert_close(directions, torch.eye(4)[order], atol=0.01, rtol=0)
        by_color = {name: found["concepts"][order.index(n)] for n, name in enumerate(COLORS)}
        # All squares are equal and the logit is linear: 3 red - 2 green, shares 9 and 4 of 13.
        assert by_color["red"]["importance"] == pytest.approx(9 / 13, abs=0.02)
        assert by_color["green"]["importance"] == pytest.approx(4 / 13, abs=0.02)
        assert by_color["blue"]["importance"] == pytest.approx(0, abs=1e-6)
        area = (SQUARE_PX / 32) ** 2
        assert by_color["red"]["effect"] == pytest.approx(300 * area, rel=0.01)
        assert by_color["green"]["effect"] == pytest.approx(-200 * area, rel=0.01)
        assert by_color["blue"]["effect"] == pytest.approx(0, abs=1e-3)
        self.places(document, by_color)

    def places(self, document: dict[str, Any], by_color: dict[str, Any]) -> None:
        paths = {image["id"]: image["path"] for image in document["images"]}
        for name, concept in by_color.items():
            assert len(concept["places"]) == 6
            for place in concept["places"]:
                seed = int(Path(paths[place["image"]]).stem)
                top, left = write_squares(Path("again.png"), seed)[name]
                middle = ((top + SQUARE_PX / 2) / 32, (left + SQUARE_PX / 2) / 32)
                assert place["centre_frac"] == pytest.approx(middle, abs=0.04)
                assert place["strength"] > 0.9
                known = torch.zeros(32, 32, dtype=torch.bool)
                known[top : top + SQUARE_PX, left : left + SQUARE_PX] = True
                with Image.open(Path("run") / place["files"]["map"]) as picture:
                    values = torch.from_numpy(np.array(picture)).float()
                assert iou(region(values), known) > 0.5
            best = concept["crops"][0]
            top, left, height, width = best["box_px"]
            seed = int(Path(paths[best["image"]]).stem)
            row, column = write_squares(Path("again.png"), seed)[name]
            assert top <= row + SQUARE_PX / 2 <= top + height
            assert left <= column + SQUARE_PX / 2 <= left + width

    def test_drawings_are_of_the_directions_and_their_file_can_be_drawn_again(self, desk):
        assert run(command()) == 0
        document = record()
        model = load_model("net.toml")
        rows = load_directions(Path("run/concepts/directions.safetensors"))
        drawn = {one["id"]: one for one in document["visualizations"]}
        for (_, vector), concept in zip(rows, document["concepts"][0]["concepts"], strict=True):
            one = drawn[concept["visualization"]]
            (term,) = one["terms"]
            assert term["vector_sha256"] == concept["direction_sha256"]
            assert one["name"] == f"class 0, concept {concept['rank']}"
            with Image.open(Path("run") / one["files"]["image"]) as picture:
                image = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255
            with torch.no_grad():
                grid = grid_function(model, "places")(image).mean((2, 3))[0]
            score = float(torch.cosine_similarity(grid, torch.tensor(vector), dim=0))
            assert one["score"] == pytest.approx(score, abs=1e-5)
            for kind in ("transparency", "masked"):
                assert (Path("run") / one["files"][kind]).exists()
        again = [
            "visualize",
            "-m",
            "net.toml",
            "--directions",
            "run/concepts/directions.safetensors",
        ]
        again += ["--layer", "places", "--steps", "2", "--out", "again", "--format", "none"]
        assert run([*again, "--judge", "none", "--device", "cpu"]) == 0
        terms = [one["terms"][0] for one in record("again")["visualizations"]]
        known = [c["direction_sha256"] for c in document["concepts"][0]["concepts"]]
        assert [term["vector_sha256"] for term in terms] == known

    def test_the_packaged_demo_shows_its_mark_first(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        more = ("--model", "demo", "--layer", "layer3.0", "--n-concepts", "10", "--designs", "16")
        images = (str(ROOT / "samples"),)
        assert run(command(*more, images=images, name="Mushroom")) == 0
        (found,) = record()["concepts"]
        first = found["concepts"][0]
        assert first["effect"] > 0
        assert found["non_negative"] == "halves"  # SiLU
        assert len(first["places"]) == 4
        for place in first["places"]:  # the mark is in the lower right corner of every one
            assert min(place["centre_frac"]) > 0.76
            assert max(place["centre_frac"]) < 0.92


class TestWhichImages:
    def chosen(self) -> dict[str, str]:
        document = record()
        paths = {image["id"]: image["path"] for image in document["images"]}
        return {paths[one["id"]]: one["chosen_by"] for one in document["concepts"][0]["images"]}

    def test_the_label_of_the_folder_decides_whatever_the_network_says(self, desk, capsys):
        write_squares(desk / "more.png", 77)
        # The network calls all of them class 0.
        assert run(command(name="1")) == 0
        assert self.chosen() == {f"class_1/{n}.png": "label" for n in range(2)}
        assert record()["summary"]["n_predicted_as_class"] == 0
        assert "3 concepts of class 1 in 2 images (by folder label)" in capsys.readouterr().err

    def test_without_folders_the_network_decides(self, desk, capsys):
        files = [f"data/class_1/{n}.png" for n in range(2)]
        assert run(command(images=tuple(files))) == 0
        assert set(self.chosen().values()) == {"prediction"}
        assert len(self.chosen()) == 2
        assert "(by prediction)" in capsys.readouterr().err

    def test_both_at_once(self, desk, capsys):
        write_squares(desk / "data/loose.png", 5)
        assert run(command()) == 0
        assert self.chosen()["loose.png"] == "prediction"
        assert len(self.chosen()) == 7
        assert "6 by folder label, the others by prediction" in capsys.readouterr().err

    def test_folders_that_are_no_classes_do_not_count_and_it_is_said(self, desk):
        shutil.move("data/class_0", "data/holiday")
        shutil.move("data/class_1", "data/work")
        assert run(command()) == 0
        assert set(self.chosen().values()) == {"prediction"}
        assert len(self.chosen()) == 8
        notes = record()["concepts"][0]["notes"]
        assert any("no folder is named after a class" in note for note in notes)

    def test_too_many_are_thinned_out_evenly(self, desk):
        assert run(command("--max-images", "3")) == 0
        assert list(self.chosen()) == [f"class_0/{n}.png" for n in (0, 2, 4)]
        notes = record()["concepts"][0]["notes"]
        assert "3 of 6 images of the class were taken, evenly spaced" in notes

    def test_an_unusable_image_is_said_and_too_many_make_the_run_incomplete(self, desk):
        Path("data/class_0/bad.png").write_bytes(b"not a picture")
        assert run(command()) == 0
        (bad,) = [image for image in record()["images"] if image["status"] == "skipped"]
        assert bad["path"] == "class_0/bad.png"
        assert record()["summary"]["n_unusable"] == 1
        Path("data/class_0/worse.png").write_bytes(b"not a picture")
        assert run(command("--out", "other")) == 2
        assert record("other")["status"] == "incomplete"


class TestUnits:
    def test_equal_runs_are_equal_and_one_that_was_interrupted_goes_on(self, desk):
        run_concepts(settings(out="whole"))

        def stop(told: Progress) -> None:
            if told.stage == "draw" and told.step is None and told.done_images >= 1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_concepts(settings(), on_progress=stop)
        half = read_results(Path("run"))
        assert half.status == "incomplete"
        assert len(half.visualizations) == 2
        assert len(half.concepts[0].concepts) == 3
        assert "1 pictures are not drawn" in half.skipped[-1].reason
        jsonschema.Draft202012Validator(SCHEMA).validate(record())
        told: list[Progress] = []
        run_concepts(settings(), on_progress=told.append)
        assert not {"crops", "locate", "weigh"} & {one.stage for one in told}
        assert sum(one.step is not None for one in told) == N_STEPS
        assert stable() == stable("whole")
        pictures = [path.relative_to("whole") for path in Path("whole").rglob("*.png")]
        assert len(pictures) == 6 + 3 * (6 + 2 * 6 + 3)
        for path in [*pictures, Path("concepts/directions.safetensors")]:
            assert (Path("run") / path).read_bytes() == (Path("whole") / path).read_bytes()

    def test_an_interruption_before_the_concepts_leaves_a_valid_record(self, desk):
        def stop(told: Progress) -> None:
            if told.stage == "weigh":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_concepts(settings(), on_progress=stop)
        document = record()
        assert (document["status"], document["concepts"]) == ("incomplete", [])
        assert document["skipped"][0]["check"] == "concepts"
        assert run(["report", "run", "--format", "html"]) == 2  # incomplete, but it can be shown
        assert "before the concepts were found" in Path("run/report.html").read_text()

    def test_another_class_is_another_run(self, desk, capsys):
        assert run(command()) == 0
        assert run(command(name="class 1")) == 2
        assert "holds another run" in capsys.readouterr().err
        assert run(command("--no-resume", name="class 1")) == 0
        assert record()["summary"]["class"] == "class 1"

    def test_seeds_draw_every_concept_again(self, desk):
        done = run_concepts(settings(n_seeds=2))
        assert [one.seed for one in done.visualizations] == [0, 1] * 3
        assert len({one.files["image"] for one in done.visualizations}) == 6

    def test_json_goes_to_stdout_and_reports_are_written_and_rendered_again(self, desk, capsys):
        assert run(command("--format", "html,json", "-q")) == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out)["command"] == "concepts"
        assert captured.err.count("\n") == 1
        page = Path("run/report.html").read_text()
        assert "evidence for class 0" in page
        assert run(["report", "run", "--format", "html"]) == 0
        again = Path("run/report.html").read_text()
        assert again.count("evidence for class 0") == page.count("evidence for class 0") > 1


def _flat(folder: Path) -> None:
    for n in range(3):
        write_flat(folder / f"flat/class_0/{n}.png", 128)


def _broken(folder: Path) -> None:
    text = "import torch\nfrom networks import Painted\n\n\nclass Bad(Painted):\n"
    text += "    def __init__(self):\n        super().__init__()\n"
    text += "        self.places[0].bias.data[1] = torch.nan\n"
    (folder / "bad_painted.py").write_text(text)
    card = (folder / "net.toml").read_text().replace("networks:Painted", "bad_painted:Bad")
    (folder / "bad.toml").write_text(card)


REFUSED: tuple[tuple[tuple[str, ...], str, str], ...] = (
    ((), "clas 0", "has no such class. Did you mean class 0"),
    ((), "4", "give a number from 0 to 3"),
    ((), "class 3", "none of the 8 images is of it (their folders are class_0 (6), class_1 (2))"),
    (("loose",), "class 2", "none of the 2 images is of it (the network predicts class 0 (2))"),
    (("one",), "class 0", "only 1 image is of it"),
    (("nowhere",), "class 0", "nowhere cannot be found"),
    (("flat",), "class 0", "activations: all are zero"),
    (("--layer", "place"), "class 0", "has no such layer. Did you mean places"),
    (("--layer", "head"), "class 0", "is no grid over the image"),
    (("--model", "bad.toml"), "class 0", "not finite"),
    (("--n-concepts", "0"), "class 0", "--n-concepts is 0; use at least 1"),
    (("--designs", "12"), "class 0", "--designs is 12; use a power of two"),
    (("--measured", "0"), "class 0", "--measured is 0"),
    (("--max-images", "1"), "class 0", "--max-images is 1; use at least 2"),
    (("--crop-sides", "big"), "class 0", "--crop-sides is 'big'; use shares"),
    (("--crop-sides", "1.5"), "class 0", "--crop-sides is (1.5,)"),
    (("--seeds", "0"), "class 0", "--seeds is 0"),
    (("--batch-size", "x"), "class 0", "--batch-size is 'x'"),
    (("--out", "-"), "class 0", "concepts writes a folder"),
    (("--out", "data/run"), "class 0", "lies in the folder of images"),
    (("--format", "doc"), "class 0", "--format is 'doc'"),
)


@pytest.mark.parametrize(("more", "name", "said"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_be_used_is_named(desk, capsys, monkeypatch, more, name, said):
    for n in range(2):
        write_squares(desk / f"loose/{n}.png", n)
    write_squares(desk / "one/class_0/a.png", 0)
    _flat(desk)
    _broken(desk)
    monkeypatch.syspath_prepend(str(desk))
    images = more if more and not more[0].startswith("-") else ("data",)
    options = () if images == more else more
    assert run(command(*options, images=images, name=name)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert said in captured.err
    assert not Path("run/results.json").exists()
    assert not Path("run/units").exists()


def test_the_class_must_be_named(desk, capsys):
    assert run(["concepts", "data", "--model", "demo"]) == 2
    assert "--class" in capsys.readouterr().err


def test_a_transformer_is_located_on_its_patch_tokens(tiny_vit, tmp_path):
    # Random weights take both for the same class, whichever it is.
    for n in range(2):
        shutil.copy(ROOT / f"samples/fish/fish-{n + 1}.jpg", tmp_path / f"{n}.jpg")
    images = [
        preprocess(read_image(tmp_path / f"{n}.jpg"), tiny_vit.preprocessing) for n in range(2)
    ]
    with torch.no_grad():
        seen = logits_function(tiny_vit)(torch.stack(images)).argmax(1)
    folder = tmp_path / "data" / str(int(seen[0]))
    folder.mkdir(parents=True)
    for n in range(2):
        shutil.move(tmp_path / f"{n}.jpg", folder / f"{n}.jpg")
    config = settings(
        images=(tmp_path / "data",), class_name=folder.name, model="test_vit", weights="random",
        layer=None, out=str(tmp_path / "run"), n_designs=4, n_measured=1, batch_size=8,
        maco=replace(drawing_settings("maco"), n_steps=2),
    )  # fmt: skip
    done = run_concepts(config)
    (found,) = done.concepts
    assert found.non_negative == "halves"
    assert found.grid == (10, 10)  # 160 px in patches of 16
    assert done.visualizations[0].terms[0].layer == found.layer
    assert len(load_directions(tmp_path / "run/concepts/directions.safetensors")[0][1]) == 64


@pytest.mark.parametrize("change", [{"n_concepts": 0}, {"batch_size": 0}, {"seed": -1}])
def test_settings_of_the_api(change: dict[str, Any]):
    with pytest.raises(UsageError, match=r" is (0|-1); use "):
        settings(**change)


def test_heat_rises_in_brightness_and_leaves_nothing_where_there_is_nothing():
    ramp = torch.linspace(0, 1, 101)[None]
    colors = heat_colors(ramp)
    luma = torch.einsum("c,chw->hw", torch.tensor([0.299, 0.587, 0.114]), colors)[0]
    assert bool((luma.diff() > 0).all())
    image = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0))
    nothing = overlay(image, torch.zeros(4, 5))
    torch.testing.assert_close(nothing, 0.75 * image.mean(0).expand(3, -1, -1))
    full = overlay(torch.zeros(1, 4, 5), torch.ones(4, 5))
    torch.testing.assert_close(full, 0.85 * heat_colors(torch.ones(4, 5)))
    assert float(full.max()) <= 1


def test_an_interrupted_command_exits_with_130_and_says_what_is_kept(desk, capsys, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "visualize", stop)
    assert run(command("-q")) == 130
    assert "finished images are kept" in capsys.readouterr().err
    document = record()
    assert (document["status"], document["visualizations"]) == ("incomplete", [])
    assert len(document["concepts"][0]["concepts"]) == 3
