"""The rules that findings belong to: stable names, and what each of them means in plain words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from macoaudit import gate
from macoaudit.formats.plain import plain
from macoaudit.results import Severity

ADVICE = (
    "Look at the images that the finding names. If the cue does not belong to the class, collect "
    "images of the class without it and of other classes with it, and train again. If it does, "
    "suppress the finding in the policy by its fingerprint, with a reason, an owner and a day on "
    "which that expires. A class without a finding is not proven clean."
)


@dataclass(frozen=True)
class Rule:
    """One kind of finding."""

    id: str
    short: str
    full: str
    severity: Severity
    """Worst that it can be."""


_WORDS: Mapping[gate.Rule, tuple[str, str]] = {
    "shortcut/place": (
        "The network uses a cue that lies in one part of the image.",
        "A region of the class's images carries the class into images of other classes (causal), "
        "and it comes back in images of the class (consistency); or object masks show that noise "
        "on the background costs the class more than noise on the object.",
    ),
    "shortcut/spectrum": (
        "The network uses the colour, sharpness or grain of the whole image.",
        "The mean spectrum of the class's images, put on images of other classes as a filter, "
        "raises the class (causal), and it is found again in other images of the class "
        "(consistency).",
    ),
    "shortcut/property": (
        "The network uses a simple property of the whole image, such as brightness or a border.",
        "Shifting the property in images of other classes raises the class (causal), and the "
        "property alone tells the class (consistency).",
    ),
}
RULES: tuple[Rule, ...] = tuple(Rule(name, *_WORDS[name], "high") for name in gate.RULES)
"""Those of the gate, which alone gives findings their rules, in its order."""


def rules_for(names: Iterable[str]) -> tuple[Rule, ...]:
    """List every rule, known ones first, then those that only the record names.

    Args:
        names: of the findings' rules.
    """
    known = {rule.id for rule in RULES}
    further = sorted(set(names) - known)
    return RULES + tuple(
        Rule(
            name,
            f"Findings of the kind {plain(name, 100)}.",
            f"Tests of the kind {plain(name, 100)} found that the network uses a cue for a class.",
            "high",
        )
        for name in further
    )
