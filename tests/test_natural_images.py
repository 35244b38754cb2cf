"""Natural images from a folder: one item a file, in order, each reason named."""

from pathlib import Path

import pytest
import torch
from networks import write_flat, write_photo

from macoaudit.images import (
    NaturalImage,
    digest,
    find_images,
    preprocess,
    read_image,
    read_natural,
)
from macoaudit.preprocessing import Preprocessing
from macoaudit.results import Skipped

SMALL = Preprocessing((32, 24), 3, (0.0,) * 3, (1.0,) * 3, 0.9, "center", "bicubic")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_photo(tmp_path / "ant" / "a.png", 0)
    write_photo(tmp_path / "bee" / "b.png", 1)
    (tmp_path / "bee" / "broken.png").write_bytes(b"nothing")
    write_photo(tmp_path / "copy.png", 0)
    write_flat(tmp_path / "flat.png", 7)
    return tmp_path


def test_every_file_gives_one_item_in_order(folder):
    found = list(read_natural(find_images([folder]), SMALL))
    assert [type(item) for item in found] == [
        NaturalImage, NaturalImage, Skipped, Skipped, NaturalImage,
    ]  # fmt: skip
    images = [item for item in found if isinstance(item, NaturalImage)]
    assert [(item.path, item.label) for item in images] == [
        ("ant/a.png", "ant"), ("bee/b.png", "bee"), ("flat.png", None),
    ]  # fmt: skip
    for item in images:
        file = folder / item.path
        assert item.sha256 == digest(file.read_bytes())
        assert torch.equal(item.image_01, preprocess(read_image(file), SMALL))
        assert item.image_01.shape == (3, 32, 24)
    broken, copy = (item for item in found if isinstance(item, Skipped))
    assert broken.check == copy.check == "reference"
    assert broken.reason.startswith("bee/broken.png: is no readable")
    assert copy.reason == "copy.png: has the same bytes as ant/a.png"


def test_a_reason_without_the_name_gets_it(tmp_path):
    write_photo(tmp_path / "thread.png", 0, (4000, 1))
    narrow = Preprocessing((3000, 3000), 3, (0.0,) * 3, (1.0,) * 3, 1.0, "center", "bicubic")
    (item,) = read_natural(find_images([tmp_path]), narrow)
    assert isinstance(item, Skipped)
    assert item.reason.startswith("thread.png: 4000 x 1 pixels would be")


def test_images_are_read_when_they_are_asked_for(folder):
    items = read_natural(find_images([folder]), SMALL)
    next(items)
    (folder / "bee" / "b.png").unlink()
    item = next(items)
    assert isinstance(item, Skipped)
    assert "b.png" in item.reason
