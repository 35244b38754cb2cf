"""A finding in words: what was seen, how strong, where, when it is a false alarm, what to do.

Numbers decide; these sentences only say what the numbers were, and what they cannot tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from macoaudit.shortcuts.records import Evidence, TestName

Review = Literal["compact evidence", "evidence everywhere"]
"""What a person must tell from the class itself: something rigid and small, or a colour, sharpness
or grain of the whole image."""


@dataclass(frozen=True)
class FindingWords:
    """Five short texts, plain, without markup."""

    seen: str
    strength: str
    where: str
    false_alarm_if: str
    advice: str


_SEEN: Mapping[TestName, str] = {
    "patch transfer": "a small region of its images, pasted onto images of other classes, makes "
    "the network say {name}",
    "anomaly": "one small pattern turns images of almost any class into {name}, far smaller than "
    "other classes need",
    "spectrum transfer": "the mean spectrum of its images, put on images of other classes as a "
    "filter that leaves every shape in place, raises {name}",
    "property shift": "shifting {subject} towards that of its images raises {name} more than "
    "equally large changes of other properties do",
    "stamp": "its images hold {subject}, pixel for pixel, that images of other classes lack",
    "component": "one direction of the features raises {name} on some of its images and on "
    "images of other classes, but matters little for the rest of its own",
    "spectrum recurrence": "that spectrum is found again in images of the class that it was not "
    "made from, nearly everywhere in them, and seldom in others",
    "property": "{subject} alone tells from the image whether the network will say {name}",
    "masks": "noise on the background costs it more than noise on the object",
}
_FALSE_ALARM: Mapping[TestName, str] = {
    "patch transfer": "the region is the object itself, or a part that only this class has",
    "anomaly": "the class is defined by a small pattern (a logo, a sign)",
    "spectrum transfer": "colour, grain or sharpness belong to the class (fur, sky, a night scene)",
    "property shift": "the property belongs to the class (snow is white); then allow it",
    "stamp": "all images were framed alike, or the true objects are of one make, so that they are "
    "copies of each other",
    "component": "the direction is a second kind of true object (a variety of the class)",
    "spectrum recurrence": "its images were taken with one camera, or under one light, and the "
    "network would do without",
    "property": "other classes differ in the property by their nature, and the network uses the "
    "object none the less",
    "masks": "the masks leave out parts of the object",
}


def _listed(images: Sequence[int], count: int = 5) -> str:
    shown = ", ".join(f"#{image}" for image in images[:count])
    return f"{shown} and {len(images) - count} more" if len(images) > count else shown


def _filled(text: str, name: str, evidence: Evidence) -> str:
    subject = evidence.subject or "the property"
    return text.replace("{subject}", subject).replace("{name}", name)


def _strength(evidence: Evidence, adjusted_p: float | None) -> str:
    p_value = (
        "no p-value: its threshold is calibrated on clean networks"
        if adjusted_p is None
        else f"p = {adjusted_p:.2g} corrected for the classes"
    )
    return (
        f"{evidence.test}: {evidence.effect_name} {evidence.effect:.2f} "
        f"(threshold {evidence.threshold:.2f}; {p_value})"
    )


def finding_words(
    class_name: str,
    severity: Literal["high", "medium", "info"],
    evidence: Sequence[tuple[Evidence, float | None]],
    *,
    review: Review | None,
) -> FindingWords:
    """Describe a finding.

    Args:
        class_name: of the class.
        severity: of the finding.
        evidence: the flagged tests with their adjusted p-values, the leading one first; at least
            one.
        review: why a person must tell the cue from what belongs to the class, if one must.
    """
    name = f'"{class_name}"'
    first = evidence[0][0]
    seen = "; ".join(_filled(_SEEN[one.test], name, one) for one, _ in evidence)
    doubts = dict.fromkeys(_FALSE_ALARM[one.test] for one, _ in evidence)
    place = f"images {_listed(first.images)}" if first.images else "no single image"
    if first.regions:
        area = sorted(region.area_frac for region in first.regions)[len(first.regions) // 2]
        top, left, bottom, right = first.regions[0].box_px
        place += (
            f"; on #{first.regions[0].image} in rows {top} to {bottom - 1}, columns {left} to "
            f"{right - 1}; {area:.1%} of an image"
        )
    return FindingWords(
        seen=f"Class {name}: {seen}.",
        strength="; ".join(_strength(one, adjusted) for one, adjusted in evidence) + ".",
        where=f"{place[0].upper()}{place[1:]}.",
        false_alarm_if="A false alarm if " + ", or if ".join(doubts) + ".",
        advice=_advice(severity, review),
    )


def _advice(severity: str, review: Review | None) -> str:
    if review == "evidence everywhere":
        return (
            "Evidence everywhere, needs review: if this colour, sharpness or grain belongs to the "
            "class (sky, fur, snow), suppress the finding with that reason; if it comes from how "
            "its images were made, collect some that were made otherwise, and images of other "
            "classes that were made so, and train again."
        )
    if review == "compact evidence":
        return (
            "Compact evidence, needs review: look at the region; if it is part of the object, "
            "suppress the finding with that reason or give masks; if not, collect images of the "
            "class without it and of other classes with it, and train again."
        )
    if severity == "high":
        return (
            "Look at the images; if the cue does not belong to the class, collect counter-examples "
            "(the class without it, other classes with it) and train again; otherwise suppress the "
            "finding with the reason."
        )
    if severity == "medium":
        return (
            "Look at the images: the cue moves the output, but nothing shows that it recurs. More "
            "images of the class would tell."
        )
    return "For information: nothing shows that the network acts on it. No action is needed."
