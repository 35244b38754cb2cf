"""Targets from the words of a command line.

A specification is what stands behind ``--logits``, ``--channels`` and the like::

    logits      3,10-20,tabby,all            classes by index, range or name
    channels    LAYER:0-15                   of a layer, by index or range
    neurons     LAYER:c,y,x  or  LAYER:c     one channel at one place, or at the centre
    tokens      LAYER:PART:DIMS              PART: cls, mean, reg0 or a patch's number
    heads       LAYER:0-3                    attention heads by index or range

A weighted sum puts single specifications behind the kind of each, with spaces around its signs::

    1*logit:3 - 0.5*logit:tiger cat + 2*channel:blocks.5:17
"""

import difflib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from macoaudit.errors import UsageError
from macoaudit.results import TargetForm
from macoaudit.targets.target import Target, Term, WeightedSum

_MOST = 100_000
"""Targets that one range may name; more is a slip of the keyboard."""
_RANGE = re.compile(r"(\d+)-(\d+)")
_PART = re.compile(r"cls|mean|reg\d+|\d+")
_SIGN = re.compile(r"\s+([+-])\s+")
_WEIGHTED = re.compile(r"(?:([+-]?\s*[0-9.]+(?:[eE][+-]?\d+)?)\s*\*\s*|(-)\s*)?(\w+):(.*)", re.S)


def _indices(text: str, option: str) -> tuple[int, ...]:
    """Read ``3,10-20`` as indices, each once, in the order given."""
    found: list[int] = []
    for item in (part.strip() for part in text.split(",")):
        span = _RANGE.fullmatch(item)
        if item.isascii() and item.isdecimal():
            found.append(int(item))
        elif span:
            first, last = int(span[1]), int(span[2])
            if last < first or last - first >= _MOST:
                raise UsageError(f"{option}: the range {item} is not one of up to {_MOST:,} upward")
            found.extend(range(first, last + 1))
        else:
            raise UsageError(
                f"{option}: {item!r} in {text!r} is no number from 0 and no range 0-15"
            )
    return tuple(dict.fromkeys(found))


def _split(text: str, option: str, form: str) -> tuple[str, str]:
    layer, colon, rest = text.rpartition(":")
    if not colon or not layer.strip() or not rest.strip():
        raise UsageError(f"{option} is {text!r}; use {form}")
    return layer.strip(), rest.strip()


def parse_logits(text: str, labels: Sequence[str], form: TargetForm = "dot") -> tuple[Target, ...]:
    """Read ``3,10-20,tabby,all``: indices, ranges and names of classes.

    Names are compared without regard to case; a number is an index.

    Args:
        text: the specification.
        labels: the network's class names.
        form: ``dot`` or ``standard``, see :class:`Target`.

    Raises:
        UsageError: for an unknown name (offers near ones) or an index out of range.
    """
    if not labels:
        raise UsageError("--logits: the network has no classes; use --channels or --directions")
    places: dict[str, int] = {}
    for place, label in enumerate(labels):
        places.setdefault(label.lower(), place)
    whole = places.get(text.strip().lower())  # a name may hold a comma
    names = [text] if whole is not None else text.split(",")
    found: list[int] = []
    for name in (item.strip() for item in names):
        if name.lower() == "all":
            found.extend(range(len(labels)))
        elif name.lower() in places and not name.isdecimal():
            found.append(places[name.lower()])
        elif name.isdecimal() or _RANGE.fullmatch(name):
            found.extend(_indices(name, "--logits"))
        else:
            raise UsageError(_unknown_class(name, labels))
    beyond = [index for index in found if index >= len(labels)]
    if beyond:
        raise UsageError(
            f"--logits: class {beyond[0]} is out of range; there are {len(labels)} classes, "
            f"0 to {len(labels) - 1}"
        )
    return tuple(
        Target("logit", index=index, form=form, name=labels[index])
        for index in dict.fromkeys(found)
    )


def _unknown_class(name: str, labels: Sequence[str]) -> str:
    lower = {label.lower(): label for label in labels}
    near = [lower[label] for label in difflib.get_close_matches(name.lower(), lower, n=4)]
    near += [label for label in labels if name and name.lower() in label.lower()]
    offered = ", ".join(list(dict.fromkeys(near))[:4])
    hint = f"Did you mean {offered}? " if offered else ""
    return (
        f"--logits: there is no class {name!r}. {hint}Use a name, an index from 0 to "
        f"{len(labels) - 1}, a range such as 0-9, or all"
    )


def parse_channels(text: str) -> tuple[Target, ...]:
    """Read ``LAYER:0-15``.

    Raises:
        UsageError: when it has another form.
    """
    layer, rest = _split(text, "--channels", "LAYER:0-15")
    return tuple(
        Target("channel", layer=layer, index=index) for index in _indices(rest, "--channels")
    )


def parse_neurons(text: str) -> tuple[Target, ...]:
    """Read ``LAYER:c,y,x`` or, for the centre, ``LAYER:c``.

    Raises:
        UsageError: when it has another form.
    """
    layer, rest = _split(text, "--neurons", "LAYER:c,y,x")
    numbers = [item.strip() for item in rest.split(",")]
    if len(numbers) not in (1, 3) or not all(n.isascii() and n.isdecimal() for n in numbers):
        raise UsageError(f"--neurons is {text!r}; use LAYER:c,y,x or LAYER:c for the centre")
    index, *place = (int(number) for number in numbers)
    where = (place[0], place[1]) if place else None
    return (Target("neuron", layer=layer, index=index, place=where),)


