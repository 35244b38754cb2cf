"""Drawing methods compared on the same classes: plausibility, distances of sets, transfer, detail.

Tables 1 and 2 of Fel et al. 2023 (arXiv 2306.06805) on any classifier.
"""

from macoaudit.methods.comparison import RECORD, as_json, compare_methods
from macoaudit.methods.config import METHODS, Given, MethodsConfig
from macoaudit.methods.page import PAGE, write_methods
from macoaudit.methods.records import Comparison

__all__ = [
    "METHODS",
    "PAGE",
    "RECORD",
    "Comparison",
    "Given",
    "MethodsConfig",
    "as_json",
    "compare_methods",
    "write_methods",
]
