"""The command line as a user meets it: messages, exit codes, streams, signals, files."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from networks import write_card, write_flat, write_photo
from PIL import Image
from safetensors.torch import save_file

import macoaudit
from macoaudit.cli.main import run
from macoaudit.models import import_timm
from macoaudit.spectrum import load_spectrum

TESTS = Path(__file__).parent
ROOT = Path(macoaudit.__file__).parents[1]
HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "new\nline.png",
    "[red]bold[red].png",
    "bidi\u202egnp.exe.png",
    "escape\x1b[31m.png",
    "x" * 200 + ".png",
)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with three photographs and the card of a small network."""
    monkeypatch.chdir(tmp_path)
    for index in range(3):
        write_photo(tmp_path / "photos" / f"p{index}.png", index)
    write_card(tmp_path)
    return tmp_path


def invert(*more: str, photos: str = "photos", out: str = "run") -> list[str]:
    """A short run; later options win over the first ones."""
    base = ["invert", photos, "--model", "net.toml", "--steps", "2", "--seeds", "1"]
    base += ["--format", "none", "--out", out, "--device", "cpu", "--no-measures"]
    return [*base, *more]


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], *said: str) -> str:
    """Exit code 2, nothing on stdout, one line on stderr that holds all that is said."""
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith("macoaudit: ")
    assert "internal error" not in captured.err
    for words in said:
        assert words in captured.err
    return captured.err


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join((str(ROOT), str(TESTS)))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more}


def program(*arguments: str, cwd: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "macoaudit", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment(**more), capture_output=True, text=True, check=False
    )


def document(out: Path) -> str:
    record = json.loads((out / "results.json").read_text())
    del record["volatile"]
    return json.dumps(record, sort_keys=True)


