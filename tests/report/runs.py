"""Builds realistic run folders of ``invert`` for the tests of the report."""

import hashlib
from dataclasses import replace
from pathlib import Path

import measured as examples
import numpy as np
from PIL import Image

from macoaudit.results import (
    DepthPoint,
    Exemplar,
    ImageAudit,
    Inversion,
    ModelRecord,
    Prediction,
    Retained,
    Run,
    Skipped,
    Transfer,
    TrustCheck,
)

HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "</script><script>alert(2)</script>.png",
    "{{7*7}}{% raw %}.png",
    "[red]bold[/red].png",
    "=1+1.png",
    "a|b`c`@d.png",
    "tab\tbell\x07escape\x1b[31m.png",
    "bidi\u202egnp.exe\u2066.png",
    "undecodable-\udc80\udcff.png",
    '" onmouseover="alert(3)" x=".png',
    "]]> --> & &amp; ' .png",
    "x" * 251 + ".png",
    "übergröße/猫/кот.png",
)


def natural(rng: np.random.Generator, side_px: int) -> np.ndarray:
    """Random picture with a 1/f spectrum, uint8, (side, side, 3)."""
    frequency = np.hypot(np.fft.fftfreq(side_px)[:, None], np.fft.rfftfreq(side_px)[None])
    frequency[0, 0] = 1 / side_px
    phase = rng.uniform(-np.pi, np.pi, (3, *frequency.shape))
    image = np.fft.irfft2(np.exp(1j * phase) / frequency, s=(side_px, side_px))
    image = 0.5 + 0.18 * image / image.std()
    return (255 * image.clip(0, 1)).astype(np.uint8).transpose(1, 2, 0)


def paint(folder: Path, image_id: str, seeds: list[int], side_px: int, photo: Path | None) -> None:
    """Write reference, inversions, masks and masked inversions as PNG."""
    here = folder / "images" / image_id
    here.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(int(hashlib.sha256(image_id.encode()).hexdigest()[:8], 16))
    if photo is None:
        reference = Image.fromarray(natural(rng, side_px))
    else:
        with Image.open(photo) as opened:
            square = min(opened.size)
            reference = opened.convert("RGB").crop((0, 0, square, square))
            reference = reference.resize((side_px, side_px))
    reference.save(here / "reference.png")
    axis = np.linspace(-1, 1, side_px)
    for seed in seeds:
        made = Image.blend(reference, Image.fromarray(natural(rng, side_px)), 0.7)
        centre = rng.uniform(-0.4, 0.4, 2)
        distance = (axis[:, None] - centre[0]) ** 2 + (axis[None] - centre[1]) ** 2
        mask = Image.fromarray((255 * np.exp(-3 * distance)).astype(np.uint8))
        made.save(here / f"inversion-{seed}.png")
        mask.save(here / f"transparency-{seed}.png")
        made.putalpha(mask)
        made.save(here / f"masked-{seed}.png")


def paint_map(folder: Path, image_id: str, side_px: int) -> None:
    """Write a picture like that of a retained map: the reference, dimmed where nothing is kept."""
    here = folder / "images" / image_id
    with Image.open(here / "reference.png") as opened:
        reference = opened.convert("RGB")
    axis = np.linspace(-1, 1, 14)
    patches = np.exp(-2 * ((axis[:, None] - 0.2) ** 2 + (axis[None] + 0.1) ** 2))
    mask = Image.fromarray((255 * patches).astype(np.uint8)).resize((side_px, side_px))
    grey = Image.new("RGB", reference.size, (128, 128, 128))
    Image.composite(reference, grey, mask).save(here / "retained.png")


LAYERS = ("blocks.2", "blocks.5", "blocks.8", "penultimate")


