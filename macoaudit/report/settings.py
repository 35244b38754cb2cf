"""Settings and recorded facts as text: nested mappings to dotted names, values to words."""

from collections.abc import Iterable, Mapping

from macoaudit.report.words import visible


def value_text(value: object) -> str:
    """Print one value of a setting or a recorded fact."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return visible(value) or "empty"
    if isinstance(value, Iterable):
        return ", ".join(value_text(item) for item in value) or "none"
    return visible(value)


def flatten(document: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """Turn nested settings into ``(dotted name, text)`` pairs, in sorted order."""
    pairs: list[tuple[str, str]] = []
    for key in sorted(document):
        value = document[key]
        name = f"{prefix}{visible(key)}"
        if isinstance(value, Mapping) and value:
            pairs.extend(flatten(value, f"{name}."))
        else:
            pairs.append((name, "none" if isinstance(value, Mapping) else value_text(value)))
    return pairs


def seconds_text(value: object) -> str:
    """Print a wall time recorded in seconds; anything that is no number is printed as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value_text(value)
    if value < 120:
        return f"{value:.1f} s"
    return f"{value // 60:.0f} min {value % 60:.0f} s"
