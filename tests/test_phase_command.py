"""``macoaudit phase``: what it writes, prints and refuses."""

import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import write_card, write_photo
from PIL import Image

from macoaudit.cli.main import run
from macoaudit.images import read_image, square_crop
from macoaudit.power import high_frequency_share
from macoaudit.report.charts import STYLES
from macoaudit.report.power_chart import Curve, power_svg
from macoaudit.report.sheet import contact_sheet

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures of different sizes, a small one, and a broken one."""
    monkeypatch.chdir(tmp_path)
    write_photo(tmp_path / "a.png", 0, (48, 64))
    write_photo(tmp_path / "b.png", 1, (80, 56))
    write_photo(tmp_path / "small.png", 2, (31, 90))
    (tmp_path / "broken.png").write_bytes(b"nothing")
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], *said: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr that holds all that is said."""
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert "internal error" not in captured.err
    for words in said:
        assert words in captured.err


def values(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture).astype(float) / 255


class TestSwap:
    def test_two_sizes_become_the_smaller_square(self, desk, capsys):
        assert run(["phase", "swap", "a.png", "b.png", "-o", "out"]) == 0
        names = {"swap-a.png", "swap-b.png", "swap-phase-a.png", "swap-phase-b.png"}
        assert {path.name for path in Path("out").iterdir()} == {*names, "swap-sheet.png"}
        assert {values(Path("out") / name).shape for name in names} == {(48, 48, 3)}
        crop = square_crop(read_image(Path("b.png")), 48)
        assert crop is not None
        assert np.allclose(values(Path("out/swap-b.png")), crop.permute(1, 2, 0).numpy())
        assert "central square, 48 px" in capsys.readouterr().err

    def test_written_pictures_hold_phase_and_magnitude_as_they_say(self, desk):
        """Two faint pictures, so that nothing is clipped: only rounding is left."""
        for name, seed in (("c.png", 3), ("d.png", 4)):
            rng = np.random.default_rng(seed)
            faint = rng.integers(118, 138, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(faint).save(name)
        assert run(["phase", "swap", "c.png", "d.png", "-o", "out"]) == 0
        made, phase, other = (
            np.fft.fft2(values(Path(name)), axes=(0, 1))
            for name in ("out/swap-phase-a.png", "c.png", "d.png")
        )
        assert np.abs(np.abs(made) - np.abs(other)).mean() < 0.1 * np.abs(other)[1:].mean()
        strong = np.abs(other) > np.quantile(np.abs(other), 0.5)
        assert np.cos(np.angle(made) - np.angle(phase))[strong].mean() > 0.99

    def test_a_picture_with_itself_comes_back_and_nothing_is_clipped(self, desk, capsys):
        assert run(["phase", "swap", "a.png", "a.png", "-o", "out"]) == 0
        original = Path("out/swap-a.png").read_bytes()
        assert Path("out/swap-phase-a.png").read_bytes() == original
        assert Path("out/swap-phase-b.png").read_bytes() == original
        said = capsys.readouterr().err
        assert said.count("correlation 1.00 with A, 1.00 with B; 0.0 % of the values") == 2

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["a.png", "nowhere.png"], ("nowhere.png: cannot be read",)),
            (["a.png", "broken.png"], ("broken.png: is no readable",)),
            (["a.png", "small.png"], ("small.png: its shorter side is 31 px", "need 32 px")),
            (["a.png", "b.png", "--size", "49"], ("a.png", "48 px, 49 px were asked for")),
            (["a.png", "b.png", "--size", "31"], ("31 px were asked for", "--size")),
            (["a.png", "b.png", "-o", "a.png"], ("--output a.png: is a file",)),
            (["a.png"], ("B", "phase swap --help")),
        ],
    )
    def test_what_cannot_be_used(self, desk, capsys, arguments, said):
        before = sorted(desk.rglob("*"))
        refused(capsys, ["phase", "swap", "-o", "out", *arguments], *said)
        assert sorted(desk.rglob("*")) == before

    def test_a_source_is_never_replaced(self, desk, capsys):
        Path("out").mkdir()
        write_photo(Path("out/swap-a.png"), 5, (40, 40))
        before = Path("out/swap-a.png").read_bytes()
        refused(
            capsys,
            ["phase", "swap", "out/swap-a.png", "b.png", "-o", "out"],
            "out/swap-a.png would be replaced",
        )
        assert Path("out/swap-a.png").read_bytes() == before


