"""A comparison to JSON: sorted keys, every number finite; schema in ``data``."""

import dataclasses
import json
from typing import Any

from macoaudit.comparing.records import Comparison
from macoaudit.store import canonical_json


def comparison_to_json(comparison: Comparison) -> dict[str, Any]:
    """Turn a comparison into the plain document that ``compare.json`` holds.

    Args:
        comparison: the record.
    """
    document: dict[str, Any] = json.loads(canonical_json(dataclasses.asdict(comparison)))
    return document


def comparison_text(comparison: Comparison) -> str:
    """Write a comparison as the text of ``compare.json``.

    Raises:
        StoreError: when a number is not finite.
    """
    document = comparison_to_json(comparison)
    return json.dumps(document, sort_keys=True, allow_nan=False, indent=2) + "\n"
