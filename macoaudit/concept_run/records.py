"""From what was found to records and the pictures that go with them."""

import hashlib
from collections.abc import Iterator

import torch
from jaxtyping import Float
from safetensors.torch import save
from torch import Tensor

from macoaudit.audit import Picture
from macoaudit.concept_run.pictures import overlay
from macoaudit.concept_run.setup import ConceptSetup
from macoaudit.concepts import Concept, ConceptSet, TopCrop, cut, region
from macoaudit.results import (
    ClassConcepts,
    ConceptCrop,
    ConceptImage,
    ConceptPlace,
    ConceptRecord,
)
from macoaudit.store import CONCEPTS
from macoaudit.targets import Target, Term, WeightedSum
from macoaudit.visualization import visualization_id

DIRECTIONS = f"{CONCEPTS}/directions.safetensors"


def directions_of(found: ConceptSet) -> Float[Tensor, "concept channel"]:
    """Stack the concepts' directions in float32, the most important first."""
    return torch.stack([concept.direction for concept in found.concepts]).float()


def directions_bytes(directions: Float[Tensor, "concept channel"]) -> bytes:
    """Write directions as ``visualize --directions`` reads them."""
    return bytes(save({"concepts": directions.contiguous()}))


def goals_of(
    class_name: str, layer: str, directions: Float[Tensor, "concept channel"]
) -> dict[int, WeightedSum]:
    """Make what is drawn for each concept, by rank from 1: ``a.v`` with the mean over places ``a``.

    A direction that points nowhere (both halves of every channel cancel) has no target.
    """
    return {
        rank: WeightedSum(
            (Term(1.0, _target(class_name, layer, rank, row)),),
            name=f"{class_name}, concept {rank}",
        )
        for rank, row in enumerate(directions, 1)
        if bool(row.any())
    }


def _target(class_name: str, layer: str, rank: int, row: Tensor) -> Target:
    return Target(
        "direction",
        layer=layer,
        index=rank - 1,
        # The dot product also rises with everything else in the layer and drowns the concept.
        form="cosine",
        vector=tuple(float(value) for value in row),
        name=f"concepts of {class_name}",
    )


def build_concepts(setup: ConceptSetup, found: ConceptSet) -> ClassConcepts:
    """Record the concepts of a class."""
    members, measured = setup.chosen.members, set(found.measured)
    ids = [member.record.id for member in members]
    directions = directions_of(found)
    goals = goals_of(found.class_name, found.layer, directions)
    return ClassConcepts(
        class_index=found.class_index,
        class_name=found.class_name,
        layer=found.layer,
        grid=found.grid,
        fine_grid=found.fine_grid,
        images=tuple(
            ConceptImage(name, member.chosen_by, n in measured)
            for n, (name, member) in enumerate(zip(ids, members, strict=True))
        ),
        n_crops=found.n_crops,
        non_negative="halves" if found.signed else "as they are",
        relative_error=found.relative_error,
        converged=found.converged,
        notes=(*setup.chosen.notes, *found.notes),
        concepts=tuple(
            _concept(concept, rank, ids, goals.get(rank))
            for rank, concept in enumerate(found.concepts, 1)
        ),
        files={"directions": DIRECTIONS},
    )


def _concept(
    concept: Concept, rank: int, ids: list[str], goal: WeightedSum | None
) -> ConceptRecord:
    values = concept.direction.float().numpy().tobytes()
    largest = float(concept.maps.amax())
    return ConceptRecord(
        id=f"concept-{rank}",
        rank=rank,
        importance=concept.importance,
        importance_by_image=tuple(concept.importance_by_image.tolist()),
        effect=concept.effect,
        effect_by_image=tuple(concept.effect_by_image.tolist()),
        direction_sha256=hashlib.sha256(values).hexdigest(),
        visualization=None if goal is None else visualization_id(goal),
        crops=tuple(
            ConceptCrop(
                image=ids[crop.image],
                box_px=crop.box,
                coefficient=crop.coefficient,
                files={"crop": f"images/concept-{rank}/crop-{number}.png"},
            )
            for number, crop in enumerate(concept.top_crops, 1)
        ),
        places=tuple(
            _place(name, rank, values_, largest)
            for name, values_ in zip(ids, concept.maps, strict=True)
        ),
    )


def _place(
    image: str, rank: int, values: Float[Tensor, "height width"], largest: float
) -> ConceptPlace:
    inside = region(values)
    count = int(inside.sum())
    centre = None
    if count:
        rows, columns = inside.nonzero().double().mean(0).tolist()
        centre = ((rows + 0.5) / values.shape[0], (columns + 0.5) / values.shape[1])
    stem = f"images/{image}/concept-{rank}"
    return ConceptPlace(
        image=image,
        strength=float(values.amax()) / largest if largest > 0 else 0.0,
        region_frac=count / values.numel(),
        centre_frac=centre,
        files={"overlay": f"{stem}.png", "map": f"{stem}-map.png"},
    )


def concept_pictures(
    setup: ConceptSetup, found: ConceptSet, record: ClassConcepts
) -> Iterator[Picture]:
    """Every picture of the concepts but their drawings: references, crops, maps."""
    images_01 = [member.image_01 for member in setup.chosen.members]
    for member in setup.chosen.members:
        yield Picture(member.record.files["reference"], member.image_01)
    for concept, one in zip(found.concepts, record.concepts, strict=True):
        for crop, entry in zip(concept.top_crops, one.crops, strict=True):
            yield Picture(entry.files["crop"], _crop(images_01[crop.image], crop))
        scale = float(concept.maps.amax()) or 1.0
        for image_01, values, place in zip(images_01, concept.maps, one.places, strict=True):
            share = values / scale
            yield Picture(place.files["overlay"], overlay(image_01, share))
            yield Picture(place.files["map"], share[None])


def _crop(image_01: Tensor, crop: TopCrop) -> Tensor:
    """Cut a crop as the network saw it."""
    return cut(image_01, torch.tensor([crop.box]))[0].clamp(0, 1)
