"""Short formats of an audit's verdict: SARIF, JUnit, a Markdown summary, workflow annotations.

Each is a pure function of the record. None computes a number or decides anything: the verdict is
:attr:`macoaudit.results.Run.gate`, and so is the exit code.
"""

from macoaudit.formats.annotations import to_annotations
from macoaudit.formats.junit import to_junit
from macoaudit.formats.markdown import to_markdown
from macoaudit.formats.sarif import to_sarif
from macoaudit.formats.verdicts import verdict_line, verdict_of
from macoaudit.formats.writing import write_verdict_format

__all__ = [
    "to_annotations",
    "to_junit",
    "to_markdown",
    "to_sarif",
    "verdict_line",
    "verdict_of",
    "write_verdict_format",
]
