"""Audits of the grid's networks, ours and the baselines', from a cache by content.

An auditor is given pictures, their classes and the network; where the cue is enters only the
comparison of regions afterwards. Files lie under ``audits`` beside the networks. A name is a digest
of all that the numbers follow from: the network's key, settings, seed number and the code's text.
"""

import functools
import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

import macoaudit.shortcuts
from benchmarks.shortcuts import baselines
from benchmarks.shortcuts.baselines import BASELINES
from benchmarks.shortcuts.data import Sample, sample
from benchmarks.shortcuts.grid import Entry
from benchmarks.shortcuts.localisation import located
from benchmarks.shortcuts.networks import Network
from benchmarks.shortcuts.roc import Flags
from benchmarks.shortcuts.training import one_thread
from macoaudit.files import write_bytes
from macoaudit.models import load_model
from macoaudit.shortcuts.reading import Classes, Images, read_logits
from macoaudit.shortcuts.records import Evidence, NotTested, TestName
from macoaudit.shortcuts.suite import SuiteSettings, Tested, shortcut_tests

FOLDER = "audits"
PER_CLASS = 24
"""Pictures of each class that an auditor is given."""
SETTINGS = SuiteSettings(anomaly=None)
"""Of the benchmark: the default ones without the test of class anomalies, by far the slowest."""
_HERE = Path(__file__).parent
_SHARED = (Path(__file__), _HERE / "localisation.py", _HERE / "roc.py")


@functools.cache
def _text_digest(folder: Path) -> str:
    """Digest of a package's and this benchmark's text, read once for the whole run."""
    digest = hashlib.sha256()
    for file in (*sorted(folder.glob("*.py")), *_SHARED):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _folder_of(package: ModuleType) -> Path:
    return Path(str(package.__file__)).parent


