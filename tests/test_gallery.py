"""``macoaudit gallery`` from the command line to the site; what drives a class."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import torch
from networks import write_card, write_photo
from torch import nn

import macoaudit
from macoaudit.cli.main import run
from macoaudit.drawing_config import (
    GalleryConfig,
    TargetConfig,
    VisualizeConfig,
    drawing_settings,
)
from macoaudit.errors import LayerError, UsageError
from macoaudit.gallery import class_drivers, driver_goal, run_gallery
from macoaudit.models import LoadedModel, linear_head, load_model
from macoaudit.pipeline import Progress
from macoaudit.preprocessing import Preprocessing
from macoaudit.results import ClassDrivers, Skipped
from macoaudit.store import read_results

SCHEMA = json.loads((Path(macoaudit.__file__).parent / "data/results.schema.json").read_text())
N_STEPS = 6
LABELS = "tench\ntiger cat\n<script>alert(1)</script>\ncrane, bird\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the card of a small network, a judge, a dead network, photographs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text(LABELS)
    for name, seed in (("net", 0), ("judge", 1)):
        write_card(tmp_path, name=name, extra='labels = "names.txt"', seed=seed)
    write_card(tmp_path, "Dead", name="dead")
    for number in range(5):
        write_photo(tmp_path / "natural" / "tiger cat" / f"{number}.png", seed=number)
    return tmp_path


def settings(
    out="run", *, logits=("all",), shard=None, n_channels=2, concept_images=(), **changes
) -> GalleryConfig:
    base = {"model": "net.toml", "out": Path(out), "batch_size": 2, "judges": ("judge.toml",)}
    base["maco"] = replace(drawing_settings("maco"), n_steps=N_STEPS)
    base["targets"] = TargetConfig(logits=logits)
    return GalleryConfig(
        VisualizeConfig(**{**base, **changes}),
        n_channels=n_channels,
        shard=shard,
        concept_images=concept_images,
    )


def stable(out: str = "run") -> dict:
    document = json.loads((Path(out) / "results.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    del document["volatile"]
    return document


def without_volatile(page: str) -> str:
    return re.sub(r'<div id="volatile">.*?</details>', "", page, flags=re.S)


def drawn_steps(config: GalleryConfig) -> dict[str, int]:
    """Steps of optimisation that a run makes, by stage."""
    told: list[Progress] = []
    run_gallery(config, on_progress=told.append)
    stages = [one.stage for one in told if one.step is not None]
    return {stage: stages.count(stage) for stage in dict.fromkeys(stages)}


class TestRuns:
    def test_from_the_command_line_to_the_site(self, desk, capsys):
        more = ("--judge", "judge.toml", "--reference", "natural", "--channels", "2")
        base = ["gallery", "--model", "net.toml", "--steps", str(N_STEPS), "--out", "run"]
        assert run([*base, "--device", "cpu", *more]) == 0
        said = capsys.readouterr().err
        assert "complete: 4 of 4 pictures of classes" in said
        assert "run/site/index.html" in said
        document = stable()
        assert document["command"] == "gallery"
        classes = [v for v in document["visualizations"] if v["terms"][0]["kind"] == "logit"]
        channels = document["visualizations"][len(classes) :]
        assert [v["terms"][0]["index"] for v in classes] == [0, 1, 2, 3]
        for one in classes:
            assert one["plausibility"]["n_reference"] == 5
            assert {near["of_class"] for near in one["exemplars"]["images"]} == {
                one["terms"][0]["index"] == 1
            }
            assert [row["judge"] for row in one["transfer"]] == ["judge"]
        wanted = {c["visualization"] for one in document["drivers"] for c in one["channels"]}
        assert {one["id"] for one in channels} == wanted
        assert document["summary"]["n_channels"] == len(channels) > 0
        assert {one["terms"][0]["layer"] for one in channels} == {"penultimate"}
        site = desk / "run" / "site"
        assert len(list((site / "classes").iterdir())) == 4
        assert "&lt;script&gt;alert(1)" in (site / "index.html").read_text()
        before = without_volatile((site / "index.html").read_text())
        shutil.rmtree(site)
        assert run(["report", "run", "--format", "html"]) == 0
        assert without_volatile((site / "index.html").read_text()) == before
        assert run(["report", "run", "--format", "pdf"]) == 2
        assert "is a gallery" in capsys.readouterr().err

    def test_the_demo_network(self, desk):
        config = settings(model="demo", judges=("none",), logits=("0-1",), n_channels=1)
        done = run_gallery(config)
        assert done.status == "complete"
        for one in done.drivers:
            assert one.n_channels == 144
            assert 0 < one.channels[0].share < 1
        assert (desk / "run" / "site" / "index.html").exists()

    def test_a_dead_network_is_listed_and_not_drawn(self, desk, capsys):
        assert run(["gallery", "--model", "dead.toml", "--steps", "4", "--out", "run"]) == 0
        assert "0 of 4 pictures of classes, 4 dead" in capsys.readouterr().err
        document = stable()
        assert document["drivers"] == []
        assert list((desk / "run").rglob("*.webp")) == list((desk / "run").rglob("*.png")) == []
        assert "zero gradient" in (desk / "run" / "site" / "index.html").read_text()

    def test_no_channels_are_drawn_when_none_are_wanted(self, desk):
        done = run_gallery(settings(n_channels=0))
        assert done.drivers == ()
        assert len(done.visualizations) == 4
        assert any(item.check == "driving channels" for item in done.skipped)


class TestUnits:
    def test_adding_classes_draws_only_the_new_ones(self, desk):
        assert drawn_steps(settings(logits=("0", "2")))["draw"] == N_STEPS
        before = {path: path.read_bytes() for path in Path("run/images").rglob("*.png")}
        assert drawn_steps(settings())["draw"] == N_STEPS  # two more classes: one batch of two
        assert len(stable()["visualizations"]) >= 4
        assert all(path.read_bytes() == content for path, content in before.items())
        assert drawn_steps(settings()) == {}
        # natural images can be added later, and draw nothing
        assert drawn_steps(settings(references=(Path("natural"),))) == {}
        assert stable()["visualizations"][0]["plausibility"]["n_reference"] == 5

    @pytest.mark.parametrize("stage", ["draw", "channels", "compare"])
    def test_an_interrupted_gallery_goes_on(self, desk, stage):
        config = settings(references=(Path("natural"),))
        run_gallery(settings(out="whole", references=(Path("natural"),)))

        def stop(told: Progress) -> None:
            if told.stage == stage and told.step is None and told.done_images >= 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_gallery(config, on_progress=stop)
        half = read_results(Path("run"))
        assert half.status == "incomplete"
        assert not Path("run/site").exists()
        run_gallery(config)
        assert stable() == stable("whole")

    def test_concepts_of_classes_that_have_images(self, desk):
        for number in range(3):
            write_photo(Path("seen") / "tiger cat" / f"{number}.png", seed=number)
        options = {"logits": ("0,1",), "n_channels": 0, "concept_images": (Path("seen"),)}
        found = run_gallery(settings(**options))
        assert found.config["concepts"] == {"runs": {"1": "concepts/1"}}
        (reason,) = [one.reason for one in found.skipped if one.check == "concepts"]
        assert reason.startswith("class 0: ")
        concepts = read_results(Path("run/concepts/1"))
        assert concepts.concepts[0].class_name == "tiger cat"
        pages = {path.name: path.read_text() for path in Path("run/site/classes").iterdir()}
        with_them = [name for name, text in pages.items() if "Concepts found in its images" in text]
        assert len(with_them) == 1
        assert "evidence" in pages[with_them[0]].lower()
        before = stable()
        assert run(["report", "run", "--format", "html"]) == 0  # the same site once more
        assert {p.name: p.read_text() for p in Path("run/site/classes").iterdir()} == pages
        run_gallery(settings(**options))
        assert stable() == before

    def test_a_published_preset_draws_the_raw_logit_here_too(self, desk):
        base = ["gallery", "--model", "net.toml", "--logits", "0", "--channels", "0", "-q"]
        for compat, form in (("macoaudit", "standard"), ("horama", "dot")):
            more = ["--steps", "2", "--canvas", "32", "--compat", compat, "--out", compat]
            assert run([*base, "--judge", "none", "--device", "cpu", *more]) == 0
            (one,) = read_results(Path(compat)).visualizations
            assert [term.form for term in one.terms] == [form]

    def test_without_images_the_missing_concepts_are_said(self, desk):
        found = run_gallery(settings(logits=("0",), n_channels=0))
        assert "concepts" in {one.check for one in found.skipped}

    def test_shards_make_one_gallery(self, desk):
        whole = run_gallery(settings(out="whole"))
        for number in (1, 2):
            part = run_gallery(settings(out=f"part{number}", shard=(number, 2)))
            assert len(part.visualizations) == 2
            assert not Path(f"part{number}/site").exists()
            assert "a run without --shard" in part.skipped[-1].reason
        for folder in ("units", "images"):
            shutil.copytree(f"part2/{folder}", f"part1/{folder}", dirs_exist_ok=True)
        joined = run_gallery(settings(out="part1"))
        assert joined.visualizations == whole.visualizations
        assert stable("part1") == stable("whole")

    def test_other_settings_need_another_folder(self, desk, capsys):
        run_gallery(settings())
        base = ["gallery", "--model", "net.toml", "--out", "run", "--device", "cpu"]
        assert run([*base, "--steps", "7"]) == 2
        assert "holds another run" in capsys.readouterr().err
        assert run([*base, "--steps", "7", "--no-resume", "--channels", "0"]) == 0
        assert len(stable()["visualizations"]) == 4


class Signed(nn.Module):
    """A classifier on two signed numbers a class can see, one of them negative."""

    def __init__(self, *, scale: float = 1.0, split: bool = False):
        super().__init__()
        self.scale = scale
        self.mix = nn.Identity()
        self.head = nn.Sequential(nn.Linear(4, 3)) if split else nn.Linear(4, 3)
        linear = self.head[0] if split else self.head
        with torch.no_grad():
            linear.weight.copy_(torch.tensor([[1.0, -2.0, 0.5, 0.0], [0.0] * 4, [-1.0] * 4]))
            linear.bias.copy_(torch.tensor([0.25, 0.0, 0.0]))

    def forward(self, image):
        mean = image.mean((1, 2, 3))[:, None]
        return self.head(self.mix(mean * torch.tensor([[1.0, -3.0, 2.0, 5.0]]))) * self.scale


def wrapped(module: nn.Module) -> LoadedModel:
    return LoadedModel(
        name="signed",
        architecture="own",
        module=module.eval(),
        preprocessing=Preprocessing((8, 8), 3, (0.0,) * 3, (1.0,) * 3),
        labels=("a", "b", "c"),
        num_classes=3,
        weights_sha256="0" * 64,
        weights_origin="factory",
        device=torch.device("cpu"),
    )


class TestDrivers:
    def test_closed_form(self):
        """Means 0.5 and 0.7 give a = 0.6 (1, -3, 2, 5); w a = 0.6 (1, 6, 1, 0)."""
        model = wrapped(Signed())
        head = linear_head(model)
        pictures = torch.stack([torch.full((3, 8, 8), 0.5), torch.full((3, 8, 8), 0.7)])
        found = class_drivers(model, head, 0, pictures, 3)
        assert isinstance(found, ClassDrivers)
        assert [one.channel for one in found.channels] == [1, 0, 2]
        assert [one.contribution for one in found.channels] == pytest.approx([3.6, 0.6, 0.6])
        assert [one.share for one in found.channels] == pytest.approx([0.75, 0.125, 0.125])
        assert found.channels[0].activation == pytest.approx(-1.8)
        assert found.logit == pytest.approx(0.25 + 4.8, abs=1e-5)
        assert (found.bias, found.n_channels, found.n_pictures) == (0.25, 4, 2)

    def test_a_class_without_weights_has_no_drivers_and_a_negative_one_says_downward(self):
        model = wrapped(Signed())
        head = linear_head(model)
        picture = torch.full((1, 3, 8, 8), 0.5)
        assert class_drivers(model, head, 1, picture, 3).channels == ()
        (only,) = class_drivers(model, head, 2, picture, 3).channels
        assert (only.channel, only.contribution) == (1, pytest.approx(1.5))
        goal = driver_goal(only.channel, only.activation)
        assert (goal.terms[0].weight, goal.text) == (-1.0, "penultimate, channel 1, downward")

    def test_contributions_and_the_bias_add_up_to_the_logit(self):
        model = load_model("demo")
        generator = torch.Generator().manual_seed(0)
        picture = torch.rand(2, 3, 96, 96, generator=generator)
        found = class_drivers(model, linear_head(model), 4, picture, 144)
        with torch.no_grad():
            logits = model.module(model.preprocessing.normalise(picture))[:, 4]
        assert found.logit == pytest.approx(float(logits.mean()), abs=1e-4)
        positive = sum(one.contribution for one in found.channels)
        assert positive > found.logit - found.bias - 1e-4
        assert sum(one.share for one in found.channels) == pytest.approx(1)

    def test_what_is_not_linear_is_said(self):
        picture = torch.full((1, 3, 8, 8), 0.5)
        scaled = wrapped(Signed(scale=2.0))
        found = class_drivers(scaled, linear_head(scaled), 0, picture, 3)
        assert isinstance(found, Skipped)
        assert "something else stands before the classes" in found.reason
        model = load_model("demo")
        model.module.fc = nn.Sequential(model.module.fc)
        with pytest.raises(LayerError, match=r"no single linear layer \(Sequential\)"):
            linear_head(model)


REFUSED = (
    (("--shard", "1"), "--shard is '1'; use k/n"),
    (("--shard", "3/2"), "--shard is '3/2'; use 1/n to n/n"),
    (("--channels", "-1"), "--channels is -1"),
    (("--logits", "tigre cat"), "there is no class 'tigre cat'. Did you mean tiger cat"),
    (("--out", "-"), "a gallery is a folder"),
    (("--format", "pdf"), "--format is 'pdf'"),
    (("--reference", "nowhere"), "--reference: nowhere cannot be found"),
)


@pytest.mark.parametrize(("more", "said"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_be_used_is_named_and_nothing_is_written(desk, capsys, more, said):
    assert run(["gallery", "--model", "net.toml", "--out", "run", *more]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert said in captured.err
    assert not Path("run").exists()


def test_a_gallery_is_of_classes(desk):
    drawing = settings().drawing
    with pytest.raises(UsageError, match="a gallery shows classes"):
        GalleryConfig(replace(drawing, targets=TargetConfig(channels=("body.0:0",))))
