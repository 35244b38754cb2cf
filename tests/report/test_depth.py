from dataclasses import replace

import pytest
from runs import make_run

from macoaudit.report.depth import depth_steps, depth_view
from macoaudit.results import DepthPoint, Retained, Skipped

SKIP = Skipped("top5", "too few classes")


def made(value):
    return Retained(value, None, None, 0.7, 0.2, 0.9, 0.015)


def images(tmp_path, *profiles):
    found = make_run(tmp_path, len(profiles)).images
    return tuple(
        replace(
            image,
            depth=tuple(
                DepthPoint(layer, 0.95, attributes, "images/x.png") for layer, attributes in profile
            ),
        )
        for image, profile in zip(found, profiles, strict=True)
    )


def test_numbers_are_means_over_the_images_that_have_them(tmp_path):
    found = images(
        tmp_path,
        [("a", {"color": made(0.2), "top5": SKIP}), ("b", {"color": made(0.4), "top5": SKIP})],
        [("a", {"color": made(0.6), "top5": SKIP}), ("b", {"color": SKIP, "top5": SKIP})],
        [],
    )
    view = depth_view(found)
    assert view.names == ("colours",)
    assert [(row.layer, row.n, row.cells) for row in view.rows] == [
        ("a", "2", ("0.40",)),
        ("b", "2", ("0.40 (n = 1)",)),
    ]
    assert view.note.startswith("2 images inverted at 2 layers")
    assert view.left_out == (
        "Left out, because not measured: the first five classes (too few classes)."
    )
    (chart,) = view.charts
    assert "colours: a 0.40, b 0.40." in chart.title
    assert chart.x_names == ("a", "b")
    assert chart.lines[0].values == pytest.approx((0.4, 0.4))
    assert chart.y_ends == (0.0, 1.0)


def test_each_attribute_is_one_line_and_octaves_have_their_own_chart(tmp_path):
    attributes = {"bands_2": made(0.3), "color": made(0.2), "bands_1": made(0.6)}
    view = depth_view(images(tmp_path, [("deep", attributes)]))
    assert [[line.name for line in chart.lines] for chart in view.charts] == [
        ["colours"],
        ["detail of 1 to 2 cycles per image", "detail of 2 to 4 cycles per image"],
    ]
    assert view.left_out is None


def test_layers_keep_the_order_of_the_network(tmp_path):
    found = images(
        tmp_path,
        [("z", {}), ("c", {})],
        [("z", {}), ("m", {"color": made(0.1)}), ("c", {}), ("a", {})],
    )
    assert [row.layer for row in depth_view(found).rows] == ["z", "m", "c", "a"]


def test_nothing_is_shown_without_a_profile(tmp_path):
    assert depth_view(images(tmp_path, [], [])) is None
    assert depth_view(()) is None


def test_all_attributes_skipped_leave_a_table_without_a_chart(tmp_path):
    view = depth_view(images(tmp_path, [("a", {"color": SKIP})]))
    assert view.charts == ()
    assert "colours (too few classes)" in view.left_out


def test_a_card_shows_each_layer_with_its_similarity(tmp_path):
    image = make_run(tmp_path, 1, measured=True).images[0]
    steps = depth_steps(image)
    assert [step.layer for step in steps] == [point.layer for point in image.depth]
    for step, point in zip(steps, image.depth, strict=True):
        assert step.picture.caption == f"{point.layer}: {point.similarity:.3f}"
        assert image.path in step.picture.alt
        assert step.picture.path == point.image
