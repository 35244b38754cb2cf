"""Images of two runs matched, and what changed for each of them."""

import math
from collections.abc import Callable, Hashable, Sequence

from macoaudit.comparing.records import (
    Alone,
    AttributePair,
    ImagePair,
    ImageSide,
    Letter,
    MatchedBy,
)
from macoaudit.results import ImageAudit, Prediction, Retained, Retention, Skipped
from macoaudit.results.verdicts import verdict

Match = tuple[ImageAudit, ImageAudit, MatchedBy]


def match_images(
    first: Sequence[ImageAudit], second: Sequence[ImageAudit]
) -> tuple[list[Match], list[ImageAudit], list[ImageAudit]]:
    """Find each image of one run in the other: by the digest of its file, else by its path.

    Of several files with one digest, those with one path belong together, then the others in the
    order of their paths.

    Args:
        first: images of A.
        second: images of B.

    Returns:
        Matches, in an order that does not depend on which run is A; what is left of each.
    """
    left_a, left_b = (sorted(images, key=lambda one: one.path) for images in (first, second))
    found: list[Match] = []
    keys: tuple[tuple[MatchedBy, Callable[[ImageAudit], Hashable | None]], ...] = (
        ("content", lambda one: None if one.sha256 is None else (one.sha256, one.path)),
        ("content", lambda one: one.sha256),
        ("path", lambda one: one.path),
    )
    for matched_by, key in keys:
        left_a, left_b = _take(left_a, left_b, key, matched_by, found)
    found.sort(key=lambda match: sorted([match[0].path, match[1].path]))
    return found, left_a, left_b


def _take(
    left_a: list[ImageAudit],
    left_b: list[ImageAudit],
    key: Callable[[ImageAudit], Hashable | None],
    matched_by: MatchedBy,
    found: list[Match],
) -> tuple[list[ImageAudit], list[ImageAudit]]:
    """Move what has one key in both into ``found``; returns what is left of both."""
    waiting: dict[Hashable, list[ImageAudit]] = {}
    for one in left_b:
        if (name := key(one)) is not None:
            waiting.setdefault(name, []).append(one)
    rest_a, taken = [], set()
    for one in left_a:
        name = key(one)
        others = waiting.get(name) if name is not None else None
        if not others:
            rest_a.append(one)
            continue
        other = others.pop(0)
        taken.add(other.id)
        found.append((one, other, matched_by))
    return rest_a, [one for one in left_b if one.id not in taken]


def image_side(image: ImageAudit) -> ImageSide:
    """Take from an image's record what a comparison needs."""
    return ImageSide(
        id=image.id,
        path=image.path,
        label=image.label,
        status=image.status,
        reason=image.reason,
        sha256=image.sha256,
        prediction=image.prediction,
        similarity=image.similarity,
        seeds=tuple(one.seed for one in image.inversions),
    )


def pair_of(match: Match, *, two_networks: bool) -> ImagePair:
    """Compare one image of both runs.

    Args:
        match: of :func:`match_images`.
        two_networks: whether classes are told by name alone, because their order may differ.
    """
    a, b, matched_by = match
    same = None if a.sha256 is None or b.sha256 is None else a.sha256 == b.sha256
    why_not = _why_not(a, b, same)
    difference = None
    if why_not is None and a.similarity is not None and b.similarity is not None:
        difference = b.similarity - a.similarity
    return ImagePair(
        matched_by=matched_by,
        same_content=same,
        a=image_side(a),
        b=image_side(b),
        difference=difference,
        why_not=why_not,
        prediction_changed=_changed(a.prediction, b.prediction, two_networks) if same else None,
        attributes=tuple(_attributes(a, b, same is True)),
    )


def _why_not(a: ImageAudit, b: ImageAudit, same: bool | None) -> str | None:
    for letter, image in (("A", a), ("B", b)):
        if image.status != "ok":
            return f"{image.status} in {letter}: {image.reason or 'no reason was recorded'}"
    if not same:
        return "the files have one path and other content"
    missing = [letter for letter, one in (("A", a), ("B", b)) if one.similarity is None]
    if len(missing) == 2:
        return "inverted in neither"
    return f"not inverted in {missing[0]}" if missing else None


def _changed(a: Prediction | None, b: Prediction | None, two_networks: bool) -> bool | None:
    if a is None or b is None:
        return None
    return a.name != b.name or (not two_networks and a.index != b.index)


def _attributes(a: ImageAudit, b: ImageAudit, same: bool) -> list[AttributePair]:
    found = [_measured(image.retention) for image in (a, b)]
    names = sorted(set(found[0]) | set(found[1]))
    reasons = [_reason(image.retention) for image in (a, b)]
    return [
        _attribute(
            name,
            found[0].get(name, Skipped(name, reasons[0])),
            found[1].get(name, Skipped(name, reasons[1])),
            same,
        )
        for name in names
    ]


def _measured(retention: Retention | Skipped | None) -> dict[str, Retained | Skipped]:
    return dict(retention.attributes) if isinstance(retention, Retention) else {}


def _reason(retention: Retention | Skipped | None) -> str:
    if isinstance(retention, Skipped):
        return retention.reason
    return "retention was not measured" if retention is None else "not among what was measured"


def _attribute(
    name: str, a: Retained | Skipped, b: Retained | Skipped, same: bool
) -> AttributePair:
    kept_a, kept_b = (None if isinstance(one, Skipped) else one for one in (a, b))
    called_a, called_b = (None if one is None else verdict(one) for one in (kept_a, kept_b))
    both = kept_a is not None and kept_b is not None and same
    return AttributePair(
        name=name,
        a=kept_a,
        b=kept_b,
        reason_a=a.reason if isinstance(a, Skipped) else None,
        reason_b=b.reason if isinstance(b, Skipped) else None,
        verdict_a=called_a,
        verdict_b=called_b,
        changed=called_a != called_b if both else None,
        difference=kept_b.value - kept_a.value if both and kept_a and kept_b else None,
    )


def alone(image: ImageAudit, run: Letter) -> Alone:
    """Say of an image that the other run does not have it."""
    other = "B" if run == "A" else "A"
    told = f"no image of this content or path in {other}"
    if image.status != "ok":
        told = f"{told}; {image.status} in {run}: {image.reason or 'no reason was recorded'}"
    return Alone(run, image_side(image), told)


def largest_first(pairs: Sequence[ImagePair]) -> tuple[ImagePair, ...]:
    """Order pairs: the largest difference first, then changed predictions, then the others."""
    return tuple(
        sorted(
            pairs,
            key=lambda pair: (
                math.inf if pair.difference is None else -abs(pair.difference),
                not pair.prediction_changed,
                pair.a.similarity is None and pair.b.similarity is None,
                sorted([pair.a.path, pair.b.path]),
            ),
        )
    )
