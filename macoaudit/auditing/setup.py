"""What an audit needs, loaded and checked before the first image is read."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from macoaudit.audit_config import AuditConfig
from macoaudit.auditing.masks import require_masks
from macoaudit.auditing.sampling import stratified
from macoaudit.auditing.testing import suite_settings
from macoaudit.config import InvertConfig
from macoaudit.drawing_config import TargetConfig, VisualizeConfig
from macoaudit.environment import versions
from macoaudit.errors import ModelError
from macoaudit.gate import Gate
from macoaudit.images import ImageFile, find_images
from macoaudit.models import LoadedModel, require_classes
from macoaudit.preparation import Setup, prepare
from macoaudit.results import Skipped
from macoaudit.visualization import Drawing, named_targets


@dataclass(frozen=True)
class AuditSetup:
    """Everything loaded once for an audit."""

    config: AuditConfig
    gate: Gate
    """What the audit is judged by; decides no number in it."""
    inversion: Setup
    """As a run of ``invert`` has it: networks, judges, spectrum, references."""
    files: tuple[ImageFile, ...]
    """The images that are read."""
    left_out: Counter[str | None]
    """Images that are not, by the name of their folder."""

    @property
    def model(self) -> LoadedModel:
        """The audited network."""
        return self.inversion.model

    @property
    def settings(self) -> InvertConfig:
        """Settings that the audit shares with ``invert``."""
        return self.config.inversion

    @property
    def notes(self) -> tuple[Skipped, ...]:
        """Say what was left out of the images."""
        total = self.left_out.total()
        if not total:
            return ()
        reason = (
            f"{total} of {total + len(self.files)} were left out, evenly spaced in every folder "
            f"(--max-images {self.config.max_images})"
        )
        return (Skipped("images", reason),)

    def facts(self) -> dict[str, Any]:
        """What determines the numbers of an audit, but the bytes of its images."""
        known = versions()
        references = self.inversion.references
        return {
            **self.inversion.facts(),
            "command": "audit",
            "libraries": {name: known.get(name) for name in ("scipy", "numpy")},
            "audit": self.config.settings(),
            "tests": suite_settings(self.config.extent).to_json(),
            "images": [[file.relative, file.label] for file in self.files],
            "references": [[file.relative, file.label] for file in references],
        }


def prepare_audit(config: AuditConfig, gate: Gate) -> AuditSetup:
    """Find the images and load the network, the judges and the spectrum.

    Raises:
        UsageError: when there are no images or masks where the paths say.
        ModelError: when the network cannot be had, or has fewer than two classes.
        SpectrumError: when the spectrum cannot be read.
    """
    found = find_images(config.inversion.images)
    require_masks(config.masks, config.inversion.images)
    kept = stratified([file.label for file in found], config.max_images)
    files = tuple(found[position] for position in kept)
    left_out = Counter(file.label for file in found) - Counter(file.label for file in files)
    inversion = prepare(config.inversion, check=_require_two_classes)
    return AuditSetup(config, gate, inversion, files, left_out)


def _require_two_classes(model: LoadedModel) -> None:
    require_classes(model)
    if model.num_classes < 2:
        raise ModelError(
            f"--model {model.name}: it has a single class, so no image is of another. Give a "
            "classifier of at least two classes"
        )


def class_drawing(
    setup: AuditSetup, classes: Sequence[int], natural: Sequence[ImageFile]
) -> Drawing:
    """Plan the pictures of classes as a run of ``visualize`` would.

    Args:
        setup: the audit's.
        classes: indices, at least one.
        natural: images that pictures are compared with where no ``--reference`` came.
    """
    config, inversion = setup.settings, setup.inversion
    drawing = VisualizeConfig(
        model=config.model,
        targets=TargetConfig(logits=tuple(str(index) for index in classes)),
        out=config.out,
        weights=config.weights,
        device=config.device,
        precision=config.precision,
        maco=setup.config.drawing,
        spectrum=config.spectrum,
        n_seeds=setup.config.extent.drawing_seeds,
        seed=config.seed,
        batch_size=config.batch_size,
        judges=config.judges,
        references=config.references,
        plausibility_k=config.plausibility_k,
        formats=(),
        resume=config.resume,
        allow_pickle=config.allow_pickle,
        offline=config.offline,
    )
    planned = Drawing(
        config=drawing,
        model=inversion.model,
        judges=inversion.judges,
        other_judges=inversion.prototype_judges,
        references=inversion.references or tuple(natural),
        skipped=(),
        spectrum=inversion.spectrum,
        goals=(),
        shapes={},
        accent=None,
        accent_sha256=None,
    )
    return replace(planned, goals=tuple(named_targets(drawing, inversion.model.labels)))
