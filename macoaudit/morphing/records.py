"""Results of the lens to records: every number of every frame, one image at a time."""

import math
from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

from macoaudit.lens import Answers, LensResult, Track
from macoaudit.morphing.frames import last_frame, shown_frames
from macoaudit.results import FrameAnswers, Morph, MorphClass, MorphEdit, MorphStatus, MorphTrack


def _numbers(values: Tensor, member: int) -> tuple[float, ...]:
    return tuple(float(value) for value in values[:, member])


def _shares(values: Tensor, member: int) -> tuple[float, ...]:
    """Probabilities and shares: rounding must not take them out of 0..1."""
    return tuple(min(max(value, 0.0), 1.0) for value in _numbers(values, member))


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _answers(name: str, said: Answers, member: int) -> FrameAnswers:
    return FrameAnswers(
        network=name,
        target_prob=_shares(said.target_prob, member),
        source_prob=_shares(said.source_prob, member),
        top1=tuple(int(value) for value in said.top1[:, member]),
    )


def track_record(edit: MorphEdit, track: Track, member: int, driver: str) -> MorphTrack:
    """Record the edit of one image.

    Args:
        edit: which edit it is.
        track: of a batch.
        member: the image's place in the batch.
        driver: name of the network that was followed.
    """
    warp, flip = track.warp_energy, int(track.flip_index[member])
    return MorphTrack(
        edit=edit,
        amount=_numbers(track.amount, member),
        raw_alpha=_numbers(track.raw_alpha, member),
        objective=_numbers(track.objective, member),
        l2=_numbers(track.l2, member),
        linf=_numbers(track.linf, member),
        clip_fraction=_shares(track.clip_fraction, member),
        wrap_fraction=_shares(track.wrap_fraction, member),
        hf_share=_shares(track.hf_share, member),
        tv_ratio=tuple(_or_none(value) for value in _numbers(track.tv_ratio, member)),
        warp_energy=None if warp is None else _shares(warp, member),
        attained=tuple(bool(value) for value in track.attained[:, member]),
        driver=_answers(driver, track.driver, member),
        judges=tuple(_answers(name, said, member) for name, said in track.judges.items()),
        flip_index=None if flip < 0 else flip,
        flip_l2=_or_none(float(track.flip_l2[member])),
    )


def morph_record(
    result: LensResult,
    member: int,
    *,
    image: str,
    driver: str,
    labels: Sequence[str],
    target_prob: float,
    n_frames: int,
) -> Morph:
    """Record one image's morph, without its pictures.

    Args:
        result: of a batch.
        member: the image's place in the batch.
        image: identifier of the image.
        driver: name of the network that was followed.
        labels: its classes.
        target_prob: its probability of the target for the image itself.
        n_frames: pictures of a strip, the source among them.
    """
    tracks = [track_record("lens", result.lens, member, driver)]
    edits: Mapping[str, MorphEdit] = {"pixel": "pixel", "random": "random"}
    tracks += [
        track_record(edits[name], track, member, driver) for name, track in result.controls.items()
    ]
    lens = tracks[0]
    moved = lens.flip_index is not None and lens.amount[lens.flip_index] > 0
    key = lens.flip_index if moved and lens.flip_index is not None else last_frame(lens.amount)
    source, target = int(result.source[member]), int(result.target[member])
    sums, shares = _sensitivity(result, member)
    return Morph(
        image=image,
        source=MorphClass(source, labels[source]),
        target=MorphClass(target, labels[target]),
        status="ok",
        reason=None,
        target_prob=min(max(target_prob, 0.0), 1.0),
        tracks=tuple(tracks),
        shown=shown_frames(lens.amount, lens.l2, key, n_frames - 1),
        key_frame=key,
        sensitivity=sums,
        sensitivity_share=shares,
        wavelengths_px=tuple(_or_none(value) for value in result.wavelengths_px),
        flags=result.flags[member],
        names={str(index): labels[index] for index in _mentioned(tracks)},
    )


def _sensitivity(
    result: LensResult, member: int
) -> tuple[tuple[tuple[float, ...], ...] | None, tuple[tuple[float, ...], ...] | None]:
    if result.sensitivity is None:
        return None, None
    rows = result.sensitivity[member].double().tolist()
    total = sum(sum(row) for row in rows)
    sums = tuple(tuple(row) for row in rows)
    if total <= 0:
        return sums, None
    return sums, tuple(tuple(min(value / total, 1.0) for value in row) for row in rows)


def _mentioned(tracks: Iterable[MorphTrack]) -> list[int]:
    said = [answers for track in tracks for answers in (track.driver, *track.judges)]
    return sorted({index for answers in said for index in answers.top1})


def unmoved(
    image: str,
    source: MorphClass,
    target: MorphClass,
    status: MorphStatus,
    reason: str,
    target_prob: float | None,
) -> Morph:
    """Record that an image was not moved.

    Args:
        image: identifier of the image.
        source: its source class.
        target: the class that it was not moved towards.
        status: skipped or failed.
        reason: why.
        target_prob: the network's probability of the target, where it was asked.
    """
    return Morph(
        image=image,
        source=source,
        target=target,
        status=status,
        reason=reason,
        target_prob=target_prob,
    )
