"""The date that a reproducible build puts into its documents."""

import os
import re

from macoaudit.errors import UsageError

VARIABLE = "SOURCE_DATE_EPOCH"
DEFAULT = "1767225600"
"""Where the caller sets none (2026-01-01): equal runs give equal bytes."""
LATEST = 253_402_300_799
"""The last second of the year 9999, the last one that a date of four digits can say."""


def source_date_epoch() -> str:
    """Read ``SOURCE_DATE_EPOCH``, seconds since 1970-01-01 UTC.

    See https://reproducible-builds.org/specs/source-date-epoch/.

    Returns:
        Its digits, or :data:`DEFAULT` where it is not set.

    Raises:
        UsageError: when it is set to anything but a whole number from 0 to :data:`LATEST`.
    """
    text = os.environ.get(VARIABLE)
    if text is None:
        return DEFAULT
    # Not by int() alone: it also takes spaces, signs, underscores and other scripts' digits.
    if re.fullmatch(r"[0-9]{1,12}", text) is None or int(text) > LATEST:
        raise UsageError(
            f"{VARIABLE} is {text[:40]!r}; it has to be a whole number of seconds since "
            f"1970-01-01 UTC, as 'date +%s' prints it, at most {LATEST}. Set it so, or unset it"
        )
    return text
