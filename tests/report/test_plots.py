"""Plots by the library: the numbers of a drawing are read back from it by its own ticks."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from runs import HOSTILE

from macoaudit.errors import ReportError
from macoaudit.report.charts import (
    HEAT_COLORS,
    STYLES,
    Chart,
    HeatCell,
    HeatMap,
    Line,
    heat_level,
    line_chart,
)
from macoaudit.report.plot_svg import compact
from macoaudit.report.plots import plot_svg
from macoaudit.report.power_chart import Curve, power_svg
from macoaudit.report.templates import find_templates
from macoaudit.report.words import visible

SMALL = line_chart(
    "Effect of deletion",
    ["2 %", "5 %", "10 %", "20 %"],
    [
        ("retained", [0.02, 0.05, 0.09, 0.1875]),
        ("dropped", [0.01, 0.0125, None, 0.0625]),
        ("moved", [0.0, -0.5, 0.03, 0.03]),
    ],
    width_px=300.0,
    height_px=150.0,
    label_px=106.0,
)
HEAT = HeatMap(
    title="heat",
    rows=("one", "two"),
    columns=("patch transfer", "stamp", "masks"),
    cells=(
        (HeatCell(2.5, "2.50", True), HeatCell(0.5, "0.50"), HeatCell(None, "not made")),
        (HeatCell(0.0, "0.00"), HeatCell(None, "not made"), HeatCell(1.25, "1.25", True)),
    ),
    scale="effect / threshold",
)


class Drawing:
    """An SVG with its marks and their looks, groups resolved."""

    def __init__(self, item: Chart | HeatMap) -> None:
        self.source = str(plot_svg(item, "chart small"))
        self.root = ET.fromstring(self.source)
        self.marks: list[dict[str, str]] = []
        for element in self.root:
            inner = list(element) if element.tag == "g" else [element]
            shared = element.attrib if element.tag == "g" else {}
            for one in inner:
                text = {"text": one.text or ""}
                self.marks.append({"tag": one.tag, **shared, **one.attrib, **text})

    def all(self, tag: str, **looks: str) -> list[dict[str, str]]:
        return [
            mark
            for mark in self.marks
            if mark["tag"] == tag and all(mark.get(k) == v for k, v in looks.items())
        ]

    def words(self) -> list[str]:
        return [mark["text"] for mark in self.all("text")]

    def x(self, label: str) -> float:
        """Where a tick of the horizontal axis stands."""
        found = self.all("text", **{"text-anchor": "middle"})
        (at,) = [float(mark["x"]) for mark in found if mark["text"] == label]
        return at

    def y_of_number(self) -> dict[float, float]:
        """Height of each line of the grid, by the number that stands beside it."""
        grid = [
            float(y)
            for mark in self.all("path", stroke="#d9dee4")
            for y in re.findall(r"M[\d.]+ ([\d.]+)H", mark["d"])
        ]
        found = {}
        for mark in self.all("text", **{"text-anchor": "end"}):
            near = min(grid, key=lambda y: abs(y - float(mark["y"]) + 4))
            found[float(mark["text"])] = near
        assert len(set(found.values())) == len(found) == len(grid)
        return found


def scale(ticks: dict[float, float]):
    """From px to numbers, by the first and the last tick."""
    (low, y_low), (high, y_high) = min(ticks.items()), max(ticks.items())
    return lambda y: low + (high - low) * (y - y_low) / (y_high - y_low)


def points(path: str) -> list[tuple[float, float]]:
    """Corners of a path of straight lines."""
    found: list[tuple[float, float]] = []
    for command, numbers in re.findall(r"([MLHVz])([^MLHVz]*)", path):
        values = [float(number) for number in numbers.split()]
        if command in "ML":
            found.append((values[0], values[1]))
        elif command == "H":
            found.append((values[0], found[-1][1]))
        elif command == "V":
            found.append((found[-1][0], values[0]))
    return found


def test_points_have_the_values_that_the_ticks_say():
    drawing = Drawing(SMALL)
    number = scale(drawing.y_of_number())
    xs = [drawing.x(name) for name in SMALL.x_names]
    for line in SMALL.lines:
        color = STYLES[line.style][1]
        wanted = [(x, v) for x, v in zip(xs, line.values, strict=True) if v is not None]
        dots = [
            (float(dot["cx"]), number(float(dot["cy"])))
            for dot in drawing.all("circle", fill=color)
        ]
        assert [x for x, _ in dots] == pytest.approx([x for x, _ in wanted], abs=0.11)
        shown = [max(value, 0.0) for _, value in wanted]  # below 0 lies on the axis
        assert [value for _, value in dots] == pytest.approx(shown, abs=0.0004)
        (path,) = drawing.all("path", stroke=color)
        corners = [(x, number(y)) for x, y in points(path["d"])]
        assert [value for _, value in corners] == pytest.approx(shown, abs=0.0004)


def test_lines_are_told_apart_without_colour():
    drawing = Drawing(SMALL)
    dashes = [
        drawing.all("path", stroke=color)[0].get("stroke-dasharray") for _, color, _ in STYLES[:3]
    ]
    assert dashes[0] is dashes[1] is None
    assert dashes[2]
    assert {"retained", "dropped", "moved"} <= set(drawing.words())


def test_a_logarithmic_axis_has_its_decades_at_equal_steps():
    frequencies = (0.01, 0.1, 0.5)
    powers = (100.0, 1.0, 0.01)
    band = ((50.0, 0.5, 0.005), (200.0, 2.0, 0.02))
    source = power_svg([Curve("a & b", frequencies, powers, band)], 0.25).decode()
    root = ET.fromstring(source)
    space = "{http://www.w3.org/2000/svg}"
    ticks = {
        text.text: float(text.get("y"))
        for text in root.iter(f"{space}text")
        if re.fullmatch(r"1|1e-?\d+", text.text or "")
    }
    steps = [ticks["1"] - ticks["1e1"], ticks["1e-1"] - ticks["1"], ticks["1e-2"] - ticks["1e-1"]]
    assert steps == pytest.approx([steps[0]] * 3, abs=0.21)
    (line,) = [p for p in root.iter(f"{space}path") if p.get("stroke") == STYLES[0][1]]
    at = points(line.get("d"))
    assert [y for _, y in at] == pytest.approx(
        [at[1][1] - 2 * steps[0], at[1][1], at[1][1] + 2 * steps[0]], abs=0.3
    )
    assert (at[2][0] - at[1][0]) / (at[1][0] - at[0][0]) == pytest.approx(0.699, abs=0.01)
    (area,) = [p for p in root.iter(f"{space}path") if p.get("fill-opacity")]
    assert area.get("fill") == STYLES[0][1]
    assert "above 0.25" in source
    assert "a &amp; b" in source


def test_a_heat_cell_has_its_colour_and_its_number_and_a_missing_one_is_crossed_out():
    drawing = Drawing(HEAT)
    key = "#56606b"  # ink of the scale below
    inked = [mark for mark in drawing.all("text") if mark["fill"] != key]
    texts = [mark for mark in inked if re.match(r"\d\.\d\d", mark["text"])]
    assert sorted(mark["text"] for mark in texts) == ["0.00", "0.50", "1.25 ✗", "2.50 ✗"]
    for row, cells in enumerate(HEAT.cells):
        for cell in cells:
            if cell.value is None:
                continue
            (mark,) = [m for m in texts if m["text"].split()[0] == cell.text]
            x, y = float(mark["x"]), float(mark["y"])
            color = HEAT_COLORS[heat_level(cell)]
            boxes = [
                points(f"M{part}")
                for path in drawing.all("path", fill=color)
                for part in path["d"].split("M")[1:]
            ]
            inside = [
                box
                for box in boxes
                if min(p[0] for p in box) < x < max(p[0] for p in box)
                and min(p[1] for p in box) < y < max(p[1] for p in box)
            ]
            assert len(inside) == 1, (row, cell)
    crosses = drawing.all("path", stroke="#7d8792")
    strokes = sum(path["d"].count("M") for path in crosses)
    assert strokes == 2 + 1  # two cells, and the key that says what it means
    assert "not made" in drawing.words()
    assert not [m for m in texts if m["text"].startswith("nan")]


@pytest.mark.parametrize("item", [SMALL, HEAT], ids=["lines", "heat"])
def test_is_a_closed_drawing_with_a_name(item):
    drawing = Drawing(item)
    assert drawing.root.get("role") == "img"
    assert drawing.root.get("aria-label") == drawing.root[0].text == item.title
    assert drawing.root.get("class") == "chart small"
    for element in drawing.root.iter():
        assert not {"id", "href", "style", "clip-path", "onload"} & set(element.attrib)
        assert element.tag in ("svg", "title", "g", "path", "text", "circle")
    assert "url(" not in drawing.source
    assert "http" not in drawing.source
    assert "font-family" not in drawing.source


def test_hostile_names_stay_text():
    names = [visible(name) for name in HOSTILE] + ["$x$", "$\\frac{1}", "a\\nb"]
    chart = line_chart(names[0], names, [(name, [0.5] * len(names)) for name in names], top=1.0)
    heat = replace(HEAT, rows=tuple(names), cells=(HEAT.cells[0],) * len(names), title=names[1])
    for item in (chart, heat):
        drawing = Drawing(item)
        assert drawing.root[0].text == item.title
        words = drawing.words()
        for name in names:
            short = name[:14].strip()
            assert any(word.startswith(short) for word in words), name
        assert not [e for e in drawing.root.iter() if e.tag in ("script", "img")]


def test_equal_numbers_give_equal_bytes_in_any_process(tmp_path):
    """A file of settings of the user's changes nothing either."""
    (tmp_path / "matplotlibrc").write_text("font.size: 40\nlines.linewidth: 9\n")
    code = (
        "from test_plots import SMALL, HEAT\n"
        "from macoaudit.report.plots import plot_svg\n"
        "import sys\n"
        "sys.stdout.buffer.write((plot_svg(SMALL) + plot_svg(HEAT)).encode())"
    )
    here = Path(__file__).parent
    root = str(find_templates().parent)
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env={
            **os.environ,
            "PYTHONPATH": f"{root}{os.pathsep}{here}{os.pathsep}{here.parent}",
            "MPLCONFIGDIR": str(tmp_path),
            "PYTHONHASHSEED": "7",
        },
    )
    plot_svg.cache_clear()
    assert found.stdout == (plot_svg(SMALL) + plot_svg(HEAT)).encode()


