"""Concepts of a class: which parts its activations have, what they weigh, and where they lie.

CRAFT (Fel et al. 2023, arXiv 2211.10154): crops of the class's images, their activations averaged
over places, A ~ U W with non-negative factors, Sobol total indices of masks on U for the logit.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from macoaudit.concept_config import CROP_SIDES_FRAC, N_DESIGNS, N_MEASURED
from macoaudit.concepts.choosing import checked_class, concept_layer, read_layer
from macoaudit.concepts.crops import crop_boxes, cut
from macoaudit.concepts.factorize import (
    Factorization,
    concept_count,
    factorize,
    has_negative,
    join_signs,
    split_signs,
)
from macoaudit.concepts.locate import as_factorised, fine_grids, place_coefficients, upsample
from macoaudit.concepts.records import Concept, ConceptSet, TopCrop
from macoaudit.concepts.weighing import Weighing
from macoaudit.errors import UsageError
from macoaudit.models import LoadedModel, frozen, grid_function

Images = Float[Tensor, "image colour height width"]
Grids = Float[Tensor, "image feature rows columns"]

OnImage = Callable[[str, int, int], None]
"""Told the stage (``crops``, ``locate``, ``weigh``), images done and images in all."""

# Concepts are located at no fewer places a side than this, by moving the image under the grid.
_LEAST_PLACES = 12
_MOST_SHIFTS = 4


def concepts(
    model: LoadedModel,
    images_01: Images,
    class_index: int,
    *,
    layer: str | None = None,
    n_concepts: int = 10,
    crop_sides_frac: Sequence[float] = CROP_SIDES_FRAC,
    n_designs: int = N_DESIGNS,
    n_measured: int = N_MEASURED,
    n_top: int = 8,
    batch_size: int = 32,
    seed: int = 0,
    on_image: OnImage | None = None,
) -> ConceptSet:
    """Find the concepts of a class in images of it, rank them, and locate them.

    The importance of a concept is the Sobol total index of a mask on its coefficients for the
    class's logit, image by image: ``a'(p) = a(p) - sum_c (1 - m_c) u_c(p) w_c`` at every place p.
    What the parts leave unexplained stays, so that the open mask is the network's own logit.

    Args:
        model: the network; it is left as it was found.
        images_01: images of the class (see :func:`images_of_class`), values in 0..1, at the
            network's input size.
        class_index: the class whose logit is explained.
        layer: a layer whose output is a grid over the image; None for the last block that is one
            and that the classifier looks at.
        n_concepts: parts to look for; fewer where there are few crops (a note says so).
        crop_sides_frac: sides of the crops as shares of the image's.
        n_designs: N of the Sobol estimate, a power of two; ``N (n_concepts + 2)`` logits an image.
        n_measured: images on which importance is measured, evenly spaced over the images.
        n_top: crops to name for each concept.
        batch_size: images at a time.
        seed: of the factorisation and the masks.
        on_image: called after every image of every stage.

    Returns:
        The concepts: evidence for the class first, then evidence against it, by importance.

    Raises:
        UsageError: for an unknown class, no images, images of another size, activations that are
            not finite or all zero, or a setting out of range.
        LayerError: when the layer is no grid, or the classifier does not look at it.
    """
    name = checked_class(model, class_index)
    tell = on_image or (lambda stage, done, total: None)
    _check_images(model, images_01, name, n_measured, batch_size)
    with torch.no_grad(), frozen(model.module):
        layer = concept_layer(model, images_01) if layer is None else layer
        read_layer(model, layer, images_01)
        read = _reader(model, layer, batch_size)
        boxes = crop_boxes(model.preprocessing.input_size, crop_sides_frac)
        pooled, signed = _crop_activations(read, images_01, boxes, tell)
        count, note = concept_count(n_concepts, *pooled.shape)
        found = factorize(pooled, count, seed=seed)
        maps, grid, fine = _maps(read, images_01, found.parts, tell, signed=signed)
        measured = _evenly(len(images_01), n_measured)
        directions = join_signs(found.parts) if signed else found.parts
        measure = Weighing(model, layer, read, class_index, n_designs, batch_size, seed, tell)
        totals, effects = measure(images_01[measured], found.parts, directions, signed=signed)
    order = _evidence_first(totals.mean(0), effects.mean(0))
    return ConceptSet(
        class_index=class_index,
        class_name=name,
        layer=layer,
        grid=grid,
        fine_grid=fine,
        concepts=tuple(
            Concept(
                importance=float(totals[:, i].mean()),
                importance_by_image=totals[:, i],
                effect=float(effects[:, i].mean()),
                effect_by_image=effects[:, i],
                part=found.parts[i],
                direction=directions[i],
                maps=maps[:, i],
                top_crops=_top_crops(found.coefficients[:, i], boxes, n_top),
            )
            for i in order
        ),
        n_images=len(images_01),
        measured=tuple(measured.tolist()),
        n_crops=len(pooled),
        crop_boxes=boxes,
        signed=signed,
        relative_error=found.relative_error,
        converged=found.converged,
        seed=seed,
        notes=_notes(note, found, count, len(measured), len(images_01)),
    )


def _evidence_first(
    importance: Float[Tensor, " part"], effect: Float[Tensor, " part"]
) -> list[int]:
    """Order concepts: those that raise the class's logit, then the others, by importance in both.

    The total index has no sign. A part that speaks against the class moves its logit too, but is
    not what the class means to the network.
    """
    indices = range(len(importance))
    return sorted(indices, key=lambda i: (float(effect[i]) <= 0, -float(importance[i])))


def _evenly(length: int, count: int) -> Int[Tensor, " chosen"]:
    """Choose indices evenly spaced over a length, all of them where there are no more."""
    count = min(count, length)
    return torch.arange(count) * length // count


def _check_images(
    model: LoadedModel, images_01: Images, name: str, n_measured: int, batch_size: int
) -> None:
    if len(images_01) == 0:
        raise UsageError(f"--class {name}: there is no image of it; give images of the class")
    wanted = (model.preprocessing.channels, *model.preprocessing.input_size)
    if tuple(images_01.shape[1:]) != wanted:
        raise UsageError(
            f"images: {tuple(images_01.shape[1:])} came, {model.name} takes {wanted}; preprocess "
            "them for this model"
        )
    if n_measured < 1 or batch_size < 1:
        raise UsageError(
            f"measured images: {n_measured} and batch size: {batch_size} came; use at least 1"
        )


def _notes(
    note: str | None, found: Factorization, asked: int, measured: int, n_images: int
) -> tuple[str, ...]:
    notes = [] if note is None else [note]
    if len(found.parts) < asked:
        notes.append(f"{asked - len(found.parts)} concepts carried nothing and were left out")
    if not found.converged:
        notes.append(f"the factorisation had not settled after {found.n_iterations} iterations")
    if measured < n_images:
        notes.append(f"importance was measured on {measured} of {n_images} images")
    return tuple(notes)


def _reader(model: LoadedModel, layer: str, batch_size: int) -> Callable[[Images], Grids]:
    """Make the function from images to grids on the CPU, in batches."""
    grid = grid_function(model, layer)

    def read(image_01: Images) -> Grids:
        parts = torch.split(image_01, batch_size)
        value = torch.cat([grid(part.to(model.device)).float().cpu() for part in parts])
        if not bool(torch.isfinite(value).all()):
            bad = int((~torch.isfinite(value.flatten(1)).all(1)).sum())
            raise UsageError(
                f"--layer {layer}: activations of {bad} of {len(value)} pictures are not finite "
                "(NaN or infinite); check the weights and the precision"
            )
        return value

    return read


def _crop_activations(
    read: Callable[[Images], Grids],
    images_01: Images,
    boxes: Int[Tensor, "box 4"],
    tell: OnImage,
) -> tuple[Float[Tensor, "crop feature"], bool]:
    """Average the crops' activations over places, image by image; both halves where any is < 0."""
    halves, signed = [], False
    for position, image_01 in enumerate(images_01):
        grids = read(cut(image_01, boxes))
        signed = signed or has_negative(grids)
        halves.append(split_signs(grids).mean((-2, -1)))
        tell("crops", position + 1, len(images_01))
    pooled = torch.cat(halves)
    return (pooled if signed else pooled.chunk(2, 1)[0]), signed


