"""Text from outside (names, reasons) made fit for documents that are shared."""

import re

from macoaudit.report.words import visible

CLIP = 400
"""Characters of one name or sentence; a name of 300 stays whole."""
_ELLIPSIS = "…"
_PART = r"[^\s/\\'\"<>|,;()]+"
# A path from a root: where it leads tells of the machine that made the run, its last part does not.
_ROOTED = re.compile(
    rf"""
    (?<!\w) file:/+ (?:{_PART}/)*                 # file:///home/me/
    | (?<![\w.~/:<\[-]) /+ (?:{_PART}/)* (?=\S)   # /home/me/
    | (?<=:) /(?!/) (?:{_PART}/)* (?=\S)          # weights:/home/me/
    | (?<=[<\[-]) /+ (?:{_PART}/)+                # [/home/me/, and no closing tag
    | (?<=\w) //+ (?:{_PART}/)+                   # name//home/me/, and no https://
    | (?<!\w) [A-Za-z]:[\\/]+ (?:{_PART}[\\/]+)*  # C: and folders
    | (?<![\w\\]) \\\\ (?:{_PART}\\+)+            # a share of a host
    """,
    re.VERBOSE,
)


def more(number: int, noun: str) -> str:
    """Say how many of something a document leaves out.

    Args:
        number: of what is left out, at least 1.
        noun: what it is, one of them.
    """
    return f"{number:,} more {noun}{'' if number == 1 else 's'}, see the report"


def plain(text: object, limit: int = CLIP) -> str:
    r"""Make text from outside safe for any document, on one line.

    What cannot be seen becomes an escape (:func:`macoaudit.report.words.visible`: line breaks,
    control characters, bidirectional overrides, lone surrogates), so no character is left that
    XML 1.0 or UTF-8 forbids. Of paths that begin at a root, only the last part is kept.

    Args:
        text: any value; it is turned into ``str`` first.
        limit: longest text that stays whole, in characters.
    """
    # Cut before too, so that a reason of megabytes costs nothing; escapes only make it longer.
    shown = visible(_ROOTED.sub("", str(text)[: 4 * limit]))
    return shown if len(shown) <= limit else shown[: limit - 1] + _ELLIPSIS