def with_measures(image: ImageAudit, number: int, others: list[tuple[str, str]]) -> ImageAudit:
    """Add every measure to an image; every third map fails its proof, every fifth has none.

    ``others`` are id and path of images that serve as natural neighbours.
    """
    retention = examples.retention(image.id, number % 3 != 1, len(image.inversions))
    if not retention.faithfulness.holds:  # the curve has to show what the statement says
        curve = tuple(
            replace(p, moved_dropped=0.8 * p.dropped) for p in examples.faithfulness().curve
        )
        retention = replace(retention, faithfulness=replace(retention.faithfulness, curve=curve))
    if number % 5 == 4:
        gone = Skipped("deletion", "fewer than 16 patches")
        retention = replace(retention, faithfulness=gone)

    if len(image.inversions) == 1:  # no interval without a second seed
        attributes = {
            name: replace(found, low=None, high=None) if isinstance(found, Retained) else found
            for name, found in retention.attributes.items()
        }
        retention = replace(retention, attributes=attributes)

    def near(step: int) -> tuple[Exemplar, ...]:
        picked = [others[(number + step + k) % len(others)] for k in range(3)]
        return tuple(
            Exemplar(path, path.split("/")[0], 0.81 - 0.07 * k, f"images/{i}/reference.png")
            for k, (i, path) in enumerate(picked)
        )

    return replace(
        image,
        inversions=tuple(
            replace(one, exemplars=near(1 + 2 * one.seed)) for one in image.inversions
        ),
        transfer=tuple(
            replace(t, method="prototype", n_classes=12, probability=None)
            if t.judge == "mobilenetv2_100"
            else t
            for t in image.transfer
        ),
        plausibility=examples.plausibility(tuple(i.seed for i in image.inversions)),
        retention=retention,
        depth=tuple(
            DepthPoint(layer, 0.97 - 0.03 * k, examples.attributes(0.15 * k + 0.01 * number), file)
            for k, layer in enumerate(LAYERS)
            for file in [image.inversions[k % len(image.inversions)].files["image"]]
        ),
        other_class=near(4)[:2],
    )


def inversion(image_id: str, seed: int, similarity: float, same: bool) -> Inversion:
    base = f"images/{image_id}"
    return Inversion(
        seed=seed,
        similarity=similarity,
        start_similarity=0.0712 + 0.01 * seed,
        prediction=Prediction(3 if same else 8, "tench" if same else "goldfish", 0.8734),
        n_steps=256,
        converged=same,
        files={
            "image": f"{base}/inversion-{seed}.png",
            "transparency": f"{base}/transparency-{seed}.png",
            "masked": f"{base}/masked-{seed}.png",
        },
    )


def transfers(seed: int, rank: int) -> tuple[Transfer, ...]:
    return tuple(
        Transfer(judge, "class", seed, rank == 1, rank <= 5, rank, 1000, 0.61 / rank, 0.98765, 1)
        for judge in ("mobilenetv3_large_100", "mobilenetv2_100")
    )


def good_image(image_id: str, path: str, number: int, seeds: list[int], judged: bool) -> ImageAudit:
    similarities = [round(0.31 + 0.0661 * ((number * 7 + s) % 11), 4) for s in seeds]
    inversions = tuple(
        inversion(image_id, s, value, (number + s) % 4 != 1)
        for s, value in zip(seeds, similarities, strict=True)
    )
    skip = "no folder of natural images was given with --reference"
    return ImageAudit(
        id=image_id,
        path=path,
        status="ok",
        reason=None,
        label=path.split("/")[0] if "/" in path else None,
        sha256=hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest(),
        prediction=Prediction(3, "tench", 0.99961),
        similarity=sum(similarities) / len(similarities),
        inversions=inversions,
        transfer=sum((transfers(s, 1 + number % 7) for s in seeds), ()) if judged else (),
        plausibility=Skipped("plausibility", skip),
        retention=Skipped("retention", "not part of this version's invert"),
        files={"reference": f"images/{image_id}/reference.png"},
    )


def bad_image(image_id: str, path: str, status: str, reason: str) -> ImageAudit:
    return ImageAudit(image_id, path, status, reason, None, None, None, None)


def model(origin: str = "pretrained") -> ModelRecord:
    return ModelRecord(
        name="vit_tiny",
        architecture="vit_tiny_patch16_224",
        weights_sha256="5f" * 32,
        weights_origin=origin,
        layer="penultimate",
        activation_shape=(192,),
        input_size=(3, 224, 224),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        crop_pct=0.9,
        interpolation="bicubic",
        num_classes=1000,
    )


def volatile(started: str = "2026-01-02T03:04:05Z") -> dict[str, object]:
    return {
        "started": started,
        "wall_s": 92.4321,
        "stages": {"inversion": 88.12, "load model": 1.9, "transfer": 2.2},
        "device": "cpu, 2 threads",
        "versions": {"python": "3.11.9", "torch": "2.13.0", "timm": "1.0.31"},
        "command_line": ["macoaudit", "invert", "samples/my photos", "--model", "vit_tiny"],
    }


