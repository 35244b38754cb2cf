"""Runs of ``morph`` with planted numbers, and their pictures."""

from dataclasses import replace
from pathlib import Path

from PIL import Image
from runs import make_run

from macoaudit.morphing.records import unmoved
from macoaudit.morphing.summing import caution, summarise
from macoaudit.results import (
    FrameAnswers,
    ImageAudit,
    Morph,
    MorphClass,
    MorphEdit,
    MorphTrack,
    Prediction,
    Run,
)

FRAMES = 4
SOURCE, TARGET = 0, 1


def answers(network: str, target: tuple[float, ...], hits: tuple[bool, ...]) -> FrameAnswers:
    return FrameAnswers(
        network=network,
        target_prob=target,
        source_prob=tuple(0.9 - p if p < 0.9 else 0.0 for p in target),
        top1=tuple(TARGET if hit else SOURCE for hit in hits),
    )


def track(edit: MorphEdit, flips: bool, files: dict[str, str]) -> MorphTrack:
    lens = edit == "lens"
    end = (0.7 if lens else 0.99) if flips else 0.3
    probs = (0.1, 0.2, 0.4, end)
    hits = (False, False, False, flips)
    return MorphTrack(
        edit=edit,
        amount=(0.0, 1.0, 2.0, 3.0),
        raw_alpha=(0.0, 1.0, 1.0, 1.0),
        objective=(-2.0, -1.5, -1.0, -0.5),
        l2=(0.0, 1.0, 2.0, 3.0),
        linf=(0.0, 0.1, 0.2, 0.3),
        clip_fraction=(0.0, 0.0, 0.0, 0.1),
        wrap_fraction=(0.0,) * FRAMES,
        hf_share=(0.0, *(0.1 if lens else 0.8,) * 3),
        tv_ratio=(1.0, 1.0, 1.1, 1.2),
        warp_energy=None,
        attained=(True,) * FRAMES,
        driver=answers("net", probs, hits),
        judges=(
            answers("one", (0.1, 0.2, 0.35, 0.6), (False, False, False, lens and flips)),
            answers("two", (0.05,) * FRAMES, (False,) * FRAMES),
        ),
        flip_index=3 if flips else None,
        flip_l2=(2.5 if lens else 0.75) if flips else None,
        files=files,
    )


def morph(folder: Path, image: str, flips: bool, names: tuple[str, str] = ("cock", "hen")) -> Morph:
    """One morph in three steps; its pictures are written where the folder is there."""
    here = f"images/{image}/to-1"
    tracks = []
    for edit in ("lens", "pixel", "random"):
        files = {str(n): f"{here}/{edit}-{n:02d}.png" for n in (1, 2, 3)}
        files["difference"] = f"{here}/{edit}-difference.png"
        tracks.append(track(edit, flips and edit != "random", files))  # type: ignore[arg-type]
    files = {"source": f"images/{image}/source.png", "map": f"{here}/map.png"}
    files["animation"] = f"{here}/animation.png"
    return Morph(
        image=image,
        source=MorphClass(SOURCE, names[0]),
        target=MorphClass(TARGET, names[1]),
        status="ok",
        reason=None,
        target_prob=0.1,
        tracks=tuple(tracks),
        shown=(1, 2, 3),
        key_frame=3,
        difference_scale=0.25,
        sensitivity=((6.0, 2.5), (1.0, 0.5)),
        sensitivity_share=((0.60, 0.25), (0.10, 0.05)),
        wavelengths_px=(4.0, 8.0),
        flags=("clipped",) if flips else ("no_flip", "clipped"),
        names={"0": names[0], "1": names[1]},
        files=files,
    )


def paint(folder: Path, one: Morph) -> None:
    """Write every picture that a morph names."""
    named = [*one.files.values(), *(n for t in one.tracks for n in t.files.values())]
    for place, name in enumerate(named):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (64, 64), (place * 7 % 256, 128, 64))
        if name.endswith("animation.png"):
            more = [Image.new("RGB", (64, 64), (0, shade, 0)) for shade in (90, 180)]
            picture.save(path, save_all=True, append_images=more, duration=100, loop=0)
        else:
            picture.save(path)


def morph_run(
    folder: Path,
    flips: tuple[bool, ...],
    *,
    skipped: int = 0,
    names: tuple[str, ...] | None = None,
) -> Run:
    """A run of ``morph`` with one image a morph; with names, they are names of everything."""
    base = make_run(folder, 1)
    images, morphs = [], []
    for number in range(len(flips) + skipped):
        name = f"photo {number}.png" if names is None else names[number]
        classes = ("cock", "hen") if names is None else (name, name)
        image = ImageAudit(
            id=f"photo-{number}",
            path=name,
            status="ok",
            reason=None,
            label=None,
            sha256="0" * 64,
            prediction=Prediction(SOURCE, classes[0], 0.8),
            similarity=None,
        )
        images.append(image)
        if number < len(flips):
            one = morph(folder, image.id, flips[number], classes)
            paint(folder, one)
            morphs.append(one)
        else:
            morphs.append(
                unmoved(
                    image.id,
                    MorphClass(TARGET, "hen"),
                    MorphClass(TARGET, "hen"),
                    "skipped",
                    "the network sees the target in the image already",
                    0.9,
                )
            )
    config = {
        "mode": "live", "method": "csp_phase", "channels": "luma", "target": "runner-up",
        "steps": 3, "step_cap": 0.5, "phase_cap": 1.57, "amplifications": None, "warp": False,
        "judges_used": {"one": "0" * 64, "two": "1" * 64},
    }  # fmt: skip
    summary = {
        **summarise(images, morphs),
        "caution": caution("live", "runner-up"),
        "confusions": {},
    }
    return replace(
        base,
        command="morph",
        images=tuple(images),
        morphs=tuple(morphs),
        config=config,
        summary=summary,
        trust=(),
    )
