"""Builds run folders of ``audit`` with real pictures for the tests of their reports."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import audited
import numpy as np
from drawings import drawn
from PIL import Image, ImageDraw
from runs import good_image, make_run, natural, paint

from macoaudit.results import Run, Skipped, Visualization

SIDE_PX = 64
"""Of the painted pictures; the regions of :mod:`audited` lie inside."""


def _open(photos: Mapping[str, Path], name: str, rng: np.random.Generator) -> Image.Image:
    if name in photos:
        with Image.open(photos[name]) as opened:
            return opened.convert("RGB")
    return Image.fromarray(natural(rng, SIDE_PX))


def _paint(folder: Path, run: Run, photos: Mapping[str, Path]) -> None:
    """Write what the findings name: outlined images, regions alone, images before and after."""
    rng = np.random.default_rng(7)
    place = folder / "findings"
    place.mkdir(parents=True, exist_ok=True)
    pieces: dict[str, tuple[Image.Image, tuple[int, int]]] = {}
    for one in run.findings:
        for region in one.regions:
            image = _open(photos, region.image, rng)

            top, left, height, width = region.box_px
            box = (left, top, left + width, top + height)
            piece = image.crop(box)
            pieces[region.image] = (piece, (left, top))
            alone = Image.new("RGBA", image.size, (0, 0, 0, 0))
            alone.paste(piece.convert("RGBA"), (left, top))
            alone.save(folder / region.files["region"])
            ImageDraw.Draw(image).rectangle(box, outline=(255, 0, 255), width=2)
            image.save(folder / region.files["overlay"])
        for example in one.examples:
            image = _open(photos, example.image, rng)
            image.save(folder / example.files["before"])
            piece, at = pieces[example.source]
            image.paste(piece, at)
            image.save(folder / example.files["after"])


def class_drawing(index: int) -> Visualization:
    """The drawing of one class."""
    files = {kind: f"images/class-{index}/{kind}-0.png" for kind in ("image", "masked")}
    one = drawn(index, audited.CLASSES[index], id=f"class-{index}", files=files)
    return replace(one, transfer=(), plausibility=None, exemplars=None)


def make_audit(
    folder: Path,
    *,
    photos: Mapping[str, Path] | None = None,
    paths: Mapping[str, str] | None = None,
) -> Run:
    """Write the pictures of an audit and return its record.

    Args:
        folder: the run folder.
        photos: picture files by image id, in place of random ones.
        paths: paths of images by their id.
    """
    photos = photos or {}
    ids = [f"{name}-{n}" for name in audited.CLASSES[:5] for n in range(2)]
    images = []
    for number, name in enumerate(ids):
        seeds = [0] if number < 3 else []
        paint(folder, name, seeds, SIDE_PX, photos.get(name))
        path = (paths or {}).get(name, f"{name.split('-')[0]}/{name}.jpg")
        one = good_image(name, path, number, [0], judged=False)
        if not seeds:
            one = replace(one, inversions=(), similarity=None)
        images.append(one)
    drawings = tuple(class_drawing(index) for index in range(3))
    dead = replace(class_drawing(3), status="dead", reason="zero gradient", files={})
    rng = np.random.default_rng(3)
    for one in drawings:
        for file in one.files.values():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(natural(rng, SIDE_PX)).save(folder / file)
    run = replace(
        make_run(folder, 1),
        command="audit",
        images=tuple(images),
        visualizations=(*drawings, dead),
        findings=audited.findings(),
        tests=audited.tests(),
        shortcuts=audited.audit(),
        skipped=(Skipped("component", "too few images"),),
        summary={"n_images": len(images)},
    )
    _paint(folder, run, photos)
    return run


def nothing_found(run: Run) -> Run:
    """The same run had no test flagged anything."""
    tests = tuple(
        replace(one, outcome="passed", effect=0.125, p_value=0.5, adjusted_p=0.75)
        if one.outcome == "flagged"
        else one
        for one in run.tests
    )
    classes = tuple(
        replace(one, margin=0.1875 if one.tested else None) for one in run.shortcuts.classes
    )
    audit = replace(run.shortcuts, classes=classes)
    return replace(run, findings=(), tests=tests, shortcuts=audit)


def untestable(run: Run) -> Run:
    """The same run had too few images for any test."""
    tests = tuple(
        audited.not_made(one.test, one.class_index, audited.FEW_IMAGES) for one in run.tests
    )
    classes = tuple(
        replace(one, tested=False, margin=None, reasons=(audited.FEW_IMAGES,))
        for one in run.shortcuts.classes
    )
    audit = replace(run.shortcuts, classes=classes)
    return replace(run, status="incomplete", findings=(), tests=tests, shortcuts=audit)
