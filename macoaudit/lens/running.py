"""The steerable lens: which small moves of an image's structures make it another class.

Source: Mahdisoltani et al. 2025, "Through a Steerable Lens" (arXiv 2506.02300); the modes that
take the gradient again and the comparison at equal distance follow Mahdisoltani & Fleet,
"Confidence Is Not Evidence".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from macoaudit.lens.canvas import Canvas
from macoaudit.lens.checking import check_images, classes_of
from macoaudit.lens.driver import Driver, Network, batches, quiet
from macoaudit.lens.edits import (
    NO_CONTENT,
    NO_GRADIENT,
    Edit,
    PhaseEdit,
    PixelEdit,
    Slopes,
    band_mask,
    make_frame,
    per_image,
    slopes,
)
from macoaudit.lens.flips import flip_distance
from macoaudit.lens.frames import Frame
from macoaudit.lens.joining import joined
from macoaudit.lens.observing import Observer
from macoaudit.lens.planes import Planes
from macoaudit.lens.result import CLIPPED_FRAC, WRAPPED_FRAC, LensFlag, LensResult, Track
from macoaudit.lens.settings import LensConfig
from macoaudit.lens.walking import Walker

Images = Float[Tensor, "batch channel height width"]


def steerable_lens(
    model: Network,
    images: Tensor,
    target: int | Tensor,
    source: int | Tensor | None = None,
    *,
    config: LensConfig | None = None,
    judges: Mapping[str, Network] | None = None,
    allow_same: bool = False,
) -> LensResult:
    """Move the structures of images towards a class, and compare with other edits of that size.

    With c the coefficients of an image in a Parseval frame, G the gradient of the objective and D
    its coefficients: slopes ``g = -Im(conj(D) c)``, ``u = g / max|g|``, phases change by
    ``delta = cap tanh(t u / cap)``, and the image becomes
    ``clip(x + S(c (exp(i delta) - 1)))``. See :class:`LensConfig` for the other methods and modes.

    Args:
        model: images in ``config.value_range`` to logits ``[batch, class]``, normalisation inside.
        images: ``[batch, channel, height, width]``, float32 or float64, sides of 8 px or more.
        target: class to move towards, for all images or one each.
        source: class to move away from; None: the model's first class of each image.
        config: settings; None: the defaults.
        judges: other networks over the same classes; asked, never followed.
        allow_same: let target and source be one class.

    Returns:
        Frames with their numbers, controls, sensitivities and flags; equal for an image whatever
        else is in the batch, up to rounding of the network's.

    Raises:
        UsageError: when an argument cannot be used; it names the argument.
        OptimizationError: when a logit or gradient is not finite; it names the stage.
    """
    config = config or LensConfig()
    check_images(images, config)
    with quiet(model):
        driver = Driver(model, config.objective, config.batch_size)
        ends = classes_of(driver.logits(images), target, source, images, allow_same=allow_same)
        parts = []
        for part in batches(len(images), config.batch_size):
            to, origin = ends[0][part], ends[1][part]
            run = _Part(config, driver, judges or {}, images[part].detach(), to, origin)
            parts.append(run.result())
    return joined(parts)


@dataclass(frozen=True)
class _Path:
    """Frames of an edit, not measured yet."""

    frames: list[Tensor]
    amounts: list[Tensor]
    alphas: list[Tensor]
    wraps: list[Tensor]
    attained: list[Tensor]


class _Part:
    """One batch of images, from the gradient to the flags."""

    def __init__(
        self,
        config: LensConfig,
        driver: Driver,
        judges: Mapping[str, Network],
        images: Tensor,
        target: Tensor,
        source: Tensor,
    ) -> None:
        self._config, self._driver, self._images = config, driver, images
        self._target, self._source = target, source
        self._canvas = Canvas(images, Planes(config.channels), config.value_range)
        self._observer = Observer(config, self._canvas, driver, judges, target, source)
        self._frame = make_frame(config, images)
        self._gradient = self._canvas.planes.gradient(driver.gradient(images, target, source))
        self._coefficients: Tensor | None = None
        self._slopes: Slopes | None = None
        if self._frame is not None:
            self._analyse(self._frame)

    def _analyse(self, frame: Frame) -> None:
        coefficients = frame.analyse(self._canvas.planes.of(self._images))
        found = slopes(self._config, frame, coefficients, frame.pull(self._gradient))
        low, high = self._config.value_range
        content = coefficients.abs().flatten(1).amax(1) > NO_CONTENT * (high - low)
        keep = per_image(content, found.phase)
        gain = None if found.gain is None else found.gain * keep
        self._coefficients, self._slopes = coefficients, Slopes(found.phase * keep, gain)
        self._content = content

    def _edit(self) -> Edit:
        if self._frame is None or self._slopes is None or self._coefficients is None:
            return PixelEdit(self._config, self._gradient)
        return PhaseEdit(self._config, self._frame, self._coefficients, self._slopes)

    def _random_edit(self) -> Edit:
        """A direction that knows nothing of the network, weighted by the amplitudes."""
        generator = torch.Generator().manual_seed(self._config.seed)
        if self._frame is None or self._coefficients is None:
            shape = tuple(self._gradient.shape[1:])
            drawn = torch.randn(shape, generator=generator, dtype=torch.float64)
            return PixelEdit(self._config, drawn.to(self._gradient).expand_as(self._gradient))
        base = self._coefficients
        mask = band_mask(self._config, *base.shape[2:4]).to(base.device)[:, :, None, None]
        weight = base.abs() * mask
        phase = self._frame.random(base, generator) * weight
        gain = None
        if self._config.method == "csp_joint":
            gain = self._frame.random(base, generator) * weight
        return PhaseEdit(self._config, self._frame, base, Slopes(phase, gain))

    def _walker(self) -> Walker:
        return Walker(
            self._config, self._canvas, self._driver, self._frame, self._target, self._source
        )

    def result(self) -> LensResult:
        """Run the edit and its controls."""
        edit = self._edit()
        path = self._extrapolated(edit) if self._config.mode == "frozen" else self._walked()
        lens = self._measured(path, edit)
        controls: dict[str, Track] = {
            name: self._control(name, path) for name in self._config.controls
        }
        return LensResult(
            target=self._target.cpu(),
            source=self._source.cpu(),
            lens=lens,
            controls=controls,
            sensitivity=self._sensitivity(),
            spatial=self._spatial(),
            wavelengths_px=() if self._frame is None else self._frame.wavelengths_px,
            flags=self._flags(lens, edit),
            config=self._config,
        )

    def _measured(self, path: _Path, edit: Edit | None) -> Track:
        flips = None
        if edit is not None and self._config.mode == "frozen" and self._config.refine_flips:
            flips = flip_distance(self._canvas, edit, self._observer.top1, self._target)
        return self._observer.track(
            path.frames, path.amounts, path.alphas, path.wraps, path.attained, flips
        )

    def _extrapolated(self, edit: Edit) -> _Path:
        members, yes = self._canvas.members(), torch.ones(len(self._images), dtype=torch.bool)
        path = _Path([], [], [], [], [])
        for amount in self._config.amplifications:
            amounts = torch.full_like(edit.peak, amount)
            self._add(path, edit, self._canvas.at(edit, amounts), amounts, yes)
        for budget in self._config.budgets:
            reached = self._canvas.reach(edit, torch.full_like(edit.peak, budget))
            moving = edit.peak > NO_GRADIENT
            amounts = torch.where(moving, reached.amount, torch.zeros_like(reached.amount))
            self._add(path, edit, reached.images, amounts, reached.attained)
        path.wraps.extend(edit.wrapped(amount, members) for amount in path.amounts)
        return path

    def _add(
        self, path: _Path, edit: Edit, frame: Tensor, amount: Tensor, attained: Tensor
    ) -> None:
        path.frames.append(frame)
        path.amounts.append(amount)
        path.alphas.append(_alpha(amount, edit.peak))
        path.attained.append(attained)

    def _walked(self) -> _Path:
        nothing = torch.zeros(len(self._images), dtype=self._images.dtype)
        yes = torch.ones(len(self._images), dtype=torch.bool)
        path = _Path([self._images], [nothing], [nothing], [nothing], [yes])
        for number, visited in enumerate(self._walker().walk(), 1):
            path.frames.append(visited.images)
            path.amounts.append(torch.full_like(nothing, number))
            path.alphas.append(
                _alpha(torch.full_like(visited.peak, self._config.step_gain), visited.peak)
            )
            path.wraps.append(nothing)
            path.attained.append(yes)
        return path

    def _control(self, name: str, path: _Path) -> Track:
        distances = [self._canvas.distance(frame) for frame in path.frames]
        if name == "pixel" and self._config.mode != "frozen":
            nothing = torch.zeros_like(distances[0])
            frames = [self._images, *self._walker().pixels_at(distances[1:])]
            attained = [
                (self._canvas.distance(frame) - wanted).abs() <= 1e-3 * wanted
                for frame, wanted in zip(frames, distances, strict=True)
            ]
            rows = [nothing] * len(frames)
            return self._measured(_Path(frames, path.amounts, rows, rows, attained), None)
        edit = self._random_edit() if name == "random" else PixelEdit(self._config, self._gradient)
        return self._measured(self._matched(edit, distances), edit if name == "pixel" else None)

    def _matched(self, edit: Edit, distances: Sequence[Tensor]) -> _Path:
        found = _Path([], [], [], [], [])
        for wanted in distances:
            reached = self._canvas.reach(edit, wanted)
            self._add(found, edit, reached.images, reached.amount, reached.attained)
            found.wraps.append(edit.wrapped(reached.amount, self._canvas.members()))
        return found

    def _sensitivity(self) -> Tensor | None:
        if self._slopes is None:
            return None
        return self._slopes.phase.square().sum(dim=(1, 4, 5)).detach().to("cpu", torch.float32)

    def _spatial(self) -> Tensor:
        if self._slopes is None or self._config.method == "fourier_phase":
            # A frequency has no place; the gradient itself has.
            found = self._gradient.square().sum(dim=1)
        else:
            found = self._slopes.phase.square().sum(dim=(1, 2, 3))
            height, width = self._images.shape[-2:]
            top, left = ((found.shape[-2] - height) // 2, (found.shape[-1] - width) // 2)
            found = found[:, top : top + height, left : left + width]
        return found.sqrt().detach().to("cpu", torch.float32)

    def _flags(self, lens: Track, edit: Edit) -> tuple[tuple[LensFlag, ...], ...]:
        dead = (edit.peak <= NO_GRADIENT).cpu()
        empty = torch.zeros_like(dead) if self._frame is None else ~self._content.cpu()
        literal = self._config.phase_cap is None and self._config.mode == "frozen"
        rows: Mapping[LensFlag, Tensor] = {
            "zero_gradient": dead & ~empty,
            "no_phase_content": empty,
            "no_flip": lens.flip_l2.isnan(),
            "budget_not_attained": ~lens.attained.all(dim=0),
            "wrapped": (lens.wrap_fraction > WRAPPED_FRAC).any(dim=0) & torch.tensor(literal),
            "clipped": (lens.clip_fraction > CLIPPED_FRAC).any(dim=0),
        }
        return tuple(
            tuple(flag for flag, held in rows.items() if bool(held[place]))
            for place in range(len(self._images))
        )


def _alpha(amount: Tensor, peak: Tensor) -> Tensor:
    """Factor on the unscaled slopes; 0 where there is no gradient."""
    factor = amount / peak.clamp(min=NO_GRADIENT)
    return torch.where(peak > NO_GRADIENT, factor, torch.zeros_like(factor))