class TestNatural:
    def test_it_writes_what_it_says_and_the_same_again(self, desk, capsys):
        assert run(["phase", "natural", "a.png", "-o", "one"]) == 0
        assert capsys.readouterr().err.count("% of the values clipped") == 3
        assert run(["phase", "natural", "a.png", "-o", "two"]) == 0
        assert run(["phase", "natural", "a.png", "-o", "three", "--seed", "1"]) == 0
        for path in Path("one").iterdir():
            again = Path("two", path.name).read_bytes() == path.read_bytes()
            other = Path("three", path.name).read_bytes() == path.read_bytes()
            assert again
            by_chance = "random" in path.name or "noise" in path.name or "sheet" in path.name
            assert other != by_chance

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["small.png"], ("small.png: its shorter side is 31 px",)),
            (["a.png", "--seed", "-1"], ("--seed is -1; use 0 or more",)),
            (["a.png", "--spectrum", "b.png"], ("b.png is not a readable macoaudit spectrum",)),
        ],
    )
    def test_what_cannot_be_used(self, desk, capsys, arguments, said):
        refused(capsys, ["phase", "natural", "-o", "out", *arguments], *said)
        assert not Path("out").exists()


@pytest.fixture
def folders(desk: Path) -> Path:
    """Smooth natural images, and noise."""
    rng = np.random.default_rng(0)
    for index in range(6):
        noise = rng.random((64, 64, 3))
        smooth = sum(np.roll(noise, (y, x), (0, 1)) for y in range(9) for x in range(9)) / 81
        for folder, picture in (("natural", smooth), ("noise", noise)):
            Path(folder).mkdir(exist_ok=True)
            image = Image.fromarray((picture * 255).round().astype(np.uint8))
            image.save(Path(folder, f"{index}.png"))
    return desk


class TestLeakage:
    def leakage(self, capsys, *arguments: str) -> dict:
        assert run(["phase", "leakage", *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    def test_the_numbers_are_those_of_the_pictures(self, folders, capsys):
        document = self.leakage(capsys, "noise", "--reference", "natural")
        reference, noise = document["series"]
        assert (reference["name"], noise["name"]) == ("reference: natural", "noise")
        assert (reference["reference"], noise["reference"]) == (True, False)
        crops = [square_crop(read_image(p), 64) for p in sorted(Path("noise").iterdir())]
        shares = high_frequency_share(torch.stack([c for c in crops if c is not None]), 0.25)
        assert noise["share_above"]["mean"] == pytest.approx(float(shares.mean()))
        assert noise["share_above"]["largest"] == pytest.approx(float(shares.max()))
        assert noise["share_above"]["mean"] == pytest.approx(1 - np.pi / 16, abs=0.01)
        assert reference["share_above"]["mean"] < 0.1
        assert reference["energy_above_to_reference"] == 1
        assert noise["energy_above"] == pytest.approx(noise["contrast_rms"] ** 2 * 0.804, rel=0.02)
        assert len(document["frequencies_cycles_per_px"]) == len(noise["power"]) == 32
        assert document["notes"] == []

    def test_a_run_gives_the_pictures_that_it_drew(self, desk, capsys):
        write_card(desk)
        drawn = ["visualize", "--model", "net.toml", "--logits", "0-2", "--steps", "2", "--judge"]
        assert run([*drawn, "none", "--format", "none", "--device", "cpu", "--out", "r"]) == 0
        capsys.readouterr()
        for place in ("r", "r/results.json"):
            document = self.leakage(capsys, place, "--reference", "a.png")
            assert document["side_px"] == 32
            assert [one["n_pictures"] for one in document["series"]] == [1, 3]
            assert document["series"][1]["name"] == "r"

    def test_chart_sheet_and_table(self, folders, capsys):
        arguments = ["phase", "leakage", "noise", "a.png", "--reference", "natural"]
        assert run([*arguments, "-o", "x/c.svg", "--sheet", "x/s.png"]) == 0
        captured = capsys.readouterr()
        assert "energy above 0.25" in captured.out
        assert captured.err.splitlines()[-2:] == ["x/c.svg", "x/s.png"]
        assert "48 px" in captured.err  # all were reduced to the smallest picture, and it is said
        root = ET.fromstring(Path("x/c.svg").read_text())
        strokes = {path.get("stroke") for path in root.iter(f"{SVG}path")}
        assert {color for _, color, _ in STYLES[:3]} <= strokes
        assert len([p for p in root.iter(f"{SVG}path") if p.get("fill-opacity")]) == 1
        words = [text.text for text in root.iter(f"{SVG}text")]
        assert {"reference: natural", "noise", "a", "above 0.25"} <= set(words)
        with Image.open("x/s.png") as sheet:
            assert sheet.size[0] == 12 + 6 * (144 + 12)

    def test_one_colour_has_no_share_and_no_infinite_number(self, folders, capsys):
        Path("flat").mkdir()
        Image.new("RGB", (64, 64), (9, 90, 200)).save("flat/one.png")
        document = self.leakage(capsys, "flat", "--reference", "natural")
        flat = document["series"][1]
        assert flat["share_above"] == {"mean": None, "least": None, "largest": None, "n_without": 1}
        assert run(["phase", "leakage", "natural", "--reference", "flat", "-o", "c.svg"]) == 0
        assert " - " in capsys.readouterr().out.replace("│", " ")

    def test_what_is_left_out_is_said(self, folders, capsys):
        Path("noise/broken.png").write_bytes(b"")
        write_photo(Path("natural/small.png"), 4, (40, 40))
        document = self.leakage(capsys, "noise", "--reference", "natural")
        assert [one["n_pictures"] for one in document["series"]] == [6, 6]
        assert "reference: natural: 1 images left out" in document["notes"][1]
        assert "noise: 1 pictures left out" in document["notes"][0]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["noise"], ("--reference",)),
            (["noise", "--reference", "nowhere"], ("--reference: nowhere cannot be found",)),
            (["nowhere", "--reference", "natural"], ("nowhere cannot be found",)),
            (["broken.png", "--reference", "natural"], ("none of broken can be used",)),
            (["noise", "--reference", "broken.png"], ("--reference: none of 1 images",)),
            (["noise", "--reference", "natural", "--size", "65"], ("64 px, 65 px",)),
            (["small.png", "--reference", "natural"], ("31 px", "need 32 px")),
            (["noise", "--reference", "natural", "--above", "0.5"], ("--above is 0.5",)),
            (["noise", "--reference", "natural", "--above", "nan"], ("--above is nan",)),
            (["noise", "--reference", "natural", "--border", "x"], ("--border is 'x'",)),
            (["noise", "--reference", "natural", "-o", "c.png"], ("--output c.png", ".svg")),
            (["noise", "--reference", "natural", "--sheet", "c.svg"], ("--sheet c.svg", ".png")),
            (["noise"] * 6 + ["--reference", "natural"], ("6 runs and folders came",)),
            (["noise", "--reference", "natural", "-o", "a.png/c.svg"], ("a.png/c.svg",)),
        ],
    )
    def test_what_cannot_be_used(self, folders, capsys, arguments, said):
        before = sorted(folders.rglob("*"))
        refused(capsys, ["phase", "leakage", *arguments], *said)
        assert sorted(folders.rglob("*")) == before


