"""Records of an audit for shortcuts, filled in by hand, for the tests of the store and the report.

Seven classes: ``mushroom`` is high with examples, ``fish`` high on compact evidence, ``cactus``
medium, ``tree`` info, ``house`` clean; ``boat`` and ``kite`` could not be tested.
"""

from macoaudit.results import (
    ClassCoverage,
    Finding,
    FindingRegion,
    NullRecord,
    PastedExample,
    ShortcutAudit,
    ShortcutOutcome,
    ShortcutTest,
    ShortcutTestKind,
)

CLASSES = ("mushroom", "fish", "cactus", "tree", "house", "boat", "kite")
KINDS: dict[str, ShortcutTestKind] = {
    "patch transfer": "causal",
    "stamp": "consistency",
    "property": "consistency",
    "masks": "masks",
}
EFFECTS = {
    "patch transfer": ("flip rate", 0.3),
    "stamp": ("likeness of the regions", 0.45),
    "property": ("relative gain over chance", 0.25),
    "masks": ("background sensitivity", 0.0),
}
FEW_IMAGES = "1 image of the class, 4 are needed"
NO_MASKS = "no masks were given with --masks"


def made(
    test: str, class_index: int, effect: float, p_value: float, subject: str | None = None
) -> ShortcutTest:
    """A test that was made; flagged where effect and corrected p say so."""
    name, threshold = EFFECTS[test]
    adjusted = min(1.0, 2 * p_value)
    outcome: ShortcutOutcome = "flagged" if effect >= threshold and adjusted <= 0.05 else "passed"
    observed = effect if test != "stamp" else effect - 0.125
    return ShortcutTest(
        test=test,
        kind=KINDS[test],
        class_index=class_index,
        class_name=CLASSES[class_index],
        outcome=outcome,
        reason=None,
        effect=effect,
        effect_name=name,
        threshold=threshold,
        p_value=p_value,
        adjusted_p=adjusted,
        smallest_p=0.001,
        null=NullRecord(observed=observed, n=999, mean=0.0625, sd=0.03125, high=0.1875),
        subject=subject,
        details={"necessity": 0.5625, "donors": 24.0} if test == "patch transfer" else {},
    )


def not_made(test: str, class_index: int, reason: str) -> ShortcutTest:
    """A test that was not made."""
    return ShortcutTest(test, KINDS[test], class_index, CLASSES[class_index], "not tested", reason)


def tests() -> tuple[ShortcutTest, ...]:
    """Every test of every class."""
    found = {
        0: ((0.875, 0.001), (0.8125, 0.001), (0.0625, 0.41)),
        1: ((0.4375, 0.004), (0.6875, 0.002), (0.125, 0.2)),
        2: ((0.375, 0.008), (0.3125, 0.09), (0.0, 0.6)),
        3: ((0.125, 0.3), (0.25, 0.12), (0.5, 0.003)),
        4: ((0.0625, 0.5), (0.1875, 0.35), (-0.03125, 0.7)),
    }
    tested = tuple(
        made(test, index, *values, subject="saturation" if test == "property" else None)
        for index, figures in found.items()
        for test, values in zip(("patch transfer", "stamp", "property"), figures, strict=True)
    )
    few = tuple(
        not_made(test, index, FEW_IMAGES)
        for index in (5, 6)
        for test in ("patch transfer", "stamp", "property")
    )
    return tested + few + tuple(not_made("masks", index, NO_MASKS) for index in range(7))


def region(image: str) -> FindingRegion:
    """A cut-out corner of one image."""
    files = {kind: f"findings/{image}-{kind}.png" for kind in ("overlay", "region")}
    return FindingRegion(image, (4, 36, 20, 16), 0.0625, 0.71875, files)


def example(image: str, source: str, before: str, after: str, number: int) -> PastedExample:
    """One image of another class with the corner pasted on it."""
    files = {kind: f"findings/{image}-{kind}.png" for kind in ("before", "after")}
    return PastedExample(image, source, before, 0.015625, after, 0.90625 + number / 64, files)


WORDS = {
    "mushroom": (
        "A small white mark in the upper right corner.",
        "Pasted onto images of other classes it turns 88 % of them into mushroom; patches of equal "
        "size from elsewhere turn 6 %.",
        "On 4 of 4 images, always in the same corner.",
        "the mark is part of what makes a mushroom in this collection.",
        "Look at how the mushroom images were collected, remove the mark and train again.",
    ),
    "fish": (
        "A round pale spot near the middle.",
        "Pasted onto other images it turns 44 % of them into fish.",
        "On 3 of 4 images.",
        "the spot is the eye of the fish.",
        "Give masks of the objects with --masks, or look at the pictures.",
    ),
    "cactus": (
        "Sand at the lower edge.",
        "Pasted onto other images it turns 38 % of them into cactus.",
        "On 4 images, in different places.",
        "the ground belongs to the class.",
        "Collect cactus images on other grounds.",
    ),
    "tree": (
        "The saturation of the image.",
        "It alone tells tree from the others half-way better than chance.",
        "On all images of the class.",
        "the class has that colour in the world too.",
        "Shift the property and look whether the probability follows.",
    ),
}


def finding(index: int, **changes: object) -> Finding:
    """The finding of one class, without pictures."""
    name = CLASSES[index]
    fields: dict[str, object] = {
        "id": f"shortcut-{index}",
        "class_index": index,
        "class_name": name,
        "severity": ("high", "high", "medium", "info")[index],
        "needs_review": index == 1,
        "review_reason": "compact evidence" if index == 1 else None,
        "margin": (1.8125, 1.4375, 0.6875, 0.4375)[index],
        "tests": (
            ("patch transfer", "stamp"),
            ("patch transfer", "stamp"),
            ("patch transfer",),
            ("property",),
        )[index],
        **dict(
            zip(("seen", "strength", "where", "false_alarm_if", "advice"), WORDS[name], strict=True)
        ),
        "images": (f"{name}-0", f"{name}-1"),
        "visualization": f"class-{index}",
    }
    return Finding(**{**fields, **changes})  # type: ignore[arg-type]


def findings() -> tuple[Finding, ...]:
    """Four findings; the first has regions and examples, the second and third regions only."""
    others = ((2, "tree"), (3, "house"))
    examples = tuple(
        example(f"{name}-0", f"mushroom-{n}", name, "mushroom", n)
        for n, (_, name) in enumerate(others)
    )
    return (
        finding(0, regions=(region("mushroom-0"), region("mushroom-1")), examples=examples),
        finding(1, regions=(region("fish-0"), region("fish-1"))),
        finding(2, regions=(region("cactus-0"),)),
        finding(3),
    )


def audit() -> ShortcutAudit:
    """What was covered."""
    margins = (1.8125, 1.4375, 0.6875, 0.4375, 0.1875, None, None)
    return ShortcutAudit(
        labels_from="folders",
        level=0.05,
        n_images=21,
        n_donors=24,
        with_masks=0,
        classes=tuple(
            ClassCoverage(
                class_index=index,
                class_name=name,
                n_images=(4, 4, 4, 4, 4, 1, 0)[index],
                n_labelled=(4, 4, 4, 4, 3, 1, 0)[index],
                tested=margins[index] is not None,
                margin=margins[index],
                reasons=(NO_MASKS,) if index < 5 else (FEW_IMAGES, NO_MASKS),
            )
            for index, name in enumerate(CLASSES)
        ),
    )