def make_hostile(run: Run) -> Run:
    """Put a hostile name wherever a measure of a run records text."""

    def spoil(image: ImageAudit, name: str) -> ImageAudit:
        near = Exemplar(name, name, 0.5, image.files["reference"])
        retention = replace(
            image.retention,
            space=name,
            attributes={name: examples.retained(), "top5": Skipped(name, name)},
            faithfulness=replace(examples.faithfulness(), fills=(name,))
            if len(name) % 2
            else Skipped(name, name),
        )
        points = {name: examples.retained(), "top5": Skipped(name, name)}
        return replace(
            image,
            retention=retention,
            plausibility=replace(image.plausibility, space=name),
            depth=(DepthPoint(name, 0.9, points, image.files["reference"]),),
            other_class=(near,),
            inversions=tuple(replace(i, exemplars=(near,)) for i in image.inversions),
            skipped=(Skipped(name, name),),
        )

    return replace(
        run,
        images=tuple(spoil(i, name) for i, name in zip(run.images, HOSTILE, strict=True)),
        trust=tuple(
            TrustCheck(
                name, outcome, name if outcome == "skipped" else None, 0.1, 0.2, 1, {name: 1.0}
            )
            for name in HOSTILE
            for outcome in ("not as expected", "skipped")
        ),
        summary={"retention": {name: {"mean": 0.5, "n": name} for name in HOSTILE}},
    )


SUMMARY = {
    "faithfulness": {"n": 8, "retained_matters": 7, "dropped_does_not": 6, "holds": 5},
    "retention": {
        "color": {"mean": 0.684, "low": 0.591, "high": 0.772, "n": 8},
        "layout": {"mean": 0.091, "low": 0.012, "high": 0.183, "n": 8},
        "bands_1": {"mean": 0.412, "low": 0.301, "high": 0.522, "n": 8},
    },
}


def make_run(
    folder: Path,
    n_images: int,
    *,
    n_seeds: int = 1,
    side_px: int = 64,
    paths: tuple[str, ...] | None = None,
    photos: list[Path] | None = None,
    judged: bool = True,
    bad: bool = False,
    origin: str = "pretrained",
    share_pictures: bool = False,
    measured: bool = False,
) -> Run:
    """Write the pictures of a run folder and return its record.

    With ``share_pictures`` all images name the pictures of the first, to make large runs cheap.
    With ``measured`` they have retention, plausibility, neighbours and a depth profile, and the run
    has trust checks.
    """
    seeds = list(range(n_seeds))
    images = []
    for number in range(n_images):
        path = paths[number] if paths else f"tench/photo_{number:03d}.jpg"
        if photos and not paths:
            path = f"{photos[number % len(photos)].stem.split('_', 1)[-1]}/photo_{number:03d}.jpg"
        image_id = f"image-{number:04d}-{hashlib.sha256(str(number).encode()).hexdigest()[:8]}"
        files_id = images[0].id if share_pictures and images else image_id
        if files_id == image_id:
            photo = photos[number % len(photos)] if photos else None
            paint(folder, image_id, seeds, side_px, photo)
            paint_map(folder, image_id, side_px)
        made = good_image(files_id, path, number, seeds, judged)
        images.append(ImageAudit(**{**vars(made), "id": image_id}))
    if measured:
        files = [Path(image.files["reference"]).parts[1] for image in images]
        others = list(zip(files, [image.path for image in images], strict=True))
        images = [
            replace(with_measures(replace(image, id=files[n]), n, others), id=image.id)
            for n, image in enumerate(images)
        ]
    if bad:
        reasons = ("image file is truncated (12 bytes not processed)", "more than 178956970 pixels")
        images.insert(0, bad_image("broken-1", "tench/broken.jpg", "failed", reasons[0]))
        images.append(bad_image("huge-1", "huge.png", "skipped", reasons[1]))
    found = [i.similarity for i in images if i.similarity is not None]
    return Run(
        command="invert",
        status="complete",
        tool={"name": "macoaudit", "version": "0.1.0"},
        model=model(origin),
        config={
            "method": "maco",
            "n_steps": 256,
            "learning_rate": 0.6,
            "precision": "fp32",
            "seeds": seeds,
            "images": "samples/my photos",
            "views": {"n_crops": 8, "noise_std": 0.05},
        },
        images=tuple(images),
        skipped=(Skipped("plausibility", "no folder of natural images was given"),),
        summary={
            "n_images": len(images),
            "n_ok": len(found),
            "mean_similarity": sum(found) / len(found) if found else None,
            "verdict": None,
            **(SUMMARY if measured else {}),
        },
        volatile=volatile(),
        trust=examples.trust() if measured else (),
    )
