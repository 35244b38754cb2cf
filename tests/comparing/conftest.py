import sys
from pathlib import Path

# The builders of run folders with pictures are those of the reports' tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
