"""The import order of the package: every module imports only from rows below its own."""

import ast
from pathlib import Path

import pytest

import macoaudit

PACKAGE = Path(macoaudit.__file__).parent

# Lowest first. Modules on one row do not import each other; a folder is one module.
ROWS: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("config", "results", "preprocessing", "files", "environment"),
    ("images", "models", "spectrum", "directions", "drawing_config", "concept_config"),
    (
        "audit_config",
        "morph_config",
        "targets",
        "parametrization",
        "views",
        "transforms",
        "pyramid",
        "priors",
        "metrics",
        "power",
        "natural",
        "retention",
    ),
    ("optimize",),
    ("search", "phases", "progress"),
    ("starts",),
    ("inversion", "drawing", "concepts", "lens"),
    ("trust", "baseline"),
    ("shortcuts",),
    ("audit",),
    ("store", "judges"),
    ("preparation",),
    ("engines", "gate"),
    ("comparing",),
    ("report", "measuring"),
    ("formats",),
    ("stages",),
    ("inverting",),
    ("pipeline",),
    ("visualization",),
    ("concept_run", "methods", "morphing"),
    ("gallery", "auditing"),
    ("cli",),
)
ROW_OF = {module: row for row, modules in enumerate(ROWS) for module in modules}


def owner(file: Path, package: Path) -> str:
    """The module of the table that a file belongs to."""
    return file.relative_to(package).with_suffix("").parts[0]


def imported(source: str) -> list[str]:
    """Full names of the package's own modules that a source imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            module = node.module or ""
            # `from macoaudit import x` imports the module macoaudit.x
            is_package = module == "macoaudit"
            names += [f"{module}.{a.name}" for a in node.names] if is_package else [module]
    return [name for name in names if name.split(".")[0] == "macoaudit"]


def violations(package: Path) -> list[str]:
    found = []
    for file in sorted(package.rglob("*.py")):
        module = owner(file, package)
        if module in ("__init__", "__main__"):  # the public names, and the program
            continue
        if module not in ROW_OF:
            found.append(f"{module} is not in the table of tests/test_layers.py; add it")
            continue
        for name in imported(file.read_text(encoding="utf-8")):
            target = [*name.split("."), ""][1]
            if target in (module, "__version__"):
                continue
            if target not in ROW_OF or ROW_OF[target] >= ROW_OF[module]:
                found.append(f"{file.relative_to(package)} imports {name}")
    return found


def test_no_module_imports_its_own_row_or_above():
    assert violations(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "source", "found"),
    [
        (
            "optimize.py",
            "from macoaudit.store import RunFolder",
            "optimize.py imports",
        ),
        ("images/a.py", "import macoaudit.models.loading", "images/a.py imports"),
        (
            "views.py",
            "def f():\n    from macoaudit import metrics",
            "views.py imports",
        ),
        ("errors.py", "import macoaudit", "errors.py imports"),
        ("utils.py", "", "utils is not in the table"),
    ],
)
def test_a_planted_import_is_found(tmp_path, file, source, found):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(source)
    (message,) = violations(tmp_path)
    assert message.startswith(found)


def test_what_is_allowed_is_not_found(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "html.py").write_text(
        "import torch\nfrom macoaudit import __version__\nfrom macoaudit.report.view import view\n"
        "from macoaudit.results import Run\n"
    )
    assert violations(tmp_path) == []


def test_relative_imports_are_refused(tmp_path):
    (tmp_path / "store.py").write_text("from .results import Run")
    with pytest.raises(AssertionError, match="relative import"):
        violations(tmp_path)
