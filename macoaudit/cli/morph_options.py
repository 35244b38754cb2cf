"""Options of ``morph`` that are more than one word: numbers, bands, and what fits a mode."""

import math
from collections.abc import Mapping, Sequence

from macoaudit.errors import UsageError


def check_mode(mode: str, given: Mapping[str, tuple[object, Sequence[str]]]) -> None:
    """Refuse options that a mode would pass over.

    Args:
        mode: as given.
        given: option -> its value, None where it was not given, and the modes that use it.

    Raises:
        UsageError: when one was given and the mode has no use for it.
    """
    for option, (value, modes) in given.items():
        if value is not None and mode not in modes:
            raise UsageError(
                f"{option}: --mode {mode} has no use for it; leave it out, or give --mode "
                f"{' or '.join(modes)}"
            )


def parse_numbers(option: str, texts: Sequence[str]) -> tuple[float, ...]:
    """Read numbers with commas between them.

    Raises:
        UsageError: when one is none; it names the option.
    """
    try:
        return tuple(float(part) for text in texts for part in text.split(","))
    except ValueError as error:
        raise UsageError(
            f"{option} is {', '.join(texts)!r}; use numbers with commas between them, as 1,2,4"
        ) from error


def parse_cap(text: str | None) -> float | None:
    """Read ``--phase-cap``: a number, ``none``, or the default where it was not given."""
    if text is None:
        return math.pi / 2
    return None if text == "none" else parse_numbers("--phase-cap", [text])[0]


def parse_bands(texts: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Read pairs of scale and orientation.

    Raises:
        UsageError: for another form.
    """
    pairs = []
    for part in (part for text in texts for part in text.split(",")):
        scale, _, orientation = part.strip().partition(":")
        if not all(number.isascii() and number.isdecimal() for number in (scale, orientation)):
            raise UsageError(f"--bands: {part!r} is not SCALE:ORIENTATION, as 0:1")
        pairs.append((int(scale), int(orientation)))
    return tuple(dict.fromkeys(pairs))
