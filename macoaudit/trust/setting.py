"""What every check is given: the images with their inversions, and how controls are inverted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.config import MacoConfig
from macoaudit.errors import UsageError
from macoaudit.inversion import Inverted, invert, whole_view
from macoaudit.models import LoadedModel
from macoaudit.optimize import Step
from macoaudit.results import TrustCheck, TrustOutcome
from macoaudit.spectrum import Spectrum

Features = Callable[[Float[Tensor, "image channel height width"]], Float[Tensor, "image feature"]]
"""Images with values in [0, 1] to one vector each, on the CPU."""


@dataclass(frozen=True)
class TrustInput:
    """The images whose controls are run, with their inversions; everything is on the CPU.

    Raises:
        UsageError: when the numbers of images or seeds do not fit, or a similarity is not finite.
    """

    reference_01: Float[Tensor, "image channel height width"]
    """As the audited network sees them."""
    keys: Sequence[str]
    """A name for each image, such as its digest; the controls' random streams come from it."""
    inversion_01: Float[Tensor, "image seed channel canvas_height canvas_width"]
    start_similarity: Float[Tensor, "image seed"]
    similarity: Float[Tensor, "image seed"]
    classes: Sequence[str | None]
    """Label or predicted class of each image, in the words of the natural images' classes; None
    where there is none."""

    def __post_init__(self) -> None:
        count, seeds = self.inversion_01.shape[:2]
        lengths = (len(self.reference_01), len(self.keys), len(self.classes))
        if count == 0 or seeds == 0 or any(length != count for length in lengths):
            raise UsageError(
                f"trust: {lengths[0]} references, {lengths[1]} keys and {lengths[2]} classes came "
                f"for inversions of {count} images with {seeds} seeds; give one of each per image"
            )
        for name in ("start_similarity", "similarity"):
            values = getattr(self, name)
            if tuple(values.shape) != (count, seeds) or not bool(torch.isfinite(values).all()):
                raise UsageError(
                    f"trust: {name} must hold a finite number for each of {count} images and "
                    f"{seeds} seeds; leave images out whose inversion failed"
                )

    @property
    def n_images(self) -> int:
        """Number of images."""
        return len(self.keys)


@dataclass(frozen=True)
class ControlSettings:
    """How the controls are inverted: as the run's own inversions, one seed, one batch a check."""

    spectrum: Spectrum
    config: MacoConfig
    layer: str = "penultimate"
    precision: str = "fp32"
    on_step: Callable[[str, Step], None] | None = None
    """Called with the check's name after every step."""

    def progress(self, check: str) -> Callable[[Step], None] | None:
        """The progress callback of one check's optimisation."""
        return None if self.on_step is None else partial(self.on_step, check)

    def invert(
        self,
        check: str,
        model: LoadedModel,
        data: TrustInput,
        *,
        parametrization: str = "maco",
        targets: Float[Tensor, "target ..."] | None = None,
    ) -> Inverted:
        """Invert the references once, with random streams that belong to this check alone."""
        return invert(
            model,
            data.reference_01,
            keys=[control_key(key, check) for key in data.keys],
            spectrum=self.spectrum,
            config=self.config,
            layer=self.layer,
            precision=self.precision,
            parametrization=parametrization,
            targets=targets,
            on_step=self.progress(check),
        )


def control_key(key: str, check: str) -> str:
    """Key of an image's random streams in a check: other streams than its real inversions'."""
    return f"{key}\ntrust\n{check}"


def views(
    inversion_01: Float[Tensor, "*axes channel height width"], model: LoadedModel
) -> Float[Tensor, "image channel view_height view_width"]:
    """Inversions as the network sees them, flattened to one axis of images."""
    return whole_view(inversion_01.flatten(0, -4), model.preprocessing.input_size)


def skipped(name: str, reason: str) -> TrustCheck:
    """The record of a check that could not be made."""
    return TrustCheck(name, "skipped", reason, None, None, 0)


@dataclass(frozen=True)
class Verdict:
    """What a check found, before it is a record."""

    value: float
    threshold: float
    fine: bool
    n_images: int
    details: Mapping[str, float] = field(default_factory=dict)

    def record(self, name: str) -> TrustCheck:
        """The record; a value that is not finite is no result."""
        numbers = {"value": self.value, "threshold": self.threshold, **self.details}
        for what, number in numbers.items():
            if not torch.isfinite(torch.tensor(number)):
                return skipped(name, f"the {what} is not finite; check the network's weights")
        outcome: TrustOutcome = "as expected" if self.fine else "not as expected"
        return TrustCheck(
            name, outcome, None, self.value, self.threshold, self.n_images, dict(self.details)
        )


def first_failure(inverted: Inverted, data: TrustInput) -> str | None:
    """Why one of a check's inversions could not be made, or None."""
    for key, failure in zip(data.keys, inverted.failures, strict=True):
        if failure is not None:
            return f"the inversion of image {key[:12]} for this check failed: {failure}"
    return None
