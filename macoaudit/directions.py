"""Directions in an activation space, read from files: probes, sparse codes, components."""

import tomllib
from json import JSONDecodeError, loads
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from macoaudit.errors import UsageError

Named = tuple[str, tuple[float, ...]]


def load_directions(path: Path) -> tuple[Named, ...]:
    """Read directions, one a row.

    Args:
        path: ``.npy`` or ``.safetensors`` with vectors (number,) or rows (direction, number) of
            floating-point numbers; the tensors of a safetensors file one after another by name.

    Returns:
        Name (of the file or tensor) and numbers of each.

    Raises:
        UsageError: when the file cannot be read, is of another kind, or holds something else.
    """
    arrays = _arrays(path)
    rows: list[Named] = []
    for name, array in arrays:
        if array.ndim not in (1, 2) or 0 in array.shape or array.dtype.kind != "f":
            raise UsageError(
                f"--directions {path}: {name} has shape {array.shape} and type {array.dtype}; "
                "give floating-point vectors, or rows (direction, number)"
            )
        for row in np.atleast_2d(array):
            rows.append((name, tuple(float(value) for value in row)))
    if not rows:
        raise UsageError(f"--directions {path}: the file holds no tensor")
    return tuple(rows)


def _arrays(path: Path) -> list[tuple[str, np.ndarray]]:
    try:
        if path.suffix == ".npy":
            return [(path.stem, np.load(path, allow_pickle=False))]
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
            return [
                (name, (t.float() if t.dtype == torch.bfloat16 else t).numpy())
                for name, t in tensors.items()
            ]
    except (OSError, ValueError, EOFError, SafetensorError) as error:
        raise UsageError(f"--directions {path}: cannot be read ({error})") from error
    raise UsageError(f"--directions {path}: give a .safetensors or .npy file")


def load_sums(path: Path) -> tuple[tuple[str, str], ...]:
    """Read named weighted sums from a small TOML or JSON file.

    The file holds a table ``sums``: a name for each and the sum as ``--sum`` takes it.

    Returns:
        Name and sum of each, in the file's order.

    Raises:
        UsageError: when the file cannot be read or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, JSONDecodeError) as error:
        raise UsageError(f"--sums {path}: cannot be read ({error})") from error
    sums = document.get("sums") if isinstance(document, dict) else None
    if (
        not isinstance(sums, dict)
        or not sums
        or not all(isinstance(value, str) for value in sums.values())
        or set(document) != {"sums"}
    ):
        raise UsageError(
            f"--sums {path}: give one table 'sums' with a name for each sum, such as "
            "\"more cat\" = '1*logit:3 - 0.5*logit:4'"
        )
    return tuple((name, value) for name, value in sums.items())