def pictures(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.png"))}


class TestHelp:
    def test_it_needs_neither_torch_nor_timm(self, tmp_path):
        code = (
            "import sys\nfrom macoaudit.cli.main import run\n"
            "for command in ([], ['invert'], ['report'], ['models'], ['spectrum'],"
            "        ['phase'], ['phase', 'swap'], ['phase', 'natural'], ['phase', 'leakage'],"
            "        ['audit'], ['policy'], ['policy', 'init'], ['policy', 'check']):\n"
            "    assert run([*command, '--help']) == 0\n"
            "assert run(['invert', 'x', '--model', 'y', '--batch-size', '0']) == 2\n"
            "print({'torch', 'timm', 'weasyprint', 'jinja2'} & set(sys.modules), file=sys.stderr)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment(), capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert done.stderr.splitlines()[-1] == "set()"

    def test_every_option_says_what_it_is_for(self, capsys):
        assert run(["invert", "--help"]) == 0
        shown = capsys.readouterr().out
        for option in ("--model", "--out", "--seeds", "--batch-size", "--resume", "--max-bad"):
            assert option in shown
        assert "[default: penultimate]" in " ".join(shown.split())

    def test_without_a_command_the_help_is_shown(self, capsys):
        assert run([]) == 2
        assert "Commands:" in capsys.readouterr().err

    def test_version(self, capsys):
        assert run(["--version"]) == 0
        assert capsys.readouterr().out == f"macoaudit {macoaudit.__version__}\n"


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["invrt"], ("invrt", "Did you mean 'invert'")),
            (["invert"], ("IMAGES", "macoaudit invert --help")),
            (["invert", "photos"], ("--model", "macoaudit invert --help")),
            (invert("--shard", "1/2"), ("--shard",)),
            (invert("--steps", "0"), ("steps is 0; use at least 1",)),
            (invert("--steps", "many"), ("--steps", "valid integer")),
            (invert("--seeds", "0"), ("--seeds is 0; use at least 1",)),
            (invert("--seed", "-1"), ("--seed is -1; use 0 or more",)),
            (invert("--batch-size", "x"), ("--batch-size is 'x'", "'auto' or a number")),
            (invert("--batch-size", "0"), ("--batch-size is '0'",)),
            (invert("--batch-size", "²"), ("--batch-size is '²'",)),
            (invert("--device", "gpu"), ("--device is 'gpu'; use auto, cpu",)),
            (invert("--precision", "fp16"), ("--precision is 'fp16'; use auto, fp32 or bf16",)),
            (invert("--compat", "lucid"), ("--compat is 'lucid'; use one of", "horama")),
            (invert("--format", "svg"), ("--format is 'svg'; use html, pdf",)),
            (invert("--format", "none,html"), ("--format is 'none,html'",)),
            (invert("--max-bad", "few"), ("--max-bad is 'few'; use a share such as 5%",)),
            (invert("--max-bad", "nan"), ("--max-bad is nan; use 0 to 1",)),
            (invert("--max-bad", "150%"), ("--max-bad is 1.5; use 0 to 1",)),
            (invert("--out", "-"), ("--out is '-'", "--format json")),
            (invert(photos="nowhere"), ("IMAGES: nowhere cannot be found", "Give an image")),
            (invert(photos="empty"), ("IMAGES: no image in empty", ".jpg")),
            (invert("--model", "none.toml"), ("none.toml: there is no such model card",)),
            (invert("--model", "resnet5O"), ("resnet5O", "resnet50")),
            (invert("--layer", "bdy"), ("--layer bdy", "no such layer", "body", "models net")),
            (invert("--spectrum", "no.st"), ("spectrum: no.st is not a readable",)),
            (invert("--judge", "a", "--judge", "a"), ("--judge: a came twice",)),
            (invert("--judge", "a", "--judge", "none"), ("--judge: 'none' came with a",)),
            (invert("--measures", "--layers", "body,,x"), ("--layers is 'body,,x'", "commas")),
            (invert("--measures", "--layers", "body,body"), ("--layers is 'body,body'",)),
            (invert("--measures", "--layers", "bdy"), ("bdy", "no such layer", "body")),
            (invert("--layers", "body"), ("--no-measures came with a depth profile",)),
            (invert("--depth-profile"), ("--no-measures came with a depth profile",)),
            (invert("--neighbours", "0"), ("--neighbours is 0; use at least 1",)),
            (invert("--reference", "nowhere"), ("--reference: nowhere cannot be found",)),
            (invert("--reference", "empty"), ("--reference: no image in empty", ".jpg")),
            (invert("--out", "net.toml"), ("--out net.toml: is a file. Give a folder",)),
            (invert("--out", "net.toml/run"), ("--out", "net.toml/run", "cannot be")),
            (invert("--out", "photos/run"), ("--out photos/run: lies in the folder of images",)),
            (invert("--out", "foreign"), ("--out foreign: holds files that are not a run",)),
        ],
    )
    def test_what_cannot_be_used_is_named_and_nothing_is_written(
        self, desk, capsys, arguments, said
    ):
        (desk / "empty").mkdir()
        (desk / "foreign").mkdir()
        (desk / "foreign" / "letter.txt").write_text("mine")
        before = sorted(desk.rglob("*"))
        refused(capsys, arguments, *(word.replace("IMAGES", "images") for word in said)
                if arguments == ["invert"] else said)  # fmt: skip
        assert sorted(desk.rglob("*")) == before
        assert (desk / "foreign" / "letter.txt").read_text() == "mine"

    @pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
    def test_a_device_that_is_not_there(self, desk, capsys):
        refused(capsys, invert("--device", "cuda"), "--device is 'cuda'", "0 CUDA", "cpu")

    def test_no_usable_image(self, desk, capsys):
        for photo in (desk / "photos").iterdir():
            photo.write_bytes(b"nothing")
        refused(capsys, invert(), "IMAGES: none of 3 can be used", "p0.png")
        assert not (desk / "run").exists()

    def test_an_error_of_our_own_is_one_line_and_with_v_a_traceback(
        self, desk, capsys, monkeypatch
    ):
        from macoaudit import pipeline

        def wrong(_: object) -> None:
            raise ZeroDivisionError("two\nlines")

        monkeypatch.setattr(pipeline, "prepare", wrong)
        assert run(invert()) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "internal error: ZeroDivisionError: two lines. Run again with -v" in err
        assert run(invert("-v")) == 2
        assert "Traceback (most recent call last)" in capsys.readouterr().err

    def test_a_message_holds_nothing_that_a_terminal_would_obey(self, desk, capsys):
        err = refused(capsys, invert(photos="a\x1b[31m\u202e[red]b"), "[red]b", r"\x1b[31m\u202e")
        assert "\x1b" not in err


