import shutil
import zipfile
from pathlib import Path

import jinja2
import pytest

import macoaudit
from macoaudit.errors import ReportError
from macoaudit.report.templates import environment, find_templates, read_template_file

CHECKOUT = Path(macoaudit.__file__).resolve().parents[1]


def test_found_beside_the_package_in_a_checkout():
    assert find_templates(CHECKOUT / "macoaudit") == CHECKOUT / "report_templates"


def test_inside_the_installed_package_comes_first(tmp_path):
    package = tmp_path / "site" / "macoaudit"
    shutil.copytree(CHECKOUT / "report_templates", package / "report_templates")
    shutil.copytree(CHECKOUT / "report_templates", tmp_path / "site" / "report_templates")
    assert find_templates(package) == package / "report_templates"


def test_a_damaged_installation_is_named(tmp_path):
    with pytest.raises(ReportError, match=r"report_templates is neither in .* install macoaudit"):
        find_templates(tmp_path / "macoaudit")
    with pytest.raises(ReportError, match=r"nothing-here.css cannot be read"):
        read_template_file("nothing-here.css")


def test_templates_escape_and_refuse_unknown_names():
    env = environment(find_templates())
    assert env.from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"
    with pytest.raises(jinja2.UndefinedError):
        env.from_string("{{ missing }}").render()


def test_no_template_switches_escaping_off():
    for path in find_templates().glob("*.j2"):
        source = path.read_text()
        assert "safe" not in source.replace("safer", "")
        assert "autoescape" not in source


def test_the_wheel_maps_the_templates(tmp_path):
    hatchling = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    if not (CHECKOUT / "README.md").is_file():
        pytest.skip("there is no README.md, which the package metadata names")
    builder = hatchling.WheelBuilder(str(CHECKOUT))
    wheel = next(builder.build(directory=str(tmp_path), versions=["standard"]))
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for path in (CHECKOUT / "report_templates").rglob("*"):
        if path.is_file():
            inside = path.relative_to(CHECKOUT).as_posix()
            assert f"macoaudit/{inside}" in names


def test_fonts_come_with_their_licence_and_stay_small():
    fonts = find_templates() / "fonts"
    assert "Apache License" in (fonts / "LICENSE-OpenSans.txt").read_text()
    assert sum(path.stat().st_size for path in fonts.iterdir()) < 800_000