def _maps(
    read: Callable[[Images], Grids],
    images_01: Images,
    parts: Float[Tensor, "part feature"],
    tell: OnImage,
    *,
    signed: bool,
) -> tuple[Float[Tensor, "image part height width"], tuple[int, int], tuple[int, int]]:
    """Locate the parts in whole images; return the grid's sides and those of the fine one too."""
    rows, columns = read(images_01[:1]).shape[-2:]
    n_shifts = min(_MOST_SHIFTS, -(-_LEAST_PLACES // min(rows, columns)))
    size = (images_01.shape[-2], images_01.shape[-1])
    maps = []
    for position, image_01 in enumerate(images_01):
        places = as_factorised(fine_grids(read, image_01[None], n_shifts), signed=signed)
        maps.append(upsample(place_coefficients(places, parts), size).float())
        tell("locate", position + 1, len(images_01))
    return torch.cat(maps), (rows, columns), (rows * n_shifts, columns * n_shifts)


def _top_crops(
    coefficients: Float[Tensor, " crop"], boxes: Int[Tensor, "box 4"], n_top: int
) -> tuple[TopCrop, ...]:
    """Name each image's strongest crop, then the strongest of those."""
    best = coefficients.view(-1, len(boxes)).max(1)
    order = best.values.argsort(descending=True, stable=True)[:n_top].tolist()
    return tuple(
        TopCrop(i, _box(boxes[best.indices[i]]), float(best.values[i]))
        for i in order
        if best.values[i] > 0
    )


def _box(row: Int[Tensor, " 4"]) -> tuple[int, int, int, int]:
    top, left, height, width = row.tolist()
    return (top, left, height, width)
