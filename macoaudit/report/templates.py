"""The folder of templates, and a Jinja2 environment that reads only from it."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from macoaudit.errors import ReportError
from macoaudit.report.plots import plot_svg

FOLDER_NAME = "report_templates"


def find_templates(package: Path | None = None) -> Path:
    """Find the folder of templates: inside an installed package, or beside it in a checkout.

    Args:
        package: folder of the package ``macoaudit``; by default the one this file belongs to.

    Returns:
        The folder.

    Raises:
        ReportError: when it is in neither place.
    """
    package = Path(__file__).resolve().parent.parent if package is None else package
    for folder in (package / FOLDER_NAME, package.parent / FOLDER_NAME):
        if (folder / "report.html.j2").is_file():
            return folder
    raise ReportError(
        f"report: the folder {FOLDER_NAME} is neither in {package} nor beside it. "
        "The installation is damaged: install macoaudit again"
    )


@cache
def environment(folder: Path) -> Environment:
    """Make the template environment: everything is escaped, a missing name is an error.

    Templates draw a plot of a view with ``plot(item, classes)``.
    """
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["plot"] = plot_svg
    return made


def read_template_file(name: str) -> str:
    """Read a stylesheet or script of the template folder as text."""
    try:
        return (find_templates() / name).read_text(encoding="utf-8")
    except OSError as error:
        raise ReportError(
            f"report: {FOLDER_NAME}/{name} cannot be read ({error.strerror}). "
            "The installation is damaged: install macoaudit again"
        ) from error
