"""From a finished batch to records and pictures; what judges see in them."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from macoaudit.audit import Picture
from macoaudit.drawing import Visualized, target_key
from macoaudit.images import image_id
from macoaudit.metrics import predict, rank_of
from macoaudit.models import (
    LoadedModel,
    frozen,
    logits_function,
)
from macoaudit.results import (
    NaturalNeighbours,
    PicturePlausibility,
    Skipped,
    TargetTransfer,
    Visualization,
)
from macoaudit.targets import (
    WeightedSum,
)
from macoaudit.visualization.setup import Drawing

_KINDS = ("image", "transparency", "masked")


def judge_pictures(
    judge: LoadedModel, drawn: Visualized
) -> tuple[str, list[tuple[Any, Any]] | str]:
    """A judge's logits on every picture and its start; or why there can be no numbers."""
    size = judge.preprocessing.input_size

    def to_input(batch: torch.Tensor) -> torch.Tensor:
        if tuple(batch.shape[-2:]) == size:
            return batch
        # The judge looks at the same picture at its own resolution.
        return torch.nn.functional.interpolate(
            batch, size=size, mode="bicubic", antialias=True, align_corners=False
        ).clamp(0, 1)

    with frozen(judge.module), torch.no_grad():
        read = logits_function(judge)
        seen = read(to_input(drawn.image_01).to(judge.device)).float().cpu()
        start = read(to_input(drawn.start_01).to(judge.device)).float().cpu()
    if not bool(torch.isfinite(seen).all() and torch.isfinite(start).all()):
        return judge.name, f"the output of judge {judge.name} is not finite; check its weights"
    return judge.name, list(zip(seen, start, strict=True))


def visualization_id(goal: WeightedSum) -> str:
    """Name a target's folder in a run."""
    # The ending keeps dots in a layer's name from being taken for a file's.
    return image_id(f"{goal.text}.png", target_key(goal))


def build_record(
    setup: Drawing,
    goal: WeightedSum,
    seed: int,
    drawn: Visualized,
    member: int,
    judged: Sequence[tuple[str, tuple[torch.Tensor, torch.Tensor] | str]],
) -> Visualization:
    """Record what became of one target with one seed.

    Args:
        setup: the run's.
        goal: the target.
        seed: of the start.
        drawn: the batch.
        member: its row.
        judged: by judge, logits on the picture and on its start, or why there are none.
    """
    model, status = setup.model, drawn.statuses[member]
    name = visualization_id(goal)
    finite = status != "failed"
    ok = status == "ok"
    index = goal.class_index
    rows: list[TargetTransfer] = []
    skipped: list[Skipped] = []
    for judge, seen in judged if ok and index is not None else ():
        if isinstance(seen, str):
            skipped.append(Skipped("transfer", seen))
        elif index is not None:
            rows.append(_transfer(judge, index, *seen))
    files = {kind: f"images/{name}/{kind}-{seed}.png" for kind in _KINDS} if ok else {}
    if ok and setup.accent is not None:
        files["start"] = f"images/{name}/start.png"
    return Visualization(
        id=name,
        name=goal.text,
        terms=goal.record(),
        method=setup.config.method,
        seed=seed,
        status=status,
        reason=drawn.reasons[member],
        score=float(drawn.score[member]) if finite else None,
        start_score=float(drawn.start_score[member]) if finite else None,
        image_score=_number(drawn.image_score, member) if finite else None,
        similarity=_number(drawn.similarity, member) if finite else None,
        prediction=predict(drawn.logits[member], model.labels)
        if finite and model.num_classes
        else None,
        n_starts=drawn.n_starts[member],
        n_steps=drawn.n_steps[member],
        converged=drawn.converged[member],
        transfer=tuple(rows),
        skipped=tuple(skipped),
        files=files,
    )


def _number(values: torch.Tensor | None, member: int) -> float | None:
    return None if values is None else float(values[member])


def _transfer(judge: str, index: int, seen: torch.Tensor, start: torch.Tensor) -> TargetTransfer:
    rank = rank_of(seen, index)
    return TargetTransfer(
        judge=judge,
        top1_agrees=rank == 1,
        top5_agrees=rank <= 5,
        rank=rank,
        n_classes=len(seen),
        probability=float(torch.softmax(seen.to(torch.float64), 0)[index]),
        start_probability=float(torch.softmax(start.to(torch.float64), 0)[index]),
    )


def build_pictures(
    record: Visualization, drawn: Visualized, member: int, masks: torch.Tensor
) -> Iterator[Picture]:
    """The pictures of a target that was reached; none of another."""
    if not record.files:
        return
    image, mask = drawn.image_01[member], masks[member]
    yield Picture(record.files["image"], image)
    yield Picture(record.files["transparency"], mask[None])
    yield Picture(record.files["masked"], image, mask)
    if "start" in record.files:
        yield Picture(record.files["start"], drawn.start_01[member])


def summarise(drawn: Sequence[Visualization], n_targets: int) -> dict[str, object]:
    """Count what became of the targets and how often judges agreed."""
    rows = [row for one in drawn for row in one.transfer]
    counts = {
        f"n_{status}": sum(one.status == status for one in drawn)
        for status in ("ok", "dead", "unreachable", "failed")
    }
    percentiles = [
        one.plausibility.percentile
        for one in drawn
        if isinstance(one.plausibility, PicturePlausibility)
    ]
    seen = [
        image.of_class
        for one in drawn
        if isinstance(one.exemplars, NaturalNeighbours)
        for image in one.exemplars.images
        if image.of_class is not None
    ]
    return {
        "n_targets": n_targets,
        "n_pictures": len(drawn),
        **counts,
        "n_transfer": len(rows),
        "transfer_top1_frac": sum(r.top1_agrees for r in rows) / len(rows) if rows else None,
        "transfer_top5_frac": sum(r.top5_agrees for r in rows) / len(rows) if rows else None,
        "n_compared": len(percentiles),
        "mean_percentile": sum(percentiles) / len(percentiles) if percentiles else None,
        "exemplars_of_class_frac": sum(seen) / len(seen) if seen else None,
        "verdict": None,
    }
