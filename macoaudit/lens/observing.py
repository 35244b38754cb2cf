"""Frames of an edit turned into a track: every network asked, every number taken."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from macoaudit.errors import UsageError
from macoaudit.lens.canvas import Canvas
from macoaudit.lens.driver import Driver, Network, logits_of, quiet
from macoaudit.lens.measures import clip_fraction, high_frequency_share, linf, variation_ratio
from macoaudit.lens.result import Answers, Track
from macoaudit.lens.settings import LensConfig
from macoaudit.lens.warping import warp_share


class Observer:
    """Asks the driver and the judges, and measures."""

    def __init__(
        self,
        config: LensConfig,
        canvas: Canvas,
        driver: Driver,
        judges: Mapping[str, Network],
        target: Tensor,
        source: Tensor,
    ) -> None:
        self._config, self._canvas, self._driver = config, canvas, driver
        self._judges, self._target, self._source = judges, target, source

    def top1(self, images: Tensor) -> Tensor:
        """Give the driver's first class of each image."""
        return self._driver.logits(images).argmax(dim=1)

    def track(
        self,
        frames: Sequence[Tensor],
        amounts: Sequence[Tensor],
        alphas: Sequence[Tensor],
        wraps: Sequence[Tensor],
        attained: Sequence[Tensor],
        flip_l2: Tensor | None = None,
    ) -> Track:
        """Measure frames.

        Args:
            frames: images of each frame.
            amounts: see :class:`~macoaudit.lens.result.Track`, as are the next three.
            alphas: likewise.
            wraps: likewise.
            attained: likewise.
            flip_l2: distances of the flips where they are known more finely than by frame.
        """
        canvas, logits = self._canvas, [self._driver.logits(frame) for frame in frames]
        scores = [self._driver.score(one, self._target, self._source) for one in logits]
        driver = self._answers(logits)
        l2 = _stack([canvas.distance(frame) for frame in frames])
        index = _first(driver.top1 == self._target.cpu())
        return Track(
            frames=_stack(frames),
            amount=_stack(amounts),
            raw_alpha=_stack(alphas),
            objective=_stack(scores),
            driver=driver,
            judges={name: self._judged(name, frames) for name in self._judges},
            l2=l2,
            linf=_stack([linf(frame, canvas.images) for frame in frames]),
            clip_fraction=_stack(
                [clip_fraction(frame, canvas.images, canvas.value_range) for frame in frames]
            ),
            wrap_fraction=_stack(wraps),
            hf_share=_stack([high_frequency_share(frame, canvas.images) for frame in frames]),
            tv_ratio=_stack([variation_ratio(frame, canvas.images) for frame in frames]),
            warp_energy=self._warps(frames),
            attained=torch.stack([one.cpu() for one in attained]),
            flip_index=index,
            flip_l2=_at(l2, index) if flip_l2 is None else flip_l2.detach().cpu().float(),
        )

    def _answers(self, logits: Sequence[Tensor]) -> Answers:
        odds = [one.softmax(dim=1) for one in logits]
        to, origin = self._target[:, None], self._source[:, None]
        return Answers(
            target_prob=_stack([one.gather(1, to)[:, 0] for one in odds]),
            source_prob=_stack([one.gather(1, origin)[:, 0] for one in odds]),
            top1=torch.stack([one.argmax(dim=1).cpu() for one in logits]),
        )

    def _judged(self, name: str, frames: Sequence[Tensor]) -> Answers:
        network, size = self._judges[name], self._config.batch_size
        with quiet(network):
            rows = [logits_of(network, one, size, f"judge {name}") for one in frames]
        widest = int(torch.maximum(self._target.max(), self._source.max()))
        if rows[0].shape[1] <= widest:
            raise UsageError(
                f"judges: {name} has {rows[0].shape[1]} classes, and class {widest} is asked "
                "about; give networks over the model's classes"
            )
        return self._answers(rows)

    def _warps(self, frames: Sequence[Tensor]) -> Tensor | None:
        if not self._config.warp:
            return None
        return _stack([warp_share(self._canvas.images, frame) for frame in frames])


def _stack(rows: Sequence[Tensor]) -> Tensor:
    return torch.stack([row.detach().to("cpu", torch.float32) for row in rows])


def _first(hits: Tensor) -> Tensor:
    """Index of the first frame that hits; -1 where none does."""
    return torch.where(hits.any(dim=0), hits.int().argmax(dim=0), -1).long()


def _at(values: Tensor, index: Tensor) -> Tensor:
    picked = values.gather(0, index.clamp(min=0)[None])[0]
    return torch.where(index >= 0, picked, torch.full_like(picked, torch.nan))
