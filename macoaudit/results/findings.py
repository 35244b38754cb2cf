"""Frozen records of shortcut findings: what each test measured, what follows, what was covered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["high", "medium", "info"]
ShortcutTestKind = Literal["causal", "consistency", "masks"]
ShortcutOutcome = Literal["flagged", "passed", "not tested"]
ReviewReason = Literal["compact evidence", "evidence everywhere"]
LabelsFrom = Literal["folders", "predictions", "folders and predictions"]


@dataclass(frozen=True)
class NullRecord:
    """The distribution of a test's statistic when there is nothing to find."""

    observed: float
    """The statistic that was compared with it."""
    n: int
    """Draws."""
    mean: float
    sd: float
    high: float
    """95th percentile."""


@dataclass(frozen=True)
class ShortcutTest:
    """One test of one class: made, or why not."""

    test: str
    """``patch transfer``, ``stamp``, ``component``, ``anomaly``, ``property``, ``property shift``
    or ``masks``."""
    kind: ShortcutTestKind
    class_index: int
    class_name: str
    outcome: ShortcutOutcome
    """``flagged``: effect and corrected p-value both reach their bounds."""
    reason: str | None
    """Why it was not made; None when it was."""
    effect: float | None = None
    """Larger is worse; None when not made."""
    effect_name: str | None = None
    threshold: float | None = None
    p_value: float | None = None
    """One-sided; None where the test has no null distribution."""
    adjusted_p: float | None = None
    """After Benjamini-Hochberg over the classes of the same test."""
    smallest_p: float | None = None
    """Least p-value that the draws could have given."""
    null: NullRecord | None = None
    subject: str | None = None
    """What was picked among several, for example the name of a property."""
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FindingRegion:
    """The part of one image that a finding is about: what was cut out and pasted elsewhere."""

    image: str
    """Of the image's record in ``images``."""
    box_px: tuple[int, int, int, int]
    """Top, left, height, width of its bounding box in pixels of the network's input."""
    area_frac: float
    rise: float | None
    """Mean rise of the class's probability on other images when it is pasted there."""
    files: Mapping[str, str]
    """``overlay``: its outline on the image. ``region``: its pixels alone, the rest transparent."""


@dataclass(frozen=True)
class PastedExample:
    """One image of another class before and after the cue was put there."""

    image: str
    """Of the image's record in ``images``."""
    source: str | None
    """Image that the region was cut from; None where the whole image was changed."""
    before: str
    """Class that the network said."""
    before_probability: float
    """Of the finding's class."""
    after: str
    after_probability: float
    """Of the finding's class."""
    files: Mapping[str, str]
    """``before`` and ``after``."""


@dataclass(frozen=True)
class Finding:
    """What the tests together say of one class."""

    id: str
    """Unique in the run, and the same when the run is made again."""
    class_index: int
    class_name: str
    severity: Severity
    needs_review: bool
    """Evidence that may as well be what the class is: a person or masks must tell."""
    review_reason: ReviewReason | None
    """What kind of evidence; None where no review is needed."""
    margin: float
    """How far the weaker half of the best pair of tests stands above its threshold, as a ratio:
    1 and more can be high."""
    tests: tuple[str, ...]
    """Flagged tests, those that carry the severity first; their figures are in ``tests``."""
    seen: str
    strength: str
    where: str
    false_alarm_if: str
    advice: str
    images: tuple[str, ...]
    """Images that show it, the clearest first."""
    regions: tuple[FindingRegion, ...] = ()
    examples: tuple[PastedExample, ...] = ()
    visualization: str | None = None
    """``id`` of the class's records in ``visualizations``."""


@dataclass(frozen=True)
class ClassCoverage:
    """What could be tested of one class."""

    class_index: int
    class_name: str
    n_images: int
    n_labelled: int
    """Of these, the images that a folder put into the class; the others are predicted."""
    tested: bool
    """Whether a causal and a consistency test were made that could have paired to a high
    finding. A class that was not tested is not cleared."""
    margin: float | None
    """As :attr:`Finding.margin`; None when not tested."""
    reasons: tuple[str, ...]
    """Why tests were not made, each once."""


@dataclass(frozen=True)
class ShortcutAudit:
    """How classes were tested for shortcuts, and what was left untested."""

    labels_from: LabelsFrom
    level: float
    """False discovery rate of each test over the classes."""
    n_images: int
    n_donors: int
    """Images that regions were pasted on, at most, for each class."""
    with_masks: int
    """Images with an object mask."""
    classes: tuple[ClassCoverage, ...]

    @property
    def testable(self) -> bool:
        """Whether any class was tested; otherwise the audit is incomplete, never a pass."""
        return any(one.tested for one in self.classes)