class TestModelCards:
    def weights(self, desk: Path, **shapes: int) -> str:
        tensors = {
            "body.0.weight": torch.ones(8, 3, 5, 5),
            "head.weight": torch.ones(shapes.get("classes", 4), 32),
            "head.bias": torch.zeros(shapes.get("classes", 4)),
        }
        save_file(tensors, desk / "w.safetensors")
        return 'weights = "w.safetensors"\n'

    def test_weights_that_do_not_fit(self, desk, capsys):
        write_card(desk, extra=self.weights(desk, classes=7))
        refused(capsys, invert(), "net.toml", "head.weight", "7", "4")

    def test_weights_with_another_digest(self, desk, capsys):
        write_card(desk, extra=self.weights(desk) + f'sha256 = "{"0" * 64}"')
        refused(capsys, invert(), "w.safetensors has sha256", "0" * 64, "Get the file again")

    def test_weights_that_are_no_safetensors_or_not_there(self, desk, capsys):
        write_card(desk, extra='weights = "w.safetensors"')
        refused(capsys, invert(), "w.safetensors")
        (desk / "w.safetensors").write_bytes(b"garbage")
        refused(capsys, invert(), "w.safetensors")
        refused(capsys, invert("--weights", "no-file.safetensors"), "no-file.safetensors")

    def test_labels_of_another_number(self, desk, capsys):
        (desk / "names.txt").write_text("ant\nbee\n")
        write_card(desk, extra='labels = "names.txt"')
        refused(capsys, invert(), "names.txt", "2", "4")

    def test_a_card_that_is_no_toml(self, desk, capsys):
        (desk / "net.toml").write_text("architecture = [")
        refused(capsys, invert(), "net.toml: cannot be read as TOML")

    def test_a_factory_that_fails_or_is_not_there(self, desk, capsys):
        write_card(desk, "broken")
        refused(capsys, invert(), "networks:broken", "no such recipe")
        write_card(desk, "Nothing")
        refused(capsys, invert(), "networks:Nothing", "cannot be imported")

    def test_a_timm_network_from_a_card_and_its_layers(self, desk, capsys):
        timm = import_timm()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = timm.create_model("test_resnet", num_classes=2)
        save_file(network.state_dict(), desk / "w.safetensors")
        (desk / "timm.toml").write_text(
            'architecture = "test_resnet"\nweights = "w.safetensors"\nnum_classes = 2\n'
            'labels = ["ant", "bee"]\n[preprocessing]\ninput_size = [3, 32, 32]\n'
        )
        arguments = invert("--model", "timm.toml", "--layer", "layer2", "--judge", "net.toml")
        assert run(arguments) == 0
        record = json.loads((desk / "run" / "results.json").read_text())
        assert record["model"]["layer"] == "layer2"
        assert {image["prediction"]["name"] for image in record["images"]} <= {"ant", "bee"}
        capsys.readouterr()
        refused(capsys, invert("--model", "timm.toml", "--layer", "layr2"), "layer2")


