"""Records of every measurement, filled in by hand, for the tests of the store and the report."""

from dataclasses import replace

from macoaudit.results import (
    ClassConcepts,
    ConceptCrop,
    ConceptImage,
    ConceptPlace,
    ConceptRecord,
    DeletionPoint,
    DepthPoint,
    Exemplar,
    Faithfulness,
    Plausibility,
    Retained,
    Retention,
    SeedPlausibility,
    Skipped,
    TrustCheck,
)


def retained(value: float = 0.62, low: float | None = 0.48, high: float | None = 0.74) -> Retained:
    return Retained(value, low, high, observed=0.7, null=0.2, ceiling=0.95, p_value=1 / 65)


def attributes(shift: float = 0.0) -> dict[str, Retained | Skipped]:
    """Every attribute a run may record; ``shift`` lowers the values."""
    values = {
        "color": 0.71,
        "orientation": 0.22,
        "layout": 0.09,
        "layout_shifted": 0.34,
        "bands_1": 0.41,
        "bands_2": 0.18,
        "bands_3": 0.02,
        "prediction": 1.0,
    }
    measured: dict[str, Retained | Skipped] = {
        name: retained(
            max(0.0, v - shift), max(0.0, v - shift - 0.1), min(1.0, max(0.0, v - shift) + 0.1)
        )
        for name, v in values.items()
    }
    measured["top5"] = Skipped("top5", "the network has fewer than six classes")
    return measured


def faithfulness(holds: bool = True) -> Faithfulness:
    points = tuple(
        DeletionPoint(area, area, 0.3 * area, 0.6 * area, 0.5 * area) for area in (0.1, 0.2, 0.3)
    )
    return Faithfulness(
        value=0.14 if holds else -0.02,
        null_mean=0.02,
        null_high=0.08,
        p_value=0.05 if holds else 0.8,
        n_moves=19,
        fills=("blur", "surroundings"),
        mean=DeletionPoint(0.2, 0.2, 0.06 if holds else 0.16, 0.12, 0.1),
        retained_matters=True,
        dropped_does_not=holds,
        curve=points,
    )


def retention(image_id: str = "a", holds: bool = True, n_seeds: int = 3) -> Retention:
    return Retention(
        space="blocks.7",
        baseline="other images",
        n_seeds=n_seeds,
        n_null=64,
        n_donors=8,
        attributes=attributes(),
        retained_frac=0.36,
        dropped_frac=0.25,
        values=((0.12, 0.03), (-0.04, 0.2)),
        faithfulness=faithfulness(holds),
        map=f"images/{image_id}/retained.png",
    )


def plausibility(seeds: tuple[int, ...] = (0, 1, 2)) -> Plausibility:
    return Plausibility(
        space="mobilenetv2_100 penultimate",
        k=3,
        n_reference=60,
        distance=0.91,
        percentile=0.12,
        raw_distance=14.2,
        reference_distance=0.71,
        reference_percentile=0.64,
        seeds=tuple(SeedPlausibility(seed, 0.91, 0.12, 14.2) for seed in seeds),
    )


def exemplar(image_id: str = "a", name: str | None = "tench") -> Exemplar:
    return Exemplar("tench/near.jpg", name, 0.81, f"images/{image_id}/reference.png")


def depth(image_id: str = "a") -> tuple[DepthPoint, ...]:
    return tuple(
        DepthPoint(layer, 0.9, attributes(0.15 * i), f"images/{image_id}/inversion-0.png")
        for i, layer in enumerate(("blocks.2", "blocks.8", "penultimate"))
    )


def trust() -> tuple[TrustCheck, ...]:
    """One check of every name, with every outcome."""
    return (
        TrustCheck("random weights", "as expected", None, 0.08, 0.5, 2, {"trained": 0.97}),
        TrustCheck("null objective", "as expected", None, 0.05, 0.5, 2, {"trained": 0.97}),
        TrustCheck("dead target", "as expected", None, 1.0, 1.0, 1),
        TrustCheck("parametrizations", "not as expected", None, 0.4, 0.5, 2, {"other": 0.5}),
        TrustCheck("initialisations", "as expected", None, 0.9, 0.5, 24, {"other": 0.3}),
        TrustCheck(
            "layer path",
            "skipped",
            "no two images share a class",
            None,
            None,
            0,
        ),
    )


def concept(
    rank: int = 1, effect: float = 1.5, images: tuple[str, ...] = ("a", "c")
) -> ConceptRecord:
    """A concept that is in every image but the last, where it is nowhere."""
    places = tuple(
        ConceptPlace(
            image=image,
            strength=1.0 if n + 1 < len(images) else 0.0,
            region_frac=0.05 if n + 1 < len(images) else 0.0,
            centre_frac=(0.8, 0.9) if n + 1 < len(images) else None,
            files={
                "overlay": f"images/{image}/concept-{rank}.png",
                "map": f"images/{image}/concept-{rank}-map.png",
            },
        )
        for n, image in enumerate(images)
    )
    crop = f"images/concept-{rank}/crop-1.png"
    return ConceptRecord(
        id=f"concept-{rank}",
        rank=rank,
        importance=0.75 / rank,
        importance_by_image=(0.75 / rank,),
        effect=effect,
        effect_by_image=(effect,),
        direction_sha256="2" * 64,
        visualization=f"t{rank}",
        crops=(ConceptCrop(images[0], (8, 16, 24, 24), 2.5, {"crop": crop}),),
        places=places,
    )


def concepts(images: tuple[str, ...] = ("a", "c"), name: str = "cat") -> ClassConcepts:
    """Two concepts of a class: one for it, one against it, the second without a direction."""
    against = replace(concept(2, -0.5, images), visualization=None)
    return ClassConcepts(
        class_index=2,
        class_name=name,
        layer="layer3",
        grid=(7, 7),
        fine_grid=(14, 14),
        images=tuple(
            ConceptImage(image, "label" if n == 0 else "prediction", n == 0)
            for n, image in enumerate(images)
        ),
        n_crops=34 * len(images),
        non_negative="halves",
        relative_error=0.15,
        converged=True,
        notes=("importance was measured on 1 of 2 images",),
        concepts=(concept(1, 1.5, images), against),
        files={"directions": "concepts/directions.safetensors"},
    )
