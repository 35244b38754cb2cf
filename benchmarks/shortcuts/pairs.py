"""What was audited, pair by pair: each (network, class) with its truth and all scores."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.shortcuts.audits import audit_file, baselines_file
from benchmarks.shortcuts.baselines import BASELINES
from benchmarks.shortcuts.grid import Entry, Half
from benchmarks.shortcuts.networks import Network, find
from benchmarks.shortcuts.reliance import truth
from benchmarks.shortcuts.scenes import LABELS
from benchmarks.shortcuts.training import Settings

PairTruth = Literal["positive", "negative", "middle", "compact", "null"]
"""``middle`` is left out of all rates; ``compact`` is the class whose true subject looks like a
mark, and ``null`` any class of a network that learned no class: both are reported apart."""


@dataclass(frozen=True)
class Missing:
    """A network that is left out of some figures, and what it lacks."""

    network: str
    what: str
    """Joined by commas, for example ``audit 0, baselines``."""


@dataclass(frozen=True)
class Audited:
    """A network with everything that was found in it."""

    network: Network
    audits: Mapping[int, Mapping[str, Any]]
    """By seed number, as JSON values; number 0 is there."""
    baselines: Mapping[str, Mapping[str, Any]]

    @property
    def entry(self) -> Entry:
        """The network's place in the grid."""
        return self.network.entry


@dataclass(frozen=True)
class Pair:
    """One class of one network."""

    audited: Audited
    class_index: int
    truth: PairTruth
    reliance: float | None
    """Measured delta R; for a network without a cue the largest of all kinds."""

    @property
    def entry(self) -> Entry:
        """The network's place in the grid."""
        return self.audited.entry

    @property
    def half(self) -> Half:
        """Where its figures count."""
        return self.entry.half

    @property
    def cluster(self) -> str:
        """Twins are drawn together: they share weights to start from and pictures."""
        return f"{self.entry.architecture}-{self.entry.seed}"

    def found(self, number: int = 0) -> Mapping[str, Any]:
        """What an audit says of the class."""
        record: Mapping[str, Any] = self.audited.audits[number]["classes"][self.class_index]
        return record

    def high(self, number: int = 0) -> bool:
        """Whether an audit has a high finding of the class."""
        return bool(self.found(number)["severity"] == "high")

    @property
    def margin(self) -> float | None:
        """Of the first audit; None where the class was not tested."""
        margin: float | None = self.found()["margin"]
        return margin

    def score(self, baseline: str) -> float:
        """A baseline's score."""
        return float(self.audited.baselines[baseline]["scores"][self.class_index])

    def flagged(self, baseline: str) -> bool:
        """Whether a baseline's own limit flags the class."""
        return self.class_index in self.audited.baselines[baseline]["flagged"]


@dataclass(frozen=True)
class Collected:
    """All of a grid that is in the cache."""

    audited: tuple[Audited, ...]
    missing: tuple[Missing, ...]
    """Networks that lack something."""

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All classes of all networks."""
        return tuple(pair_of(one, index) for one in self.audited for index in range(len(LABELS)))


def reliance_of(entry: Entry, facts: Mapping[str, Any], class_index: int) -> float | None:
    """Delta R of a class by the network's cue, or the largest by any; None if not measured."""
    by_kind = facts["reliance_by_class"]
    chosen = by_kind.values() if entry.cue.kind == "none" else [by_kind[entry.cue.kind]]
    return max((float(values[class_index]) for values in chosen), default=None)


def pair_truth(entry: Entry, reliance: float | None, class_index: int) -> PairTruth:
    """What must be found of a class.

    In a network with a planted cue its class is what its reliance says, and another class is clean
    only while the cue does not move it: from 0.05 on it is left out, as no cue was planted there.
    Networks without a cue, or with one at the same rate in every class, have none to be found.
    """
    if entry.role in ("permuted", "random"):
        return "null"
    if entry.role == "compact" and class_index == entry.planted:
        return "compact"
    if entry.role != "planted" or reliance is None:
        return "negative"
    measured = truth(reliance)
    if class_index != entry.planted and measured == "positive":
        return "middle"
    return measured


def pair_of(audited: Audited, class_index: int) -> Pair:
    """One class of an audited network with its truth."""
    reliance = reliance_of(audited.entry, audited.network.facts, class_index)
    return Pair(audited, class_index, pair_truth(audited.entry, reliance, class_index), reliance)


def collect(
    entries: Sequence[Entry], folder: Path, seeds: int, settings: Settings | None = None
) -> Collected:
    """Read what is in the cache of a grid; nothing is trained and nothing audited.

    A network counts with its first audit and all baselines, so that every score is compared on
    the same pairs; without a further audit it is missing from the figures of seeds alone.

    Args:
        entries: of the grid.
        folder: the cache.
        seeds: audits that each network should have.
        settings: of the training; the defaults if None.

    Raises:
        json.JSONDecodeError: when a file was changed by hand; remove it.
    """
    audited, missing = [], []
    for entry in entries:
        network = find(entry, folder, settings)
        if network is None:
            missing.append(Missing(entry.name, "network"))
            continue
        files = {number: audit_file(network.key, folder, number) for number in range(seeds)}
        audits = {n: json.loads(file.read_text()) for n, file in files.items() if file.exists()}
        scored = baselines_file(network.key, folder)
        lacks = [f"audit {n}" for n in files if n not in audits]
        lacks += [] if scored.exists() else ["baselines"]
        if lacks:
            missing.append(Missing(entry.name, ", ".join(lacks)))
        if scored.exists() and 0 in audits:
            found = json.loads(scored.read_text())["baselines"]
            audited.append(Audited(network, audits, {name: found[name] for name in BASELINES}))
    return Collected(tuple(audited), tuple(missing))
