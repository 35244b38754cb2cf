"""The public names exist, are complete, and do not cost an import of torch."""

import subprocess
import sys

import pytest

import macoaudit


def test_every_public_name_is_there_and_listed_in_order():
    assert list(macoaudit.__all__) == sorted(macoaudit.__all__)
    assert set(macoaudit.__all__) == set(macoaudit._HOMES) | {"__version__"}
    for name in macoaudit.__all__:
        assert getattr(macoaudit, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        macoaudit.nothing  # noqa: B018


def test_import_is_light():
    code = "import macoaudit, sys; print('torch' in sys.modules, macoaudit.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", macoaudit.__version__]
