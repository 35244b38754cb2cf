"""Targets as data: frozen, validated, ready for JSON; weights are data too."""

import hashlib
import math
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args

import torch
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.models import LOGITS, Reading
from macoaudit.results import TargetForm, TargetKind, TargetTerm

_PART = re.compile(r"cls|mean|reg\d+|\d+")


@dataclass(frozen=True)
class Target:
    """One thing in a network that can be driven up, as a number of its activations ``a``.

    - ``logit``: the class's output before any softmax, ``a_index`` (``dot``), or how far it stands
      out among the image's logits, ``(a_index - mean(a)) / std(a)`` over the classes (``standard``;
      at most ``sqrt(n - 1)``). The raw logit also rises with the length of the whole activation,
      which drives images beyond anything natural; the standard score does not.
    - ``channel``: mean over all places, ``mean_yx a_index,y,x``; over the patch tokens of a
      transformer's layer; the number itself where the layer puts out a vector.
    - ``neuron``: one channel at one place, ``a_index,y,x``; None is the centre, ``(h//2, w//2)``.
    - ``token``: dimension ``index`` of one token (``part``: ``cls``, ``reg0``..., a patch's number)
      or of the mean over the patch tokens (``mean``).
    - ``head``: mean square of what an attention head puts out in front of the projection,
      over tokens and dimensions (Lucid's ``deepdream`` objective, restricted to a head).
    - ``direction``: ``a.v`` (``dot``) or ``a.v / (|a| |v|)`` (``cosine``) with ``a`` the mean over
      places (or a token, with ``part``), or the whole flattened activation where ``v`` has its
      length.

    Raises:
        UsageError: when the fields do not fit together.
    """

    kind: TargetKind
    layer: str = LOGITS
    index: int = 0
    place: tuple[int, int] | None = None
    """(row, column) of a neuron, from 0; None is the centre."""
    part: str | None = None
    """Of a token or a direction: ``cls``, ``mean``, ``reg0``... or a patch's number."""
    form: TargetForm = "dot"
    vector: tuple[float, ...] | None = None
    """The direction."""
    name: str | None = None
    """Name of the class, or of the direction."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(TargetKind):
            raise UsageError(
                f"target: kind is {self.kind!r}; use one of {', '.join(get_args(TargetKind))}"
            )
        self._require((self.kind == "logit") == (self.layer == LOGITS), "layer", self.layer)
        self._require(self.index >= 0, "index", self.index)
        self._require(
            self.place is None or (self.kind == "neuron" and min(self.place) >= 0),
            "place",
            self.place,
        )
        allowed = self.part is None or self.kind in ("token", "direction")
        given = self.part is not None or self.kind != "token"
        fits = self.part is None or _PART.fullmatch(self.part) is not None
        self._require(allowed and given and fits, "part", self.part)
        allowed_forms = {"direction": ("dot", "cosine"), "logit": ("dot", "standard")}
        fits_kind = self.form in allowed_forms.get(self.kind, ("dot",))
        self._require(fits_kind, "form", self.form)
        self._require((self.vector is None) == (self.kind != "direction"), "vector", self.vector)
        if self.vector is not None:
            finite = all(math.isfinite(value) for value in self.vector)
            if not finite or not any(self.vector):
                raise UsageError(
                    f"target: {self.name or 'the direction'} "
                    f"{'is zero everywhere' if finite else 'holds a number that is not finite'}, "
                    "so it points nowhere; give another direction"
                )

    def _require(self, condition: bool, field: str, value: object) -> None:
        if not condition:
            raise UsageError(f"target: {field} {value!r} does not fit a {self.kind} target")

    @property
    def reading(self) -> Reading:
        """What has to be read from the network."""
        if self.kind == "logit":
            return Reading("logits", LOGITS)
        return Reading("heads" if self.kind == "head" else "layer", self.layer)

    @property
    def text(self) -> str:
        """The target in words."""
        match self.kind:
            case "logit":
                return f"{self.name} (logit {self.index})" if self.name else f"logit {self.index}"
            case "channel":
                return f"{self.layer}, channel {self.index}"
            case "neuron":
                where = "the centre" if self.place is None else f"{self.place[0]}, {self.place[1]}"
                return f"{self.layer}, channel {self.index} at {where}"
            case "token":
                return f"{self.layer}, {_part_text(self.part)}, dimension {self.index}"
            case "head":
                return f"{self.layer}, head {self.index}"
            case "direction":
                where = "" if self.part is None else f", {_part_text(self.part)}"
                name = self.name or "direction"
                return f"{self.layer}{where}, {name}, row {self.index} ({self.form})"

    @cached_property
    def direction(self) -> Tensor:
        """The direction's float32 values; none for another target. Made once: scores read it."""
        return torch.tensor(self.vector or (), dtype=torch.float32)

    @property
    def vector_sha256(self) -> str | None:
        """Digest of the direction's float32 values."""
        if self.vector is None:
            return None
        return hashlib.sha256(self.direction.numpy().tobytes()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Everything that decides the score, as plain data; a direction by its digest."""
        return {
            "kind": self.kind,
            "layer": self.layer,
            "index": self.index,
            "place": None if self.place is None else list(self.place),
            "part": self.part,
            "form": self.form,
            "vector_sha256": self.vector_sha256,
        }


def _part_text(part: str | None) -> str:
    if part == "cls":
        return "class token"
    if part == "mean" or part is None:
        return "mean of the patch tokens"
    return f"register {part[3:]}" if part.startswith("reg") else f"patch token {part}"


@dataclass(frozen=True)
class Term:
    """A target and what it counts."""

    weight: float
    target: Target

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight) or self.weight == 0:
            raise UsageError(
                f"target: weight {self.weight} of {self.target.text}; use a finite number, not 0"
            )


@dataclass(frozen=True)
class WeightedSum:
    """What one picture is drawn for: ``sum_j weight_j score_j``, linear in the weights."""

    terms: tuple[Term, ...]
    name: str | None = None
    """As its author named it; None: the terms in words."""

    def __post_init__(self) -> None:
        if not self.terms:
            raise UsageError("target: a sum has no terms; give at least one")

    @property
    def text(self) -> str:
        """The sum in words."""
        if self.name is not None:
            return self.name
        first = self.terms[0]
        if len(self.terms) == 1 and first.weight == 1:
            return first.target.text
        parts = [f"{first.weight:g} x {first.target.text}"]
        parts += [
            f"{'-' if term.weight < 0 else '+'} {abs(term.weight):g} x {term.target.text}"
            for term in self.terms[1:]
        ]
        return " ".join(parts)

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What has to be read from the network, each once, in the order of the terms."""
        return tuple(dict.fromkeys(term.target.reading for term in self.terms))

    @property
    def class_index(self) -> int | None:
        """The class, where the sum is one logit with a positive weight and nothing else."""
        (first, *others) = self.terms
        only = not others and first.target.kind == "logit" and first.weight > 0
        return first.target.index if only else None

    @property
    def raw(self) -> "WeightedSum":
        """The sum with raw logits in place of standard scores.

        A standard score answers to the other classes too: only the raw logit tells whether the
        class itself does.
        """
        terms = tuple(
            replace(term, target=replace(term.target, form="dot"))
            if term.target.form == "standard"
            else term
            for term in self.terms
        )
        return replace(self, terms=terms)

    def to_json(self) -> list[dict[str, Any]]:
        """Everything that decides the score, as plain data."""
        return [{"weight": term.weight, **term.target.to_json()} for term in self.terms]

    def record(self) -> tuple[TargetTerm, ...]:
        """The terms as ``results.json`` holds them."""
        return tuple(
            TargetTerm(
                weight=float(term.weight),
                kind=term.target.kind,
                layer=term.target.layer,
                index=term.target.index,
                place=term.target.place,
                part=term.target.part,
                form=term.target.form,
                vector_sha256=term.target.vector_sha256,
                text=term.target.text,
            )
            for term in self.terms
        )


def as_sum(target: Target | WeightedSum) -> WeightedSum:
    """Take a single target as the sum of itself alone."""
    return target if isinstance(target, WeightedSum) else WeightedSum((Term(1.0, target),))
