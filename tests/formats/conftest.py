import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "report")]

from verdicts import OUTCOMES, outcome_run  # noqa: E402 - of this folder


@pytest.fixture(params=sorted(OUTCOMES))
def kind(request):
    """The name of every kind of audit in turn."""
    return request.param


@pytest.fixture
def audit(kind):
    """An audit of every kind in turn."""
    return outcome_run(kind)
