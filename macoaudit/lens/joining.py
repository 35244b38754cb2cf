"""Results of several batches as one."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

import torch
from torch import Tensor

from macoaudit.lens.result import Answers, LensResult, Track


def joined(parts: Sequence[LensResult]) -> LensResult:
    """Put the results of batches one after the other.

    Args:
        parts: of one call, in order; at least one.
    """
    first = parts[0]
    sensitivity = None
    if first.sensitivity is not None:
        sensitivity = torch.cat([one.sensitivity for one in parts if one.sensitivity is not None])
    return LensResult(
        target=torch.cat([one.target for one in parts]),
        source=torch.cat([one.source for one in parts]),
        lens=_tracks([one.lens for one in parts]),
        controls={name: _tracks([one.controls[name] for one in parts]) for name in first.controls},
        sensitivity=sensitivity,
        spatial=torch.cat([one.spatial for one in parts]),
        wavelengths_px=first.wavelengths_px,
        flags=tuple(flags for one in parts for flags in one.flags),
        config=first.config,
    )


def _tracks(parts: Sequence[Track]) -> Track:
    """Join along the images: the second axis, or the only one."""
    values: dict[str, object] = {}
    for field in fields(Track):
        column = [getattr(one, field.name) for one in parts]
        if isinstance(column[0], Tensor):
            values[field.name] = torch.cat(column, dim=min(1, column[0].ndim - 1))
        elif isinstance(column[0], Answers):
            values[field.name] = _answers(column)
        elif isinstance(column[0], Mapping):
            values[field.name] = {
                name: _answers([one[name] for one in column]) for name in column[0]
            }
        else:
            values[field.name] = column[0]
    return Track(**values)  # type: ignore[arg-type]


def _answers(parts: Sequence[Answers]) -> Answers:
    return Answers(
        target_prob=torch.cat([one.target_prob for one in parts], dim=1),
        source_prob=torch.cat([one.source_prob for one in parts], dim=1),
        top1=torch.cat([one.top1 for one in parts], dim=1),
    )
