"""Tables of a TOML file read with checks: every message says what came and what to give."""

import datetime
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from macoaudit.errors import UsageError


def _kind(value: object) -> str:
    """Name a TOML value's type as people do."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, datetime.datetime):
        return "a date with a time"
    names: tuple[tuple[type, str], ...] = (
        (str, "a string"),
        (int, "a whole number"),
        (float, "a number"),
        (list, "a list"),
        (dict, "a table"),
        (datetime.date, "a date"),
        (datetime.time, "a time"),
    )
    return next(name for kind, name in names if isinstance(value, kind))


def nearest(name: str, allowed: Sequence[str]) -> str:
    """Suggest the name that was meant, as the beginning of a sentence; empty when none is near."""
    near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.4)
    return f"Did you mean {near[0]}? " if near else ""


@dataclass(frozen=True)
class Table:
    """One table of a file."""

    file: str
    place: str
    """How messages name the table: ``[budget]``; empty for the top of the file."""
    values: Mapping[str, Any]

    def refuse(self, text: str) -> NoReturn:
        """Refuse the file.

        Raises:
            UsageError: always.
        """
        place = f" {self.place}" if self.place else ""
        raise UsageError(f"policy {self.file}:{place} {text}")

    def wrong(self, key: str, wanted: str) -> NoReturn:
        """Refuse the value of a key."""
        value = self.values[key]
        shown = value.isoformat() if isinstance(value, datetime.date) else repr(value)
        self.refuse(f"{key} is {shown[:80]} ({_kind(value)}); give {wanted}")

    def only(self, allowed: Sequence[str], elsewhere: Mapping[str, str] | None = None) -> None:
        """Refuse every key but the allowed ones.

        Args:
            allowed: the keys.
            elsewhere: keys that belong somewhere else, and where.
        """
        for key in self.values:
            if key in allowed:
                continue
            if elsewhere is not None and key in elsewhere:
                self.refuse(f"{key!r} does not stand here: {elsewhere[key]}")
            hint = nearest(key, allowed)
            self.refuse(f"unknown key {key!r}. {hint}Allowed: {', '.join(allowed)}")

    def table(self, key: str) -> "Table":
        """Read a table; one that is not there is empty."""
        place = f"{self.place[:-1]}.{key}]" if self.place else f"[{key}]"
        if key not in self.values:
            return Table(self.file, place, {})
        if not isinstance(self.values[key], dict):
            self.wrong(key, f"a table: {place}")
        return Table(self.file, place, self.values[key])

    def tables(self, key: str) -> tuple["Table", ...]:
        """Read a list of tables, ``[[key]]``."""
        rows = self.values.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            self.wrong(key, f"tables: [[{key}]]")
        return tuple(
            Table(self.file, f"[[{key}]] number {number}", row)
            for number, row in enumerate(rows, 1)
        )

    def text(self, key: str, wanted: str) -> str | None:
        """Read a string that is not blank."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, str) or not value.strip():
            self.wrong(key, wanted)
        return value

    def texts(self, key: str, wanted: str) -> tuple[str, ...]:
        """Read a list of strings, at least one; a single string is a list of one."""
        if key not in self.values:
            return ()
        value = self.values[key]
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not items:
            self.wrong(key, wanted)
        if not all(isinstance(item, str) and item.strip() for item in items):
            self.wrong(key, wanted)
        return tuple(items)

    def choice(self, key: str, allowed: Sequence[str]) -> str | None:
        """Read one of some words."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, str) or value not in allowed:
            self.wrong(key, " or ".join(f'"{name}"' for name in allowed))
        return value

    def whole(self, key: str, least: int) -> int | None:
        """Read a whole number."""
        if key not in self.values:
            return None
        value = self.values[key]
        if type(value) is not int or value < least:
            self.wrong(key, f"a whole number from {least}")
        return value

    def number(self, key: str, wanted: str, *, least: float = 0.0) -> float | None:
        """Read a finite number from ``least`` on; 0 itself is never allowed."""
        if key not in self.values:
            return None
        value = self.values[key]
        fine = isinstance(value, int | float) and not isinstance(value, bool)
        if not fine or not least <= value < float("inf") or value == 0:
            self.wrong(key, wanted)
        return float(value)

    def truth(self, key: str) -> bool | None:
        """Read true or false."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, bool):
            self.wrong(key, "true or false, without quotes")
        return value

    def share(self, key: str) -> float | None:
        """Read a share of 0 to 1, a number or a text such as ``5%``."""
        if key not in self.values:
            return None
        value = self.values[key]
        wanted = 'a share of 0 to 1, such as 0.05 or "5%"'
        if isinstance(value, str) and value.endswith("%"):
            try:
                value = float(value.removesuffix("%")) / 100
            except ValueError:
                self.wrong(key, wanted)
        fine = isinstance(value, int | float) and not isinstance(value, bool)
        if not fine or not 0 <= value <= 1:
            self.wrong(key, wanted)
        return float(value)

    def date(self, key: str) -> datetime.date | None:
        """Read a date, which TOML writes without quotes."""
        if key not in self.values:
            return None
        value = self.values[key]
        if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
            self.wrong(key, "a date without quotes and without a time, such as 2027-01-31")
        return value
