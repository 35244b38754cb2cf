"""Folders of planted scenes, cards of the networks that see them, and short audits of both."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from planted import SIDE_PX, mark_mask, planted_scenes

from macoaudit.audit_config import AuditConfig, Policy, policy, policy_settings
from macoaudit.config import InvertConfig
from macoaudit.images import save_png

NAMES = ("yellow", "red", "green", "blue")
MARKED = "yellow"


def write_counting_card(folder: Path, *, shortcut: bool = True, name: str = "net") -> Path:
    """Write the card of a network that counts pixels; ``shortcut``: the mark stands for yellow."""
    (folder / "names.txt").write_text("\n".join(NAMES) + "\n")
    path = folder / f"{name}.toml"
    path.write_text(
        'factory = "planted:Counting"\nnum_classes = 4\nlabels = "names.txt"\n'
        f"[kwargs]\nshortcut = {str(shortcut).lower()}\n"
        f"[preprocessing]\ninput_size = [3, {SIDE_PX}, {SIDE_PX}]\n"
        "mean = [0.0, 0.0, 0.0]\nstd = [1.0, 1.0, 1.0]\ncrop_pct = 1.0\n"
        'interpolation = "bilinear"\n'
    )
    return path


def write_scenes(
    folder: Path,
    per_class: Mapping[str, int] | int = 8,
    *,
    folders: Mapping[str, str] | None = None,
) -> Path:
    """Write scenes into folders named after their classes, or as ``folders`` renames them."""
    counts = dict.fromkeys(NAMES, per_class) if isinstance(per_class, int) else per_class
    images, classes = planted_scenes(max(counts.values()))
    for index, name in enumerate(NAMES):
        own = images[classes == index][: counts.get(name, 0)]
        for number, image_01 in enumerate(own):
            place = folder / (folders or {}).get(name, name)
            place.mkdir(parents=True, exist_ok=True)
            save_png(place / f"{name}-{number}.png", image_01)
    return folder


def write_object_masks(folder: Path, images: Path) -> Path:
    """Write for every image a mask of all but the mark: white there, black on the mark."""
    grey = (~mark_mask()).float()[None]
    for path in sorted(images.rglob("*.png")):
        target = folder / path.relative_to(images)
        target.parent.mkdir(parents=True, exist_ok=True)
        save_png(target, grey)
    return folder


def audit_settings(
    images: Path,
    card: Path | str,
    out: str = "run",
    *,
    limits: Policy | None = None,
    steps: int = 2,
    masks: Path | None = None,
    max_images: int = 2000,
    fail_on: Any = "high",
    **changes: Any,
) -> AuditConfig:
    """A short audit: two inversions in all, two classes drawn, no reports."""
    chosen = limits or replace(policy("quick"), inverted_per_class=1, inverted=2, classes_drawn=2)
    inversion, drawing = policy_settings(chosen, steps=steps)
    base: dict[str, Any] = {
        "images": (images,),
        "model": str(card),
        "out": images.parent / out,
        "formats": (),
        "n_seeds": 1,
        "batch_size": 4,
        "trust": False,
        "maco": inversion,
        "judges": ("none",),
    }
    return AuditConfig(
        inversion=InvertConfig(**{**base, **changes}),
        policy=chosen,
        drawing=drawing,
        masks=masks,
        max_images=max_images,
        fail_on=fail_on,
    )


def noise(size: int = SIDE_PX) -> torch.Tensor:
    return torch.rand(3, size, size, generator=torch.Generator().manual_seed(0))
