"""macoaudit: feature inversion and model auditing with MACO."""

__version__ = "0.1.0"
