import itertools

import pytest

from macoaudit.report.charts import LABEL_GAP_PX, STYLES, line_chart, top_of_axis


@pytest.mark.parametrize(
    ("largest", "end", "labels"),
    [
        (0.0, 1.0, ["0.0", "0.5", "1.0"]),
        (-2.0, 1.0, ["0.0", "0.5", "1.0"]),
        (0.3, 0.5, ["0.00", "0.25", "0.50"]),
        (0.5, 0.5, ["0.00", "0.25", "0.50"]),
        (0.501, 1.0, ["0.0", "0.5", "1.0"]),
        (0.013, 0.02, ["0.000", "0.010", "0.020"]),
        (7.0, 10.0, ["0", "5", "10"]),
    ],
)
def test_the_axis_holds_the_largest_value_and_its_numbers_are_exact(largest, end, labels):
    assert top_of_axis(largest)[0] == pytest.approx(end)
    chart = line_chart("t", ["a", "b"], [("x", [0.0, largest])])
    assert [tick.label for tick in chart.y_ticks] == labels


def test_points_are_in_proportion_to_their_values():
    values = [0.0, 0.25, 0.5, 1.0]
    chart = line_chart("t", list("abcd"), [("x", values)], top=1.0)
    ys = [float(y) for _, y in chart.lines[0].marks]
    zero, one = float(chart.y_ticks[0].at), float(chart.y_ticks[2].at)
    assert ys == pytest.approx([zero + v * (one - zero) for v in values], abs=0.11)
    xs = [float(x) for x, _ in chart.lines[0].marks]
    assert [float(tick.at) for tick in chart.x_ticks] == xs
    gaps = [b - a for a, b in itertools.pairwise(xs)]
    assert gaps == pytest.approx([gaps[0]] * 3, abs=0.11)
    assert gaps[0] > 0
    assert chart.lines[0].path == " ".join(f"{x},{y}" for x, y in chart.lines[0].marks)


def test_a_missing_value_has_no_point_and_a_negative_one_lies_on_the_axis():
    chart = line_chart("t", list("abc"), [("x", [0.5, None, -0.1]), ("y", [None, None, None])])
    assert len(chart.lines[0].marks) == 2
    assert chart.lines[0].marks[1][1] == chart.bottom
    assert chart.lines[1].marks == ()


def test_names_do_not_overlap_and_stay_in_the_drawing():
    series = [(f"line {n}", [0.5, 0.001 * n]) for n in range(8)]
    chart = line_chart("t", ["a", "b"], series, top=1.0)
    at = sorted(float(line.label_y) for line in chart.lines)
    assert all(b - a >= LABEL_GAP_PX - 0.11 for a, b in itertools.pairwise(at))
    assert at[-1] <= float(chart.height)
    assert at[0] >= 0


def test_no_two_styles_share_colour_or_class():
    assert len({style[0] for style in STYLES}) == len({style[1] for style in STYLES}) == len(STYLES)