class TestInvert:
    def test_the_record_and_the_reports_are_written(self, desk, capsys):
        assert run(invert("--format", "html")) == 0
        captured = capsys.readouterr()
        assert captured.out == ""
        lines = captured.err.splitlines()
        assert lines[-3].startswith("complete: 3 of 3 images, mean similarity 0.")
        assert lines[-2:] == ["run/results.json", "run/report.html"]
        assert "p1.png" in captured.err
        assert "\x1b" not in captured.err  # no terminal, no colours and no bar
        assert sorted(p.name for p in (desk / "run").iterdir()) == [
            "images", "report.html", "results.json", "run.json", "units",
        ]  # fmt: skip

    def test_what_was_not_checked_is_said_with_each_reason_once(self, desk, capsys):
        assert run(invert("--judge", "none")) == 0
        lines = capsys.readouterr().err.splitlines()
        start = lines.index("8 checks were skipped:")  # two of the run, two of each of three images
        assert lines[start + 1].startswith("  plausibility: ")
        assert lines[start + 1].endswith(" (3 times)")
        assert lines[start + 2].startswith("  retention: ")
        assert lines[start + 3] == "  transfer: turned off with --judge none"
        assert lines[start + 4] == "  trust panel: not run: turned off with --no-measures"
        assert lines[start + 5].startswith("complete: 3 of 3 images")

    def test_measures_and_a_depth_profile(self, desk, capsys):
        options = ("--measures", "--no-trust", "--layers", "body.0, body", "--format", "json")
        assert run(invert(*options, "--judge", "none")) == 0
        captured = capsys.readouterr()
        record = json.loads(captured.out)
        assert record["trust"] == []
        assert record["config"]["layers"] == ["body.0", "body"]
        for image in record["images"]:
            layers = [point["layer"] for point in image["depth"]]
            assert layers == ["body.0", "body", "penultimate"]
            assert image["retention"]["n_seeds"] == 1
        assert "  trust panel: not run: turned off with --no-trust" in captured.err
        assert "other natural images are too few" in captured.err

    def test_a_judge_that_cannot_be_had_is_no_error(self, desk, capsys):
        assert run(invert("--judge", "none.toml")) == 0
        assert "judge none.toml: there is no such model card" in capsys.readouterr().err

    def test_quiet_prints_the_last_line_only(self, desk, capsys):
        assert run(invert("--quiet")) == 0
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1)
        assert captured.err.startswith("complete: 3 of 3 images")

    def test_json_goes_to_stdout_and_only_there(self, desk, capsys):
        assert run(invert("--format", "json", "--quiet")) == 0
        captured = capsys.readouterr()
        assert captured.out == (desk / "run" / "results.json").read_text()

    def test_a_bad_image_is_listed_with_the_reason(self, desk, capsys):
        (desk / "photos" / "broken.png").write_bytes(b"")
        assert run(invert()) == 0
        err = " ".join(capsys.readouterr().err.split())
        assert "complete: 3 of 4 images" in err
        assert "1 not usable" in err
        assert "broken.png" in err

    def test_too_many_bad_images_are_an_incomplete_run(self, desk, capsys):
        for name in ("a.png", "b.png"):
            (desk / "photos" / name).write_bytes(b"")
        assert run(invert("--quiet")) == 2
        assert capsys.readouterr().err.startswith("incomplete: 3 of 5 images")
        assert run(invert("--quiet", "--max-bad", "40%")) == 0

    def test_another_run_in_the_folder(self, desk, capsys):
        assert run(invert("--quiet")) == 0
        before = (desk / "run" / "results.json").read_bytes()
        capsys.readouterr()
        refused(capsys, invert("--seed", "1"), "--out run: holds another run", "--no-resume")
        assert (desk / "run" / "results.json").read_bytes() == before
        assert run(invert("--seed", "1", "--no-resume", "--quiet")) == 0
        assert (desk / "run" / "results.json").read_bytes() != before

    def test_a_report_that_cannot_be_written_is_said_and_the_run_kept(self, desk, capsys):
        (desk / "run").mkdir()
        assert run(invert("--quiet")) == 0
        (desk / "run" / "report.html").mkdir()
        capsys.readouterr()
        assert run(invert("--quiet", "--format", "html")) == 2
        err = capsys.readouterr().err
        assert "no report: run/report.html: cannot be written" in err
        assert json.loads((desk / "run" / "results.json").read_text())["status"] == "complete"

    def test_hostile_names_of_files_and_classes(self, desk, capsys):
        shutil.rmtree(desk / "photos")
        for index, name in enumerate(HOSTILE):
            write_photo(desk / "photos" / f"[b]{index}\u202e<i>" / name, index)
        assert run(invert("--format", "html")) == 0
        err = capsys.readouterr().err
        assert "\x1b" not in err
        assert "\u202e" not in err
        squeezed = err.replace("│", "").replace(" ", "").replace("\n", "")
        assert "<i>/[red]bold" in squeezed
        record = json.loads((desk / "run" / "results.json").read_text())
        assert [Path(image["path"]).name for image in record["images"]] == list(HOSTILE)
        for image in record["images"]:
            assert (desk / "run" / image["files"]["reference"]).is_file()
            assert set(image["id"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
        page = (desk / "run" / "report.html").read_text()
        assert "<img src=x onerror" not in page
        assert "\u202e" not in page

    def test_a_grey_network_with_a_grey_spectrum(self, desk, capsys):
        write_card(desk, channels=1)
        refused(capsys, invert(), "--spectrum: it has 3 channels", "--color grey", "1")
        measured = ["spectrum", "photos", "-o", "grey.st", "--size", "32", "--color", "grey"]
        assert run(measured) == 0
        assert run(invert("--spectrum", "grey.st", "--quiet", "--format", "html")) == 0
        record = json.loads((desk / "run" / "results.json").read_text())
        assert record["model"]["input_size"] == [1, 32, 32]
        assert record["summary"]["n_ok"] == 3

    def test_a_damaged_spectrum(self, desk, capsys):
        assert run(["spectrum", "photos", "-o", "s.st", "--size", "32", "--color", "identity"]) == 0
        capsys.readouterr()
        content = bytearray((desk / "s.st").read_bytes())
        content[-1] ^= 1
        (desk / "s.st").write_bytes(content)
        refused(capsys, invert("--spectrum", "s.st"), "s.st", "digest", "measure it again")
        (desk / "s.st").write_bytes(content[:200])
        refused(capsys, invert("--spectrum", "s.st"), "s.st is not a readable macoaudit spectrum")
        save_file({"magnitude": torch.ones(3)}, desk / "s.st")
        refused(capsys, invert("--spectrum", "s.st"), "s.st is not a readable macoaudit spectrum")
        refused(capsys, invert("--spectrum", "photos"), "photos is not a readable")


class TestReport:
    @pytest.fixture
    def finished(self, desk: Path, capsys: pytest.CaptureFixture[str]) -> Path:
        assert run(invert("--quiet")) == 0
        capsys.readouterr()
        return desk / "run"

    def test_it_renders_a_run_again(self, finished, capsys):
        assert run(["report", "run", "--format", "html"]) == 0
        assert capsys.readouterr().err == "run/report.html\n"
        page = (finished / "report.html").read_bytes()
        assert run(["report", "run/results.json", "--format", "html", "-q"]) == 0
        assert capsys.readouterr().err == ""
        assert (finished / "report.html").read_bytes() == page
        assert run(["report", "run", "--format", "html", "--no-js"]) == 0
        assert b"<script" not in (finished / "report.html").read_bytes()

    def test_both_by_default(self, finished, capsys):
        assert run(["report", "run"]) == 0
        assert capsys.readouterr().err == "run/report.html\nrun/report.pdf\n"
        assert (finished / "report.pdf").read_bytes().startswith(b"%PDF")

    @pytest.mark.parametrize("more", [[], ["-o", "-"]])
    def test_json_goes_to_stdout(self, finished, capsys, more):
        assert run(["report", "run", "--format", "json", *more]) == 0
        captured = capsys.readouterr()
        assert captured.out == (finished / "results.json").read_text()
        assert captured.err == ""

    def test_json_goes_to_a_file(self, finished, capsys):
        assert run(["report", "run", "--format", "json", "-o", "copy/record.json"]) == 0
        copy = finished.parent / "copy" / "record.json"
        assert copy.read_text() == (finished / "results.json").read_text()

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["report", "run", "--format", "none"], ("--format is 'none'; name a format",)),
            (["report", "run", "-o", "x.html"], ("--output x.html: only json",)),
            (["report", "nowhere"], ("nowhere: there is no results.json", "Give a run folder")),
            (["report", "photos"], ("photos: there is no results.json",)),
        ],
    )
    def test_what_cannot_be_used(self, finished, capsys, arguments, said):
        refused(capsys, arguments, *said)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("", None, "truncated or was edited"),
            ('"similarity": 0.', '"similarity": NaN, "x": 0.', "truncated or was edited"),
            ('"schema_version": 1', '"schema_version": 9', "schema_version is 9"),
            ('"status": "ok"', '"state": "ok"', "does not fit schema version 1"),
            ('"status": "ok"', '"status": "fine"', "does not fit"),
            ('"similarity": 0.', '"similarity": "high", "label": 0.', "does not fit"),
        ],
    )
    def test_a_record_that_was_cut_or_edited(self, finished, capsys, old, new, said):
        text = (finished / "results.json").read_text()
        assert old in text
        text = text[: len(text) // 2] if new is None else text.replace(old, new, 1)
        (finished / "results.json").write_text(text)
        refused(capsys, ["report", "run", "--format", "html"], "results.json", said)
        assert not (finished / "report.html").exists()

    def test_edits_are_found_without_the_checks_of_the_tests_too(self, finished):
        text = (finished / "results.json").read_text()
        edits = (('"status": "ok"', '"status": "fine"'), ('"seed": 0', '"seed": "0"'))
        for old, new in edits:
            assert old in text
            (finished / "results.json").write_text(text.replace(old, new, 1))
            done = program("report", "run", "--format", "html", cwd=finished.parent)
            assert done.returncode == 2
            assert "does not fit schema version 1" in done.stderr
            assert done.stderr.count("\n") == 1

    def test_an_incomplete_run_is_rendered_and_said_to_be_one(self, desk, capsys):
        for name in ("a.png", "b.png"):
            (desk / "photos" / name).write_bytes(b"")
        assert run(invert("--quiet")) == 2
        capsys.readouterr()
        assert run(["report", "run", "--format", "html"]) == 2
        assert "the run is incomplete" in capsys.readouterr().err
        assert "Incomplete" in (desk / "run" / "report.html").read_text()


class TestModels:
    def test_names(self, capsys):
        assert run(["models"]) == 0
        shown = capsys.readouterr().out
        for name in ("demo", "vit_base", "hf-hub:OWNER/NAME", "card.toml"):
            assert name in shown

    def test_the_facts_and_layers_of_one(self, desk, capsys):
        assert run(["models", "net.toml"]) == 0
        shown = capsys.readouterr().out
        assert "3 x 32 x 32" in shown
        assert "classes      4" in shown
        for words in ("body.0", "Conv2d", "8 x 10 x 10", "penultimate"):
            assert words in shown
        assert "…" not in shown  # not cut to the width of a terminal that is not there

    def test_what_cannot_be_had(self, desk, capsys):
        refused(capsys, ["models", "resnet5O"], "resnet50")
        refused(capsys, ["models", "none.toml"], "no such model card")


class TestSpectrum:
    def test_it_measures_what_its_images_hold(self, desk, capsys):
        arguments = ["spectrum", "photos", "-o", "new/s.st", "--size", "32", "--source", "noise"]
        assert run(arguments) == 0
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "3 images at 32 px, 0 left out" in captured.err
        spectrum = load_spectrum(desk / "new" / "s.st")
        assert (spectrum.size, spectrum.n_images) == ((32, 32), 3)
        assert spectrum.recipe["source"] == "noise"
        assert spectrum.digest in captured.err

    def test_small_and_broken_images_are_left_out(self, desk, capsys):
        write_photo(desk / "photos" / "small.png", 7, (31, 90))
        (desk / "photos" / "broken.png").write_bytes(b"")
        arguments = ["spectrum", "photos", "-o", "s.st", "--size", "32", "--color", "identity"]
        assert run(arguments) == 0
        assert "3 images at 32 px, 2 left out (first: broken.png" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            (["--size", "31"], ("--size is 31; use 32 or more",)),
            (["--color", "lab"], ("--color is 'lab'; use 'measured'",)),
            (["--border", "soft"], ("--border is 'soft'; use 'raw' or 'periodic'",)),
            (["--size", "64"], ("none of 3 images", "64 px or more", "p0.png")),
            (["-o", "photos"], ("--output photos: is a folder",)),
            (["-o", "net.toml/s.st"], ("net.toml/s.st", "--output")),
        ],
    )
    def test_what_cannot_be_used(self, desk, capsys, more, said):
        before = sorted(desk.rglob("*"))
        refused(capsys, ["spectrum", "photos", "-o", "s.st", "--size", "32", *more], *said)
        assert sorted(desk.rglob("*")) == before

    def test_grey_images_have_no_colours_to_decorrelate(self, desk, capsys):
        for index in range(3):
            path = desk / "photos" / f"p{index}.png"
            Image.open(path).convert("L").save(path)
        arguments = ["spectrum", "photos", "-o", "s.st", "--size", "32"]
        refused(capsys, arguments, "do not vary in every channel", "identity")
        assert not (desk / "s.st").exists()
        assert run([*arguments, "--color", "grey"]) == 0
        assert load_spectrum(desk / "s.st").magnitude.shape == (1, 32, 17)