def _name(parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def audit_key(network: str, number: int, settings: SuiteSettings, per_class: int) -> str:
    """Name of an audit: digest of the network's key, seed number, settings and code."""
    code = _text_digest(_folder_of(macoaudit.shortcuts))
    given = {"settings": settings.to_json(), "per_class": per_class, "number": number}
    return _name({"network": network, "code": code} | given)


def baselines_key(network: str, per_class: int) -> str:
    """Name of the baselines' results: digest of the network's key and their code."""
    code = _text_digest(_folder_of(baselines))
    return _name({"network": network, "code": code, "per_class": per_class, "what": "baselines"})


def seed_of(network: str, number: int) -> int:
    """Seed of an audit, from the network's key and not from its entry's seed.

    Planted classes go with the seed of the entry: what is drawn from it could lean to them.
    """
    return int(hashlib.sha256(f"{network} {number}".encode()).hexdigest()[:7], 16)


def pictures(entry: Entry, per_class: int) -> tuple[Images, Classes, Sample]:
    """What an auditor is given, (n, 3, side, side) in 0..1 and (n,), and what it is not."""
    shown = sample(entry, "audit", per_class)
    planes = np.ascontiguousarray(shown.images_01.transpose(0, 3, 1, 2))
    return torch.from_numpy(planes), torch.from_numpy(shown.labels.copy()), shown


def audit(
    network: Network,
    number: int,
    settings: SuiteSettings = SETTINGS,
    per_class: int = PER_CLASS,
) -> dict[str, Any]:
    """Audit a network, as JSON values.

    Args:
        network: of the cache.
        number: of the seed, from 0.
        settings: of all tests.
        per_class: pictures of each class.

    Returns:
        Of each class its margin (None where it was not tested), its finding and all tests; of the
        planted class of a localised cue also how well regions fit the cue.
    """
    image_01, classes, shown = pictures(network.entry, per_class)
    seed = seed_of(network.key, number)
    with one_thread():
        model = load_model(network.card)
        start, cpu = time.perf_counter(), time.process_time()
        said = read_logits(model, image_01).argmax(1)
        tested = shortcut_tests(model, image_01, classes, said, seed=seed, settings=settings)
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    return {
        "name": network.entry.name,
        "network": network.key,
        "number": number,
        "seed": seed,
        "settings": settings.to_json(),
        "classes": [_class(tested, index) for index in range(model.num_classes)],
        "classes_untested": list(tested.verdict.classes_untested),
        "localisation": _localisation(network.entry, tested, shown),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
    }


def _class(tested: Tested, index: int) -> dict[str, Any]:
    """Everything about one class."""
    finding = next((f for f in tested.verdict.findings if f.class_index == index), None)
    made = [
        {
            "test": one.evidence.test,
            "subject": one.evidence.subject,
            "effect": one.evidence.effect,
            "threshold": one.evidence.threshold,
            "p_value": one.evidence.p_value,
            "adjusted_p": one.adjusted_p,
            "smallest_p": one.evidence.smallest_p,
            "flagged": one.flagged,
            "details": dict(one.evidence.details),
        }
        for one in tested.verdict.judged
        if one.evidence.class_index == index
    ]
    # A test that saw much but could not decide comes both as a result and with a reason.
    skipped = [
        {"test": one.test, "reason": one.reason}
        for one in tested.verdict.not_tested
        if one.class_index == index
    ]
    return {
        "class_index": index,
        "margin": tested.margins.get(index),
        "severity": None if finding is None else finding.severity,
        "needs_review": finding is not None and finding.needs_review,
        "tests": made,
        "not_tested": skipped,
    }


def _regions(one: Evidence | NotTested) -> Iterable[tuple[int, Flags]]:
    found = () if isinstance(one, NotTested) else one.regions
    return ((region.image, region.mask.numpy()) for region in found)


def _localisation(entry: Entry, tested: Tested, shown: Sample) -> dict[str, Any] | None:
    """Regions of the planted class against the cue; None where no cue has a place.

    ``finding`` is what a high finding shows, the tests' own regions are there without one too.
    """
    if not entry.cue.localised:
        return None
    own = np.asarray(shown.labels == entry.planted)
    names: tuple[TestName, ...] = ("stamp", "patch transfer")
    result: dict[str, Any] = {}
    for name in names:
        made = [r for r in tested.results if r.test == name and r.class_index == entry.planted]
        pairs = [pair for one in made for pair in _regions(one)]
        result[name] = asdict(located(pairs, shown.masks, own))
    high = [
        (region.image, region.mask.numpy())
        for finding in tested.verdict.findings
        if finding.severity == "high" and finding.class_index == entry.planted
        for region in finding.regions
    ]
    result["finding"] = asdict(located(high, shown.masks, own)) if high else None
    return result


def run_baselines(network: Network, per_class: int = PER_CLASS) -> dict[str, Any]:
    """Run all baselines on the pictures that the audit is given, as JSON values."""
    image_01, classes, shown = pictures(network.entry, per_class)
    own = np.asarray(shown.labels == network.entry.planted)
    found: dict[str, Any] = {}
    with one_thread():
        model = load_model(network.card)
        for place, (name, baseline) in enumerate(BASELINES.items()):
            # Numbers from 1000 on, so that no audit has the same seed.
            generator = torch.Generator().manual_seed(seed_of(network.key, 1000 + place))
            start = time.perf_counter()
            result = baseline(model, image_01, classes, generator)
            where = None
            if network.entry.cue.localised and result.regions is not None:
                where = asdict(located(enumerate(result.regions), shown.masks, own))
            found[name] = {
                "scores": result.scores.tolist(),
                "flagged": list(result.flagged),
                "localisation": where,
                "seconds": round(time.perf_counter() - start, 2),
            }
    return {"name": network.entry.name, "network": network.key, "baselines": found}


def audit_file(network: str, folder: Path, number: int) -> Path:
    """Where the audit of a network of the grid lies, whether it is there or not."""
    return folder / FOLDER / f"{audit_key(network, number, SETTINGS, PER_CLASS)}.json"


def baselines_file(network: str, folder: Path) -> Path:
    """Where the baselines' results for a network of the grid lie."""
    return folder / FOLDER / f"{baselines_key(network, PER_CLASS)}.json"


def _write(file: Path, found: dict[str, Any]) -> None:
    write_bytes(file, json.dumps(found, indent=1, allow_nan=False).encode())


def audit_missing(network: Network, folder: Path, number: int) -> dict[str, Any] | None:
    """Audit a network and write the result, unless it is there: then None.

    Raises:
        StoreError: when it cannot be written.
    """
    file = audit_file(network.key, folder, number)
    if file.exists():
        return None
    found = audit(network, number)
    _write(file, found)
    return found


def baselines_missing(network: Network, folder: Path) -> dict[str, Any] | None:
    """Run the baselines on a network and write the result, unless it is there: then None.

    Raises:
        StoreError: when it cannot be written.
    """
    file = baselines_file(network.key, folder)
    if file.exists():
        return None
    found = run_baselines(network)
    _write(file, found)
    return found