class TestDrawing:
    def test_a_power_law_is_a_straight_line(self):
        frequencies = tuple(2.0**-k for k in range(6, 0, -1))
        power = tuple(f**-2 for f in frequencies)
        root = ET.fromstring(power_svg([Curve("a & b", frequencies, power)], 0.25))
        (line,) = [p for p in root.iter(f"{SVG}path") if p.get("stroke") == STYLES[0][1]]
        pairs = [pair.split() for pair in re.split("[ML]", line.attrib["d"])[1:]]
        points = np.array(pairs, dtype=float)
        steps = np.diff(points, axis=0)
        assert np.allclose(steps, steps[0], atol=0.11)
        assert steps[0, 0] > 0  # to the right
        assert steps[0, 1] > 0  # and down
        (marked,) = [p for p in root.iter(f"{SVG}path") if p.get("stroke") == "#7d8792"]
        at = re.match(r"M([\d.]+) ", marked.attrib["d"])
        assert float(at[1]) == pytest.approx(points[-2, 0], abs=0.11)
        assert "a & b" in [text.text for text in root.iter(f"{SVG}text")]

    def test_a_sheet_holds_its_pictures_pixel_by_pixel(self):
        one, other = torch.rand(2, 3, 150, 160, generator=torch.Generator().manual_seed(0))
        content = contact_sheet([[(one, ("a", "b")), (other, ("x" * 99,))], [(other, ())]])
        sheet = np.asarray(Image.open(io.BytesIO(content)))
        assert sheet.shape == (12 + 150 + 40 + 12 + 150 + 12, 12 + 2 * 172, 3)
        for picture, top, left in ((one, 12, 12), (other, 12, 184), (other, 214, 12)):
            found = sheet[top : top + 150, left : left + 160]
            assert np.array_equal(found, (picture * 255).round().permute(1, 2, 0).numpy())
        caption = sheet[162:202, 184:]
        assert (caption < 128).any()
        assert (caption[:, 160:] == 255).all()  # cut to the picture's width