def parse_tokens(text: str) -> tuple[Target, ...]:
    """Read ``LAYER:cls:0-3``, ``LAYER:mean:7``, ``LAYER:reg0:7`` or ``LAYER:17:7``.

    Raises:
        UsageError: when it has another form.
    """
    form = "LAYER:PART:DIM with PART cls, mean, reg0 or a patch's number"
    front, dims = _split(text, "--tokens", form)
    layer, part = _split(front, "--tokens", form)
    if not _PART.fullmatch(part):
        raise UsageError(f"--tokens is {text!r}: the part {part!r} is unknown; use {form}")
    return tuple(
        Target("token", layer=layer, index=index, part=part) for index in _indices(dims, "--tokens")
    )


def parse_heads(text: str) -> tuple[Target, ...]:
    """Read ``LAYER:0-3``.

    Raises:
        UsageError: when it has another form.
    """
    layer, rest = _split(text, "--heads", "LAYER:0-3")
    return tuple(Target("head", layer=layer, index=index) for index in _indices(rest, "--heads"))


def parse_directions(
    vectors: Sequence[tuple[str, Sequence[float]]], layer: str, form: str
) -> tuple[Target, ...]:
    """Make one target of each named direction.

    Args:
        vectors: names and numbers.
        layer: where they belong; ``:cls`` or ``:mean`` may follow.
        form: ``dot`` or ``cosine``.

    Raises:
        UsageError: for another form, or a direction that points nowhere.
    """
    if form != "dot" and form != "cosine":
        raise UsageError(f"--direction-form is {form!r}; use dot or cosine")
    return tuple(
        Target(
            "direction",
            layer=layer,
            index=index,
            form="cosine" if form == "cosine" else "dot",
            vector=tuple(float(value) for value in vector),
            name=name,
        )
        for index, (name, vector) in enumerate(vectors)
    )


def parse_sum(
    text: str,
    labels: Sequence[str],
    *,
    load: Callable[[Path], Sequence[tuple[str, Sequence[float]]]] | None = None,
    name: str | None = None,
) -> WeightedSum:
    """Read ``1*logit:3 - 0.5*logit:4``: single targets with weights, spaces around the signs.

    Terms are ``logit:``, ``channel:``, ``neuron:``, ``token:`` or ``head:`` with what stands behind
    the option of that kind, and ``direction:LAYER:FILE:ROW``. A term without a weight counts 1.

    Args:
        text: the sum.
        labels: the network's class names.
        load: reads the directions of a file; None where files are not allowed.
        name: as its author named it.

    Raises:
        UsageError: when it has another form, or a term is not exactly one target.
    """
    pieces = _SIGN.split(text.strip())
    terms = [_term(pieces[0], 1.0, text, labels, load)]
    for sign, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        terms.append(_term(piece, -1.0 if sign == "-" else 1.0, text, labels, load))
    return WeightedSum(tuple(terms), name=name)


def _term(
    piece: str,
    sign: float,
    text: str,
    labels: Sequence[str],
    load: Callable[[Path], Sequence[tuple[str, Sequence[float]]]] | None,
) -> Term:
    match = _WEIGHTED.fullmatch(piece.strip())
    if match is None:
        raise UsageError(f"--sum {text!r}: {piece!r} is not WEIGHT*KIND:TARGET, as 0.5*logit:3")
    number, minus, kind, rest = match.groups()
    try:
        weight = float(number.replace(" ", "")) if number else 1.0
    except ValueError as error:
        raise UsageError(f"--sum {text!r}: {number!r} is no number") from error
    readers: dict[str, Callable[[str], tuple[Target, ...]]] = {
        "logit": lambda spec: parse_logits(spec, labels),
        "channel": parse_channels,
        "neuron": parse_neurons,
        "token": parse_tokens,
        "head": parse_heads,
    }
    if kind == "direction" and load is not None:
        found = _direction(rest, text, load)
    elif kind in readers:
        found = readers[kind](rest)
    else:
        raise UsageError(
            f"--sum {text!r}: there is no kind {kind!r}; use {', '.join([*readers, 'direction'])}"
        )
    if len(found) != 1:
        raise UsageError(f"--sum {text!r}: {kind}:{rest} names {len(found)} targets; name one")
    return Term(sign * (-weight if minus else weight), found[0])


def _direction(
    rest: str, text: str, load: Callable[[Path], Sequence[tuple[str, Sequence[float]]]]
) -> tuple[Target, ...]:
    front, row = _split(rest, f"--sum {text!r}: direction", "direction:LAYER:FILE:ROW")
    layer, file = _split(front, f"--sum {text!r}: direction", "direction:LAYER:FILE:ROW")
    (index,) = _indices(row, "--sum")
    targets = parse_directions(load(Path(file)), layer, "dot")
    if index >= len(targets):
        raise UsageError(f"--sum {text!r}: {file} holds {len(targets)} directions, row {index} no")
    return (targets[index],)
