"""Folders of planted scenes, cards of the networks that see them, and short audits of both."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from planted import COLOURS, SIDE_PX, Counting, mark_mask, planted_scenes
from torch import Tensor, nn

from macoaudit.audit_config import AuditConfig, Extent, extent, extent_settings
from macoaudit.config import InvertConfig
from macoaudit.images import save_png
from macoaudit.models import LoadedModel
from macoaudit.shortcuts import suite
from macoaudit.shortcuts.reading import read_logits
from macoaudit.shortcuts.records import Evidence, NotTested, Region
from macoaudit.shortcuts.transfer import paste
from macoaudit.shortcuts.verdict import verdict

NAMES = ("yellow", "red", "green", "blue")
MARKED = "yellow"


class Lit(Counting):
    """Counting that looks a little at the colour of a quarter, too.

    So no activation is zero, and every class can be drawn; no decision about a scene changes.
    """

    def __init__(self, *, shortcut: bool) -> None:
        super().__init__(shortcut=shortcut)
        head = nn.Linear(8, 4, bias=False)
        with torch.no_grad():
            head.weight[:, :5] = self.head.weight
            head.weight[:, 5:] = COLOURS / 2
        self.head = head

    def features(self, image: Tensor) -> Tensor:
        quarter = image[:, :, : SIDE_PX // 2, : SIDE_PX // 2].mean((2, 3))
        return torch.cat([super().features(image), quarter], 1)


def write_counting_card(folder: Path, *, shortcut: bool = True, name: str = "net") -> Path:
    """Write the card of a network that counts pixels; ``shortcut``: the mark stands for yellow."""
    (folder / "names.txt").write_text("\n".join(NAMES) + "\n")
    path = folder / f"{name}.toml"
    path.write_text(
        'factory = "planted_audits:Lit"\nnum_classes = 4\nlabels = "names.txt"\n'
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
    limits: Extent | None = None,
    steps: int = 6,
    masks: Path | None = None,
    max_images: int = 2000,
    **changes: Any,
) -> AuditConfig:
    """A short audit: two inversions in all, two classes drawn, no reports."""
    chosen = limits or replace(extent("quick"), inverted_per_class=1, inverted=2, classes_drawn=2)
    inversion, drawing = extent_settings(chosen, steps=steps)
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
        extent=chosen,
        drawing=drawing,
        masks=masks,
        max_images=max_images,
    )


def stand_in_tests(
    model: LoadedModel,
    image_01: Tensor,
    classes: Tensor,
    predictions: Tensor,
    *,
    on_test: Callable[[str, int, int], None],
    **_: Any,
) -> suite.Tested:
    """In place of all tests, in no time: paste the mark of each class's first image on the others.

    A class is flagged when most of them are then taken for it; one with a single image is not
    tested, as the tests have it.
    """
    on_test("patch transfer", 1, 2)
    results: list[Evidence | NotTested] = []
    counts = dict(sorted(Counter(classes.tolist()).items()))
    for index, count in counts.items():
        if count < 2:
            results += [NotTested("patch transfer", index, "1 image, 2 are needed")]
            continue
        members = torch.nonzero(classes == index).flatten().tolist()
        pasted = paste(image_01[classes != index], image_01[members[0]], mark_mask())
        effect = float((read_logits(model, pasted).argmax(1) == index).double().mean())
        regions = tuple(Region(image, mark_mask()) for image in members)
        found = {"images": tuple(members), "regions": regions, "p_value": 0.001, "null": None}
        results += [
            Evidence("patch transfer", index, effect, "fooling rate", 0.5, **found),
            Evidence("stamp", index, 6 * effect, "likeness", 3.0, **found),
        ]
    on_test("stamp", 2, 2)
    verdict_of_all = verdict(results, model.labels)
    margins = {
        one.evidence.class_index: one.evidence.effect / one.evidence.threshold
        for one in verdict_of_all.judged
    }
    donors = len(image_01) - min(counts.values())
    return suite.Tested(verdict_of_all, margins, donors, tuple(results))


def noise(size: int = SIDE_PX) -> torch.Tensor:
    return torch.rand(3, size, size, generator=torch.Generator().manual_seed(0))
