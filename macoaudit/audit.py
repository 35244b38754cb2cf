"""The order of the work on one group of images: invert, measure, record. No maths, no disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.config import InvertConfig
from macoaudit.inversion import Inverted, invert, joined
from macoaudit.metrics import predict, transfer, transparency_mask
from macoaudit.models import LoadedModel, frozen, logits_function
from macoaudit.optimize import Step
from macoaudit.results import ImageAudit, Inversion, Skipped, Transfer
from macoaudit.spectrum import Spectrum


@dataclass(frozen=True)
class Reference:
    """One reference image, ready for the network."""

    id: str
    path: str
    label: str | None
    sha256: str
    image_01: Float[Tensor, "channel height width"]


@dataclass(frozen=True)
class Picture:
    """A picture to write: its path in the run folder, values in [0, 1], optional opacity."""

    path: str
    image_01: Float[Tensor, "channel height width"]
    alpha_01: Float[Tensor, "height width"] | None = None


@dataclass(frozen=True)
class AuditedImage:
    """The record of one image and its pictures."""

    record: ImageAudit
    pictures: tuple[Picture, ...]


NOT_MEASURED = "not measured: turned off with --no-measures"


def comparable_judge(model: LoadedModel, judge: LoadedModel) -> str | None:
    """Say why a judge cannot be compared class by class, or None when it can.

    Judges are compared by class index, so both networks must name the same classes in the same
    order.
    """
    if model.num_classes == 0 or judge.num_classes == 0:
        return f"{judge.name}: one of the two networks has no classes"
    if model.labels != judge.labels:
        return (
            f"{judge.name}: its {judge.num_classes} classes are not the {model.num_classes} of "
            f"{model.name}, so their classes cannot be compared by index"
        )
    return None


def audit_group(
    model: LoadedModel,
    judges: Sequence[LoadedModel],
    references: Sequence[Reference],
    *,
    config: InvertConfig,
    spectrum: Spectrum,
    on_step: Callable[[Step], None] | None = None,
) -> list[AuditedImage]:
    """Invert a group of images in one batch and measure the results.

    Args:
        model: the audited network.
        judges: networks with the same classes (:func:`comparable_judge`).
        references: the images; all seeds of all of them are optimised at once, those of a single
            image in batches of ``config.batch_size``.
        config: settings of the run.
        spectrum: the magnitude to keep.
        on_step: called after every step.
    """
    images = torch.stack([reference.image_01 for reference in references])
    inverted = invert_group(
        model,
        images,
        keys=[reference.sha256 for reference in references],
        config=config,
        spectrum=spectrum,
        layer=config.layer,
        on_step=on_step,
    )
    masks = transparency_mask(inverted.transparency)
    rows = [_judge(judge, images, inverted, config) for judge in judges]
    count = config.n_seeds
    results = []
    for index, reference in enumerate(references):
        members = range(index * count, (index + 1) * count)
        judged = [judge_rows[index] for judge_rows in rows]
        results.append(_image(model, reference, inverted, masks, index, members, config, judged))
    return results


def invert_group(
    model: LoadedModel,
    reference_01: Float[Tensor, "image channel height width"],
    *,
    keys: Sequence[str],
    config: InvertConfig,
    spectrum: Spectrum,
    layer: str,
    on_step: Callable[[Step], None] | None = None,
) -> Inverted:
    """Invert a group; more seeds than fit into a batch are made one batch after another.

    Args:
        model: the audited network.
        reference_01: the images; more than one only where all their seeds fit into a batch.
        keys: see :func:`macoaudit.inversion.invert`.
        config: settings of the run.
        spectrum: the magnitude to keep.
        layer: the layer to invert.
        on_step: called after every step.
    """
    size = config.n_seeds if len(keys) > 1 else min(config.n_seeds, config.batch_size)
    return joined(
        [
            invert(
                model,
                reference_01,
                keys=keys,
                spectrum=spectrum,
                config=config.maco,
                seeds=config.seeds[start : start + size],
                layer=layer,
                precision=config.precision,
                on_step=on_step,
            )
            for start in range(0, config.n_seeds, size)
        ]
    )


def _judge(
    judge: LoadedModel, images: Tensor, inverted: Inverted, config: InvertConfig
) -> list[list[Transfer] | str]:
    """Transfer rows per image, none for a failed inversion; or why there can be no numbers."""
    size = judge.preprocessing.input_size

    def to_input(batch: Tensor) -> Tensor:
        if tuple(batch.shape[-2:]) == size:
            return batch
        # The judge looks at the same picture at its own resolution.
        return torch.nn.functional.interpolate(
            batch, size=size, mode="bicubic", antialias=True, align_corners=False
        ).clamp(0, 1)

    with frozen(judge.module), torch.no_grad():
        read = logits_function(judge)
        reference_logits = read(to_input(images).to(judge.device)).float().cpu()
        logits = read(to_input(inverted.image_01).to(judge.device)).float().cpu()
    rows: list[list[Transfer] | str] = []
    for index in range(len(images)):
        target = int(inverted.reference_logits[index].argmax())
        members = [
            (member, seed)
            for member, seed in enumerate(config.seeds, start=index * config.n_seeds)
            if inverted.failures[member] is None
        ]
        seen = [reference_logits[index], *(logits[member] for member, _ in members)]
        if not bool(torch.isfinite(torch.stack(seen)).all()):
            rows.append(f"the output of judge {judge.name} is not finite; check its weights")
            continue
        rows.append(
            [
                transfer(judge.name, seed, target, logits[member], reference_logits[index])
                for member, seed in members
            ]
        )
    return rows


def _image(
    model: LoadedModel,
    reference: Reference,
    inverted: Inverted,
    masks: Tensor,
    index: int,
    members: range,
    config: InvertConfig,
    judged: Sequence[list[Transfer] | str],
) -> AuditedImage:
    problems = [*(inverted.failures[m] for m in members), *(j for j in judged if type(j) is str)]
    failure = next((problem for problem in problems if problem), None)
    base = ImageAudit(
        id=reference.id,
        path=reference.path,
        status="failed" if failure else "ok",
        reason=failure,
        label=reference.label,
        sha256=reference.sha256,
        prediction=None,
        similarity=None,
    )
    if failure:
        return AuditedImage(base, ())
    folder = f"images/{reference.id}"
    pictures = [Picture(f"{folder}/reference.png", reference.image_01)]
    inversions = []
    for member, seed in zip(members, config.seeds, strict=True):
        image, mask = inverted.image_01[member], masks[member]
        files = {
            kind: f"{folder}/{kind}-{seed}.png" for kind in ("inversion", "transparency", "masked")
        }
        pictures += [
            Picture(files["inversion"], image),
            Picture(files["transparency"], mask[None]),
            Picture(files["masked"], image, mask),
        ]
        inversions.append(
            Inversion(
                seed=seed,
                similarity=float(inverted.similarity[member]),
                start_similarity=float(inverted.start_similarity[member]),
                prediction=predict(inverted.logits[member], model.labels)
                if model.num_classes
                else None,
                n_steps=inverted.n_steps[member],
                converged=inverted.converged[member],
                files={
                    "image": files["inversion"],
                    "transparency": files["transparency"],
                    "masked": files["masked"],
                },
            )
        )
    record = ImageAudit(
        id=reference.id,
        path=reference.path,
        status="ok",
        reason=None,
        label=reference.label,
        sha256=reference.sha256,
        prediction=predict(inverted.reference_logits[index], model.labels)
        if model.num_classes
        else None,
        similarity=sum(inversion.similarity for inversion in inversions) / len(inversions),
        inversions=tuple(inversions),
        transfer=tuple(row for rows in judged if not isinstance(rows, str) for row in rows),
        plausibility=Skipped("plausibility", NOT_MEASURED),
        retention=Skipped("retention", NOT_MEASURED),
        files={"reference": f"{folder}/reference.png"},
    )
    return AuditedImage(record, tuple(pictures))
