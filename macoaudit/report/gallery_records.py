"""Frozen records of what a gallery shows: worded, rounded, ready for the templates."""

from dataclasses import dataclass
from pathlib import Path

from macoaudit.report.drawn_cards import TargetCard
from macoaudit.report.pieces import Picture
from macoaudit.report.records import Fact, FactGroup, Texts


@dataclass(frozen=True)
class Section:
    """Pictures under a heading, with what is said of them."""

    title: str
    sentence: str
    pictures: tuple[Picture, ...]
    folder: Path
    """The run folder that holds the pictures; it may be another run's."""


@dataclass(frozen=True)
class DriverView:
    """One channel that drives a class."""

    title: str
    sentence: str
    share: str
    picture: Picture | None
    reason: str | None
    """Why the channel has no picture."""


@dataclass(frozen=True)
class Drivers:
    """The channels that drive a class, and what is left over."""

    sentence: str
    channels: tuple[DriverView, ...]


@dataclass(frozen=True)
class Entry:
    """One class on the first page."""

    id: str
    """Name of its page."""
    index: str
    name: str
    status: str
    """``drawn``, ``dead``, ``unreachable`` or ``failed``: what the filter asks for."""
    outcome: str
    """The status in words."""
    reason: str | None
    picture: Picture | None
    masked: Picture | None
    judges: str
    """``every``, ``some``, ``none`` or ``unasked``."""
    judges_text: str
    judged_frac: str
    """For sorting; empty where no judge was asked."""
    as_far_pct: str
    """Share of natural images at least as far out, 0 to 100; empty where it was not measured."""
    as_far_text: str
    score: str
    """For sorting; empty without one."""
    score_text: str


@dataclass(frozen=True)
class ClassPage:
    """Everything about one class."""

    entry: Entry
    title: str
    cards: tuple[TargetCard, ...]
    """One a seed."""
    drivers: Drivers | None
    concepts: tuple[Section, ...]
    """Empty where no concepts of this class are known."""


@dataclass(frozen=True)
class GalleryView:
    """A whole gallery as plain data."""

    title: str
    subtitle: str
    tool: str
    status: str
    complete: bool
    explanation: str
    warning: str | None
    tiles: tuple[Fact, ...]
    audited: tuple[FactGroup, ...]
    settings_sentence: str
    texts: Texts
    pages: tuple[ClassPage, ...]
    note: str
    """What of the classes is here."""
    has_transfer: bool
    has_plausibility: bool
    skipped: tuple[Fact, ...]
    reproduce: tuple[FactGroup, ...]
    volatile: tuple[FactGroup, ...]
