"""The policy of an audit with the options of the command line, which beat it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from macoaudit.config import require
from macoaudit.errors import UsageError
from macoaudit.gate import Budget, Policy, fail_on_of


def with_options(
    policy: Policy,
    *,
    images: Sequence[Path] | None = None,
    model: str | None = None,
    seeds: int | None = None,
    judges: Sequence[str] | None = None,
    fail_on: str | None = None,
    exit_zero: bool = False,
    max_images: int | None = None,
    max_minutes: float | None = None,
) -> Policy:
    """Put options in place of what the policy says; an option that was not given changes nothing.

    Args:
        policy: of a preset or a file.
        images: paths; none given is as good as None.
        model: ``--model``.
        seeds: ``--seeds``.
        judges: ``--judge``.
        fail_on: ``--fail-on``.
        exit_zero: ``--exit-zero``.
        max_images: ``--max-images``.
        max_minutes: ``--max-minutes``.

    Raises:
        UsageError: for a value that cannot be.
    """
    if max_images is not None:
        require(max_images >= 2, "--max-images", max_images, "use at least 2")
    if max_minutes is not None:
        fine = 0 < max_minutes < float("inf")
        require(fine, "--max-minutes", max_minutes, "use a number of minutes above 0")
    budget = {"max_images": max_images, "max_minutes": max_minutes}
    given: dict[str, Any] = {
        "images": tuple(str(path) for path in images) if images else None,
        "model": model,
        "seeds": seeds,
        "judges": tuple(judges) if judges else None,
        "fail_on": None if fail_on is None else fail_on_of(fail_on),
        "exit_zero": exit_zero or None,
        "budget": _given(policy.budget, budget),
    }
    return replace(policy, **{name: value for name, value in given.items() if value is not None})


def _given(budget: Budget, options: dict[str, Any]) -> Budget:
    return replace(budget, **{name: value for name, value in options.items() if value is not None})


def require_subject(policy: Policy, file: Path | None) -> str:
    """Give the network that is audited.

    Args:
        policy: with the options of the command line.
        file: that it was read from; None: a preset.

    Raises:
        UsageError: when neither the command line nor the policy names images and a network.
    """
    where = "in macoaudit.toml or another --policy file" if file is None else f"in {file}"
    if not policy.images:
        raise UsageError(f"IMAGES: none were given. Name files or a folder, or set images {where}")
    if policy.model is None:
        raise UsageError(f"--model: no network was given. Name one, or set model {where}")
    return policy.model
