"""Concepts of a gallery's classes: a run of ``concepts`` for each, in the gallery's own folder."""

from collections.abc import Callable

from macoaudit.concept_config import ConceptsConfig
from macoaudit.concept_run import run_concepts
from macoaudit.config import MacoConfig
from macoaudit.drawing_config import GalleryConfig, drawing_settings
from macoaudit.errors import NoImagesError
from macoaudit.pipeline import Progress
from macoaudit.results import Skipped

FOLDER = "concepts"


def class_concepts(
    config: GalleryConfig, index: int, tell: Callable[[Progress], None]
) -> str | Skipped:
    """Find the concepts of one class, or take up those that were found.

    Args:
        config: settings of the gallery.
        index: the class.
        tell: told of every step.

    Returns:
        The run's folder, relative to the gallery's; or why the class has no concepts.

    Raises:
        MacoauditError: for anything but a class without images.
        KeyboardInterrupt: when it was interrupted; what is finished is kept.
    """
    drawing = config.drawing
    name = f"{FOLDER}/{index}"
    settings = ConceptsConfig(
        images=config.concept_images,
        class_name=str(index),
        model=drawing.model,
        out=drawing.out / name,
        weights=drawing.weights,
        device=drawing.device,
        precision=drawing.precision,
        maco=_settings(config),
        spectrum=drawing.spectrum,
        seed=drawing.seed,
        batch_size=drawing.batch_size,
        formats=(),
        resume=drawing.resume,
        allow_pickle=drawing.allow_pickle,
        offline=drawing.offline,
    )

    try:
        run_concepts(settings, on_progress=tell)
    except NoImagesError as error:
        return Skipped("concepts", f"class {index}: {error}")
    return name


def _settings(config: GalleryConfig) -> MacoConfig:
    """Concepts are drawn with MACO, whatever draws the classes."""
    drawing = config.drawing
    if drawing.method == "maco":
        return drawing.maco
    return drawing_settings("maco", steps=drawing.maco.n_steps, canvas_px=drawing.maco.canvas_px)
