"""What two records state differently: network, input, versions, seeds, every setting, policy."""

from collections.abc import Iterator, Mapping
from typing import Any

from macoaudit.comparing.records import Difference, Group, Relation
from macoaudit.results import Run

_MODEL: tuple[tuple[Group, tuple[str, ...]], ...] = (
    (
        "network",
        ("name", "architecture", "weights_sha256", "weights_origin", "layer", "activation_shape",
         "num_classes"),
    ),
    ("input", ("input_size", "mean", "std", "crop_pct", "interpolation")),
)  # fmt: skip
_PATHS = ("images", "references", "masks", "spectrum_file")
"""Settings that say where something lies; that it is something else is seen elsewhere."""
_POLICY = ("gate", "fail_on", "exit_zero", "max_minutes", "rules", "suppressions")
_GATE = ("policy", "policy_sha256", "fail_on", "baseline_sha256")


def relation_of(a: Run, b: Run) -> Relation:
    """Say how the two networks are related: by the digest of the weights, else by the name."""
    if a.model.name != b.model.name:
        return "two networks"
    same = a.model.weights_sha256 == b.model.weights_sha256
    return "same weights" if same else "other weights"


def differences_of(a: Run, b: Run) -> tuple[Difference, ...]:
    """List every fact and setting that differs, in the order of the groups.

    Times and command lines, which differ between any two runs, are left out.

    Args:
        a: one run.
        b: the other.
    """
    found = [
        *(
            Difference(group, f"model.{key}", getattr(a.model, key), getattr(b.model, key), None)
            for group, keys in _MODEL
            for key in keys
            if getattr(a.model, key) != getattr(b.model, key)
        ),
        *_differing(a.tool, b.tool, "tool", "tool"),
        *_differing(_part(a, "versions"), _part(b, "versions"), "tool", "versions"),
        *_differing(_device(a), _device(b), "machine", ""),
        *_settings(a, b),
        *_differing(_gate(a), _gate(b), "policy", "gate"),
    ]
    order = ("network", "input", "images", "seeds", "settings", "policy", "tool", "machine")
    return tuple(sorted(found, key=lambda one: (order.index(one.group), one.key)))


def _part(run: Run, key: str) -> Mapping[str, Any]:
    found = run.volatile.get(key)
    return found if isinstance(found, Mapping) else {}


def _device(run: Run) -> Mapping[str, Any]:
    return {"device": run.volatile["device"]} if "device" in run.volatile else {}


def _gate(run: Run) -> Mapping[str, Any]:
    return {} if run.gate is None else {key: getattr(run.gate, key) for key in _GATE}


def _settings(a: Run, b: Run) -> Iterator[Difference]:
    for one in _differing(a.config, b.config, "settings", ""):
        first, last = one.key.split(".")[0], one.key.split(".")[-1]
        group: Group = "settings"
        if last in ("seed", "seeds", "n_seeds"):
            group = "seeds"
        elif first in _PATHS:
            group = "images"
        elif first in _POLICY:
            group = "policy"
        yield Difference(group, f"config.{one.key}", one.a, one.b, one.only_in)


def _differing(
    a: Mapping[str, Any], b: Mapping[str, Any], group: Group, prefix: str
) -> Iterator[Difference]:
    """Walk two nested mappings; lists are compared as a whole."""
    for key in sorted(set(a) | set(b)):
        name = f"{prefix}.{key}" if prefix else str(key)
        old, new = a.get(key), b.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differing(old, new, group, name)
        elif key not in a:
            yield Difference(group, name, None, new, "B")
        elif key not in b:
            yield Difference(group, name, old, None, "A")
        elif old != new:
            yield Difference(group, name, old, new, None)
