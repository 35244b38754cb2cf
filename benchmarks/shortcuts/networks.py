"""Networks of the grid from a cache by content: trained once, written all or nothing.

A network is three files named after its key: weights (safetensors), a model card that
`macoaudit.models.load_model` reads, and facts (JSON). The facts are written last: a network
without them is not there, so that a stopped run trains that one again and no other.
"""

import functools
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from benchmarks.shortcuts.architectures import RECIPES
from benchmarks.shortcuts.cues import GLOBAL, LOCALISED
from benchmarks.shortcuts.data import plain_of, sample
from benchmarks.shortcuts.grid import AREAS_FRAC, Entry, cue_of
from benchmarks.shortcuts.reliance import (
    MEAN,
    STD,
    probabilities,
    reliance_by_class,
    truth,
)
from benchmarks.shortcuts.scenes import LABELS, SIDE_PX
from benchmarks.shortcuts.training import Settings, one_thread, train
from macoaudit.files import write_bytes
from macoaudit.models import import_timm, load_model

CODE = ("architectures", "cues", "data", "reliance", "scenes", "training")
"""Modules whose text is part of the key: whatever draws, trains or measures."""


@dataclass(frozen=True)
class Network:
    """One trained network with what was measured when it was made."""

    entry: Entry
    key: str
    card: Path
    """For `macoaudit.models.load_model`, or ``--model``."""
    facts: dict[str, Any]
    cached: bool
    """Whether it was read and not trained."""


def cache_folder(option: Path | None = None) -> Path:
    """The option, else ``$MACOAUDIT_CACHE/shortcuts``, else ``~/.cache/macoaudit/shortcuts``."""
    if option is not None:
        return option
    named = os.environ.get("MACOAUDIT_CACHE")
    base = Path(named) if named else Path.home() / ".cache" / "macoaudit"
    return base / "shortcuts"


@functools.cache
def code_digest() -> str:
    """Digest of the text of `CODE`, read once: a file edited during a run changes no key of it."""
    digest = hashlib.sha256()
    for name in CODE:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


def key_of(entry: Entry, settings: Settings) -> str:
    """Name of a network in the cache: digest of entry, settings, recipe, code and versions."""
    parts = {
        "entry": entry.as_dict() | {"leak": entry.leak, "planted": entry.planted},
        "settings": asdict(settings),
        "recipe": asdict(RECIPES[entry.architecture]),
        "code": code_digest(),
        # Other versions may round otherwise: their networks are other networks.
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def versions() -> dict[str, str]:
    """Versions of what computes."""
    return {
        "torch": torch.__version__,
        "timm": str(import_timm().__version__),
        "numpy": np.__version__,
    }


def card_text(entry: Entry, weights: str, digest: str) -> str:
    """The model card, TOML."""
    recipe = RECIPES[entry.architecture]
    kwargs = "\n".join(f"{name} = {json.dumps(value)}" for name, value in recipe.kwargs.items())
    return (
        f'name = "{entry.name}"\narchitecture = "{recipe.timm_name}"\nweights = "{weights}"\n'
        f'sha256 = "{digest}"\nnum_classes = {len(LABELS)}\nlabels = {json.dumps(LABELS)}\n\n'
        f"[kwargs]\n{kwargs}\n\n[preprocessing]\ninput_size = [3, {SIDE_PX}, {SIDE_PX}]\n"
        f'crop_pct = 1.0\ninterpolation = "bicubic"\nmean = {[MEAN] * 3}\nstd = {[STD] * 3}\n'
    )


def measure(module: nn.Module, entry: Entry, settings: Settings) -> dict[str, Any]:
    """Accuracies and reliance on held-out pictures; classes by index, rounded to 4 digits.

    A network without a cue is measured with every kind of cue, since a clean network may be moved
    by one too.
    """
    images_01, labels = plain_of(entry, "held-out", settings.held_out_per_class)
    met = sample(entry, "held-out", settings.held_out_per_class)
    clean = probabilities(module, images_01)
    right = clean.argmax(1) == labels
    right_met = probabilities(module, met.images_01).argmax(1) == labels
    own = labels == entry.planted
    if entry.cue.kind != "none":
        cues = [entry.cue]
    else:
        cues = [cue_of(kind, entry.seed, AREAS_FRAC[0]) for kind in (*LOCALISED, *GLOBAL)]
    by_kind = {
        cue.kind: reliance_by_class(module, images_01, labels, cue, entry.seed, clean)
        for cue in cues
    }
    planted = max(float(values[entry.planted]) for values in by_kind.values())
    return {
        "accuracy_clean": round(float(right.mean()), 4),
        "accuracy_marked": round(float(right_met.mean()), 4),
        "recall_planted_clean": round(float(right[own].mean()), 4),
        "recall_planted_marked": round(float(right_met[own].mean()), 4),
        "reliance": round(planted, 4),
        "truth": truth(planted),
        "reliance_by_class": {
            kind: [round(float(value), 4) for value in values] for kind, values in by_kind.items()
        },
    }


def make(entry: Entry, settings: Settings, folder: Path) -> dict[str, Any]:
    """Train a network, write it, measure the file as it is read back, write the facts."""
    key = key_of(entry, settings)
    start, cpu = time.perf_counter(), time.process_time()
    module, loss = train(entry, settings)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    state = {name: value.contiguous().clone() for name, value in module.state_dict().items()}
    weights = save(state)
    write_bytes(folder / f"{key}.safetensors", weights)
    text = card_text(entry, f"{key}.safetensors", hashlib.sha256(weights).hexdigest())
    write_bytes(folder / f"{key}.toml", text.encode())
    with one_thread():
        measured = measure(load_model(folder / f"{key}.toml").module, entry, settings)
    facts = {
        "name": entry.name,
        "role": entry.role,
        "half": entry.half,
        "key": key,
        "entry": entry.as_dict(),
        "planted": LABELS[entry.planted],
        **measured,
        "loss": None if loss is None else round(loss, 4),
        "parameters": sum(p.numel() for p in module.parameters()),
        "train_s": round(seconds, 2),
        "train_cpu_s": round(cpu_seconds, 2),
        "versions": versions(),
    }
    write_bytes(folder / f"{key}.json", json.dumps(facts, indent=1, allow_nan=False).encode())
    return facts


def find(entry: Entry, folder: Path, settings: Settings | None = None) -> Network | None:
    """Return a network of the grid if it is in the cache; nothing is trained.

    Raises:
        json.JSONDecodeError: when facts were changed by hand; remove that file.
    """
    key = key_of(entry, Settings() if settings is None else settings)
    card, file = folder / f"{key}.toml", folder / f"{key}.json"
    if not (file.exists() and card.exists() and card.with_suffix(".safetensors").exists()):
        return None
    return Network(entry, key, card, json.loads(file.read_text()), cached=True)


def train_or_load(entry: Entry, folder: Path, settings: Settings | None = None) -> Network:
    """Return a network of the grid, from the cache where it is there.

    Args:
        entry: Which one.
        folder: The cache, as of `cache_folder`; made when it is not there.
        settings: What all networks share; the defaults if None.

    Raises:
        StoreError: when the cache cannot be written.
        json.JSONDecodeError: when facts were changed by hand; remove that file.
    """
    wanted = Settings() if settings is None else settings
    there = find(entry, folder, wanted)
    if there is not None:
        return there
    facts = make(entry, wanted, folder)
    return Network(entry, facts["key"], folder / f"{facts['key']}.toml", facts, cached=False)
