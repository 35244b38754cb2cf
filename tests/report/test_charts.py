import itertools

import pytest

from macoaudit.report.charts import (
    HEAT_COLORS,
    LABEL_GAP_PX,
    STYLES,
    HeatCell,
    heat_level,
    line_chart,
    spread_labels,
)


def test_places_are_equally_spaced_and_lines_keep_their_values():
    chart = line_chart("t", list("abc"), [("x", [0.5, None, -0.1]), ("y", [1.0, 2.0, 3.0])])
    assert chart.xs == (0.0, 1.0, 2.0)
    assert chart.x_names == ("a", "b", "c")
    assert [(line.name, line.values) for line in chart.lines] == [
        ("x", (0.5, None, -0.1)),
        ("y", (1.0, 2.0, 3.0)),
    ]
    assert chart.y_ends is None
    assert line_chart("t", ["a"], [], top=1.0).y_ends == (0.0, 1.0)


def test_more_lines_than_styles_begin_again():
    chart = line_chart("t", ["a"], [(str(n), [0.0]) for n in range(len(STYLES) + 1)])
    assert [line.style for line in chart.lines] == [*range(len(STYLES)), 0]


@pytest.mark.parametrize(
    "wanted", [[1.0, 1.0, 1.0], [90.0, 95.0, 99.0], [50.0, 3.0, 49.0], [0.0, 100.0]]
)
def test_labels_do_not_overlap_stay_inside_and_keep_their_order(wanted):
    placed = spread_labels(wanted, 0.0, 100.0)
    ordered = sorted(placed)
    assert all(b - a >= LABEL_GAP_PX - 1e-9 for a, b in itertools.pairwise(ordered))
    assert 0.0 <= ordered[0] <= ordered[-1] <= 100.0
    for i, j in itertools.combinations(range(len(wanted)), 2):
        if wanted[i] < wanted[j]:
            assert placed[i] < placed[j]


def test_labels_that_have_room_stay_where_they_are():
    assert spread_labels([10.0, 60.0, 30.0], 0.0, 100.0) == [10.0, 60.0, 30.0]


def test_no_two_styles_share_colour_or_class():
    assert len({style[0] for style in STYLES}) == len({style[1] for style in STYLES}) == len(STYLES)


@pytest.mark.parametrize(
    ("value", "flagged", "level"),
    [
        (-3.0, False, 0),
        (0.0, False, 0),
        (0.25, False, 1),
        (0.999, False, 3),
        (1.0, False, 4),
        (99.0, False, 4),
        (1.0, True, 5),
        (1.5, True, 6),
        (2.0, True, 7),
        (0.5, True, 5),
    ],
)
def test_a_colour_tells_the_ratio_and_whether_it_was_flagged(value, flagged, level):
    assert heat_level(HeatCell(value, "", flagged)) == level
    assert len(set(HEAT_COLORS)) == len(HEAT_COLORS) == 8
