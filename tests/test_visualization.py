"""``macoaudit visualize`` from the command line to the run folder."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from networks import write_card, write_photo
from PIL import Image

import macoaudit
from macoaudit.cli.main import run
from macoaudit.drawing_config import TargetConfig, VisualizeConfig, drawing_settings
from macoaudit.errors import UsageError
from macoaudit.pipeline import Progress
from macoaudit.store import read_results
from macoaudit.visualization import run_visualize

SCHEMA = json.loads((Path(macoaudit.__file__).parent / "data/results.schema.json").read_text())
N_STEPS = 16
LABELS = "tench\ntiger cat\ntabby\ncrane, bird\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the card of a small network and of a judge with the same classes."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text(LABELS)
    for name, seed in (("net", 0), ("judge", 1)):
        write_card(tmp_path, name=name, extra='labels = "names.txt"', seed=seed)
    write_card(tmp_path, name="foreign", seed=2)
    write_card(tmp_path, "Dead", name="dead")
    return tmp_path


def command(*more: str) -> list[str]:
    """A short run; later options win over the first ones."""
    base = ["visualize", "--model", "net.toml", "--steps", str(N_STEPS), "--out", "run"]
    return [*base, "--format", "none", "--device", "cpu", *more]


def record(out: str = "run") -> dict:
    document = json.loads((Path(out) / "results.json").read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def stable(out: str = "run") -> dict:
    document = record(out)
    del document["volatile"]
    return document


def settings(*, out="run", **changes) -> VisualizeConfig:
    base = {"model": "net.toml", "out": Path(out), "formats": (), "batch_size": 2}
    base["maco"] = replace(drawing_settings("maco"), n_steps=N_STEPS)
    base["targets"] = TargetConfig(logits=("all",), channels=("body.0:0-1",))
    return VisualizeConfig(**{**base, **changes})


class TestForms:
    def forms(self):
        return {term["form"] for one in record()["visualizations"] for term in one["terms"]}

    def test_classes_are_drawn_by_how_far_they_stand_out(self, desk):
        assert run(command("--logits", "0")) == 0
        assert self.forms() == {"standard"}
        (one,) = record()["visualizations"]
        assert one["score"] <= 3**0.5  # the most that one of four classes can have

    def test_the_raw_logit_where_it_is_asked_for_or_was_published(self, desk):
        assert run(command("--logits", "0", "--logit-form", "raw")) == 0
        assert self.forms() == {"dot"}
        assert run(command("--logits", "0", "--compat", "paper", "--no-resume")) == 0
        assert self.forms() == {"dot"}

    def test_two_classes_have_no_standard_score(self, desk, capsys):
        write_card(desk, name="two", classes=2)
        assert run(command("--model", "two.toml", "--logits", "0")) == 0
        assert self.forms() == {"dot"}
        assert run(command("--model", "two.toml", "--logits", "0", "--logit-form", "standard")) == 2
        assert "needs 3 or more" in capsys.readouterr().err
        assert run(command("--logits", "0", "--logit-form", "softmax")) == 2
        assert "--logit-form" in capsys.readouterr().err


class TestRuns:
    def test_every_kind_of_target_and_the_judges(self, desk, capsys):
        np.save("probe.npy", np.eye(8, dtype=np.float32)[:2])
        Path("mix.toml").write_text('[sums]\n"cat, not tench" = "logit:2 - 0.5*logit:tench"\n')
        more = (
            "--logits", "tabby,0", "--channels", "body.0:5", "--neurons", "body.0:5,2,3",
            "--directions", "probe.npy", "--layer", "body.0", "--sums", "mix.toml",
            "--sum", "1*logit:0 + 2*channel:body.0:1", "--judge", "judge.toml",
            "--judge", "foreign.toml", "--seeds", "2",
        )  # fmt: skip
        assert run(command(*more)) == 0
        document = record()
        drawn = document["visualizations"]
        assert [(one["name"], one["seed"]) for one in drawn[:4]] == [
            ("tabby (logit 2)", 0),
            ("tabby (logit 2)", 1),
            ("tench (logit 0)", 0),
            ("tench (logit 0)", 1),
        ]
        assert len(drawn) == 2 * 8
        assert drawn[-2]["name"] == "cat, not tench"
        assert [term["weight"] for term in drawn[-2]["terms"]] == [1.0, -0.5]
        for one in drawn:
            assert one["status"] == "ok", one["reason"]
            assert one["score"] > one["start_score"]
            with Image.open(Path("run") / one["files"]["image"]) as picture:
                assert picture.size == (32, 32)
            with Image.open(Path("run") / one["files"]["masked"]) as picture:
                assert picture.mode == "RGBA"
            is_class = len(one["terms"]) == 1 and one["terms"][0]["kind"] == "logit"
            assert [row["judge"] for row in one["transfer"]] == ["judge"] * is_class
        assert any("foreign" in item["reason"] for item in document["skipped"])
        assert document["summary"]["n_ok"] == 16
        assert document["summary"]["n_transfer"] == 4
        assert document["model"]["layer"] == "logits, body.0"
        assert "complete: 16 of 16 pictures" in capsys.readouterr().err

    def test_a_dead_target_is_said_and_not_drawn(self, desk, capsys):
        assert run(command("--model", "dead.toml", "--logits", "0")) == 0
        (one,) = record()["visualizations"]
        assert one["status"] == "dead"
        assert one["files"] == {}
        assert list(Path("run").rglob("*.png")) == []
        assert "zero gradient" in one["reason"]
        assert "0 of 1 pictures, 1 dead" in capsys.readouterr().err

    def test_a_number_that_is_not_finite_makes_the_run_incomplete(self, desk, capsys, monkeypatch):
        factory = "import torch\nfrom networks import Small\n\n\nclass Bad(Small):\n"
        factory += "    def features(self, features, image):\n        return features * torch.nan\n"
        Path("bad_networks.py").write_text(factory)
        card = Path("net.toml").read_text().replace("networks:Small", "bad_networks:Bad")
        Path("bad.toml").write_text(card)
        monkeypatch.syspath_prepend(str(desk))
        assert run(command("--model", "bad.toml", "--logits", "0")) == 2
        (one,) = record()["visualizations"]
        assert (one["status"], one["score"]) == ("failed", None)
        assert "1 failed" in capsys.readouterr().err

    def test_accentuation_starts_from_the_image(self, desk):
        write_photo(desk / "photo.png", 3)
        for method in ("maco", "fourier", "pixel"):
            more = (
                "--logits",
                "1",
                "--accentuate",
                "photo.png",
                "--method",
                method,
                "--keep",
                "0.1",
            )
            assert run(command(*more, "--out", method)) == 0
            (one,) = record(method)["visualizations"]
            assert one["method"] == method
            assert one["image_score"] is not None
            assert -1 <= one["similarity"] <= 1
            assert (Path(method) / one["files"]["start"]).exists()

    def test_json_goes_to_stdout_and_reports_are_written(self, desk, capsys):
        assert run(command("--logits", "all", "--format", "html,json", "-q")) == 0
        captured = capsys.readouterr()
        assert json.loads(captured.out)["command"] == "visualize"
        assert captured.err.count("\n") == 1
        page = (desk / "run" / "report.html").read_text()
        assert "tiger cat (logit 1)" in page
        assert run(["report", "run", "--format", "html"]) == 0
        again = (desk / "run" / "report.html").read_text()
        assert again.count("tiger cat (logit 1)") == page.count("tiger cat (logit 1)") > 3


class TestUnits:
    def test_equal_runs_are_equal_whatever_the_batch(self, desk):
        run_visualize(settings(out="a"))
        run_visualize(settings(out="b"))
        assert stable("a") == stable("b")
        for path in Path("a").rglob("*.png"):
            assert path.read_bytes() == (Path("b") / path.relative_to("a")).read_bytes()
        run_visualize(settings(out="c", batch_size=8))
        for one, two in zip(
            stable("a")["visualizations"], stable("c")["visualizations"], strict=True
        ):
            assert one["id"] == two["id"]
            assert one["score"] == pytest.approx(two["score"], rel=0.05, abs=0.05)

    def test_an_interrupted_run_goes_on(self, desk):
        run_visualize(settings(out="whole"))

        def stop(told: Progress) -> None:
            if told.stage == "draw" and told.step is None and told.done_images >= 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_visualize(settings(), on_progress=stop)
        half = read_results(Path("run"))
        assert half.status == "incomplete"
        assert len(half.visualizations) == 2
        assert "4 pictures are not drawn" in half.skipped[-1].reason
        steps = []
        run_visualize(settings(), on_progress=lambda told: steps.append(told.step))
        assert sum(step is not None for step in steps) == 2 * N_STEPS  # two of three batches
        assert stable() == stable("whole")

    def test_more_seeds_than_a_batch_holds(self, desk):
        done = run_visualize(settings(n_seeds=3, targets=TargetConfig(logits=("0",))))
        assert [one.seed for one in done.visualizations] == [0, 1, 2]
        pictures = {Path("run", v.files["image"]).read_bytes() for v in done.visualizations}
        assert len(pictures) == 3

    def test_a_target_named_twice_is_drawn_once(self, desk):
        done = run_visualize(settings(targets=TargetConfig(logits=("0", "tench,0"))))
        assert len(done.visualizations) == 1


REFUSED = (
    ((), "nothing to draw; name targets with --logits"),
    (("--logits", "tigre cat"), "there is no class 'tigre cat'. Did you mean tiger cat"),
    (("--logits", "4"), "class 4 is out of range; there are 4 classes, 0 to 3"),
    (("--channels", "boddy.0:3"), "has no such layer. Did you mean body.0"),
    (("--channels", "body.0:8"), "there are 8 channels, use 0 to 7"),
    (("--neurons", "body.0:0,99,0"), "use rows 0 to 9 and columns 0 to 9"),
    (("--tokens", "body.0:cls:0"), "not tokens; name a layer of a transformer"),
    (("--heads", "body.0:0"), "no attention heads"),
    (("--directions", "five.npy"), "--directions came without --layer"),
    (
        ("--directions", "five.npy", "--layer", "body.0"),
        "the direction has 5 numbers; give one of 8",
    ),
    (("--directions", "none.npy", "--layer", "body.0"), "cannot be read"),
    (("--layer", "body.0", "--logits", "0"), "--layer body.0 came without --directions"),
    (("--sum", "2*logit:0-1"), "names 2 targets; name one"),
    (("--logits", "0", "--method", "vae"), "--method is 'vae'; use maco, fourier or pixel"),
    (("--logits", "0", "--method", "pixel", "--compat", "paper"), "is a way to draw MACO"),
    (("--logits", "0", "--seeds", "0"), "--seeds is 0"),
    (("--logits", "0", "--out", "-"), "visualize writes a folder"),
    (("--logits", "0", "--keep", "-1"), "--keep is -1"),
    (("--logits", "0", "--accentuate", "none.png"), "none.png"),
    (("--logits", "0", "--accentuate", "p.png", "--keep-layer", "bdy"), "no such layer"),
    (("--logits", "0", "--batch-size", "x"), "--batch-size is 'x'"),
)


@pytest.mark.parametrize(("more", "said"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_cannot_be_used_is_named_and_nothing_is_written(desk, capsys, more, said):
    np.save("five.npy", np.ones(5, dtype=np.float32))
    write_photo(desk / "p.png")
    assert run(command(*more)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert said in captured.err
    assert not Path("run").exists()


def test_settings_of_the_api():
    with pytest.raises(UsageError, match="--judge: a came twice"):
        settings(judges=("a", "a"))
    with pytest.raises(UsageError, match="--batch-size is 0"):
        settings(batch_size=0)
    assert settings().settings()["keep"] is None


def test_help_says_what_every_option_is_for(capsys):
    assert run(["visualize", "--help"]) == 0
    text = capsys.readouterr().out
    for option in ("--logits", "--heads", "--accentuate", "--sums"):
        assert option in text