class TestProgram:
    """The command as another program starts it."""

    def start(self, desk: Path, *more: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "macoaudit", *invert("--batch-size", "1", *more)]
        return subprocess.Popen(
            command,
            cwd=desk,
            env=environment(),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # A test run in the background of a shell would hand an ignored SIGINT down.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    @pytest.mark.parametrize(
        ("sent", "code", "said"),
        [
            (signal.SIGINT, 130, "macoaudit: interrupted; finished images are kept"),
            (signal.SIGTERM, 143, "macoaudit: terminated; finished images are kept"),
            (signal.SIGKILL, -9, None),
        ],
    )
    def test_a_signal_keeps_what_is_finished_and_the_same_command_goes_on(
        self, desk, capsys, sent, code, said
    ):
        write_card(desk, sleep_s=0.05)  # a network slow enough to be interrupted
        process = self.start(desk)
        units, deadline = desk / "run" / "units", time.monotonic() + 60
        while not list(units.glob("*.json")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(sent)
        out, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        assert out == ""
        if said is None:
            assert not (desk / "run" / "results.json").exists()
        else:
            assert err.startswith(said)
            assert err.count("\n") == 1
            record = json.loads((desk / "run" / "results.json").read_text())
            assert record["status"] == "incomplete"
            assert record["images"][-1]["status"] == "skipped"
        finished = {path: path.stat().st_mtime_ns for path in units.glob("*.json")}
        assert 1 <= len(finished) < 3
        assert run(invert("--batch-size", "1", "-q")) == 0
        assert run(invert("--batch-size", "1", "-q", out="whole")) == 0
        assert {path: path.stat().st_mtime_ns for path in finished} == finished
        assert len(list(units.glob("*.json"))) == 3
        assert document(desk / "run") == document(desk / "whole")
        assert pictures(desk / "run") == pictures(desk / "whole")

    def test_streams_and_exit_codes(self, desk):
        done = program(*invert("--format", "json", "-q"), cwd=desk)
        assert done.returncode == 0
        assert json.loads(done.stdout)["status"] == "complete"
        assert done.stderr.startswith("complete: 3 of 3 images")
        done = program(*invert("--steps", "0"), cwd=desk)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        "arguments", [["models", "net.toml"], ["report", "run", "--format=json"]]
    )
    def test_a_reader_that_has_seen_enough_is_no_finding(self, desk, arguments):
        if arguments[0] == "report":
            assert run(invert("-q")) == 0
        command = [sys.executable, "-m", "macoaudit", *arguments]
        process = subprocess.Popen(
            command, cwd=desk, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        process.stdout.close()
        err = process.stderr.read().decode()
        process.stderr.close()
        assert (process.wait(timeout=60), err) == (2, "")

    @pytest.mark.parametrize(("colour", "escapes"), [({}, True), ({"NO_COLOR": "1"}, False)])
    def test_colours_on_a_terminal_unless_they_are_not_wanted(self, desk, colour, escapes):
        own, other = pty.openpty()
        variables = environment(TERM="xterm-256color", **colour)
        if escapes:
            variables.pop("NO_COLOR", None)
        process = subprocess.Popen(
            [sys.executable, "-m", "macoaudit", *invert("--steps", "0")],
            cwd=desk, env=variables, stderr=other, stdout=subprocess.PIPE,
        )  # fmt: skip
        process.communicate(timeout=60)
        os.close(other)
        shown = os.read(own, 10_000).decode()
        os.close(own)
        assert process.returncode == 2
        assert "steps is 0" in shown
        assert ("\x1b[1;31m" in shown) == escapes

    def test_outside_the_main_thread(self, desk, capsys):
        import threading

        codes: list[Any] = []
        thread = threading.Thread(target=lambda: codes.append(run(invert("--quiet"))))
        thread.start()
        thread.join()
        assert codes == [0]


def test_one_failed_image_among_good_ones(desk, capsys):
    write_flat(desk / "photos" / "black.png", 0)
    assert run(invert()) == 0
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert "black.png failed" in shown
    assert "zero everywhere" in shown
