"""Where inputs lie in their repository: the root, the folders, links, and names of any bytes."""

import os
import re
from pathlib import Path

import pytest
from networks import write_photo

from macoaudit.audit_config import Places
from macoaudit.cli.repository import places, repository_root
from macoaudit.errors import UsageError
from macoaudit.images import find_images, folder_of_images


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A repository with images and a policy, and the working folder in a folder of it."""
    root = tmp_path / "project"
    for name in ("data/photos/cat/a.png", "data/photos/dog/b.png", "data/one.png"):
        write_photo(root / name, 0)
    (root / ".git").mkdir()
    (root / "ci").mkdir()
    (root / "ci" / "gate.toml").write_text("")
    write_photo(tmp_path / "elsewhere" / "c.png", 0)
    monkeypatch.chdir(root / "ci")
    return root


class TestRoot:
    def test_the_nearest_folder_above_is_taken(self, project):
        assert repository_root(project / "ci") == project
        (project / "data" / ".git").write_text("gitdir: ../x")  # as in a work tree
        assert repository_root(project / "data" / "photos") == project / "data"
        assert repository_root(project) == project

    def test_there_may_be_none(self, tmp_path):
        assert repository_root(tmp_path) is None


class TestPlaces:
    def test_of_a_folder_a_file_and_several(self, project):
        photos = Path("../data/photos")
        policy = Path("gate.toml")
        assert places([photos], policy, None) == Places("data/photos", "ci/gate.toml")
        assert places([project / "data" / "one.png"], None, None) == Places("data", None)
        several = [photos / "cat", photos / "dog" / "b.png"]
        assert places(several, None, None) == Places("data/photos", None)
        assert places([Path("..")], None, None) == Places(".", None)

    def test_outside_of_it(self, project, tmp_path):
        assert places([tmp_path / "elsewhere"], Path("gate.toml"), None) is None
        other = places([Path("../data")], tmp_path / "elsewhere" / "p.toml", None)
        assert other == Places("data", None)

    def test_the_root_that_was_given_beats_the_one_that_was_found(self, project, tmp_path):
        found = places([Path("../data/photos")], None, project / "data")
        assert found == Places("photos", None)
        assert places([tmp_path / "elsewhere"], None, tmp_path) == Places("elsewhere", None)
        with pytest.raises(UsageError, match=r"--sarif-root .*data: does not hold the images"):
            places([tmp_path / "elsewhere"], None, project / "data")
        with pytest.raises(UsageError, match="--sarif-root none: there is no such folder"):
            places([Path("../data")], None, Path("none"))

    def test_links_keep_the_names_that_people_see(self, project, tmp_path):
        (project / "linked").symlink_to(tmp_path / "elsewhere")
        assert places([Path("../linked")], None, None) == Places("linked", None)
        (tmp_path / "view").symlink_to(project / "data")
        assert places([tmp_path / "view"], None, None) == Places("data", None)

    def test_a_name_that_is_no_text_can_be_written(self, project):
        raw = os.fsdecode(b"bad-\xff")
        write_photo(project / raw / "a.png", 0)
        found = places([project / raw], None, None)
        assert found is not None
        assert found.images.encode() == "bad-\ufffd".encode()


def test_paths_of_images_are_relative_to_their_folder(project):
    photos = project / "data" / "photos"
    for paths in ([photos], [photos / "cat" / "a.png"], [photos, project / "data" / "one.png"],
                  [photos / "cat", photos / "dog"], [photos / "cat" / "a.png"] * 2):  # fmt: skip
        folder = folder_of_images(paths)
        for image in find_images(paths):
            assert folder / image.relative == image.path
    assert re.fullmatch(r".*/project/data", str(folder_of_images([project / "data" / "one.png"])))