def test_the_library_is_loaded_only_when_something_is_drawn():
    code = (
        "import sys, macoaudit, macoaudit.report.html, macoaudit.report.pdf\n"
        "assert not [name for name in sys.modules if name.startswith('matplotlib')]"
    )
    environment = {**os.environ, "PYTHONPATH": str(find_templates().parent)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_sizes_stay_small():
    layers = [f"stage {n}" for n in range(12)]
    series = [(f"attribute number {n}", [n / 10 + k / 40 for k in range(12)]) for n in range(6)]
    large = line_chart(
        "t" * 200, layers, series, top=1.0, width_px=540.0, height_px=230.0, label_px=190.0
    )
    cells = tuple(HeatCell(n / 3, f"{n / 3:.2f}", n > 4) for n in range(7))
    heat = HeatMap(
        "t", tuple(f"class {n}" for n in range(20)), tuple("abcdefg"), (cells,) * 20, "s"
    )
    assert len(plot_svg(SMALL)) < 3_000
    assert len(plot_svg(large)) < 7_000
    assert len(plot_svg(heat)) < 12_000


def test_every_colour_of_a_plot_follows_light_and_dark():
    css = (find_templates() / "report.css").read_text()
    curve = Chart(
        "t",
        (0.1, 0.2),
        tuple(Line(str(n), (0.1, 0.2), n) for n in range(len(STYLES))),
        marked=(0.15, "here"),
        x_label="x",
        y_label="y",
    )
    cells = tuple(
        HeatCell(v, "1", f) for f in (False, True) for v in (0.1, 0.3, 0.6, 0.9, 1.2, 1.7, 3.0)
    )
    heat = HeatMap("t", ("r",), tuple("abcdefghijklmn"), (cells,), "s")
    for item in (SMALL, HEAT, curve, heat):
        for name, color in re.findall(r'(fill|stroke)="(#[0-9a-f]+)"', plot_svg(item)):
            assert f'.chart [{name}="{color}"] {{ {name}: var(--' in css, (name, color)


def test_what_is_not_known_is_refused():
    start = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
    with pytest.raises(ReportError, match="wrote <image>"):
        compact(f"{start}<image/></svg>".encode(), "t")
    with pytest.raises(ReportError, match="wrote <use>"):
        compact(f"{start}<use/></svg>".encode(), "t")
    with pytest.raises(ReportError, match="path with 'C'"):
        compact(f'{start}<path d="M 0 0 C 1 1 2 2 3 3"/></svg>'.encode(), "t")


@pytest.mark.parametrize("values", [[], [None, None], [0.0, 0.0], [-1.0, None], [1e-7, 3e6]])
def test_odd_numbers_are_drawn(values):
    names = [str(n) for n in range(max(len(values), 1))]
    series = [("x", values or [None])]
    drawing = Drawing(line_chart("t", names, series))
    assert len(drawing.all("circle")) == sum(value is not None for value in values)
    assert "nan" not in drawing.source.lower()
